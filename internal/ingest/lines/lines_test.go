package lines

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"tejun/internal/ingest/record"
)

var wanted = []record.Wanted{{Name: "id"}, {Name: "名前"}}

// all is what a source gives: texts, "∅" for null, and problems with the number of the field.
func all(t testing.TB, s record.Source) (rows [][]string, lines []int64, err error) {
	var b record.Batch
	for {
		b.Reset()
		if err = s.Next(&b); err != nil {
			break
		}
		require.NotEmpty(t, b.Rows)
		for _, row := range b.Rows {
			lines = append(lines, row.Line)
			if row.Problem != "" {
				rows = append(rows, []string{row.Problem, string(b.Data[row.Start:row.End])})
				continue
			}
			var texts []string
			for _, f := range b.Fields[row.First : row.First+row.Count] {
				text := string(b.Data[f.Start:f.End])
				if f.Kind == record.Null {
					text = "∅"
				}
				texts = append(texts, text)
			}
			rows = append(rows, texts)
		}
	}
	require.NoError(t, s.Close())
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return rows, lines, err
}

func TestLines(t *testing.T) {
	text := "\xEF\xBB\xBF" + `{"id": 1, "名前": "山\u7530\n\"x\""}` + "\r\n\n \t\n" + `{"名前":null,"more":{"a":[1,{}]},"id":"０"}` + "\n" + `{"id":-1.50e3}` + "\n" + `{"id": true, "名前": ""}`
	s, err := Open(iotest.OneByteReader(strings.NewReader(text)), 1000, wanted)
	require.NoError(t, err)
	rows, lines, err := all(t, s)
	require.NoError(t, err)
	require.Equal(t, [][]string{{"1", "山田\n\"x\""}, {"０", "∅"}, {"-1.50e3", "∅"}, {"true", ""}}, rows)
	require.Equal(t, []int64{1, 4, 5, 6}, lines)
}

func TestWrongLines(t *testing.T) {
	for line, want := range map[string]string{
		`{"id": 1`:                 "cut off",
		`[1]`:                      "is no JSON object",
		`"id"`:                     "is no JSON object",
		`{"id": 1} {"id": 2}`:      "something after the object",
		`{"id": 1, "id": 2}`:       `names the key "id" twice`,
		`{"id": [1]}`:              "is a list or an object",
		`{"id": "` + "\x8e" + `"}`: "is no JSON object, at byte",
		`{"id": 01}`:               "is no JSON object, at byte",
		`{id: 1}`:                  "is no JSON object, at byte",
		`{"id": "` + strings.Repeat("x", 200) + `"}`: "more than the 100 bytes",
		`{"x": ` + strings.Repeat("[", 90):           "cut off",
		`{"id": "\ud800"}`:                           "is no JSON object, at byte",
		`{"id": 1, "x": ` + strings.Repeat("[", 40) + strings.Repeat("]", 39) + "}": "is no JSON object, at byte",
	} {
		s, err := Open(strings.NewReader(line+"\n{\"id\":2}\n"), 100, wanted)
		require.NoError(t, err)
		rows, lines, err := all(t, s)
		require.NoError(t, err)
		require.Len(t, rows, 2, line)
		require.Contains(t, rows[0][0], want, line)
		require.True(t, strings.HasPrefix(line, rows[0][1]), "the raw line is kept")
		require.Equal(t, []string{"2", "∅"}, rows[1])
		require.Equal(t, []int64{1, 2}, lines)
	}
}

// A line without end costs no more memory than a line may have.
func TestALineWithoutEnd(t *testing.T) {
	s, err := Open(io.LimitReader(endless{}, 200<<20), 1<<20, wanted)
	require.NoError(t, err)
	rows, _, err := all(t, s)
	require.NoError(t, err)
	require.Len(t, rows, 1)
	require.Contains(t, rows[0][0], "more than the 1048576 bytes")
	require.Len(t, rows[0][1], shown)
	require.Less(t, cap(s.(*source).text), 4<<20)
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestOtherEncodingsAreRefused(t *testing.T) {
	_, err := Open(strings.NewReader("\xFF\xFE{\x00"), 100, wanted)
	var refused *record.FileError
	require.ErrorAs(t, err, &refused)
}

func TestErrorsOfTheSourceStayWhatTheyAre(t *testing.T) {
	broken := errors.New("the line is dead")
	s, err := Open(io.MultiReader(strings.NewReader("{\"id\":1}\n{\"id\""), iotest.ErrReader(broken)), 100, wanted)
	require.NoError(t, err)
	_, _, err = all(t, s)
	require.ErrorIs(t, err, broken)
}

func FuzzLines(f *testing.F) {
	f.Add([]byte("{\"id\":1}\n{\"名前\":\"\\u0000\"}\r\n[[["), 50)
	f.Add([]byte("\xEF\xBB\xBF{\"id\":1,\"id\":2}"), 10)
	f.Fuzz(func(t *testing.T, data []byte, maxLine int) {
		s, err := Open(bytes.NewReader(data), max(1, maxLine%1000), wanted)
		if err != nil {
			return
		}
		rows, lines, err := all(t, s)
		require.NoError(t, err)
		require.Len(t, lines, len(rows))
		require.LessOrEqual(t, len(rows), bytes.Count(data, []byte("\n"))+1)
	})
}

package delimited

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"tejun/internal/ingest/record"
)

type result struct {
	rows  []string // line, then the fields, or the problem
	lines int64
	blank int
	err   string
}

// read reads a file in blocks of a size, as the conversion does.
func read(source io.Reader, rules Rules) result {
	var out result
	s := NewSplitter(source, rules)
	for {
		var b Block // fresh memory, so that nothing old is read
		err := s.Next(&b)
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			out.err = err.Error()
			return out
		}
		var batch record.Batch
		blank, err := Parse(&b, rules, &batch)
		out.blank += blank
		out.lines += int64(b.Lines)
		for _, row := range batch.Rows {
			if row.Problem != "" {
				out.rows = append(out.rows, fmt.Sprintf("%d! %d %s %q", row.Line, row.Column, row.Problem, batch.Data[row.Start:row.End]))
				continue
			}
			var fields []string
			for _, f := range batch.Fields[row.First : row.First+row.Count] {
				text := string(batch.Data[f.Start:f.End])
				if f.Kind == record.Doubled {
					text = strings.ReplaceAll(text, `""`, `"`)
				}
				fields = append(fields, text)
			}
			out.rows = append(out.rows, fmt.Sprintf("%d %q", row.Line, fields))
		}
		if err != nil {
			out.err = err.Error()
			return out
		}
	}
}

func rules(block int) Rules { return Rules{Delimiter: ',', MaxLine: 1 << 20, BlockSize: block} }

func TestRecords(t *testing.T) {
	for _, c := range []struct {
		name, in string
		rows     []string
		err      string
	}{
		{"LF and CRLF", "a,b\nc,d\r\ne,f", []string{`1 ["a" "b"]`, `2 ["c" "d"]`, `3 ["e" "f"]`}, ""},
		{"CR alone", "a,b\rc,d\r", []string{`1 ["a" "b"]`, `2 ["c" "d"]`}, ""},
		{"empty fields", ",\n,,\n\"\",x\n", []string{`1 ["" ""]`, `2 ["" "" ""]`, `3 ["" "x"]`}, ""},
		{"last field empty at the end", "a,", []string{`1 ["a" ""]`}, ""},
		{"blank lines", "\n\r\na\n\nb\n", []string{`3 ["a"]`, `5 ["b"]`}, ""},
		{"quoted", "\"a\",\"b,c\",\"d\"\"e\"\n\"f\"\r\n", []string{`1 ["a" "b,c" "d\"e"]`, `2 ["f"]`}, ""},
		{"line ends in quotes", "\"a\nb\r\nc\",d\ne,f\n", []string{`1 ["a\nb\r\nc" "d"]`, `4 ["e" "f"]`}, ""},
		{"a quote in the middle is text", "5\" pipe,b\n\"x\",y\"\n", []string{`1 ["5\" pipe" "b"]`, `2 ["x" "y\""]`}, ""},
		{"text after a closing quote", "a,\"b\"c,d\ne,f\n", []string{
			`1! 2 text stands between the closing quote and the next delimiter: double the quotes that belong to the text "a,\"b\"c,d"`, `2 ["e" "f"]`}, ""},
		{"a quote left open", "a,b\nc,\"d\ne,f\n", []string{`1 ["a" "b"]`}, "line 2 opens a quote that is not closed before the end"},
		{"a quote left open at once", "\"", nil, "line 1 opens a quote"},
		{"end of MS-DOS", "a,b\r\n\x1a", []string{`1 ["a" "b"]`}, ""},
		{"empty", "", nil, ""},
		{"one long field", strings.Repeat("x", 40), []string{`1 ["` + strings.Repeat("x", 40) + `"]`}, ""},
	} {
		for _, block := range []int{1, 2, 3, 7, 1 << 16} {
			got := read(strings.NewReader(c.in), rules(block))
			if block > 100 || c.err == "" && c.name != "CR alone" {
				require.Equal(t, c.rows, got.rows, "%s, blocks of %d", c.name, block)
			}
			if c.err == "" {
				require.Empty(t, got.err, c.name)
			} else {
				require.Contains(t, got.err, c.err, c.name)
			}
		}
	}
}

func TestLongLines(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	in := "a,b\n" + long + ",\"q\nr\",z\r\nc,d\n"
	for _, block := range []int{64, 4096, 1 << 20} {
		r := rules(block)
		r.MaxLine = 5000
		got := read(iotest.OneByteReader(strings.NewReader(in)), r)
		require.Empty(t, got.err)
		require.Len(t, got.rows, 3)
		require.Contains(t, got.rows[1], "2! 0 the line has 100008 bytes, the limit is 5000")
		require.Equal(t, `4 ["c" "d"]`, got.rows[2])
		got = read(strings.NewReader("a\n\"b\n"+long+"\"\nc\n"), r)
		require.Equal(t, "line 2 opens a quote that is not closed within 5000 bytes: close it, or double a quote that belongs to the text", got.err)
		got = read(strings.NewReader("a\n"+long+",\"b\n"+long+"\"\nc\n"), r)
		require.Contains(t, got.err, "line 2 opens a quote that is not closed within 5000 bytes")
	}
}

// TestLinesAtTheLimit finds the same for every size of blocks, one byte below, at and above the limit.
func TestLinesAtTheLimit(t *testing.T) {
	for length := 45; length < 60; length++ {
		for _, in := range []string{strings.Repeat("x", length) + "\r\na\n", "\"" + strings.Repeat("x", length) + "\"\na\n", "\"" + strings.Repeat("x", length) + "\""} {
			r := rules(1 << 20)
			r.MaxLine, r.End = 50, '\n'
			want := read(strings.NewReader(in), r)
			for block := 1; block < 120; block++ {
				r.BlockSize = block
				got := read(strings.NewReader(in), r)
				if want.err != "" {
					got, want = result{err: got.err}, result{err: want.err}
				}
				require.Equal(t, want, got, "%q, blocks of %d", in, block)
			}
		}
	}
}

func TestDelimiterThatIsASecondByte(t *testing.T) {
	in := "\x83\x7C\x83\x58\x83\x67|b\n\"\x83\x7C|\"|c\n\x83\x0Ad|e\n" // ポスト, ポ|, and half a character
	r := Rules{Delimiter: '|', MaxLine: 1000, BlockSize: 5, DoubleByte: true}
	got := read(strings.NewReader(in), r)
	require.Equal(t, []string{`1 ["\x83|\x83X\x83g" "b"]`, `2 ["\x83||" "c"]`, `3 ["\x83"]`, `4 ["d" "e"]`}, got.rows)
}

func TestReadErrorsAreKept(t *testing.T) {
	got := read(io.MultiReader(strings.NewReader("a,b\n"), iotest.ErrReader(errors.New("the line is dead"))), rules(100))
	require.Equal(t, "read the file after 4 bytes: the line is dead", got.err)
}

// pieces make files that are likely to be odd.
var pieces = []string{",", ",", "\n", "\r\n", `"`, `"`, `""`, "a", "北", "\x83\x5C", " ", "x,\"y\"\n", "0000000", "\"z\n\"", "\r", "\x1a", "|"}

func random(r *rand.Rand, n int) []byte {
	var b bytes.Buffer
	for range n {
		b.WriteString(pieces[r.IntN(len(pieces))])
	}
	return b.Bytes()
}

func TestSizeOfBlocksChangesNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 4000 {
		sameForAllBlocks(t, random(r, r.IntN(60)), 1+r.IntN(40))
	}
}

func sameForAllBlocks(t *testing.T, in []byte, block int) {
	t.Helper()
	for _, double := range []bool{false, true} {
		for _, limit := range []int{30, 1 << 20} {
			whole := Rules{Delimiter: ',', End: '\n', MaxLine: limit, BlockSize: 1 << 14, DoubleByte: double}
			small := whole
			small.BlockSize = block
			want, got := read(bytes.NewReader(in), whole), read(bytes.NewReader(in), small)
			if want.err != "" { // small blocks have handed over records before the error
				require.Equal(t, want.err, got.err, "%q, blocks of %d", in, block)
				continue
			}
			require.Equal(t, want, got, "%q, blocks of %d", in, block)
		}
	}
}

// agreeWithEncodingCSV compares what encoding/csv reads without complaint. It makes LF of CRLF inside quotes, takes a
// quote inside a field for a mistake, and has other ideas of a CR alone and of the end of MS-DOS.
func agreeWithEncodingCSV(t *testing.T, in []byte) bool {
	t.Helper()
	if bytes.ContainsAny(in, "\r\x1a") {
		return false
	}
	reader := csv.NewReader(bytes.NewReader(in))
	reader.FieldsPerRecord = -1
	var want []string
	for {
		fields, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return false
		}
		line, _ := reader.FieldPos(0)
		want = append(want, fmt.Sprintf("%d %q", line, fields))
	}
	got := read(bytes.NewReader(in), rules(1<<16))
	require.Empty(t, got.err, "%q", in)
	require.Equal(t, want, got.rows, "%q", in)
	return true
}

func TestAgreesWithEncodingCSV(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	agreed := 0
	for range 20000 {
		if agreeWithEncodingCSV(t, random(r, r.IntN(20))) {
			agreed++
		}
	}
	require.Greater(t, agreed, 2000)
}

func FuzzBlocks(f *testing.F) {
	f.Add([]byte("a,\"b\nc\"\r\n\"\"\"\",\x83\x5C\n"), 3)
	f.Fuzz(func(t *testing.T, in []byte, block int) {
		if block < 1 || block > 1000 {
			block = 7
		}
		sameForAllBlocks(t, in, block)
		agreeWithEncodingCSV(t, in)
	})
}

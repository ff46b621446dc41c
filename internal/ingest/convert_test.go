package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"

	"tejun/internal/dataset"
	"tejun/internal/ingest/gen"
)

// one is a spec of one column named v.
func one(c dataset.Column) dataset.Dataset {
	s := plain("utf-8", "v")
	c.Name, c.Field = "v", 1
	s.Columns[0] = c
	return s
}

func TestValues(t *testing.T) {
	text, integer, numeric, date := dataset.Column{Type: "text"}, dataset.Column{Type: "integer"}, dataset.Column{Type: "numeric"}, dataset.Column{Type: "date"}
	with := func(c dataset.Column, change func(*dataset.Column)) dataset.Column { change(&c); return c }
	for _, c := range []struct {
		column   dataset.Column
		in, want string // want "" is a reject
		reason   string
	}{
		{text, "北海道", "北海道", ""},
		{text, `"say ""hi"""`, `say "hi"`, ""},
		{text, `""`, "∅", ""},
		{text, "a\x00b", "", "holds a zero byte"},
		{text, " a ", " a ", ""},
		{with(text, func(c *dataset.Column) { c.Normalise = []string{"trim"} }), " a　", "a", ""},
		{with(text, func(c *dataset.Column) { c.Normalise = []string{"trim"} }), "　　", "∅", ""},
		{with(text, func(c *dataset.Column) { c.Normalise, c.Required = []string{"trim"}, true }), "　　", "", "is empty, and a value is required"},
		{with(text, func(c *dataset.Column) { c.Normalise = []string{"nfkc"} }), "㈱ＡＢﾊﾟ", "(株)ABパ", ""},
		{with(text, func(c *dataset.Column) { c.Normalise = []string{"nfkc"} }), "ﷺ" + strings.Repeat("ﷺ", 40), strings.Repeat("صلى الله عليه وسلم", 41), ""},
		{with(text, func(c *dataset.Column) { c.Normalise = []string{"kana-width"} }), "Ａｶﾞ", "Ａガ", ""},
		{with(text, func(c *dataset.Column) { c.MaxLength = 3 }), "東京都", "東京都", ""},
		{with(text, func(c *dataset.Column) { c.MaxLength = 3 }), "東京都庁", "", `"東京都庁" is too long: 4 characters, at most 3`},
		{with(text, func(c *dataset.Column) { c.Pattern = "[0-9]{3}-?[0-9]{4}" }), "060-0000", "060-0000", ""},
		{with(text, func(c *dataset.Column) { c.Pattern = "[0-9]{7}" }), "06000000", "", `"06000000" does not match the pattern [0-9]{7}`},
		{with(text, func(c *dataset.Column) { c.Codes = []string{"01", "11"} }), "11", "11", ""},
		{with(text, func(c *dataset.Column) { c.Codes = []string{"01", "11"} }), "1", "", `"1" is not on the list of codes (01, 11)`},
		{with(text, func(c *dataset.Column) { c.Codes = []string{"a long code", "b"} }), "a long code", "a long code", ""},
		{integer, "0042", "42", ""},
		{integer, "-5", "-5", ""},
		{integer, `"1,234,567,890"`, "1234567890", ""},
		{integer, "1.5", "", `"1.5" is not a whole number`},
		{integer, "12a", "", `"12a" is not a whole number`},
		{integer, "１２", "", `"１２" is not a whole number`},
		{with(integer, func(c *dataset.Column) { c.Normalise = []string{"nfkc", "trim"} }), "１２　", "12", ""},
		{integer, "9223372036854775808", "", "is beyond what the column can hold"},
		{with(integer, func(c *dataset.Column) { c.Min, c.Max = "1", "10" }), "10", "10", ""},
		{with(integer, func(c *dataset.Column) { c.Min, c.Max = "1", "10" }), "11", "", `"11" is above the greatest value 10`},
		{with(integer, func(c *dataset.Column) { c.Min, c.Max = "1", "10" }), "0", "", `"0" is below the least value 1`},
		{with(integer, func(c *dataset.Column) { c.Codes = []string{"1", "2"} }), "3", "", `is not on the list of codes`},
		{numeric, "0", "0000000000000000", ""},
		{numeric, "-0.00", "0000000000000000", ""},
		{numeric, "1", "00010000000000000001", ""},
		{numeric, "10000", "00010001000000000001", ""},
		{numeric, "12345.678", "0003000100000003" + "000109291a7c", ""},
		{numeric, "-0.00012300", "0002ffff40000006" + "000108fc", ""},
		{numeric, "0.00000001", "0001fffe00000008" + "0001", ""},
		{numeric, "100000000.5", "0004000200000001" + "0001000000001388", ""},
		{numeric, "abc", "", `"abc" is not a number`},
		{with(numeric, func(c *dataset.Column) { c.Max = "99.95" }), "99.951", "", "is above the greatest value 99.95"},
		{dataset.Column{Type: "boolean"}, "1", "01", ""},
		{dataset.Column{Type: "boolean"}, "No", "00", ""},
		{dataset.Column{Type: "boolean"}, "2", "", "is neither yes nor no"},
		{date, "2000-01-02", "1", ""},
		{date, "1999-12-31", "-1", ""},
		{date, "2023-02-29", "", `"2023-02-29" is no date: there is no such day in the calendar`},
		{date, "2023/02/28", "", `"2023/02/28" is no date in the layout YYYY-MM-DD`},
		{with(date, func(c *dataset.Column) { c.Layouts = []string{"YYYY/M/D", "wareki"} }), "平成12年1月1日", "0", ""},
		{with(date, func(c *dataset.Column) { c.Layouts = []string{"YYYY/M/D", "wareki"} }), "平成31年5月1日", "", "the era did not last until"},
		{with(date, func(c *dataset.Column) { c.Layouts = []string{"YYYY/M/D", "wareki"} }), "昨日", "", "is no date in the layout YYYY/M/D or wareki"},
		{with(date, func(c *dataset.Column) { c.Max = "2024-12-31" }), "2025-01-01", "", `"2025-01-01" is above the greatest value 2024-12-31`},
		{dataset.Column{Type: "timestamp"}, "2000-01-01T09:00:00+09:00", "0", ""},
		{dataset.Column{Type: "timestamp", Layouts: []string{"YYYY/MM/DD HH:mm"}}, "2000/01/01 09:00", "0", ""},
		{dataset.Column{Type: "timestamp", Layouts: []string{"YYYY/MM/DD HH:mm"}}, "2000/01/01 25:00", "", "there is no such time of day"},
	} {
		// The value stands between others, so that the reject says which line; a second column keeps blank lines from being skipped.
		out, err := convertText(t, one(c.column), c.in+"\n\""+strings.ReplaceAll(strings.Trim(c.in, `"`), `"`, `""`)+"\"\n\"\"\n\"\"\n\"\"\n")
		_ = err // files of two wrong rows in five are still files
		if c.want == "" {
			require.NotEmpty(t, out.rejects, c.in)
			require.Equal(t, "v", out.rejects[0].Column)
			require.EqualValues(t, 1, out.rejects[0].Line)
			require.Contains(t, out.rejects[0].Reason, c.reason, c.in)
			require.Equal(t, c.in, string(out.rejects[0].Raw))
			continue
		}
		require.NotEmpty(t, out.rows, "%s: %v", c.in, out.rejects)
		require.Equal(t, c.want, out.rows[0].cols[0], c.in)
	}
}

func TestBytesThatAreNotOfTheEncoding(t *testing.T) {
	good := strings.Repeat("1,\x96\x6B\x8A\x43\x93\xB9\r\n", 30) // 北海道
	out, err := convertText(t, plain("cp932", "id", "name"), good+"2,\x96\x6B\x81\x20\r\n3,\x96\r\n4,\xFD\r\n5,ok\r\n")
	require.NoError(t, err)
	require.EqualValues(t, 31, out.totals.Rows)
	require.EqualValues(t, 3, out.totals.Undecoded)
	require.Equal(t, Reject{Line: 31, Column: "name", Reason: "byte 3 of the column is not cp932: 81 20", Raw: []byte("2,\x96\x6B\x81\x20"), Size: 6}, out.rejects[0])
	require.Equal(t, "北海道", out.rows[0].cols[1])
}

// What is wrong with a personal value goes into evidence and mail: the value does not.
func TestReasonsDoNotQuotePersonalValues(t *testing.T) {
	s := plain("utf-8", "id", "born", "mail", "kind")
	s.Columns[1].Type, s.Columns[1].Layouts = dataset.Date, []string{"YYYY-MM-DD"}
	s.Columns[2].Pattern, s.Columns[3].Codes = "[a-z]+@[a-z]+", []string{"A", "B"}
	file := strings.Repeat("1,1980-01-02,a@b,A\n", 30) + "2,1980-02-31,a@b,A\n3,secret,a@b,A\n4,1980-01-02,secret,A\n5,1980-01-02,a@b,secret\n"
	open, err := convertText(t, s, file)
	require.NoError(t, err)
	require.Len(t, open.rejects, 4)
	for i := range s.Columns {
		s.Columns[i].Personal = true
	}
	closed, err := convertText(t, s, file)
	require.NoError(t, err)
	require.Len(t, closed.rejects, 4)
	for i, r := range closed.rejects {
		require.Regexp(t, `1980-02-31|secret`, open.rejects[i].Reason, "where nothing is personal it helps to see the value")
		require.NotRegexp(t, `1980-02-31|secret`, r.Reason)
		require.Contains(t, r.Reason, "the value ")
	}
}

func TestFilesThatAreRefused(t *testing.T) {
	sjis := func(text string) string {
		out, err := japanese.ShiftJIS.NewEncoder().String(text)
		require.NoError(t, err)
		return out
	}
	euc, err := japanese.EUCJP.NewEncoder().String(strings.Repeat("1,札幌市中央区以下に掲載がない場合\n", 40))
	require.NoError(t, err)
	utf8 := strings.Repeat("1,札幌市中央区\n", 40)
	headed := plain("utf-8", "id", "name")
	headed.Format.Header = true
	headed.Columns[0].Field, headed.Columns[0].Header, headed.Columns[1].Field, headed.Columns[1].Header = 0, "番号", 0, "名称"
	fixed := plain("utf-8", "id", "name")
	fixed.Format.Fields = 2
	small := plain("utf-8", "id", "name")
	small.Limits.MaxLine = 1000
	for _, c := range []struct {
		name  string
		spec  dataset.Dataset
		in    string
		words string
	}{
		{"empty", plain("utf-8", "id", "name"), "", "the file is empty"},
		{"blank lines", plain("utf-8", "id", "name"), "\n\r\n\n", "the file is empty"},
		{"mark alone", plain("utf-8", "id", "name"), "\xEF\xBB\xBF", "the file is empty"},
		{"utf-8 as cp932", plain("cp932", "id", "name"), utf8, "wrong encoding: the file is declared as cp932 and reads as utf-8"},
		{"utf-8 with mark as cp932", plain("cp932", "id", "name"), "\xEF\xBB\xBF" + utf8, "begins with the byte order mark of utf-8"},
		{"cp932 as utf-8", plain("utf-8", "id", "name"), sjis(utf8), "wrong encoding: the file is declared as utf-8 and reads as cp932"},
		{"euc-jp as cp932", plain("cp932", "id", "name"), euc, "wrong encoding: the file is declared as cp932 and reads as euc-jp"},
		{"noise as utf-8", plain("utf-8", "id", "name"), strings.Repeat("1,\xFF\xFE\x81\xFD\n", 60), "wrong encoding: 60 of 60 rows"},
		{"three lines of noise", plain("utf-8", "id", "name"), "1,\xFF\n2,\xFE\n3,a\n", "wrong encoding: 2 of 3 rows"},
		{"utf-16", plain("detect", "id", "name"), "\xFF\xFE1\x00,\x00a\x00", "the file is UTF-16"},
		{"zip", plain("cp932", "id", "name"), "PK\x03\x04....", "declare packing zip"},
		{"gzip", plain("cp932", "id", "name"), "\x1F\x8B\x08", "declare packing gzip"},
		{"quote left open", plain("utf-8", "id", "name"), "1,a\n2,\"b\n3,c\n", "line 2 opens a quote that is not closed before the end of the file"},
		{"quote left open for long", small, "1,a\n2,\"b\n" + strings.Repeat("3,c\n", 1000), "line 2 opens a quote that is not closed within 1000 bytes"},
		{"other width", fixed, strings.Repeat("1,a,b\n", 30), "wrong number of columns in 30 of 30 rows: line 1: the row has 3 fields, the dataset 2"},
		{"too narrow", plain("utf-8", "id", "name"), "1\n2\n", "the file has 1 columns, and column name is declared as number 2"},
		{"header without a column", headed, "番号,住所\n1,a\n", "the header has no column 名称; it has 番号, 住所"},
		{"header twice", headed, "番号,名称,名称\n1,a,b\n", "the header names 名称 more than once"},
		{"header that is none", headed, "\"番号\"x,名称\n1,a\n", "line 1: the header cannot be read"},
		{"header of another encoding", headed, sjis("番号,名称\n"), "wrong encoding: the header of column 1 is not utf-8"},
	} {
		for _, unordered := range []bool{false, true} {
			_, err := convert(t, c.spec, strings.NewReader(c.in), Options{Unordered: unordered})
			var file *FileError
			require.ErrorAs(t, err, &file, c.name)
			require.ErrorContains(t, err, c.words, c.name)
		}
	}
	_, err = convert(t, plain("utf-8", "id", "name"), strings.NewReader("1,a\n2,b\n"), Options{MaxBytes: 5})
	require.ErrorContains(t, err, "more than the 5 bytes that are allowed")
	limited := plain("utf-8", "id", "name")
	limited.Limits.MaxRows = 1
	_, err = convertText(t, limited, "1,a\n2,b\n")
	require.ErrorContains(t, err, "more than the 1 rows that are allowed")
}

func TestRowsThatAreRejected(t *testing.T) {
	s := plain("utf-8", "id", "name")
	s.Columns[0].Type = "integer"
	s.Limits.MaxLine = 1000
	out, err := convertText(t, s, strings.Join([]string{
		"1,a", "2,b,c", "3", `4,"d"x`, "", "5," + strings.Repeat("e", 2000), "x,f", "6,\x00", "=1+1,g", "7,=SUM(A1)", "8,\"i\nj\"", "9,k"}, "\r\n"))
	require.NoError(t, err)
	var got []string
	for _, r := range out.rejects {
		got = append(got, fmt.Sprintf("%d %s: %s", r.Line, r.Column, r.Reason))
	}
	require.Equal(t, []string{
		"2 : the row has 3 fields, the dataset 2",
		"3 : the row has 1 fields, the dataset 2",
		"4 name: text stands between the closing quote and the next delimiter: double the quotes that belong to the text",
		"6 : the line has 2002 bytes, the limit is 1000",
		`7 id: "x" is not a whole number`,
		"8 name: holds a zero byte, which no database takes as text",
		`9 id: "=1+1" is not a whole number`,
	}, got)
	require.EqualValues(t, 2002, out.rejects[3].Size)
	require.EqualValues(t, 1, out.totals.Blank)
	var names []string
	for _, r := range out.rows {
		names = append(names, fmt.Sprintf("%d %s", r.line, r.cols[1]))
	}
	require.Equal(t, []string{"1 a", "10 =SUM(A1)", "11 i\nj", "13 k"}, names)
}

func TestLimitsForRejects(t *testing.T) {
	s := plain("utf-8", "id", "name")
	s.Columns[0].Type, s.Limits.RejectRows = "integer", 2
	_, err := convertText(t, s, "1,a\nx,b\ny,c\n4,d\n")
	require.NoError(t, err)
	out, err := convertText(t, s, "1,a\nx,b\ny,c\nz,d\n5,e\n")
	var limit *RejectLimitError
	require.ErrorAs(t, err, &limit)
	require.EqualError(t, err, `3 of 5 rows are rejected, which is more than the 2 that are allowed; the first is line 2, column id: "x" is not a whole number; have the rows mended, or raise limits.rejectRows or limits.rejectShare of the dataset if so many may be left out`)
	require.Empty(t, out.rows, "the chunk that goes beyond is not handed over")
	s.Limits.RejectRows, s.Limits.RejectShare = -1, 0.25
	_, err = convertText(t, s, "1,a\nx,b\n3,c\n4,d\n")
	require.NoError(t, err)
	_, err = convertText(t, s, "1,a\nx,b\n3,c\n")
	require.ErrorContains(t, err, "1 of 3 rows are rejected, which is more than 25 % of them")
}

func TestHeadersAndMarks(t *testing.T) {
	s := plain("detect", "id", "name")
	s.Format.Header = true
	s.Columns[0].Field, s.Columns[0].Header = 0, "番号"
	s.Columns[1].Field, s.Columns[1].Header = 0, `名"称`
	out, err := convertText(t, s, "\xEF\xBB\xBF\"名\"\"称\",x, 番号 \r\n札幌,0,1\r\n")
	require.NoError(t, err)
	require.Equal(t, []string{`名"称`, "x", "番号"}, out.totals.Header)
	require.Equal(t, []row{{2, out.rows[0].hash, []string{"1", "札幌"}}}, out.rows)
	require.Equal(t, "utf-8", out.totals.Encoding)
	require.EqualValues(t, 1, out.totals.Records)

	out, err = convertText(t, s, "番号,\"名\"\"称\"\n")
	require.NoError(t, err, "a day without a change")
	require.Zero(t, out.totals.Records)
}

func TestTheSameContentHasTheSameHash(t *testing.T) {
	s := plain("utf-8", "a", "b", "c")
	s.Columns[1].Type, s.Columns[2].Type = "numeric", "date"
	s.Columns[2].Layouts = []string{"YYYY-MM-DD", "wareki"}
	out, err := convertText(t, s, "北,1.50,2024-12-24\n\"北\",\"1.5\",令和6年12月24日\n北,1.51,2024-12-24\n北1,.5,2024-12-24\n北,1.5,\n")
	require.NoError(t, err)
	require.Equal(t, out.rows[0].hash, out.rows[1].hash)
	hashes := map[string]bool{}
	for _, r := range out.rows {
		hashes[r.hash] = true
	}
	require.Len(t, hashes, 4)
	require.Equal(t, "109418cacb0073f3760834094cc2c144", out.rows[0].hash, "hashes are kept in databases, to be compared with those of the next file")
}

// TestWorkersAndBlocksChangeNothing converts a dirty file in many ways.
func TestWorkersAndBlocksChangeNothing(t *testing.T) {
	file, facts := generated()
	file = file[:bytes.LastIndexByte(file[:3<<20], '\n')+1]
	want, err := convert(t, *gen.Dataset(), bytes.NewReader(file), Options{Workers: 1, BlockSize: 64 << 20})
	require.NoError(t, err)
	require.Greater(t, len(want.rejects), 5)
	require.NotZero(t, facts.Broken)
	for _, o := range []Options{{Workers: 2}, {Workers: 4, BlockSize: 1000}, {Workers: 3, BlockSize: 33_333, Unordered: true}, {Workers: 1, BlockSize: 1 << 12}} {
		got, err := convert(t, *gen.Dataset(), bytes.NewReader(file), o)
		require.NoError(t, err)
		require.Equal(t, want.totals, got.totals, "%+v", o)
		require.Equal(t, want.rejects, got.rejects, "%+v", o)
		require.Equal(t, want.rows, got.rows, "%+v", o)
	}
}

func TestGeneratedFileHasItsFacts(t *testing.T) {
	file, facts := generated()
	totals, err := Convert(context.Background(), gen.Dataset(), bytes.NewReader(file), Options{}, func(c Chunk) error { c.Release(); return nil })
	require.NoError(t, err)
	require.EqualValues(t, facts.Records, totals.Records)
	require.EqualValues(t, facts.Broken, totals.Rejects)
	require.EqualValues(t, facts.Bytes, totals.Bytes)
}

func TestConversionEndsWhenItsReceiverFails(t *testing.T) {
	file, _ := generated()
	for _, unordered := range []bool{false, true} {
		broken := errors.New("the database is gone")
		_, err := Convert(context.Background(), gen.Dataset(), bytes.NewReader(file), Options{Unordered: unordered}, func(c Chunk) error {
			if c.Number == 5 {
				return broken
			}
			return nil
		})
		require.ErrorIs(t, err, broken)
		ctx, cancel := context.WithCancel(context.Background())
		_, err = Convert(ctx, gen.Dataset(), bytes.NewReader(file), Options{Unordered: unordered}, func(c Chunk) error {
			if c.Number == 3 {
				cancel()
			}
			return nil
		})
		require.ErrorIs(t, err, context.Canceled)
	}
	_, err := Convert(context.Background(), gen.Dataset(), io.MultiReader(bytes.NewReader(file[:1<<20]), failing{}), Options{}, func(Chunk) error { return nil })
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestContinuationsThatDoNotClose(t *testing.T) {
	s := plain("utf-8", "code", "town")
	s.Continuation = &dataset.Continuation{Column: "town", Open: "（", Close: "）", Same: []string{"code"}, Join: []string{"town"}}
	out, err := convert(t, s, strings.NewReader("1,a（b\n1,c\n1,d）\n2,e（f\n3,g\n4,h（i）\n5,\"j（\"\"k\"\n5,\"l\"\"）\"\n6,m（\n"), Options{BlockSize: 8})
	require.NoError(t, err)
	var got []string
	for _, r := range out.rows {
		got = append(got, fmt.Sprintf("%d %s", r.line, r.cols[1]))
	}
	require.Equal(t, []string{"1 a（bcd）", "5 g", "6 h（i）", `7 j（"kl"）`}, got)
	require.EqualValues(t, 3, out.totals.Joined)
	require.Len(t, out.rejects, 2)
	require.Equal(t, Reject{Line: 4, Column: "town", Reason: "the text opens （, and neither it nor the rows that continue it close it", Raw: []byte("2,e（f"), Size: 7}, out.rejects[0])
	require.EqualValues(t, 9, out.rejects[1].Line)
}

func TestDatasetsThatCannotBe(t *testing.T) {
	for words, change := range map[string]func(*dataset.Dataset){
		"encoding":                    func(s *dataset.Dataset) { s.Encoding = "latin1" },
		"cannot separate":             func(s *dataset.Dataset) { s.Format.Delimiter = `"` },
		"no columns":                  func(s *dataset.Dataset) { s.Columns = nil },
		`column id: type "blob"`:      func(s *dataset.Dataset) { s.Columns[0].Type = "blob" },
		"column id: pattern":          func(s *dataset.Dataset) { s.Columns[0].Pattern = "(" },
		"column id: normalisation":    func(s *dataset.Dataset) { s.Columns[0].Normalise = []string{"lower"} },
		"column id: layout":           func(s *dataset.Dataset) { s.Columns[0].Type, s.Columns[0].Layouts = "date", []string{"%Y"} },
		"column id: the bound x":      func(s *dataset.Dataset) { s.Columns[0].Type, s.Columns[0].Min = "integer", "x" },
		"no least or greatest":        func(s *dataset.Dataset) { s.Columns[0].Min = "1" },
		"say the number of its field": func(s *dataset.Dataset) { s.Columns[0].Field, s.Columns[0].Header = 0, "id" },
		"there is no column x":        func(s *dataset.Dataset) { s.Continuation = &dataset.Continuation{Column: "x", Open: "(", Close: ")"} },
		"must be among those":         func(s *dataset.Dataset) { s.Continuation = &dataset.Continuation{Column: "id", Open: "(", Close: ")"} },
		"two different signs":         func(s *dataset.Dataset) { s.Continuation = &dataset.Continuation{Column: "id"} },
		`format "xml"`:                func(s *dataset.Dataset) { s.Format.Kind = "xml" },
	} {
		s := plain("utf-8", "id", "name")
		change(&s)
		_, err := convertText(t, s, "1,a\n")
		require.ErrorContains(t, err, words)
	}
}

func TestTSVAndOtherDelimiters(t *testing.T) {
	s := plain("cp932", "id", "name")
	s.Format.Kind = dataset.TSV
	out, err := convertText(t, s, "1\t\x83\x5C\x83\x7C,x\n")
	require.NoError(t, err)
	require.Equal(t, []string{"1", "ソポ,x"}, out.rows[0].cols)
	for _, encoding := range []string{"cp932", "detect"} {
		s = plain(encoding, "id", "name")
		s.Format.Delimiter = "|" // 0x7C, the second byte of ポ
		out, err = convertText(t, s, strings.Repeat("1|\x83\x7C\x83\x93\x83\x76\x8D\x48\x8B\xC6\n", 4)+"2|\"\x83\x7C|\"\n")
		require.NoError(t, err)
		require.Equal(t, []string{"1", "ポンプ工業"}, out.rows[0].cols)
		require.Equal(t, []string{"2", "ポ|"}, out.rows[4].cols)
	}
}

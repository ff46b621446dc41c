package ingest

import (
	"bytes"
	"errors"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
)

// everyType has a column of each type, with rules.
func everyType(encoding string, header bool, delimiter string) dataset.Dataset {
	d := plain(encoding, "text", "clean", "integer", "numeric", "boolean", "date", "timestamp")
	d.Format.Header, d.Format.Delimiter, d.Limits.MaxLine = header, delimiter, 200
	for i, kind := range []string{dataset.Text, dataset.Text, dataset.Integer, dataset.Numeric, dataset.Boolean, dataset.Date, dataset.Timestamp} {
		d.Columns[i].Type = kind
	}
	d.Columns[0].Required, d.Columns[0].Pattern = true, "[^x]*"
	d.Columns[1].Normalise, d.Columns[1].MaxLength, d.Columns[1].Codes = []string{"nfkc", "trim", "kana-width"}, 10, []string{"北海道", "a", "ABC"}
	d.Columns[2].Max, d.Columns[3].Min, d.Columns[2].Normalise = "100000", "-5.5", []string{"trim", "nfkc"}
	d.Columns[5].Layouts = []string{"YYYY-MM-DD", "YYYY/M/D", "wareki"}
	return d
}

// FuzzConvert looks for files that panic, give broken tuples, or read differently in small blocks and by several workers.
func FuzzConvert(f *testing.F) {
	f.Add([]byte("a,ABC,1,1.5,1,2024-12-24,2024-12-24T09:30:00Z\r\n"), byte(0), uint16(10))
	f.Add([]byte("\x96\x6B,\x82\x60\x82\x61\x82\x62,\x82\x50,-5.5,no,\x97\xDF\x98\x61\x8C\xB3\x94\x4E5\x8C\x8E1\x93\xFA,\r\n\"\"\"\",,,,,,\r\n"), byte(1), uint16(3))
	f.Add([]byte("\x83\x7C|\x00|1,000|.5|t|2024/1/2|x\n\"a\n\"|||||\n"), byte(0x15), uint16(1))
	f.Fuzz(func(t *testing.T, file []byte, how byte, block uint16) {
		encoding := []string{"utf-8", "cp932", "euc-jp", "detect"}[how&3]
		delimiter := []string{"", "|"}[how>>2&1]
		d := everyType(encoding, how>>3&1 == 1, delimiter)
		if how>>4&1 == 1 {
			d.Continuation = &dataset.Continuation{Column: "text", Open: "（", Close: "）", Same: []string{"integer"}, Join: []string{"text"}}
		}
		first, err := convert(t, d, bytes.NewReader(file), Options{Workers: 1})
		if end := bytes.IndexByte(file, '\n'); end < 0 || encoding == "detect" || bytes.IndexByte(file, '\r') >= 0 {
			return // what is detected in the first block depends on it
		}
		if err != nil {
			return
		}
		second, err := convert(t, d, bytes.NewReader(file), Options{Workers: 2, BlockSize: int(block%500) + 1})
		var refused *FileError
		if errors.As(err, &refused) {
			return // the beginning of the file is judged by the first block
		}
		require.NoError(t, err)
		second.totals.Header, first.totals.Header = nil, nil
		first.totals.Blank, second.totals.Blank = 0, 0
		require.Equal(t, first, second)
	})
}

// FuzzPattern compares patterns with regexp.
func FuzzPattern(f *testing.F) {
	for _, text := range []string{"[0-9]{7}", "[A-Z]{2}-?\\d+", "a*b?c", ".{1,3}[^あ]", "(ab|c)+", "^x$", "北.*", "[a-z]*[0-9a]"} {
		f.Add(text, "北0123456")
		f.Add(text, "aab")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		p, err := compilePattern(text)
		whole, wrong := regexp.Compile(text)
		require.Equal(t, wrong == nil, err == nil)
		if err != nil || !utf8.ValidString(value) {
			return
		}
		whole.Longest() // the leftmost match is the whole value, if that matches
		found := whole.FindStringIndex(value)
		require.Equal(t, found != nil && found[0] == 0 && found[1] == len(value), p.match([]byte(value)), "%q on %q", text, value)
	})
}

func TestPatternsOfColumnsNeedNoRegexp(t *testing.T) {
	for _, text := range []string{"[0-9]{7}", "[1-9][0-9]{12}", "[0-9]{3}([0-9]{2})? *", "[A-Z]{2}-?\\d+", "^[0-9]+$", "[ァ-ヶー　]+", ".*"} {
		p, err := compilePattern(text)
		require.NoError(t, err)
		if !strings.Contains(text, "(") {
			require.Nil(t, p.slow, text)
		}
	}
	for _, text := range []string{"ab|c", "(ab)*", "a*a", "(?i)x", "[a-z]*?z"} {
		p, err := compilePattern(text)
		require.NoError(t, err)
		require.NotNil(t, p.slow, text)
	}
}

// FuzzJSONLines converts whatever stands on the lines: it ends, and accounts for every row.
func FuzzJSONLines(f *testing.F) {
	f.Add([]byte("{\"id\":1,\"名前\":\"佐藤\",\"born\":\"令和6年1月5日\",\"paid\":-1.5}\r\n{\"id\":\"x\"}\n[1]\n{\"id\":2,\"id\":3}"))
	f.Add([]byte("\xEF\xBB\xBF{\"id\":null,\"名前\":{\"a\":[\"\\ud83d\"]}}\n{\"id\":1e3,\"名前\":\"\\u0000\"}\n\n{"))
	f.Fuzz(func(t *testing.T, file []byte) {
		out, err := convert(t, people(dataset.JSONL), bytes.NewReader(file), Options{Workers: 1})
		if err == nil {
			require.EqualValues(t, out.totals.Records, len(out.rows)+len(out.rejects))
		}
	})
}

package activities

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"

	"tejun/internal/load"
	"tejun/internal/sandbox"
)

// shops is a dataset whose files are CP932 with a header, and may have one rejected row.
const shops = `id: shops
name: {ja: 店舗, en: Shops}
source: {file: {dir: %q}, maxBytes: 400000000}
encoding: cp932
format: {kind: csv, header: true}
table: public.shops
key: [shop]
mode: replace
limits: {rejectRows: 1}
columns:
  - {name: shop, header: 番号, type: integer, required: true}
  - {name: title, header: 名称, type: text, required: true}
  - {name: opened_on, header: 開店日, type: date}
`

const shopsHeader = "番号,名称,開店日\r\n"

// harbour is a mend with the table of the shops loaded, and what it holds.
type harbour struct {
	*mend
	held string
}

func newHarbour(t *testing.T) *harbour {
	t.Helper()
	h := &harbour{mend: newMend(t)}
	h.system.Folder, h.system.Loads.Datasets = t.TempDir(), "datasets"
	require.NoError(t, os.Mkdir(filepath.Join(h.system.Folder, "datasets"), 0o755))
	h.declare()
	require.NoError(t, h.arrive(sjis(shopsHeader+"1,北海道表示,2024-01-05\r\n2,ソ連通り,\r\n")))
	h.held = h.holds()
	require.Contains(t, h.held, "2 rows; 1 in the ledger; 0 staged")
	return h
}

// declare writes the dataset with some of its text replaced.
func (h *harbour) declare(replace ...string) {
	h.t.Helper()
	text := strings.NewReplacer(replace...).Replace(fmt.Sprintf(shops, h.system.Folder))
	require.NoError(h.t, os.WriteFile(filepath.Join(h.system.Folder, "datasets", "shops.yaml"), []byte(text), 0o600))
}

// arrive does with a file what a run does, and returns what it is refused for.
func (h *harbour) arrive(file []byte) error {
	h.t.Helper()
	require.NoError(h.t, os.WriteFile(filepath.Join(h.system.Folder, "shops.csv"), file, 0o600))
	in := h.next()
	_, err := h.through(in)
	must(h.bench, h.set.DataLoads.DropStagedRows, in) // as every run ends
	return err
}

func (h *harbour) next() DataLoad {
	h.t.Helper()
	h.renew()
	d, err := load.Find(h.system, "shops")
	require.NoError(h.t, err)
	return DataLoad{Operation: h.operation, Dataset: "shops", Declaration: d.Digest(), File: "shops.csv"}
}

func (h *harbour) through(in DataLoad) (load.Entry, error) {
	h.t.Helper()
	if _, err := try(h.bench, h.set.DataLoads.StageDataFile, in); err != nil {
		return load.Entry{}, err
	}
	does, err := try(h.bench, h.set.DataLoads.CompareStagedRows, in)
	if err != nil {
		return load.Entry{}, err
	}
	return try(h.bench, h.set.DataLoads.ImportStagedRows, LoadImport{DataLoad: in, Source: "test", Expect: does.Counts})
}

// holds is everything that a load may have left: rows and their checksum, the ledger, the staging.
func (h *harbour) holds() (all string) {
	h.t.Helper()
	require.NoError(h.t, h.pool.QueryRow(h.t.Context(), `SELECT (SELECT count(*) || ' rows' FROM public.shops) || '; ' || (SELECT count(*) FROM tejun_load.ledger) || ' in the ledger; '
		|| (SELECT count(*) FROM pg_class WHERE relnamespace = 'tejun_load'::regnamespace AND relname ~ '^[a-z]_') || ' staged; '
		|| (SELECT coalesce(string_agg(s::text, ';' ORDER BY shop), '') FROM public.shops s)`).Scan(&all))
	return all
}

func sjis(text string) []byte {
	out, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(err) // a mistake in the test
	}
	return out
}

func zipOf(t *testing.T, content io.Reader) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.Create("shops.csv")
	require.NoError(t, err)
	_, err = io.Copy(f, content)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

func gzipOf(t *testing.T, content []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write(content)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

// many is rows of a pattern with a number.
func many(n int, row string) string {
	var all strings.Builder
	for i := range n {
		fmt.Fprintf(&all, row, i+1)
	}
	return all.String()
}

// endless is a file of one byte, over and over.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

// Every report says what is wrong, where, and what to do about it; and nothing of the file is anywhere.
func TestBadFilesAreRefusedInWordsAndLeaveNothing(t *testing.T) {
	h := newHarbour(t)
	good := sjis(shopsHeader + many(3000, "%d,髙島屋,令和6年1月5日\r\n"))
	const zipped, gzipped = "encoding: cp932", "encoding: cp932\npacking: {kind: gzip}"
	for _, c := range []struct {
		name    string
		replace []string
		file    []byte
		says    []string
	}{
		{"a zip that is cut off", []string{zipped, zipped + "\npacking: {kind: zip}"}, zipOf(t, bytes.NewReader(good))[:2000], []string{"is cut off", "have it sent again"}},
		{"a zip that is damaged", []string{zipped, zipped + "\npacking: {kind: zip}"}, flip(zipOf(t, bytes.NewReader(good)), 900), []string{"member shops.csv", "is damaged", "have it sent again"}},
		{"a gzip that is cut off", []string{zipped, gzipped}, gzipOf(t, good)[:800], []string{"is cut off: it ends before its content does", "have it sent again"}},
		{"a CSV that should be a zip", []string{zipped, zipped + "\npacking: {kind: zip}"}, good, []string{"no zip archive", "have it sent again"}},
		{"a zip that should be a CSV", nil, zipOf(t, bytes.NewReader(good)), []string{"zip", "packing"}},
		{"a zip bomb", []string{zipped, zipped + "\npacking: {kind: zip}"}, zipOf(t, io.LimitReader(endless('1'), 300<<20)), []string{"member shops.csv", "zip bomb", "less tightly packed"}},
		{"a zip beyond the bound", []string{zipped, zipped + "\npacking: {kind: zip}", "400000000", "20000"}, zipOf(t, bytes.NewReader(good)), []string{"more than the 20000 that are allowed", "source.maxBytes"}},
		{"UTF-8", nil, []byte(shopsHeader + many(300, "%d,北海道表示の店,\r\n")), []string{"wrong encoding", "declared as cp932 and reads as utf-8", "have it sent in the encoding"}},
		{"EUC-JP", nil, mustEncode(t, shopsHeader+many(300, "%d,北海道表示の店,\r\n")), []string{"wrong encoding", "reads as euc-jp", "mend encoding in the dataset"}},
		{"UTF-8 with a mark", nil, []byte("\ufeff" + shopsHeader + "1,a,\r\n"), []string{"byte order mark of utf-8", "mend encoding in the dataset"}},
		{"UTF-16", nil, []byte("\xff\xfe1\x00,\x00"), []string{"UTF-16"}},
		{"bytes that are not CP932", nil, append(sjis(shopsHeader+"1,良い,\r\n"), "2,a\x81\x20,\r\n3,\xfd\xfe,\r\n4,\x85\x40x,\r\n"...), []string{"rows are rejected, which is more than the 1 that are allowed", "line 3, column title: byte 2 of the column is not cp932: 81 20", "limits.rejectRows"}},
		{"ragged rows", []string{"rejectRows: 1", "rejectRows: 9"}, sjis(shopsHeader + "1,a,\r\n2,b\r\n3,c,,\r\n"), []string{"wrong number of columns in 2 of 3 rows: line 3: the row has 2 fields, the dataset 3", "mend the columns of the dataset"}},
		{"a few ragged rows", nil, sjis(shopsHeader + many(10, "%d,a,\r\n") + "2,b\r\n3,c,,\r\n"), []string{"2 of 12 rows are rejected, which is more than the 1 that are allowed", "line 12: the row has 2 fields"}},
		{"another number of columns", nil, sjis(shopsHeader + many(30, "%d,a,,,\r\n")), []string{"wrong number of columns in 30 of 30 rows", "line 2", "the row has 5 fields"}},
		{"a column that is missing", nil, sjis("番号,名称\r\n1,a\r\n"), []string{"the header has no column 開店日", "it has 番号, 名称", "mend the columns of the dataset"}},
		{"too few columns without a header", []string{"header: true", "header: false", "header: 番号", "field: 1", "header: 名称", "field: 2", "header: 開店日", "field: 3"}, sjis(many(30, "%d,a\r\n")), []string{"the file has 2 columns, and column opened_on is declared as number 3"}},
		{"a quote left open", nil, sjis(shopsHeader + "1,a,\r\n2,\"b,\r\n3,c,\r\n"), []string{"line 3 opens a quote that is not closed before the end of the file", "close it, or double a quote that belongs to the text"}},
		{"a quote left open for long", []string{"rejectRows: 1", "rejectRows: 1, maxLine: 4096"}, sjis(shopsHeader + "1,\"a,\r\n" + many(3000, "%d,b,\r\n")), []string{"line 2 opens a quote that is not closed within 4096 bytes", "close it"}},
		{"zero bytes", nil, append(sjis(shopsHeader), "1,a\x00b,\r\n2,\x00,\r\n3,c,\r\n"...), []string{"2 of 3 rows are rejected", "line 2, column title: holds a zero byte, which no database takes as text"}},
		{"a header twice", nil, sjis("番号,名称,名称,開店日\r\n1,a,b,\r\n"), []string{"the header names 名称 more than once", "declare these columns by their number"}},
		{"nothing", nil, nil, []string{"the file is empty", "have it sent again"}},
		{"nothing but lines", nil, []byte("\r\n\r\n"), []string{"the file is empty"}},
		{"a key with other content", nil, sjis(shopsHeader + "1,a,\r\n2,b,\r\n1,c,\r\n"), []string{"2 of 3 rows are rejected, which is more than the 1 that are allowed", "line 2, column shop: rows of the same key have different content, from line 2 to line 4"}},
		{"more rejects than allowed", nil, sjis(shopsHeader + "x,a,\r\n2,,\r\n3,c,2023-02-29\r\n4,d,\r\n"), []string{"3 of 4 rows are rejected, which is more than the 1 that are allowed", "line 2, column shop: \"x\" is not a whole number", "limits.rejectRows"}},
		{"more rejects than their share", []string{"rejectRows: 1", "rejectShare: 0.1"}, sjis(shopsHeader + "x,a,\r\n" + many(8, "%d,b,\r\n")), []string{"1 of 9 rows are rejected, which is more than 10 % of them"}},
		{"more rows than allowed", []string{"rejectRows: 1", "rejectRows: 1, maxRows: 2"}, sjis(shopsHeader + many(3, "%d,b,\r\n")), []string{"more than the 2 rows that are allowed", "limits.maxRows"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.declare(c.replace...)
			before := allocated()
			err := h.arrive(c.file)
			require.Error(t, err)
			requireType(t, err, Refused)
			for _, words := range c.says {
				require.ErrorContains(t, err, words)
			}
			require.ErrorContains(t, err, "nothing was loaded")
			require.Equal(t, h.held, h.holds())
			require.True(t, utf8.ValidString(err.Error()))
			if c.name == "a zip bomb" {
				require.Less(t, allocated()-before, uint64(64<<20), "300 MB are never in memory")
			}
		})
	}
}

func flip(data []byte, at int) []byte {
	data[at] ^= 0xff
	return data
}

func mustEncode(t *testing.T, text string) []byte {
	t.Helper()
	out, err := japanese.EUCJP.NewEncoder().Bytes([]byte(text))
	require.NoError(t, err)
	return out
}

// allocated is all memory that was ever taken: what is read piece by piece takes little, however large it is.
func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// A line of 200 MB is one rejected row: it is told with its size, and is never held as a whole.
func TestALineOf200MBIsOneRejectedRow(t *testing.T) {
	h := newHarbour(t)
	path := filepath.Join(h.system.Folder, "shops.csv")
	out, err := os.Create(path)
	require.NoError(t, err)
	_, err = io.Copy(out, io.MultiReader(bytes.NewReader(sjis(shopsHeader+"1,a,\r\n2,")), io.LimitReader(endless('x'), 200<<20), strings.NewReader(",\r\n3,c,\r\n")))
	require.NoError(t, errors.Join(err, out.Close()))
	in := h.next()
	before := allocated()
	staged := must(h.bench, h.set.DataLoads.StageDataFile, in)
	require.Less(t, allocated()-before, uint64(100<<20), "the line is never in memory as a whole")
	require.Equal(t, load.Counts{Records: 3, Rows: 2, Rejected: 1}, staged.Counts)
	rejects := h.rejects(in)
	require.Len(t, rejects, 1)
	require.Equal(t, []string{"3", ""}, rejects[0][:2])
	require.Equal(t, "the line has 209715203 bytes, the limit is 1048576", rejects[0][2])
	require.Equal(t, "209715203", rejects[0][4])
	require.Less(t, len(rejects[0][5]), 1<<16, "the beginning of it is kept")
	must(h.bench, h.set.DataLoads.DropStagedRows, in)
	require.Equal(t, h.held, h.holds())
}

// rejects are the rejected rows in S3, as a spreadsheet reads them.
func (h *harbour) rejects(in DataLoad) [][]string {
	h.t.Helper()
	kept := must(h.bench, h.set.DataLoads.PutS3LoadRejects, in)
	require.Equal(h.t, kept, must(h.bench, h.set.DataLoads.PutS3LoadRejects, in), "a repetition writes the same")
	require.Equal(h.t, "s3://gzs-infra-rejects/loads/"+in.Operation+"-rejects.csv", kept.Location)
	rows := h.spreadsheet(in.Operation)
	require.EqualValues(h.t, len(rows), kept.Rows)
	return rows
}

// spreadsheet reads the rows that a run has kept.
func (h *harbour) spreadsheet(operation string) [][]string {
	h.t.Helper()
	bucket, key := "gzs-infra-rejects", "loads/"+operation+"-rejects.csv"
	out, err := s3.NewFromConfig(h.cfg).GetObject(h.t.Context(), &s3.GetObjectInput{Bucket: &bucket, Key: &key})
	require.NoError(h.t, err)
	text, err := io.ReadAll(out.Body)
	require.NoError(h.t, err)
	require.True(h.t, bytes.HasPrefix(text, []byte("\xef\xbb\xbf")), "Excel takes it for UTF-8 only with the mark")
	require.Equal(h.t, bytes.Count(text, []byte("\n")), bytes.Count(text, []byte("\r\n")))
	rows, err := csv.NewReader(bytes.NewReader(text[3:])).ReadAll()
	require.NoError(h.t, err)
	return rows[1:]
}

// Rejected rows go back to whoever delivered them: whatever they hold, a spreadsheet calculates nothing, and every byte is there.
func TestRejectedRowsAreReadableAndHarmless(t *testing.T) {
	h := newHarbour(t)
	h.declare("rejectRows: 1", "rejectRows: 9")
	rows := []string{"=HYPERLINK(1),a,", "+1+1x,b,", "-2x,c,", "@SUM(1),d,", "\t=1,e,", "7,\x81\x20,", "8,a\x00b,", "9,\"=cmd|' /C calc'!A0\"x,"}
	require.NoError(t, os.WriteFile(filepath.Join(h.system.Folder, "shops.csv"), append(sjis(shopsHeader+"1,=1+1,\r\n"), strings.Join(rows, "\r\n")...), 0o600))
	in := h.next()
	staged := must(h.bench, h.set.DataLoads.StageDataFile, in)
	require.Equal(t, load.Counts{Records: 9, Rows: 1, Rejected: 8}, staged.Counts)
	kept := h.rejects(in)
	require.Len(t, kept, 8)
	for i, row := range kept {
		require.Equal(t, fmt.Sprint(i+3), row[0])
		require.Equal(t, fmt.Sprintf("0x%x", rows[i]), row[5], "every byte")
		for _, cell := range row {
			bare := strings.TrimLeft(cell, " \t\u3000")
			require.False(t, bare != "" && strings.ContainsAny(bare[:1], "=+-@|"), "%q would be calculated", cell)
		}
	}
	require.Contains(t, kept[5][2], "not cp932: 81 20")
	require.Contains(t, kept[6][2], "zero byte")

	// What is a good value stays as it is: the table is no spreadsheet.
	_, err := h.through(in)
	require.NoError(t, err)
	require.Contains(t, h.holds(), "(1,=1+1,)")
}

// Whoever has delivered a file with too many wrong rows is told which they are; nothing of the file is loaded, nothing stays staged.
func TestTheRejectsOfARefusedFileAreKept(t *testing.T) {
	h := newHarbour(t)
	twice := shopsHeader + "3,c,\r\n3,d,\r\n4,e,\r\n4,f,\r\n" // each contradicts another one
	for name, c := range map[string]struct {
		file  string
		lines []string
	}{
		"while it is read":            {shopsHeader + "x,a,\r\n2,,\r\n3,c,2023-02-29\r\n4,d,\r\n", []string{"2", "3", "4"}},
		"once it was read as a whole": {twice, []string{"2", "3", "4", "5"}},
	} {
		t.Run(name, func(t *testing.T) {
			require.NoError(t, os.WriteFile(filepath.Join(h.system.Folder, "shops.csv"), sjis(c.file), 0o600))
			in := h.next()
			for range 2 {
				_, err := try(h.bench, h.set.DataLoads.StageDataFile, in)
				requireType(t, err, Refused)
				require.ErrorContains(t, err, "nothing was loaded")
				require.ErrorContains(t, err, fmt.Sprintf("rejected rows that were found: %d, with line and reason in s3://gzs-infra-rejects/loads/%s-rejects.csv", len(c.lines), in.Operation))
			}
			var lines []string
			for _, r := range h.spreadsheet(in.Operation) {
				lines = append(lines, r[0])
				require.NotEmpty(t, r[2], "the reason")
			}
			require.Equal(t, c.lines, lines)

			h.fault("s3", "PutObject", sandbox.FaultDenied)
			_, err := try(h.bench, h.set.DataLoads.StageDataFile, in)
			requireType(t, err, Denied)
			require.ErrorContains(t, err, "rows are rejected")
			require.ErrorContains(t, err, "its rejected rows could not be kept")
			must(h.bench, h.set.DataLoads.DropStagedRows, in)
			require.Equal(t, h.held, h.holds())
		})
	}
}

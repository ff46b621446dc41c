package ingest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/ingest/unpack"
)

// shared opens one of the real files, which lie beside the repository.
func shared(t testing.TB, name string) []byte {
	path := filepath.Join("..", "..", "..", "shared", "data", "ingest", name)
	content, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		t.Skipf("%s is not here: the real files are kept beside the repository, in ../shared", path)
	}
	require.NoError(t, err)
	return content
}

func unzipped(t testing.TB, name string) []byte {
	archive := shared(t, name)
	r, _, err := unpack.Zip(bytes.NewReader(archive), int64(len(archive)), "", unpack.Limits{})
	require.NoError(t, err)
	content, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	return content
}

// distinct counts the different values of some columns.
func distinct(rows []row, columns ...int) int {
	seen := map[string]bool{}
	for _, r := range rows {
		var key []string
		for _, c := range columns {
			key = append(key, r.cols[c])
		}
		seen[strings.Join(key, "\x00")] = true
	}
	return len(seen)
}

// The numbers of these tests were counted by independent tools (Python's csv and codecs, awk); see FACTS.md beside the files.

func TestPostalCodes(t *testing.T) {
	for _, c := range []struct {
		file, sum                             string
		bytes, rows, codes, towns, joined, in int
		wave, minus, elsewhere                int
	}{
		{"ken_all_20241224.zip", "bddae809", 12_365_397, 124_754, 120_608, 124_753, 124_440, 314, 349, 205, 1870},
		{"ken_all_20260529.zip", "74487fd2", 12_371_402, 124_825, 120_680, 124_824, 124_511, 314, 344, 205, 1870},
	} {
		content := unzipped(t, c.file)
		require.Equal(t, c.sum, fmt.Sprintf("%x", sha256.Sum256(content))[:8])
		out, err := convert(t, kenAll(false), bytes.NewReader(content), Options{Unordered: true})
		require.NoError(t, err)
		require.EqualValues(t, c.bytes, out.totals.Bytes)
		require.EqualValues(t, c.rows, out.totals.Rows)
		require.EqualValues(t, c.rows, out.totals.Lines)
		require.Zero(t, out.totals.Rejects, "%v", out.rejects)
		require.Equal(t, "cp932", out.totals.Encoding)
		require.Equal(t, c.codes, distinct(out.rows, 2))
		require.Equal(t, c.towns, distinct(out.rows, 0, 2, 8))
		require.Equal(t, c.rows, distinct(out.rows, 0, 2, 5, 8), "the key")
		hashes := map[string]bool{}
		wave, minus, elsewhere := 0, 0, 0
		for _, r := range out.rows {
			hashes[r.hash] = true
			all := strings.Join(r.cols, "")
			wave += strings.Count(all, "\uFF5E")
			minus += strings.Count(all, "\uFF0D")
			if r.cols[8] == "以下に掲載がない場合" {
				elsewhere++
			}
		}
		require.Len(t, hashes, c.rows, "no exact duplicates")
		require.Equal(t, []int{c.wave, c.minus, c.elsewhere}, []int{wave, minus, elsewhere})

		out, err = convert(t, kenAll(true), bytes.NewReader(content), Options{})
		require.NoError(t, err)
		require.Zero(t, out.totals.Rejects, "%v", out.rejects)
		require.EqualValues(t, c.joined, out.totals.Rows)
		require.EqualValues(t, c.in, out.totals.Joined)
		continued := 0
		for i, r := range out.rows {
			require.Equal(t, strings.Count(r.cols[8], "（"), strings.Count(r.cols[8], "）"), "line %d: %s", r.line, r.cols[8])
			if i > 0 && r.line > out.rows[i-1].line+1 {
				continued++
			}
		}
		require.Equal(t, 208, continued, "towns that were split")
	}
}

func TestNextEditionOfPostalCodes(t *testing.T) {
	read := func(file string) map[string]string {
		out, err := convert(t, kenAll(false), bytes.NewReader(unzipped(t, file)), Options{})
		require.NoError(t, err)
		hashes := map[string]string{}
		for _, r := range out.rows {
			hashes[strings.Join([]string{r.cols[0], r.cols[2], r.cols[5], r.cols[8]}, "\x00")] = r.hash
		}
		return hashes
	}
	old, next := read("ken_all_20241224.zip"), read("ken_all_20260529.zip")
	added, changed, same, gone := 0, 0, 0, 0
	for key, hash := range next {
		switch before, there := old[key]; {
		case !there:
			added++
		case before != hash:
			changed++
		default:
			same++
		}
	}
	for key := range old {
		if _, there := next[key]; !there {
			gone++
		}
	}
	require.Equal(t, []int{287, 34, 124_504, 216}, []int{added, changed, same, gone})
}

func TestCorporateNumbers(t *testing.T) {
	content := shared(t, "houjin_diff_20250130.csv")
	for _, encoding := range []string{"cp932", "detect"} {
		s := houjin()
		s.Encoding = encoding
		out, err := convert(t, s, bytes.NewReader(content), Options{})
		require.NoError(t, err)
		require.EqualValues(t, 2_536_441, out.totals.Bytes)
		require.EqualValues(t, 14_238, out.totals.Rows)
		require.Zero(t, out.totals.Rejects, "%v", out.rejects)
		require.Equal(t, 14_082, distinct(out.rows, 1))
		require.Equal(t, "cp932", out.totals.Encoding)
		count, kinds, noPost, special, minus := map[string]int{}, map[string]int{}, 0, 0, 0
		latest := 0
		for _, r := range out.rows {
			count[r.cols[1]]++
			kinds[r.cols[2]]++
			if r.cols[15] == "∅" {
				noPost++
			}
			if r.cols[23] == "01" {
				latest++
			}
			for _, text := range r.cols {
				if strings.ContainsAny(text, `",`) {
					special++
				}
				minus += strings.Count(text, "\uFF0D")
			}
		}
		repeated := 0
		for _, n := range count {
			if n > 1 {
				repeated++
			}
		}
		require.Equal(t, 123, repeated)
		require.Equal(t, 14_082, latest)
		require.Equal(t, map[string]int{"01": 1136, "11": 76, "12": 621, "21": 12_358, "22": 4, "71": 43}, kinds)
		require.Equal(t, []int{11, 3, 1350}, []int{noPost, special, minus})
	}
}

// TestDeclaredExamples converts the real files as the example declarations have it.
func TestDeclaredExamples(t *testing.T) {
	for _, c := range []struct {
		declaration, file string
		rows, joined      int64
	}{
		{"postal-codes.yaml", "ken_all_20241224.zip", 124_754, 0},
		{"corporate-numbers.yaml", "houjin_diff_20250130.csv", 14_238, 0},
	} {
		d, err := dataset.Load(filepath.Join("..", "..", "examples", "datasets", c.declaration))
		require.NoError(t, err)
		content := shared(t, c.file)
		if d.Packing.Kind == dataset.PackingZip {
			content = unzipped(t, c.file)
		}
		out, err := convert(t, *d, bytes.NewReader(content), Options{})
		require.NoError(t, err)
		require.EqualValues(t, c.rows, out.totals.Records)
		require.EqualValues(t, c.rows-c.joined, out.totals.Rows)
	}
}

package ingest

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"
)

// excerpt is some rows of a real file; testdata/real/README.md has its origin, and the numbers of these tests.
func excerpt(t testing.TB, name, sum string) []byte {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("testdata", "real", name))
	require.NoError(t, err)
	require.Equal(t, sum, fmt.Sprintf("%x", sha256.Sum256(content))[:8])
	return content
}

func TestPostalCodesInExcerpts(t *testing.T) {
	for _, c := range []struct {
		file, sum                          string
		bytes, rows, codes, joined, second int
	}{
		{"ken_all_20241224.csv", "64087f15", 28_210, 258, 220, 248, 2},
		{"ken_all_20260529.csv", "19f905fd", 30_617, 286, 249, 276, 2},
	} {
		content := excerpt(t, c.file, c.sum)
		out, err := convert(t, kenAll(false), bytes.NewReader(content), Options{Workers: 1})
		require.NoError(t, err)
		require.Zero(t, out.totals.Rejects, "%v", out.rejects)
		require.EqualValues(t, c.bytes, out.totals.Bytes)
		require.EqualValues(t, c.rows, out.totals.Rows)
		require.Equal(t, c.rows, distinct(out.rows, 0, 2, 5, 8), "the key")
		require.Equal(t, c.codes, distinct(out.rows, 2))
		counts := map[string]int{}
		for _, r := range out.rows {
			all := strings.Join(r.cols, "")
			for _, character := range []string{"\uFF5E", "\uFF0D"} {
				counts[character] += strings.Count(all, character)
			}
			if r.cols[8] == "以下に掲載がない場合" {
				counts["elsewhere"]++
			}
			encoded, err := japanese.ShiftJIS.NewEncoder().String(strings.ReplaceAll(all, "\uFF0D", "")) // which is another sign there
			require.NoError(t, err)
			counts["0x5C"] += strings.Count(encoded, `\`) // none stands in it by itself
		}
		require.Equal(t, map[string]int{"\uFF5E": 3, "\uFF0D": 7, "elsewhere": 7, "0x5C": c.second}, counts)

		out, err = convert(t, kenAll(true), bytes.NewReader(content), Options{})
		require.NoError(t, err)
		require.EqualValues(t, c.joined, out.totals.Rows)
		require.EqualValues(t, 10, out.totals.Joined)
		for _, r := range out.rows {
			require.Equal(t, strings.Count(r.cols[8], "（"), strings.Count(r.cols[8], "）"), "line %d: %s", r.line, r.cols[8])
		}
	}
}

func TestCorporateNumbersInExcerpts(t *testing.T) {
	out, err := convert(t, houjin(), bytes.NewReader(excerpt(t, "houjin_diff_20250130.csv", "46093c02")), Options{Workers: 1})
	require.NoError(t, err)
	require.Zero(t, out.totals.Rejects, "%v", out.rejects)
	require.EqualValues(t, 17_179, out.totals.Bytes)
	require.Len(t, out.rows, 82)
	require.Equal(t, 58, distinct(out.rows, 1))
	counts := map[string]int{}
	for _, r := range out.rows {
		counts["process "+r.cols[2]]++
		counts["latest "+r.cols[23]]++
		if r.cols[15] == "∅" {
			counts["no postal code"]++
		}
		for _, value := range r.cols {
			if strings.ContainsAny(value, `",`) {
				counts["quote or comma"]++
			}
			if strings.Contains(value, "\uFF0D") {
				counts["U+FF0D"]++
			}
		}
	}
	require.Equal(t, map[string]int{
		"process 01": 27, "process 11": 7, "process 12": 26, "process 21": 13, "process 22": 2, "process 71": 7,
		"latest 01": 58, "latest 00": 24, "no postal code": 9, "quote or comma": 3, "U+FF0D": 17,
	}, counts)
}

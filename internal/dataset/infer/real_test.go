package infer

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
)

// real is one of the whole files, which lie beside the repository.
func whole(t *testing.T, name string) string {
	t.Helper()
	path := filepath.Join("..", "..", "..", "..", "shared", "data", "ingest", name)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		t.Skipf("%s is not here: the real files are kept beside the repository, in ../shared", path)
	}
	return path
}

func propose(t *testing.T, path string) *Proposal {
	t.Helper()
	p, err := File(path)
	require.NoError(t, err)
	return p
}

func TestTheWholePostalCodes(t *testing.T) {
	p := propose(t, whole(t, "ken_all_20241224.zip"))
	d := p.Dataset
	assert.Equal(t, 124_754, p.Records)
	assert.Equal(t, "zip cp932 csv", d.Packing.Kind+" "+d.Encoding+" "+d.Format.Kind)
	assert.False(t, d.Format.Header)
	assert.Len(t, d.Columns, 15)
	assert.Equal(t, []string{"column_1", "column_6", "column_9"}, d.Key, "code, town kana, town: the postal code is not needed in this edition")
	assert.Equal(t, "[0-9]{7}", d.Columns[2].Pattern)
	assert.NotEmpty(t, p.Doubts)
}

func TestTheWholeCorporateNumbers(t *testing.T) {
	p := propose(t, whole(t, "houjin_diff_20250130.csv"))
	d := p.Dataset
	assert.Equal(t, 14_238, p.Records)
	assert.Equal(t, "cp932", d.Encoding)
	assert.Len(t, d.Columns, 30)
	assert.Equal(t, []string{"column_2"}, d.Key, "the corporate number, not the running number before it")
	assert.Equal(t, dataset.Where, d.Duplicates.SameKey)
	require.NotNil(t, d.Duplicates.Where)
	assert.Equal(t, dataset.Winner{Column: "column_24", Equals: "true"}, *d.Duplicates.Where)
	assert.Equal(t, dataset.Date, d.Columns[4].Type)
}

package activities

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/load"
	"tejun/internal/sandbox"
)

const shopsDeclaration = `id: shops
name: {ja: 店舗, en: Shops}
source:
  s3: {bucket: gzs-incoming, prefix: shops/}
  match: "*.csv"
format: {kind: csv, header: true}
encoding: utf-8
table: public.shops
columns:
  - {name: code, title: 店舗コード, header: code, type: text, required: true, pattern: "[0-9]{4}"}
  - {name: name, title: 店名, header: name, type: text, required: true}
key: [code]
mode: replace
limits: {rejectShare: 0.5, changeShare: 0.5}
approval: {when: over-limits}
backup: none
`

// shop is a bench with a dataset of shops, files of which people create.
type shop struct{ *mend }

func newShop(t *testing.T) *shop {
	t.Helper()
	m := newMend(t)
	folder := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(folder, "datasets"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "datasets", "shops.yaml"), []byte(shopsDeclaration), 0o644))
	m.system.Folder = folder
	return &shop{m}
}

// create puts a file where the dataset expects it and names it as its creator would.
func (s *shop) create(name, content string) DataLoad {
	s.t.Helper()
	client := s3.NewFromConfig(s.cfg, func(o *s3.Options) { o.UsePathStyle = true })
	bucket, key := "gzs-incoming", "shops/"+name
	_, err := client.PutObject(s.t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	require.NoError(s.t, err)
	return s.named(name, content)
}

func (s *shop) named(name, content string) DataLoad {
	s.t.Helper()
	d, err := load.Find(s.system, "shops")
	require.NoError(s.t, err)
	sum := sha256.Sum256([]byte(content))
	return DataLoad{Operation: s.operation, Dataset: "shops", Declaration: d.Digest(), File: name, SHA256: hex.EncodeToString(sum[:])}
}

// left counts the staging tables.
func (s *shop) left() (n int) {
	s.t.Helper()
	require.NoError(s.t, s.pool.QueryRow(s.t.Context(), `SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'tejun_load' AND c.relkind = 'r' AND c.relname ~ '^[scrdg]_'`).Scan(&n))
	return n
}

const handmade = "code,name\n0001,銀座\n0002,日本橋\n0002,日本橋\n"

func TestACreatedFileIsReadAsALoadWould(t *testing.T) {
	s := newShop(t)
	for range 2 { // every activity may run twice
		checked, err := try(s.bench, s.set.DataLoads.CheckDataFile, s.create("good.csv", handmade))
		require.NoError(t, err)
		assert.True(t, checked.Fits, checked.Why)
		assert.Equal(t, load.Counts{Records: 3, Rows: 2, Duplicates: 1}, checked.Counts)
		assert.Equal(t, s.named("good.csv", handmade).SHA256, checked.SHA256)
		assert.Zero(t, s.left(), "what was read is thrown away")
	}
	var made bool
	require.NoError(t, s.pool.QueryRow(t.Context(), `SELECT to_regclass('public.shops') IS NOT NULL`).Scan(&made))
	assert.False(t, made, "nothing is loaded")
}

func TestACreatedFileThatDoesNotFitIsAnAnswer(t *testing.T) {
	s := newShop(t)
	rows := s.create("rows.csv", handmade)
	rows.ExpectedRows = 4
	other := s.create("other.csv", handmade+"0003,上野\n")
	other.SHA256 = s.named("other.csv", handmade).SHA256
	for name, c := range map[string]struct {
		file DataLoad
		says string
	}{
		"a row of it is rejected": {s.create("rejects.csv", handmade+"12,上野\n"), "1 of 4 rows would be rejected: line 5, code: "},
		"it is not there":         {s.named("none.csv", handmade), "there is no such file: put it where it belongs first"},
		"it is another one":       {other, "it is another file"},
		"other rows are expected": {rows, "the file has 3 rows, and the request expects 4"},
		"a quote is left open":    {s.create("quote.csv", handmade+"0003,\"上野\n"), "quote"},
		"it is empty":             {s.create("empty.csv", ""), "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			checked, err := try(s.bench, s.set.DataLoads.CheckDataFile, c.file)
			require.NoError(t, err)
			assert.False(t, checked.Fits)
			assert.Contains(t, checked.Why, c.says)
			assert.Equal(t, c.file.SHA256, checked.SHA256)
			assert.Zero(t, s.left())
		})
	}
}

func TestACheckThatCannotBeMadeIsNoAnswer(t *testing.T) {
	s := newShop(t)
	file := s.create("good.csv", handmade)
	file.Declaration = "edited"
	_, err := try(s.bench, s.set.DataLoads.CheckDataFile, file)
	requireType(t, err, Drifted)
	file = s.create("good.csv", handmade)
	file.SHA256 = ""
	_, err = try(s.bench, s.set.DataLoads.CheckDataFile, file)
	requireType(t, err, InvalidInput)
}

func TestAFileIsLookedAtAgain(t *testing.T) {
	s := newShop(t)
	file := s.create("good.csv", handmade)
	seen, err := try(s.bench, s.set.DataLoads.HashDataFile, file)
	require.NoError(t, err)
	assert.Equal(t, FileHashed{SHA256: file.SHA256, Bytes: int64(len(handmade))}, seen)
	s.create("good.csv", strings.Replace(handmade, "銀座", "新橋", 1))
	for _, other := range []DataLoad{file, s.named("none.csv", handmade)} {
		seen, err = try(s.bench, s.set.DataLoads.HashDataFile, other)
		require.NoError(t, err, "it is an answer")
		require.NotEmpty(t, seen.Why)
		require.Empty(t, seen.SHA256)
	}
	require.Contains(t, seen.Why, "there is no such file")
	s.fault("s3", "GetObject", sandbox.FaultDenied)
	_, err = try(s.bench, s.set.DataLoads.HashDataFile, file)
	requireType(t, err, Denied)
}

// The ledger says what a load has left, and what the table holds now.
func TestTheLedgerSaysWhatALoadHasLeft(t *testing.T) {
	s := newShop(t)
	file := s.create("good.csv", handmade)
	look := func() LoadFound {
		return must(s.bench, s.set.DataLoads.FindLoadedFile, LoadedFile{DataLoad: file, Load: "loadofit0001"})
	}
	require.Equal(t, LoadFound{}, look())
	loaded := file
	loaded.Operation = "loadofit0001"
	staged := must(s.bench, s.set.DataLoads.StageDataFile, loaded)
	does := must(s.bench, s.set.DataLoads.CompareStagedRows, loaded)
	require.Nil(t, staged.Already)
	must(s.bench, s.set.DataLoads.ImportStagedRows, LoadImport{DataLoad: loaded, Source: "s", Expect: does.Counts})
	found := look()
	require.EqualValues(t, 2, found.Imported.Rows)
	require.Equal(t, "loadofit0001", found.Holds.Operation)
	s.exec(`DELETE FROM public.shops WHERE code = '0001'`)
	found = look()
	require.NotNil(t, found.Imported)
	require.Nil(t, found.Holds, "somebody has changed the table since")
	file.Declaration = "edited"
	_, err := try(s.bench, s.set.DataLoads.FindLoadedFile, LoadedFile{DataLoad: file, Load: "loadofit0001"})
	requireType(t, err, Drifted)
	require.NotContains(t, err.Error(), "nothing was loaded")
}

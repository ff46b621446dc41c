package load

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/ingest"
	"tejun/internal/ingest/gen"
)

// tableOf is a dataset's table in a mode.
func tableOf(d *dataset.Dataset, mode Mode) Table {
	t := Of(d)
	t.Mode, t.Schema = mode, "public"
	return t
}

// example is a dataset of the examples.
func example(t *testing.T, id string) *dataset.Dataset {
	t.Helper()
	d, err := dataset.Load(filepath.Join("..", "..", "examples", "datasets", id+".yaml"))
	require.NoError(t, err)
	return d
}

// source converts a file.
func source(d *dataset.Dataset, open func() io.Reader) Source {
	return func(ctx context.Context, emit func(ingest.Chunk) error) (Arrived, error) {
		hash := sha256.New()
		totals, err := ingest.Convert(ctx, d, io.TeeReader(open(), hash), ingest.Options{Workers: 2, Unordered: true}, emit)
		return Arrived{SHA256: hex.EncodeToString(hash.Sum(nil)), Bytes: totals.Bytes, Totals: totals}, err
	}
}

func bytesOf(b []byte) func() io.Reader { return func() io.Reader { return bytes.NewReader(b) } }

// loaded does a whole load.
func loaded(t *testing.T, s *Store, table Table, spec *dataset.Dataset, operation string, file []byte) (Difference, Entry) {
	t.Helper()
	run := Run{Operation: operation, Attempt: 1}
	staged, err := s.Stage(t.Context(), table, run, int64(len(file)/100), source(spec, bytesOf(file)))
	require.NoError(t, err)
	require.Equal(t, staged.Method == Swap, staged.Sum != "", "what becomes the table is summed on its way")
	d, err := s.Difference(t.Context(), table, run)
	require.NoError(t, err)
	entry, err := s.Import(t.Context(), table, run, Order{Declaration: "d", Source: "test", Expect: d.Counts})
	require.NoError(t, err)
	rows, sum, err := s.Check(t.Context(), table)
	require.NoError(t, err)
	require.Equal(t, entry.Rows, rows)
	require.Equal(t, entry.Checksum, sum)
	require.NoError(t, s.Drop(t.Context(), run))
	return d, entry
}

// shared is a real file, or the test is skipped.
func shared(t *testing.T, name string) []byte {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "..", "..", "shared", "data", "ingest", name))
	if folder := os.Getenv("TEJUN_REAL_FILES"); err != nil && folder != "" {
		raw, err = os.ReadFile(filepath.Join(folder, name)) //nolint:gosec // whoever runs the test names it
	}
	if err != nil {
		t.Skipf("the real file %s is not on this machine: name its folder in TEJUN_REAL_FILES", name)
	}
	if filepath.Ext(name) != ".zip" {
		return raw
	}
	archive, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	require.NoError(t, err)
	member, err := archive.File[0].Open()
	require.NoError(t, err)
	content, err := io.ReadAll(member)
	require.NoError(t, err)
	return content
}

// TestPostalCodes loads two editions and compares with the facts that were counted with other tools.
func TestPostalCodes(t *testing.T) {
	first, second := shared(t, "ken_all_20241224.zip"), shared(t, "ken_all_20260529.zip")
	s, pool := database(t)
	d1 := example(t, "postal-codes")
	table := tableOf(d1, Replace)

	d, entry := loaded(t, s, table, d1, "op1", first)
	require.Equal(t, Counts{Records: 124754, Rows: 124754, New: 124754}, d.Counts)
	require.Equal(t, Swap, entry.Method)
	require.EqualValues(t, 124754, number(t, pool, "SELECT count(*) FROM postal_codes"))
	require.EqualValues(t, 120608, number(t, pool, "SELECT count(DISTINCT postal_code) FROM postal_codes"))
	found, err := s.Loaded(t.Context(), table, "d", entry.SHA256)
	require.NoError(t, err)
	require.NotNil(t, found)

	d, entry = loaded(t, s, table, d1, "op2", second)
	require.Equal(t, Counts{Records: 124825, Rows: 124825, New: 287, Changed: 34, Unchanged: 124504, Vanished: 216}, d.Counts)
	require.Equal(t, InPlace, entry.Method)
	require.Len(t, d.Samples.Changed, samplesEach)
	require.EqualValues(t, 124825, number(t, pool, "SELECT count(*) FROM postal_codes"))

	d, _ = loaded(t, s, table, d1, "op3", second)
	require.Equal(t, Counts{Records: 124825, Rows: 124825, Unchanged: 124825}, d.Counts)

	execSQL(t, pool, "UPDATE postal_codes SET city = 'x' WHERE ctid = (SELECT min(ctid) FROM postal_codes)")
	found, err = s.Loaded(t.Context(), table, "d", entry.SHA256)
	require.NoError(t, err)
	require.Nil(t, found, "the table was changed by hand")
}

func generated(t testing.TB, o gen.Options) ([]byte, gen.Facts) {
	t.Helper()
	var file bytes.Buffer
	facts, err := gen.Write(&file, o)
	require.NoError(t, err)
	return file.Bytes(), facts
}

// TestExcerptsOfRealFiles does the same with some rows of the files, which are always here; their numbers stand in testdata/real.
func TestExcerptsOfRealFiles(t *testing.T) {
	excerpt := func(name string) []byte {
		raw, err := os.ReadFile(filepath.Join("..", "ingest", "testdata", "real", name))
		require.NoError(t, err)
		return raw
	}
	s, pool := database(t)
	codes := example(t, "postal-codes")
	table := tableOf(codes, Replace)
	first, second := excerpt("ken_all_20241224.csv"), excerpt("ken_all_20260529.csv")
	d, _ := loaded(t, s, table, codes, "op1", first)
	require.Equal(t, Counts{Records: 258, Rows: 258, New: 258}, d.Counts)
	d, entry := loaded(t, s, table, codes, "op2", second)
	require.Equal(t, Counts{Records: 286, Rows: 286, New: 45, Changed: 2, Unchanged: 239, Vanished: 17}, d.Counts)
	require.EqualValues(t, 249, number(t, pool, "SELECT count(DISTINCT postal_code) FROM postal_codes"))
	found, err := s.Loaded(t.Context(), table, "d", entry.SHA256)
	require.NoError(t, err)
	require.Equal(t, "op2", found.Operation)
	d, _ = loaded(t, s, table, codes, "op3", first)
	require.Equal(t, Counts{Records: 258, Rows: 258, New: 17, Changed: 2, Unchanged: 239, Vanished: 45}, d.Counts, "and back")

	numbers := example(t, "corporate-numbers")
	d, _ = loaded(t, s, tableOf(numbers, Mode(numbers.Mode)), numbers, "op4", excerpt("houjin_diff_20250130.csv"))
	require.Equal(t, Counts{Records: 82, Rows: 58, Superseded: 24, New: 58}, d.Counts)
}

// TestCorporateNumbers loads a file in which several rows have one key and one of them is marked.
func TestCorporateNumbers(t *testing.T) {
	file := shared(t, "houjin_diff_20250130.csv")
	s, pool := database(t)
	d := example(t, "corporate-numbers")
	table := tableOf(d, Mode(d.Mode))
	got, _ := loaded(t, s, table, d, "op1", file)
	require.Equal(t, Counts{Records: 14238, Rows: 14082, Superseded: 156, New: 14082}, got.Counts)
	require.EqualValues(t, 14082, number(t, pool, "SELECT count(*) FROM "+table.sql()))
}

func TestDirtyFile(t *testing.T) {
	file, facts := generated(t, gen.Options{Rows: 20000, Seed: 1, Broken: 0.01, Duplicate: 0.01, Conflict: 0.002})
	require.NotZero(t, facts.Conflicts)
	n := func(i int) int64 { return int64(i) }
	for rule, want := range map[SameKey]Counts{
		RejectAll: {Rows: n(facts.Good - facts.Conflicts), Conflicts: n(2 * facts.Conflicts)},
		First:     {Rows: n(facts.Good), Superseded: n(facts.Conflicts)},
		Last:      {Rows: n(facts.Good), Superseded: n(facts.Conflicts)},
	} {
		t.Run(string(rule), func(t *testing.T) {
			s, pool := database(t)
			table := tableOf(gen.Dataset(), Merge)
			table.Duplicates.SameKey = rule
			d, _ := loaded(t, s, table, gen.Dataset(), "op1", file)
			want.Records, want.Rejected, want.Duplicates, want.New = n(facts.Records), n(facts.Broken), n(facts.Duplicates), want.Rows
			require.Equal(t, want, d.Counts)
			require.Equal(t, want.Rows, number(t, pool, "SELECT count(*) FROM organisations"))
		})
	}
}

func TestNextEdition(t *testing.T) {
	first, _ := generated(t, gen.Options{Rows: 20000, Seed: 1})
	second, facts := generated(t, gen.Options{Rows: 20000, Seed: 1, Changed: 0.02, Vanished: 0.01, New: 0.01})
	for mode, vanished := range map[Mode]int64{Replace: int64(facts.Vanished), Merge: 0} {
		t.Run(string(mode), func(t *testing.T) {
			s, pool := database(t)
			table := tableOf(gen.Dataset(), mode)
			loaded(t, s, table, gen.Dataset(), "op1", first)
			d, _ := loaded(t, s, table, gen.Dataset(), "op2", second)
			require.EqualValues(t, facts.New, d.Counts.New)
			require.EqualValues(t, facts.Changed, d.Counts.Changed)
			require.Equal(t, vanished, d.Counts.Vanished)
			require.Equal(t, d.After, number(t, pool, "SELECT count(*) FROM organisations"))
		})
	}
}

// TestSpeed prints how long the parts take; it is run by hand.
func TestSpeed(t *testing.T) {
	rows, err := strconv.Atoi(os.Getenv("TEJUN_LOAD_SPEED_ROWS"))
	if err != nil {
		t.Skip("set TEJUN_LOAD_SPEED_ROWS to a number of rows")
	}
	file, _ := generated(t, gen.Options{Rows: rows, Seed: 1, Broken: 0.005, Duplicate: 0.005, Conflict: 0.0005})
	next, _ := generated(t, gen.Options{Rows: rows, Seed: 1, Broken: 0.005, Duplicate: 0.005, Conflict: 0.0005, Changed: 0.02, Vanished: 0.005, New: 0.005})
	s, _ := database(t)
	table := tableOf(gen.Dataset(), Replace)
	for i, f := range [][]byte{file, next} {
		run := Run{Operation: "speed" + strconv.Itoa(i), Attempt: 1}
		begin := time.Now()
		lap := func(what string) {
			t.Logf("%-12s %v", what, time.Since(begin).Round(time.Millisecond))
			begin = time.Now()
		}
		_, err := s.Stage(t.Context(), table, run, int64(rows), source(gen.Dataset(), bytesOf(f)))
		require.NoError(t, err)
		lap("stage")
		d, err := s.Difference(t.Context(), table, run)
		require.NoError(t, err)
		lap("difference")
		_, err = s.Import(t.Context(), table, run, Order{Expect: d.Counts})
		require.NoError(t, err)
		lap("import")
		_, _, err = s.Check(t.Context(), table)
		require.NoError(t, err)
		lap("check")
		require.NoError(t, s.Drop(t.Context(), run))
		lap("drop")
		t.Logf("%+v", d.Counts)
	}
}

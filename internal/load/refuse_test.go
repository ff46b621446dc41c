package load

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/ingest/gen"
)

// TestBadFilesLeaveNothing gives up files as a whole: the table and the staging stay as they were.
func TestBadFilesLeaveNothing(t *testing.T) {
	good, _ := generated(t, gen.Options{Rows: 300, Seed: 1})
	d := gen.Dataset()
	table := tableOf(d, Replace)
	for name, c := range map[string]struct {
		file []byte
		want string
		edit func(*dataset.Dataset)
	}{
		"empty":           {nil, "empty", nil},
		"quote left open": {append(bytes.Clone(good), []byte(`301,"`)...), "quote", nil},
		"wrong columns":   {[]byte(strings.Repeat("1,2,3\r\n", 100)), "columns", nil},
		"more rejects":    {append(bytes.Clone(good), []byte("x\r\n")...), "allowed", func(d *dataset.Dataset) { d.Limits.RejectRows = 0 }},
		"utf16":           {append([]byte{0xFF, 0xFE}, good...), "UTF-16", nil},
	} {
		t.Run(name, func(t *testing.T) {
			s, pool := database(t)
			d := gen.Dataset()
			if c.edit != nil {
				c.edit(d)
			}
			run := Run{"op", 1}
			_, err := s.Stage(t.Context(), table, run, 0, source(d, bytesOf(c.file)))
			require.ErrorContains(t, err, c.want)
			require.Zero(t, number(t, pool, "SELECT count(*) FROM pg_class WHERE relname = 'organisations'"))
			_, err = s.Difference(t.Context(), table, run)
			require.ErrorIs(t, err, ErrNotStaged)
		})
	}
}

// TestRejectsOpenInExcel reads the rejected rows as a spreadsheet does.
func TestRejectsOpenInExcel(t *testing.T) {
	s, _ := database(t)
	d := &dataset.Dataset{
		ID: "t", Table: "public.t", Encoding: "utf-8", Format: dataset.Format{Kind: dataset.CSV, Delimiter: ","}, Key: []string{"id"}, Mode: dataset.Merge,
		Columns: []dataset.Column{{Name: "id", Field: 1, Type: dataset.Integer, Required: true}, {Name: "v", Field: 2, Type: dataset.Text}},
		Limits:  dataset.Limits{RejectRows: -1, MaxLine: 1000},
	}
	run := Run{"op", 1}
	staged, err := s.Stage(t.Context(), Of(d), run, 0, source(d, bytesOf([]byte("1,a\n=cmd,b\n2,x\n2,y\n1,a\n"))))
	require.NoError(t, err)
	require.Equal(t, Counts{Records: 5, Rows: 1, Rejected: 1, Duplicates: 1, Conflicts: 2}, staged.Counts)
	var out bytes.Buffer
	rows, err := s.WriteRejects(t.Context(), &out, Of(d), run)
	require.NoError(t, err)
	require.EqualValues(t, 3, rows)
	require.True(t, bytes.HasPrefix(out.Bytes(), []byte("\xef\xbb\xbf")))
	lines, err := csv.NewReader(bytes.NewReader(out.Bytes()[3:])).ReadAll()
	require.NoError(t, err)
	require.Len(t, lines, 4)
	require.Equal(t, []string{"2", "id"}, lines[1][:2])
	require.Equal(t, "'=cmd,b", lines[1][3])
	require.Equal(t, "0x3d636d642c62", lines[1][5])
	require.Contains(t, lines[2][2], "line 3")
}

// TestReferences rejects rows whose value is not where it must be found, and hides values that nobody may see.
func TestReferences(t *testing.T) {
	s, pool := database(t)
	execSQL(t, pool, "CREATE TABLE kinds (code text PRIMARY KEY)", "INSERT INTO kinds VALUES ('a')")
	d := &dataset.Dataset{
		ID: "t", Table: "public.t", Encoding: "utf-8", Format: dataset.Format{Kind: dataset.CSV, Delimiter: ","}, Key: []string{"id"}, Mode: dataset.Merge,
		Columns: []dataset.Column{
			{Name: "id", Field: 1, Type: dataset.Integer, Required: true},
			{Name: "v", Field: 2, Type: dataset.Text, Personal: true, References: &dataset.Reference{Table: "public.kinds", Column: "code"}},
		},
		Limits: dataset.Limits{RejectRows: -1, MaxLine: 1000},
	}
	run := Run{"op", 1}
	staged, err := s.Stage(t.Context(), Of(d), run, 0, source(d, bytesOf([]byte("1,a\n2,secret\n3,\n"))))
	require.NoError(t, err)
	require.Equal(t, Counts{Records: 3, Rows: 2, Dangling: 1}, staged.Counts)
	difference, err := s.Difference(t.Context(), Of(d), run)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"v": masked}, difference.Samples.New[0].After)
	var reason string
	require.NoError(t, pool.QueryRow(t.Context(), "SELECT reason FROM "+quote(ledgerSchema, run.table("r"))).Scan(&reason))
	require.NotContains(t, reason, "secret")
}

package load

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
)

// small is a dataset of two columns.
func small(mode string) *dataset.Dataset {
	return &dataset.Dataset{
		ID: "t", Table: "public.t", Encoding: "utf-8", Format: dataset.Format{Kind: dataset.CSV, Delimiter: ","}, Key: []string{"id"}, Mode: mode,
		Columns: []dataset.Column{{Name: "id", Field: 1, Type: dataset.Integer, Required: true}, {Name: "v", Field: 2, Type: dataset.Text}},
		Limits:  dataset.Limits{MaxLine: 1000},
	}
}

// planned stages a file and works out what it would do.
func planned(t *testing.T, s *Store, d *dataset.Dataset, operation, file string) (Run, Order) {
	t.Helper()
	run := Run{operation, 1}
	_, err := s.Stage(t.Context(), Of(d), run, 0, source(d, bytesOf([]byte(file))))
	require.NoError(t, err)
	difference, err := s.Difference(t.Context(), Of(d), run)
	require.NoError(t, err)
	return run, Order{Declaration: "d", Source: "test", Expect: difference.Counts}
}

// A trigger that makes a load come out otherwise does so every time: the answer is final, and nothing is loaded.
func TestATriggerThatChangesTheOutcomeIsAFinalAnswer(t *testing.T) {
	for name, c := range map[string]struct{ table, trigger, want string }{
		"one more row": {
			"INSERT INTO t VALUES (9, 'z')",
			"IF NEW.id = 1 THEN INSERT INTO t VALUES (100, 'x'); END IF; RETURN NEW;", "is there a trigger that puts in or takes out rows?",
		},
		"one row less":                   {"", "IF NEW.id = 1 THEN RETURN NULL; END IF; RETURN NEW;", "is there a trigger that puts in or takes out rows?"},
		"other values in an empty table": {"", "NEW.v = 'x'; RETURN NEW;", "is there a trigger that changes them?"},
		"other values":                   {"INSERT INTO t VALUES (9, 'z')", "NEW.v = 'x'; RETURN NEW;", "is there a trigger that changes them?"},
	} {
		t.Run(name, func(t *testing.T) {
			s, pool := database(t)
			execSQL(t, pool, "CREATE TABLE t (id bigint PRIMARY KEY, v text)",
				"CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "+c.trigger+" END $$",
				"CREATE TRIGGER spoil BEFORE INSERT ON t FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION spoil()")
			execSQL(t, pool, "ALTER TABLE t DISABLE TRIGGER spoil")
			if c.table != "" {
				execSQL(t, pool, c.table)
			}
			execSQL(t, pool, "ALTER TABLE t ENABLE TRIGGER spoil")
			before := number(t, pool, "SELECT count(*) FROM t")
			run, order := planned(t, s, small(dataset.Merge), "op", "1,a\n2,b\n")
			_, err := s.Import(t.Context(), Of(small(dataset.Merge)), run, order)
			var final *TargetError
			require.ErrorAs(t, err, &final)
			require.ErrorContains(t, err, c.want)
			require.Equal(t, before, number(t, pool, "SELECT count(*) FROM t"))
		})
	}
}

// Rows without a key are only added; that others were added meanwhile shows before anything is.
func TestATableWithoutAKeyIsComparedToo(t *testing.T) {
	s, pool := database(t)
	d := small(dataset.Append)
	d.Key = nil
	execSQL(t, pool, "CREATE TABLE t (id bigint NOT NULL, v text)", "INSERT INTO t VALUES (1, 'a')")
	run, order := planned(t, s, d, "op", "1,a\n2,b\n")
	execSQL(t, pool, "UPDATE t SET v = 'z'")
	_, err := s.Import(t.Context(), Of(d), run, order)
	require.ErrorIs(t, err, ErrDrifted)
	execSQL(t, pool, "UPDATE t SET v = 'a'")
	entry, err := s.Import(t.Context(), Of(d), run, order)
	require.NoError(t, err)
	require.EqualValues(t, 3, entry.Rows)
}

package repair

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const examples = "../../examples/repairs"

func TestTheExamplesAreGoodTemplates(t *testing.T) {
	files, err := filepath.Glob(examples + "/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		_, err := Load(examples, strings.TrimSuffix(filepath.Base(file), ".yaml"))
		require.NoError(t, err)
	}
	_, err = Load(examples, "drop-everything")
	require.ErrorContains(t, err, "there is no approved template")
	require.ErrorContains(t, err, "delete-duplicate-application")
	for _, path := range []string{"../system", "/etc/passwd", "a/b", ""} {
		_, err = Load(examples, path)
		require.ErrorContains(t, err, "want small letters", path)
	}
}

// template is the example with another statement on table public.t, whose parameters are a and b.
func template(statement string) string {
	return "id: x\nname: {ja: x, en: x}\ndescription: {ja: x, en: x}\ntable: public.t\nkey: [id]\nshow: []\nmaxRows: 5\nparameters:\n" +
		"  - {name: a, type: text, description: {ja: x, en: x}}\n  - {name: b, type: integer, description: {ja: x, en: x}}\nstatement: |\n  " + statement + "\n"
}

func TestStatementsStayWithinTheirTable(t *testing.T) {
	for _, good := range []string{
		"UPDATE public.t SET v = :a WHERE n >= :b",
		"update public.t set v = coalesce(nullif(:a, ''), 'it''s'), w = 1 where (n <= :b or n is null) and v in ('a', 'b')",
		"DELETE FROM public.t WHERE n = :b AND v = :a",
		"INSERT INTO public.t (id, v) VALUES (:b, :a)",
	} {
		_, err := Parse("x.yaml", []byte(template(good)))
		assert.NoError(t, err, good)
	}
	for bad, says := range map[string]string{
		"SELECT 1 FROM t WHERE n = :b AND v = :a":                                "must begin with UPDATE",
		"UPDATE public.t SET v = :a":                                             "no WHERE",
		"UPDATE public.t SET v = :a, n = :b WHERE":                               "no WHERE",
		"DELETE FROM public.t":                                                   "no WHERE",
		"UPDATE other.t SET v = :a WHERE n = :b":                                 "declared table",
		"UPDATE public.t SET v = :a WHERE n = :b; DELETE FROM public.t":          "not allowed",
		"UPDATE public.t SET v = :a WHERE n = :b -- all":                         "comment",
		"UPDATE public.t SET v = :a /* x */ WHERE n = :b":                        "comment",
		"UPDATE public.t SET v = (SELECT v FROM u) WHERE n = :b AND v = :a":      "SELECT is not allowed",
		"UPDATE public.t SET v = :a FROM u WHERE n = :b":                         "FROM is not allowed",
		"DELETE FROM public.t USING u WHERE n = :b AND v = :a":                   "USING is not allowed",
		"UPDATE public.t SET v = :a WHERE n = :b RETURNING v":                    "RETURNING is not allowed",
		"UPDATE public.t SET v = pg_read_file(:a) WHERE n = :b":                  "pg_read_file is not allowed",
		"UPDATE public.t SET v = now() WHERE n = :b AND v = :a":                  "NOW is not allowed",
		"UPDATE public.t SET v = $$x$$ WHERE n = :b AND v = :a":                  "not allowed",
		"UPDATE public.t SET v = E'\\x' WHERE n = :b AND v = :a":                 "special literal",
		"UPDATE public.t SET v = 'open WHERE n = :b AND v = :a":                  "never closed",
		"UPDATE public.t SET v = :a WHERE n = :b AND (w = 1":                     "never closed",
		"UPDATE public.t SET id = :b WHERE v = :a":                               "part of the key",
		"UPDATE public.t SET v = :c WHERE n = :b AND v = :a":                     ":c is not declared",
		"UPDATE public.t SET v = :a WHERE n = 1":                                 "b does not occur",
		"UPDATE public.t SET (v, n) = (:a, :b) WHERE n = 1":                      "column = value",
		"INSERT INTO public.t (v, n) VALUES (:a, :b)":                            "does not give the key column id",
		"INSERT INTO public.t VALUES (:a, :b)":                                   "must be of the form",
		"INSERT INTO public.t (id, v) VALUES (:b, :a) ON CONFLICT DO NOTHING":    "CONFLICT is not allowed",
		"WITH x AS (DELETE FROM u) DELETE FROM public.t WHERE n = :b AND v = :a": "must begin with",
	} {
		_, err := Parse("x.yaml", []byte(template(bad)))
		require.Error(t, err, bad)
		assert.ErrorContains(t, err, says, bad)
		assert.Contains(t, err.Error(), "x.yaml:", "with its place")
	}
}

func TestTemplatesAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ from, to, says string }{
		"unknown key":   {"maxRows: 5", "maxRows: 5\nforce: true", "force"},
		"no bound":      {"maxRows: 5\n", "", "maxRows"},
		"bad table":     {"table: public.t", "table: t; DROP", "schema.table"},
		"unknown type":  {"type: integer", "type: int", "integer"},
		"bad pattern":   {"name: a, type: text,", "name: a, type: text, pattern: '(',", "regular expression"},
		"no key":        {"key: [id]", "key: []", "key"},
		"name twice":    {"name: b,", "name: a,", "given twice"},
		"column quoted": {"show: []", "show: ['a\"; DROP']", "column's name"},
	} {
		text := template("UPDATE public.t SET v = :a WHERE n = :b")
		require.Contains(t, text, c.from, name)
		_, err := Parse("x.yaml", []byte(strings.Replace(text, c.from, c.to, 1)))
		require.ErrorContains(t, err, c.says, name)
	}
}

func TestValuesAreOfTheirTypes(t *testing.T) {
	tm, err := Load(examples, "correct-application-status")
	require.NoError(t, err)
	good := map[string]string{"from": "done", "to": "checking", "since": "2026-11-01", "until": "2026-11-30"}
	require.NoError(t, tm.Check(good))
	for name, value := range map[string]string{"from": "done'; DROP TABLE t; --", "since": "2026-13-01", "until": "now()", "extra": "1"} {
		bad := map[string]string{}
		for k, v := range good {
			bad[k] = v
		}
		bad[name] = value
		require.ErrorContains(t, tm.Check(bad), name)
	}
	require.ErrorContains(t, tm.Check(nil), "missing")
	for kind, values := range map[string][2]string{
		"integer": {"-12", "1.5"}, "numeric": {"1.50", "1e9"}, "boolean": {"true", "yes"}, "timestamp": {"2026-11-01T00:00:00+09:00", "2026-11-01T00:00:00"}, "text": {"山", "a\x00"},
	} {
		assert.Empty(t, Parameter{Type: kind}.check(values[0]), kind)
		assert.NotEmpty(t, Parameter{Type: kind}.check(values[1]), kind)
	}
	assert.NotEmpty(t, Parameter{Type: "text", MaxLength: 2}.check("abc"))
	assert.NotEmpty(t, Parameter{Type: "text", Pattern: "[0-9]+"}.check("1x"))
}

func TestParametersAreBoundAndNeverPartOfTheText(t *testing.T) {
	tm, err := Parse("x.yaml", []byte(template("UPDATE public.t SET v = :a WHERE n >= :b AND v <> :a")))
	require.NoError(t, err)
	q := tm.Execute(map[string]string{"a": "x'; DROP TABLE t; --", "b": "1"})
	assert.Equal(t, `UPDATE "public"."t" SET v = $1::text WHERE ( n >= $2::bigint and v <> $1::text ) RETURNING to_jsonb("t")::text`, q.SQL)
	assert.Equal(t, []any{"x'; DROP TABLE t; --", "1"}, q.Args)
}

func FuzzParse(f *testing.F) {
	seed, err := os.ReadFile(examples + "/correct-application-status.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(seed))
	f.Add(template("INSERT INTO public.t (id, v) VALUES (:b, :a)"))
	f.Fuzz(func(t *testing.T, text string) {
		tm, err := Parse("x.yaml", []byte(text))
		if err == nil {
			tm.Affected(nil)
			tm.Execute(nil)
			tm.Undo([]string{"{}"}, []string{"{}"})
		}
	})
}

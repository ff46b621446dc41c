package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/dataset/infer"
	"tejun/internal/devserver"
)

func TestDatasetsAreListedAndChecked(t *testing.T) {
	code, out, problem := newCLI(t).run(t, "dataset", "list", "--json")
	require.Equal(t, 0, code, problem)
	all := jsonOf[[]dataset.Dataset](t, out)
	require.Len(t, all, 2, "the folder datasets beside system.yaml")
	_, out, _ = newCLI(t).run(t, "dataset", "list")
	assert.Contains(t, out, "郵便番号")
	assert.Contains(t, out, "s3://gzs-incoming/postal-codes/*.zip")

	code, out, problem = newCLI(t).run(t, "dataset", "check")
	require.Equal(t, 0, code, problem)
	assert.Contains(t, out, "ok postal-codes: 15 columns, key (code, postal_code, town_kana, town), table public.postal_codes, mode replace")
}

func TestMistakesInADatasetExit2WithTheirPlaces(t *testing.T) {
	data, err := os.ReadFile("../examples/datasets/postal-codes.yaml")
	require.NoError(t, err)
	bad := writeFile(t, "bad.yaml", strings.Replace(string(data), "key: [code, ", "key: [cod, ", 1))
	code, _, problem := newCLI(t).run(t, "dataset", "check", bad)
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, `key[0]: there is no column "cod" (do you mean code?)`)
	assert.Regexp(t, `bad\.yaml:[0-9]+:7: `, problem)

	code, out, _ := newCLI(t).run(t, "dataset", "check", "--json", bad)
	assert.Equal(t, exitUsage, code)
	problems := jsonOf[[]struct{ File, Path string }](t, out)
	require.Len(t, problems, 1)
	assert.Equal(t, "key[0]", problems[0].Path)
	for _, args := range [][]string{{"dataset", "sql", bad}, {"dataset", "sql"}, {"dataset", "infer"}, {"dataset", "infer", "none.csv"}, {"dataset", "list", "--dir", "none"}} {
		code, _, _ = newCLI(t).run(t, args...)
		assert.Equal(t, exitUsage, code, args)
	}
}

func TestAProposalCanBeCheckedAndIsNeverWrittenOver(t *testing.T) {
	csv := writeFile(t, "shops.csv", "ID,住所\n1,東京都千代田区\n2,北海道札幌市\n")
	code, out, problem := newCLI(t).run(t, "dataset", "infer", csv, "--json")
	require.Equal(t, 0, code, problem)
	assert.Equal(t, "public.shops", jsonOf[infer.Proposal](t, out).Dataset.Table)

	to := filepath.Join(t.TempDir(), "shops.yaml")
	code, out, problem = newCLI(t).run(t, "dataset", "infer", csv, "--out", to)
	require.Equal(t, 0, code, problem)
	assert.Contains(t, out, "Look at these before it is used")
	code, _, problem = newCLI(t).run(t, "dataset", "check", to)
	assert.Equal(t, 0, code, problem)
	code, out, problem = newCLI(t).run(t, "dataset", "sql", to)
	require.Equal(t, 0, code, problem)
	assert.Contains(t, out, `CREATE TABLE "public"."shops"`)

	code, _, problem = newCLI(t).run(t, "dataset", "infer", csv, "--out", to)
	assert.Equal(t, exitRefused, code)
	assert.Contains(t, problem, "is there already")
}

// The statements bring the table that is there to the declaration, and nothing is run.
func TestTheSQLOfATableThatIsThereChangesIt(t *testing.T) {
	server, err := devserver.StartDatabase(t.Context(), devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	conn, err := pgx.Connect(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	file := "../examples/datasets/postal-codes.yaml"
	ask := func(args ...string) dataset.Migration {
		c := newCLI(t)
		c.env["TEJUN_OPERATED_DATABASE_URL"] = server.DSN()
		code, out, problem := c.run(t, append([]string{"dataset", "sql", "--json"}, args...)...)
		require.Equal(t, 0, code, problem)
		return jsonOf[dataset.Migration](t, out)
	}
	m := ask(file)
	require.True(t, m.Create)
	for _, sql := range m.Statements {
		exec(sql)
	}
	require.Empty(t, ask(file).Statements)

	exec("ALTER TABLE public.postal_codes DROP COLUMN prefecture")
	_, out, _ := newCLI(t).run(t, "dataset", "sql", file, "--database-url", server.DSN())
	require.Contains(t, out, "-- add prefecture (text)\nBEGIN;\n\nALTER TABLE \"public\".\"postal_codes\" ADD COLUMN \"prefecture\" text")
	require.Len(t, ask(file).Changes, 1, "nothing was run")
	exec(dataset.SQL(ask(file).Statements))
	require.Empty(t, ask(file).Statements)

	exec("ALTER TABLE public.postal_codes ADD COLUMN by_hand text")
	code, _, problem := newCLI(t).run(t, "dataset", "sql", file, "--database-url", server.DSN())
	require.Equal(t, exitRefused, code)
	require.Contains(t, problem, "the column by_hand is in the table and not in the declaration")
	code, _, problem = newCLI(t).run(t, "dataset", "sql", file, "--database-url", "host=x")
	require.Equal(t, exitUsage, code)
	require.NotContains(t, problem, "host=x")
}

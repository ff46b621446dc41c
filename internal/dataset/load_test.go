package dataset

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/strictyaml"
)

const examples = "../../examples/datasets"

func example(t *testing.T, id string) *Dataset {
	t.Helper()
	d, err := Load(filepath.Join(examples, id+".yaml"))
	require.NoError(t, err)
	return d
}

// edited is the postal codes' declaration with one text, which is there exactly once, replaced.
func edited(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(examples, "postal-codes.yaml"))
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(data), from), "%q in the example", from)
	return strings.Replace(string(data), from, to, 1)
}

func TestTheExamplesAreValid(t *testing.T) {
	all, err := LoadDir(examples)
	require.NoError(t, err)
	require.Len(t, all, 2)
	assert.Equal(t, "corporate-numbers", all[0].ID)
	assert.Len(t, all[0].Columns, 30)
	postal := all[1]
	assert.Len(t, postal.Columns, 15)
	assert.Equal(t, []string{"code", "postal_code", "town_kana", "town"}, postal.Key)
	assert.Equal(t, int64(0), postal.Limits.RejectRows)
	assert.Equal(t, int64(-1), all[0].Limits.RejectRows, "a share alone limits")
	assert.Equal(t, PackingNone, all[0].Packing.Kind)
	schema, name := postal.TableName()
	assert.Equal(t, "public postal_codes", schema+" "+name)
}

func TestTheDigestIsThatOfTheMeaning(t *testing.T) {
	d := example(t, "postal-codes")
	same, err := Parse("x.yaml", []byte(edited(t, "mode: replace # each file is the whole", "mode:   replace")))
	require.NoError(t, err)
	assert.Equal(t, d.Digest(), same.Digest())
	other, err := Parse("x.yaml", []byte(edited(t, "vanishShare: 0.05", "vanishShare: 0.06")))
	require.NoError(t, err)
	assert.NotEqual(t, d.Digest(), other.Digest())
}

func TestMistakesAreFoundWhereTheyAre(t *testing.T) {
	for _, c := range []struct{ from, to, want string }{
		{"id: postal-codes", "id: Postal", `id: "Postal": want a short permanent name`},
		{"  s3: {bucket: gzs-incoming, prefix: postal-codes/}", "  s3: {bucket: gzs-incoming, prefix: postal-codes/}\n  file: {dir: x}", "source: names 2 sources: give exactly one"},
		{"  s3: {bucket: gzs-incoming, prefix: postal-codes/}", "  http: {url: \"http://example.jp/x\"}", "want an absolute address that starts with https://"},
		{"  s3: {bucket: gzs-incoming, prefix: postal-codes/}", "  http: {url: \"https://169.254.169.254/x\"}", "names an IP address"},
		{"prefix: postal-codes/}", "prefix: ../x/}", "source.s3.prefix: \"../x/\": want a folder"},
		{`match: "*.zip"`, `match: "[z"`, "is not a pattern"},
		{`kind: zip, member: "*.CSV"`, `kind: gzip, member: "*.CSV"`, "packing.member: is only for kind zip"},
		{"kind: csv, header: false", "kind: cvs, header: false", `"cvs" is unknown (do you mean csv?)`},
		{"encoding: cp932", "encoding: sjis", `encoding: "sjis" is unknown: want cp932, utf-8, euc-jp, detect`},
		{"table: public.postal_codes", "table: postal_codes", "write schema.name, such as public.postal_codes"},
		{"table: public.postal_codes", "table: tejun_load.x", "belongs to PostgreSQL or to tejun"},
		{"name: change,", "name: user,", `columns[13].name: "user" is a word of SQL: choose another name, such as user_`},
		{"name: change,", "name: Change,", "want small letters a-z, digits and _"},
		{"name: change,", "name: tejun_line,", "are for the staging tables"},
		{"name: change,", "name: code,", `columns[13].name: name "code" is already taken by columns[0]`},
		{"field: 14,", "field: 16,", "columns[13].field: 16 is impossible: want 1 to 15"},
		{"field: 14,", "header: 更新,", "the file has no header"},
		{"field: 14, ", "", "columns[13]: does not say where it stands"},
		{`pattern: "[0-9]{7}"`, `pattern: "[0-9"`, "columns[2].pattern: is not a regular expression"},
		{`pattern: "[0-9]{7}"`, `pattern: "[0-9])|(?:x"`, "columns[2].pattern: is not a regular expression"},
		{`max: "2"`, `max: "-1"`, "columns[13].max: -1 is below min 0"},
		{`max: "2"`, `max: "two"`, `"two" is no integer as the column has it`},
		{`max: "2"`, `max: 2`, "want text, got the bare value 2: put it in quotes if it is meant"},
		{`field: 13, type: boolean`, `field: 13, type: date, layouts: ["YYYY/MM/DD HH:mm"]`, "has a time of day"},
		{`field: 13, type: boolean`, `field: 13, type: date, layouts: ["DD"]`, "has no YYYY"},
		{"key: [code, postal_code, town_kana, town]", "key: [code, zip]", `key[1]: there is no column "zip"`},
		{"field: 9, type: text, required: true", "field: 9, type: text", "key[3]: the column town may be empty"},
		{"key: [code, postal_code, town_kana, town]\n", "", "key: is missing: name the columns that tell rows apart"},
		{"sameKey: reject}", "sameKey: where}", "where needs the column that marks"},
		{"mode: replace", "mode: replce", "(do you mean replace?)"},
		{"rejectRows: 0", "rejectShare: 3.0", "limits.rejectShare: 3 is impossible"},
		{"maxLine: 4096", "maxLine: 1", "limits.maxLine: 1 is impossible"},
		{"maxRows: 1000000", "maxRow: 1", "unknown key (do you mean maxRows?)"},
		{"when: over-limits", "when: never", `"never" is unknown`},
		{"# continuation: {column: town, open: （", "continuation: {column: town, open: ）", "continuation.close: is the same as open"},
	} {
		d, err := Parse("x.yaml", []byte(edited(t, c.from, c.to)))
		var invalid *strictyaml.InvalidError
		require.ErrorAs(t, err, &invalid, c.to)
		assert.Nil(t, d)
		assert.Contains(t, err.Error(), c.want)
		assert.Regexp(t, `(?m)^x\.yaml:[0-9]+:[0-9]+: `, err.Error())
		assert.GreaterOrEqual(t, invalid.Problems[0].Line, 3, "the problem stands where it is: %v", err)
	}
}

func TestAFolderIsCheckedTogether(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("a.yaml", edited(t, "approval:", "# approval:"))
	write("b.yaml", edited(t, "mode: replace", "mode: merge"))
	write("c.yaml", strings.NewReplacer("id: postal-codes", "id: other", "public.postal_codes", "public.other", "    vanishShare: 0.05\n", "").
		Replace(edited(t, `field: 14, type: integer`, `field: 14, type: integer, references: {table: public.postal_codes, column: zip}`)))
	_, err := LoadDir(dir)
	require.Error(t, err)
	assert.Contains(t, err.Error(), "limits.vanishShare: rows vanish only in mode replace")
	assert.Contains(t, err.Error(), `c.yaml:30:`)
	assert.Contains(t, err.Error(), `there is no column "zip"`)

	write("b.yaml", edited(t, "key: [code, postal_code, town_kana, town]", "key: [code]"))
	_, err = LoadDir(dir)
	require.Error(t, err)
	assert.Contains(t, err.Error(), `"postal-codes" is already taken by `)
	assert.Contains(t, err.Error(), "its key is (code, postal_code, town_kana, town)")

	_, err = LoadDir(filepath.Join(dir, "none"))
	assert.Error(t, err)
}

// One mistake does not stop what has nothing to do with it.
func TestAFolderIsReadBesideAMistake(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	write("a.yaml", edited(t, "approval:", "approval:"))
	write("b.yaml", "id: [")
	write("c.yaml", edited(t, "key: [code, postal_code, town_kana, town]", "key: [code]"))
	list, wrong, err := LoadEach(dir)
	require.NoError(t, err)
	require.Len(t, list, 1)
	assert.Equal(t, "postal-codes", list[0].ID)
	require.Len(t, wrong, 2)
	assert.Equal(t, []string{"b.yaml", ""}, []string{wrong[0].File, wrong[0].ID})
	assert.Equal(t, []string{"c.yaml", "postal-codes"}, []string{wrong[1].File, wrong[1].ID})
	assert.ErrorContains(t, wrong[1].Err, "is already taken by")
	_, _, err = LoadEach(filepath.Join(dir, "none"))
	assert.Error(t, err)
}

func FuzzParse(f *testing.F) {
	for _, id := range []string{"postal-codes", "corporate-numbers"} {
		data, err := os.ReadFile(filepath.Join(examples, id+".yaml"))
		require.NoError(f, err)
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := Parse("x.yaml", data)
		if (d == nil) == (err == nil) {
			t.Fatalf("a dataset %v and the error %v", d, err)
		}
	})
}

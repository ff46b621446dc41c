package infer

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"

	"tejun/internal/dataset"
)

func file(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, content, 0o600))
	return path
}

const shops = `番号,氏名,郵便番号,登録日,生年月日,金額,更新日時,メールアドレス,種別
1001,佐藤　花子,0600000,2024-12-24,昭和55年4月1日,1200.50,2024/12/24 09:30:00,a@example.jp,甲
1002,鈴木　一郎,1000001,2024-12-25,平成元年1月8日,-3,2024/12/24 09:31:00,b@example.jp,乙
1003,高橋　次郎,1000002,2024-12-26,令和6年12月24日,0,2024/12/24 09:32:00,c@example.jp,甲
`

func TestAHeaderAndTypesAreSeen(t *testing.T) {
	for encoding, content := range map[string][]byte{"utf-8": []byte(shops), "cp932": must(japanese.ShiftJIS.NewEncoder().Bytes([]byte(shops))), "euc-jp": must(japanese.EUCJP.NewEncoder().Bytes([]byte(shops)))} {
		p := propose(t, file(t, "shops_20241224.csv", content))
		d := p.Dataset
		assert.Equal(t, encoding, d.Encoding)
		assert.True(t, d.Format.Header)
		assert.Equal(t, "shops_*.csv", d.Source.Match)
		var got []string
		for _, c := range d.Columns {
			got = append(got, c.Name+" "+c.Type+" "+strings.Join(c.Layouts, "|"))
		}
		assert.Equal(t, []string{"number integer ", "person_name text ", "postal_code text ", "registered_on date YYYY-MM-DD", "born_on date wareki",
			"amount numeric ", "updated_at timestamp YYYY/MM/DD HH:mm:ss", "mail text ", "kind text "}, got)
		assert.Equal(t, []string{"number"}, d.Key)
		assert.True(t, d.Columns[1].Personal)
		assert.NotContains(t, p.YAML, "昭和55年4月1日", "nobody's data is quoted")
		assert.Contains(t, p.YAML, "guess from 3 values", "few values make a guess")
		assert.Contains(t, strings.Join(p.Doubts, "\n"), "the key could as well be")
	}
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

func TestOddFilesAreProposedWithDoubts(t *testing.T) {
	for _, c := range []struct{ name, content, doubt string }{
		{"one.csv", "a,b\n", "there is only one record"},
		{"words.csv", "りんご,赤い\nばなな,黄色\nぶどう,紫\n", "is a header is a guess"},
		{"ragged.csv", "1,2,3\n4,5,6\n7,8\n9,1,2\n", "1 records have another number of fields than 3"},
		{"single.txt", "りんご\nばなな\nぶどう\n", "no delimiter was found"},
		{"copies.csv", "id,name\n1,a\n1,a\n2,b\n", "1 rows are exact copies"},
		{"same.csv", "1,0.5\n1,0.6\n1,0.5\n", "no key was found"},
		{"nested.jsonl", "{\"id\":1,\"tags\":[1,2]}\n{\"id\":2,\"tags\":[]}\n", "holds lists or objects"},
		{"broken.jsonl", "{\"id\":1}\n{\"id\":\n", "are not JSON objects"},
		{"twice.csv", "id,id,name\n1,2,a\n2,3,b\n3,4,c\n", "columns are named column_1"},
		{"bad.csv", "id,name\n1,日本語日本語日本語\n2,\xff\xfe\xfd日本語日本語\n", "are not of it"},
		{"user.csv", "select,日付\n1,20240101\n2,20240229\n", "eight digits that are days"},
	} {
		p := propose(t, file(t, c.name, []byte(c.content)))
		assert.Contains(t, strings.Join(p.Doubts, "\n"), c.doubt, c.name+"\n"+p.YAML)
		assert.Contains(t, p.YAML, "# LOOK: ")
	}
}

func TestOtherDelimitersAndPackings(t *testing.T) {
	for _, d := range []string{"\t", ";", "|"} {
		p := propose(t, file(t, "x.txt", []byte(strings.ReplaceAll(shops, ",", d))))
		assert.Equal(t, d, p.Dataset.Format.Delimiter)
		assert.Len(t, p.Dataset.Columns, 9)
	}
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write([]byte(shops))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	assert.Equal(t, dataset.PackingGzip, propose(t, file(t, "x.csv.gz", packed.Bytes())).Dataset.Packing.Kind)

	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	for name, content := range map[string]string{"readme.txt": "お読みください", "data/shops.csv": shops} {
		m, err := z.Create(name)
		require.NoError(t, err)
		_, err = m.Write([]byte(content))
		require.NoError(t, err)
	}
	require.NoError(t, z.Close())
	p := propose(t, file(t, "x.zip", archive.Bytes()))
	assert.Equal(t, dataset.Packing{Kind: dataset.PackingZip, Member: "shops.csv"}, p.Dataset.Packing)
	assert.Contains(t, strings.Join(p.Doubts, "\n"), "the archive holds 2 files")
}

func TestJSONLinesAreSeen(t *testing.T) {
	p := propose(t, file(t, "x.jsonl", []byte("{\"userId\":1,\"name\":\"a\",\"ok\":true}\n{\"userId\":2,\"name\":null,\"ok\":false}\n")))
	d := p.Dataset
	assert.Equal(t, dataset.JSONL, d.Format.Kind)
	assert.Equal(t, "user_id userId integer", d.Columns[0].Name+" "+d.Columns[0].Header+" "+d.Columns[0].Type)
	assert.False(t, d.Columns[1].Required)
	assert.Equal(t, dataset.Boolean, d.Columns[2].Type)
}

func TestWhatIsNoTableIsRefusedInWords(t *testing.T) {
	for _, c := range []struct{ content, want string }{
		{"", "the file is empty"},
		{"\n\n  \n", "the file is empty"},
		{"%PDF-1.7\n", "PDF"},
		{"\xff\xfea\x00,\x00", "UTF-16"},
		{"a\x00,b\x00\n", "zero bytes"},
		{"PK\x03\x04 broken", "damaged or cut off"},
		{"\x1f\x8b\x08broken", "gzip"},
	} {
		_, err := File(file(t, "x", []byte(c.content)))
		require.Error(t, err, "%q", c.content)
		assert.Contains(t, err.Error(), c.want)
	}
	_, err := File(filepath.Join(t.TempDir(), "none"))
	assert.ErrorIs(t, err, os.ErrNotExist)
}

// FuzzFile makes sure that whatever a file holds, the proposal is a valid declaration or the refusal has a reason.
func FuzzFile(f *testing.F) {
	f.Add([]byte(shops))
	f.Add([]byte("{\"a\":1}\n{\"a\":\"x\"}\n"))
	f.Add([]byte("a;b\n\"x\";2\n"))
	f.Add(must(japanese.ShiftJIS.NewEncoder().Bytes([]byte(shops))))
	dir := f.TempDir()
	path := filepath.Join(dir, "x.csv")
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := File(path)
		if err != nil {
			if strings.Contains(err.Error(), "fault of this program") {
				t.Fatal(err)
			}
			return
		}
		if len(p.Dataset.Columns) == 0 {
			t.Fatal("a proposal without columns")
		}
	})
}

func TestTheKeyIsWhatIsNamedLikeOne(t *testing.T) {
	for _, c := range []struct{ name, content, key, doubt string }{
		{"id.csv", "id,氏名,生年月日\n1,山田,昭和55年4月1日\n2,鈴木,昭和55年4月2日\n3,佐藤,昭和55年4月3日\n", "id", "could as well be person_name or born_on"},
		{"order.csv", "seq,facility_code\n1,A9\n2,B7\n", "facility_code", "column seq counts the rows of this file"},
		{"only.jsonl", "{\"row\":1}\n{\"row\":2,\"name\":\"x\"}\n", "row", "the key row counts the rows of this file"},
		{"user.jsonl", "{\"id\":1,\"name\":\"x\"}\n{\"id\":2}\n", "id", "mode replace is a guess"},
		{"twice.csv", "a,b,a\n1,2,3\n4,5,6\n", "column_1", "if it is a header, write header: true"},
	} {
		p := propose(t, file(t, c.name, []byte(c.content)))
		assert.Equal(t, []string{c.key}, p.Dataset.Key, c.name)
		assert.Contains(t, strings.Join(p.Doubts, "\n"), c.doubt, c.name)
	}
}

package strictyaml

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type book struct {
	Title  string   `yaml:"title"`
	Pages  int      `yaml:"pages"`
	Bytes  int64    `yaml:"bytes"`
	Author *author  `yaml:"author"`
	Tags   []string `yaml:"tags"`
}

type author struct {
	Name string `yaml:"name"`
}

var books = Kind{What: "book", Example: "examples/book.yaml"}

func TestDecode(t *testing.T) {
	var b book
	r, err := Decode("book.yaml", []byte("title: 手順\npages: 3\nbytes: 5000000000\nauthor: {name: Sato}\n"), &b, books)
	require.NoError(t, err)
	assert.Equal(t, book{Title: "手順", Pages: 3, Bytes: 5_000_000_000, Author: &author{"Sato"}}, b)
	assert.True(t, r.Has("author.name"))
	assert.False(t, r.Has("tags"))
	assert.NoError(t, r.Err("book.yaml"))
}

func TestProblemsStandWhereTheyAre(t *testing.T) {
	_, err := Decode("book.yaml", []byte("title: 1\npages: 3000000000\nauthor:\n  nme: Sato\ntags: [a, 2]\n"), &book{}, books)
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	assert.Equal(t, strings.Join([]string{
		"book.yaml: 4 problems",
		`book.yaml:1:8: title: want text, got the bare value 1: put it in quotes if it is meant`,
		"book.yaml:2:8: pages: 3000000000 is too large",
		"book.yaml:4:3: author.nme: unknown key (do you mean name?); known here: name",
		"book.yaml:5:11: tags[1]: want text, got the bare value 2: put it in quotes if it is meant",
	}, "\n"), err.Error())
	_, err = Decode("book.yaml", nil, &book{}, books)
	assert.EqualError(t, err, "book.yaml:1:1: is empty: write a book, such as examples/book.yaml")
}

func TestChecks(t *testing.T) {
	var b book
	r, err := Decode("book.yaml", []byte("title: \" \"\npages: 0\ntags: [a, b, a]\n"), &b, books)
	require.NoError(t, err)
	assert.False(t, r.Need("title", b.Title))
	assert.False(t, r.Number("pages", b.Pages, 1, 9))
	assert.False(t, r.Refers("tags[1]", b.Tags[1], "tag", []string{"novel", "essay"}))
	assert.True(t, r.OneOf("tags[0]", "a", "a", "c"))
	assert.False(t, r.Some("author", 0, "name one"))
	Unique(r, "tags", b.Tags, "tag", func(s string) (string, string) { return s, "" })
	assert.EqualError(t, r.Err("book.yaml"), strings.Join([]string{
		"book.yaml: 5 problems",
		"book.yaml:1:1: author: is missing: name one",
		"book.yaml:1:8: title: is empty: give a value",
		"book.yaml:2:8: pages: 0 is impossible: want 1 to 9",
		`book.yaml:3:11: tags[1]: there is no tag "b"; there are: novel, essay`,
		`book.yaml:3:14: tags[2]: tag "a" is already taken by tags[0]: give each its own`,
	}, "\n"))
}

// Package catalog holds the 28 operation tasks (運用業務一覧) that tejun is for, as data: what each is called, who carries
// it out, whether it is in scope and why, what it needs, and which runbook does it. The Japanese is the specification's own
// wording.
package catalog

import (
	"bytes"
	_ "embed"
	"fmt"
	"regexp"
	"slices"

	"github.com/goccy/go-yaml"
)

//go:embed catalog.yaml
var data []byte

// Text is the specification's Japanese and its English translation.
type Text struct {
	Ja string `yaml:"ja" json:"ja"`
	En string `yaml:"en" json:"en"`
}

// Row is one operation task.
type Row struct {
	Number      int         `yaml:"number" json:"number"`           // 1 to 28
	Name        Text        `yaml:"name" json:"name"`               // 業務名
	Category    Text        `yaml:"category" json:"category"`       // 分類
	Actor       Text        `yaml:"actor" json:"actor"`             // 実施主体; "-" when nobody carries it out
	InScope     bool        `yaml:"inScope" json:"inScope"`         // 検討要否: 要 is true, 不要 is false
	ScopeReason Text        `yaml:"scopeReason" json:"scopeReason"` // why it is out of scope; empty when in scope
	Sources     []int       `yaml:"sources" json:"sources"`         // 1 for ①, 2 for ②, 3 for ③
	Summary     Text        `yaml:"summary" json:"summary"`         // 業務概要
	Functions   []Text      `yaml:"functions" json:"functions"`     // 必要機能
	Components  []Text      `yaml:"components" json:"components"`   // 必要な構成要素
	SeeAlso     []Reference `yaml:"-" json:"seeAlso"`               // rows that the wording refers to
	Runbook     string      `yaml:"runbook" json:"runbook"`         // workflow that does it, built or planned; "" when out of scope
}

// Reference is a mention of another row. The wording numbers rows as an older list did, so the quoted title decides.
type Reference struct {
	Text  string `json:"text"`  // as written, such as # 5「システム監視」
	Title string `json:"title"` // the title in the brackets
	Row   int    `json:"row"`   // number of the row that has this title
}

// Rows gives the 28 rows in their order. Every call makes its own copy. It panics if the data that is built into the program
// is damaged, which the tests rule out.
func Rows() []Row {
	rows, err := parse(data)
	if err != nil {
		panic(fmt.Sprintf("embedded catalog.yaml: %v", err))
	}
	return rows
}

// ByNumber finds a row by its number.
func ByNumber(number int) (Row, bool) {
	return find(func(r Row) bool { return r.Number == number })
}

// ByRunbook finds the row that a runbook carries out.
func ByRunbook(name string) (Row, bool) {
	return find(func(r Row) bool { return name != "" && r.Runbook == name })
}

func find(match func(Row) bool) (Row, bool) {
	rows := Rows()
	if i := slices.IndexFunc(rows, match); i >= 0 {
		return rows[i], true
	}
	return Row{}, false
}

func parse(data []byte) ([]Row, error) {
	var rows []Row
	if err := yaml.NewDecoder(bytes.NewReader(data), yaml.Strict()).Decode(&rows); err != nil {
		return nil, err
	}
	byTitle := make(map[string]int, len(rows))
	for i, r := range rows {
		if r.Number != i+1 {
			return nil, fmt.Errorf("row %d stands at place %d", r.Number, i+1)
		}
		if other, ok := byTitle[r.Name.Ja]; ok {
			return nil, fmt.Errorf("rows %d and %d are both called %s", other, r.Number, r.Name.Ja)
		}
		byTitle[r.Name.Ja] = r.Number
	}
	for i := range rows {
		seeAlso, err := references(byTitle, rows[i].ScopeReason.Ja, rows[i].Summary.Ja)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", rows[i].Number, err)
		}
		rows[i].SeeAlso = seeAlso
	}
	return rows, nil
}

var mention = regexp.MustCompile(`# ?[0-9]+「([^」]+)」`)

func references(byTitle map[string]int, texts ...string) ([]Reference, error) {
	found := []Reference{}
	for _, text := range texts {
		for _, m := range mention.FindAllStringSubmatch(text, -1) {
			row, ok := byTitle[m[1]]
			if !ok {
				return nil, fmt.Errorf("%s names no row", m[0])
			}
			found = append(found, Reference{Text: m[0], Title: m[1], Row: row})
		}
	}
	return found, nil
}

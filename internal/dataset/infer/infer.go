// Package infer proposes a dataset's declaration from a file: what it is packed in, how it is written, what its columns are
// and what tells its rows apart. It says in words how sure it is of each, and never hides a guess.
package infer

import (
	"fmt"
	"path/filepath"
	"regexp"
	"strings"

	"tejun/internal/dataset"
)

// Proposal is a declaration to look at and to mend.
type Proposal struct {
	YAML    string           `json:"yaml"`    // with comments
	Dataset *dataset.Dataset `json:"dataset"` // the same, checked
	Doubts  []string         `json:"doubts"`  // what a person has to look at
	Records int              `json:"records"` // that were looked at
	Whole   bool             `json:"whole"`   // they are all records of the file
}

type proposal struct {
	dataset        dataset.Dataset
	sample         *sample
	why            []string // of each column
	saidKey        string
	saidMode       string
	saidDuplicates string
}

// File proposes a declaration for a file. An error says why nothing can be proposed.
func File(path string) (*Proposal, error) {
	s, err := take(path)
	if err != nil {
		return nil, err
	}
	p := &proposal{sample: s, saidDuplicates: "exact copies count once; rows of one key with other content are rejected"}
	d := &p.dataset
	p.describe(path)
	d.Packing = dataset.Packing{Kind: s.packing, Member: s.member}
	d.Format = dataset.Format{Kind: s.format, Header: s.header}
	d.Encoding = s.encoding
	if s.delimiter != "" && s.delimiter != "," && s.delimiter != "\t" {
		d.Format.Delimiter = s.delimiter
	}
	width := len(s.names)
	if len(s.records) > 0 {
		width = len(s.records[0])
	}
	if !s.header {
		d.Format.Fields = width
	}
	columns := make([]*column, width)
	p.nameColumns(width)
	for i := range columns {
		columns[i] = newColumn(i, s.records)
		p.why = append(p.why, p.decide(columns[i], &d.Columns[i]))
	}
	d.Duplicates = dataset.Duplicates{Exact: dataset.Drop, SameKey: dataset.Reject}
	if len(s.records) == 0 {
		s.said.doubt("there are no records: types, rules and key cannot be told")
		p.noKey("there are no records")
	} else {
		p.findKey(columns)
	}
	if !s.whole {
		s.said.doubt("only the first %d records were looked at: the rest may hold other values", len(s.records))
	}
	return p.finish()
}

func (p *proposal) finish() (*Proposal, error) {
	text := p.yaml()
	d, err := dataset.Parse("proposal", []byte(text))
	if err != nil {
		return nil, fmt.Errorf("infer: the proposal is no valid declaration, which is a fault of this program: %w", err)
	}
	doubts := p.sample.said.doubts
	if doubts == nil {
		doubts = []string{}
	}
	return &Proposal{text, d, doubts, len(p.sample.records), p.sample.whole}, nil
}

var digitRun = regexp.MustCompile(`[0-9]+`)
var notIdentifier = regexp.MustCompile(`[^a-z0-9]+`)

// describe makes the names and the source from the file's name.
func (p *proposal) describe(path string) {
	base := filepath.Base(path)
	stem, _, _ := strings.Cut(base, ".")
	id := strings.Trim(notIdentifier.ReplaceAllString(strings.ToLower(digitRun.ReplaceAllString(stem, " ")), "-"), "-")
	if id == "" || id[0] < 'a' || id[0] > 'z' {
		id = strings.Trim("dataset-"+id, "-")
	}
	id = strings.TrimRight(id[:min(len(id), 40)], "-")
	p.dataset.ID = id
	p.dataset.Name = dataset.Name{Ja: strings.Join(strings.Fields(stem), " "), En: id}
	p.dataset.Table = "public." + strings.ReplaceAll(id, "-", "_")
	if dataset.Identifier(strings.ReplaceAll(id, "-", "_")) != "" {
		p.dataset.Table += "_data"
	}
	p.dataset.Source = dataset.Source{
		File:  &dataset.File{Dir: filepath.Dir(path)},
		Match: digitRun.ReplaceAllString(globEscape.Replace(base), "*"),
	}
}

var globEscape = strings.NewReplacer(`*`, `\*`, `?`, `\?`, `[`, `\[`, `\`, `\\`)

// personal are words in headers of fields that tell who somebody is.
var personal = regexp.MustCompile(`氏名|お名前|生年月日|電話|携帯|メール|マイナンバー|個人番号|(?i)\b(e-?mail|phone|birth(day|date)?|full name)\b`)

func (p *proposal) decide(c *column, d *dataset.Column) string {
	why := c.decide(d)
	if personal.MatchString(d.Title) {
		d.Personal = true
		// What was seen may quote somebody's data, and the declaration is kept and passed on.
		why = strings.SplitN(why, ", such as ", 2)[0] + "; named like personal data, so its values are never shown"
	}
	if strings.HasPrefix(why, "guess: it is always empty") {
		p.sample.said.doubt("column %s is always empty: what it may hold cannot be told", d.Name)
	}
	if strings.HasPrefix(why, "guess: only ") || strings.HasPrefix(why, "guess: all ") {
		p.sample.said.doubt("column %s: %s", d.Name, strings.TrimPrefix(why, "guess: "))
	}
	return why
}

package ingest

import (
	"tejun/internal/dataset"
	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/delimited"
)

// plan is a dataset, made ready for one file.
type plan struct {
	dataset      *dataset.Dataset
	columns      []column
	wanted       []wanted // where each column's field stands in the file
	fields       int      // that each record has; 0 if the first record tells
	header       bool     // the first record names the fields
	charset      charset.Charset
	rules        delimited.Rules
	continuation *continuation // nil if there is none
}

// wanted is where the field of a column stands.
type wanted struct {
	number int    // from 1; 0 if the header tells
	name   string // in the header
}

// maySplitWrongly says that a field may hold a byte that looks like the delimiter.
func (p *plan) maySplitWrongly(c charset.Charset) bool {
	return c == charset.CP932 && delimited.MayBeSecondByte(p.rules.Delimiter)
}

// rulesFor are the rules of the parser for an encoding.
func (p *plan) rulesFor(c charset.Charset) delimited.Rules {
	rules := p.rules
	rules.DoubleByte = p.maySplitWrongly(c)
	return rules
}

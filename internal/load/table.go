package load

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Table is what is loaded into.
type Table struct {
	Dataset    string
	Schema     string
	Name       string
	Columns    []Column
	Key        []string // names of columns; empty: the table has none, and rows are only appended
	Mode       Mode
	Duplicates Duplicates
}

// Column is a column of the table. Type is the type that the converted values have, and the table's own where it is made here.
type Column struct {
	Name       string
	Type       string // such as "bigint"
	NotNull    bool
	Personal   bool // values are never shown
	References *Reference
}

// Reference is where every value of a column must be found.
type Reference struct{ Schema, Table, Column string }

// Mode is what a file means for the table.
type Mode string

// The modes.
const (
	Replace Mode = "replace" // the file is the whole: what is not in it vanishes
	Merge   Mode = "merge"   // rows of the file are put in or changed, by the key
	Append  Mode = "append"  // rows of the file are added
)

// Duplicates says what becomes of rows that come twice in a file.
type Duplicates struct {
	RejectExact bool    // copies of a row are rejected; otherwise they are dropped
	SameKey     SameKey // rows of one key with different content
	Column      string  // for Where
	Equals      string  // for Where, as PostgreSQL reads a value of the column's type
}

// SameKey says which of several rows of one key stands.
type SameKey string

// The rules for rows of one key.
const (
	RejectAll SameKey = "reject" // none: nobody knows which one is right
	First     SameKey = "first"
	Last      SameKey = "last"
	Where     SameKey = "where" // the one with a value in a column; if it is not exactly one, none
)

// Columns that staging tables have before the table's own.
const (
	lineColumn = "tejun_line"
	hashColumn = "tejun_hash"
)

func quote(parts ...string) string { return pgx.Identifier(parts).Sanitize() }

func (t *Table) sql() string { return quote(t.Schema, t.Name) }

// String is how people name the table.
func (t *Table) String() string { return t.Schema + "." + t.Name }

// hashed tells whether the rows are told apart by the hash of their content, for want of a key.
func (t *Table) hashed() bool { return len(t.Key) == 0 }

// keys are the columns of a staging table that tell rows apart.
func (t *Table) keys() []string {
	if t.hashed() {
		return []string{hashColumn}
	}
	return t.Key
}

// list writes the columns with a prefix, such as "s.".
func (t *Table) list(prefix string) string {
	names := make([]string, 0, len(t.Columns))
	for _, c := range t.Columns {
		names = append(names, prefix+quote(c.Name))
	}
	return strings.Join(names, ", ")
}

// others writes the columns that are not part of the key.
func (t *Table) others(prefix string) string {
	var names []string
	for _, c := range t.Columns {
		if !slices.Contains(t.Key, c.Name) {
			names = append(names, prefix+quote(c.Name))
		}
	}
	return strings.Join(names, ", ")
}

// same is the condition that two rows have one key.
func same(keys []string, a, b string) string {
	var terms []string
	for _, k := range keys {
		terms = append(terms, fmt.Sprintf("%s%s = %s%s", a, quote(k), b, quote(k)))
	}
	return strings.Join(terms, " AND ")
}

func quoted(names []string, prefix string) string {
	var all []string
	for _, n := range names {
		all = append(all, prefix+quote(n))
	}
	return strings.Join(all, ", ")
}

// definition writes the columns of a table that is made here.
func (t *Table) definition() string {
	var lines []string
	for _, c := range t.Columns {
		line := quote(c.Name) + " " + c.Type
		if c.NotNull || slices.Contains(t.Key, c.Name) {
			line += " NOT NULL"
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, ", ")
}

// staging writes the columns of a staging table.
func (t *Table) staging() string {
	head := lineColumn + " bigint NOT NULL, "
	if t.hashed() {
		head += hashColumn + " bytea NOT NULL, "
	}
	return head + t.definition()
}

// keyNumbers are the positions of the key's columns.
func (t *Table) keyNumbers() []int {
	var numbers []int
	for _, k := range t.Key {
		numbers = append(numbers, slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == k }))
	}
	return numbers
}

// check refuses what cannot be loaded. A dataset's own checks come before it; this one keeps SQL from being built on sand.
func (t *Table) check() error {
	if t.Schema == "" || t.Name == "" || len(t.Columns) == 0 {
		return fmt.Errorf("dataset %s: its table has no name or no columns", t.Dataset)
	}
	if t.Schema == ledgerSchema {
		return fmt.Errorf("dataset %s: the schema %s belongs to tejun, choose another", t.Dataset, ledgerSchema)
	}
	for i, at := range t.keyNumbers() {
		if at < 0 {
			return fmt.Errorf("dataset %s: the key's column %s is not among the columns", t.Dataset, t.Key[i])
		}
	}
	if t.hashed() && t.Mode != Append {
		return fmt.Errorf("dataset %s: mode %s needs a key", t.Dataset, t.Mode)
	}
	return nil
}

package dataset

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"tejun/internal/strictyaml"
)

var identifierForm = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)

// reserved are the words that PostgreSQL does not take as a name of a column or table without quotes (pg_get_keywords, kinds
// R and T), and the names of its hidden columns.
var reserved = strings.Fields(`all analyse analyze and any array as asc asymmetric authorization binary both case cast check
	collate collation column concurrently constraint create cross current_catalog current_date current_role current_schema
	current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch for foreign
	freeze from full grant group having ilike in initially inner intersect into is isnull join lateral leading left like limit
	localtime localtimestamp natural not notnull null offset on only or order outer overlaps placing primary references
	returning right select session_user similar some symmetric system_user table tablesample then to trailing true union
	unique user using variadic verbose when where window with
	tableoid xmin cmin xmax cmax ctid`)

// Identifier is why a name cannot stand in SQL without quotes, in words, or "".
func Identifier(name string) string {
	switch {
	case !identifierForm.MatchString(name):
		return "cannot be a name in SQL: want small letters a-z, digits and _, at most 63, not a digit first"
	case slices.Contains(reserved, name):
		return fmt.Sprintf("is a word of SQL: choose another name, such as %s_", name)
	}
	return ""
}

// loaded is a declaration of a folder.
type loaded struct {
	path    string
	dataset *Dataset
	report  *strictyaml.Report
}

// checkAgainst compares a declaration with those before it, and its references with all.
func (l *loaded) checkAgainst(before, all []loaded) {
	d := l.dataset
	for _, other := range before {
		if other.dataset.ID == d.ID {
			l.report.Add("id", "%q is already taken by %s: give each its own", d.ID, other.path)
		}
		if other.dataset.Table == d.Table {
			if why := differs(other.dataset, d); why != "" {
				l.report.Add("table", "%s fills %s too, and %s: let both agree, or choose another table", other.path, d.Table, why)
			}
		}
	}
	for i, c := range d.Columns {
		if c.References == nil {
			continue
		}
		for _, other := range all {
			if other.dataset.Table != c.References.Table {
				continue
			}
			at := strictyaml.Index("columns", i) + ".references.column"
			target, ok := other.dataset.Column(c.References.Column)
			if !ok {
				l.report.Refers(at, c.References.Column, "column", other.dataset.columnNames())
			} else if target.Type != c.Type {
				l.report.Add(at, "is of type %s in %s, and %s here: let both agree", target.Type, other.path, c.Type)
			}
			break
		}
	}
}

// differs is why two datasets cannot share a table, in words, or "".
func differs(a, b *Dataset) string {
	if !slices.Equal(a.Key, b.Key) {
		return "its key is (" + strings.Join(a.Key, ", ") + ")"
	}
	if !slices.EqualFunc(a.Columns, b.Columns, func(a, b Column) bool {
		return a.Name == b.Name && a.Type == b.Type && a.Required == b.Required
	}) {
		return "it declares other columns"
	}
	return ""
}

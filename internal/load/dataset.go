package load

import (
	"strings"

	"tejun/internal/dataset"
)

// types are PostgreSQL's for those of a dataset.
var types = map[string]string{
	dataset.Text: "text", dataset.Integer: "bigint", dataset.Numeric: "numeric", dataset.Boolean: "boolean", dataset.Date: "date",
	dataset.Timestamp: "timestamp with time zone",
}

// Of is the table of a dataset.
func Of(d *dataset.Dataset) Table {
	t := Table{Dataset: d.ID, Key: d.Key, Mode: Mode(d.Mode)}
	t.Schema, t.Name = d.TableName()
	t.Duplicates = Duplicates{RejectExact: d.Duplicates.Exact == dataset.Reject, SameKey: SameKey(d.Duplicates.SameKey)}
	if w := d.Duplicates.Where; w != nil {
		t.Duplicates.Column, t.Duplicates.Equals = w.Column, w.Equals
	}
	for _, c := range d.Columns {
		column := Column{Name: c.Name, Type: types[c.Type], NotNull: c.Required, Personal: c.Personal}
		if c.References != nil {
			schema, table, _ := strings.Cut(c.References.Table, ".")
			column.References = &Reference{Schema: schema, Table: table, Column: c.References.Column}
		}
		t.Columns = append(t.Columns, column)
	}
	return t
}

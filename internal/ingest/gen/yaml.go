package gen

import (
	"fmt"
	"strings"

	"tejun/internal/dataset"
)

// Declaration is Dataset as a file: an ID, where its files lie on this machine, its mode, its table, and whether a snapshot is
// taken before ("snapshot" or "none").
func Declaration(id, dir, mode, table, backup string) string {
	var text strings.Builder
	d := Dataset()
	fmt.Fprintf(&text, "id: %s\nname: {ja: 測定, en: Benchmark}\nsource: {file: {dir: %q}}\nformat: {kind: csv, header: false, fields: %d}\nencoding: cp932\ntable: %s\nbackup: %s\ncolumns:\n",
		id, dir, len(d.Columns), table, backup)
	for _, c := range d.Columns {
		fmt.Fprintf(&text, "  - {name: %s, field: %d, type: %s, required: %t", c.Name, c.Field, c.Type, c.Required)
		option := func(name, value string) {
			if value != "" {
				fmt.Fprintf(&text, ", %s: %s", name, value)
			}
		}
		if c.Min != "" {
			option("min", fmt.Sprintf("%q", c.Min))
		}
		if c.Pattern != "" {
			option("pattern", fmt.Sprintf("%q", c.Pattern))
		}
		for name, list := range map[string][]string{"layouts": c.Layouts, "codes": c.Codes, "normalise": c.Normalise} {
			if len(list) > 0 {
				option(name, `["`+strings.Join(list, `", "`)+`"]`)
			}
		}
		text.WriteString("}\n")
	}
	fmt.Fprintf(&text, "key: [id]\nmode: %s\nlimits: {rejectShare: 0.05}\n", mode)
	return text.String()
}

// SQLColumns are the columns for a CREATE TABLE of tools that do not know the dataset. Dates are texts: the file has some of
// the Japanese calendar.
func SQLColumns() string {
	types := map[string]string{dataset.Integer: "bigint", dataset.Timestamp: "timestamptz", dataset.Numeric: "numeric", dataset.Boolean: "boolean"}
	var columns []string
	for _, c := range Dataset().Columns {
		kind := types[c.Type]
		if kind == "" {
			kind = "text"
		}
		columns = append(columns, c.Name+" "+kind)
	}
	return strings.Join(columns, ", ")
}

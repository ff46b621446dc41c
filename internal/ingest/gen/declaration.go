package gen

import "tejun/internal/dataset"

// Dataset declares the files of this package, with a check or a conversion of nearly every kind. Any number of rejects is
// allowed.
func Dataset() *dataset.Dataset {
	d := &dataset.Dataset{
		ID: "generated", Name: dataset.Name{Ja: "生成データ", En: "Generated register"},
		Source: dataset.Source{File: &dataset.File{Dir: "."}, MaxBytes: 5 << 30}, Packing: dataset.Packing{Kind: dataset.PackingNone},
		Format: dataset.Format{Kind: dataset.CSV, Fields: len(Columns)}, Encoding: "cp932", Table: "register.organisations",
		Key: []string{"id"}, Mode: dataset.Merge,
		Duplicates: dataset.Duplicates{Exact: dataset.Drop, SameKey: dataset.Reject},
		Limits:     dataset.Limits{RejectRows: -1, ChangeShare: 0.05, VanishShare: 0.05, MaxLine: 1 << 20},
		Approval:   dataset.Approval{When: dataset.OverLimits},
	}
	for i, name := range Columns {
		c := dataset.Column{Name: name, Field: i + 1, Type: dataset.Text}
		switch name {
		case "id":
			c.Type, c.Required, c.Min = dataset.Integer, true, "1"
		case "members":
			c.Type = dataset.Integer
		case "code":
			c.Pattern, c.Required = "[0-9]{7}", true
		case "name":
			c.Required, c.MaxLength, c.Normalise = true, 100, []string{"nfkc", "trim"}
		case "amount":
			c.Type, c.Min = dataset.Numeric, "0"
		case "registered_on":
			c.Type, c.Layouts = dataset.Date, []string{"YYYY-MM-DD", "wareki"}
		case "updated_at":
			c.Type, c.Layouts = dataset.Timestamp, []string{"YYYY/MM/DD HH:mm:ss"}
		case "active":
			c.Type = dataset.Boolean
		case "kind":
			c.Codes = kinds
		}
		d.Columns = append(d.Columns, c)
	}
	return d
}

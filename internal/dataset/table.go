package dataset

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// sqlTypes are the types of columns as PostgreSQL's format_type writes them. Texts have no length there: a limit is a rule
// for files, and widening it must not touch the table.
var sqlTypes = map[string]string{
	Text: "text", Integer: "bigint", Numeric: "numeric", Boolean: "boolean", Date: "date", Timestamp: "timestamp with time zone",
}

// SQLType is the type of the column in PostgreSQL.
func (c Column) SQLType() string { return sqlTypes[c.Type] }

// DDL is the statements that make the dataset's table, with its primary key and its comments, where there is none. Which file
// and which load a row came from is in the ledger of loads, not in each row: most rows stay the same from file to file.
func (d *Dataset) DDL() []string {
	schema, _ := d.TableName()
	var lines []string
	for _, c := range d.Columns {
		line := "    " + quote(c.Name) + " " + c.SQLType()
		if c.Required {
			line += " NOT NULL"
		}
		lines = append(lines, line)
	}
	if len(d.Key) > 0 {
		lines = append(lines, "    PRIMARY KEY ("+quoteAll(d.Key)+")")
	}
	statements := []string{
		"CREATE SCHEMA IF NOT EXISTS " + quote(schema),
		"CREATE TABLE " + d.sqlName() + " (\n" + strings.Join(lines, ",\n") + "\n)",
	}
	return append(statements, d.comments(d.Columns)...)
}

// comments describe the table and some of its columns.
func (d *Dataset) comments(columns []Column) []string {
	text := d.Name.Ja + " / " + d.Name.En
	if d.Notes != "" {
		text += "\n" + strings.TrimSpace(d.Notes)
	}
	statements := []string{"COMMENT ON TABLE " + d.sqlName() + " IS " + literal(text)}
	for _, c := range columns {
		if c.Title != "" {
			statements = append(statements, fmt.Sprintf("COMMENT ON COLUMN %s.%s IS %s", d.sqlName(), quote(c.Name), literal(c.Title)))
		}
	}
	return statements
}

// SQL is the statements as a script for psql, in one transaction.
func SQL(statements []string) string {
	if len(statements) == 0 {
		return "-- nothing to do\n"
	}
	return "BEGIN;\n\n" + strings.Join(statements, ";\n\n") + ";\n\nCOMMIT;\n"
}

func (d *Dataset) sqlName() string {
	schema, name := d.TableName()
	return pgx.Identifier{schema, name}.Sanitize()
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

func quoteAll(names []string) string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = quote(n)
	}
	return strings.Join(quoted, ", ")
}

// literal is a text in SQL. The E form reads a backslash the same whatever standard_conforming_strings says.
func literal(text string) string {
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\x00", ""), "'", "''")
	if strings.Contains(text, `\`) {
		return "E'" + strings.ReplaceAll(text, `\`, `\\`) + "'"
	}
	return "'" + text + "'"
}

// widening is how a column of one type becomes another without losing anything: "" if it cannot, and %s stands for the column.
func widening(from, to string) string {
	short := from
	if strings.HasPrefix(from, "character varying") {
		short = "text"
	}
	whole := []string{"smallint", "integer", "bigint"}
	switch to {
	case "text":
		// The text of a time depends on the session's zone, and of a char(n) on its blanks: a person has to choose.
		if slices.Contains(append(whole, "numeric", "boolean", "date", "text"), short) || strings.HasPrefix(from, "numeric(") {
			return "%s::text"
		}
	case "bigint":
		if short == "smallint" || short == "integer" {
			return "%s::bigint"
		}
	case "numeric":
		if slices.Contains(whole, short) || strings.HasPrefix(from, "numeric(") {
			return "%s::numeric"
		}
	case "timestamp with time zone":
		switch from {
		case "date":
			return "%s::timestamp AT TIME ZONE 'Asia/Tokyo'"
		case "timestamp without time zone":
			return "%s AT TIME ZONE 'Asia/Tokyo'"
		}
	}
	return ""
}

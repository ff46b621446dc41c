package repair

import (
	"fmt"
	"strconv"
	"strings"
)

// Query is SQL with placeholders and the values that are bound to them.
type Query struct {
	SQL  string
	Args []any
}

// pgType is PostgreSQL's name of a parameter's type.
var pgType = map[string]string{
	"text": "text", "integer": "bigint", "numeric": "numeric", "boolean": "boolean", "date": "date", "timestamp": "timestamptz",
}

// builder writes tokens as SQL; a parameter becomes a typed placeholder.
type builder struct {
	t      *Template
	values map[string]string
	sql    strings.Builder
	args   []any
	at     map[string]int
}

func (t *Template) build(values map[string]string) *builder {
	return &builder{t: t, values: values, at: map[string]int{}}
}

func (b *builder) text(words ...string) *builder {
	for _, w := range words {
		b.sql.WriteString(w + " ")
	}
	return b
}

func (b *builder) tokens(list []token) *builder {
	for i, t := range list {
		if t.kind == "parameter" {
			n, ok := b.at[t.text]
			if !ok {
				b.args = append(b.args, b.values[t.text])
				n = len(b.args)
				b.at[t.text] = n
			}
			b.sql.WriteString("$" + strconv.Itoa(n) + "::" + pgType[b.typeOf(t.text)])
		} else {
			b.sql.WriteString(t.text)
		}
		// Signs of two characters, such as <=, stay together.
		if i+1 >= len(list) || t.kind != "sign" || list[i+1].kind != "sign" || !strings.Contains("<>=|", t.text) || !strings.Contains("<>=|", list[i+1].text) {
			b.sql.WriteString(" ")
		}
	}
	return b
}

func (b *builder) typeOf(name string) string {
	for _, p := range b.t.Parameters {
		if p.Name == name {
			return p.Type
		}
	}
	return "text"
}

func (b *builder) query() Query { return Query{SQL: strings.TrimSpace(b.sql.String()), Args: b.args} }

// relation is the table's own name, as PostgreSQL knows it within a statement.
func (t *Template) relation() string {
	_, name, _ := strings.Cut(t.Table, ".")
	return quoteName(name)
}

func (t *Template) quoted() string {
	schema, name, _ := strings.Cut(t.Table, ".")
	return quoteName(schema) + "." + quoteName(name)
}

func quoteName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// Affected reads, and locks, the rows that the statement would touch, as JSON in the order of the key. An INSERT touches none.
func (t *Template) Affected(values map[string]string) Query {
	b := t.build(values).text("SELECT to_jsonb(" + t.relation() + ")::text FROM " + t.quoted() + " WHERE")
	if t.parts.action == "INSERT" {
		return b.text("false").query()
	}
	return b.text("(").tokens(t.parts.where).text(") ORDER BY " + t.keys("") + " FOR UPDATE").query()
}

// Execute is the statement itself. It returns the rows as they are afterwards, as JSON; of a DELETE what was deleted.
func (t *Template) Execute(values map[string]string) Query {
	b := t.build(values)
	switch t.parts.action {
	case "UPDATE":
		b.text("UPDATE " + t.quoted() + " SET").tokens(t.parts.assign).text("WHERE (").tokens(t.parts.where).text(")")
	case "DELETE":
		b.text("DELETE FROM " + t.quoted() + " WHERE (").tokens(t.parts.where).text(")")
	default:
		b.text("INSERT INTO " + t.quoted()).tokens(t.parts.values)
	}
	return b.text("RETURNING to_jsonb(" + t.relation() + ")::text").query()
}

// ByKey reads the rows that have the keys of the given rows, as JSON in the order of the key.
func (t *Template) ByKey(rows []string) Query {
	return Query{
		SQL: fmt.Sprintf(`SELECT to_jsonb(%[1]s)::text FROM %[2]s WHERE (%[3]s) IN
			(SELECT %[4]s FROM unnest($1::text[]) j CROSS JOIN LATERAL jsonb_populate_record(NULL::%[2]s, j::jsonb) k) ORDER BY %[3]s`,
			t.relation(), t.quoted(), t.keys(t.relation()+"."), t.keys("k.")),
		Args: []any{rows},
	}
}

func (t *Template) keys(prefix string) string {
	names := make([]string, len(t.Key))
	for i, k := range t.Key {
		names[i] = prefix + quoteName(k)
	}
	return strings.Join(names, ", ")
}

// Undo is a script that brings the rows back to what they were: SQL that people run by a later repair or by hand. before and
// after are rows as JSON.
func (t *Template) Undo(before, after []string) string {
	var s strings.Builder
	fmt.Fprintf(&s, "-- Undo of the template %s on %s: %d row(s) as they were before.\nBEGIN;\n", t.ID, t.Table, max(len(before), len(after)))
	record := func(row string) string {
		return "jsonb_populate_record(NULL::" + t.quoted() + ", " + quoteText(row) + "::jsonb) k"
	}
	switch t.parts.action {
	case "UPDATE":
		set := make([]string, len(t.parts.sets))
		for i, column := range t.parts.sets {
			set[i] = quoteName(column) + " = k." + quoteName(column)
		}
		for _, row := range before {
			fmt.Fprintf(&s, "UPDATE %s SET %s FROM %s WHERE (%s) = (%s);\n", t.quoted(), strings.Join(set, ", "), record(row), t.keys(t.relation()+"."), t.keys("k."))
		}
	case "DELETE":
		for _, row := range before {
			fmt.Fprintf(&s, "INSERT INTO %s OVERRIDING SYSTEM VALUE SELECT k.* FROM %s;\n", t.quoted(), record(row))
		}
	default:
		for _, row := range after {
			fmt.Fprintf(&s, "DELETE FROM %s USING %s WHERE (%s) = (%s);\n", t.quoted(), record(row), t.keys(t.relation()+"."), t.keys("k."))
		}
	}
	s.WriteString("COMMIT;\n")
	return s.String()
}

// quoteText is a literal that means the same whatever standard_conforming_strings says.
func quoteText(s string) string {
	quoted := "'" + strings.ReplaceAll(s, "'", "''") + "'"
	if strings.Contains(s, `\`) {
		quoted = "E" + strings.ReplaceAll(quoted, `\`, `\\`)
	}
	return quoted
}

package load

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// samplesEach is how many rows of a kind are shown.
const samplesEach = 5

// longestValue is how many characters of a value are shown.
const longestValue = 80

// masked stands for a value that is never shown.
const masked = "●●●"

// Sample is a row as people see it. Of a changed one only the columns that differ are shown.
type Sample struct {
	Line   int64             `json:"line,omitempty"` // in the file
	Key    map[string]string `json:"key,omitempty"`
	Before map[string]string `json:"before,omitempty"`
	After  map[string]string `json:"after,omitempty"`
}

func (c *comparison) samples(ctx context.Context, d Difference) (s Samples, err error) {
	t := c.table
	if c.target.empty || t.hashed() {
		s.New, err = c.sample(ctx, fmt.Sprintf("SELECT %s, NULL::text[], %s FROM %s s ORDER BY %s LIMIT %d", "s."+lineColumn, texts(t, "s."), c.rows, c.order("s."), samplesEach))
		return s, err
	}
	s.New, err = c.sample(ctx, fmt.Sprintf("SELECT d.%s, NULL::text[], %s FROM %s d WHERE tejun_at IS NULL ORDER BY %s LIMIT %d", lineColumn, texts(t, "d."), c.delta, c.order("d."), samplesEach))
	if err != nil {
		return s, err
	}
	s.Changed, err = c.sample(ctx, fmt.Sprintf("SELECT d.%s, %s, %s FROM %s d JOIN %s t ON %s ORDER BY %s LIMIT %d",
		lineColumn, texts(t, "t."), texts(t, "d."), c.delta, t.sql(), at(t, "d."), c.order("d."), samplesEach))
	if err != nil || d.Counts.Vanished == 0 {
		return s, err
	}
	s.Vanished, err = c.sample(ctx, fmt.Sprintf("SELECT 0, %s, NULL::text[] FROM %s g JOIN %s t ON %s ORDER BY %s LIMIT %d",
		texts(t, "t."), c.gone, t.sql(), at(t, "g."), c.order("t."), samplesEach))
	return s, err
}

func (c *comparison) order(prefix string) string {
	if c.table.hashed() {
		return prefix + lineColumn
	}
	return quoted(c.table.Key, prefix)
}

func texts(t *Table, prefix string) string {
	var list []string
	for _, column := range t.Columns {
		list = append(list, prefix+quote(column.Name)+"::text")
	}
	return "ARRAY[" + strings.Join(list, ", ") + "]"
}

func (c *comparison) sample(ctx context.Context, sql string) ([]Sample, error) {
	rows, err := c.tx.Query(ctx, sql)
	if err != nil {
		return nil, wrap("read samples", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Sample, error) {
		var line int64
		var before, after []*string
		if err := row.Scan(&line, &before, &after); err != nil {
			return Sample{}, err
		}
		return c.table.show(line, before, after), nil
	})
	return list, wrap("read samples", err)
}

// show leaves out what is the same, and what nobody may see.
func (t *Table) show(line int64, before, after []*string) Sample {
	s := Sample{Line: line, Key: map[string]string{}}
	isKey := map[string]bool{}
	for _, k := range t.Key {
		isKey[k] = true
	}
	put := func(into *map[string]string, name, value string) {
		if *into == nil {
			*into = map[string]string{}
		}
		(*into)[name] = value
	}
	for i, column := range t.Columns {
		old, fresh := shown(before, i, column.Personal), shown(after, i, column.Personal)
		switch {
		case isKey[column.Name] && after != nil:
			s.Key[column.Name] = fresh
		case isKey[column.Name]:
			s.Key[column.Name] = old
		case before != nil && after != nil && equal(before[i], after[i]):
		default:
			if before != nil && before[i] != nil {
				put(&s.Before, column.Name, old)
			}
			if after != nil && after[i] != nil {
				put(&s.After, column.Name, fresh)
			}
		}
	}
	return s
}

func equal(a, b *string) bool { return (a == nil) == (b == nil) && (a == nil || *a == *b) }

func shown(values []*string, i int, personal bool) string {
	switch {
	case values == nil || values[i] == nil:
		return ""
	case personal:
		return masked
	}
	text := []rune(*values[i])
	if len(text) > longestValue {
		return string(text[:longestValue]) + "…"
	}
	return string(text)
}

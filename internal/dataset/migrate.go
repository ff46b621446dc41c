package dataset

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// Migration is what brings a table to a declaration.
type Migration struct {
	Table      string   `json:"table"`
	Create     bool     `json:"create"`     // there is no table yet
	Statements []string `json:"statements"` // empty if nothing is to do
	Changes    []string `json:"changes"`    // the same in words
}

// MigrationError says why a table is not changed: something would be lost, or a rule does not hold for what is in it.
type MigrationError struct {
	Table    string
	Problems []string // each says what to do
}

// Error lists the problems, one a line.
func (e *MigrationError) Error() string {
	return fmt.Sprintf("%s stays as it is:\n- %s", e.Table, strings.Join(e.Problems, "\n- "))
}

// found is a column as the database has it.
type found struct {
	Name, Type string
	NotNull    bool
	Generated  bool
}

// PlanMigration compares a table with its declaration and says how to bring it there, without changing anything: an operator runs
// the statements (SQL writes them as a script), since no load ever changes a table. Columns are
// added and widened, and rules on missing values and the key follow the declaration where the rows obey them. Whatever would
// lose data is a *MigrationError.
func (d *Dataset) PlanMigration(ctx context.Context, tx pgx.Tx) (Migration, error) {
	m := Migration{Table: d.Table}
	columns, key, err := d.look(ctx, tx)
	if err != nil {
		return m, err
	}
	if columns == nil {
		m.Create, m.Statements, m.Changes = true, d.DDL(), []string{"make the table " + d.Table}
		return m, nil
	}
	p := &planner{d: d, m: &m}
	if err := p.compare(ctx, tx, columns); err != nil {
		return m, err
	}
	if err := p.compareKey(ctx, tx, columns, key); err != nil {
		return m, err
	}
	if len(p.problems) > 0 {
		return m, &MigrationError{d.Table, p.problems}
	}
	if len(m.Statements) > 0 {
		m.Statements = append(m.Statements, d.comments(p.added)...)
	}
	return m, nil
}

// look reads the columns and the primary key; no columns mean that there is no table.
func (d *Dataset) look(ctx context.Context, tx pgx.Tx) ([]found, *primaryKey, error) {
	schema, name := d.TableName()
	var kind string
	err := tx.QueryRow(ctx, `SELECT c.relkind::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = $1 AND c.relname = $2`, schema, name).Scan(&kind)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("look for %s: %w", d.Table, err)
	}
	if kind != "r" && kind != "p" {
		return nil, nil, &MigrationError{d.Table, []string{fmt.Sprintf("it is not a table but of the kind %q: name a table in the declaration", kind)}}
	}
	rows, err := tx.Query(ctx, `SELECT attname::text, format_type(atttypid, atttypmod), attnotnull, attgenerated <> '' OR attidentity <> ''
		FROM pg_attribute WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, d.sqlName())
	if err != nil {
		return nil, nil, fmt.Errorf("read the columns of %s: %w", d.Table, err)
	}
	columns, err := pgx.CollectRows(rows, pgx.RowToStructByPos[found])
	if err != nil {
		return nil, nil, fmt.Errorf("read the columns of %s: %w", d.Table, err)
	}
	key := &primaryKey{}
	err = tx.QueryRow(ctx, `SELECT k.conname::text, (SELECT array_agg(a.attname::text ORDER BY p.n) FROM unnest(k.conkey) WITH ORDINALITY p(attnum, n)
			JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = p.attnum),
		EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.confrelid = k.conrelid)
		FROM pg_constraint k WHERE k.contype = 'p' AND k.conrelid = $1::regclass`, d.sqlName()).Scan(&key.name, &key.columns, &key.referred)
	if errors.Is(err, pgx.ErrNoRows) {
		return append([]found{}, columns...), nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("read the key of %s: %w", d.Table, err)
	}
	return append([]found{}, columns...), key, nil
}

type primaryKey struct {
	name     string
	columns  []string
	referred bool // foreign keys point to the table
}

// planner collects what is to be done, and what speaks against it.
type planner struct {
	d        *Dataset
	m        *Migration
	added    []Column
	problems []string
}

func (p *planner) do(change, statement string) {
	p.m.Changes, p.m.Statements = append(p.m.Changes, change), append(p.m.Statements, statement)
}

func (p *planner) refuse(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

func (p *planner) compare(ctx context.Context, tx pgx.Tx, columns []found) error {
	alter := "ALTER TABLE " + p.d.sqlName() + " "
	empty, err := p.count(ctx, tx, "true LIMIT 1")
	if err != nil {
		return err
	}
	for _, want := range p.d.Columns {
		at := slices.IndexFunc(columns, func(c found) bool { return c.Name == want.Name })
		if at < 0 {
			p.add(alter, want, empty == 0)
			continue
		}
		have := columns[at]
		if have.Generated {
			p.refuse("the column %s is computed by the database: take it out of the declaration, or drop the computation", have.Name)
			continue
		}
		if have.Type != want.SQLType() {
			how := widening(have.Type, want.SQLType())
			if how == "" {
				p.refuse("the column %s is of type %s, and making it %s could lose something: keep the type in the declaration, or take a new column's name", have.Name, have.Type, want.SQLType())
				continue
			}
			p.do(fmt.Sprintf("widen %s from %s to %s", have.Name, have.Type, want.SQLType()),
				fmt.Sprintf("%sALTER COLUMN %s TYPE %s USING "+how, alter, quote(have.Name), want.SQLType(), quote(have.Name)))
		}
		if err := p.compareNull(ctx, tx, alter, have, want); err != nil {
			return err
		}
	}
	for _, have := range columns {
		if _, declared := p.d.Column(have.Name); !declared && !have.Generated {
			p.refuse("the column %s is in the table and not in the declaration, so its values would be lost or grow stale: declare it, or drop it by hand when nobody needs it (ALTER TABLE %s DROP COLUMN %s)",
				have.Name, p.d.sqlName(), quote(have.Name))
		}
	}
	return nil
}

func (p *planner) add(alter string, want Column, empty bool) {
	p.added = append(p.added, want)
	null := ""
	if want.Required {
		if !empty {
			p.refuse("the column %s is new and required, and the rows that are there have no value for it: declare it without required, load a file, then make it required", want.Name)
			return
		}
		null = " NOT NULL"
	}
	p.do(fmt.Sprintf("add %s (%s)", want.Name, want.SQLType()), alter+"ADD COLUMN "+quote(want.Name)+" "+want.SQLType()+null)
}

func (p *planner) compareNull(ctx context.Context, tx pgx.Tx, alter string, have found, want Column) error {
	switch {
	case have.NotNull == want.Required:
		return nil
	case have.NotNull:
		p.do(have.Name+" may be empty", alter+"ALTER COLUMN "+quote(have.Name)+" DROP NOT NULL")
		return nil
	}
	empty, err := p.count(ctx, tx, quote(have.Name)+" IS NULL")
	if err != nil {
		return err
	}
	if empty > 0 {
		p.refuse("the column %s is required now, and %d rows have no value: fill them first (runbook DataRepair), or declare it without required", have.Name, empty)
		return nil
	}
	p.do(have.Name+" must not be empty", alter+"ALTER COLUMN "+quote(have.Name)+" SET NOT NULL")
	return nil
}

func (p *planner) count(ctx context.Context, tx pgx.Tx, condition string) (n int64, err error) {
	err = tx.QueryRow(ctx, "SELECT count(*) FROM (SELECT FROM "+p.d.sqlName()+" WHERE "+condition+") r").Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count rows of %s: %w", p.d.Table, err)
	}
	return n, nil
}

// compareKey puts the key that is declared in the place of the one that is there, where the rows obey it.
func (p *planner) compareKey(ctx context.Context, tx pgx.Tx, columns []found, key *primaryKey) error {
	var have []string
	if key != nil {
		have = key.columns
	}
	if slices.Equal(slices.Sorted(slices.Values(have)), slices.Sorted(slices.Values(p.d.Key))) {
		return nil
	}
	if key != nil && key.referred {
		p.refuse("the key is (%s) and foreign keys of other tables rely on it: keep it in the declaration", strings.Join(have, ", "))
		return nil
	}
	at := slices.IndexFunc(p.d.Key, func(name string) bool {
		return !slices.ContainsFunc(columns, func(c found) bool { return c.Name == name })
	})
	if at >= 0 {
		rows, err := p.count(ctx, tx, "true LIMIT 1")
		if err != nil {
			return err
		}
		if rows > 0 {
			p.refuse("the key has the column %s, which is not in the table yet: add it, load a file, then make it part of the key", p.d.Key[at])
			return nil
		}
	} else if len(p.d.Key) > 0 {
		var twice int64
		err := tx.QueryRow(ctx, fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %s GROUP BY %s HAVING count(*) > 1) k", p.d.sqlName(), quoteAll(p.d.Key))).Scan(&twice)
		if err != nil {
			return fmt.Errorf("look for rows of %s with the same key: %w", p.d.Table, err)
		}
		if twice > 0 {
			p.refuse("the key is (%s) now, and %d of its values occur more than once: mend the rows (runbook DataRepair), or declare a key that tells them apart", strings.Join(p.d.Key, ", "), twice)
			return nil
		}
	}
	if key != nil {
		p.do("drop the key ("+strings.Join(have, ", ")+")", "ALTER TABLE "+p.d.sqlName()+" DROP CONSTRAINT "+quote(key.name))
		// Dropping a key leaves its columns without empty values; those that may be empty now were not seen to be so before.
	}
	if len(p.d.Key) > 0 {
		p.do("make ("+strings.Join(p.d.Key, ", ")+") the key", "ALTER TABLE "+p.d.sqlName()+" ADD PRIMARY KEY ("+quoteAll(p.d.Key)+")")
	}
	return nil
}

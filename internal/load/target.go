package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// TargetError says that the table cannot be loaded into as it is, or that a load does not come out as it must. Nothing was
// loaded, and trying again does not help.
type TargetError struct{ Reason string }

func (e *TargetError) Error() string { return e.Reason }

func refuse(format string, args ...any) error {
	return &TargetError{Reason: fmt.Sprintf(format, args...)}
}

// target is the table as it is in the database.
type target struct {
	exists  bool
	empty   bool
	columns []Column
	keyed   bool   // there is a unique index on exactly the key
	why     string // why another table cannot take its place; "" if one can
}

// look reads what the table is.
func look(ctx context.Context, q pgx.Tx, t *Table) (target, error) {
	var found target
	var kind string
	err := q.QueryRow(ctx, lookSQL, t.Schema, t.Name).Scan(&kind, &found.why)
	if errors.Is(err, pgx.ErrNoRows) {
		return found, lookSchema(ctx, q, t, &found)
	}
	if err != nil {
		return found, wrap("look at the table "+t.String(), err)
	}
	found.exists = true
	if kind != "r" && kind != "p" {
		return found, refuse("%s is not a table but of the kind %q: name a table in the dataset", t, kind)
	}
	if err := found.readColumns(ctx, q, t); err != nil {
		return found, err
	}
	var some bool
	if err := q.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+t.sql()+")").Scan(&some); err != nil {
		return found, wrap("look into the table "+t.String(), err)
	}
	found.empty = !some
	if !t.hashed() {
		err := q.QueryRow(ctx, keyedSQL, t.sql(), t.Key).Scan(&found.keyed)
		if err != nil {
			return found, wrap("look for the key of "+t.String(), err)
		}
		if !found.keyed {
			return found, refuse("%s has no primary key or unique index on exactly (%s), the key of the dataset %s: add one, or mend the dataset", t, strings.Join(t.Key, ", "), t.Dataset)
		}
	}
	return found, nil
}

// lookSQL finds what hangs on a table, and so would be lost with it.
const lookSQL = `SELECT c.relkind::text, concat_ws(', ',
	CASE WHEN c.relkind <> 'r' OR c.relispartition OR EXISTS (SELECT FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent)) THEN 'it is a partition or has some' END,
	CASE WHEN c.relacl IS NOT NULL THEN 'rights were granted on it' END,
	CASE WHEN EXISTS (SELECT FROM pg_trigger g WHERE g.tgrelid = c.oid) THEN 'it has triggers or foreign keys' END,
	CASE WHEN c.relhasrules OR c.relrowsecurity OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) THEN 'it has rules or policies' END,
	CASE WHEN EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid
		AND d.classid IN ('pg_rewrite'::regclass, 'pg_proc'::regclass)) THEN 'views or functions use it' END,
	CASE WHEN EXISTS (SELECT FROM pg_publication_tables p WHERE p.schemaname = n.nspname AND p.tablename = c.relname) THEN 'it is published' END,
	CASE WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND NOT i.indisprimary) THEN 'it has more indexes' END,
	CASE WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype <> 'p') THEN 'it has constraints' END,
	CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND (a.atthasdef OR a.attidentity <> '')) THEN 'it has defaults' END,
	CASE WHEN EXISTS (SELECT FROM pg_description d WHERE d.objoid = c.oid AND d.classoid = 'pg_class'::regclass) THEN 'it has comments' END,
	CASE WHEN c.reloptions IS NOT NULL OR c.reltablespace <> 0 OR c.relpersistence <> 'p' THEN 'it has storage settings' END,
	CASE WHEN c.relowner <> (SELECT r.oid FROM pg_roles r WHERE r.rolname = current_user) THEN 'it belongs to somebody else' END,
	CASE WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attacl IS NOT NULL) THEN 'rights were granted on its columns' END)
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2`

const keyedSQL = `SELECT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
	AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey))
	= (SELECT array_agg(k ORDER BY k COLLATE "C") FROM unnest($2::text[]) k))`

// lookSchema is for a table that is not there. Rights that would be granted by default on a new one are only granted where it
// is made.
func lookSchema(ctx context.Context, q pgx.Tx, t *Table, found *target) error {
	var defaults bool
	err := q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_default_acl d WHERE d.defaclnamespace IN (0, n.oid)) FROM pg_namespace n WHERE nspname = $1`, t.Schema).Scan(&defaults)
	if errors.Is(err, pgx.ErrNoRows) {
		return refuse("there is no schema %s for the table %s: have it made", t.Schema, t)
	}
	found.empty, found.keyed = true, true
	if defaults {
		found.why = "new tables there get rights by default"
	}
	return wrap("look at the schema "+t.Schema, err)
}

func (f *target) readColumns(ctx context.Context, q pgx.Tx, t *Table) error {
	rows, err := q.Query(ctx, `SELECT attname, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute
		WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`, t.sql())
	if err != nil {
		return wrap("read the columns of "+t.String(), err)
	}
	f.columns, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (c Column, err error) {
		return c, row.Scan(&c.Name, &c.Type, &c.NotNull)
	})
	if err != nil {
		return wrap("read the columns of "+t.String(), err)
	}
	var missing []string
	for _, want := range t.Columns {
		if !slices.ContainsFunc(f.columns, func(c Column) bool { return c.Name == want.Name }) {
			missing = append(missing, want.Name)
		}
	}
	if len(missing) > 0 {
		return refuse("%s has no column %s, which the dataset %s has: add it to the table, or take it out of the dataset", t, strings.Join(missing, ", "), t.Dataset)
	}
	return nil
}

// method chooses how to load. A staged table can become the table itself where there are no rows, and nothing hangs on the
// one that is there; that saves writing all rows a second time. Otherwise only what differs is written, in place.
func method(ctx context.Context, conn *pgx.Conn, t *Table) (method, why string, err error) {
	err = pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		found, err := look(ctx, tx, t)
		method, why = found.method(t)
		return err
	})
	return method, why, err
}

func (f *target) method(t *Table) (method, why string) {
	switch {
	case f.exists && !f.empty:
		return InPlace, "it holds rows"
	case f.why != "":
		return InPlace, f.why
	case f.exists && !slices.EqualFunc(f.columns, t.Columns, func(a, b Column) bool {
		return a.Name == b.Name && sameType(a.Type, b.Type) && a.NotNull == (b.NotNull || slices.Contains(t.Key, b.Name))
	}):
		return InPlace, "its columns are not exactly those of the dataset"
	}
	return Swap, ""
}

func sameType(inDatabase, declared string) bool {
	long := map[string]string{"timestamp": "timestamp without time zone", "timestamptz": "timestamp with time zone"}
	if name, ok := long[declared]; ok {
		declared = name
	}
	return inDatabase == declared
}

// create makes the table.
func create(ctx context.Context, tx pgx.Tx, t *Table) error {
	key := ""
	if !t.hashed() {
		key = ", PRIMARY KEY (" + quoted(t.Key, "") + ")"
	}
	_, err := tx.Exec(ctx, fmt.Sprintf("CREATE TABLE %s (%s%s)", t.sql(), t.definition(), key))
	return wrap("make the table "+t.String(), err)
}

package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// ErrDrifted says that the table, or what is staged, is not what the plan was made for. Nothing was changed.
var ErrDrifted = errors.New("the table has changed since the plan was made; nothing was loaded")

// Entry is a row of the ledger: a load that took place.
type Entry struct {
	Operation   string    `json:"operation"`
	Attempt     int64     `json:"attempt"`
	Dataset     string    `json:"dataset"`
	Declaration string    `json:"declaration"` // SHA-256 of the dataset's declaration
	Target      string    `json:"target"`
	Mode        Mode      `json:"mode"`
	Method      string    `json:"method"`
	SHA256      string    `json:"sha256"`
	Source      string    `json:"source"`
	Bytes       int64     `json:"bytes"`
	Counts      Counts    `json:"counts"`
	Checksum    string    `json:"checksum"` // of the table after the load, see Check
	Rows        int64     `json:"rows"`     // of the table after the load
	LoadedAt    time.Time `json:"loadedAt"`
}

// Order is what Import needs to know beside the table.
type Order struct {
	Declaration string
	Source      string // of the file, in words
	Expect      Counts // of the plan; any other outcome is ErrDrifted
}

// Import loads what is staged, in one transaction with the ledger's row. A load that has taken place is found in the ledger
// and not done again.
func (s *Store) Import(ctx context.Context, t Table, run Run, o Order) (Entry, error) {
	var entry Entry
	err := s.session(ctx, run, func(conn *pgx.Conn) error {
		if err := s.begin(ctx, conn, run); err != nil {
			return err
		}
		return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			// The row lock of the fence keeps later attempts waiting until this one is over.
			if err := fence(ctx, tx, run); err != nil {
				return err
			}
			found, err := entryOf(ctx, tx, `operation = $1`, run.Operation)
			switch {
			case err != nil:
				return err
			case found != nil && found.Counts != o.Expect: // a run that was reset has another plan now
				return fmt.Errorf("%w: this run has loaded %s already, and the plan in force is %s: start a new run", ErrDrifted, found.Counts.words(), o.Expect.words())
			case found != nil:
				entry = *found
				return nil
			}
			entry, err = importStaged(ctx, tx, &t, run, o)
			return err
		})
	})
	return entry, err
}

func importStaged(ctx context.Context, tx pgx.Tx, t *Table, run Run, o Order) (Entry, error) {
	if err := lockTarget(ctx, tx, t); err != nil {
		return Entry{}, err
	}
	c, d, err := open(ctx, tx, t, run)
	if err != nil {
		return Entry{}, err
	}
	if d == nil {
		return Entry{}, ErrNotStaged
	}
	if d.Counts != o.Expect {
		return Entry{}, fmt.Errorf("%w: planned were %s, now it would be %s", ErrDrifted, o.Expect.words(), d.Counts.words())
	}
	if c.target, err = look(ctx, tx, t); err != nil {
		return Entry{}, err
	}
	if c.target.exists == d.Creates || c.target.empty != (d.Before == 0) {
		return Entry{}, ErrDrifted
	}
	if err := c.there(ctx, c.rows, d.Counts.Rows); err != nil {
		return Entry{}, err
	}
	entry := Entry{
		Operation: run.Operation, Attempt: run.Attempt, Dataset: t.Dataset, Declaration: o.Declaration, Target: t.String(), Mode: t.Mode,
		Method: c.staged.Method, SHA256: c.staged.SHA256, Source: o.Source, Bytes: c.staged.Bytes, Counts: d.Counts,
	}
	expected, sum := "", checksum
	if c.staged.Method == Swap {
		err, sum = c.swap(ctx, run), c.checksumSwapped
	} else {
		expected, err = c.apply(ctx, *d)
	}
	if err != nil {
		return Entry{}, err
	}
	if entry.Rows, entry.Checksum, err = sum(ctx, tx, t); err != nil {
		return Entry{}, err
	}
	if entry.Rows != d.After {
		return Entry{}, refuse("%s would have %d rows after the load, and the plan says %d: nothing was loaded; is there a trigger that puts in or takes out rows?", t, entry.Rows, d.After)
	}
	if expected != "" && expected != entry.Checksum {
		return Entry{}, refuse("%s would hold other values than the file: nothing was loaded; is there a trigger that changes them?", t)
	}
	return entry, record(ctx, tx, &entry)
}

func (c Counts) words() string {
	return fmt.Sprintf("%d new, %d changed, %d unchanged, %d vanished", c.New, c.Changed, c.Unchanged, c.Vanished)
}

// lockTarget keeps writers away from the table until the end of the transaction; readers go on.
func lockTarget(ctx context.Context, tx pgx.Tx, t *Table) error {
	var there bool
	if err := tx.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, t.sql()).Scan(&there); err != nil || !there {
		return wrap("look for "+t.String(), err)
	}
	_, err := tx.Exec(ctx, "LOCK TABLE "+t.sql()+" IN SHARE ROW EXCLUSIVE MODE")
	return wrap("keep other writers away from "+t.String(), err)
}

// swap makes the staged table the table.
func (c *comparison) swap(ctx context.Context, run Run) error {
	t := c.table
	if method, why := c.target.method(t); method != Swap {
		return fmt.Errorf("%w: %s cannot be taken the place of any more, because %s", ErrDrifted, t, why)
	}
	sql := fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s;", c.rows, lineColumn)
	if t.hashed() {
		sql += fmt.Sprintf("ALTER TABLE %s DROP COLUMN %s;", c.rows, hashColumn)
	}
	if c.target.exists {
		sql += "DROP TABLE " + t.sql() + ";"
	}
	name := Run{run.Operation, c.staged.Attempt}.table("s")
	sql += fmt.Sprintf("ALTER TABLE %s SET SCHEMA %s; ALTER TABLE %s RENAME TO %s;", c.rows, quote(t.Schema), quote(t.Schema, name), quote(t.Name))
	if !t.hashed() {
		sql += fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s PRIMARY KEY USING INDEX %s;", t.sql(), quote(shorten(t.Name)+"_pkey"),
			quote(Run{run.Operation, c.staged.Attempt}.table("k")))
	}
	_, err := c.tx.Exec(ctx, sql)
	return wrap("put the staged table in the place of "+t.String(), err)
}

// checksumSwapped is that of the rows as they were sent, if it is known: nobody has a trigger on a table that was made for them.
// They are counted after the import, as every table is.
func (c *comparison) checksumSwapped(ctx context.Context, q querier, t *Table) (rows int64, sum string, err error) {
	if c.staged.Sum == "" {
		return checksumAsMade(ctx, q, t)
	}
	return c.staged.Counts.Rows, c.staged.Sum, nil
}

// shorten leaves room for an ending in a name of at most 63 bytes.
func shorten(name string) string { return name[:min(len(name), 55)] }

func record(ctx context.Context, tx pgx.Tx, e *Entry) error {
	counts, err := json.Marshal(e.Counts)
	if err != nil {
		return err
	}
	err = tx.QueryRow(ctx, `INSERT INTO tejun_load.ledger (operation, attempt, dataset, declaration, target, mode, method, sha256, source, bytes, counts, checksum, rows)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12::text::numeric, $13) RETURNING loaded_at`,
		e.Operation, e.Attempt, e.Dataset, e.Declaration, e.Target, e.Mode, e.Method, e.SHA256, e.Source, e.Bytes, counts, e.Checksum, e.Rows).Scan(&e.LoadedAt)
	e.LoadedAt = e.LoadedAt.UTC()
	return wrap("write the load into the ledger", err)
}

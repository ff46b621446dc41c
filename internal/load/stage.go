package load

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"tejun/internal/ingest"
)

// How a load gets into its table.
const (
	Swap    = "swap"     // the staged table becomes the table: nothing was there
	InPlace = "in place" // rows are put in, changed and deleted
)

// copyConnections is how many connections copy rows side by side: PostgreSQL's part of the work is as large as the
// reader's, and one connection is one process.
const copyConnections = 2

// Staged is a file in its staging table.
type Staged struct {
	Attempt  int64         `json:"attempt"` // whose tables they are
	Method   string        `json:"method"`
	Why      string        `json:"why"` // why not by swap; "" if it is
	Counts   Counts        `json:"counts"`
	SHA256   string        `json:"sha256"` // of the file as it arrived
	Bytes    int64         `json:"bytes"`  // of the file as it arrived
	Unpacked int64         `json:"unpacked"`
	Totals   ingest.Totals `json:"totals"`
	Sum      string        `json:"sum,omitempty"` // of the hashes of the rows to load, see Check; "" if they have to be read for it
}

// Source converts a file: it calls emit with each chunk and returns the totals. What it says of the file's hash and size is kept.
type Source func(ctx context.Context, emit func(ingest.Chunk) error) (Arrived, error)

// Arrived is what is known of a file once it has been read.
type Arrived struct {
	SHA256 string
	Bytes  int64
	Totals ingest.Totals
}

// Stage reads a file into staging tables: its rows, and its rejects. It settles duplicates and references, so that what
// is staged can be loaded. Earlier attempts' tables are dropped. rows is a guess of the file's rows, for the memory that
// it may need. Nothing outside the schema tejun_load changes.
func (s *Store) Stage(ctx context.Context, t Table, run Run, rows int64, source Source) (Staged, error) {
	if err := t.check(); err != nil {
		return Staged{}, err
	}
	var staged Staged
	err := s.session(ctx, run, func(conn *pgx.Conn) error {
		if err := s.begin(ctx, conn, run); err != nil {
			return err
		}
		if err := drop(ctx, conn, run.Operation); err != nil {
			return err
		}
		method, why, err := method(ctx, conn, &t)
		if err != nil {
			return err
		}
		st := &staging{store: s, conn: conn, table: &t, run: run}
		if method == Swap {
			if st.hasher, err = newHasher(ctx, conn, &t); err != nil {
				return err
			}
		}
		if err := st.create(ctx, method); err != nil {
			return err
		}
		if staged, err = st.fill(ctx, rows, method == Swap, source); err != nil {
			return err
		}
		staged.Attempt, staged.Method, staged.Why = run.Attempt, method, why
		return st.done(ctx, staged)
	})
	return staged, err
}

// staging is one staging under way.
type staging struct {
	store  *Store
	conn   *pgx.Conn
	table  *Table
	run    Run
	hasher hasher   // nil: no sum of the rows is kept
	sum    *big.Int // of the rows' hashes; nil without a hasher
}

func (st *staging) rows() string    { return quote(ledgerSchema, st.run.table("s")) }
func (st *staging) copies() string  { return quote(ledgerSchema, st.run.table("c")) }
func (st *staging) rejects() string { return quote(ledgerSchema, st.run.table("r")) }

// create makes the tables. What becomes the table itself must be logged from the beginning: making it so later writes it
// all a second time.
func (st *staging) create(ctx context.Context, method string) error {
	logged := "UNLOGGED"
	if method == Swap {
		logged = ""
	}
	sql := fmt.Sprintf(`CREATE %s TABLE %s (%s); CREATE UNLOGGED TABLE %s (%s);
		CREATE UNLOGGED TABLE %s (line bigint NOT NULL, name text NOT NULL, reason text NOT NULL, raw bytea, content text[], size bigint NOT NULL)`,
		logged, st.rows(), st.table.staging(), st.copies(), st.table.staging(), st.rejects())
	_, err := st.conn.Exec(ctx, sql)
	return wrap("make the staging tables", err)
}

// fill reads the file into the tables. What becomes the table itself gets its key before the duplicates are settled, since that
// finds the few rows that it is about.
func (st *staging) fill(ctx context.Context, rows int64, keyed bool, source Source) (Staged, error) {
	arrived, err := st.copy(ctx, rows, source)
	if err != nil {
		return Staged{}, err
	}
	if keyed {
		if err := st.index(ctx); err != nil {
			return Staged{}, err
		}
	}
	staged := Staged{SHA256: arrived.SHA256, Bytes: arrived.Bytes, Unpacked: arrived.Totals.Bytes, Totals: arrived.Totals}
	c := &staged.Counts
	c.Records, c.Rejected, c.Joined = arrived.Totals.Records, arrived.Totals.Rejects, arrived.Totals.Joined
	if err := st.settle(ctx, c); err != nil {
		return Staged{}, err
	}
	c.Rows = arrived.Totals.Rows - c.Duplicates - c.Superseded - c.Conflicts - c.Dangling
	if err := c.checkInput(); err != nil {
		return Staged{}, err
	}
	if st.sum != nil {
		staged.Sum = st.sum.String()
	}
	return staged, nil
}

// copy reads the file and copies its rows over several connections.
func (st *staging) copy(ctx context.Context, rows int64, source Source) (Arrived, error) {
	group, ctx := errgroup.WithContext(ctx)
	main, copies := make(chan load, copyConnections), make(chan load, 1)
	var mu sync.Mutex
	var copied int64
	into := func(table string, from <-chan load) func() error {
		return func() error {
			conn, err := st.store.connect(ctx, st.run, "synchronous_commit", "off")
			if err != nil {
				return err
			}
			n, err := copyInto(ctx, conn, table, from)
			mu.Lock()
			copied += n
			mu.Unlock()
			return errors.Join(err, conn.Close(context.WithoutCancel(ctx)))
		}
	}
	for range copyConnections {
		group.Go(into(st.rows(), main))
	}
	group.Go(into(st.copies(), copies))
	feed := &feed{ctx: ctx, sorter: newSorter(st.table, newSeen(rows), st.hasher), main: main, copies: copies, rejects: &rejectWriter{staging: st}}
	var arrived Arrived
	group.Go(func() error {
		defer close(main)
		defer close(copies)
		var err error
		arrived, err = source(ctx, feed.emit)
		var rejects *ingest.RejectLimitError
		if err != nil && !errors.As(err, &rejects) {
			return err
		}
		// What a file is refused for is kept for whoever has delivered it.
		return errors.Join(err, feed.rejects.flush(ctx))
	})
	if err := group.Wait(); err != nil {
		return Arrived{}, err
	}
	if copied != arrived.Totals.Rows {
		return Arrived{}, refuse("%d rows were converted and PostgreSQL took %d: nothing was loaded, report this", arrived.Totals.Rows, copied)
	}
	if st.hasher != nil {
		st.sum = feed.sum.big()
	}
	return arrived, nil
}

// feed gives the chunks to the connections.
type feed struct {
	ctx     context.Context //nolint:containedctx // emit has no place for it
	mu      sync.Mutex      // of what is not safe for several workers
	sorter  *sorter
	sum     hashSum
	main    chan<- load
	copies  chan<- load
	rejects *rejectWriter
}

// emit takes one chunk. Several workers may call it at once.
func (f *feed) emit(c ingest.Chunk) error {
	if len(c.Rejects) > 0 {
		f.mu.Lock()
		err := f.rejects.add(f.ctx, c.Rejects)
		f.mu.Unlock()
		if err != nil {
			return err
		}
	}
	sorter := *f.sorter
	main, copies, err := sorter.split(c)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.sum.addAll(sorter.sum)
	f.mu.Unlock()
	if len(copies) > 0 {
		if err := send(f.ctx, f.copies, load{tuples: copies}); err != nil {
			return err
		}
	}
	return send(f.ctx, f.main, load{tuples: main, free: c.Release})
}

func send(ctx context.Context, to chan<- load, l load) error {
	select {
	case to <- l:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// index builds the key of a table that is going to be swapped in, under a name that nobody else has.
func (st *staging) index(ctx context.Context) error {
	if st.table.hashed() {
		return nil
	}
	_, err := st.conn.Exec(ctx, fmt.Sprintf("CREATE UNIQUE INDEX %s ON %s (%s)", quote(st.run.table("k")), st.rows(), quoted(st.table.Key, "")))
	return wrap("build the key", err)
}

// done writes down that the staging is complete. From now on later activities find it.
func (st *staging) done(ctx context.Context, staged Staged) error {
	text, err := json.Marshal(staged)
	if err != nil {
		return err
	}
	return pgx.BeginFunc(ctx, st.conn, func(tx pgx.Tx) error {
		if err := fence(ctx, tx, st.run); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `INSERT INTO tejun_load.stage (operation, attempt, target, staged) VALUES ($1, $2, $3, $4)
			ON CONFLICT (operation) DO UPDATE SET attempt = excluded.attempt, target = excluded.target, staged = excluded.staged, difference = NULL, staged_at = now()`,
			st.run.Operation, st.run.Attempt, st.table.String(), text)
		return wrap("write down that the staging is complete", err)
	})
}

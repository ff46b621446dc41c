package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"tejun/internal/records"
	"tejun/internal/repair"
	"tejun/internal/system"
)

// Repair names an approved template and gives its parameters.
type Repair struct {
	Operation    string            `json:"operation"`
	Template     string            `json:"template"`
	TemplateHash string            `json:"templateHash"` // that was resolved; a template that was edited since is refused
	Parameters   map[string]string `json:"parameters"`
}

// RepairPreview runs a repair on a restored copy.
type RepairPreview struct {
	Repair
	Cluster string `json:"cluster"` // the restored one
}

// RepairPlan is what a repair does to the rows. The hashes are SHA-256, in hex, of all rows in the order of their keys.
type RepairPlan struct {
	Rows       int            `json:"rows"`
	BeforeHash string         `json:"beforeHash"`
	AfterHash  string         `json:"afterHash"`
	UndoHash   string         `json:"undoHash"` // of the undo script
	Samples    []RepairSample `json:"samples"`
}

// RepairSample is one row before and after, with those columns only that the template lets people see.
type RepairSample struct {
	Before json.RawMessage `json:"before,omitempty"`
	After  json.RawMessage `json:"after,omitempty"`
}

// RepairChange carries an approved repair out, or looks whether it has been.
type RepairChange struct {
	Repair
	Plan   RepairPlan `json:"plan"`
	Digest string     `json:"digest"` // of the approved plan, for the ledger
}

// RepairDone is what the ledger says.
type RepairDone struct {
	Rows int `json:"rows"`
}

// Repairs mends data by approved statements.
type Repairs struct {
	operated *Operated
	records  operatedStore
	system   func() (*system.System, error)
}

// template loads the template and makes sure that it is the one that people saw.
func (a *Repairs) template(in Repair) (*repair.Template, error) {
	if err := checkOperation(in.Operation); err != nil {
		return nil, err
	}
	s, err := describe(a.system)
	if err != nil {
		return nil, err
	}
	t, err := repair.Find(s, in.Template)
	if err != nil {
		return nil, fail(Refused, "%v", err)
	}
	if t.Hash() != in.TemplateHash {
		return nil, fail(Drifted, "the template %s was edited after this run began; nothing was written: start a new run with the template as it is now", in.Template)
	}
	if err := t.Check(in.Parameters); err != nil {
		return nil, fail(InvalidInput, "%v", err)
	}
	return t, nil
}

// PreviewRepair runs the statement on a restored copy, takes it back there, and keeps the rows before and after and the undo
// script. The operated system's own database is not touched.
func (a *Repairs) PreviewRepair(ctx context.Context, in RepairPreview) (RepairPlan, error) {
	t, err := a.template(in.Repair)
	if err != nil {
		return RepairPlan{}, err
	}
	pool, err := a.operated.copyPool(ctx, in.Cluster)
	if err != nil {
		return RepairPlan{}, err
	}
	defer pool.Close()
	var rows repairRows
	taken := errors.New("taken back")
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		if err := coversAll(ctx, tx, t); err != nil {
			return err
		}
		if rows, err = runRepair(ctx, tx, t, in.Parameters); err != nil {
			return err
		}
		return taken
	})
	if !errors.Is(err, taken) {
		return RepairPlan{}, sqlError(err, "preview the repair on the copy "+in.Cluster)
	}
	if n := max(len(rows.Before), len(rows.After)); n > t.MaxRows {
		return RepairPlan{}, fail(Refused, "the repair would touch %d rows, and the template %s allows %d at once: narrow the parameters", n, in.Template, t.MaxRows)
	}
	undo := t.Undo(rows.Before, rows.After)
	content, err := json.Marshal(rows)
	if err != nil {
		return RepairPlan{}, fail(InvalidInput, "keep the rows: %v", err)
	}
	for name, kept := range map[string][]byte{repairRowsState: content, repairUndoState: []byte(undo)} {
		if sum, err := a.records.SaveState(ctx, in.Operation, name, kept); err != nil {
			return RepairPlan{}, recordsError(err, "keep the rows of the preview")
		} else if sum != hashText(string(kept)) {
			return RepairPlan{}, fail(Drifted, "an earlier preview of this run found other rows: start a new run")
		}
	}
	return planOf(t, rows, undo)
}

// What a run keeps of its preview.
const (
	repairRowsState = "repair/rows"
	repairUndoState = "repair/undo"
)

const haveLedger = `SELECT to_regclass('tejun.repair_ledger') IS NOT NULL`

// One at a time: two that make the same table at once would fail.
const makeLedger = `SELECT pg_advisory_xact_lock(hashtext('tejun.repair_ledger'));
CREATE SCHEMA IF NOT EXISTS tejun;
CREATE TABLE IF NOT EXISTS tejun.repair_ledger (
	operation text PRIMARY KEY, template text NOT NULL, plan text NOT NULL, rows integer NOT NULL,
	before_sha256 text NOT NULL, after_sha256 text NOT NULL, done_at timestamptz NOT NULL DEFAULT clock_timestamp())`

// open loads the template and connects to the operated system's database, which has the ledger then.
func (a *Repairs) open(ctx context.Context, in Repair) (*repair.Template, *pgxpool.Pool, error) {
	t, err := a.template(in)
	if err != nil {
		return nil, nil, err
	}
	pool, err := a.operated.pool(ctx)
	if err != nil {
		return nil, nil, err
	}
	// A user with few rights may use a ledger that was made for it; PostgreSQL would refuse it even "IF NOT EXISTS".
	var made bool
	if err := pool.QueryRow(ctx, haveLedger).Scan(&made); err != nil {
		return nil, nil, sqlError(err, "look for the ledger of repairs")
	}
	if made {
		return t, pool, nil
	}
	if _, err := pool.Exec(ctx, makeLedger); err != nil {
		return nil, nil, sqlError(err, "make the ledger of repairs")
	}
	return t, pool, nil
}

// ExecuteRepair runs the statement on the operated system's database in one transaction. It commits only if the rows are those
// of the approved plan, before and after; if they are not it changes nothing and says what differs. A row of the ledger in the
// same transaction makes sure that it is done once, whatever became of an earlier attempt's answer.
func (a *Repairs) ExecuteRepair(ctx context.Context, in RepairChange) (RepairDone, error) {
	t, pool, err := a.open(ctx, in.Repair)
	if err != nil {
		return RepairDone{}, err
	}
	if err := fence(ctx, a.records, in.Operation+"/repair"); err != nil {
		return RepairDone{}, err
	}
	var done RepairDone
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT rows FROM tejun.repair_ledger WHERE operation = $1`, in.Operation).Scan(&done.Rows)
		if err == nil || !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		if err := coversAll(ctx, tx, t); err != nil {
			return err
		}
		rows, err := runRepair(ctx, tx, t, in.Parameters)
		if err != nil {
			return err
		}
		if err := a.asPlanned(t, in, rows); err != nil {
			return err
		}
		done.Rows = max(len(rows.Before), len(rows.After))
		_, err = tx.Exec(ctx, `INSERT INTO tejun.repair_ledger (operation, template, plan, rows, before_sha256, after_sha256) VALUES ($1, $2, $3, $4, $5, $6)`,
			in.Operation, in.Template, in.Digest, done.Rows, in.Plan.BeforeHash, hashRows(rows.After))
		if err != nil {
			return err
		}
		return fence(ctx, a.records, in.Operation+"/repair")
	})
	return done, sqlError(err, "repair "+t.Table)
}

// asPlanned compares what the statement did with the approved plan.
func (a *Repairs) asPlanned(t *repair.Template, in RepairChange, rows repairRows) error {
	n := max(len(rows.Before), len(rows.After))
	if n != in.Plan.Rows {
		return fail(Drifted, "the repair touches %d rows of %s, and the approved plan says %d. It was rolled back: nothing was changed. Answer rollback, and start a new run", n, t.Table, in.Plan.Rows)
	}
	if hash := hashRows(rows.Before); hash != in.Plan.BeforeHash {
		return fail(Drifted, "the %d rows of %s are not as they were in the preview (SHA-256 %.12s, the approved plan says %.12s): somebody has changed them since. It was rolled back: nothing was changed. Answer rollback, and start a new run",
			n, t.Table, hash, in.Plan.BeforeHash)
	}
	// What an INSERT makes may hold defaults such as the time, so only its number is compared.
	if hash := hashRows(rows.After); t.Action() != "INSERT" && hash != in.Plan.AfterHash {
		return fail(Drifted, "the repair would leave other rows in %s than the approved plan says (SHA-256 %.12s, not %.12s). It was rolled back: nothing was changed", t.Table, hash, in.Plan.AfterHash)
	}
	return nil
}

// VerifyRepair reads the rows again and compares them with the approved plan.
func (a *Repairs) VerifyRepair(ctx context.Context, in RepairChange) (RepairDone, error) {
	t, pool, err := a.open(ctx, in.Repair)
	if err != nil {
		return RepairDone{}, err
	}
	content, err := a.records.LoadState(ctx, in.Operation, repairRowsState)
	if err != nil {
		return RepairDone{}, recordsError(err, "read the rows of the preview")
	}
	var kept repairRows
	if err := json.Unmarshal(content, &kept); err != nil {
		return RepairDone{}, fail(InvalidInput, "the rows of the preview cannot be read: %v", err)
	}
	keys, want := kept.Before, in.Plan.AfterHash
	if t.Action() == "INSERT" {
		keys = kept.After
	}
	found, ledger, err := readBackRepair(ctx, pool, t, keys, in.Operation)
	switch {
	case err != nil:
		return RepairDone{}, sqlError(err, "read the repaired rows of "+t.Table)
	case ledger == nil:
		return RepairDone{}, fail(Drifted, "the ledger does not know this repair: it was not carried out")
	case t.Action() == "INSERT" && len(found) == in.Plan.Rows, t.Action() != "INSERT" && hashRows(found) == want:
		return RepairDone{Rows: *ledger}, nil
	}
	return RepairDone{}, fail(Drifted, "%d rows of %s carry the keys of the repair and are not as it left them: somebody has changed them since. Look at them; the undo script stays", len(found), t.Table)
}

func readBackRepair(ctx context.Context, pool *pgxpool.Pool, t *repair.Template, keys []string, operation string) (found []string, ledger *int, err error) {
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		err := tx.QueryRow(ctx, `SELECT rows FROM tejun.repair_ledger WHERE operation = $1`, operation).Scan(&ledger)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		found, err = texts(ctx, tx, t.ByKey(keys))
		return err
	})
	return found, ledger, err
}

// sqlError classifies an error of the operated system's database. What SQL refuses is a mistake in the template or the data;
// a lost connection, a restart or another transaction in the way is tried again.
func sqlError(err error, doing string) error {
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg) && slices.Contains([]string{"40", "53", "55", "57", "08"}, pg.Code[:2]):
		return fail(Unavailable, "%s: %s (%s)", doing, pg.Message, pg.Code)
	case errors.As(err, &pg) && pg.Code == "23505" && pg.TableName == "repair_ledger":
		return fail(Conflict, "%s: another attempt has just done it; it is looked at again", doing)
	case errors.As(err, &pg) && pg.Code == "42501":
		return fail(Denied, "%s: %s: grant it to the user of %s, then answer retry", doing, pg.Message, "TEJUN_OPERATED_DATABASE_URL")
	case errors.As(err, &pg): // without its detail, which quotes values of the rows
		return fail(InvalidInput, "%s: %s (%s)", doing, pg.Message, pg.Code)
	case errors.Is(err, records.ErrSuperseded):
		return recordsError(err, doing)
	}
	return Classify(err, doing)
}

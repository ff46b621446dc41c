package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"tejun/internal/repair"
)

// mostSamples is how many rows a plan shows.
const mostSamples = 5

// repairRows is the rows of a repair, as JSON in the order of the key.
type repairRows struct {
	Before []string `json:"before"`
	After  []string `json:"after"`
}

// planOf is what people are shown of the rows of a repair, and what is compared later.
func planOf(t *repair.Template, rows repairRows, undo string) (RepairPlan, error) {
	p := RepairPlan{
		Rows: max(len(rows.Before), len(rows.After)), BeforeHash: hashRows(rows.Before), AfterHash: hashRows(rows.After), UndoHash: hashText(undo),
		Samples: []RepairSample{},
	}
	shown := append(slices.Clone(t.Key), t.Show...)
	for i := range min(p.Rows, mostSamples) {
		var sample RepairSample
		var err error
		if i < len(rows.Before) {
			if sample.Before, err = excerpt(rows.Before[i], shown); err != nil {
				return p, err
			}
		}
		if i < len(rows.After) && t.Action() != "DELETE" {
			if sample.After, err = excerpt(rows.After[i], shown); err != nil {
				return p, err
			}
		}
		p.Samples = append(p.Samples, sample)
	}
	return p, nil
}

// excerpt is a row with some of its columns.
func excerpt(row string, columns []string) (json.RawMessage, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(row), &all); err != nil {
		return nil, fail(InvalidInput, "a row cannot be read: %v", err)
	}
	some := map[string]json.RawMessage{}
	for _, c := range columns {
		if v, ok := all[c]; ok {
			some[c] = v
		}
	}
	return json.Marshal(some)
}

func hashRows(rows []string) string { return hashText(strings.Join(rows, "\n")) }

func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

// runRepair locks the rows, notes them, and runs the statement. What it returns are the rows before and after in one order.
func runRepair(ctx context.Context, tx pgx.Tx, t *repair.Template, values map[string]string) (rows repairRows, err error) {
	if rows.Before, err = texts(ctx, tx, t.Affected(values)); err != nil {
		return rows, err
	}
	changed, err := texts(ctx, tx, t.Execute(values))
	if err != nil {
		return rows, err
	}
	if t.Action() == "DELETE" {
		rows.After = []string{}
		if len(changed) != len(rows.Before) {
			return rows, fail(Conflict, "%d rows were found and %d deleted: somebody changes the table right now", len(rows.Before), len(changed))
		}
		return rows, nil
	}
	if t.Action() == "UPDATE" && len(changed) != len(rows.Before) {
		return rows, fail(Conflict, "%d rows were found and %d changed: somebody changes the table right now", len(rows.Before), len(changed))
	}
	rows.After, err = texts(ctx, tx, t.ByKey(changed))
	return rows, err
}

func texts(ctx context.Context, tx pgx.Tx, q repair.Query) ([]string, error) {
	rows, err := tx.Query(ctx, q.SQL, q.Args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// coversAll refuses a table where a statement would change more than the rows that are compared and kept.
func coversAll(ctx context.Context, tx pgx.Tx, t *repair.Template) error {
	var triggers, cascades int
	var keyed, layered bool
	cascade := "confdeltype"
	if t.Action() == "UPDATE" {
		cascade = "confupdtype"
	}
	err := tx.QueryRow(ctx, `SELECT
		(SELECT count(*) FROM pg_trigger WHERE tgrelid = $1::text::regclass AND NOT tgisinternal AND tgenabled <> 'D'),
		(SELECT count(*) FROM pg_constraint WHERE contype = 'f' AND confrelid = $1::text::regclass AND `+cascade+` IN ('c', 'n', 'd')),
		(SELECT relhasrules OR relkind <> 'r' OR EXISTS (SELECT FROM pg_inherits WHERE $1::text::regclass IN (inhrelid, inhparent)) FROM pg_class WHERE oid = $1::text::regclass),
		EXISTS (SELECT FROM pg_index i WHERE i.indrelid = $1::text::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL AND i.indexprs IS NULL
			AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attnotnull)
			= (SELECT array_agg(k ORDER BY k) FROM unnest($2::text[]) k)
			AND i.indnkeyatts = cardinality($2::text[]))`,
		t.Table, t.Key).Scan(&triggers, &cascades, &layered, &keyed)
	switch {
	case err != nil:
		return err
	case !keyed:
		return fail(Refused, "the table %s has no primary key or unique index, without missing values, on exactly (%s), the key of the template: the undo script could hit other rows. Mend the template", t.Table, strings.Join(t.Key, ", "))
	case layered:
		return fail(Refused, "%s is no plain table, or has rules, partitions or children, through which more may change than the plan shows: this repair cannot be done by a template", t.Table)
	case triggers > 0:
		return fail(Refused, "the table %s has %d trigger(s), which may change more than the plan shows: this repair cannot be done by a template", t.Table, triggers)
	case cascades > 0 && t.Action() != "INSERT":
		return fail(Refused, "the %s on %s could change other tables through %d foreign key(s), which the undo script does not cover: repair those tables first", t.Action(), t.Table, cascades)
	}
	return nil
}

package load

import (
	"context"
	"fmt"
	"math/big"
	"strings"

	"github.com/jackc/pgx/v5"
)

// settle is the redundancy check (リデューンチェック) within the file: exact copies, rows of one key with different content, and
// values that are not where they must be found. Whatever does not stand leaves the staging table, and what is rejected is
// written down with its line.
func (st *staging) settle(ctx context.Context, c *Counts) error {
	return pgx.BeginFunc(ctx, st.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SET LOCAL synchronous_commit = off`); err != nil {
			return err
		}
		if err := st.settleCopies(ctx, tx, c); err != nil {
			return wrap("settle the duplicates", err)
		}
		for i := range st.table.Columns {
			if err := st.settleReference(ctx, tx, &st.table.Columns[i], c); err != nil {
				return wrap("check the references of "+st.table.Columns[i].Name, err)
			}
		}
		return nil
	})
}

func (st *staging) settleCopies(ctx context.Context, tx pgx.Tx, c *Counts) error {
	t, keys := st.table, st.table.keys()
	var some bool
	if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT FROM "+st.copies()+")").Scan(&some); err != nil || !some {
		return err
	}
	if t.hashed() && !t.Duplicates.RejectExact {
		// Without a key two equal rows may both be meant; appending keeps them.
		_, err := st.move(ctx, tx, 1, fmt.Sprintf("WITH moved AS (INSERT INTO %s SELECT * FROM %s RETURNING %s AS hash)", st.rows(), st.copies(), rowHash(t, "")))
		return err
	}
	// How many keys there are decides between a look-up for each and one pass over all.
	if _, err := tx.Exec(ctx, "ANALYZE "+st.copies()+" ("+quoted(keys, "")+")"); err != nil {
		return err
	}
	if !t.hashed() && !t.Duplicates.RejectExact {
		if err := st.dropCopies(ctx, tx, c); err != nil {
			return err
		}
	}
	// All rows of a key that comes twice stand together from here on, and the staging table holds each other key once.
	out := fmt.Sprintf(`WITH k AS (SELECT DISTINCT %[3]s FROM %[2]s),
		gone AS (DELETE FROM %[1]s s USING k WHERE %[4]s RETURNING s.*),
		moved AS (INSERT INTO %[2]s SELECT * FROM gone RETURNING %[5]s AS hash)`, st.rows(), st.copies(), quoted(keys, ""), same(keys, "s.", "k."), rowHash(t, ""))
	if _, err := st.move(ctx, tx, -1, out); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, st.judgement()); err != nil {
		return err
	}
	back := fmt.Sprintf(`WITH moved AS (INSERT INTO %s SELECT %s FROM judged WHERE verdict = 'stands' RETURNING %s AS hash)`, st.rows(), st.stagingList(), rowHash(t, ""))
	if _, err := st.move(ctx, tx, 1, back); err != nil {
		return err
	}
	var copies int64
	err := tx.QueryRow(ctx, `SELECT count(*) FILTER (WHERE verdict = 'copy'), count(*) FILTER (WHERE verdict = 'superseded'),
		count(*) FILTER (WHERE verdict = 'conflict') FROM judged`).Scan(&copies, &c.Superseded, &c.Conflicts)
	if err != nil {
		return err
	}
	c.Duplicates += copies
	if t.Duplicates.RejectExact {
		c.Conflicts, c.Duplicates = c.Conflicts+c.Duplicates, 0
	}
	return st.rejectJudged(ctx, tx)
}

// dropCopies drops the rows that are exact copies of the row of their key that stands, where none of that key is anything else: the
// first of them is where it belongs, and need not be touched.
func (st *staging) dropCopies(ctx context.Context, tx pgx.Tx, c *Counts) error {
	t := st.table
	copied := fmt.Sprintf("s.%[1]s < c.%[1]s", lineColumn)
	if t.others("") != "" {
		copied += fmt.Sprintf(" AND ROW(%s) IS NOT DISTINCT FROM ROW(%s)", t.others("c."), t.others("s."))
	}
	tag, err := tx.Exec(ctx, fmt.Sprintf(`WITH found AS (SELECT c.ctid AS place, %[1]s, %[2]s AS copied FROM %[3]s c JOIN %[4]s s ON %[5]s),
		other AS (SELECT DISTINCT %[6]s FROM found WHERE NOT copied)
		DELETE FROM %[3]s c USING found f WHERE c.ctid = f.place AND f.copied AND NOT EXISTS (SELECT FROM other o WHERE %[7]s)`,
		quoted(t.Key, "c."), copied, st.copies(), st.rows(), same(t.Key, "s.", "c."), quoted(t.Key, ""), same(t.Key, "o.", "f.")))
	c.Duplicates += tag.RowsAffected()
	return err
}

// move puts rows into the table of rows (sign 1) or takes some out of it (-1), and keeps the sum of its hashes right. The
// statement begins with a WITH whose part "moved" has the hashes of those rows.
func (st *staging) move(ctx context.Context, tx pgx.Tx, sign int64, with string, args ...any) (rows int64, err error) {
	var text string
	if err := tx.QueryRow(ctx, with+" SELECT count(*), coalesce(sum(hash), 0)::text FROM moved", args...).Scan(&rows, &text); err != nil || st.sum == nil {
		return rows, err
	}
	sum, ok := new(big.Int).SetString(text, 10)
	if !ok {
		return rows, fmt.Errorf("the sum of hashes %q is no number", text)
	}
	st.sum.Add(st.sum, sum.Mul(sum, big.NewInt(sign)))
	return rows, nil
}

func (st *staging) stagingList() string {
	head := lineColumn + ", "
	if st.table.hashed() {
		head += hashColumn + ", "
	}
	return head + st.table.list("")
}

// judgement says of every row whose key comes twice what becomes of it. Among exact copies the first counts.
func (st *staging) judgement() string {
	t := st.table
	key := quoted(t.keys(), "")
	content := key
	if others := t.others(""); others != "" && !t.hashed() {
		content += ", " + others
	}
	chosen := "contents = 1" // the rule for rows that differ
	switch t.Duplicates.SameKey {
	case First:
		chosen += " OR " + lineColumn + " = first"
	case Last:
		chosen += " OR " + lineColumn + " = last"
	case Where:
		chosen += " OR (wanted AND wants = 1)"
	}
	lost := "'superseded'"
	if t.Duplicates.SameKey == Where {
		lost = "CASE WHEN wants = 1 THEN 'superseded' ELSE 'conflict' END"
	} else if t.Duplicates.SameKey != First && t.Duplicates.SameKey != Last {
		lost = "'conflict'"
	}
	return fmt.Sprintf(`CREATE TEMP TABLE judged ON COMMIT DROP AS
		WITH numbered AS (SELECT *, row_number() OVER (PARTITION BY %[1]s ORDER BY %[2]s) AS copy FROM %[3]s),
		marked AS (SELECT *, copy = 1 AND %[4]s AS wanted FROM numbered),
		grouped AS (SELECT *, count(*) FILTER (WHERE copy = 1) OVER k AS contents, count(*) FILTER (WHERE wanted) OVER k AS wants,
			min(%[2]s) FILTER (WHERE copy = 1) OVER k AS first, max(%[2]s) FILTER (WHERE copy = 1) OVER k AS last
			FROM marked WINDOW k AS (PARTITION BY %[5]s))
		SELECT *, CASE WHEN copy > 1 THEN 'copy' WHEN %[6]s THEN 'stands' ELSE %[7]s END AS verdict FROM grouped`,
		content, lineColumn, st.copies(), st.wanted(), key, chosen, lost)
}

// wanted is the condition of the rule "where".
func (st *staging) wanted() string {
	d := st.table.Duplicates
	if d.SameKey != Where {
		return "false"
	}
	for _, c := range st.table.Columns {
		if c.Name == d.Column {
			return fmt.Sprintf("coalesce(%s = '%s'::%s, false)", quote(c.Name), strings.ReplaceAll(d.Equals, "'", "''"), c.Type)
		}
	}
	return "false"
}

func (st *staging) rejectJudged(ctx context.Context, tx pgx.Tx) error {
	verdicts := "'conflict'"
	if st.table.Duplicates.RejectExact {
		verdicts = "'conflict', 'copy'"
	}
	reason := `CASE WHEN verdict = 'copy' THEN 'an exact copy of line ' || first
		ELSE 'rows of the same key have different content, from line ' || first || ' to line ' || last END`
	_, err := tx.Exec(ctx, fmt.Sprintf(`INSERT INTO %s SELECT %s, $1, %s, NULL, %s, 0 FROM judged WHERE verdict IN (%s)`,
		st.rejects(), lineColumn, reason, st.content(""), verdicts), strings.Join(st.table.Key, ", "))
	return err
}

// content is a row's values as texts.
func (st *staging) content(prefix string) string {
	var texts []string
	for _, c := range st.table.Columns {
		texts = append(texts, prefix+quote(c.Name)+"::text")
	}
	return "ARRAY[" + strings.Join(texts, ", ") + "]"
}

// settleReference rejects rows whose value is not where it must be found. Two columns may be wrong; the first counts.
func (st *staging) settleReference(ctx context.Context, tx pgx.Tx, column *Column, c *Counts) error {
	r := column.References
	if r == nil {
		return nil
	}
	reason := fmt.Sprintf("is not in %s.%s (%s)", r.Schema, r.Table, r.Column)
	if column.Personal {
		reason = "the value " + reason
	}
	rows, err := st.move(ctx, tx, -1, fmt.Sprintf(`WITH gone AS (DELETE FROM %[1]s s WHERE s.%[2]s IS NOT NULL
			AND NOT EXISTS (SELECT FROM %[3]s r WHERE r.%[4]s = s.%[2]s) RETURNING s.*),
		rejected AS (INSERT INTO %[5]s SELECT %[6]s, $1, CASE WHEN $3 THEN $2 ELSE gone.%[2]s::text || ' ' || $2 END, NULL, %[7]s, 0 FROM gone),
		moved AS (SELECT %[8]s AS hash FROM gone)`,
		st.rows(), quote(column.Name), quote(r.Schema, r.Table), quote(r.Column), st.rejects(), lineColumn, st.content("gone."), rowHash(st.table, "gone.")),
		column.Name, reason, column.Personal)
	c.Dangling += rows
	return err
}

package main

import (
	"context"
	"errors"
	"fmt"

	"tejun/workflows"
)

// content is what the table holds, as its number of rows and its checksum. It waits until the database answers.
func (l *lane) content(ctx context.Context) (content string, err error) {
	err = l.asking(ctx, func() error {
		var there bool
		if err := l.pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL`, "public."+l.name).Scan(&there); err != nil || !there {
			content = "no table"
			return err
		}
		rows, sum, err := l.store.Check(ctx, l.table)
		content = fmt.Sprintf("%d rows with the checksum %s", rows, sum)
		return err
	})
	return content, err
}

// same makes sure that a load has left what it leaves undisturbed.
func (l *lane) same(ctx context.Context, r *loadRun, done workflows.DataLoadResult, want left) error {
	now, err := l.content(ctx)
	if err != nil {
		return err
	}
	var failed error
	if now != want.content {
		failed = fmt.Errorf("the table holds %s; undisturbed it is %s", now, want.content)
	}
	if done.Counts != want.counts {
		failed = errors.Join(failed, fmt.Errorf("the counts are %+v; undisturbed they are %+v", done.Counts, want.counts))
	}
	return errors.Join(failed, l.whole(ctx, r, done))
}

// whole makes sure of what must hold after every load: the ledger, the rejected rows, the staging and the evidence.
func (l *lane) whole(ctx context.Context, r *loadRun, done workflows.DataLoadResult) error {
	if done.Loaded == nil {
		return fmt.Errorf("%s loaded nothing: it says that %s has loaded the file", r.id, done.Already)
	}
	var own, all, staged, tables int
	err := l.asking(ctx, func() error {
		return l.pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM tejun_load.ledger WHERE operation = $1), (SELECT count(*) FROM tejun_load.ledger),
			(SELECT count(*) FROM tejun_load.stage), (SELECT count(*) FROM pg_class WHERE relnamespace = 'tejun_load'::regnamespace AND relname ~ '^[a-z]_')`,
			done.Loaded.Operation).Scan(&own, &all, &staged, &tables)
	})
	if err != nil {
		return err
	}
	var failed error
	if own != 1 || all != l.loaded {
		failed = fmt.Errorf("the ledger has %d rows of the load and %d of all %d loads", own, all, l.loaded)
	}
	if staged != 0 || tables != 0 {
		failed = errors.Join(failed, fmt.Errorf("%d stagings and %d tables of the staging are left", staged, tables))
	}
	if done.Rejects.Rows != done.Counts.AllRejected() || done.Rejects.Rows == 0 {
		failed = errors.Join(failed, fmt.Errorf("%d rejected rows are kept of %d", done.Rejects.Rows, done.Counts.AllRejected()))
	}
	chain, err := l.stage.Records.ReadChain(ctx, r.id)
	if err != nil {
		return errors.Join(failed, err)
	}
	if len(chain.Rows) == 0 {
		failed = errors.Join(failed, errors.New("there is no evidence"))
	}
	for _, finding := range chain.Verify() {
		failed = errors.Join(failed, fmt.Errorf("evidence: %v", finding))
	}
	return failed
}

package main

import (
	"context"
	"errors"

	"tejun/workflows"
	"tejun/workflows/runbook"
)

// ask starts a run of Backup.
func (s *stage) ask(ctx context.Context, do string, remove ...workflows.BackupDelete) error {
	return s.start(ctx, "Backup", workflows.BackupInput{Do: do, Reason: "記録", Requester: "takahashi", Operator: "tanaka", Delete: remove})
}

// reclaim starts a repair of three rows, in a table that is as it was at first.
func (s *stage) reclaim(ctx context.Context, expected int) error {
	pool, err := s.Operated.Pool(ctx)
	if err != nil {
		return err
	}
	_, err = pool.Exec(ctx, `DROP TABLE IF EXISTS public.applications;
		CREATE TABLE public.applications (id bigint PRIMARY KEY, status text NOT NULL, received_on date NOT NULL);
		INSERT INTO public.applications SELECT n, CASE WHEN n <= 3 THEN 'returned' ELSE 'done' END, date '2026-11-01' + n::int FROM generate_series(1, 5) n`)
	if err != nil {
		return err
	}
	return s.start(ctx, "DataRepair", workflows.DataRepairInput{
		Template: "correct-application-status", Parameters: map[string]string{"from": "returned", "to": "checking", "since": "2026-11-01", "until": "2026-11-30"},
		Expected: expected, Reason: "記録", Ticket: "INC-1", Requester: "ito", Operator: "tanaka",
	})
}

// spoil changes a row that a repair is about.
func (s *stage) spoil(ctx context.Context) error {
	pool, err := s.Operated.Pool(ctx)
	if err == nil {
		_, err = pool.Exec(ctx, `UPDATE public.applications SET status = 'done' WHERE id = 2`)
	}
	return err
}

var (
	reviewed = act{"review", runbook.Approve, "kato"}
	owned    = act{"owner", runbook.Approve, "sato"}
)

// The missing backup comes first, and there must be two before one may go.
var backup = []take{
	{"check-missing", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ask(ctx, "check"), s.ended(ctx, runbook.Done))
	}},
	{"backup", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ask(ctx, "backup"), s.ended(ctx, runbook.Done))
	}},
	{"check", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ask(ctx, "check"), s.ended(ctx, runbook.Done))
	}},
	{"run-snapshots", func(ctx context.Context, s *stage) error { // looks for those of other runs as well
		return errors.Join(s.ask(ctx, "backup"), s.ended(ctx, runbook.Done))
	}},
	{"delete", func(ctx context.Context, s *stage) error {
		first := *s
		first.id += "-first"
		if err := errors.Join(first.ask(ctx, "backup"), first.ended(ctx, runbook.Done)); err != nil {
			return err
		}
		var made workflows.BackupResult
		if err := s.Client.GetWorkflow(ctx, first.id, "").Get(ctx, &made); err != nil {
			return err
		}
		return errors.Join(s.ask(ctx, "backup", workflows.BackupDelete{Region: made.Copy.Region, ID: made.Copy.ID}),
			s.play(ctx, act{"deletion", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"restore-test", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ask(ctx, "restore-test"), s.ended(ctx, runbook.Done))
	}},
	{"restore-rollback", func(ctx context.Context, s *stage) error {
		return errors.Join(s.denied("rds", "CreateDBInstance"), s.ask(ctx, "restore-test"), s.play(ctx, act{"instance", runbook.Rollback, "kato"}), s.ended(ctx, runbook.Failed))
	}},
}

var dataRepair = []take{
	{"approve", func(ctx context.Context, s *stage) error {
		return errors.Join(s.reclaim(ctx, 3), s.play(ctx, reviewed, owned), s.ended(ctx, runbook.Done))
	}},
	{"reject", func(ctx context.Context, s *stage) error {
		return errors.Join(s.reclaim(ctx, 3), s.play(ctx, reviewed, act{"owner", runbook.Reject, "suzuki"}), s.ended(ctx, runbook.Failed))
	}},
	{"other-rows", func(ctx context.Context, s *stage) error {
		return errors.Join(s.reclaim(ctx, 4), s.ended(ctx, runbook.Failed))
	}},
	{"drift", func(ctx context.Context, s *stage) error {
		if err := errors.Join(s.reclaim(ctx, 3), s.play(ctx, reviewed)); err != nil {
			return err
		}
		return errors.Join(s.spoil(ctx), s.play(ctx, owned, act{"fix", runbook.Rollback, "kato"}), s.ended(ctx, runbook.Failed))
	}},
}

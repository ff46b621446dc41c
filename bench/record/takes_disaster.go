package main

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"

	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// bySnapshot makes real recoveries restore a snapshot instead of moving the writer of the global cluster.
var bySnapshot atomic.Bool

// quickDisasters lets a recovery be watched for a moment. The sandbox is given a global cluster, which a drill has nothing to do with.
func quickDisasters(s *system.System) {
	d := &s.Disaster
	d.Watch.Duration, d.Watch.Every = system.Duration(time.Second), system.Duration(500*time.Millisecond)
	d.Database.Via, d.Database.GlobalCluster, d.Database.Secondary = system.ViaGlobalCluster, "gzs-infra-global", "gzs-infra-db-dr"
	d.Declare[0].Wait = system.Duration(3 * time.Second)
}

// snapshotsWhenAsked is the description in force.
func snapshotsWhenAsked(described func() (*system.System, error)) func() (*system.System, error) {
	return func() (*system.System, error) {
		s, err := described()
		if err != nil || !bySnapshot.Load() {
			return s, err
		}
		changed := *s
		changed.Disaster.Database.Via = system.ViaSnapshot
		return &changed, nil
	}
}

// disaster plays a recovery of a mode and manner.
func disaster(mode, manner string, end runbook.State, steps ...func(context.Context, *stage) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		in, err := scene.DrillInput()
		if err != nil {
			return err
		}
		in.Mode, in.Manner = mode, manner
		sys, err := s.Source.System()
		if err != nil {
			return err
		}
		cfg, err := s.AWS()
		if err != nil {
			return err
		}
		err = errors.Join(scene.ShortTTL(ctx, cfg, sys, 1), s.Sandbox.SeedCopy(ctx, sys, time.Now().Add(-20*time.Hour).Truncate(time.Minute)))
		if err != nil {
			return err
		}
		for _, step := range slices.Insert(steps, 0, func(ctx context.Context, s *stage) error { return s.start(ctx, "DisasterRecovery", in) }) {
			if err := step(ctx, s); err != nil {
				return err
			}
		}
		return s.ended(ctx, end)
	}
}

func answers(acts ...act) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error { return s.play(ctx, acts...) }
}

func forbids(service, operation string) func(context.Context, *stage) error {
	return func(_ context.Context, s *stage) error { return s.denied(service, operation) }
}

var (
	declared   = act{"declare", runbook.Approve, "ito"}
	returnsNow = act{"return", runbook.Approve, "suzuki"}
	dataBack   = act{"data-back", runbook.Finished, "tanaka"}
	goesOn     = act{"fence", runbook.Resume, "sato"}

	returnRejected = act{"return", runbook.Reject, "suzuki"}
	returnWanted   = act{"stay", runbook.Return, "sato"}
)

// heldAtPlanAgain declares a recovery whose plan can be made before, and not again.
func heldAtPlanAgain(ctx context.Context, s *stage) error {
	_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "declare" })
	return errors.Join(err, s.denied("route 53", "ListResourceRecordSets"), s.play(ctx, declared))
}

func loses(ctx context.Context, s *stage) error {
	sys, err := s.Source.System()
	return errors.Join(err, s.Sandbox.LoseRegion(sys.AWS.Region))
}

func regains(ctx context.Context, s *stage) error {
	sys, err := s.Source.System()
	return errors.Join(err, s.Sandbox.RestoreRegion(sys.AWS.Region))
}

// withSnapshots lets the take restore a snapshot in a real recovery.
func withSnapshots(play func(context.Context, *stage) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		bySnapshot.Store(true)
		defer bySnapshot.Store(false)
		return play(ctx, s)
	}
}

// disasters' takes leave everything as it was, but for the last.
var disasters = []take{
	{"drill", disaster("drill", "graceful", runbook.Done, answers(declared, returnsNow))},
	{"drill-rejected", disaster("drill", "graceful", runbook.Failed, answers(act{"declare", runbook.Reject, "sato"}))},
	{"drill-successor", disaster("drill", "ungraceful", runbook.Done, func(ctx context.Context, s *stage) error {
		if got, err := s.answer(ctx, "declare", runbook.Approve, "sato", nil); err != nil || got.Accepted {
			return errors.Join(err, errors.New("the second declared before their turn"))
		}
		time.Sleep(4 * time.Second)
		return s.play(ctx, act{"declare", runbook.Approve, "sato"}, returnsNow)
	})},
	{"drill-hold-and-retry", disaster("drill", "graceful", runbook.Done, forbids("rds", "RestoreDBClusterFromSnapshot"),
		answers(declared, act{"database", runbook.Retry, "kato"}, returnsNow))},
	{"drill-rollback", disaster("drill", "graceful", runbook.Failed, forbids("route 53", "ChangeResourceRecordSets"),
		answers(declared, act{"redirect", runbook.Rollback, "kato"}))},
	{"drill-cancel", disaster("drill", "graceful", runbook.Failed, answers(declared, act{"return", runbook.Cancel, "tanaka"}))},
	{"drill-return-rejected", disaster("drill", "graceful", runbook.Failed, answers(declared, act{"return", runbook.Reject, "suzuki"}))},
	{"real-graceful-global", disaster("real", "graceful", runbook.Done, answers(declared, returnsNow))},
	{"real-graceful-snapshot", withSnapshots(disaster("real", "graceful", runbook.Done, answers(declared, returnsNow, dataBack)))},
	{"real-doubt-given-up", withSnapshots(disaster("real", "ungraceful", runbook.Failed, loses, answers(declared, act{"fence", runbook.Rollback, "sato"}), regains))},
	{"real-doubt-goes-on", withSnapshots(disaster("real", "ungraceful", runbook.Done, loses, answers(declared, act{"fence", runbook.Resume, "sato"}, act{"fence", runbook.Resume, "sato"}),
		func(ctx context.Context, s *stage) error {
			_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "return" })
			return errors.Join(err, regains(ctx, s))
		}, answers(returnsNow, dataBack)))},
	{"real-fenced-return-snapshot", withSnapshots(disaster("real", "graceful", runbook.Done, answers(declared, returnsNow, dataBack)))},
	{"real-fenced-return-global", disaster("real", "graceful", runbook.Done, answers(declared, returnsNow))},
	{"real-return-asked-again", withSnapshots(disaster("real", "graceful", runbook.Done, answers(declared, returnRejected, returnWanted, returnsNow, dataBack)))},
	{"real-return-given-up", withSnapshots(disaster("real", "graceful", runbook.Done, answers(declared, returnsNow, act{"data-back", runbook.Rollback, "sato"}, returnWanted, returnsNow, dataBack)))},
	{"real-redirect-refused", disaster("real", "graceful", runbook.Failed, forbids("route 53", "ChangeResourceRecordSets"),
		answers(declared, act{"redirect", runbook.Rollback, "kato"}))},
	{"real-held-at-plan-again", withSnapshots(disaster("real", "graceful", runbook.Failed, heldAtPlanAgain, answers(act{"plan-again", runbook.Rollback, "kato"})))},
	{"drill-ends-early", disaster("drill", "graceful", runbook.Failed, answers(act{"declare", runbook.Reject, "ito"}))},
	// Each of these leaves the DR region serving, so that nothing comes after it: they are recorded one at a time, each by a start of its own.
	{"real-stays", withSnapshots(disaster("real", "graceful", runbook.Failed, answers(declared, returnRejected, act{"stay", runbook.Cancel, "tanaka"})))},
	{"real-cancelled-at-data-back", withSnapshots(disaster("real", "graceful", runbook.Failed, answers(declared, returnsNow, act{"data-back", runbook.Cancel, "tanaka"})))},
	{"real-failed-over", disaster("real", "ungraceful", runbook.Failed, loses, answers(declared, goesOn, goesOn),
		func(ctx context.Context, s *stage) error {
			_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "return" })
			return errors.Join(err, regains(ctx, s))
		}, answers(returnRejected, act{"stay", runbook.Cancel, "tanaka"}))},
}

package workflows_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

func entry(rows int64) *load.Entry {
	return &load.Entry{Operation: "op", Rows: rows, Counts: load.Counts{Records: rows, Rows: rows, New: rows}}
}

// fails is a load that ends with an error.
func fails(kind, words string) func(workflow.Context) error {
	return func(workflow.Context) error { return runbook.End(kind, "%s", words) }
}

func (o *office) outcome() (r workflows.DataSupportResult) {
	require.NoError(o.t, o.env.GetWorkflowResult(&r))
	return r
}

// What is loaded is loaded, however the load has ended: the ledger says so, and the ministry reads it.
func TestLoadThatFailedAfterItsImportIsNotCalledUnloaded(t *testing.T) {
	t.Run("the table holds the file", func(t *testing.T) {
		o := withOffice(newWorld(t))
		o.ends = []func(workflow.Context) error{fails(runbook.ErrEvidenceLost, "evidence was lost")}
		o.ledger = &activities.LoadFound{Imported: entry(12), Holds: entry(12)}
		o.first()
		o.env.RegisterDelayedCallback(func() {
			title := o.status().Plan.Changes[0].Title
			require.Contains(t, title, "その後の手順が異常終了しています")
			require.Contains(t, title, "the load failed afterwards: evidence was lost")
		}, 5*time.Hour)
		o.at(hour(6), "approve", by("ito"))
		require.NoError(t, o.ask(request()))
		r := o.outcome()
		require.Equal(t, []any{1, o.loadIDs[0], "evidence was lost", true}, []any{r.Rounds, r.Load, r.Trouble, r.Accepted})
		require.EqualValues(t, 12, r.Counts.New)
	})
	t.Run("somebody has changed the table since", func(t *testing.T) {
		o := withOffice(newWorld(t))
		o.ends = []func(workflow.Context) error{fails(runbook.ErrRolledBack, "the step \"verify\" failed")}
		o.ledger = &activities.LoadFound{Imported: entry(12)}
		o.first()
		err := o.ask(request())
		require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
		require.Contains(t, o.recorded("returned")["why"], "has loaded it and failed afterwards, and the table does not hold it as it was loaded")
		require.ErrorContains(t, err, "Not put back: what was loaded into public.shops from one.csv")
		require.Equal(t, o.loadIDs[0], o.recorded("support")["load"], "the mail about the end names it")
	})
	t.Run("nothing was imported", func(t *testing.T) {
		o := withOffice(newWorld(t))
		o.ends = []func(workflow.Context) error{fails(runbook.ErrRolledBack, "no room")}
		o.first()
		err := o.ask(request())
		require.Contains(t, o.recorded("returned")["why"], "has not loaded it: no room")
		require.NotContains(t, err.Error(), "Not put back")
	})
}

// A load that another run was in the way of costs no round: the run waits, and starts another one.
func TestLoadThatCouldNotBeginIsNoFaultOfTheFile(t *testing.T) {
	busy := func(workflow.Context) error {
		return temporal.NewNonRetryableApplicationError("public.shops is held by repair-7", runbook.ErrRefused, temporal.NewNonRetryableApplicationError("held", activities.Locked, nil))
	}
	o := withOffice(newWorld(t))
	o.ends = []func(workflow.Context) error{busy, busy}
	o.first()
	o.env.RegisterDelayedCallback(func() {
		require.Contains(t, o.status().Says, "waits until another run has ended: public.shops is held by repair-7")
	}, 4*time.Hour+30*time.Second)
	o.at(hour(7), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Equal(t, 1, o.outcome().Rounds)
	require.Len(t, o.loadIDs, 3)
	require.Len(t, slices.Compact(o.loadIDs), 3, "each is a run of its own")

	stuck := withOffice(newWorld(t))
	for range 100 {
		stuck.ends = append(stuck.ends, busy)
	}
	stuck.first()
	err := stuck.ask(request())
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.Equal(t, "load", stuck.stepOf("held"), "people are asked in the end")
	require.Less(t, len(stuck.loads), 60)
}

// Only a person's no, or another file, leads back. What the run cannot see holds it.
func TestOutageCostsNoRound(t *testing.T) {
	for look, arrange := range map[int]func(*office){
		1: func(o *office) { // for the plan
			o.agreed()
			o.done(hour(3), "tanaka", created("one.csv", hashOne))
			o.at(hour(4), "retry", by("tanaka"))
			o.at(hour(5), "approve", by("kato"))
		},
		2: func(o *office) { // right before the load
			o.first()
			o.at(hour(5), "retry", by("tanaka"))
		},
	} {
		o := withOffice(newWorld(t))
		o.fail["HashDataFile"] = func(n int) error {
			if n == look {
				return temporal.NewNonRetryableApplicationError("S3 denies access", activities.Denied, nil)
			}
			return nil
		}
		arrange(o)
		o.at(hour(7), "approve", by("ito"))
		require.NoError(t, o.ask(request()))
		require.Equal(t, 1, o.outcome().Rounds)
		require.NotContains(t, o.kinds(), "returned")
		require.Equal(t, "S3 denies access", o.recorded("held")["problem"])
	}
}

func TestOutageThatNobodyMendsEndsTheRunAndBlamesNobody(t *testing.T) {
	o := withOffice(newWorld(t))
	o.fail["HashDataFile"] = func(int) error {
		return temporal.NewNonRetryableApplicationError("S3 denies access", activities.Denied, nil)
	}
	o.agreed()
	o.done(hour(3), "tanaka", created("one.csv", hashOne))
	err := o.ask(request())
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.NotContains(t, o.kinds(), "returned")
}

// A rejection that comes after the deadline ends the run as what it is, and no mail asks for a file by a date that is past.
func TestRejectionAfterTheDeadlineEndsTheRunAsOne(t *testing.T) {
	o := withOffice(newWorld(t))
	o.ends = []func(workflow.Context) error{func(ctx workflow.Context) error { return workflow.Sleep(ctx, due.Sub(hour(5))) }}
	o.ledger = &activities.LoadFound{Imported: entry(12), Holds: entry(12)}
	o.first()
	o.at(due.Add(time.Hour), "reject", by("suzuki"))
	err := o.ask(request())
	require.True(t, runbook.IsEnd(err, runbook.ErrRejected), "%v", err)
	require.ErrorContains(t, err, "受入されず · not accepted: suzuki rejected acceptance: checked. The deadline, 2027-01-25 10:00 JST, has passed, so no further file is created")
	require.ErrorContains(t, err, "Not put back: what was loaded")
	require.NotContains(t, o.effects(), "mail:support-returned")
}

// The very file may have been loaded by somebody else between the look at it and its load: the ministry is told.
func TestFileThatSomebodyElseHadLoadedIsDeliveredInWords(t *testing.T) {
	o := withOffice(newWorld(t))
	o.already = "0123456789ab"
	o.ledger = &activities.LoadFound{Holds: entry(12)}
	o.first()
	o.env.RegisterDelayedCallback(func() {
		require.Contains(t, o.status().Plan.Changes[0].Title, "別の登録（操作 0123456789ab）により登録済みでした。今回の登録では何も変更しておらず")
	}, 5*time.Hour)
	o.at(hour(6), "reject", by("suzuki"))
	err := o.ask(request())
	require.NotContains(t, err.Error(), "Not put back", "this run's load has changed nothing")
	require.Equal(t, "0123456789ab", o.recorded("support")["already"])
}

// After a Reset a file may come in another round than before: its load is found all the same, once for each time that it came.
func TestLoadOfBeforeAResetIsFoundInAnyRound(t *testing.T) {
	result, err := json.Marshal(workflows.DataLoadResult{Counts: load.Counts{Records: 12, New: 12}})
	require.NoError(t, err)
	o := withOffice(newWorld(t))
	o.checks = []activities.FileChecked{{Why: "2 rows would be rejected"}, {Why: "it is loaded already", Already: "op"}}
	o.found = activities.RunFound{Found: true, Runbook: "DataLoad"} // it was loaded as the first file, before
	o.ended = activities.RunEnded{Result: result, FirstRun: "r"}
	o.ledger = &activities.LoadFound{Imported: entry(12), Holds: entry(12)}
	o.agreed()
	o.done(hour(3), "tanaka", created("bad.csv", hashTwo))
	o.done(hour(4), "tanaka", created("one.csv", hashOne))
	o.approveAsSeen(hour(5), "kato")
	o.at(hour(6), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Equal(t, 2, o.outcome().Rounds)
	require.Empty(t, o.loads, "nothing is loaded again")
	for _, id := range o.sought {
		require.Contains(t, id, "-load-1-aaaaaaaa-", "the first load of that file, whatever the round")
	}
}

// What was loaded before a Reset, and is not there any more, is loaded anew instead of being called delivered.
func TestLoadOfBeforeAResetThatIsGoneIsDoneAgain(t *testing.T) {
	result, err := json.Marshal(workflows.DataLoadResult{})
	require.NoError(t, err)
	o := withOffice(newWorld(t))
	o.found, o.ended = activities.RunFound{Found: true, Runbook: "DataLoad"}, activities.RunEnded{Result: result, FirstRun: "r"}
	stub(o.world, "FindLoadedFile", func(activities.LoadedFile) (activities.LoadFound, error) {
		o.found = activities.RunFound{}
		return activities.LoadFound{Imported: entry(12)}, nil
	})
	o.first()
	o.at(hour(6), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Len(t, o.loads, 1)
	require.Contains(t, o.loadIDs[0], "-load-2-aaaaaaaa-")
}

// A result that Temporal has forgotten is known by the ledger.
func TestLoadThatTemporalHasForgottenIsKnownByTheLedger(t *testing.T) {
	o := withOffice(newWorld(t))
	o.found, o.ended = activities.RunFound{Found: true, Runbook: "DataLoad"}, activities.RunEnded{Kind: activities.RunForgotten, Words: "its evidence says: done"}
	o.ledger = &activities.LoadFound{Imported: entry(12), Holds: entry(12)}
	o.first()
	o.at(hour(6), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Empty(t, o.loads)
	require.EqualValues(t, 12, o.outcome().Counts.New)
}

// Whoever had a hand in the file does not approve its content; whoever carried the load on does not accept it.
func TestHandsAreBarredInBothDirections(t *testing.T) {
	o := withOffice(newWorld(t))
	o.hands = []string{"tanaka", "suzuki"}
	o.done(hour(1), "tanaka", estimate())
	o.at(hour(2), "approve", by("sato"))
	o.done(hour(3), "tanaka", created("one.csv", hashOne))
	o.at(hour(4), "approve", by("kato"))
	o.at(hour(5), "approve", by("suzuki"))
	o.at(hour(6), "approve", by("sato"))
	require.NoError(t, o.ask(request()))
	require.Equal(t, []string{runbook.Approve}, accepted(o, "acceptance"))
	attack := o.status().Approvals[len(o.status().Approvals)-2]
	require.Equal(t, "suzuki requested or operates this change; somebody else must approve it", attack.Refusal)
}

// The snapshot before the load is kept while the ministry has not decided.
func TestSnapshotIsKeptUntilTheMinistryHasDecided(t *testing.T) {
	o := withOffice(newWorld(t))
	o.ledger = &activities.LoadFound{Imported: entry(12), Holds: entry(12)}
	o.first()
	o.env.RegisterDelayedCallback(func() {
		require.Len(t, o.kept, 1)
		require.Regexp(t, `^snapshot:tejun-load-[0-9a-f]{12}$`, o.kept[0])
		require.Equal(t, []string{"hold dataset:shops", "release dataset:shops"}, o.holds)
		require.Equal(t, o.kept[0], o.status().Holds[0].Resource)
	}, 5*time.Hour)
	o.at(hour(6), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Equal(t, "release all", o.holds[2])
}

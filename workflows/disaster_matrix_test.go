package workflows_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// runEnd is how a run is to end: the kind of its error ("" for none, cancelled for the SDK's own), and how the register has it.
type runEnd struct{ kind, outcome string }

const (
	cancelled  = "cancelled"
	unknown    = "not in the register"
	unfinished = "" // opened, and never finished
)

// part is a part of a run: how it ends when an activity of it is denied for good and nobody answers, and when it is cancelled meanwhile; of
// a drill, and of a real recovery.
type part struct{ drillDenied, drillCancelled, realDenied, realCancelled runEnd }

func alike(denied, cancelled runEnd) part { return part{denied, cancelled, denied, cancelled} }

var (
	returned = runEnd{"", records.DisasterReturned}

	entering   = alike(runEnd{runbook.ErrRefused, unknown}, runEnd{cancelled, unknown})
	opening    = alike(runEnd{runbook.ErrRefused, unknown}, runEnd{cancelled, unfinished})
	planning   = alike(runEnd{runbook.ErrRefused, records.DisasterDeclined}, runEnd{cancelled, records.DisasterDeclined})
	answering  = alike(runEnd{runbook.ErrExpired, records.DisasterDeclined}, runEnd{cancelled, records.DisasterDeclined})
	telling    = alike(returned, runEnd{cancelled, records.DisasterDeclined}) // the first mail asks for the declaration
	proving    = alike(runEnd{runbook.ErrEvidenceLost, records.DisasterReturned}, runEnd{cancelled, unknown})
	wayIn      = part{runEnd{runbook.ErrRolledBack, records.DisasterUndone}, runEnd{cancelled, records.DisasterUndone}, runEnd{runbook.ErrRolledBack, records.DisasterFailed}, runEnd{runbook.ErrCancelled, records.DisasterFailed}}
	taking     = part{runEnd{runbook.ErrRolledBack, records.DisasterDeclined}, runEnd{cancelled, records.DisasterDeclined}, wayIn.realDenied, wayIn.realCancelled}
	doubting   = part{realDenied: runEnd{runbook.ErrExpired, records.DisasterFailed}, realCancelled: runEnd{runbook.ErrCancelled, records.DisasterFailed}}
	preparing  = part{realDenied: runEnd{runbook.ErrExpired, records.DisasterStays}, realCancelled: runEnd{runbook.ErrCancelled, records.DisasterStays}}
	lingering  = part{realDenied: returned, realCancelled: runEnd{runbook.ErrCancelled, records.DisasterStays}} // the look that follows decides
	goingHome  = alike(runEnd{runbook.ErrUndoFailed, records.DisasterFailed}, returned)
	reporting  = alike(runEnd{runbook.ErrEvidenceLost, unfinished}, returned)
	lettingOff = alike(runEnd{runbook.ErrUndoFailed, records.DisasterReturned}, returned)
)

// partsOf says of every activity that a run calls in which part of it the first call lies.
var partsOf = map[string]part{
	"AnswerTerms": entering, "GateTerms": entering, "ReserveResources": entering, "ResolveDisaster": entering, "ResolveDatabase": entering, "OpenDisaster": opening,
	"ReadDisasterData": planning, "PlanDisasterDatabase": planning, "PlanDisasterService": planning, "PlanRoute53Redirect": planning, "PlanECSServiceStop": planning, "PlanSchedulerPause": planning,
	"ResolvePerson": answering, "SendSESMail": telling, "AppendEvidence": proving, "TakeResources": taking,
	"StopECSService": wayIn, "PauseSchedulerJobs": wayIn, "AwaitECSService": wayIn, "CheckDisasterFence": doubting,
	"CreateRDSClusterSnapshot": wayIn, "AwaitRDSClusterSnapshot": wayIn, "CopyRDSClusterSnapshot": wayIn,
	"RestoreDisasterCluster": wayIn, "AwaitDisasterCluster": wayIn, "AddDisasterInstance": wayIn, "AwaitDisasterInstance": wayIn, "SwitchoverGlobalCluster": wayIn, "AwaitGlobalCluster": wayIn,
	"StartDisasterPipeline": wayIn, "AwaitDisasterPipeline": wayIn, "ScaleDisasterService": wayIn, "AwaitDisasterService": wayIn, "SmokeDisasterSite": wayIn,
	"ApplyRoute53Redirect": wayIn, "AwaitRoute53Change": wayIn, "CheckDisasterOutside": wayIn,
	"PlanDisasterServiceHalt": preparing, "HaltDisasterService": preparing, "CheckDisasterHalt": preparing, "AwaitDisasterServiceHalted": lingering, "StartECSService": preparing,
	"RevertRoute53Redirect": goingHome, "RevertDisasterService": goingHome, "StopDisasterPipeline": goingHome, "DeleteDisasterCluster": goingHome, "ResumeSchedulerJobs": goingHome,
	"ListEarlierDisasters": reporting, "PutS3DisasterReport": reporting, "FinishDisaster": reporting, "ReleaseResources": lettingOff,
}

// Every activity that a run calls is denied for good, and is the one during which the run is cancelled. The names are those of a whole run: one
// that is new has no part here, and fails.
func TestEveryActivityOfARecoveryFailsForGoodOrIsCancelled(t *testing.T) {
	seen := map[string]bool{}
	for _, mode := range []struct {
		name, via string
		in        func(string) map[string]any
	}{
		{"drill", system.ViaSnapshot, drillInput}, {"real", system.ViaSnapshot, realInput}, {"real by the global cluster", system.ViaGlobalCluster, realInput},
	} {
		build := func(t *testing.T) *regions {
			r := newRegions(t)
			r.via = mode.via
			r.answers(goingBack())
			return r
		}
		whole := build(t)
		require.NoError(t, whole.recover(mode.in("graceful")))
		for _, name := range slices.Sorted(maps.Keys(whole.tries)) {
			p, known := partsOf[name]
			require.True(t, known, "%s is new: say in which part of a run it is called", name)
			if mode.via == system.ViaGlobalCluster && seen[name] { // it was tried with the other way to the data
				continue
			}
			seen[name] = true
			denied, cancel := p.realDenied, p.realCancelled
			if mode.name == "drill" {
				denied, cancel = p.drillDenied, p.drillCancelled
			}
			t.Run(mode.name+"/"+name+"/denied", func(t *testing.T) {
				r := build(t)
				r.fail[name] = refused
				r.requireEnd(denied, r.recover(mode.in("graceful")))
			})
			t.Run(mode.name+"/"+name+"/cancelled", func(t *testing.T) {
				r := build(t)
				during := 1
				if name == "ScaleDisasterService" || name == "HaltDisasterService" { // this environment, unlike the server, does not wait for what was begun beside it
					during = 2
				}
				r.fail[name] = func(n int) error {
					if n == during {
						r.env.CancelWorkflow()
					}
					return nil
				}
				r.requireEnd(cancel, r.recover(mode.in("graceful")))
			})
		}
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(partsOf)), slices.Collect(maps.Keys(seen)), "all of them are called")
}

// requireEnd makes sure that a run has ended so, and that both regions are as that says.
func (r *regions) requireEnd(want runEnd, err error) {
	t := r.t
	switch want.kind {
	case "":
		require.NoError(t, err)
	case cancelled:
		require.True(t, temporal.IsCanceledError(err), "%v", err)
	default:
		require.True(t, runbook.IsEnd(err, want.kind), "%v", err)
	}
	if want.outcome == unknown {
		require.Empty(t, r.rows)
	} else {
		require.Equal(t, want.outcome, r.row().Outcome)
	}
	switch want.outcome {
	case records.DisasterStays:
		require.Equal(t, dr, r.at.Record)
		require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks, "the DR region serves")
		require.True(t, r.fenced(), "alone")
	case records.DisasterFailed:
		if want.kind == runbook.ErrUndoFailed {
			require.ErrorContains(t, err, "Not put back: undo-")
			return
		}
		require.Error(t, err)
		for _, call := range []string{"RevertRoute53Redirect", "RevertDisasterService", "StartECSService", "ResumeSchedulerJobs"} {
			require.NotContains(t, r.made(), call, "nothing goes back by itself")
		}
		if r.at.Record == dr {
			require.True(t, r.fenced(), "users are in the DR region, and it alone writes")
		}
	default:
		end := ordinary()
		if r.row0().Mode == system.DisasterReal {
			end.Clusters = r.at.Clusters // that held the newest data is never deleted
		}
		require.Equal(t, end, r.at)
	}
}

// row0 is how the run was opened in the register, empty if it was not.
func (r *regions) row0() (row records.Disaster) {
	if len(r.rows) > 0 {
		row = r.rows[0]
	}
	return row
}

package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// The calls of a drill, on its way in and back.
var (
	drillIn = []string{
		"RestoreDisasterCluster", "AddDisasterInstance", "StartDisasterPipeline", "ScaleDisasterService", "ScaleDisasterService", "ApplyRoute53Redirect",
	}
	drillBack = []string{
		"RevertRoute53Redirect", "RevertDisasterService", "RevertDisasterService", "StopDisasterPipeline", "RevertDisasterService", "RevertDisasterService", "DeleteDisasterCluster",
	}
)

func TestADrillComesUpMeasuresGoesBackAndReports(t *testing.T) {
	for _, manner := range []string{"graceful", "ungraceful"} {
		t.Run(manner, func(t *testing.T) {
			r := newRegions(t)
			r.answers(through())
			require.NoError(t, r.recover(drillInput(manner)))
			require.Equal(t, append(append([]string{}, drillIn...), drillBack...), r.made())
			require.Equal(t, ordinary(), r.at)

			out := r.result()
			require.Equal(t, records.DisasterReturned, out.Outcome)
			require.Equal(t, start.Add(time.Minute).UTC(), *out.DeclaredAt, "declared a minute after it was asked")
			require.Equal(t, out.RestoredAt.Sub(*out.DeclaredAt), time.Duration(*out.RTO)*time.Second)
			require.Equal(t, 0, *out.RTOHuman, "nobody was waited for after the declaration")
			require.Equal(t, int((20*time.Hour + time.Minute).Seconds()), *out.RPO)
			require.True(t, out.ReturnedAt.After(*out.RestoredAt))

			require.Len(t, r.reports, 1)
			report := r.reports[0].Report
			require.Equal(t, []string{"declare", "database", "pipeline", "scale", "smoke", "redirect", "ttl", "outside", "watch",
				"return", "redirect-back", "insync-back", "ttl-back", "outside-back", "scale-down", "cleanup"}, namesOf(report.Steps))
			for _, s := range report.Steps {
				require.Equal(t, drillreport.StepDone, s.Outcome, s.Name)
			}
			require.Equal(t, []string{"ito"}, report.Declared.By)
			require.Equal(t, "s3://b/report.html", r.row().ReportKey)
			require.Equal(t, *out.RTO, *r.row().RTO)
			require.Equal(t, *out.RPO, *r.row().RPO)
		})
	}
}

func namesOf(steps []drillreport.Step) []string {
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
	}
	return names
}

// boundaries are the calls after which a drill is given up, with the last step that was begun.
var boundaries = []string{
	"RestoreDisasterCluster", "AwaitDisasterCluster", "AddDisasterInstance", "AwaitDisasterInstance", "StartDisasterPipeline", "AwaitDisasterPipeline",
	"ScaleDisasterService", "AwaitDisasterService", "SmokeDisasterSite", "ApplyRoute53Redirect", "AwaitRoute53Change", "CheckDisasterOutside",
}

func TestADrillThatIsCancelledAnywhereLeavesEverythingAsItWas(t *testing.T) {
	for _, call := range boundaries {
		t.Run(call, func(t *testing.T) {
			r := newRegions(t)
			r.answers(through())
			r.after, r.then = call, func() { r.env.CancelWorkflow() }
			if call == "ScaleDisasterService" { // this environment, unlike the server, does not wait for what was begun beside it
				r.beside = 1
			}
			err := r.recover(drillInput("graceful"))
			require.Error(t, err)
			require.Equal(t, ordinary(), r.at)
			require.Equal(t, records.DisasterUndone, r.row().Outcome)
			require.Len(t, r.reports, 1, "a drill that was declared leaves a report, whatever became of it")
		})
	}
}

func TestAStepOfADrillThatFailsIsHeldAndRolledBackOrTriedAgain(t *testing.T) {
	steps := map[string]string{
		"RestoreDisasterCluster": "database", "AwaitDisasterCluster": "database", "AddDisasterInstance": "database", "AwaitDisasterInstance": "database",
		"StartDisasterPipeline": "pipeline", "AwaitDisasterPipeline": "pipeline", "ScaleDisasterService": "scale", "AwaitDisasterService": "scale",
		"SmokeDisasterSite": "smoke", "ApplyRoute53Redirect": "redirect", "AwaitRoute53Change": "redirect", "CheckDisasterOutside": "outside",
	}
	for call, step := range steps {
		for _, answer := range []string{"rollback", "retry", "nobody"} {
			t.Run(call+"/"+answer, func(t *testing.T) {
				r := newRegions(t)
				table := through()
				if answer != "nobody" {
					table["held "+step] = [2]string{answer, "kato"}
				}
				r.answers(table)
				r.fail[call] = func(n int) error {
					if n == 1 {
						return runbook.End(activities.Denied, "no permission")
					}
					return nil
				}
				err := r.recover(drillInput("graceful"))
				require.Equal(t, ordinary(), r.at)
				if answer == "retry" {
					require.NoError(t, err)
					require.Equal(t, records.DisasterReturned, r.row().Outcome)
					return
				}
				require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
				require.Equal(t, records.DisasterUndone, r.row().Outcome)
			})
		}
	}
}

// What is unfit is not asked about: a drill goes back at once.
func TestADrillWhoseSoftwareIsUnfitGoesBackWithoutAsking(t *testing.T) {
	for _, call := range []string{"AwaitDisasterPipeline", "AwaitDisasterService"} {
		t.Run(call, func(t *testing.T) {
			r := newRegions(t)
			r.answers(through())
			r.fail[call] = func(int) error { return runbook.End(activities.Unfit, "the deployment was rolled back") }
			err := r.recover(drillInput("graceful"))
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.NotContains(t, r.kinds(), "held")
			require.Equal(t, ordinary(), r.at)
		})
	}
}

func TestADrillWhoseSiteGetsSickWhileItIsWatchedGoesBack(t *testing.T) {
	r := newRegions(t)
	r.answers(through())
	r.after, r.then = "CheckDisasterOutside", func() { r.sick = true }
	err := r.recover(drillInput("graceful"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.Equal(t, ordinary(), r.at)
	require.NotNil(t, r.row().RTO, "it was measured all the same")
}

// Users are never sent to a site that was not tried out; nobody can skip that.
func TestNobodyIsSentToASiteThatDoesNotAnswer(t *testing.T) {
	for name, in := range map[string]map[string]any{"drill": drillInput("graceful"), "real": realInput("graceful")} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.sick = true
			r.answers(through("held smoke", "skip", "kato"))
			r.world.at(start.Add(6*time.Hour), "rollback", by("kato"))
			err := r.recover(in)
			require.Error(t, err)
			require.NotContains(t, r.calls, "ApplyRoute53Redirect")
		})
	}
}

func TestADrillThatNobodyDeclaresOrThatIsRejectedChangesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		kind  string
		table map[string][2]string
	}{
		"nobody":   {runbook.ErrExpired, nil},
		"rejected": {runbook.ErrRejected, map[string][2]string{"approval declare": {"reject", "sato"}}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			r.answers(c.table)
			err := r.recover(drillInput("graceful"))
			require.True(t, runbook.IsEnd(err, c.kind), "%v", err)
			require.Empty(t, r.made())
			require.Empty(t, r.reports)
			require.Equal(t, records.DisasterDeclined, r.row().Outcome)
		})
	}
}

// The second may declare when the first has not answered in time, and not before.
func TestASuccessorDeclaresWhenTheirTurnHasCome(t *testing.T) {
	r := newRegions(t)
	r.world.at(start.Add(5*time.Minute), "approve", by("suzuki"))
	r.world.at(start.Add(6*time.Minute), "approve", by("sato"))
	r.world.at(start.Add(11*time.Minute), "approve", by("suzuki"))
	r.world.at(start.Add(12*time.Minute), "approve", by("sato"))
	r.env.RegisterDelayedCallback(func() {
		require.Equal(t, []string{"ito", "sato"}, r.status().WaitingFor.By["approve"])
	}, 10*time.Minute+30*time.Second)
	r.env.RegisterDelayedCallback(func() { r.answers(through()) }, 13*time.Minute)
	require.NoError(t, r.recover(drillInput("graceful")))
	refused := r.status().Approvals
	require.Contains(t, refused[0].Refusal, "suzuki may approve from 2027-01-18 10:20:00 JST on")
	require.Contains(t, refused[1].Refusal, "sato may approve from 2027-01-18 10:10:00 JST on")
	require.Contains(t, refused[2].Refusal, "suzuki may approve from 2027-01-18 10:20:00 JST on")
	require.True(t, refused[3].Accepted)
	require.Equal(t, start.Add(12*time.Minute).UTC(), *r.result().DeclaredAt)
	require.Contains(t, r.kinds(), "gate-widened")
}

// A schedule says so by itself: the request cannot hide it.
func TestARunOfAScheduleIsKnownAsOne(t *testing.T) {
	for name, scheduled := range map[string]bool{"a schedule": true, "a person": false} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			if scheduled {
				by := temporal.NewSearchAttributeKeyKeyword("TemporalScheduledById").ValueSet("yearly-drill")
				require.NoError(t, r.env.SetTypedSearchAttributesOnStart(temporal.NewSearchAttributes(by)))
			}
			r.answers(through())
			require.NoError(t, r.recover(drillInput("graceful")))
			require.Equal(t, scheduled, r.asked.Scheduled)
		})
	}
}

// A drill during which a disaster strikes: the primary region does not answer any more. The way back asks soon, goes on without the
// check by a person's word, and leaves nothing behind.
func TestADrillGoesBackAlthoughThePrimaryRegionHasDied(t *testing.T) {
	r := newRegions(t)
	r.after, r.then = "RevertRoute53Redirect", func() {
		r.fail["CheckDisasterOutside"] = func(int) error { return notYet("%s does not answer", home) }
		began := r.env.Now()
		r.env.RegisterDelayedCallback(func() {
			w := r.status().WaitingFor
			require.NotNil(t, w, "it has asked after %s", r.env.Now().Sub(began))
			require.Equal(t, []string{"held", "outside-back"}, []string{w.Kind, w.Gate})
			r.env.SignalWorkflow("skip", map[string]any{"by": "kato"})
			r.env.SignalWorkflow("skip", by("kato"))
		}, 5*time.Minute)
	}
	r.answers(through())
	require.NoError(t, r.recover(drillInput("graceful")))
	require.Equal(t, ordinary(), r.at)
	answers := r.status().Approvals
	require.Contains(t, answers[len(answers)-2].Refusal, `"reason" is missing`)
	for _, s := range r.reports[0].Report.Steps {
		if s.Name == "outside-back" {
			require.Equal(t, []string{drillreport.StepSkipped, "checked"}, []string{s.Outcome, s.Comment})
		}
	}
	require.Nil(t, r.result().ReturnedAt, "nobody has seen the primary region answer")
}

// Where nobody answers either, a drill does not leave the DR region as it is because of a check; the report says that it was not made.
func TestADrillThatNobodyLooksAfterGoesBackWithoutTheCheck(t *testing.T) {
	r := newRegions(t)
	r.after, r.then = "RevertRoute53Redirect", func() {
		r.fail["CheckDisasterOutside"] = func(int) error { return notYet("%s does not answer", home) }
	}
	r.answers(through())
	require.NoError(t, r.recover(drillInput("graceful")))
	require.Equal(t, ordinary(), r.at)
	require.Contains(t, r.reports[0].Report.Note, "本番系が応答することを外部から確認できませんでした")
	require.Contains(t, r.calls, "mail:undo-failed")
}

package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/records"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// fenced is the primary region while it must not write.
func (r *regions) fenced() bool {
	return r.at.Primary["gzs-web"] == 0 && r.at.Primary["gzs-batch"] == 0 && !r.at.Jobs
}

// goingBack are the answers of a real run that goes back at the end.
func goingBack(more ...string) map[string][2]string {
	return through(append([]string{"work data-back", "done", "tanaka"}, more...)...)
}

func TestAGracefulRecoveryFencesFirstLosesNothingAndGoesBackByDecision(t *testing.T) {
	r := newRegions(t)
	r.answers(goingBack())
	r.after, r.then = "ApplyRoute53Redirect", func() {
		require.True(t, r.fenced(), "users are sent away only while the primary region cannot write")
		require.Contains(t, r.calls, "SmokeDisasterSite")
	}
	require.NoError(t, r.recover(realInput("graceful")))
	made := r.made()
	require.ElementsMatch(t, []string{"StopECSService", "StopECSService", "PauseSchedulerJobs"}, made[:3], "the fence, all at once")
	require.Equal(t, []string{
		"CreateRDSClusterSnapshot", "CopyRDSClusterSnapshot:" + dr,
		"RestoreDisasterCluster", "AddDisasterInstance", "StartDisasterPipeline", "ScaleDisasterService", "ScaleDisasterService", "ApplyRoute53Redirect",
		"HaltDisasterService", "HaltDisasterService", // before the data are brought back
		"StartECSService", // web, before its users come back; batch waits
		"RevertRoute53Redirect", "RevertDisasterService", "RevertDisasterService", "StopDisasterPipeline", "RevertDisasterService", "RevertDisasterService",
		"StartECSService", "StartECSService", "ResumeSchedulerJobs",
	}, made[3:])
	end := ordinary()
	end.Clusters = r.at.Clusters
	require.Equal(t, end, r.at)
	require.Len(t, r.at.Clusters, 1, "the cluster that held the newest data is never deleted")
	require.Contains(t, r.at.Clusters[0], "-final", "it was restored from what was taken after the fence")
	out := r.result()
	require.Equal(t, records.DisasterReturned, out.Outcome)
	require.Equal(t, 60, *out.RPO, "this world's last snapshot is of the start, a minute before the declaration; not of the evening before")
	require.Contains(t, r.reports[0].Report.Note, "tanaka が更新データの反映を完了しました：checked")
}

func TestARecoveryByTheGlobalClusterSwitchesOverAndBack(t *testing.T) {
	r := newRegions(t)
	r.via = system.ViaGlobalCluster
	r.answers(through())
	require.NoError(t, r.recover(realInput("graceful")))
	require.Equal(t, ordinary(), r.at)
	made := r.made()
	require.Equal(t, 3, count(made, "SwitchoverGlobalCluster"), "there, back before the users, and looked at once more: %v", made)
	require.NotContains(t, made, "FailoverGlobalCluster")
	require.Less(t, nth(made, "SwitchoverGlobalCluster", 2), slices.Index(made, "RevertRoute53Redirect"), "the writer is back before the users are")
	var back []string
	for _, s := range r.reports[0].Report.Steps {
		if s.Part == drillreport.PartReturn {
			back = append(back, s.Name)
		}
	}
	require.Equal(t, []string{"return", "fence-back", "switch-back", "start-primary", "check-primary", "redirect-back"}, back[:6], "the report counts as the way back what serves it")
}

func TestAnUngracefulRecoveryFailsTheGlobalClusterOver(t *testing.T) {
	r := newRegions(t)
	r.via, r.lost = system.ViaGlobalCluster, true
	r.answers(through("decision fence", "resume", "sato"))
	err := r.recover(realInput("ungraceful"))
	require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "nobody brings the data back: %v", err)
	require.Equal(t, dr, r.at.Writer)
	require.Equal(t, dr, r.at.Record)
	require.Contains(t, r.made(), "FailoverGlobalCluster")
	require.Equal(t, records.DisasterStays, r.row().Outcome)
	require.Equal(t, 61, *r.row().RPO, "declared a minute after the start; the data end a second before it")
}

// mailSteps are the names under which mail of a template was sent: the activity sends each but once.
func (r *regions) mailSteps(template string) (steps []string) {
	for _, m := range r.mail {
		if m.Template == template {
			steps = append(steps, m.Step)
		}
	}
	return steps
}

func requireDistinct(t *testing.T, list []string) {
	t.Helper()
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(list))), len(list), "%v", list)
}

func nth(list []string, name string, n int) int {
	for i, s := range list {
		if s == name {
			if n--; n == 0 {
				return i
			}
		}
	}
	return -1
}

// Doubt about the primary region stops the run. What follows is people's decision, and only an officer's if it is to go on.
func TestDoubtAboutThePrimaryRegionStopsAndAsks(t *testing.T) {
	t.Run("nobody decides", func(t *testing.T) {
		r := newRegions(t)
		r.lost = true
		r.answers(through())
		err := r.recover(realInput("ungraceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
		require.ErrorContains(t, err, "Nothing goes back by itself")
		require.Empty(t, r.made())
		require.Equal(t, home, r.at.Record)
		require.Equal(t, records.DisasterFailed, r.row().Outcome)
		require.Equal(t, 29, count(r.calls, "mail:disaster-doubt"), "at once, six times in the first hour, then hourly until the day is over")
		requireDistinct(t, r.mailSteps("disaster-doubt"))
	})
	t.Run("the operator may not decide to go on", func(t *testing.T) {
		r := newRegions(t)
		r.lost = true
		r.answers(through("decision fence", "resume", "tanaka"))
		require.Error(t, r.recover(realInput("ungraceful")))
		require.NotContains(t, r.made(), "RestoreDisasterCluster")
		require.Contains(t, r.status().Approvals[1].Refusal, "does not have the role officer")
	})
	t.Run("an officer gives it up", func(t *testing.T) {
		r := newRegions(t)
		r.lost = true
		r.answers(through("decision fence", "rollback", "sato"))
		err := r.recover(realInput("ungraceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.Equal(t, ordinary(), r.at)
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
	})
	t.Run("an officer goes on", func(t *testing.T) {
		r := newRegions(t)
		r.lost = true
		r.answers(through("decision fence", "resume", "sato"))
		require.Error(t, r.recover(realInput("ungraceful")), "nobody brings the data back")
		require.Equal(t, dr, r.at.Record)
		require.Contains(t, r.reports[0].Report.Note, "本番系が書込みを続けている可能性がありましたが、sato の判断により続行しました")
	})
	t.Run("the region answers again, and is fenced after all", func(t *testing.T) {
		r := newRegions(t)
		r.lost = true
		r.env.RegisterDelayedCallback(func() { r.lost = false }, 20*time.Minute)
		table := goingBack()
		r.env.RegisterDelayedCallback(func() { table["decision fence"] = [2]string{"retry", "tanaka"} }, 25*time.Minute)
		r.answers(table)
		r.after, r.then = "ApplyRoute53Redirect", func() { require.True(t, r.fenced()) }
		require.NoError(t, r.recover(realInput("ungraceful")))
		require.Equal(t, home, r.at.Record)
		require.Equal(t, ordinary().Primary, r.at.Primary)
		require.True(t, r.at.Jobs)
	})
	t.Run("a second doubt is told too", func(t *testing.T) {
		r := newRegions(t)
		r.lost = true
		table := goingBack("decision fence", "resume", "sato")
		r.answers(table)
		r.after, r.then = "SmokeDisasterSite", func() {
			delete(table, "decision fence")
			r.after, r.then = "ApplyRoute53Redirect", func() { r.lost = false }
		}
		r.env.RegisterDelayedCallback(func() { table["decision fence"] = [2]string{"resume", "sato"} }, time.Hour)
		require.NoError(t, r.recover(realInput("ungraceful")))
		steps := r.mailSteps("disaster-doubt")
		require.Contains(t, steps, "doubt-1-0")
		require.Contains(t, steps, "doubt-2-0")
		requireDistinct(t, steps)
	})
	t.Run("somebody starts the primary again before the redirect", func(t *testing.T) {
		r := newRegions(t)
		r.answers(through())
		r.after, r.then = "SmokeDisasterSite", func() { r.at.Primary["gzs-web"] = 1 }
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
		require.NotContains(t, r.made(), "ApplyRoute53Redirect")
	})
}

// After a real disaster nothing goes back by itself, whatever happens; and what stays is said.
func TestARealRecoveryNeverGoesBackByItself(t *testing.T) {
	for name, c := range map[string]struct {
		table  map[string][2]string
		change func(*regions)
		end    string
	}{
		"nobody decides about the return":           {map[string][2]string{"approval declare": {"approve", "ito"}}, nil, runbook.ErrExpired},
		"the return is rejected":                    {through("approval return", "reject", "suzuki"), nil, runbook.ErrExpired},
		"nobody brings the data back":               {through(), nil, runbook.ErrExpired},
		"cancelled while it is watched":             {through(), func(r *regions) { r.after, r.then = "CheckDisasterOutside", func() { r.env.CancelWorkflow() } }, ""},
		"the DR site gets sick, and nobody answers": {through(), func(r *regions) { r.after, r.then = "CheckDisasterOutside", func() { r.sick = true } }, runbook.ErrRolledBack},
		"nobody sees the DR site from outside": {through("held outside", "rollback", "kato"), func(r *regions) {
			r.after, r.then = "ApplyRoute53Redirect", func() { r.sick = true }
		}, runbook.ErrRolledBack},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			if c.change != nil {
				c.change(r)
			}
			r.answers(c.table)
			err := r.recover(realInput("graceful"))
			require.Error(t, err)
			if c.end != "" {
				require.True(t, runbook.IsEnd(err, c.end), "%v", err)
				require.ErrorContains(t, err, "Nothing goes back by itself after a real disaster")
			}
			require.Equal(t, dr, r.at.Record, "users stay where they are")
			require.Equal(t, map[string]int{"web": 2, "api": 2}, r.at.Tasks)
			require.True(t, r.fenced(), "and the primary region stays fenced")
			require.NotContains(t, r.made(), "RevertRoute53Redirect")
			require.Len(t, r.reports, 1)
			want := records.DisasterStays
			if r.row().RestoredAt == nil {
				want = records.DisasterFailed
			}
			require.Equal(t, want, r.row().Outcome)
		})
	}
}

// A check from outside that is broken does not keep people from the decision to return; what it would have measured is not made up.
func TestPeopleMayVouchForADRRegionThatTheCheckDoesNotSee(t *testing.T) {
	broken := func(r *regions) {
		r.fail["CheckDisasterOutside"] = func(int) error { return runbook.End(activities.Denied, "the check is broken") }
	}
	for name, c := range map[string]struct {
		table   map[string][2]string
		outcome string
	}{
		"and go back":  {goingBack("held outside", "skip", "kato", "held watch", "skip", "kato", "held undo-redirect", "skip", "kato"), records.DisasterReturned},
		"and stay":     {through("held outside", "skip", "kato", "held watch", "skip", "kato", "approval return", "reject", "suzuki"), records.DisasterStays},
		"or they wait": {through(), records.DisasterFailed},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			broken(r)
			r.answers(c.table)
			err := r.recover(realInput("graceful"))
			require.Equal(t, c.outcome == records.DisasterReturned, err == nil, "%v", err)
			require.Equal(t, c.outcome, r.row().Outcome)
			if err == nil {
				require.Equal(t, home, r.at.Record, "the skip was looked at")
				require.Empty(t, r.letter("disaster-returned")["seen"], "nobody has seen the primary region from outside")
			}
			require.Nil(t, r.row().RTO)
			require.Nil(t, r.row().RestoredAt)
			const remark = "機械では測定していません"
			if c.outcome == records.DisasterFailed {
				require.NotContains(t, r.reports[0].Report.Note, remark)
				return
			}
			require.Contains(t, r.reports[0].Report.Note, remark)
			told := slices.IndexFunc(r.mail, func(m activities.Mail) bool { return m.Template == "disaster-redirected" })
			require.Contains(t, r.mail[told].Data["detail"], remark)
		})
	}
	t.Run("not in a drill", func(t *testing.T) {
		r := newRegions(t)
		broken(r)
		r.answers(through("held outside", "skip", "kato"))
		require.Error(t, r.recover(drillInput("graceful")))
		require.Equal(t, ordinary(), r.at)
	})
}

// Before users are sent away a person may give a real recovery up. Silence is no such decision.
func TestARealRecoveryIsGivenUpByAPersonAlone(t *testing.T) {
	fail := func(r *regions) {
		r.fail["AwaitDisasterInstance"] = func(int) error { return runbook.End(activities.Denied, "no permission") }
	}
	t.Run("a person gives it up", func(t *testing.T) {
		r := newRegions(t)
		fail(r)
		r.answers(through("held database", "rollback", "kato"))
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.Equal(t, ordinary().Primary, r.at.Primary)
		require.True(t, r.at.Jobs)
		require.Len(t, r.at.Clusters, 1, "what was restored is not deleted")
		require.ErrorContains(t, err, "the restored cluster")
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
	})
	t.Run("nobody answers", func(t *testing.T) {
		r := newRegions(t)
		fail(r)
		r.answers(through())
		err := r.recover(realInput("graceful"))
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.ErrorContains(t, err, "Nothing goes back by itself")
		require.True(t, r.fenced())
		require.Equal(t, records.DisasterFailed, r.row().Outcome)
		require.GreaterOrEqual(t, count(r.calls, "mail:step-held"), 5, "people are told again and again")
		require.GreaterOrEqual(t, r.env.Now().Sub(start), 23*time.Hour)
	})
	t.Run("what came up is unfit", func(t *testing.T) {
		r := newRegions(t)
		r.fail["AwaitDisasterService"] = func(n int) error {
			if n > 2 {
				return nil
			}
			return runbook.End(activities.Unfit, "the deployment was rolled back")
		}
		r.answers(goingBack("held scale", "retry", "kato"))
		require.NoError(t, r.recover(realInput("graceful")), "a drill would have gone back without asking")
	})
}

// A redirect that certainly changed nothing has sent nobody away, so a person may still give the run up. In doubt nobody may.
func TestARedirectThatFailedIsGivenUpOnlyWhenNobodyWasSentAway(t *testing.T) {
	refused := func(int) error { return runbook.End(activities.Denied, "no permission") }
	recovery := func(t *testing.T, change func(*regions)) (*regions, error) {
		r := newRegions(t)
		r.via = system.ViaGlobalCluster
		r.fail["ApplyRoute53Redirect"] = refused
		change(r)
		r.answers(through("held redirect", "rollback", "kato"))
		return r, r.recover(realInput("graceful"))
	}
	t.Run("refused", func(t *testing.T) {
		r, err := recovery(t, func(*regions) {})
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.Equal(t, ordinary(), r.at, "the primary region serves its users, so it must write again")
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
	})
	t.Run("refused after it had begun", func(t *testing.T) { // the primary region, which is stopped, is asked to answer only when it runs
		r, err := recovery(t, func(r *regions) { r.resubmits = true })
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.Equal(t, ordinary(), r.at)
		require.Zero(t, count(r.calls, "mail:undo-failed"))
	})
	t.Run("cancelled while it was refused", func(t *testing.T) {
		r, err := recovery(t, func(r *regions) {
			r.fail["ApplyRoute53Redirect"] = func(n int) error {
				if n == 1 {
					r.env.SignalWorkflow("cancel", by("tanaka"))
				}
				return notYet("it takes its time")
			}
		})
		require.Error(t, err)
		require.Equal(t, ordinary(), r.at)
	})
	for name, change := range map[string]func(*regions){
		"the record was changed and the answer lost": func(r *regions) {
			r.fail["ApplyRoute53Redirect"] = func(n int) error { r.at.Record = dr; return refused(n) }
		},
		"nobody can look": func(r *regions) {
			r.after, r.then = "SmokeDisasterSite", func() { r.fail["PlanRoute53Redirect"] = refused }
		},
		"it was submitted and did not settle": func(r *regions) {
			delete(r.fail, "ApplyRoute53Redirect")
			r.fail["AwaitRoute53Change"] = refused
		},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := recovery(t, change)
			require.Error(t, err)
			require.ErrorContains(t, err, "Nothing goes back by itself")
			require.True(t, r.fenced())
			require.NotContains(t, r.made(), "RevertRoute53Redirect")
			answers := r.status().Approvals
			require.Contains(t, answers[len(answers)-1].Refusal, "waiting for retry")
		})
	}
}

func TestAGracefulRecoveryOfARegionThatDoesNotAnswerIsRefused(t *testing.T) {
	r := newRegions(t)
	r.lost = true
	r.answers(through())
	err := r.recover(realInput("graceful"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "ask for an ungraceful recovery")
	require.Empty(t, r.made())
}

func TestTheRPOOfADisasterCountsFromWhenItStruck(t *testing.T) {
	r := newRegions(t)
	r.lost = true
	r.answers(through("decision fence", "resume", "sato"))
	in := realInput("ungraceful")
	in["disasterAt"] = start.Add(-10 * time.Minute).Format(time.RFC3339)
	require.Error(t, r.recover(in))
	require.Equal(t, int((20*time.Hour - 10*time.Minute).Seconds()), *r.row().RPO)
}

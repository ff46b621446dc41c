package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/records"
	"tejun/internal/system"
)

// letter is what the only mail of a template was told.
func (r *regions) letter(template string) map[string]string {
	r.t.Helper()
	var found []map[string]string
	for _, m := range r.mail {
		if m.Template == template {
			found = append(found, m.Data)
		}
	}
	require.Len(r.t, found, 1, template)
	return found[0]
}

// Mail that takes its time is waited for: a run that ends before has not told people.
func TestTheLastMailOfARunIsWaitedFor(t *testing.T) {
	busy := func(r *regions) func() {
		return func() {
			first := r.tries["SendSESMail"] + 1
			r.fail["SendSESMail"] = func(n int) error {
				if n == first {
					return temporal.NewApplicationError("SES is busy", activities.Throttled)
				}
				return nil
			}
		}
	}
	t.Run("that all has gone back", func(t *testing.T) {
		r := newRegions(t)
		r.answers(through())
		r.after, r.then = "DeleteDisasterCluster", busy(r)
		require.NoError(t, r.recover(drillInput("graceful")))
		require.NotEmpty(t, r.letter("disaster-returned"))
		require.Equal(t, "closed", r.evidence[len(r.evidence)-1].Kind)
	})
	t.Run("that time is short", func(t *testing.T) {
		r := newRegions(t)
		r.env.RegisterDelayedCallback(busy(r), 12*time.Minute-time.Second)
		r.env.RegisterDelayedCallback(func() { r.env.SignalWorkflow("reject", by("ito")) }, 12*time.Minute+time.Second)
		require.Error(t, r.recover(drillInput("graceful")))
		require.NotEmpty(t, r.letter("disaster-at-risk"))
		require.Equal(t, "closed", r.evidence[len(r.evidence)-1].Kind)
	})
}

// Officers are told when it was declared and how it ended.
func TestMailSaysWhenItWasDeclaredAndHowItEnded(t *testing.T) {
	t.Run("drill", func(t *testing.T) {
		r := newRegions(t)
		r.answers(through())
		require.NoError(t, r.recover(drillInput("graceful")))
		require.NotEmpty(t, r.letter("disaster-declared")["start"])
		require.Equal(t, records.DisasterReturned, r.letter("disaster-report")["outcome"])
	})
	t.Run("a real one that stays", func(t *testing.T) {
		r := newRegions(t)
		r.via, r.lost = system.ViaGlobalCluster, true
		r.answers(through("decision fence", "resume", "sato"))
		require.Error(t, r.recover(realInput("ungraceful")))
		require.Equal(t, records.DisasterStays, r.letter("disaster-report")["outcome"])
	})
}

// "Everything was taken back" is said only when it was.
func TestWhatARunThatWasGivenUpLeavesIsSaid(t *testing.T) {
	given := func(t *testing.T, in map[string]any, table map[string][2]string, change func(*regions)) (drillreport.Report, map[string]string) {
		r := newRegions(t)
		change(r)
		r.answers(table)
		require.Error(t, r.recover(in))
		require.Equal(t, records.DisasterUndone, r.row().Outcome)
		return r.reports[0].Report, r.letter("disaster-report")
	}
	t.Run("what was restored", func(t *testing.T) {
		report, letter := given(t, realInput("graceful"), through("held pipeline", "rollback", "kato"), func(r *regions) { r.fail["AwaitDisasterPipeline"] = refused })
		require.Contains(t, letter["left"], "復元したデータベースのクラスター "+restoredAt)
		require.Contains(t, letter["left"], "-final")
		require.Equal(t, "中止（残存あり：備考参照）", report.Ended())
		require.Contains(t, report.Remarks(), "残存：・最終データのスナップショット")
	})
	t.Run("what a person said to have put back", func(t *testing.T) {
		report, letter := given(t, drillInput("graceful"), through("held pipeline", "rollback", "kato", "held undo-database", "skip", "kato"), func(r *regions) {
			r.fail["AwaitDisasterPipeline"], r.fail["DeleteDisasterCluster"] = refused, refused
		})
		require.Equal(t, "・手順による取り消しを省略したもの：データベースの後片付け", letter["left"])
		require.Equal(t, "中止（残存あり：備考参照）", report.Ended())
	})
	t.Run("nothing", func(t *testing.T) {
		report, letter := given(t, drillInput("graceful"), through("held pipeline", "rollback", "kato"), func(r *regions) { r.fail["AwaitDisasterPipeline"] = refused })
		require.Empty(t, letter["left"])
		require.Equal(t, "中止（変更はすべて取り消し済み）", report.Ended())
	})
}

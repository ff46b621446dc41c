package workflows_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/workflows/runbook"
)

var (
	quotation = regexp.MustCompile(`「[^」]*」`)
	english   = regexp.MustCompile(`[A-Za-z]{2,} [A-Za-z]{2,}`)
)

// A report is Japanese, but for what people and machines are quoted with.
func TestTheReportThatARunComposesIsJapanese(t *testing.T) {
	requireJapanese := func(t *testing.T, r drillreport.Report) {
		t.Helper()
		texts := []string{r.Remarks(), r.Ended(), r.Data}
		for _, s := range r.Steps {
			texts = append(texts, s.Title, s.Comment)
			for _, w := range s.Human {
				require.NotEmpty(t, w.Why)
				texts = append(texts, w.Why)
			}
		}
		for _, d := range r.Decisions {
			texts = append(texts, d.Refused)
			require.Equal(t, d.Refused != "", strings.TrimSpace(d.Refused) != "")
		}
		for _, text := range texts {
			require.NotRegexp(t, english, quotation.ReplaceAllString(text, "「」"), text)
		}
	}
	for name, c := range map[string]struct {
		in     map[string]any
		table  map[string][2]string
		change func(*regions)
		want   []string // in the remarks
	}{
		"a real one that goes on in doubt, and back": {
			realInput("ungraceful"), goingBack("decision fence", "resume", "sato", "decision fence-back", "resume", "sato"),
			func(r *regions) {
				r.lost, r.drSlow = true, true
				r.when("ApplyRoute53Redirect", func() { r.lost = false })
			},
			[]string{"本番系が書込みを続けている可能性がありましたが、sato の判断により続行しました", "災害対策系が書込みを続けている", "tanaka が更新データの反映を完了しました：checked"},
		},
		"refused answers": {
			drillInput("graceful"), through(), func(r *regions) {
				for i, by := range []string{"suzuki", "kato", "nobody", "takahashi"} {
					r.env.RegisterDelayedCallback(func() {
						r.env.SignalWorkflow("approve", map[string]any{"by": by, "reason": "確認した"})
					}, time.Duration(i+1)*time.Second)
				}
			}, nil,
		},
		"given up": {
			realInput("graceful"), through("held pipeline", "rollback", "kato"), func(r *regions) { r.fail["AwaitDisasterPipeline"] = refused },
			[]string{"手順の失敗、または中止の判断により終了しました（記録：「", "残存："},
		},
		"rejected": {drillInput("graceful"), map[string][2]string{"approval declare": {"approve", "ito"}, "approval return": {"reject", "suzuki"}}, func(*regions) {}, []string{"却下されたため"}},
		"stays": {realInput("graceful"), through(), func(r *regions) {
			r.fail["StartECSService"] = func(int) error { return runbook.End(activities.Denied, "no permission") }
		}, []string{"変更したものは自動では元に戻りません"}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRegions(t)
			c.change(r)
			r.answers(c.table)
			_ = r.recover(c.in)
			require.NotEmpty(t, r.reports)
			report := r.reports[len(r.reports)-1].Report
			requireJapanese(t, report)
			for _, want := range c.want {
				require.Contains(t, report.Remarks(), want)
			}
			if name == "refused answers" {
				var said []string
				for _, d := range report.Decisions {
					said = append(said, d.Refused)
				}
				require.Contains(t, said, "suzuki が承認できるのは 2027年1月18日 10:20:00（日本時間）以降です")
				for _, s := range said {
					require.NotContains(t, s, "記録：", "every refusal has its words")
				}
			}
		})
	}
}

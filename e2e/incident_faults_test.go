package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// calm is a world in which mail of an incident is sent only for what its people do: nobody is told of clocks.
func calm(t *testing.T) *world {
	t.Helper()
	return outbreak(t, func(s *system.System) {
		for i := range s.Incidents.Severities {
			one := &s.Incidents.Severities[i]
			one.Acknowledge, one.FirstReport, one.Recover = system.Duration(24*time.Hour), system.Duration(24*time.Hour), system.Duration(48*time.Hour)
		}
	})
}

// toldOf waits until a list has been sent a mail, so that the next one is another one.
func (w *world) toldOf(list, subject string) {
	w.t.Helper()
	eventually(w.t, subject+" to "+list, func() error {
		if got := w.mails(list); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, subject) }) {
			return fmt.Errorf("%w: %v", errNotYet, got)
		}
		return nil
	})
}

// toClosure brings an incident to the question whether it is closed, of which the officers have been told.
func (r *run) toClosure() runbook.Status {
	r.t.Helper()
	r.said("acknowledge", runbook.Acknowledge, "tanaka", nil)
	r.said("work", runbook.Finished, "tanaka", nil)
	r.said("problem", runbook.Finished, "tanaka", incidentCause)
	s := r.asks("approval", "closure")
	r.toldOf("officers", "【承認のお願い】")
	return s
}

// closedAmid is an incident that the ministry closes while a fault waits for the writes behind it.
func closedAmid(t *testing.T, fault sandbox.Fault) *run {
	t.Helper()
	w := calm(t)
	r := w.ring("gzs-api-5xx", "event-1")
	closing := r.toClosure()
	w.fault(fault)
	r.answer(closing, runbook.Approve, "sato")
	return r
}

// reports are the effects of the writes of an incident, mail left out.
func (w *world) reports() (keys []string) {
	w.t.Helper()
	for _, e := range w.journal() {
		if e.Effect && e.Service != "sesv2" {
			keys = append(keys, e.Operation)
		}
	}
	return keys
}

// isKept makes sure that the report lies where the record says.
func (r *run) isKept() {
	r.t.Helper()
	end := r.record("the report", func(in records.Incident) bool { return in.Report != nil })
	object, found, err := r.box.Object("gzs-infra-incidents", strings.TrimPrefix(end.Report.Location, "s3://gzs-infra-incidents/"))
	require.NoError(r.t, err)
	require.True(r.t, found)
	sum := sha256.Sum256(object.Body)
	require.Equal(r.t, hex.EncodeToString(sum[:]), end.Report.SHA256)
	require.Equal(r.t, []string{"PutObject"}, r.reports(), "it was put once")
}

// The report goes wrong once, or may not be written at first: it is there once.
func TestFaultOfTheReportOfAnIncidentIsMendedWithoutASecondOne(t *testing.T) {
	t.Parallel()
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := closedAmid(t, sandbox.Fault{Service: "s3", Operation: "PutObject", Kind: kind, Times: 1})
			r.done()
			require.Zero(t, r.kinds("held"))
			require.Equal(t, 1, struck(r.journal(), "PutObject", outcome), "the fault struck")
			r.isKept()
		})
	}
	t.Run(sandbox.FaultDenied, func(t *testing.T) {
		t.Parallel()
		r := closedAmid(t, sandbox.Fault{Service: "s3", Operation: "PutObject", Kind: sandbox.FaultDenied, Times: sandbox.Forever})
		r.permit("report")
		r.done()
		require.GreaterOrEqual(t, struck(r.journal(), "PutObject", "error:AccessDenied"), 1)
		r.isKept()
	})
}

// The first report is sent at most once. A clear refusal is tried again; where it is in doubt the chain of escalation is told, and
// somebody says that the ministry knows.
func TestFirstReportOfUnknownFateIsNotSentAgain(t *testing.T) {
	t.Parallel()
	const subject = "【障害第一報】検索画面が表示されない"
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := calm(t)
			r := w.ring("gzs-api-5xx", "event-1")
			r.asks("work", "acknowledge")
			w.toldOf("operators", "【障害")
			w.fault(sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: kind, Times: 1})
			r.said("acknowledge", runbook.Acknowledge, "tanaka", nil)
			sent := 1
			if kind != sandbox.FaultThrottle {
				doubtful := r.record("the doubt", func(in records.Incident) bool { return len(in.Escalations) > 0 })
				require.Contains(t, doubtful.Escalations[0].Why, "第一報のメールを送信できませんでした")
				require.Nil(t, doubtful.ReportedAt)
				require.Equal(t, 1, r.kinds("first-report-failed"))
				if kind != sandbox.FaultExecutedThenTimeout {
					sent = 0
				}
				r.said("work", runbook.Note, "kato", map[string]string{"kind": "report"})
			}
			r.record("the first report", func(in records.Incident) bool { return in.ReportedAt != nil })
			require.Equal(t, 1, struck(w.journal(), "SendEmail", outcome), "the fault struck")
			_, err := scene.DecideWith(t.Context(), w.client, r.asks("work", "work"), runbook.Cancel, "kato", "試験の終わり", nil)
			require.NoError(t, err)
			r.ends(runbook.ErrCancelled)
			require.Equal(t, sent, countOf(w.mails("officers"), subject))
		})
	}
}

// The mail about the closure goes to two lists. What is in doubt is a person's to decide; the other list is told once all the same.
func TestMailAboutAClosureOfUnknownFateIsAPersonsToDecide(t *testing.T) {
	t.Parallel()
	const subject = "【障害終結のご報告】検索画面が表示されない"
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			r := closedAmid(t, sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: kind, Times: 1})
			if kind != sandbox.FaultThrottle {
				s := r.asks("held", "tell-closed")
				require.Contains(t, step(t, s, "tell-closed").Error, "may or may not have been sent")
				answer := runbook.Retry // the officers know of nothing
				if kind == sandbox.FaultExecutedThenTimeout {
					answer = runbook.Skip // it has arrived
				}
				r.answer(s, answer, "kato")
			}
			r.done()
			require.Equal(t, 1, struck(r.journal(), "SendEmail", outcome), "the fault struck")
			require.Equal(t, 1, countOf(r.mails("officers"), subject))
			require.Equal(t, 1, countOf(r.mails("operators"), subject))
			r.isKept()
		})
	}
}

func countOf(list []string, subject string) (n int) {
	for _, s := range list {
		if s == subject {
			n++
		}
	}
	return n
}

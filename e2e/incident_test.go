package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// outbreak is a world in which clocks run fast.
func outbreak(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	return newWorld(t, append([]func(*system.System){scene.Hurry}, changes...)...)
}

// ring tells the incident of an alarm as monitoring does: it opens one, or attaches the alarm to the one that is open.
func (w *world) ring(name, event string) *run {
	w.t.Helper()
	alarm := workflows.IncidentAlarm{ID: event, Alarm: name, State: "ALARM", Reason: "5 of 5 datapoints"}
	in := workflows.IncidentInput{
		Title: "検索画面が表示されない", Symptom: "APIが5xxを返す", Source: "monitoring", Fingerprint: w.queue + ":" + name, Services: []string{"api"}, Impact: "medium", Urgency: "high",
		Alarm: &alarm, Requester: "takahashi", Operator: "tanaka",
	}
	id := workflows.IncidentID(w.system().ID, in.Print())
	started, err := w.client.SignalWithStartWorkflow(w.t.Context(), id, workflows.AlarmSignal, alarm, client.StartWorkflowOptions{
		ID: id, TaskQueue: w.queue, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, "Incident", in)
	require.NoError(w.t, err)
	return &run{world: w, id: id, first: started.GetRunID()}
}

func (w *world) alarm(name string, state cwtypes.StateValue) {
	w.t.Helper()
	_, err := cloudwatch.NewFromConfig(w.aws).SetAlarmState(w.t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("set by the test")})
	require.NoError(w.t, err)
}

// says gives an answer with values at a question, and what became of it.
func (r *run) says(gate, action, by string, values map[string]string) runbook.Answered {
	r.t.Helper()
	a, err := scene.DecideWith(r.t.Context(), r.client, r.asks("work", gate), action, by, "確認した", func(d *runbook.Decision) { d.Values = values })
	require.NoError(r.t, err)
	return a
}

// said is an answer that must count.
func (r *run) said(gate, action, by string, values map[string]string) {
	r.t.Helper()
	eventually(r.t, action+" at "+gate, func() error { // the question is opened anew after every answer
		if a := r.says(gate, action, by, values); !a.Accepted {
			return fmt.Errorf("refused: %s", a.Refusal)
		}
		return nil
	})
}

// record is the incident's record once it is as wanted.
func (r *run) record(what string, wanted func(records.Incident) bool) records.Incident {
	r.t.Helper()
	var last records.Incident
	eventually(r.t, what, func() error {
		history, err := r.records.IncidentHistory(r.t.Context(), r.id)
		if err != nil {
			return err
		}
		if last = history[len(history)-1]; wanted(last) {
			return nil
		}
		return fmt.Errorf("%w: it is %s after %s", errNotYet, last.State, last.Event)
	})
	return last
}

var incidentCause = map[string]string{"rootCause": "接続プールの枯渇", "actions": `[{"what":"接続数の監視を追加する","owner":"tanaka","due":"2027-12-24"}]`}

func TestAnIncidentIsEscalatedWorkedAroundSentBackAndClosed(t *testing.T) {
	t.Parallel()
	w := outbreak(t)
	require.NoError(t, w.box.WriteLog("/ecs/gzs-api", "task", sandbox.LogEvent{At: time.Now(), Message: "ERROR 接続プールが枯渇しました"}))
	w.alarm("gzs-api-5xx", cwtypes.StateValueAlarm)
	r := w.ring("gzs-api-5xx", "event-1")

	// Nobody acknowledges: the chain is told, person by person. The diagnosis has been made meanwhile.
	escalated := r.record("the third escalation", func(in records.Incident) bool { return len(in.Escalations) >= 3 && len(in.Facts) > 0 })
	require.Equal(t, []string{"operators", "person:takahashi", "managers"}, []string{escalated.Escalations[0].To, escalated.Escalations[1].To, escalated.Escalations[2].To})
	facts := fmt.Sprint(escalated.Facts)
	require.Contains(t, facts, "ALARM、")
	require.Contains(t, facts, "since then: set by the test")
	require.Contains(t, facts, "ERROR 接続プールが枯渇しました")
	all, err := w.box.Mails()
	require.NoError(t, err)
	require.True(t, containsMail(all, "takahashi@example.jp", "【至急・障害エスカレーション】"))

	// The same alarm, and another one, are attached: one open incident for one fingerprint.
	again := w.ring("gzs-api-5xx", "event-1")
	require.Equal(t, r.first, again.first, "the run that is open")
	require.NoError(t, w.client.SignalWorkflow(t.Context(), r.id, "", workflows.AlarmSignal, workflows.IncidentAlarm{ID: "event-2", Alarm: "gzs-web-unhealthy-hosts", State: "ALARM"}))
	r.record("the second alarm", func(in records.Incident) bool { return len(in.Alarms) == 2 && in.AlarmEvents == 2 })

	// Acknowledged, the severity overruled by the ministry, a work-around noted.
	r.said("acknowledge", runbook.Acknowledge, "tanaka", map[string]string{"urgency": "medium"})
	require.False(t, r.says("work", runbook.Severity, "tanaka", map[string]string{"severity": "critical"}).Accepted, "the vendor sets none")
	r.said("work", runbook.Severity, "sato", map[string]string{"severity": "critical"})
	r.said("work", runbook.Note, "kato", map[string]string{"kind": "workaround"})
	r.said("work", runbook.Pause, "kato", nil)
	require.Equal(t, runbook.ClockPaused, r.until("paused clocks", func(s runbook.Status) bool { return len(s.Clocks) == 3 && s.Clocks[2].State == runbook.ClockPaused }).Clocks[2].State)
	r.said("work", runbook.Resume, "kato", nil)

	// Recovery that is not: the alarm still rings. Then it is silent, and stays so.
	r.said("work", runbook.Finished, "tanaka", nil)
	unstable := r.record("recovery that does not count", func(in records.Incident) bool { return in.Event == "not-recovered" })
	require.Contains(t, fmt.Sprint(unstable.Notes), "the alarm gzs-api-5xx is ALARM")
	w.alarm("gzs-api-5xx", cwtypes.StateValueOk)
	r.said("work", runbook.Finished, "tanaka", nil)

	// Root cause and actions; the ministry sends it back once.
	require.False(t, r.says("problem", runbook.Finished, "tanaka", map[string]string{"rootCause": "x", "actions": `[{"what":"a","owner":"nobody","due":"2027-12-24"}]`}).Accepted)
	r.said("problem", runbook.Finished, "tanaka", incidentCause)
	recovered := r.record("recovery", func(in records.Incident) bool { return in.RecoveredAt != nil }).RecoveredAt
	r.answer(r.asks("approval", "closure"), runbook.Reject, "suzuki")
	r.said("problem", runbook.Finished, "tanaka", incidentCause)
	r.answer(r.asks("approval", "closure"), runbook.Approve, "sato")
	r.done()

	// What is left: the record, the problem, the report.
	end := r.record("its end", func(in records.Incident) bool { return in.Report != nil })
	require.Equal(t, []any{records.IncidentClosed, "critical", "sato", "tanaka"}, []any{end.State, end.Severity, end.SetBy, end.AcknowledgedBy})
	require.Equal(t, []string{"sato"}, end.ClosedBy)
	require.NotNil(t, end.ReportedAt)
	require.Equal(t, recovered, end.RecoveredAt, "it was sent back for its cause")
	problem, err := w.records.ProblemHistory(t.Context(), end.ID)
	require.NoError(t, err)
	require.Equal(t, []any{end.Problem, "接続プールの枯渇", "確認した"}, []any{problem[0].ID, problem[0].RootCause, problem[0].Workaround})
	key := strings.TrimPrefix(end.Report.Location, "s3://gzs-infra-incidents/")
	object, found, err := w.box.Object("gzs-infra-incidents", key)
	require.NoError(t, err)
	require.True(t, found)
	sum := sha256.Sum256(object.Body)
	require.Equal(t, hex.EncodeToString(sum[:]), end.Report.SHA256)
	require.True(t, bytes.HasPrefix(object.Body, []byte("PK")))
	require.Contains(t, w.mails("officers"), "【障害第一報】検索画面が表示されない")
	require.Contains(t, w.mails("officers"), "【障害終結のご報告】検索画面が表示されない")

	// A closed incident takes no more: the same alarm opens another one, which looks like the old one.
	next := w.ring("gzs-api-5xx", "event-3")
	require.NotEqual(t, r.first, next.first)
	other := next.record("another incident", func(in records.Incident) bool { return in.ID != end.ID && len(in.Similar) > 0 })
	require.Equal(t, []string{end.ID, "接続プールの枯渇"}, []string{other.Similar[0].Incident, other.Similar[0].RootCause})
	_, err = scene.DecideWith(t.Context(), w.client, next.status(), runbook.Cancel, "kato", "誤報", nil)
	require.NoError(t, err)
	next.ends(runbook.ErrCancelled)
}

func containsMail(all []sandbox.Mail, to, subject string) bool {
	for _, m := range all {
		if m.To[0] == to && strings.HasPrefix(m.Subject, subject) {
			return true
		}
	}
	return false
}

// A flood of alarms is counted, and the run goes on in a new history before the old one becomes too long.
func TestAFloodOfAlarmsGoesOnInANewHistory(t *testing.T) {
	t.Parallel()
	w := outbreak(t, func(s *system.System) {
		for i := range s.Incidents.Severities {
			s.Incidents.Severities[i].Acknowledge = system.Duration(24 * time.Hour)
		}
	})
	r := w.ring("flood", "event-0")
	r.said("acknowledge", runbook.Acknowledge, "tanaka", nil)
	const flood = 600 // the server of tests calls 500 events long
	for n := range flood {
		event := workflows.IncidentAlarm{ID: fmt.Sprint("flood-", n), Alarm: fmt.Sprint("other-", n%70), State: "ALARM"}
		eventually(t, "the alarm to be taken", func() error { return w.client.SignalWorkflow(t.Context(), r.id, "", workflows.AlarmSignal, event) }) // twice counts once
	}
	r.said("work", runbook.Note, "kato", nil) // the next question is where it goes on
	eventually(t, "a new history", func() error {
		out, err := w.client.DescribeWorkflowExecution(t.Context(), r.id, "")
		if err != nil {
			return err
		}
		if info := out.GetWorkflowExecutionInfo(); info.GetExecution().GetRunId() == r.first || info.GetHistoryLength() > flood { // the rest of the flood may have come to it
			return fmt.Errorf("%w: %d events in %s", errNotYet, info.GetHistoryLength(), info.GetExecution().GetRunId())
		}
		return nil
	})
	r.said("work", runbook.Note, "kato", nil)
	end := r.record("the count", func(in records.Incident) bool { return in.AlarmEvents == flood+1 })
	require.Len(t, end.Alarms, 50)
	require.Equal(t, "tanaka", end.AcknowledgedBy)
	status := r.status()
	require.Equal(t, end.ID, status.About[0].Value, "it is the same incident")
	_, err := scene.DecideWith(t.Context(), w.client, status, runbook.Cancel, "kato", "試験の終わり", nil)
	require.NoError(t, err)
	r.ends(runbook.ErrCancelled)
}

// A fix whose input is wrong ends at once, and the next one mends: the incident goes on answering, and shows both.
func TestAFixThatIsRefusedIsFollowedByASettingChange(t *testing.T) {
	t.Parallel()
	w := outbreak(t)
	r := w.ring("gzs-api-5xx", "event-1")
	r.said("acknowledge", runbook.Acknowledge, "tanaka", nil)
	change := func(old string) map[string]string {
		return map[string]string{"runbook": "SettingChange", "input": fmt.Sprintf(
			`{"title":"読み取り専用にする","reason":"障害対応","class":"emergency","settings":[{"setting":"web-mode","old":%q,"new":"read-only"}],"requester":"takahashi","operator":"tanaka"}`, old)}
	}
	r.said("work", runbook.Fix, "tanaka", map[string]string{"runbook": "SettingChange", "input": `{"colour": "red"}`})
	refused := r.record("the end of the first fix", func(in records.Incident) bool { return len(in.Fixes) == 1 && in.Fixes[0].EndedAt != nil })
	require.Contains(t, refused.Fixes[0].Outcome, `InvalidInput: the input field "colour" is unknown`)
	r.said("work", runbook.Fix, "tanaka", change("normal"))
	r.said("work", runbook.Note, "kato", nil)
	child := r.child(2)
	require.Equal(t, "SettingChange", r.status().Children[1].Runbook)
	// An emergency change is approved afterwards: recovery is confirmed meanwhile, and the closure waits for it.
	r.said("work", runbook.Finished, "tanaka", nil)
	r.said("problem", runbook.Finished, "tanaka", incidentCause)
	r.asks("work", "fixes")
	child.answer(child.asks("approval", "afterwards"), runbook.Approve, "sato")
	child.done()
	r.answer(r.asks("approval", "closure"), runbook.Approve, "suzuki")
	r.done()
	end := r.record("its end", func(in records.Incident) bool { return in.Report != nil })
	require.Equal(t, "succeeded", end.Fixes[1].Outcome)
	changes, err := w.records.ChangesOf(t.Context(), end)
	require.NoError(t, err)
	require.Len(t, changes, 1, "the change knows the incident that it mends")
	require.Equal(t, []string{child.id, end.ID}, []string{changes[0].WorkflowID, changes[0].IncidentNumber})
}

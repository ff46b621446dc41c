package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"

	"tejun/internal/records"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// run is one run of a runbook.
type run struct {
	*world
	id    string
	first string // Temporal's ID of the first run; a Reset gives another
}

// How far ahead windows lie. The announcement must be out before the window starts, and the machine may be busy with other
// tests, under the race detector at that; tests wait side by side, so a longer way to the window costs little.
const (
	soon  = 40 * time.Second
	later = 30 * time.Minute
)

// window is an outage of two services that starts after a time.
func window(after time.Duration) workflows.PlannedOutageInput {
	start := time.Now().Add(after)
	in := scene.Input(start, start.Add(time.Hour), "api", "batch")
	in.Window.Start = runbook.Moment(start.Format(time.RFC3339Nano)) // not cut off to a second
	return in
}

// start starts an outage.
func (w *world) start(in any) *run {
	w.t.Helper()
	return w.begin("PlannedOutage", in)
}

// begin starts a run of a runbook.
func (w *world) begin(name string, in any) *run {
	w.t.Helper()
	id := "計画停止-" + uuid.NewString()[:8] // an ID as an operator may choose it
	started, err := w.client.ExecuteWorkflow(w.t.Context(), client.StartWorkflowOptions{
		ID: id, TaskQueue: w.queue, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
	}, name, in)
	require.NoError(w.t, err)
	r := &run{world: w, id: id, first: started.GetRunID()}
	w.t.Cleanup(func() {
		if w.t.Failed() {
			w.t.Logf("run %s: %s\njournal: %s", id, r.words(), asJSON(w.t, effects(w.journal())))
		}
	})
	return r
}

// words is a run's status for a person who reads that a test has failed. The test's own context is over by then.
func (r *run) words() string {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	s, err := scene.Status(ctx, r.client, r.id)
	if err != nil {
		return "no status: " + err.Error()
	}
	return s.Markdown()
}

func (r *run) status() runbook.Status {
	r.t.Helper()
	var s runbook.Status
	eventually(r.t, "the status of "+r.id, func() (err error) {
		s, err = scene.Status(r.t.Context(), r.client, r.id)
		return err
	})
	return s
}

// until waits until the status is as wanted.
func (r *run) until(what string, wanted func(runbook.Status) bool) runbook.Status {
	r.t.Helper()
	var s runbook.Status
	eventually(r.t, what, func() (err error) {
		if s, err = scene.Status(r.t.Context(), r.client, r.id); err != nil {
			return err
		}
		if wanted(s) {
			return nil
		}
		if s.EndedAt != nil {
			require.FailNow(r.t, "the run ended before "+what, s.Markdown())
		}
		return fmt.Errorf("%w: %s: %s", errNotYet, s.State, s.Says)
	})
	return s
}

// asks waits until the run asks a question. It fails at once when the run is held elsewhere.
func (r *run) asks(kind, gate string) runbook.Status {
	r.t.Helper()
	return r.until("the question "+kind+" "+gate, func(s runbook.Status) bool {
		w := s.WaitingFor
		if w != nil && w.Kind == "held" && kind != "held" {
			require.FailNow(r.t, "the run is held", s.Markdown())
		}
		return w != nil && w.Kind == kind && w.Gate == gate
	})
}

// answer gives an answer to what the run asks, as the command line does. The answer must count.
func (r *run) answer(s runbook.Status, action, by string) {
	r.t.Helper()
	a := r.try(s, action, by)
	require.True(r.t, a.Accepted, "%s by %s was refused: %s", action, by, a.Refusal)
}

func (r *run) try(s runbook.Status, action, by string) runbook.Answered {
	r.t.Helper()
	a, err := scene.Decide(r.t.Context(), r.client, s, action, by, "ok")
	require.NoError(r.t, err)
	return a
}

// approved brings the run past both gates.
func (r *run) approved() {
	r.t.Helper()
	r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
	r.answer(r.asks("approval", "go"), runbook.Approve, "suzuki")
}

// worked reports the work as done.
func (r *run) worked() {
	r.t.Helper()
	r.answer(r.asks("work", "work"), runbook.Finished, "tanaka")
}

// ended waits for the run's end and makes sure of what holds for every run.
func (r *run) ended() runbook.Status {
	r.t.Helper()
	s := r.until("the end", func(s runbook.Status) bool { return s.EndedAt != nil })
	r.released()
	r.verifies()
	for _, e := range r.history() {
		failed := e.GetWorkflowTaskFailedEventAttributes()
		if failed == nil {
			continue
		}
		require.NotContains(r.t, []enums.WorkflowTaskFailedCause{
			enums.WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR, enums.WORKFLOW_TASK_FAILED_CAUSE_WORKFLOW_WORKER_UNHANDLED_FAILURE,
		}, failed.GetCause(), failed.GetFailure().GetMessage())
	}
	return s
}

// done waits for the run's end as a success.
func (r *run) done() runbook.Status {
	r.t.Helper()
	s := r.ended()
	require.Equal(r.t, runbook.Done, s.State, s.Markdown())
	return s
}

// released makes sure that nothing is held by a run that has ended.
func (r *run) released() {
	r.t.Helper()
	eventually(r.t, "the release of what the run holds", func() error {
		held, err := r.records.Reservations(r.t.Context(), r.id)
		if err == nil && len(held) > 0 {
			err = fmt.Errorf("%w: %+v", errNotYet, held)
		}
		return err
	})
}

// evidence is the rows of the run's chain.
func (r *run) evidence() []records.Row {
	r.t.Helper()
	chain, err := r.records.ReadChain(r.t.Context(), r.id)
	require.NoError(r.t, err)
	return chain.Rows
}

// verifies makes sure that the chain of evidence is whole.
func (r *run) verifies() {
	r.t.Helper()
	chain, err := r.records.ReadChain(r.t.Context(), r.id)
	require.NoError(r.t, err)
	require.NotEmpty(r.t, chain.Rows)
	require.Empty(r.t, chain.Verify())
}

// decisions are the evidence rows about decisions.
func (r *run) decisions() []runbook.Answered {
	r.t.Helper()
	var all []runbook.Answered
	for _, row := range r.evidence() {
		if row.Kind != "decision" {
			continue
		}
		var a runbook.Answered
		require.NoError(r.t, json.Unmarshal(row.Body, &a))
		all = append(all, a)
	}
	return all
}

// kinds counts the evidence rows of a kind.
func (r *run) kinds(kind string) int {
	n := 0
	for _, row := range r.evidence() {
		if row.Kind == kind {
			n++
		}
	}
	return n
}

func (r *run) history() []*history.HistoryEvent {
	r.t.Helper()
	events, err := scene.History(r.t.Context(), r.client, r.id)
	require.NoError(r.t, err)
	return events
}

// read is what the run has read for its plans, in the words of the Temporal UI.
func (r *run) read() (all []string) {
	r.t.Helper()
	for _, event := range r.history() {
		var summary string
		if payload := event.GetUserMetadata().GetSummary(); payload != nil && event.GetActivityTaskScheduledEventAttributes() != nil {
			require.NoError(r.t, converter.GetDefaultDataConverter().FromPayload(payload, &summary))
		}
		if what, found := strings.CutPrefix(summary, "read for the plan: "); found {
			all = append(all, what)
		}
	}
	return all
}

// everything is the run's whole history as bytes; payloads are in it as they are.
func (r *run) everything() []byte {
	r.t.Helper()
	var all bytes.Buffer
	for _, event := range r.history() {
		raw, err := proto.Marshal(event)
		require.NoError(r.t, err)
		all.Write(raw)
	}
	return all.Bytes()
}

// failure is the error with which the run ended.
func (r *run) failure() error {
	r.t.Helper()
	return r.client.GetWorkflow(r.t.Context(), r.id, "").Get(r.t.Context(), nil)
}

// step is a line of the checklist.
func step(t *testing.T, s runbook.Status, name string) runbook.Step {
	t.Helper()
	i := slices.IndexFunc(s.Steps, func(line runbook.Step) bool { return line.Name == name })
	require.GreaterOrEqual(t, i, 0, "no step %s", name)
	return s.Steps[i]
}

// ends makes sure that a run failed with a kind of error.
func (r *run) ends(kind string) runbook.Status {
	r.t.Helper()
	s := r.ended()
	require.Equal(r.t, runbook.Failed, s.State, s.Markdown())
	err := r.failure()
	require.True(r.t, runbook.IsEnd(err, kind), "want %s: %v", kind, err)
	return s
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.MarshalIndent(v, "", " ")
	require.NoError(t, err)
	return string(raw)
}

package runbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	store "tejun/internal/records"
)

// start is when the tests' runs start: a Monday morning in Japan.
var start = time.Date(2027, 1, 18, 10, 0, 0, 0, jst)

const (
	minute  = time.Minute
	hour    = time.Hour
	openFor = 24 * hour // how long a gate stays open
	heldFor = 4 * hour  // how long a held step waits for an answer
	toyRun  = "default-test-run-id"
)

var errBroken = errors.New("AWS says no")

// final is a failure that no retry mends.
func final(words string) error {
	return temporal.NewNonRetryableApplicationError(words, "Refused", nil)
}

// always fails every try, until fails those before a moment, and once fails the first.
func always(err error) func(int) error { return func(int) error { return err } }

func once(err error) func(int) error {
	return func(try int) error {
		if try == 1 {
			return err
		}
		return nil
	}
}

// bench stands for everything outside a run. It keeps the order of what was called, refuses what it does not know, and
// fails where it is told to; a failure that was prepared and never met fails the test.
type bench struct {
	t           *testing.T
	env         *testsuite.TestWorkflowEnvironment
	mu          sync.Mutex
	fail        map[string]func(try int) error // by activity, by "work NAME" or "mail TEMPLATE"
	tries       map[string]int
	calls       []string // what had an effect, in order
	mail        []activities.Mail
	evidence    []store.Evidence
	reserved    []activities.Reserve
	asked       []activities.GateQuestion
	officers    []string                                         // who has the role officer and belongs to meti
	gate        func(activities.GateQuestion, *activities.Terms) // changes a gate's terms
	environment string
	drift       int // raising it changes the plan
	life        any // run ID as recorded in the history; a Reset changes it
	run         *Run
	ready       func() // called once everything is registered; mocks come after that
}

func newBench(t *testing.T) *bench {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	b := &bench{
		t: t, env: suite.NewTestWorkflowEnvironment(), fail: map[string]func(int) error{}, tries: map[string]int{},
		officers: []string{"ito", "sato", "suzuki", "yamada"}, gate: func(activities.GateQuestion, *activities.Terms) {},
		environment: "development", life: toyRun,
	}
	b.env.SetStartTime(start)
	b.env.SetTestTimeout(30 * time.Second)
	b.env.SetWorkerOptions(worker.Options{DeadlockDetectionTimeout: time.Minute}) // the machine may be busy
	b.people()
	b.ledger()
	b.effects()
	return b
}

// stub registers one activity under its permanent name.
func stub[I, O any](b *bench, name string, do func(I) (O, error)) {
	b.env.RegisterActivityWithOptions(func(_ context.Context, in I) (O, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if err := b.meets(name); err != nil {
			var none O
			return none, err
		}
		return do(in)
	}, activity.RegisterOptions{Name: name})
}

// meets counts a call and returns the failure that was prepared for it.
func (b *bench) meets(name string) error {
	b.tries[name]++
	if fail := b.fail[name]; fail != nil {
		return fail(b.tries[name])
	}
	return nil
}

func (b *bench) people() {
	people := map[string]activities.Person{
		"tanaka": {ID: "tanaka", Organisation: "vendor", Roles: []string{"operator"}, Known: true}, // operates every toy run
		"kato":   {ID: "kato", Organisation: "vendor", Roles: []string{"operator"}, Known: true},
		"abe":    {ID: "abe", Organisation: "vendor", Roles: []string{"officer"}, Known: true}, // the role in another organisation
	}
	stub(b, "ResolvePerson", func(c activities.Claim) (activities.Person, error) {
		if p, ok := people[c.By]; ok {
			return p, nil
		}
		id := strings.TrimPrefix(c.By, "m-") // everybody has a second account
		if !slices.Contains([]string{"ito", "sato", "suzuki", "yamada"}, id) {
			return activities.Person{}, nil
		}
		p := activities.Person{ID: id, Organisation: "meti", Known: true}
		if slices.Contains(b.officers, id) {
			p.Roles = append(p.Roles, "officer")
		}
		if id == "yamada" { // may operate as well
			p.Roles = append(p.Roles, "operator")
		}
		return p, nil
	})
	stub(b, "GateTerms", func(q activities.GateQuestion) (activities.Terms, error) {
		b.asked = append(b.asked, q)
		if q.Runbook != "Toy" || !slices.Contains([]string{"plan", "go"}, q.Gate) {
			return activities.Terms{}, final(fmt.Sprintf("no gate %q of runbook %s", q.Gate, q.Runbook))
		}
		terms := activities.Terms{Role: "officer", Organisation: "meti", Quorum: 1, Eligible: slices.Clone(b.officers), Deadline: q.OpenedAt.Add(openFor), NotifyList: "officers"}
		if !q.NotAfter.IsZero() && q.NotAfter.Before(terms.Deadline) {
			terms.Deadline = q.NotAfter
		}
		b.gate(q, &terms)
		return terms, nil
	})
	stub(b, "AnswerTerms", func(q activities.AnswerQuestion) (activities.Terms, error) {
		terms := activities.Terms{Quorum: 1, Deadline: q.OpenedAt.Add(heldFor)}
		switch q.Kind {
		case "operate":
			terms.Role, terms.Eligible, terms.NotifyList = "operator", []string{"tanaka", "kato", "yamada"}, "operators"
		case "decide":
			terms.Role, terms.Organisation, terms.Eligible, terms.NotifyList = "officer", "meti", slices.Clone(b.officers), "officers"
		default:
			return terms, final("nobody gives answers of the kind " + q.Kind)
		}
		return terms, nil
	})
}

func (b *bench) ledger() {
	stub(b, "AppendEvidence", func(e store.Evidence) (activities.EvidenceHead, error) {
		b.evidence = append(b.evidence, e)
		return activities.EvidenceHead{Count: len(b.evidence), Hash: fmt.Sprintf("hash-%d", len(b.evidence))}, nil
	})
	stub(b, "ReserveResources", func(in activities.Reserve) (struct{}, error) {
		b.reserved, b.calls = append(b.reserved, in), append(b.calls, "reserve")
		return struct{}{}, nil
	})
	stub(b, "TakeResources", func(in activities.Take) (struct{}, error) {
		b.calls = append(b.calls, "take "+strings.Join(in.Resources, ","))
		return struct{}{}, nil
	})
	stub(b, "ReleaseResources", func(struct{}) (struct{}, error) {
		b.calls = append(b.calls, "release")
		return struct{}{}, nil
	})
}

// job is the input of the one activity that the toy runbook's steps consist of.
type job struct {
	Name string `json:"name"`
}

func work(context.Context, job) (job, error) { return job{}, errors.New("the bench stands in for it") }

func (b *bench) effects() {
	stub(b, "work", func(in job) (job, error) {
		if err := b.meets("work " + in.Name); err != nil {
			return job{}, err
		}
		b.calls = append(b.calls, in.Name)
		return job{in.Name + " done"}, nil
	})
	known := []string{"approval-request", "approval-reminder", "approval-escalation", "step-held", "undo-failed", "window-decision", "news", "after-request", "after-overdue", "after-never"}
	stub(b, "SendSESMail", func(m activities.Mail) (activities.MailResult, error) {
		if !slices.Contains(known, m.Template) || !slices.Contains([]string{"officers", "operators", "managers", "users"}, m.List) {
			return activities.MailResult{}, final(fmt.Sprintf("no template %q, or no list %q", m.Template, m.List))
		}
		if strings.ContainsFunc(m.Step, unicode.IsControl) {
			return activities.MailResult{}, final(fmt.Sprintf("step %q has control characters", m.Step))
		}
		if err := b.meets("mail " + m.Template); err != nil {
			return activities.MailResult{}, err
		}
		b.mail = append(b.mail, m)
		return activities.MailResult{MessageIDs: []string{"m"}}, nil
	})
}

// does is a step's action: one activity that leaves the name among the calls.
func does(name string) func(workflow.Context) error {
	return func(ctx workflow.Context) error {
		_, err := Call(ctx, Change, work, job{name})
		return err
	}
}

// step is a step with an undo.
func step(name string) StepSpec {
	return StepSpec{Name: name, Title: "Do " + name, Do: does(name), Undo: does("undo " + name), UndoTitle: "Undo " + name}
}

// changes is the toy's plan: one object, which drifts when the bench says so.
func (b *bench) changes(workflow.Context) ([]plan.Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.meets("plan"); err != nil {
		return nil, err
	}
	c, err := plan.NewChange("toy:object/1", "Turn the object on", map[string]int{"v": b.drift}, map[string]int{"v": b.drift + 1}, b.drift, b.drift+1)
	return []plan.Change{c}, err
}

func (b *bench) planGate() Gate {
	return Gate{Name: "plan", Asks: "approval of the plan", Plan: b.changes}
}

type toyInput struct {
	Title string `json:"title"`
}

func (in *toyInput) Validate() error {
	if in.Title == "" {
		return errors.New("title is missing")
	}
	return nil
}

var toySpec = Spec{Name: "Toy", Row: 99, Title: "おもちゃ · Toy"}

// toy runs body as a runbook, from Open to Close, and returns what the run ends with.
func (b *bench) toy(body func(workflow.Context, *Run) error) error {
	return b.toyWith(toyInput{Title: "a toy"}, body)
}

func (b *bench) toyWith(input any, body func(workflow.Context, *Run) error) error {
	b.t.Helper()
	b.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, raw converter.RawValue) error {
		ctx, r, err := Open(ctx, toySpec, raw, &toyInput{})
		if err != nil {
			return err
		}
		b.run = r
		err = r.About(ctx, Subject{
			System: "test", Environment: b.environment, Requester: "ito", Operator: "tanaka", Targets: []string{"toy:object/1"},
			About: []Fact{{"Title", "a toy"}}, Mail: map[string]string{"title": "a toy"},
		})
		if err == nil {
			err = body(ctx, r)
		}
		_, err = r.Finish(ctx, err)
		return err
	}, workflow.RegisterOptions{Name: toySpec.Name})
	b.env.OnMutableSideEffect("run-id").Return(func(string) any { return b.life }).Maybe()
	if b.ready != nil {
		b.ready()
	}
	b.env.ExecuteWorkflow(toySpec.Name, input)
	require.True(b.t, b.env.IsWorkflowCompleted())
	for name := range b.fail {
		require.Positive(b.t, b.tries[name], "%s was to fail and was never called", name)
	}
	return b.env.GetWorkflowError()
}

// gated is the smallest runbook with a gate: plan, approve, confirm, and one step.
func (b *bench) gated(ctx workflow.Context, r *Run) error {
	if err := r.Planned(ctx, b.changes); err != nil {
		return err
	}
	if err := r.Approve(ctx, b.planGate()); err != nil {
		return err
	}
	if err := r.Confirm(ctx, b.planGate()); err != nil {
		return err
	}
	return r.Step(ctx, StepSpec{Name: "on", Title: "Turn it on", Do: does("on")})
}

// after does something at a moment, counted from the start.
func (b *bench) after(d time.Duration, do func()) {
	b.env.RegisterDelayedCallback(func() { b.mu.Lock(); defer b.mu.Unlock(); do() }, d)
}

// at sends a signal at a moment, counted from the start.
func (b *bench) at(d time.Duration, signal string, message any) {
	b.env.RegisterDelayedCallback(func() { b.env.SignalWorkflow(signal, message) }, d)
}

// by is a decision of a person, with more fields as pairs.
func by(person string, more ...any) map[string]any {
	m := map[string]any{"by": person, "reason": "checked"}
	for i := 0; i+1 < len(more); i += 2 {
		m[more[i].(string)] = more[i+1]
	}
	return m
}

// update sends the update "decide" at a moment. What comes of it stands in the result once the run has ended.
func (b *bench) update(d time.Duration, message any) *updated {
	u := &updated{}
	b.env.RegisterDelayedCallback(func() {
		b.env.UpdateWorkflow("decide", "", &testsuite.TestUpdateCallback{
			OnReject:   func(err error) { u.rejected = err },
			OnAccept:   func() {},
			OnComplete: func(v any, err error) { u.answer, _ = v.(Answered); u.err = err },
		}, message)
	}, d)
	return u
}

type updated struct {
	answer   Answered
	rejected error
	err      error
}

func (b *bench) kinds() []string {
	var kinds []string
	for _, e := range b.evidence {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// body is the newest evidence of a kind.
func (b *bench) body(kind string) map[string]any {
	b.t.Helper()
	for _, e := range slices.Backward(b.evidence) {
		if e.Kind == kind {
			var body map[string]any
			require.NoError(b.t, json.Unmarshal(e.Body, &body))
			return body
		}
	}
	require.Fail(b.t, "no evidence of the kind "+kind)
	return nil
}

// templates lists the mail that was sent, in order.
func (b *bench) templates() []string {
	names := []string{}
	for _, m := range b.mail {
		names = append(names, m.Template)
	}
	return names
}

// requireRefused asserts that the only decision was refused for a reason, and that the refusal is evidence.
func (b *bench) requireRefused(says string) {
	b.t.Helper()
	decisions := b.run.status.Approvals
	require.NotEmpty(b.t, decisions)
	last := decisions[len(decisions)-1]
	require.False(b.t, last.Accepted)
	require.Contains(b.t, last.Refusal, says)
	require.Equal(b.t, last.Refusal, b.body("decision")["refusal"], "the refusal is evidence")
}

// requireEnd asserts how a run ended.
func requireEnd(t *testing.T, err error, kind, says string) {
	t.Helper()
	require.Truef(t, IsEnd(err, kind), "it should end as %s: %v", kind, err)
	require.ErrorContains(t, err, says)
}

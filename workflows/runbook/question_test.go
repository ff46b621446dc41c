package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

// gateQuestion is a gate that officers of METI pass with two approvals.
func gateAsked() *question {
	officers := authority{role: "officer", organisation: "meti", people: []string{"ito", "sato", "suzuki"}}
	return &question{
		kind: "approval", gate: "plan", quorum: 2, plan: "d1", barred: []string{"ito", "tanaka"},
		terms: map[string]authority{Approve: officers, Reject: officers}, until: time.Unix(0, 0),
	}
}

func officer(id string) activities.Person {
	return activities.Person{ID: id, Organisation: "meti", Roles: []string{"officer"}, Known: true}
}

// Every way to get an approval counted that should not count. None may pass, and each refusal must say why.
func TestJudgeRefusesEveryAttackOnAnApproval(t *testing.T) {
	good := Decision{Action: Approve, By: "sato", Reason: "checked", Run: "run-1", Gate: "plan", Plan: "d1"}
	with := func(change func(*Decision)) Decision { d := good; change(&d); return d }
	production := "production"
	for _, attack := range []struct {
		name        string
		question    func(*question)
		decision    Decision
		person      activities.Person
		environment string
		reset       bool
		says        string
	}{
		{name: "requester approves", decision: good, person: officer("ito"), says: "somebody else must approve"},
		{name: "operator with the role approves", decision: good, person: officer("tanaka"), says: "somebody else must approve"},
		{name: "second account of one who has approved", question: func(q *question) { q.approvers = []string{"sato"} }, decision: with(func(d *Decision) { d.By = "m-sato" }), person: officer("sato"), says: "counts once a person"},
		{name: "unknown person", decision: good, person: activities.Person{}, says: "nobody that system.yaml knows"},
		{name: "no name", decision: with(func(d *Decision) { d.By = " " }), person: officer("sato"), says: `"by" is missing`},
		{name: "no reason", decision: with(func(d *Decision) { d.Reason = "" }), person: officer("sato"), says: `"reason" is missing`},
		{name: "wrong role", decision: good, person: activities.Person{ID: "kato", Organisation: "meti", Roles: []string{"operator", "auditor"}, Known: true}, says: "does not have the role"},
		{name: "right role, other organisation", decision: good, person: activities.Person{ID: "x", Organisation: "vendor", Roles: []string{"officer"}, Known: true}, says: "does not belong to meti"},
		{name: "another plan", decision: with(func(d *Decision) { d.Plan = "d0" }), person: officer("sato"), says: "look at the plan again"},
		{name: "another run", decision: with(func(d *Decision) { d.Run = "run-0" }), person: officer("sato"), says: "this is run run-1"},
		{name: "another gate", decision: with(func(d *Decision) { d.Gate = "go" }), person: officer("sato"), says: "the run is at plan"},
		{name: "gate already closed", question: func(q *question) { q.closed = true }, decision: good, person: officer("sato"), says: "too late"},
		{name: "answer that is not asked for", decision: with(func(d *Decision) { d.Action = Finished }), person: officer("sato"), says: "waiting for approve or reject"},
		{name: "reset run, run not named", decision: with(func(d *Decision) { d.Run = "" }), person: officer("sato"), reset: true, says: "must name its run and plan"},
		{name: "reset run, plan not named", decision: with(func(d *Decision) { d.Plan = "" }), person: officer("sato"), reset: true, says: "must name its run and plan"},
		{name: "claimed identity in production", decision: good, person: officer("sato"), environment: production, says: "must be signed"},
	} {
		t.Run(attack.name, func(t *testing.T) {
			q := gateAsked()
			if attack.question != nil {
				attack.question(q)
			}
			require.Contains(t, judge(q, attack.decision, attack.person, "run-1", attack.environment, attack.reset), attack.says)
		})
	}
	require.Contains(t, judge(nil, good, officer("sato"), "run-1", "", false), "not waiting", "no gate is open")
	require.Empty(t, judge(gateAsked(), good, officer("sato"), "run-1", "development", true), "the honest approval must pass, or the attacks prove nothing")
	require.Empty(t, judge(gateAsked(), Decision{Action: Approve, By: "sato", Reason: "ok"}, officer("sato"), "run-1", "development", false), "what the Temporal UI sends")
}

func TestApprovalsCountOncePerPersonUntilTheQuorum(t *testing.T) {
	q := gateAsked()
	require.Equal(t, []string{"sato", "suzuki"}, func() []string { delete(q.terms, Reject); return q.waitingFor().Eligible }())
	q.accept(Decision{Action: Approve}, Answered{Action: Approve, Person: "sato"})
	require.False(t, q.settled())
	require.Equal(t, []string{"suzuki"}, q.waitingFor().Eligible)
	q.accept(Decision{Action: Approve}, Answered{Action: Approve, Person: "suzuki"})
	require.True(t, q.settled())
	require.True(t, q.closed)
}

func TestOneRejectionSettlesAGateAtOnce(t *testing.T) {
	q := gateAsked()
	q.accept(Decision{Action: Approve}, Answered{Action: Approve, Person: "sato"})
	q.accept(Decision{Action: Reject}, Answered{Action: Reject, Person: "suzuki"})
	require.Equal(t, Reject, q.answer.Action)
}

func TestAQuestionForetellsWhatHappensNext(t *testing.T) {
	at := time.Date(2027, 1, 18, 4, 0, 0, 0, time.UTC)
	w := &WaitingFor{Until: at.Add(time.Hour), Then: "the run ends"}
	require.Equal(t, " until 2027-01-18 14:00 JST, then: the run ends", w.ahead())
	w.Next = &Ahead{At: at, What: "officers are reminded"}
	require.Equal(t, " until 2027-01-18 14:00 JST, then: the run ends. Next, at 2027-01-18 13:00 JST: officers are reminded", w.ahead())
	w.Anew = true
	require.Equal(t, " Next, at 2027-01-18 13:00 JST: officers are reminded", w.ahead(), "a question that is asked again has no end")
}

// What comes next is shown from the first moment on, and changes when it has come.
func TestAnOpenQuestionShowsWhatComesNext(t *testing.T) {
	b := newBench(t)
	says := func(at time.Time, what string) Alarm {
		return Alarm{At: at, Do: func(workflow.Context) {}, Says: what}
	}
	seen := map[time.Duration]*Ahead{}
	for _, at := range []time.Duration{minute, 11 * minute, 21 * minute, 31 * minute} {
		b.after(at, func() { seen[at] = b.run.status.WaitingFor.Next })
	}
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		_, err := r.Asked(ctx, Waiting, Ask{Kind: "work", Name: "work", Until: start.Add(hour), Answers: map[string]string{Finished: "operate"}, Alarms: []Alarm{
			says(start.Add(30*minute), "officers are told"), says(start.Add(10*minute), "operators are reminded"), says(start.Add(-minute), "past"),
			says(start.Add(20*minute), ""), says(start.Add(2*hour), "too late"),
		}})
		return err
	}))
	first, second := &Ahead{start.Add(10 * minute).UTC(), "operators are reminded"}, &Ahead{start.Add(30 * minute).UTC(), "officers are told"}
	require.Equal(t, map[time.Duration]*Ahead{minute: first, 11 * minute: second, 21 * minute: second, 31 * minute: nil}, seen)
}

package runbook

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
)

func TestMailCarriesWhatTheRunIsAbout(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		if err := r.Notify(ctx, "announce", "news", "users", map[string]string{"detail": "soon"}); err != nil {
			return err
		}
		r.Inform("title", "a later toy")
		r.Tell(ctx, "later", "news", "users", map[string]string{"requester": "overridden"})
		return nil
	}))
	data := map[string]string{"runId": "default-test-workflow-id", "runbook": "Toy", "requester": "ito", "title": "a toy", "detail": "soon"}
	require.Equal(t, activities.Mail{Operation: b.run.Operation(), Step: "announce", Template: "news", List: "users", Data: data}, b.mail[0])
	require.Equal(t, "a later toy", b.mail[1].Data["title"])
	require.Equal(t, "overridden", b.mail[1].Data["requester"])
}

func TestNotifyThatFailsHoldsItsStepAndSendsAgainOnlyWhenAPersonSaysSo(t *testing.T) {
	b := newBench(t)
	b.fail["mail news"] = once(final("may or may not have been sent"))
	b.at(hour, Retry, by("kato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		for _, name := range []string{"announce", "second"} {
			err := r.Step(ctx, StepSpec{Name: name, Title: name, Do: func(ctx workflow.Context) error { return r.Notify(ctx, name, "news", "users", nil) }})
			if err != nil {
				return err
			}
		}
		return nil
	}))
	require.Equal(t, []string{"step-held", "news", "news"}, b.templates())
	require.True(t, b.mail[1].Resend, "a person has answered retry")
	require.False(t, b.mail[2].Resend, "the answer was for another step")
}

func TestTellThatFailsDoesNotStopTheRun(t *testing.T) {
	b := newBench(t)
	b.fail["mail news"] = always(errBroken)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		r.Tell(ctx, "x", "news", "users", nil)
		return does("effect")(ctx)
	}))
	require.Equal(t, []string{"effect"}, b.calls)
	require.Equal(t, 3, b.tries["mail news"])
	require.Empty(t, b.mail)
}

func TestTellWithoutAListSendsNothing(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		r.Tell(ctx, "x", "news", "", nil)
		return nil
	}))
	require.Zero(t, b.tries["SendSESMail"])
}

// One of two mails fails: the step is held, and both lists have their mail once it is done again.
func TestEachOfSeveralListsIsWrittenToOnce(t *testing.T) {
	b := newBench(t)
	b.fail["mail news"] = func(try int) error {
		if try == 2 {
			return final("may or may not have been sent")
		}
		return nil
	}
	b.after(minute, func() { require.Equal(t, "may or may not have been sent", b.run.status.Steps[0].Error) })
	b.at(hour, Retry, by("kato"))
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		return r.Step(ctx, StepSpec{Name: "tell", Title: "tell", Do: func(ctx workflow.Context) error {
			return r.NotifyEach(ctx, "tell", "news", []string{"users", "officers", "users"}, nil)
		}})
	}))
	require.Equal(t, []string{"news", "step-held", "news", "news"}, b.templates())
	sent := func(i int) []any { return []any{b.mail[i].Step, b.mail[i].List, b.mail[i].Resend} }
	require.Equal(t, []any{"tell-news-officers", "officers", false}, sent(0))
	require.Equal(t, []any{"tell-news-officers", "officers", true}, sent(2), "one that was sent has its name, and is not sent again")
	require.Equal(t, []any{"tell-news-users", "users", true}, sent(3))
}

// After a Reset the run ends anew, and people are told anew.
func TestMailOfARunThatWasResetIsANewOne(t *testing.T) {
	b := newBench(t)
	require.NoError(t, b.toy(func(ctx workflow.Context, r *Run) error {
		b.life = "another-run"
		return r.NotifyEach(ctx, "tell", "news", []string{"users"}, nil)
	}))
	require.Equal(t, "tell-news-users-reset-another-", b.mail[0].Step)
}

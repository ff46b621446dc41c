package runbook

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// watched is a runbook that changes something and watches it; looks are what is seen, the last one for good.
func watched(looks ...error) (func(workflow.Context, *Run) error, *int) {
	n := 0
	return func(ctx workflow.Context, r *Run) error {
		if err := r.Step(ctx, step("on")); err != nil {
			return err
		}
		err := r.Watch(ctx, WatchSpec{Name: "watch", Title: "Watch", For: 10 * time.Minute, Every: 3 * time.Minute, Look: func(workflow.Context) (bool, string, error) {
			seen := looks[min(n, len(looks)-1)]
			n++
			if errors.Is(seen, errBad) {
				return false, "5 % fail", nil
			}
			return true, "all well", seen
		}})
		if err == nil {
			r.Keep()
		}
		return err
	}, &n
}

var (
	errBad   = errors.New("bad")
	errBlind = errors.New("no answer")
)

func TestAWatchThatSeesNothingBadLetsTheChangeStay(t *testing.T) {
	b := newBench(t)
	work, looks := watched(nil, errBlind, nil)
	require.NoError(t, b.toy(work))
	assert.Equal(t, 5, *looks, "at the start, after 3, 6 and 9 minutes, and at the end")
	assert.Equal(t, []string{"on"}, b.calls)
	line := b.status().Steps[1]
	assert.Equal(t, StepDone, line.State)
	assert.Equal(t, 10*time.Minute, line.EndedAt.Sub(*line.StartedAt))
}

func TestAWatchRollsBackAtOnceWhenSomethingIsBad(t *testing.T) {
	b := newBench(t)
	work, looks := watched(nil, nil, errBad)
	requireEnd(t, b.toy(work), ErrRolledBack, "5 % fail")
	assert.Equal(t, 3, *looks)
	assert.Equal(t, []string{"on", "undo on"}, b.calls)
}

func TestWhatCannotBeWatchedDoesNotStay(t *testing.T) {
	b := newBench(t)
	work, looks := watched(nil, errBlind)
	requireEnd(t, b.toy(work), ErrRolledBack, "cannot be watched: no answer")
	assert.Equal(t, 1+mostBlind, *looks)
	assert.Equal(t, []string{"on", "undo on"}, b.calls)
}

func TestTheOperatorMayRollBackAndNobodyEndsAWatchEarly(t *testing.T) {
	b := newBench(t)
	work, _ := watched(nil)
	b.at(minute, Finished, by("yamada"))
	b.at(2*minute, Rollback, by("sato"))
	b.at(4*minute, Rollback, by("yamada"))
	requireEnd(t, b.toy(work), ErrRolledBack, "yamada rolled it back")
	answers := b.status().Approvals
	require.Len(t, answers, 3)
	assert.Contains(t, answers[0].Refusal, `the run is waiting for rollback, not for "done"`)
	assert.Contains(t, answers[1].Refusal, "sato does not have the role")
	assert.True(t, answers[2].Accepted)
	assert.Equal(t, []string{"on", "undo on"}, b.calls)
}

// A look takes time. An answer that comes meanwhile counts, during the last look too: it was in time, and it was accepted.
func TestARollbackDuringALookTakesBack(t *testing.T) {
	for name, at := range map[string]time.Duration{"the first": 30 * time.Second, "one in between": 4*minute + 30*time.Second, "the last": 10*minute + 30*time.Second} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			var began []time.Duration
			b.at(at, Rollback, by("kato"))
			requireEnd(t, b.toy(func(ctx workflow.Context, r *Run) error {
				if err := r.Step(ctx, step("on")); err != nil {
					return err
				}
				err := r.Watch(ctx, WatchSpec{Name: "watch", Title: "Watch", For: 10 * minute, Every: 3 * minute, Look: func(ctx workflow.Context) (bool, string, error) {
					began = append(began, workflow.Now(ctx).Sub(start))
					return true, "all well", workflow.Sleep(ctx, minute)
				}})
				if err == nil {
					r.Keep()
				}
				return err
			}), ErrRolledBack, "kato rolled it back")
			assert.True(t, b.status().Approvals[0].Accepted)
			assert.Less(t, at-began[len(began)-1], minute, "it came during the look")
			assert.Equal(t, []string{"on", "undo on"}, b.calls)
		})
	}
}

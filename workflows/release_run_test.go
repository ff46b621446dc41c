package workflows_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/workflows/runbook"
)

// The approval may come days after the request, and a freeze may have been entered meanwhile.
func TestAReleaseDoesNotBeginInAFreezeThatCameAfterItsRequest(t *testing.T) {
	for name, frozen := range map[string]string{"no freeze": "", "frozen meanwhile": "a release may take 3h and would run into the freeze"} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.frozen = frozen
			s.at(start.Add(20*time.Hour), "approve", by("sato"))
			err := s.release()
			require.Len(t, s.asked, 1)
			assert.Equal(t, start.Add(20*time.Hour).UTC(), s.asked[0].From.UTC().Truncate(time.Minute), "asked when it would begin, not when it was requested")
			assert.Equal(t, 3*time.Hour, s.asked[0].Until.Sub(s.asked[0].From), "as long as a release may take")
			if frozen == "" {
				require.NoError(t, err)
				require.Equal(t, []string{"PutS3Static"}, s.broughtIn())
				require.Equal(t, []string{"planned", "running", "done"}, s.states())
				return
			}
			require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
			require.ErrorContains(t, err, "would run into the freeze")
			require.Empty(t, s.broughtIn())
			require.NotContains(t, s.states(), "running")
		})
	}
}

// An alarm that rang before a release says nothing of it; when it has cleared it does.
func TestAnAlarmThatRangClearedAndRingsAgainTakesAReleaseBack(t *testing.T) {
	for name, c := range map[string]struct {
		rings map[int][]string // by look: the first is before the release
		back  bool
	}{
		"it goes on ringing":            {map[int][]string{1: {"cpu"}, 2: {"cpu"}, 3: {"cpu"}, 4: {"cpu"}}, false},
		"it cleared for good":           {map[int][]string{1: {"cpu"}, 2: {"cpu"}}, false},
		"it cleared, and rings again":   {map[int][]string{1: {"cpu"}, 2: {"cpu"}, 4: {"cpu"}}, true},
		"another one rang all along":    {map[int][]string{1: {"cpu", "errors"}, 2: {"errors"}, 3: {"cpu", "errors"}}, true},
		"it did not ring before at all": {map[int][]string{3: {"cpu"}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newShelf(t)
			s.ringing = func(look int) []string { return c.rings[look] }
			s.at(start.Add(time.Hour), "approve", by("sato"))
			err := s.release()
			if !c.back {
				require.NoError(t, err)
				require.Equal(t, []string{"PutS3Static"}, s.broughtIn())
				return
			}
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.ErrorContains(t, err, "cpu began to ring")
			require.Equal(t, []string{"PutS3Static", "RevertS3Static"}, s.broughtIn())
		})
	}
}

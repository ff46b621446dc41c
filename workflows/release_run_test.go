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

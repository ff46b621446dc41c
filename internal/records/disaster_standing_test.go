package records

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestADisasterStandsUntilAReturnAfterIt(t *testing.T) {
	s := openStore(t)
	end := func(number, outcome string, hour int, mode string) Disaster {
		d := drill(t, number, opened.Add(time.Duration(hour)*time.Hour))
		d.Mode = mode
		openDisaster(t, s, d)
		if d = ended(d); outcome != "" {
			d.Outcome = outcome
			_, err := s.FinishDisaster(t.Context(), d)
			require.NoError(t, err)
		}
		return d
	}
	stands := func(want string) {
		t.Helper()
		found, err := s.StandingDisaster(t.Context(), t.Name())
		if want == "" {
			require.ErrorIs(t, err, ErrNotFound)
			return
		}
		require.NoError(t, err)
		require.Equal(t, "訓練 "+want, found.Title)
	}
	stands("")
	end("0", DisasterFailed, 0, ModeDrill)
	stands("")
	end("1", DisasterStays, 1, ModeReal)
	stands("1")
	end("2", DisasterUndone, 2, ModeReal)
	end("3", DisasterDeclined, 3, ModeReal)
	end("4", "", 4, ModeReal)
	end("5", DisasterReturned, 5, ModeDrill)
	stands("1")
	end("6", DisasterReturned, 6, ModeReal)
	stands("")
	end("7", DisasterFailed, 7, ModeReal)
	stands("7")
	last := end("8", DisasterStays, 8, ModeReal)
	stands("8")
	last.Outcome = DisasterReturned // as people say later
	_, err := s.FinishDisaster(t.Context(), last)
	require.NoError(t, err)
	stands("")
	_, err = s.StandingDisaster(t.Context(), "nowhere")
	require.ErrorIs(t, err, ErrNotFound)
}

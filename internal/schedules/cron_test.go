package schedules

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCronBecomesTemporalCalendar(t *testing.T) {
	for expression, want := range map[string]string{
		"30 9 * * mon-fri":  "minute=30 hour=9 day=* month=* weekday=1-5",
		"*/15 * * * *":      "minute=0-59/15 hour=0-23 day=* month=* weekday=*",
		"0 8-18/2 1,15 * *": "minute=0 hour=8-18/2 day=1,15 month=* weekday=*",
		"5 0 1 jan,JUL *":   "minute=5 hour=0 day=1 month=1,7 weekday=*",
		"0 3 * * 7":         "minute=0 hour=3 day=* month=* weekday=0",
		"0 3 * * 5-7":       "minute=0 hour=3 day=* month=* weekday=0,5,6",
		"10/20 * * * *":     "minute=10-59/20 hour=0-23 day=* month=* weekday=*",
	} {
		t.Run(expression, func(t *testing.T) {
			c, err := parseCron(expression)
			require.NoError(t, err)
			assert.Equal(t, want, calendarText(c))
		})
	}
}

func TestBadCronIsRefusedWithTheReason(t *testing.T) {
	for expression, want := range map[string]string{
		"0 9 * *":        "has 4 fields",
		"@daily":         "has 1 fields",
		"60 9 * * *":     "want 0 to 59",
		"0 24 * * *":     "want 0 to 23",
		"0 9 0 * *":      "want 1 to 31",
		"0 9 * 13 *":     "want 1 to 12",
		"0 9 * * 8":      "want 0 to 7",
		"0 18-9 * * *":   "runs backwards",
		"*/0 9 * * *":    "step",
		"0 9 * * funday": "day of the week",
		"0 9 1 * mon":    "both a day of the month and a day of the week",
	} {
		t.Run(expression, func(t *testing.T) {
			_, err := parseCron(expression)
			assert.ErrorContains(t, err, want)
		})
	}
}

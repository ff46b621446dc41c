package runbook

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTimesAreJapanese(t *testing.T) {
	for utc, want := range map[string][2]string{
		"2027-01-23T15:30:00Z": {"2027-01-24 00:30 JST", "2027年1月24日(日) 00:30"},
		"2027-01-25T00:00:00Z": {"2027-01-25 09:00 JST", "2027年1月25日(月) 09:00"},
		"2027-01-26T03:00:00Z": {"2027-01-26 12:00 JST", "2027年1月26日(火) 12:00"},
		"2027-01-27T03:00:00Z": {"2027-01-27 12:00 JST", "2027年1月27日(水) 12:00"},
		"2027-01-28T03:00:00Z": {"2027-01-28 12:00 JST", "2027年1月28日(木) 12:00"},
		"2027-01-29T03:00:00Z": {"2027-01-29 12:00 JST", "2027年1月29日(金) 12:00"},
		"2027-12-31T14:59:00Z": {"2027-12-31 23:59 JST", "2027年12月31日(金) 23:59"},
		"2027-07-03T03:00:00Z": {"2027-07-03 12:00 JST", "2027年7月3日(土) 12:00"}, // no daylight saving time
	} {
		at, err := time.Parse(time.RFC3339, utc)
		require.NoError(t, err)
		require.Equal(t, want, [2]string{JST(at), JapaneseTime(at)})
	}
}

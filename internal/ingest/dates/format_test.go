package dates

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// What is written is read again as the same day.
func TestAppendIsReadAgain(t *testing.T) {
	for _, text := range []string{"YYYY-MM-DD", "YYYY/M/D", "YYYYMMDD", Wareki, "D.M.YYYY"} {
		l := compile(t, text)
		for d := time.Date(1873, 1, 1, 0, 0, 0, 0, time.UTC); d.Year() < 2100; d = d.AddDate(0, 0, 1) {
			written := l.Append(nil, d)
			days, err := l.Days(written)
			if err != nil || epoch.AddDate(0, 0, int(days)) != d {
				t.Fatalf("%s as %s: %s is read as %d, %v", d, text, written, days, err)
			}
		}
	}
}

func TestAppendTimes(t *testing.T) {
	at := time.Date(2024, 2, 3, 4, 5, 6, 70_000_000, time.FixedZone("JST", 9*3600))
	for layout, want := range map[string]string{
		RFC3339:              "2024-02-03T04:05:06.07+09:00",
		"YYYY/M/D H:mm":      "2024/2/3 4:05",
		"YYYYMMDDHHmmss":     "20240203040506",
		"YYYY年MM月DD日 HH時mm分": "2024年02月03日 04時05分",
		Wareki:               "令和6年2月3日",
	} {
		require.Equal(t, want, string(compile(t, layout).Append(nil, at)))
	}
	require.Equal(t, "1872-12-31", string(compile(t, Wareki).Append(nil, time.Date(1872, 12, 31, 0, 0, 0, 0, time.UTC))))
	require.Equal(t, "令和元年5月1日", string(compile(t, Wareki).Append(nil, time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC))))
}

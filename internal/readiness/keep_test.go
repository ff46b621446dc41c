package readiness

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// toldOf is what people know of findings.
func toldOf(t *testing.T, findings ...Finding) Told {
	t.Helper()
	words, err := Words(findings, nil)
	require.NoError(t, err)
	return Told{Findings: words, At: time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)}
}

// of is the finding of a code, with all that its texts ask for.
func of(t *testing.T, code string) Finding {
	t.Helper()
	for _, f := range every() {
		if f.Code == code {
			return f
		}
	}
	t.Fatalf("there is no finding %s", code)
	return Finding{}
}

func TestWhatNobodyLookedAtIsNotGone(t *testing.T) {
	unseen := func(about string) Finding {
		return Finding{Code: Unseen, About: about, Data: map[string]string{"why": "throttled"}}
	}
	last := toldOf(t, of(t, "service-not-at-rest"), of(t, "service-missing"), of(t, "record-elsewhere"), of(t, "declarer-unfit"))
	for name, c := range map[string]struct {
		now  []Finding
		held bool
		want []string // all
		kept []string // of them
	}{
		"all was looked at":        {nil, false, []string{}, []string{}},
		"one check was throttled":  {[]Finding{unseen("ECS services")}, false, []string{"service-missing/x", "service-not-at-rest/x", "unseen/ECS services"}, []string{"service-missing/x", "service-not-at-rest/x"}},
		"another check":            {[]Finding{unseen("S3")}, false, []string{"unseen/S3"}, []string{}},
		"mail":                     {[]Finding{unseen("SES")}, false, []string{"declarer-unfit/x", "unseen/SES"}, []string{"declarer-unfit/x"}},
		"found though it threw":    {[]Finding{unseen("SES"), of(t, "declarer-unfit")}, false, []string{"declarer-unfit/x", "unseen/SES"}, []string{}},
		"a run holds it":           {nil, true, []string{"record-elsewhere/x", "service-not-at-rest/x"}, []string{"record-elsewhere/x", "service-not-at-rest/x"}},
		"a run holds it, and more": {[]Finding{of(t, "bucket-missing")}, true, []string{"bucket-missing/x", "record-elsewhere/x", "service-not-at-rest/x"}, []string{"record-elsewhere/x", "service-not-at-rest/x"}},
	} {
		t.Run(name, func(t *testing.T) {
			words, err := Words(c.now, Keys(last.Findings))
			require.NoError(t, err)
			all := Keep(last, words, c.held)
			require.Equal(t, c.want, Keys(all))
			kept := []string{}
			for _, f := range all {
				if f.Kept {
					require.False(t, f.New)
					kept = append(kept, f.Key)
				}
			}
			require.Equal(t, c.kept, kept)
			for _, f := range Gone(last, all) {
				require.NotContains(t, Keys(all), f.Key)
			}
		})
	}
}

// While a disaster is under way nobody is told that it is well, and afterwards nothing is new.
func TestNobodyIsToldOfWhatNobodyLookedAt(t *testing.T) {
	last := toldOf(t, of(t, "service-not-at-rest"))
	during := Keep(last, nil, true)
	require.Equal(t, Nothing, Judge(last, during, last.At.Add(time.Hour), 24*time.Hour))
	require.Empty(t, Gone(last, during))
	list, err := List(during)
	require.NoError(t, err)
	require.Contains(t, list, "［今回は未点検］")
	require.NotContains(t, list, "［新規］")

	after, err := Words([]Finding{of(t, "service-not-at-rest")}, Keys(during))
	require.NoError(t, err)
	require.False(t, after[0].New)
	require.Equal(t, Nothing, Judge(Told{during, last.At}, Keep(Told{during, last.At}, after, false), last.At.Add(2*time.Hour), 24*time.Hour))
}

// A finding of no check could never be kept.
func TestEveryFindingIsOfACheck(t *testing.T) {
	for code, k := range kinds {
		if code != Unseen && code != "overrun" {
			require.NotEmpty(t, k.Check, code)
		}
	}
}

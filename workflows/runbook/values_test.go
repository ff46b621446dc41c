package runbook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"
)

// estimated is a question whose answer carries two values, one of which may be left out.
func estimated() Ask {
	a := ask(map[string]string{Finished: "operate", Return: "decide"})
	a.Values = Carried{Finished: {{Name: "hours", Means: "工数 · hours"}, {Name: "rows", Means: "件数 · rows", Optional: true}}}
	return a
}

func TestAnAnswerCarriesValues(t *testing.T) {
	b := newBench(t)
	b.after(minute, func() {
		require.Equal(t, "hours", b.run.status.WaitingFor.Values[Finished][0].Name)
		require.Contains(t, b.run.status.Markdown(), "- `done`: kato, tanaka, yamada; it also takes `\"values\": {\"hours\": \"…\", \"rows\": \"…\"}`: hours = 工数 · hours; rows = 件数 · rows (may be left out)\n")
	})
	b.at(hour, Finished, by("tanaka", "values", map[string]string{"hours": "6.5"}))
	d, err := b.asks(estimated())
	require.NoError(t, err)
	require.Equal(t, map[string]string{"hours": "6.5"}, d.Values)
	require.Equal(t, map[string]any{"hours": "6.5"}, b.body("decision")["values"], "they are evidence")
}

func TestAnAnswerIsOfThePersonWhoeverItClaimsToBe(t *testing.T) {
	b := newBench(t)
	a := ask(map[string]string{Return: "decide"})
	var checked string
	a.Check = func(_ workflow.Context, d Decision) string { checked = d.By; return "" }
	b.at(hour, Return, by("m-sato"))
	d, err := b.asks(a)
	require.NoError(t, err)
	require.Equal(t, []string{"sato", "sato"}, []string{checked, d.By})
	require.Equal(t, "m-sato", b.run.status.Approvals[0].By, "the record keeps what was claimed")
}

func TestValuesThatDoNotFitAreRefused(t *testing.T) {
	values := func(pairs ...string) map[string]string {
		m := map[string]string{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		return m
	}
	for name, c := range map[string]struct {
		answer, person string
		values         any
		says           string
	}{
		"none":                    {Finished, "tanaka", nil, `the value "hours" is missing (工数 · hours): done carries "hours", "rows" (may be left out)`},
		"an empty one":            {Finished, "tanaka", values("hours", " "), `the value "hours" is missing`},
		"an unknown one":          {Finished, "tanaka", values("hours", "1", "price", "2"), `done carries no value "price" here; it carries "hours"`},
		"more than one line":      {Finished, "tanaka", values("hours", "1\n2"), `the value "hours" must be one line`},
		"where none are taken":    {Return, "sato", values("hours", "1"), `return carries no values here, and "hours" was sent: leave it out`},
		"a number, not text":      {Finished, "tanaka", map[string]any{"hours": 6}, `field "values.hours" must not be a number`},
		"too many bytes together": {Finished, "tanaka", values("hours", strings.Repeat("9", 8000)), "values together may have 8000 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			message := by(c.person)
			if c.values != nil {
				message["values"] = c.values
			}
			b.at(hour, c.answer, message)
			d, err := b.asks(estimated())
			require.NoError(t, err)
			require.Nil(t, d, "it does not count")
			b.requireRefused(c.says)
		})
	}
}

func TestAGateTakesNoValues(t *testing.T) {
	b := newBench(t)
	b.at(hour, Approve, by("sato", "values", map[string]string{"a": "b"}))
	requireEnd(t, b.toy(b.gated), ErrExpired, "had 0 of 1")
	b.requireRefused("approve carries no values here")
}

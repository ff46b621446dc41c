package runbook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

type sampleInput struct {
	Title  string   `json:"title"`
	Count  int      `json:"count"`
	Names  []string `json:"names"`
	Window struct {
		Start Moment `json:"start"`
	} `json:"window"`
}

func TestDecodeStrictSaysWhatIsWrongAndWhere(t *testing.T) {
	for name, c := range map[string]struct{ raw, says string }{
		"empty":           {"", "is empty"},
		"not JSON":        {"{title}", "is not valid JSON near byte 2"},
		"not an object":   {`["x"]`, "send a JSON object"},
		"unknown field":   {`{"titel": "x"}`, `field "titel" is unknown`},
		"other case":      {`{"Title": "x"}`, `field "Title" is unknown`},
		"nested unknown":  {`{"window": {"begin": "x"}}`, `field "window.begin" is unknown`},
		"duplicate field": {`{"title": "x", "title": "y"}`, `field "title" is given twice`},
		"wrong type":      {`{"count": "three"}`, `field "count" must not be a string`},
		"wrong list":      {`{"names": "api"}`, `field "names" must not be a string`},
		"trailing data":   {`{"title": "x"} {}`, "is not valid JSON"},
		"time as number":  {`{"window": {"start": 5}}`, `field "window.start": must be a string with a time`},
		"true":            {`{"count": true}`, `field "count" must not be a boolean`},
		"list":            {`{"title": []}`, `field "title" must not be a list`},
		"object":          {`{"title": {}}`, `field "title" must not be a object`},
		"number":          {`{"title": 7}`, `field "title" must not be a number`},
		"null":            {`{"window": {"start": null}}`, `field "window.start"`},
		"no zone":         {`{"window": {"start": "2027-01-23T22:00:00"}}`, "has no zone: write it with one, such as 2027-01-23T22:00:00+09:00"},
		"not a time":      {`{"window": {"start": "tomorrow"}}`, `"tomorrow" is not a time`},
	} {
		t.Run(name, func(t *testing.T) {
			var in sampleInput
			require.ErrorContains(t, DecodeStrict([]byte(c.raw), &in), c.says)
		})
	}
	var in sampleInput
	require.NoError(t, DecodeStrict([]byte(`{"title":"x","window":{"start":"2027-01-23T22:00:00+09:00"}}`), &in))
	at, absolute := in.Window.Start.At()
	require.True(t, absolute)
	require.Equal(t, "2027-01-23 22:00 JST", JST(at))
	require.Equal(t, "2027年1月23日(土) 22:00", JapaneseTime(at))
	require.NoError(t, DecodeStrict([]byte(`{"window":{"start":"+10bd 22:00"}}`), &in))
	_, absolute = in.Window.Start.At()
	require.False(t, absolute)
}

func FuzzDecodeStrict(f *testing.F) {
	f.Add([]byte(`{"by":"sato","reason":"ok","until":"2027-01-23T22:00:00+09:00"}`))
	f.Add([]byte(`{"by":1,"by":2}`))
	f.Add([]byte("\xff{"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var d Decision
		if err := DecodeStrict(raw, &d); err != nil && strings.TrimSpace(err.Error()) == "" {
			t.Fatalf("an error without words for %q", raw)
		}
	})
}

package workflows

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

func TestAReleaseThatIsWronglyAskedForIsRefused(t *testing.T) {
	raw, err := os.ReadFile("../examples/release.json")
	require.NoError(t, err)
	sys, err := system.Load("../examples/system.yaml")
	require.NoError(t, err)
	cal, err := calendar.Japan()
	require.NoError(t, err)
	now := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	require.NoError(t, checkRelease(raw, sys, cal, now))
	for name, c := range map[string]struct{ from, to, says string }{
		"unknown field":     {`"ticket"`, `"tiket"`, "unknown"},
		"no ticket":         {`"REQ-2026-0142"`, `""`, "ticket is missing"},
		"no builder":        {`"builder": "kato"`, `"builder": ""`, "builder is missing"},
		"unknown builder":   {`"builder": "kato"`, `"builder": "kat"`, `builder "kat"`},
		"tag for a digest":  {`"sha256:796d911f05f579ae1ca013f484e8eb2c48006cc072fea769bfd40d64f8b96913"`, `"latest"`, "64 hex digits"},
		"hex for base64":    {`"24VaBYWRB363o5t7jc7OfOeR25X3P5n2ZE0WjSFSPhA="`, `"d6c7cc6b82a99b39cd59dc1c9a6a2c70a7ea3e8a5c17b6200b4caf066ef2dfef"`, "SHA-256 in base64"},
		"out of the prefix": {`"faq.html"`, `"../other/faq.html"`, "plain key"},
		"out of the bucket": {`"lambda/gzs-index/next.zip"`, `"/etc/x"`, "plain key"},
		"encoded traversal": {`"faq.html"`, `"%2e%2e/faq.html"`, "plain key"},
		"source":            {`"static/guide/next/"`, `"static/guide/next"`, "ends with /"},
		"two kinds":         {`"object": `, `"digest": "sha256:1", "object": `, "give either"},
		"part twice":        {`"name": "index"`, `"name": "web"`, `names "web" twice`},
		"other kind":        {`"name": "web"`, `"name": "api2"`, `part "api2" is unknown`},
	} {
		t.Run(name, func(t *testing.T) {
			require.Contains(t, string(raw), c.from)
			err := checkRelease([]byte(strings.Replace(string(raw), c.from, c.to, 1)), sys, cal, now)
			require.ErrorContains(t, err, c.says)
		})
	}
}

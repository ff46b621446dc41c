package system

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWrongReleasesAreRefusedWhereTheyAreWrong(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, path, says string }{
		"two kinds":         {"lambda: {function: gzs-index, alias: live}", "lambda: {function: gzs-index, alias: live}\n      static: {bucket: b-b, prefix: x/, invalidate: [/x]}", "releases.parts[2]", "exactly one"},
		"no kind":           {"    - name: index\n      lambda: {function: gzs-index, alias: live}", "    - name: index", "releases.parts[2]", "has 0 of"},
		"unknown service":   {"service: web, container: web", "service: wab, container: web", "releases.parts[0].container.service", "do you mean web?"},
		"prefix":            {"prefix: guide/, ", "prefix: /guide, ", "releases.parts[3].static.prefix", "guide/"},
		"no paths":          {"invalidate: [/guide/*]", "invalidate: []", "releases.parts[3].static.invalidate", "fetch anew"},
		"threshold":         {"threshold: HIGH ", "threshold: GRAVE ", "releases.scan.threshold", "want INFORMATIONAL"},
		"exception's end":   {"until: 2027-03-31 ", "until: 2027-02-30 ", "releases.scan.exceptions[0].until", "no day"},
		"exception's owner": {"by: ito", "by: tanaka", "releases.scan.exceptions[0].by", "no officer"},
		"watch too long":    {"duration: 30m  ", "duration: 4h  ", "releases.maxDuration", "does not reach beyond"},
		"looks too seldom":  {"every: 1m", "every: 45m", "releases.watch.every", "look more often"},
		"limit":             {"limitPercent: 1", "limitPercent: 0", "releases.watch.errorRate.limitPercent", "more than 0"},
	} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(examplePath)
			require.NoError(t, err)
			require.Contains(t, string(data), tc.from)
			var found []string
			for _, p := range problemsOf(t, strings.Replace(string(data), tc.from, tc.to, 1)) {
				found = append(found, p.Path)
				if p.Path == tc.path {
					assert.Contains(t, p.Reason, tc.says)
				}
			}
			assert.Contains(t, found, tc.path)
		})
	}
}

func releaseOf(parts ...ReleasePartWanted) ReleaseRequest {
	return ReleaseRequest{
		Requester: "takahashi", Operator: "tanaka", Builder: "KATO@example.jp", Parts: parts, At: time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC),
	}
}

func TestAReleaseIsResolvedOrRefusedWithEveryReason(t *testing.T) {
	s := example(t)
	target, err := s.ResolveRelease(releaseOf(ReleasePartWanted{"api", "container"}, ReleasePartWanted{"index", "lambda"}, ReleasePartWanted{"guide", "static"}))
	require.NoError(t, err)
	assert.Equal(t, "kato", target.Builder)
	var held []string
	for _, p := range target.Parts {
		held = append(held, p.Resource(target.Cluster))
	}
	assert.Equal(t, []string{"ecs:gzs-infra/gzs-api", "lambda:gzs-index", "s3:gzs-infra-static/guide"}, held, "the first as an outage names it")
	assert.Equal(t, 48*time.Hour, target.StartBy.Sub(releaseOf().At))
	assert.Equal(t, 3*time.Hour, target.HoldUntil.Sub(target.StartBy))

	req := releaseOf(ReleasePartWanted{"web", "lambda"}, ReleasePartWanted{"nothing", "static"})
	req.Builder, req.Operator = "nobody", "ito"
	_, err = s.ResolveRelease(req)
	for _, says := range []string{`part "web" is of the kind container`, `part "nothing" is unknown; these parts are known: web, api, index, guide`, `builder "nobody"`, "operator ito does not have the role"} {
		assert.ErrorContains(t, err, says)
	}
	s.Releases = Releases{}
	_, err = s.ResolveRelease(releaseOf())
	assert.ErrorContains(t, err, "add releases")
}

func TestAReleaseEndsBeforeTheNextFreeze(t *testing.T) {
	s := example(t)
	freeze := s.Freezes[0].Start
	req := releaseOf(ReleasePartWanted{"web", "container"})
	req.At = freeze.Add(-10 * time.Hour)
	target, err := s.ResolveRelease(req)
	require.NoError(t, err)
	assert.Equal(t, freeze.UTC(), target.HoldUntil)
	req.At = freeze.Add(-2 * time.Hour)
	_, err = s.ResolveRelease(req)
	assert.ErrorContains(t, err, "would run into the freeze")
	req.At = freeze.Add(time.Hour)
	_, err = s.ResolveRelease(req)
	assert.ErrorContains(t, err, "would run into the freeze")
}

// A freeze may be added while a release waits for its approval.
func TestAFreezeIsLookedForAgainBeforeARelease(t *testing.T) {
	s := example(t)
	freeze := s.Freezes[0]
	require.NoError(t, s.MayRelease(freeze.Start.Add(-3*time.Hour), freeze.Start), "it ends when the freeze begins")
	for _, from := range []time.Time{freeze.Start.Add(-2 * time.Hour), freeze.Start, freeze.End.Add(-time.Minute)} {
		var refused *OutageRefused
		err := s.MayRelease(from, from.Add(3*time.Hour))
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, "the release is refused")
		require.ErrorContains(t, err, "a release may take 3h and would run into the freeze \""+freeze.Name)
	}
	require.NoError(t, s.MayRelease(freeze.End, freeze.End.Add(3*time.Hour)))
}

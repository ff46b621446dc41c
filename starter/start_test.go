package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/workflows"
)

const example = "../examples/planned-outage.json"

func TestTheExampleIsGood(t *testing.T) {
	code, out, problem := newCLI(t).run(t, "start", "PlannedOutage", "--input", example, "--check", "--json")
	require.Equal(t, 0, code, problem)
	checked := jsonOf[struct {
		OK    bool
		Input struct{ Window struct{ Start, End string } }
	}](t, out)
	assert.True(t, checked.OK)
	assert.Equal(t, "2026-11-24T09:03:00+09:00", checked.Input.Window.Start, "relative times in the system's zone, to the second")
}

func TestBadInputsAreRefusedBeforeAnythingStarts(t *testing.T) {
	for name, c := range map[string]struct {
		set  []string
		code int
		want string
	}{
		"end before start": {[]string{"window.start=+3h", "window.end=+2h"}, exitUsage, "window.end (2026-11-24T11:00:00+09:00) is not after window.start"},
		"no zone":          {[]string{"window.start=2027-01-05T22:00:00"}, exitUsage, "has no zone"},
		"unknown field":    {[]string{"foo=1"}, exitUsage, `field "foo" is unknown`},
		"wrong type":       {[]string{"title=123"}, exitUsage, `field "title" must not be a number`},
		"odd time":         {[]string{"window.start=+9x"}, exitUsage, "field start"},
		"no object":        {[]string{"window=3", "window.start=+3h"}, exitUsage, "window is no object"},
		"no key":           {[]string{"=3"}, exitUsage, "write key=value"},
		"unknown service":  {[]string{`services=["nope"]`}, exitRefused, `service "nope" is unknown`},
		"unknown person":   {[]string{"requester=nobody"}, exitRefused, `requester "nobody" is unknown`},
		"too little notice": {[]string{"notice.class=standard"}, exitRefused,
			"needs 5 full business days"},
		"in a freeze": {[]string{"window.start=2027-03-30T22:00:00+09:00", "window.end=2027-03-30T23:00:00+09:00", "notice.class=standard"}, exitRefused,
			"lies in the freeze"},
		"in the past": {[]string{"window.start=2026-11-24T08:00:00+09:00", "window.end=2026-11-24T10:00:00+09:00"}, exitRefused, "choose a later start"},
	} {
		t.Run(name, func(t *testing.T) {
			args := []string{"start", "PlannedOutage", "--input", example}
			for _, s := range c.set {
				args = append(args, "--set", s)
			}
			code, out, problem := newCLI(t).run(t, args...)
			assert.Equal(t, c.code, code)
			assert.Contains(t, problem, c.want)
			assert.Empty(t, out)
		})
	}
}

func TestInputFilesAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ file, content, want string }{
		"doubled field in JSON": {"in.json", `{"title":"a","window":{"start":"x","start":"y"}}`, `field "window.start" is given twice`},
		"doubled field in YAML": {"in.yaml", "title: a\ntitle: b\n", "already defined"},
		"broken JSON":           {"in.json", "{\n  \"title\": \"a\",\n}", "line 2, column 15"},
		"two documents":         {"in.json", "{} {}", "line 1, column 4"},
		"a list":                {"in.json", `["title"]`, "must hold one object"},
		"empty YAML":            {"in.yml", "", "must hold one object"},
		"too large":             {"in.json", `{"title":"` + strings.Repeat("a", inputLimit) + `"}`, "is larger than 256 KiB"},
	} {
		t.Run(name, func(t *testing.T) {
			code, _, problem := newCLI(t).run(t, "start", "PlannedOutage", "-i", writeFile(t, c.file, c.content))
			assert.Equal(t, exitUsage, code)
			assert.Contains(t, problem, c.want)
		})
	}
	code, _, problem := newCLI(t).run(t, "start", "PlannedOutage", "-i", "/does/not/exist.json")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "no such file")
}

func TestYAMLFromStandardInputWithSetAndPerson(t *testing.T) {
	c := newCLI(t)
	c.stdin = "title: 保守\nreason: 更新\nservices: [api]\nwindow: {start: +10m, end: +1h}\nnotice: {class: urgent}\n"
	code, out, problem := c.run(t, "start", "PlannedOutage", "-i", "-", "--set", "notice.justification=急ぎ", "--as", "tanaka", "--check", "--json")
	require.Equal(t, 0, code, problem)
	input := jsonOf[struct{ Input map[string]any }](t, out).Input
	assert.Equal(t, "tanaka", input["requester"])
	assert.Equal(t, "tanaka", input["operator"])
	assert.Equal(t, map[string]any{"class": "urgent", "justification": "急ぎ"}, input["notice"])
	assert.Equal(t, map[string]any{"start": "2026-11-24T09:10:00+09:00", "end": "2026-11-24T10:00:00+09:00"}, input["window"])
}

func TestAPersonDoesNotReplaceWhatTheInputSays(t *testing.T) {
	code, out, problem := newCLI(t).run(t, "start", "PlannedOutage", "-i", example, "--as", "kato", "--check", "--json")
	require.Equal(t, 0, code, problem)
	assert.Equal(t, "ito", jsonOf[struct{ Input map[string]any }](t, out).Input["requester"])
}

func TestStartNeedsARunbookAndAnInput(t *testing.T) {
	for want, args := range map[string][]string{
		`there is no runbook "Nope"`: {"start", "Nope"},
		"needs a runbook":            {"start"},
		"needs an input":             {"start", "PlannedOutage"},
	} {
		code, _, problem := newCLI(t).run(t, args...)
		assert.Equal(t, exitUsage, code)
		assert.Contains(t, problem, want)
	}
}

func TestWithoutTemporalTheErrorSaysWhatToDo(t *testing.T) {
	code, _, problem := newCLI(t).run(t, "start", "PlannedOutage", "-i", example)
	assert.Equal(t, exitFailed, code)
	assert.Contains(t, problem, "Temporal at 127.0.0.1:1 does not answer (start `go run ./worker dev`")
}

func TestOverlapFindsAnotherRunOnly(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 24, hour, 0, 0, 0, japan()) }
	held := []records.Reservation{
		{Resource: "cloudfront:distribution/E1", WorkflowID: "a", From: at(10), Until: at(12)},
		{Resource: "cloudfront:distribution/E2", WorkflowID: "b", From: at(0), Until: at(23)},
	}
	for _, c := range []struct {
		from, until int
		id          string
		want        bool
	}{
		{11, 13, "", true}, {9, 11, "", true}, {9, 13, "", true},
		{12, 13, "", false}, {8, 10, "", false}, {11, 13, "a", false},
	} {
		_, found := conflict(held, "cloudfront:distribution/E1", at(c.from), at(c.until), c.id)
		assert.Equal(t, c.want, found, "%+v", c)
	}
}

func TestRunIDsNameRunbookAndTime(t *testing.T) {
	now := time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)
	tree := map[string]any{"window": map[string]any{"start": "2027-01-05T22:00:00+09:00", "end": "2027-01-06T01:00:00+09:00"}}
	assert.Regexp(t, `^planned-outage-20270105-2200-[2-9a-z]{4}$`, newID("PlannedOutage", tree, now, japan()))
	assert.Regexp(t, `^backup-20261124-1800-[2-9a-z]{4}$`, newID("Backup", map[string]any{}, now, japan()))
	assert.NotEqual(t, randomSuffix()+randomSuffix(), randomSuffix()+randomSuffix())
}

func TestDescriptionForTheUIFitsTheServersLimits(t *testing.T) {
	book, _ := workflows.Lookup("PlannedOutage")
	tree := map[string]any{
		"title": strings.Repeat("計", 300), "reason": strings.Repeat("画", 9000),
		"window": map[string]any{"start": "2027-01-05T22:00:00+09:00", "end": "2027-01-06T01:00:00+09:00"},
	}
	summary, details := describeStart(book, tree, japan())
	assert.LessOrEqual(t, len(summary), 400)
	assert.LessOrEqual(t, len(details), 20000)
	assert.True(t, utf8.ValidString(summary) && utf8.ValidString(details))

	tree["title"], tree["reason"] = "保守", "更新"
	summary, details = describeStart(book, tree, japan())
	assert.Equal(t, "保守 · "+book.Title+" · 2027-01-05 22:00–01:00 JST", summary)
	assert.Contains(t, details, "- Reason: 更新\n")
}

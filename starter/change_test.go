package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/devserver"
	"tejun/internal/records"
	"tejun/internal/system"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func hours(n int) *time.Time { t := noon.Add(time.Duration(n) * time.Hour); return &t }

func changesOfADay() []records.Change {
	return []records.Change{
		{WorkflowID: "setting-change-a", RunID: "r", Kind: "setting", Class: "normal", Title: "A", State: records.ChangePlanned, Targets: []string{"ssm:parameter/x"}, WindowFrom: hours(1), WindowUntil: hours(3)},
		{WorkflowID: "release-b", RunID: "r", Kind: "release", Class: "normal", Title: "B", State: records.ChangeApproved, Targets: []string{"ssm:parameter/x"}, WindowFrom: hours(2), WindowUntil: hours(4)},
		{WorkflowID: "setting-change-c", RunID: "r", Kind: "setting", Class: "emergency", Title: "C", State: records.ChangeApplied, Targets: []string{"ssm:parameter/y"}, ReviewBy: hours(-20)},
	}
}

func TestTheCalendarNamesWhatCollides(t *testing.T) {
	held := []records.Reservation{
		{Resource: "cloudfront:distribution/E1", WorkflowID: "planned-outage-d", Runbook: "PlannedOutage", From: *hours(3), Until: *hours(5)},
		{Resource: "wafv2:webacl/1", WorkflowID: "planned-outage-d", Runbook: "PlannedOutage", From: *hours(3), Until: *hours(5)},
		{Resource: "ssm:parameter/y", WorkflowID: "setting-change-c", Runbook: "SettingChange", From: *hours(-30), Until: *hours(30)},
		{Resource: "database:db/t", WorkflowID: "data-load-e", Runbook: "DataLoad", From: *hours(4), Until: *hours(40 * 24)},
	}
	freezes := []system.Freeze{{Name: "一斉調査", Start: *hours(10), End: *hours(40), Reason: "集中"}}
	entries := calendarOf(changesOfADay(), held, freezes, noon, noon.AddDate(0, 0, 2))
	var runs []string
	for _, e := range entries {
		runs = append(runs, e.Kind+" "+e.label())
	}
	assert.Equal(t, []string{
		"change setting-change-c", "change setting-change-a", "change release-b", "outage planned-outage-d", "work data-load-e", "freeze 一斉調査: 集中",
	}, runs)
	var pairs []string
	for _, c := range collisions(entries) {
		pairs = append(pairs, c.First+" / "+c.Second+": "+c.Why)
	}
	assert.Equal(t, []string{
		"setting-change-c / planned-outage-d: the change lies in a planned outage",
		"setting-change-c / 一斉調査: 集中: nothing may be changed in a freeze",
		"setting-change-a / release-b: both touch ssm:parameter/x",
		"release-b / planned-outage-d: the change lies in a planned outage",
		"data-load-e / 一斉調査: 集中: nothing may be changed in a freeze",
	}, pairs, "setting-change-a ends when the outage begins, which is no collision")
	assert.Empty(t, calendarOf(changesOfADay()[:2], nil, nil, noon.AddDate(0, 0, 1), noon.AddDate(0, 0, 2)))
}

func TestLateApprovalsComeFirst(t *testing.T) {
	a, out, _ := newCLI(t).app()
	a.now = func() time.Time { return noon }
	list := a.changed(changesOfADay())
	require.Len(t, list, 3)
	assert.True(t, list[0].Overdue)
	assert.Equal(t, "setting-change-c", list[0].WorkflowID)
	assert.Equal(t, "setting-change-a", list[1].WorkflowID, "the order stays otherwise")

	history := changesOfADay()[2:]
	history[0].Note, history[0].At = "made at \x1b[2Jonce", noon
	a.printChange(list[0], history)
	page := out.String()
	assert.Contains(t, page, "OVERDUE  emergency change, setting")
	assert.Contains(t, page, "(20h 0m late)")
	assert.Contains(t, page, "evidence verify setting-change-c")
	assert.Contains(t, page, "made at [2Jonce", "no control characters reach the terminal")
}

func TestTheCalendarRefusesOddDays(t *testing.T) {
	code, _, problem := newCLI(t).run(t, "change", "calendar", "--days", "0")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "--days 0")
}

// The commands on a real database.
func TestChangesAreListedShownAndPlannedFromTheRecords(t *testing.T) {
	ctx := t.Context()
	server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	store, err := records.Open(ctx, server.DSN())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(ctx))
	c := newCLI(t)
	c.env["TEJUN_DATABASE_URL"], c.now = server.DSN(), noon
	for i, change := range changesOfADay() {
		change.Key, change.At, change.Requester = "1", noon.Add(time.Duration(i)*time.Minute), "kato"
		_, _, err := store.RecordChange(ctx, change)
		require.NoError(t, err)
	}

	code, out, problem := c.run(t, "change", "list", "--json")
	require.Equal(t, 0, code, problem)
	list := jsonOf[[]struct {
		WorkflowID string
		State      string
		Overdue    bool
	}](t, out)
	require.Len(t, list, 3)
	assert.Equal(t, "setting-change-c", list[0].WorkflowID)
	assert.True(t, list[0].Overdue)
	_, out, _ = c.run(t, "change", "list")
	assert.Regexp(t, `(?m)^OVERDUE +setting-change-c +setting +emergency `, out)

	code, out, problem = c.run(t, "change", "show", "setting-change-a", "--json")
	require.Equal(t, 0, code, problem)
	assert.Len(t, jsonOf[struct{ History []records.Change }](t, out).History, 1)
	code, _, problem = c.run(t, "change", "show", "nobody")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "there is no change of a run")

	code, out, problem = c.run(t, "change", "calendar", "--json")
	require.Equal(t, 0, code, problem)
	calendar := jsonOf[struct{ Entries, Collisions []map[string]any }](t, out)
	assert.Len(t, calendar.Entries, 2)
	require.Len(t, calendar.Collisions, 1)
	assert.Equal(t, "both touch ssm:parameter/x", calendar.Collisions[0]["why"])
	_, out, _ = c.run(t, "change", "calendar")
	assert.Contains(t, out, "setting-change-a and release-b")
}

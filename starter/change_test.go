package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

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
		"hold setting-change-c", "change setting-change-a", "change release-b", "outage planned-outage-d", "work data-load-e", "freeze 一斉調査: 集中",
	}, runs)
	var pairs []string
	for _, c := range collisions(entries) {
		pairs = append(pairs, c.First+" / "+c.Second+": "+c.Why)
	}
	assert.Equal(t, []string{
		"setting-change-a / release-b: both touch ssm:parameter/x",
		"release-b / planned-outage-d: the change lies in a planned outage",
		"data-load-e / 一斉調査: 集中: nothing may be changed in a freeze",
	}, pairs, "setting-change-a ends when the outage begins, which is no collision; setting-change-c has been made")
	assert.Empty(t, calendarOf(changesOfADay()[:2], nil, nil, noon.AddDate(0, 0, 1), noon.AddDate(0, 0, 2)))
}

// What was made in an emergency goes on holding its targets, and nothing else.
func TestAMadeEmergencyCollidesWithWhatTouchesItsTargetsOnly(t *testing.T) {
	held := []records.Reservation{{Resource: "ssm:parameter/y", WorkflowID: "setting-change-c", Runbook: "SettingChange", From: *hours(-30), Until: *hours(30)}}
	changes := changesOfADay()
	changes[0].Targets = []string{"ssm:parameter/y"}
	for _, state := range []string{records.ChangeApplied, records.ChangeOverdue} {
		changes[2].State = state
		clashes := collisions(calendarOf(changes, held, []system.Freeze{{Name: "凍結", Start: *hours(-1), End: *hours(1)}}, noon, noon.AddDate(0, 0, 2)))
		require.Len(t, clashes, 1, state)
		assert.Equal(t, []string{"setting-change-c", "setting-change-a"}, []string{clashes[0].First, clashes[0].Second})
		assert.Equal(t, "both touch ssm:parameter/y", clashes[0].Why)
	}
	changes[2].State = records.ChangeRunning
	assert.Len(t, collisions(calendarOf(changes, held, []system.Freeze{{Name: "凍結", Start: *hours(-1), End: *hours(1)}}, noon, noon.AddDate(0, 0, 2))), 2, "it is being made")
}

// A change may be held beyond its window: it goes on, and whoever looks has to see it.
func TestAChangeThatRunsBeyondItsWindowStaysInTheCalendar(t *testing.T) {
	change := changesOfADay()[0]
	change.WindowFrom, change.WindowUntil = hours(-3), hours(-1)
	held := []records.Reservation{{Resource: "ssm:parameter/x", WorkflowID: change.WorkflowID, Runbook: "SettingChange", From: *hours(-3), Until: *hours(3)}}
	entries := func(state string, held ...records.Reservation) []planned {
		change.State = state
		return calendarOf([]records.Change{change}, held, nil, noon, noon.AddDate(0, 0, 1))
	}
	running := entries(records.ChangeRunning, held...)
	require.Len(t, running, 1)
	assert.Equal(t, *hours(3), running[0].Until, "as long as it holds its targets")
	require.Len(t, entries(records.ChangeRunning), 1, "also when its hold has run out")
	change.WindowFrom, change.WindowUntil = nil, nil
	at := entries(records.ChangeRunning)
	require.Len(t, at, 1)
	assert.Equal(t, noon, at[0].From)
	change.WindowFrom, change.WindowUntil = hours(-3), hours(-1)
	assert.Empty(t, entries(records.ChangeApproved, held...), "it cannot begin any more")
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

// Two incidents of the same thing are handled by runs of the same ID.
func TestChangesAreListedByTheIncidentThatTheyMend(t *testing.T) {
	c, store := newRecords(t)
	ctx, run := t.Context(), "incident-7f3a09c1d2e4b586"
	record := func(number, run, state string, opened time.Time) {
		_, err := store.RecordIncident(ctx, records.Incident{
			ID: number, Key: "1", WorkflowID: run, RunID: number, Event: "opened", At: opened.Add(time.Hour), OpenedAt: opened, DetectedAt: opened, Fingerprint: run,
			State: state, Title: number, Severity: "major",
		})
		require.NoError(t, err)
	}
	record("INC-january", run, records.IncidentClosed, noon.AddDate(0, -2, 0))
	record("INC-march", run, records.IncidentWorking, noon.Add(-time.Hour))
	record("INC-other", "incident-other", records.IncidentWorking, noon)
	for number, mended := range map[string]string{"INC-january": run, "INC-march": run, "INC-other": "incident-other", "": "OTRS-17"} {
		_, _, err := store.RecordChange(ctx, records.Change{
			WorkflowID: "fix-of-" + number, RunID: "r", Key: "1", At: noon, Kind: "setting", Class: "normal", Title: "直す", State: records.ChangeDone, Requester: "kato",
			Targets: []string{"ssm:parameter/x"}, Incident: mended, IncidentNumber: number,
		})
		require.NoError(t, err)
	}
	for name, fix := range map[string]string{
		"INC-january": "fix-of-INC-january", "INC-march": "fix-of-INC-march", "INC-other": "fix-of-INC-other", "incident-other": "fix-of-INC-other", "OTRS-17": "fix-of-",
	} {
		code, out, problem := c.run(t, "change", "list", "--incident", name, "--json")
		require.Equal(t, 0, code, problem)
		list := jsonOf[[]records.Change](t, out)
		require.Len(t, list, 1, name)
		require.Equal(t, fix, list[0].WorkflowID, name)
	}
	code, out, problem := c.run(t, "change", "list", "--incident", run)
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Regexp(t, `has handled 2 incidents: give the number of one of them: INC-march \(working, opened .*\), INC-january \(closed, `, problem)
	code, out, problem = c.run(t, "change", "list", "--incident", "INC-typo")
	require.Equal(t, exitUsage, code)
	require.Empty(t, out)
	require.Contains(t, problem, "there is no incident \"INC-typo\": `go run ./starter incident list --all` lists them")

	_, out, _ = c.run(t, "change", "show", "fix-of-INC-march")
	require.Contains(t, out, "INC-march "+run)
	_, out, _ = c.run(t, "incident", "show", "INC-january")
	require.Contains(t, out, "INC-january  INC-january")
	require.Contains(t, out, "and so of the same run's ID: INC-march (working")
	_, out, _ = c.run(t, "incident", "show", run, "--json")
	shown := jsonOf[struct {
		ID      string
		SameRun []string
	}](t, out)
	require.Equal(t, "INC-march", shown.ID)
	require.Equal(t, []string{"INC-january"}, shown.SameRun)
}

func TestTheCalendarRefusesOddDays(t *testing.T) {
	code, _, problem := newCLI(t).run(t, "change", "calendar", "--days", "0")
	assert.Equal(t, exitUsage, code)
	assert.Contains(t, problem, "--days 0")
}

// The commands on a real database.
func TestChangesAreListedShownAndPlannedFromTheRecords(t *testing.T) {
	ctx := t.Context()
	c, store := newRecords(t)
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

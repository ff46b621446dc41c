package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sla"
	"tejun/workflows"
)

func TestAnIncidentIsCheckedBeforeAnythingIsAsked(t *testing.T) {
	for says, args := range map[string][]string{
		"an incident needs an input":                     {"incident", "open"},
		"needs the alarm's name":                         {"incident", "report-alarm"},
		`state is "LOUD": want one of ALARM`:             {"incident", "report-alarm", "5xx", "--alarm-state", "LOUD", "--system", "../examples/system.yaml"},
		`impact is "huge": want one of high`:             {"incident", "report-alarm", "5xx", "--impact", "huge", "--system", "../examples/system.yaml"},
		`field "colour" is unknown`:                      {"incident", "open", "--input", "../examples/incident.json", "--set", "colour=red", "--system", "../examples/system.yaml"},
		"--limit 0: must be at least 1":                  {"incident", "list", "--limit", "0"},
		`--severity "grave" is unknown; system.yaml has`: {"incident", "list", "--severity", "grave"},
		"needs an incident's number or run":              {"incident", "show"},
		"needs a problem's number":                       {"problem", "show"},
		`--value "x": write it as NAME=VALUE`:            {"acknowledge", "r", "--as", "tanaka", "--reason", "x", "--value", "x"},
		"why severity? give --reason":                    {"severity", "r", "--as", "sato", "--value", "severity=critical"},
	} {
		code, out, problem := newCLI(t).run(t, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, problem)
		require.Empty(t, out)
		require.Contains(t, problem, says)
	}
	code, _, problem := newCLI(t).run(t, "incident", "open", "--input", "../examples/incident.json", "--set", `services=["mail"]`, "--system", "../examples/system.yaml")
	require.Equal(t, exitRefused, code)
	require.Contains(t, problem, `service "mail" is unknown`)
	code, out, problem := newCLI(t).run(t, "incident", "open", "--input", "../examples/incident.json", "--check", "--system", "../examples/system.yaml")
	require.Equal(t, 0, code, problem)
	require.Regexp(t, `Nothing was opened; it would be incident-[0-9a-f]{16}`, out)
}

// Two alarms that monitoring reports have nothing to do with one another, whatever reason it gives.
func TestAlarmsThatAreReportedDoNotLookAlike(t *testing.T) {
	c, store := newRecords(t)
	a, _, _ := c.app()
	sys, err := a.loadSystem()
	require.NoError(t, err)
	reported := func(number, alarm string) records.Incident {
		event := workflows.IncidentAlarm{ID: number, Alarm: alarm, State: "ALARM", Reason: "5 of 5 datapoints"}
		in := incidentOf(sys, event, alarmFlags{impact: "medium", urgency: "high"})
		require.Contains(t, in.Symptom, "5 of 5 datapoints", "people read it")
		return records.Incident{
			ID: number, Key: "1", WorkflowID: number, RunID: "r", Event: "opened", At: noon, OpenedAt: noon, DetectedAt: noon, Fingerprint: in.Print(), Severity: "major",
			State: records.IncidentOpen, Title: in.Title, Symptom: in.Symptom, Alarms: []records.IncidentAlarm{{Alarm: alarm, State: "ALARM", Reason: event.Reason}},
		}
	}
	_, err = store.RecordIncident(t.Context(), reported("INC-1", "gzs-api-5xx"))
	require.NoError(t, err)
	found, err := store.SimilarIncidents(t.Context(), reported("INC-2", "gzs-web-unhealthy-hosts"))
	require.NoError(t, err)
	require.Empty(t, found)
	found, err = store.SimilarIncidents(t.Context(), reported("INC-3", "gzs-api-5xx"))
	require.NoError(t, err)
	require.Len(t, found, 1)
}

func TestAnAlarmOfAnInputIsOneEvent(t *testing.T) {
	given := workflows.IncidentInput{Title: "検索不可", Alarm: &workflows.IncidentAlarm{Alarm: "gzs-api-5xx", State: "ALARM"}}
	raw, err := oneEvent([]byte(`{}`), &given)
	require.NoError(t, err)
	started := jsonOf[workflows.IncidentInput](t, string(raw))
	require.NotEmpty(t, started.Alarm.ID)
	require.Equal(t, given, started, "the input and the signal have the same event")
	again, err := oneEvent(raw, &started)
	require.NoError(t, err)
	require.Equal(t, raw, again, "one that has an ID keeps it")
	none, err := oneEvent([]byte(`{}`), &workflows.IncidentInput{})
	require.NoError(t, err)
	require.Equal(t, []byte(`{}`), none)
}

func TestTheNextDueClockIsShown(t *testing.T) {
	now := time.Date(2027, 1, 18, 10, 0, 0, 0, japan())
	clockAt := func(name string, minutes int, done bool) records.IncidentClock {
		return records.IncidentClock{Clock: sla.Clock{Name: name}, Reading: sla.Reading{Due: now.Add(time.Duration(minutes) * time.Minute), Done: done}}
	}
	in := records.Incident{Clocks: []records.IncidentClock{clockAt("acknowledge", -5, true), clockAt("recovery", 60, false), clockAt("first-report", 30, false)}}
	require.Equal(t, "10:30:00", nextDue(in, now, japan()))
	in.Clocks[2] = clockAt("first-report", -1, false)
	require.Equal(t, "09:59:00 late", nextDue(in, now, japan()))
	require.Empty(t, nextDue(records.Incident{}, now, japan()))
	require.Equal(t, "2027-01-29", firstDue(records.Problem{Actions: []records.ProblemAction{{Due: "2027-03-01"}, {Due: "2027-01-29"}}}))
}

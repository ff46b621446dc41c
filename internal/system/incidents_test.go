package system

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestIncidentsAreReadStrictly(t *testing.T) {
	s := example(t)
	require.Len(t, s.Incidents.Matrix, 9)
	require.Equal(t, []string{"web", "api", "batch"}, s.Incidents.Evidence.Services, "all, where none is named")
	for name, tc := range map[string]struct{ from, to, path, says string }{
		"a pair is missing":     {"    - {impact: low, urgency: low, severity: minor}\n", "", "incidents.matrix", "has no severity for impact low and urgency low"},
		"a pair is twice":       {"{impact: low, urgency: low, severity: minor}", "{impact: low, urgency: medium, severity: minor}", "incidents.matrix[8]", "are given twice"},
		"unknown severity":      {"{impact: low, urgency: low, severity: minor}", "{impact: low, urgency: low, severity: tiny}", "incidents.matrix[8].severity", "tiny"},
		"unknown level":         {"{impact: low, urgency: low, severity: minor}", "{impact: none, urgency: low, severity: minor}", "incidents.matrix[8].impact", "none"},
		"first report too late": {"firstReport: 1h, recover: 12h", "firstReport: 2h, recover: 12h", "incidents.severities[1].firstReport", "want 1s to 1h"},
		"unknown clock":         {"clock: business", "clock: sometimes", "incidents.severities[2].clock", "sometimes"},
		"nobody to tell":        {"{person: takahashi, wait: 10m}", "{wait: 10m}", "incidents.escalation[1]", "a list or a person"},
		"two to tell":           {"{person: takahashi, wait: 10m}", "{person: takahashi, list: managers, wait: 10m}", "incidents.escalation[1]", "not both"},
		"unknown person":        {"{person: takahashi, wait: 10m}", "{person: nobody, wait: 10m}", "incidents.escalation[1].person", "nobody"},
		"no wait":               {"{person: takahashi, wait: 10m}", "{person: takahashi}", "incidents.escalation[1].wait", "is missing"},
		"an officer operates":   {"operator: tanaka             ", "operator: sato             ", "incidents.operator", "sato"},
		"unknown key":           {"    around: 30m ", "    arround: 30m ", "incidents.evidence.arround", "unknown key"},
		"no pattern":            {"    pattern: ERROR ", "    # ", "incidents.evidence.pattern", "missing"},
		"odd log group":         {"/ecs/gzs-batch]", `"/ecs/*"]`, "incidents.evidence.logGroups[2]", "want the name"},
	} {
		t.Run(name, func(t *testing.T) {
			problems := problemsOf(t, edited(t, tc.from, tc.to))
			found := slices.ContainsFunc(problems, func(p Problem) bool { return p.Path == tc.path && strings.Contains(p.Reason, tc.says) })
			require.True(t, found, "%v", problems)
		})
	}
}

func TestWhatIncidentsMayLeaveOutHasDefaults(t *testing.T) {
	text := strings.Replace(edited(t, "  stablePeriod: 2m ", "  # "), "firstReport: 30m, ", "", 1)
	s, err := Parse("system.yaml", []byte(text))
	require.NoError(t, err)
	require.Equal(t, 30*time.Minute, s.Incidents.StablePeriod.D())
	require.Equal(t, time.Hour, s.Incidents.Severities[0].FirstReport.D())
}

func TestAReportBecomesAnIncident(t *testing.T) {
	s := example(t)
	now := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	on, err := s.ResolveIncident(IncidentRequest{Requester: "takahashi@example.jp", Operator: "kato", Services: []string{"api"}, Detected: "2027-01-18T09:50:00+09:00", From: now})
	require.NoError(t, err)
	require.Equal(t, "takahashi", on.Requester)
	require.Equal(t, now.Add(-10*time.Minute), on.DetectedAt)
	require.Equal(t, []ServiceTarget{{Name: "api", Service: "gzs-api"}}, on.Services)
	require.Equal(t, EscalateTo{"person:takahashi", 10 * time.Minute}, on.Escalation[1])
	severity, err := on.SeverityOf("high", "low")
	require.NoError(t, err)
	require.Equal(t, "major", severity)
	limits, err := on.Severity(severity)
	require.NoError(t, err)
	require.Equal(t, 30*time.Minute, limits.Acknowledge)
	_, err = on.SeverityOf("high", "soon")
	require.ErrorContains(t, err, `urgency "soon": each must be high, medium, low`)
	_, err = on.Severity("tiny")
	require.ErrorContains(t, err, "these are known: critical, major, minor")

	for says, change := range map[string]func(*IncidentRequest){
		`service "mail" is unknown`:   func(r *IncidentRequest) { r.Services = []string{"mail"} },
		"is in the future":            func(r *IncidentRequest) { r.Detected = "2027-01-18T11:00:00+09:00" },
		"is more than 30 days ago":    func(r *IncidentRequest) { r.Detected = "2026-01-18T11:00:00+09:00" },
		`detectedAt "9:50" is no ti`:  func(r *IncidentRequest) { r.Detected = "9:50" },
		"does not have the role oper": func(r *IncidentRequest) { r.Operator = "sato" },
	} {
		request := IncidentRequest{Requester: "ito", Operator: "tanaka", From: now}
		change(&request)
		_, err := s.ResolveIncident(request)
		require.ErrorContains(t, err, says)
	}
	s.Incidents = Incidents{}
	_, err = s.ResolveIncident(IncidentRequest{Requester: "ito", Operator: "tanaka", From: now})
	require.ErrorContains(t, err, "add incidents")
}

func TestMailGoesToListsAndToPeople(t *testing.T) {
	s := example(t)
	to, ok := s.Recipients("managers")
	require.True(t, ok)
	require.Equal(t, []string{"gzs-managers@example.jp"}, to)
	to, ok = s.Recipients("person:takahashi")
	require.True(t, ok)
	require.Equal(t, []string{"takahashi@example.jp"}, to)
	for _, nobody := range []string{"", "person:", "person:nobody", "takahashi"} {
		_, ok = s.Recipients(nobody)
		require.False(t, ok, nobody)
	}
}

package records

import (
	"fmt"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var opened = time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)

// incident is one in its first state; the test's own name tells it apart from those of other tests.
func incident(t *testing.T, number, title string) Incident {
	t.Helper()
	return Incident{
		ID: "INC-" + t.Name() + "-" + number, Key: "1", WorkflowID: "incident-" + t.Name() + "-" + number, RunID: "r", Event: "opened", At: opened,
		Fingerprint: t.Name() + "/" + number, State: IncidentOpen, Title: title, Severity: "major", OpenedAt: opened, DetectedAt: opened,
	}
}

func recorded(t *testing.T, s *Store, in Incident) Incident {
	t.Helper()
	out, err := s.RecordIncident(t.Context(), in)
	require.NoError(t, err)
	return out
}

func TestAnIncidentKeepsEveryStateThatItWasIn(t *testing.T) {
	s := openStore(t)
	first := incident(t, "1", "APIの応答遅延")
	require.Equal(t, 1, recorded(t, s, first).Seq)
	second := first
	acknowledged := opened.Add(5 * time.Minute)
	second.Key, second.Event, second.State, second.AcknowledgedAt, second.AcknowledgedBy = "2", "acknowledged", IncidentWorking, &acknowledged, "tanaka"
	second.Facts = []Fact{{Source: "ecs:a/b", What: "1 of 2 tasks run", At: opened, Bad: true}}
	require.Equal(t, 2, recorded(t, s, second).Seq)
	again := second
	again.State = IncidentWatching
	require.Equal(t, IncidentWorking, recorded(t, s, again).State, "a key that is there adds nothing, and the row that stands there comes back")

	for _, name := range []string{first.ID, first.WorkflowID} {
		history, err := s.IncidentHistory(t.Context(), name)
		require.NoError(t, err)
		require.Len(t, history, 2)
		require.Equal(t, []string{IncidentOpen, IncidentWorking}, []string{history[0].State, history[1].State})
		require.Equal(t, second.Facts, history[1].Facts)
		require.Equal(t, &acknowledged, history[1].AcknowledgedAt)
	}
	other := incident(t, "1", "x")
	other.WorkflowID, other.Key = "somebody-else", "3"
	_, err := s.RecordIncident(t.Context(), other)
	require.ErrorContains(t, err, "belongs to the run")
	_, err = s.IncidentHistory(t.Context(), "INC-none")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestIncidentsThatAreNotOverComeFirst(t *testing.T) {
	s := openDSN(t, newDatabase(t))
	require.NoError(t, s.Migrate(t.Context()))
	old, closed, critical := incident(t, "old", "a"), incident(t, "closed", "b"), incident(t, "critical", "c")
	closed.State, closed.OpenedAt = IncidentClosed, opened.Add(2*time.Hour)
	critical.Severity, critical.OpenedAt = "critical", opened.Add(time.Hour)
	for _, in := range []Incident{old, closed, critical} {
		recorded(t, s, in)
	}
	list := func(f IncidentFilter) (numbers []string) {
		found, err := s.Incidents(t.Context(), f)
		require.NoError(t, err)
		for _, in := range found {
			numbers = append(numbers, in.ID)
		}
		return numbers
	}
	require.Equal(t, []string{critical.ID, old.ID}, list(IncidentFilter{}))
	require.Equal(t, []string{critical.ID, old.ID, closed.ID}, list(IncidentFilter{Ended: true}))
	require.Equal(t, []string{critical.ID}, list(IncidentFilter{Ended: true, Severity: "critical"}))
	require.Equal(t, []string{critical.ID}, list(IncidentFilter{Limit: 1}))
}

func TestWhatCannotBeAnIncidentIsRefused(t *testing.T) {
	s := openStore(t)
	for name, change := range map[string]func(*Incident){
		"title is missing":             func(in *Incident) { in.Title = "" },
		"fingerprint is missing":       func(in *Incident) { in.Fingerprint = "" },
		`state is "asleep"`:            func(in *Incident) { in.State = "asleep" },
		"at and openedAt are needed":   func(in *Incident) { in.At = time.Time{} },
		"symptom contains a NUL chara": func(in *Incident) { in.Symptom = "a\x00" },
	} {
		in := incident(t, "1", "a")
		change(&in)
		_, err := s.RecordIncident(t.Context(), in)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, name)
	}
}

// The cluster of the tests has the character type C, in which pg_trgm would find nothing in Japanese.
func TestANewIncidentLooksLikeAnOldOneInJapanese(t *testing.T) {
	s := openDSN(t, newDatabase(t))
	require.NoError(t, s.Migrate(t.Context()))
	connection := incident(t, "1", "データベースに接続できない")
	connection.Symptom = "APIがデータベース接続エラーを返す"
	batch := incident(t, "2", "夜間バッチが終わらない")
	alarm := incident(t, "3", "５ＸＸ増加")
	alarm.Alarms = []IncidentAlarm{{Alarm: "gzs-api-5xx"}}
	gone := incident(t, "4", "データベースに接続できない")
	gone.State = IncidentWithdrawn
	for _, in := range []Incident{connection, batch, alarm, gone} {
		recorded(t, s, in)
	}
	_, err := s.RecordProblem(t.Context(), Problem{
		ID: "PRB-1", Key: "1", Incident: connection.ID, WorkflowID: connection.WorkflowID, At: opened, Title: connection.Title, State: ProblemKnown,
		RootCause: "接続プールの枯渇", Workaround: "APIの再起動",
	})
	require.NoError(t, err)

	like := func(change func(*Incident)) (numbers []string, all []Similar) {
		in := incident(t, "new", "x")
		change(&in)
		all, err := s.SimilarIncidents(t.Context(), in)
		require.NoError(t, err)
		for _, one := range all {
			numbers = append(numbers, one.Incident)
		}
		return numbers, all
	}
	numbers, all := like(func(in *Incident) {
		in.Title, in.Symptom = "データベース接続エラー", "APIからデータベースに接続できなくなった"
	})
	require.Equal(t, []string{connection.ID}, numbers)
	require.Equal(t, []string{"PRB-1", "接続プールの枯渇", "APIの再起動"}, []string{all[0].Problem, all[0].RootCause, all[0].Workaround})
	require.Greater(t, all[0].Likeness, 0.3)

	numbers, _ = like(func(in *Incident) { in.Title, in.Alarms = "5xx増加", []IncidentAlarm{{Alarm: "GZS-API-5XX"}} })
	require.Equal(t, []string{alarm.ID}, numbers, "width and case do not count")
	numbers, all = like(func(in *Incident) { in.Title, in.Fingerprint = "バッチ", batch.Fingerprint })
	require.Equal(t, []string{batch.ID}, numbers)
	require.InDelta(t, 1, all[0].Likeness, 0, "the same fingerprint is the same thing")
	numbers, _ = like(func(in *Incident) { in.Title = "証明書の期限切れ" })
	require.Empty(t, numbers)
}

// An alarm that opens an incident writes its texts by itself: they are alike for alarms that have nothing to do with one another.
func TestIncidentsOfDifferentAlarmsAreNotAlike(t *testing.T) {
	s := openDSN(t, newDatabase(t))
	require.NoError(t, s.Migrate(t.Context()))
	opens := func(number, alarm, reason string) Incident {
		in := incident(t, number, AlarmTitle(alarm))
		in.Symptom, in.Alarms = AlarmSymptom(alarm, "ALARM", reason), []IncidentAlarm{{Alarm: alarm, State: "ALARM", Reason: reason}}
		return in
	}
	const reason = "Threshold Crossed: 5 out of the last 5 datapoints were greater than the threshold (10.0)"
	api, hosts := opens("1", "gzs-api-5xx", reason), opens("2", "gzs-web-unhealthy-hosts", reason)
	recorded(t, s, api)
	recorded(t, s, opens("3", "gzs-api-5xx", ""))
	for _, why := range []string{reason, ""} {
		found, err := s.SimilarIncidents(t.Context(), opens("new", "gzs-web-unhealthy-hosts", why))
		require.NoError(t, err)
		require.Empty(t, found)
	}
	recorded(t, s, hosts)
	found, err := s.SimilarIncidents(t.Context(), opens("new", "gzs-web-unhealthy-hosts", "other"))
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, hosts.ID, found[0].Incident, "the same alarm, under another fingerprint")
	written := opens("new", "gzs-db-cpu", "")
	written.Title = "データベースに接続できない"
	require.Contains(t, looks(written), "接続", "what people write counts")
}

func TestWhatAnIncidentLooksLikeIsCutAtItsEnd(t *testing.T) {
	in := incident(t, "1", "接続プールの枯渇")
	for n := range 2000 {
		in.Symptom += fmt.Sprintf(" %c%c", 'a'+n%26, 'a'+n/26%26)
	}
	for n := range 300 {
		in.Symptom += fmt.Sprintf(" %d", 100+n)
	}
	in.Alarms = []IncidentAlarm{{Alarm: "gzs-db"}, {Alarm: "遅延"}}
	list := looks(in)
	require.Len(t, list, mostPairs)
	for _, pair := range []string{"接続", "枯渇", "db"} {
		require.Contains(t, list, pair)
	}
	require.NotContains(t, list, "遅延")
}

func TestProblemsAreKeptWithTheirHistory(t *testing.T) {
	s := openDSN(t, newDatabase(t))
	require.NoError(t, s.Migrate(t.Context()))
	p := Problem{
		ID: "PRB-1", Key: "1", Incident: "INC-1", WorkflowID: "w", At: opened, Title: "接続エラー", State: ProblemKnown, RootCause: "枯渇",
		Actions: []ProblemAction{{What: "上限の見直し", Owner: "tanaka", Due: "2027-02-26"}}, By: "tanaka",
	}
	first, err := s.RecordProblem(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, 1, first.Seq)
	p.Key, p.State = "2", ProblemClosed
	_, err = s.RecordProblem(t.Context(), p)
	require.NoError(t, err)
	open, err := s.Problems(t.Context(), false)
	require.NoError(t, err)
	require.Empty(t, open)
	all, err := s.Problems(t.Context(), true)
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.Equal(t, p.Actions, all[0].Actions)
	history, err := s.ProblemHistory(t.Context(), "INC-1")
	require.NoError(t, err)
	require.Len(t, history, 2)
	p.RootCause = ""
	_, err = s.RecordProblem(t.Context(), p)
	require.ErrorIs(t, err, ErrInvalid)
	_, err = s.ProblemHistory(t.Context(), "PRB-none")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestTheWorkersRoleCannotChangeIncidents(t *testing.T) {
	execSQL(t, clusterDSN, `CREATE ROLE w_incidents LOGIN PASSWORD 'x' IN ROLE tejun_worker`)
	s := openDSN(t, changeURL(t, clusterDSN, func(u *url.URL) { u.User = url.UserPassword("w_incidents", "x") }))
	in := recorded(t, s, incident(t, "1", "a"))
	_, err := s.RecordProblem(t.Context(), Problem{ID: "PRB-" + t.Name(), Key: "1", Incident: in.ID, WorkflowID: "w", At: opened, Title: "a", State: ProblemKnown, RootCause: "b"})
	require.NoError(t, err)
	_, err = s.SimilarIncidents(t.Context(), in)
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO tejun.incident_states SELECT * FROM tejun.incident_states LIMIT 1`, `UPDATE tejun.incident_states SET title = 'x'`, `DELETE FROM tejun.incident_states`,
		`UPDATE tejun.incident_looks SET pairs = '{}'`, `INSERT INTO tejun.incident_looks VALUES ('x', '{}')`,
		`UPDATE tejun.problem_states SET title = 'x'`, `DELETE FROM tejun.problem_states`, `TRUNCATE tejun.problem_states`,
		`SELECT tejun.grant_worker_incidents('w_incidents')`,
	} {
		_, err := s.pool.Exec(t.Context(), statement)
		assert.ErrorContains(t, err, "permission denied", statement)
	}
	owner := openStore(t)
	for _, table := range []string{"incident_states", "problem_states"} {
		_, err := owner.pool.Exec(t.Context(), `UPDATE tejun.`+table+` SET title = 'x'`)
		assert.ErrorContains(t, err, "is append-only")
	}
}

// People write what they like, and logs hold anything: nothing of it may keep a state out of the record.
func TestAnIncidentKeepsTextThatPostgreSQLDoesNotTake(t *testing.T) {
	s := openStore(t)
	in := incident(t, "1", "x")
	in.Notes = []IncidentNote{{At: opened, By: "kato", Kind: "note", Text: "a\x00b \\u0000 \\\x00 \xff"}}
	in.Facts = []Fact{{Source: "logs", What: "\x00", At: opened}}
	recorded(t, s, in)
	history, err := s.IncidentHistory(t.Context(), in.ID)
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb \\u0000 \\\uFFFD \uFFFD", history[0].Notes[0].Text)
	require.Equal(t, "\uFFFD", history[0].Facts[0].What)

	problem := Problem{ID: "PRB-" + t.Name(), Key: "1", WorkflowID: in.WorkflowID, RunID: "r", Incident: in.ID, At: opened, Title: "x", State: ProblemKnown, RootCause: "枯渇", Workaround: "a\x00b"}
	kept, err := s.RecordProblem(t.Context(), problem)
	require.NoError(t, err)
	require.Equal(t, "a\uFFFDb", kept.Workaround)
}

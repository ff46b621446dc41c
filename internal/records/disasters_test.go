package records

import (
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// drill is one that has just begun; the test's own name tells it apart from those of other tests.
func drill(t *testing.T, number string, started time.Time) Disaster {
	t.Helper()
	return Disaster{
		Operation: t.Name() + "-" + number, WorkflowID: "dr-" + t.Name() + "-" + number, RunID: "r1", System: t.Name(), Mode: ModeDrill, Manner: MannerUngraceful,
		Title: "訓練 " + number, StartedAt: started,
	}
}

// ended is the drill with everything that was measured.
func ended(d Disaster) Disaster {
	at := func(minutes int) *time.Time { t := d.StartedAt.Add(time.Duration(minutes) * time.Minute); return &t }
	n := func(seconds int) *int { return &seconds }
	d.DeclaredAt, d.RestoredAt, d.DataAt, d.EndedAt = at(9), at(72), at(-400), at(118)
	d.RTOTarget, d.RPOTarget, d.RTO, d.RTOHuman, d.RPO = 7200, 90000, n(3780), n(290), n(24540)
	d.Steps = []DisasterStep{{Name: "database", Part: "recovery", Machine: 2078, Budget: 2400, Outcome: "done"}}
	d.Outcome, d.ReportKey, d.ReportHash = DisasterReturned, "s3://b/"+d.Operation+".html", "abc"
	return d
}

func openDisaster(t *testing.T, s *Store, d Disaster) Disaster {
	t.Helper()
	row, err := s.OpenDisaster(t.Context(), d)
	require.NoError(t, err)
	return row
}

func TestWhatADisasterRunIsNeverChanges(t *testing.T) {
	s := openStore(t)
	d := drill(t, "1", opened)
	row := openDisaster(t, s, d)
	require.Equal(t, d.StartedAt, row.StartedAt)
	require.Equal(t, row, openDisaster(t, s, d), "the same again changes nothing")
	d.RunID, d.Title, d.StartedAt = "r2", "another title", opened.Add(time.Hour)
	again := openDisaster(t, s, d)
	require.Equal(t, "r2", again.RunID, "after a Reset")
	require.Equal(t, "訓練 1", again.Title)
	require.Equal(t, opened, again.StartedAt)

	for _, change := range []func(*Disaster){
		func(d *Disaster) { d.Mode = ModeReal }, func(d *Disaster) { d.Manner = MannerGraceful }, func(d *Disaster) { d.System = "other" }, func(d *Disaster) { d.WorkflowID = "other" },
	} {
		other := d
		change(&other)
		_, err := s.OpenDisaster(t.Context(), other)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, "what it is never changes")
	}
	mode, err := s.DisasterMode(t.Context(), d.Operation)
	require.NoError(t, err)
	require.Equal(t, ModeDrill, mode)
	_, err = s.DisasterMode(t.Context(), "none")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestADisasterRunIsRefusedThatMakesNoSense(t *testing.T) {
	s := openStore(t)
	for says, change := range map[string]func(*Disaster){
		`mode is "test"`: func(d *Disaster) { d.Mode = "test" }, `manner is ""`: func(d *Disaster) { d.Manner = "" }, "startedAt is missing": func(d *Disaster) { d.StartedAt = time.Time{} },
		"operation is missing": func(d *Disaster) { d.Operation = "" }, "title contains a NUL": func(d *Disaster) { d.Title = "a\x00" },
	} {
		d := drill(t, "1", opened)
		change(&d)
		_, err := s.OpenDisaster(t.Context(), d)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, says)
	}
	openDisaster(t, s, drill(t, "1", opened))
	for says, change := range map[string]func(*Disaster){
		`outcome is "fine"`: func(d *Disaster) { d.Outcome = "fine" }, "endedAt is missing": func(d *Disaster) { d.EndedAt = nil }, "rto is -1": func(d *Disaster) { *d.RTO = -1 },
		"rtoHuman is a part of rto": func(d *Disaster) { d.RTO = nil }, "a step's name is missing": func(d *Disaster) { d.Steps[0].Name = "" },
	} {
		d := ended(drill(t, "1", opened))
		change(&d)
		_, err := s.FinishDisaster(t.Context(), d)
		require.ErrorIs(t, err, ErrInvalid)
		require.ErrorContains(t, err, says)
	}
	_, err := s.FinishDisaster(t.Context(), ended(drill(t, "never", opened)))
	require.ErrorIs(t, err, ErrNotFound)
}

func TestWhatWasMeasuredIsKeptAsItWasTold(t *testing.T) {
	s := openStore(t)
	d := drill(t, "1", opened)
	openDisaster(t, s, d)
	for range 2 {
		row, err := s.FinishDisaster(t.Context(), ended(d))
		require.NoError(t, err)
		require.Equal(t, ended(d), row)
	}
	for _, name := range []string{d.Operation, d.WorkflowID} {
		row, err := s.Disaster(t.Context(), name)
		require.NoError(t, err)
		require.Equal(t, ended(d), row)
	}
	other := ended(d)
	other.Mode, other.Outcome = ModeReal, DisasterFailed
	row, err := s.FinishDisaster(t.Context(), other)
	require.NoError(t, err)
	require.Equal(t, ModeDrill, row.Mode, "the end says nothing of what it is")
	require.Equal(t, DisasterFailed, row.Outcome, "and is as it was told last")
	_, err = s.Disaster(t.Context(), "none")
	require.ErrorIs(t, err, ErrNotFound)
}

func TestEarlierRunsOfASystemAreListedTheNewestFirst(t *testing.T) {
	s := openStore(t)
	day := func(n int) time.Time { return opened.AddDate(0, 0, n) }
	for number, n := range map[string]int{"a": 0, "b": 1, "c": 2, "d": 3} {
		openDisaster(t, s, drill(t, number, day(n)))
		if number == "d" {
			continue // goes on
		}
		_, err := s.FinishDisaster(t.Context(), ended(drill(t, number, day(n))))
		require.NoError(t, err)
	}
	declined := ended(drill(t, "e", day(1).Add(time.Hour)))
	openDisaster(t, s, declined)
	declined.DeclaredAt, declined.Outcome = nil, DisasterDeclined
	_, err := s.FinishDisaster(t.Context(), declined)
	require.NoError(t, err)
	elsewhere := drill(t, "f", day(1))
	elsewhere.System = "elsewhere"
	openDisaster(t, s, elsewhere)

	titles := func(list []Disaster, err error) (all []string) {
		require.NoError(t, err)
		for _, d := range list {
			all = append(all, d.Title)
		}
		return all
	}
	require.Equal(t, []string{"訓練 c", "訓練 b", "訓練 a"}, titles(s.EarlierDisasters(t.Context(), t.Name(), day(10), 5)))
	require.Equal(t, []string{"訓練 b"}, titles(s.EarlierDisasters(t.Context(), t.Name(), day(2), 1)), "began before, and no more than asked for")
	require.Empty(t, titles(s.EarlierDisasters(t.Context(), "nowhere", day(10), 5)))
	all := titles(s.Disasters(t.Context(), DisasterFilter{Mode: ModeDrill}))
	require.Contains(t, all, "訓練 f")
	require.Less(t, index(all, "訓練 d"), index(all, "訓練 c"), "what goes on comes first")
	require.NotContains(t, titles(s.Disasters(t.Context(), DisasterFilter{Mode: ModeReal})), "訓練 d")
	require.Len(t, titles(s.Disasters(t.Context(), DisasterFilter{Limit: 2})), 2)
}

func index(all []string, want string) int {
	for i, s := range all {
		if s == want {
			return i
		}
	}
	return -1
}

func TestNobodyTurnsADrillIntoARealDisaster(t *testing.T) {
	execSQL(t, clusterDSN, `CREATE ROLE w_disasters LOGIN PASSWORD 'x' IN ROLE tejun_worker`)
	s := openDSN(t, changeURL(t, clusterDSN, func(u *url.URL) { u.User = url.UserPassword("w_disasters", "x") }))
	d := drill(t, "1", opened)
	openDisaster(t, s, d)
	_, err := s.FinishDisaster(t.Context(), ended(d))
	require.NoError(t, err)
	_, err = s.EarlierDisasters(t.Context(), d.System, opened, 1)
	require.NoError(t, err)
	for _, statement := range []string{
		`UPDATE tejun.disasters SET mode = 'real'`, `DELETE FROM tejun.disasters`, `TRUNCATE tejun.disasters`,
		`INSERT INTO tejun.disasters SELECT * FROM tejun.disasters LIMIT 1`, `SELECT tejun.grant_worker_disasters('w_disasters')`,
	} {
		_, err := s.pool.Exec(t.Context(), statement)
		assert.ErrorContains(t, err, "permission denied", statement)
	}
	owner := openStore(t)
	for statement, says := range map[string]string{
		`UPDATE tejun.disasters SET mode = 'real'`: "what it is never changes", `UPDATE tejun.disasters SET system = 'x'`: "what it is never changes",
		`DELETE FROM tejun.disasters`: "is append-only", `TRUNCATE tejun.disasters`: "is append-only",
	} {
		_, err := owner.pool.Exec(t.Context(), statement)
		assert.ErrorContains(t, err, says, statement)
	}
}

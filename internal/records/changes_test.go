package records

import (
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var changedAt = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)

func aChange(workflowID string) Change {
	from, until := changedAt.Add(time.Hour), changedAt.Add(2*time.Hour)
	return Change{
		WorkflowID: workflowID, RunID: "run", Key: "1", At: changedAt, Kind: "setting", Class: "normal", Title: "ログ保存期間の変更",
		Targets: []string{"logs:/gzs/web"}, WindowFrom: &from, WindowUntil: &until, Requester: "takahashi", Operator: "tanaka", State: ChangePlanned,
	}
}

func TestAChangeHasAHistoryAndAnEnd(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	c := aChange(t.Name())
	c.Incident = "incident-" + t.Name()
	first, differs, err := s.RecordChange(ctx, c)
	require.NoError(t, err)
	assert.False(t, differs)
	assert.Equal(t, 1, first.Seq)

	c.Key, c.State, c.Approvers, c.Note = "2", ChangeDone, []string{"sato"}, "設定どおり"
	second, _, err := s.RecordChange(ctx, c)
	require.NoError(t, err)
	assert.Equal(t, 2, second.Seq)

	history, err := s.ChangeHistory(ctx, t.Name())
	require.NoError(t, err)
	assert.Equal(t, []Change{first, second}, history)
	open, err := s.Changes(ctx, false)
	require.NoError(t, err)
	assert.NotContains(t, open, second)
	all, err := s.Changes(ctx, true)
	require.NoError(t, err)
	assert.Contains(t, all, second)
	assert.NotContains(t, all, first, "one line a change")
	mending, err := s.ChangesOf(ctx, Incident{ID: c.Incident})
	require.NoError(t, err)
	assert.Equal(t, []Change{second}, mending, "an earlier edition took any name")

	_, err = s.ChangeHistory(ctx, "nobody")
	require.ErrorIs(t, err, ErrNotFound)
}

// The run of an incident has its ID from what the incident is about, so a later incident of the same thing has the same.
func TestChangesOfTwoIncidentsOfOneRunAreToldApart(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	over := changedAt.Add(24 * time.Hour)
	january := Incident{ID: "INC-january", WorkflowID: "incident-" + t.Name(), OpenedAt: changedAt.Add(-time.Hour), State: IncidentClosed, At: over}
	march := Incident{ID: "INC-march", WorkflowID: january.WorkflowID, OpenedAt: over.AddDate(0, 2, 0), State: IncidentWorking, At: over.AddDate(0, 2, 1)}
	for name, c := range map[string]struct {
		number string
		at     time.Time
	}{
		"january": {january.ID, changedAt}, "march": {march.ID, march.OpenedAt.Add(time.Hour)},
		"january, before numbers were kept": {"", changedAt}, "march, before numbers were kept": {"", march.At.AddDate(0, 0, 3)},
	} {
		for key, state := range map[string]string{"1": ChangePlanned, "2": ChangeDone} {
			change := aChange(t.Name() + name)
			change.Key, change.State, change.Incident, change.IncidentNumber, change.At = key, state, january.WorkflowID, c.number, c.at
			row, differs, err := s.RecordChange(ctx, change)
			require.NoError(t, err)
			require.False(t, differs)
			require.Equal(t, c.number, row.IncidentNumber)
		}
	}
	of := func(in Incident) (runs []string) {
		list, err := s.ChangesOf(ctx, in)
		require.NoError(t, err)
		for _, c := range list {
			runs = append(runs, strings.TrimPrefix(c.WorkflowID, t.Name()))
		}
		return runs
	}
	assert.ElementsMatch(t, []string{"january", "january, before numbers were kept"}, of(january))
	assert.ElementsMatch(t, []string{"march", "march, before numbers were kept"}, of(march))
	assert.Empty(t, of(Incident{ID: "INC-none"}), "changes without an incident are nobody's")
}

func TestAStateThatIsToldAgainIsOne(t *testing.T) {
	s, ctx := openStore(t), t.Context()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			row, differs, err := s.RecordChange(ctx, aChange(t.Name()))
			assert.NoError(t, err)
			assert.False(t, differs)
			assert.Equal(t, 1, row.Seq)
		})
	}
	wg.Wait()
	other := aChange(t.Name())
	other.Note = "another"
	row, differs, err := s.RecordChange(ctx, other)
	require.NoError(t, err)
	assert.True(t, differs, "the key stands for something else already")
	assert.Empty(t, row.Note, "and what stands there stays")
}

func TestStatesOfAChangeAreNeverRewritten(t *testing.T) {
	s := openStore(t)
	_, _, err := s.RecordChange(t.Context(), aChange(t.Name()))
	require.NoError(t, err)
	for _, statement := range []string{`UPDATE tejun.change_states SET note = 'x'`, `DELETE FROM tejun.change_states`, `TRUNCATE tejun.change_states`} {
		_, err := s.pool.Exec(t.Context(), statement)
		assert.ErrorContains(t, err, "append-only", statement)
	}
}

func TestARecordThatMakesNoSenseIsRefused(t *testing.T) {
	s := openStore(t)
	for name, spoil := range map[string]func(*Change){
		`state is "finished"`:                 func(c *Change) { c.State = "finished" },
		`kind is "patch"`:                     func(c *Change) { c.Kind = "patch" },
		`class is ""`:                         func(c *Change) { c.Class = "" },
		"title is missing":                    func(c *Change) { c.Title = "" },
		"requester is missing":                func(c *Change) { c.Requester = "" },
		"key is missing":                      func(c *Change) { c.Key = "" },
		"NUL":                                 func(c *Change) { c.Note = "a\x00b" },
		"at is missing":                       func(c *Change) { c.At = time.Time{} },
		"a window has a beginning and an end": func(c *Change) { c.WindowUntil = nil },
		"the window's end is not after its beginning": func(c *Change) { c.WindowUntil = c.WindowFrom },
		"a target or approver is missing":             func(c *Change) { c.Targets = []string{""} },
		"workflowId is missing":                       func(c *Change) { c.WorkflowID = "" },
	} {
		c := aChange(t.Name())
		spoil(&c)
		_, _, err := s.RecordChange(t.Context(), c)
		require.ErrorIs(t, err, ErrInvalid, name)
		assert.ErrorContains(t, err, name)
	}
}

func TestOverdueIsWhatWasNotReviewedInTime(t *testing.T) {
	by := changedAt
	late := Change{State: ChangeApplied, ReviewBy: &by}
	assert.True(t, late.Overdue(changedAt.Add(time.Second)))
	assert.False(t, late.Overdue(changedAt))
	late.ReviewedAt = &by
	assert.False(t, late.Overdue(changedAt.Add(time.Hour)), "it was reviewed")
	assert.False(t, Change{State: ChangeUndone, ReviewBy: &by}.Overdue(changedAt.Add(time.Hour)), "it has ended")
	assert.False(t, Change{State: ChangeApplied}.Overdue(changedAt), "it needs no review")
}

// A database administrator makes the role after the migrations: one name grants everything.
func TestGrantWorkerCoversLaterTables(t *testing.T) {
	execSQL(t, clusterDSN, `CREATE ROLE late_worker LOGIN PASSWORD 'x'`, `SELECT tejun.grant_worker('late_worker')`)
	s := openDSN(t, changeURL(t, clusterDSN, func(u *url.URL) { u.User = url.UserPassword("late_worker", "x") }))
	_, _, err := s.RecordChange(t.Context(), aChange(t.Name()))
	require.NoError(t, err)
	_, err = s.AppendEvidence(t.Context(), fact(t.Name(), "k", `{}`))
	require.NoError(t, err)
}

package e2e

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"tejun/internal/aurora"
	"tejun/internal/devserver"
	"tejun/internal/operated"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// dataWorld is a world whose operated system has a database of its own behind the sandbox's RDS, in which three of five
// applications are in a wrong state.
type dataWorld struct {
	*world
	pool *pgxpool.Pool
}

func newDataWorld(t *testing.T) *dataWorld {
	t.Helper()
	w := unsettled(t, func(s *system.System) { s.Database.Cluster = "db-" + s.ECS.Cluster })
	dir := t.TempDir()
	source, err := devserver.StartDatabase(t.Context(), devserver.PostgresOptions{Dir: filepath.Join(dir, "database"), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, source.Stop()) })
	servers, err := aurora.Serve(w.box, w.system(), source, aurora.Options{Dir: filepath.Join(dir, "aurora"), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, servers.Close()) })
	w.data, err = operated.Open(source.DSN())
	require.NoError(t, err)
	t.Cleanup(w.data.Close)
	d := &dataWorld{world: settle(w)}
	d.pool, err = w.data.Pool(t.Context())
	require.NoError(t, err)
	d.exec(`CREATE TABLE public.applications (id bigint PRIMARY KEY, status text NOT NULL, received_on date NOT NULL);
		INSERT INTO public.applications SELECT n, CASE WHEN n <= 3 THEN 'returned' ELSE 'done' END, date '2026-11-01' + n::int FROM generate_series(1, 5) n`)
	return d
}

func (d *dataWorld) exec(sql string) {
	d.t.Helper()
	_, err := d.pool.Exec(d.t.Context(), sql)
	require.NoError(d.t, err)
}

func (d *dataWorld) table() (all string) {
	d.t.Helper()
	require.NoError(d.t, d.pool.QueryRow(d.t.Context(), `SELECT string_agg(id || ' ' || status, ', ' ORDER BY id) FROM public.applications`).Scan(&all))
	return all
}

func (d *dataWorld) backup(do string, remove ...workflows.BackupDelete) *run {
	d.t.Helper()
	return d.begin("Backup", workflows.BackupInput{Do: do, Reason: "試験", Requester: "takahashi", Operator: "tanaka", Delete: remove})
}

func (d *dataWorld) repair() *run {
	d.t.Helper()
	return d.begin("DataRepair", workflows.DataRepairInput{
		Template: "correct-application-status", Parameters: map[string]string{"from": "returned", "to": "checking", "since": "2026-11-01", "until": "2026-11-30"},
		Expected: 3, Reason: "不具合", Ticket: "INC-1", Requester: "ito", Operator: "tanaka",
	})
}

// finished waits for a success and reads the result.
func (r *run) finished(into any) {
	r.t.Helper()
	s := r.until("the end", func(s runbook.Status) bool {
		if s.WaitingFor != nil && s.WaitingFor.Kind == "held" {
			require.FailNow(r.t, "the run is held", s.Markdown())
		}
		return s.EndedAt != nil
	})
	require.Equal(r.t, runbook.Done, s.State, s.Says)
	require.NoError(r.t, r.client.GetWorkflow(r.t.Context(), r.id, "").Get(r.t.Context(), into))
}

// rdsEffects counts the writes to RDS that had an effect, by operation.
func (d *dataWorld) rdsEffects(from int) map[string]int {
	d.t.Helper()
	counts := map[string]int{}
	for _, e := range d.journal()[from:] {
		if e.Service == "rds" && e.Effect {
			counts[e.Operation]++
		}
	}
	return counts
}

// disturb makes the next call of each operation go wrong.
func (d *dataWorld) disturb(kind string, service string, operations ...string) {
	d.t.Helper()
	if kind == "" {
		return
	}
	for _, operation := range operations {
		d.fault(sandbox.Fault{Service: service, Operation: operation, Kind: kind, Times: 1})
	}
}

// nothingTemporary makes sure that no restored cluster is left, and that every fault has struck.
func (d *dataWorld) nothingTemporary() {
	d.t.Helper()
	for key := range d.snapshot().Resources {
		require.False(d.t, strings.HasPrefix(key, "rds:") && strings.Contains(key, "tejun-restored"), "%s is left", key)
	}
	left, err := d.box.Faults()
	require.NoError(d.t, err)
	require.Empty(d.t, left, "faults that never struck")
}

// Backup, deletion, restore test and repair, each with every write going wrong once in each way: every effect comes once.
func TestDatabaseRunbooksHaveEveryEffectOnceWhateverGoesWrong(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"", sandbox.FaultThrottle, sandbox.Fault500, sandbox.FaultLostRequest, sandbox.FaultExecutedThenTimeout} {
		t.Run("fault:"+kind, func(t *testing.T) {
			t.Parallel()
			d := newDataWorld(t)
			sys := d.system()

			// Daily: a backup in both regions.
			var first, second workflows.BackupResult
			d.disturb(kind, "rds", "CreateDBClusterSnapshot", "CopyDBClusterSnapshot")
			d.backup("backup").finished(&first)
			require.Equal(t, map[string]int{"CreateDBClusterSnapshot": 1, "CopyDBClusterSnapshot": 1}, d.rdsEffects(0))
			require.Equal(t, sys.AWS.DRRegion, first.Copy.Region)
			var seen workflows.BackupResult
			d.backup("check").finished(&seen)
			require.Empty(t, seen.Missing)
			require.Equal(t, first.Snapshot.ID, seen.Snapshot.ID)

			// An officer lets the first one go before its time; the new one stays.
			mark := len(d.journal())
			d.disturb(kind, "rds", "DeleteDBClusterSnapshot")
			r := d.backup("backup", workflows.BackupDelete{Region: sys.AWS.DRRegion, ID: first.Copy.ID})
			gate := r.until("the gate or the end", func(s runbook.Status) bool { return s.WaitingFor != nil || s.EndedAt != nil })
			require.Contains(t, gate.Says, "cannot be deleted", "it is still the last good one there")
			d.backup("backup").finished(&second)
			r = d.backup("backup", workflows.BackupDelete{Region: sys.AWS.DRRegion, ID: first.Copy.ID})
			r.answer(r.asks("approval", "deletion"), runbook.Approve, "sato")
			r.finished(&seen)
			require.Equal(t, map[string]int{"CreateDBClusterSnapshot": 2, "CopyDBClusterSnapshot": 2, "DeleteDBClusterSnapshot": 1}, d.rdsEffects(mark))

			// Quarterly: the newest one is restored, counted and taken away.
			mark = len(d.journal())
			temporary := []string{"CreateDBInstance", "DeleteDBInstance", "DeleteDBCluster"}
			d.disturb(kind, "rds", append(temporary, "RestoreDBClusterFromSnapshot")...)
			var tested workflows.BackupResult
			d.backup("restore-test").finished(&tested)
			once := map[string]int{"RestoreDBClusterFromSnapshot": 1, "CreateDBInstance": 1, "DeleteDBInstance": 1, "DeleteDBCluster": 1}
			require.Equal(t, once, d.rdsEffects(mark))
			require.Equal(t, seen.Snapshot.ID, tested.Snapshot.ID, "the newest")
			require.Positive(t, tested.Minutes)
			require.Empty(t, tested.Rows.Unknown)
			require.Len(t, tested.Rows.Tables, 1)
			require.Equal(t, "same", tested.Rows.Tables[0].Verdict)
			require.Equal(t, int64(5), tested.Rows.Tables[0].Restored)

			// A repair: preview on a copy, four eyes, one transaction.
			mark = len(d.journal())
			d.disturb(kind, "rds", append(temporary, "RestoreDBClusterToPointInTime", "CreateDBClusterSnapshot")...)
			d.disturb(kind, "s3", "PutObject")
			r = d.repair()
			r.answer(r.asks("approval", "review"), runbook.Approve, "kato")
			r.answer(r.asks("approval", "owner"), runbook.Approve, "sato")
			var repaired workflows.DataRepairResult
			r.finished(&repaired)
			require.Equal(t, 3, repaired.Rows)
			require.Equal(t, "1 checking, 2 checking, 3 checking, 4 done, 5 done", d.table())
			once = map[string]int{"CreateDBClusterSnapshot": 1, "RestoreDBClusterToPointInTime": 1, "CreateDBInstance": 1, "DeleteDBInstance": 1, "DeleteDBCluster": 1}
			require.Equal(t, once, d.rdsEffects(mark))
			_, kept, err := d.box.Object(sys.Repairs.Bucket, strings.TrimPrefix(repaired.Undo.Location, "s3://"+sys.Repairs.Bucket+"/"))
			require.NoError(t, err)
			require.True(t, kept, "the undo script")
			d.nothingTemporary()
			r.keepsSecrets()
		})
	}
}

func TestBackupCheckRaisesTheAlarm(t *testing.T) {
	t.Parallel()
	d := newDataWorld(t)
	var seen workflows.BackupResult
	d.backup("check").finished(&seen)
	require.Equal(t, []string{d.system().AWS.Region, d.system().AWS.DRRegion}, seen.Missing)
	mails := d.mails("managers")
	require.Len(t, mails, 1)
	require.Contains(t, mails[0], "バックアップ欠落")
}

// Between the approval and the repair somebody changes a row: nothing is repaired.
func TestRepairOfDataThatChangedSinceThePreviewIsRolledBack(t *testing.T) {
	t.Parallel()
	d := newDataWorld(t)
	r := d.repair()
	review := r.asks("approval", "review")
	d.exec(`UPDATE public.applications SET status = 'done' WHERE id = 2`)
	r.answer(review, runbook.Approve, "kato")
	r.answer(r.asks("approval", "owner"), runbook.Approve, "sato")
	held := r.asks("held", "fix")
	require.Contains(t, held.WaitingFor.Why, "touches 2 rows")
	require.Contains(t, held.WaitingFor.Why, "nothing was changed")
	r.answer(held, runbook.Rollback, "kato")
	s := r.until("the end", func(s runbook.Status) bool { return s.EndedAt != nil })
	require.Equal(t, runbook.Failed, s.State)
	require.Equal(t, "1 returned, 2 done, 3 returned, 4 done, 5 done", d.table())
	d.nothingTemporary()
}

package activities

import (
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/aurora"
	"tejun/internal/devserver"
	"tejun/internal/operated"
	"tejun/internal/repair"
	"tejun/internal/system"
)

// mend is a bench with a real database of the operated system behind it, in which three of five applications are wrong.
type mend struct {
	*bench
	pool *pgxpool.Pool
}

func newMend(t *testing.T) *mend {
	t.Helper()
	b := newBench(t)
	dir := t.TempDir()
	source, err := devserver.StartDatabase(t.Context(), devserver.PostgresOptions{Dir: filepath.Join(dir, "database"), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, source.Stop()) })
	servers, err := aurora.Serve(b.box, b.system, source, aurora.Options{Dir: filepath.Join(dir, "aurora"), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, servers.Close()) })
	data, err := operated.Open(source.DSN())
	require.NoError(t, err)
	t.Cleanup(data.Close)
	b.set, err = New(Deps{Config: b.cfg, Calendar: b.set.Directory.calendar, Records: database, Operated: data, System: func() (*system.System, error) { return b.system, nil }})
	require.NoError(t, err)
	m := &mend{bench: b}
	m.pool, err = data.Pool(t.Context())
	require.NoError(t, err)
	m.exec(`CREATE TABLE public.applications (id bigint PRIMARY KEY, status text NOT NULL, received_on date NOT NULL, applicant text NOT NULL);
		INSERT INTO public.applications SELECT n, CASE WHEN n <= 3 THEN 'returned' ELSE 'done' END, date '2026-11-01' + n::int, '申請者 ''' || n || '\x' FROM generate_series(1, 5) n`)
	return m
}

func (m *mend) exec(sql string) {
	m.t.Helper()
	_, err := m.pool.Exec(m.t.Context(), sql)
	require.NoError(m.t, err)
}

// table is the whole table as text.
func (m *mend) table() (all string) {
	m.t.Helper()
	require.NoError(m.t, m.pool.QueryRow(m.t.Context(), `SELECT coalesce(string_agg(a::text, ';' ORDER BY id), '') FROM public.applications a`).Scan(&all))
	return all
}

func (m *mend) repair(template string, parameters map[string]string) Repair {
	m.t.Helper()
	t, err := repair.Find(m.system, template)
	require.NoError(m.t, err)
	return Repair{Operation: m.operation, Template: template, TemplateHash: t.Hash(), Parameters: parameters}
}

var wrongStatus = map[string]string{"from": "returned", "to": "checking", "since": "2026-11-01", "until": "2026-11-30"}

// copied restores the database as it is now, for previews.
func (m *mend) copied() RestoredRef {
	m.t.Helper()
	ref := RestoredRef{Operation: m.operation, Cluster: "tejun-restored-" + m.operation}
	require.Eventually(m.t, func() bool {
		_, err := try(m.bench, m.set.RDSCopies.RestoreRDSCluster, Restore{Operation: m.operation, Cluster: ref.Cluster, Source: m.system.Database.Cluster})
		return err == nil
	}, patience, pollFirst, "the automated backup")
	must(m.bench, m.set.RDSCopies.AwaitRDSCluster, ref)
	must(m.bench, m.set.RDSCopies.AddRDSInstance, ref)
	must(m.bench, m.set.RDSCopies.AwaitRDSInstance, ref)
	return ref
}

const patience = time.Minute

// renew begins another run on the same copy.
func (m *mend) renew() { m.operation = strings.ReplaceAll(uuid.NewString(), "-", "")[:12] }

func (m *mend) preview(ref RestoredRef, r Repair) RepairPlan {
	m.t.Helper()
	return must(m.bench, m.set.Repairs.PreviewRepair, RepairPreview{Repair: r, Cluster: ref.Cluster})
}

func TestRepairDoesWhatItsPreviewShowedOnceAndCanBeTakenBack(t *testing.T) {
	m := newMend(t)
	before := m.table()
	ref := m.copied()
	r := m.repair("correct-application-status", wrongStatus)
	plan := m.preview(ref, r)
	assert.Equal(t, plan, m.preview(ref, r), "a second look finds the same")
	require.Equal(t, before, m.table(), "a preview touches the copy only")
	require.Equal(t, 3, plan.Rows)
	require.Len(t, plan.Samples, 3)
	assert.JSONEq(t, `{"id": 1, "status": "returned", "received_on": "2026-11-02"}`, string(plan.Samples[0].Before))
	assert.JSONEq(t, `{"id": 1, "status": "checking", "received_on": "2026-11-02"}`, string(plan.Samples[0].After))
	assert.NotContains(t, asJSON(t, plan), "申請者", "nothing personal is in a plan")
	must(m.bench, m.set.RDSCopies.DeleteRDSRestoredCluster, ref)

	kept := must(m.bench, m.set.S3.PutS3RepairUndo, RepairUndo{Operation: m.operation, SHA256: plan.UndoHash})
	again := must(m.bench, m.set.S3.PutS3RepairUndo, RepairUndo{Operation: m.operation, SHA256: plan.UndoHash})
	assert.Equal(t, kept, again)

	change := RepairChange{Repair: r, Plan: plan, Digest: "d"}
	_, err := try(m.bench, m.set.Repairs.VerifyRepair, change)
	requireType(t, err, Drifted)
	assert.Equal(t, 3, must(m.bench, m.set.Repairs.ExecuteRepair, change).Rows)
	after := m.table()
	assert.Equal(t, strings.ReplaceAll(before, "returned", "checking"), after)
	assert.Equal(t, 3, must(m.bench, m.set.Repairs.VerifyRepair, change).Rows)

	// The answer was lost: somebody sets the rows back, and the retry must not run the statement again.
	m.exec(`UPDATE public.applications SET status = 'returned' WHERE id = 1`)
	assert.Equal(t, 3, must(m.bench, m.set.Repairs.ExecuteRepair, change).Rows)
	assert.Contains(t, m.table(), "(1,returned")
	_, err = try(m.bench, m.set.Repairs.VerifyRepair, change)
	requireType(t, err, Drifted)

	// The script brings back what was there, every character.
	out, err := s3.NewFromConfig(m.cfg).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &m.system.Repairs.Bucket, Key: ptrTo(undoKey(m.system, m.operation))})
	require.NoError(t, err)
	script, err := io.ReadAll(out.Body)
	require.NoError(t, err)
	m.exec(string(script))
	assert.Equal(t, before, m.table())
}

func ptrTo[T any](v T) *T { return &v }

func TestRepairOfOtherRowsThanPlannedIsRolledBack(t *testing.T) {
	m := newMend(t)
	ref := m.copied()
	for name, c := range map[string]struct{ sql, says string }{
		"one more row":         {`INSERT INTO public.applications VALUES (9, 'returned', '2026-11-09', 'x')`, "touches 4 rows"},
		"one row less":         {`DELETE FROM public.applications WHERE id = 2`, "touches 2 rows"},
		"a row was changed":    {`UPDATE public.applications SET applicant = 'other' WHERE id = 2`, "not as they were in the preview"},
		"it is another's row":  {`UPDATE public.applications SET id = 7 WHERE id = 2`, "not as they were in the preview"},
		"a trigger came along": {`CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; CREATE TRIGGER t AFTER UPDATE ON public.applications EXECUTE FUNCTION f()`, "trigger"},
	} {
		t.Run(name, func(t *testing.T) {
			m.t = t
			m.renew()
			r := m.repair("correct-application-status", wrongStatus)
			plan := m.preview(ref, r)
			m.exec(`CREATE TABLE kept AS TABLE public.applications`)
			m.exec(c.sql)
			changed := m.table()
			_, err := try(m.bench, m.set.Repairs.ExecuteRepair, RepairChange{Repair: r, Plan: plan})
			require.ErrorContains(t, err, c.says)
			require.Equal(t, changed, m.table(), "nothing is changed")
			m.exec(`DROP TRIGGER IF EXISTS t ON public.applications; TRUNCATE public.applications; INSERT INTO public.applications TABLE kept; DROP TABLE kept`)
		})
	}
}

func TestInjectionInAParameterIsHarmless(t *testing.T) {
	m := newMend(t)
	before := m.table()
	evil := `returned'; DROP TABLE public.applications; --`
	// The code list refuses it; without the list it would be a text that no row has.
	parameters := map[string]string{"from": evil, "to": "done", "since": "2026-11-01", "until": "2026-11-30"}
	_, err := try(m.bench, m.set.Repairs.ExecuteRepair, RepairChange{Repair: m.repair("correct-application-status", parameters)})
	requireType(t, err, InvalidInput)
	text, err := repair.Parse("open.yaml", []byte("id: open\nname: {ja: x, en: x}\ndescription: {ja: x, en: x}\ntable: public.applications\nkey: [id]\nshow: []\nmaxRows: 5\n"+
		"parameters: [{name: a, type: text, description: {ja: x, en: x}}]\nstatement: UPDATE public.applications SET applicant = :a WHERE id = 4\n"))
	require.NoError(t, err)
	tx, err := m.pool.Begin(t.Context())
	require.NoError(t, err)
	rows, err := runRepair(t.Context(), tx, text, map[string]string{"a": evil})
	require.NoError(t, err)
	require.Len(t, rows.Before, 1)
	require.NoError(t, tx.Commit(t.Context()))
	assert.Contains(t, m.table(), "DROP TABLE", "it is a value like any other")
	// And so it is in the script that takes it back.
	m.exec(text.Undo(rows.Before, rows.After))
	assert.Equal(t, before, m.table())
}

func TestDeletedAndInsertedRowsAreTakenBackToo(t *testing.T) {
	m := newMend(t)
	ref := m.copied()
	before := m.table()
	r := m.repair("delete-duplicate-application", map[string]string{"id": "2"})
	plan := m.preview(ref, r)
	require.Equal(t, 1, plan.Rows)
	require.Nil(t, plan.Samples[0].After)
	change := RepairChange{Repair: r, Plan: plan}
	must(m.bench, m.set.Repairs.ExecuteRepair, change)
	must(m.bench, m.set.Repairs.VerifyRepair, change)
	assert.NotContains(t, m.table(), "(2,")
	script, err := database.LoadState(t.Context(), m.operation, repairUndoState)
	require.NoError(t, err)
	m.exec(string(script))
	assert.Equal(t, before, m.table())

	m.exec(`CREATE TABLE public.files (application bigint REFERENCES public.applications ON DELETE CASCADE)`)
	m.renew()
	r.Operation = m.operation
	_, err = try(m.bench, m.set.Repairs.ExecuteRepair, RepairChange{Repair: r, Plan: plan})
	requireType(t, err, Refused)
	assert.ErrorContains(t, err, "foreign key")
}

func TestRepairRefusesWhatPeopleDidNotSee(t *testing.T) {
	m := newMend(t)
	r := m.repair("correct-application-status", wrongStatus)
	edited := r
	edited.TemplateHash = "0000"
	_, err := try(m.bench, m.set.Repairs.ExecuteRepair, RepairChange{Repair: edited})
	requireType(t, err, Drifted)
	m.set.Repairs.operated.database = nil
	_, err = try(m.bench, m.set.Repairs.ExecuteRepair, RepairChange{Repair: r})
	requireType(t, err, Refused)
	assert.ErrorContains(t, err, operated.Variable)
}

func TestUndoScriptIsKeptOnceWhateverGoesWrong(t *testing.T) {
	for _, kind := range allFaults {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			script := "-- " + kind
			_, err := database.SaveState(t.Context(), b.operation, repairUndoState, []byte(script))
			require.NoError(t, err)
			in := RepairUndo{Operation: b.operation, SHA256: hashText(script)}
			if kind != "" {
				b.fault("s3", "PutObject", kind)
				_, err = try(b, b.set.S3.PutS3RepairUndo, in)
				require.Error(t, err)
			}
			must(b, b.set.S3.PutS3RepairUndo, in)
			assert.Equal(t, []string{"PutObject"}, b.effects())
			in.SHA256 = hashText("other")
			_, err = try(b, b.set.S3.PutS3RepairUndo, in)
			requireType(t, err, Drifted)
		})
	}
}

func TestRowsAreCountedAroundABackupAndInItsRestoredCopy(t *testing.T) {
	m := newMend(t)
	for _, name := range []string{"before", "after"} {
		counts := must(m.bench, m.set.Operated.CountOperatedRows, RowCount{Operation: m.operation, Name: name})
		require.Equal(t, []TableRows{{"public.applications", 5}}, counts.Tables)
	}
	m.exec(`DELETE FROM public.applications WHERE id = 1`)
	counts := must(m.bench, m.set.Operated.CountOperatedRows, RowCount{Operation: m.operation, Name: "after"})
	require.Equal(t, int64(5), counts.Tables[0].Rows, "the first count stays")
	ref := m.copied()
	got := must(m.bench, m.set.Operated.CompareRestoredRows, RowComparison{Cluster: ref.Cluster, BackupOperation: m.operation})
	require.Equal(t, RowsCompared{Tables: []TableCompared{{"public.applications", 5, 5, 4, "differs"}}, Differs: 1}, got)

	m.set.Operated.database = nil
	m.renew()
	counts = must(m.bench, m.set.Operated.CountOperatedRows, RowCount{Operation: m.operation, Name: "before"})
	assert.Contains(t, counts.Unknown, operated.Variable)
	raw, err := json.Marshal(counts)
	require.NoError(t, err)
	assert.Contains(t, string(raw), `"tables":[]`)
}

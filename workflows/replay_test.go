package workflows_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/workflows"
)

func histories(t *testing.T) []string {
	files, err := filepath.Glob("testdata/*.json")
	require.NoError(t, err)
	return files
}

func quiet() sdklog.Logger {
	return sdklog.NewStructuredLogger(slog.New(slog.DiscardHandler))
}

// replay replays a history under the workflow and run ID that it was recorded with: effects and plans are named by them.
func replay(t *testing.T, replayer worker.WorkflowReplayer, file string) error {
	t.Helper()
	content, err := os.ReadFile(file)
	require.NoError(t, err)
	recorded, err := client.HistoryFromJSON(bytes.NewReader(content), client.HistoryJSONOptions{})
	require.NoError(t, err)
	started := recorded.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	require.NotEmpty(t, started.GetWorkflowId())
	return replayer.ReplayWorkflowHistoryWithOptions(quiet(), recorded, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: started.GetWorkflowId(), RunID: started.GetOriginalExecutionRunId()},
	})
}

// Every history that was ever recorded must replay: runs that are open while a new version is deployed go on.
func TestRecordedHistoriesReplay(t *testing.T) {
	paths := map[string]bool{}
	for _, file := range histories(t) {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			workflows.Register(replayer)
			require.NoError(t, replay(t, replayer, file))
		})
		paths[strings.Join(strings.Split(filepath.Base(file), ".")[:2], ".")] = true
	}
	for _, path := range []string{"approve", "refused-then-reject", "expire", "hold-and-retry", "rollback", "undo-held", "cancel", "cancel-by-person", "extend-and-return"} {
		require.True(t, paths["PlannedOutage."+path], "no history of the path %q", path)
	}
	for _, path := range []string{
		"Backup.backup", "Backup.delete", "Backup.check-missing", "Backup.restore-test", "Backup.restore-rollback",
		"DataLoad.task", "DataLoad.task-killed", "DataLoad.task-ended-at-gate",
		"Backup.run-snapshots", "DataLoad.staged-again", "DataArrival.starts",
		"DataRepair.approve", "DataRepair.reject", "DataRepair.drift", "DataRepair.other-rows",
		"DataSupport.accept", "DataSupport.estimate-rejected", "DataSupport.three-files", "DataSupport.cancel-while-loading",
		"SettingChange.approve", "SettingChange.refused-then-reject", "SettingChange.old-value-differs", "SettingChange.pre-approved", "SettingChange.window",
		"SettingChange.rollback", "SettingChange.not-compliant", "SettingChange.emergency-late", "SettingChange.emergency-rejected",
		"SettingChange.emergency-never-approved",
		"Incident.closed", "Incident.escalated-and-sent-back", "Incident.not-stable", "Incident.fix-refused-then-mended", "Incident.goes-on", "Incident.cancel",
		"Incident.withdrawn-beside-a-fix", "Incident.goes-on-beside-a-fix", "Incident.first-report-late", "Incident.rings-before-the-closure",
		"Incident.sent-back-to-the-cause", "Incident.cause-disproved", "Incident.closure-told-when-held",
		"Release.approve", "Release.reject", "Release.expire", "Release.findings", "Release.exception", "Release.digest-differs", "Release.watch-fails", "Release.rollback-by-person",
		"SettingChange.standard-after-window", "SettingChange.started-by-incident", "Release.told-at-last", "Incident.gate-left", "Incident.gate-goes-on",
		"SettingChange.told-done", "SettingChange.told-rejected-when-held", "SettingChange.told-rolled-back", "SettingChange.told-never-approved", "SettingChange.told-after-window",
		"SettingChange.after-a-flood", "Release.told-when-held", "Release.frozen-meanwhile", "Release.rings-again", "Incident.resumed",
		"DataSupport.not-accepted-first", "DataSupport.load-rejected", "DataSupport.cancel-held", "DataArrival.problem", "DataLoad.made-by-hand",
		"DisasterRecovery.real-looked-at-snapshot", "DisasterRecovery.real-looked-at-global", "DisasterRecovery.real-looked-at-failover", "DisasterRecovery.real-fenced-return-snapshot",
		"DisasterRecovery.real-fenced-return-global", "DisasterRecovery.real-return-asked-again", "DisasterRecovery.real-return-given-up", "DisasterRecovery.real-cancelled-at-data-back",
		"DisasterRecovery.real-redirect-refused", "DisasterRecovery.real-held-at-plan-again", "DisasterRecovery.real-failed-over", "DisasterRecovery.drill-ends-early",
		"DisasterRecovery.drill-looks-back", "DisasterRecovery.real-doubt-then-fenced", "DisasterRecovery.real-fence-asks-again", "DisasterRecovery.real-failover-refused",
		"DisasterReadiness.silent", "DisasterReadiness.warns", "DisasterReadiness.known", "DisasterReadiness.unseen", "DisasterReadiness.well-after-doubtful-mail",
	} {
		require.True(t, paths[path], "no history of the path %q", path)
	}
}

// A build that takes another path must fail, or the replay test proves nothing.
func TestBrokenBuildDoesNotReplay(t *testing.T) {
	replayer := worker.NewWorkflowReplayer()
	replayer.RegisterWorkflowWithOptions(func(ctx workflow.Context, raw converter.RawValue) (workflows.PlannedOutageResult, error) {
		if err := workflow.Sleep(ctx, time.Second); err != nil { // a step that the recorded runs did not have
			return workflows.PlannedOutageResult{}, err
		}
		return workflows.PlannedOutage(ctx, raw)
	}, workflow.RegisterOptions{Name: "PlannedOutage"})
	require.ErrorContains(t, replay(t, replayer, "testdata/PlannedOutage.approve.v1.json"), "TMPRL1100", "the SDK's code for nondeterminism")
}

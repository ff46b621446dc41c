package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

var (
	fetched = []string{"StageDataFile", "PutS3LoadRejects"}
	shipped = []string{"CreateRDSClusterSnapshot", "ImportStagedRows", "CheckLoadedRows"}
	swept   = []string{"DropStagedRows", "ReleaseResources"}
)

func final(kind, says string) func(int) error {
	return func(int) error { return temporal.NewNonRetryableApplicationError(says, kind, nil) }
}

// once fails the first call.
func once(fail func(int) error) func(int) error {
	return func(n int) error {
		if n == 1 {
			return fail(n)
		}
		return nil
	}
}

func TestLoadIsApprovedSavedImportedAndChecked(t *testing.T) {
	f := withFerry(newWorld(t))
	f.at(start.Add(time.Hour), "approve", by("sato"))
	require.NoError(t, f.load())
	require.Equal(t, slices.Concat(fetched, shipped, swept), f.effects())
	r, err := f.result()
	require.NoError(t, err)
	require.Equal(t, f.counts, r.Counts)
	require.Equal(t, "s3://in/ken_all.zip", r.Source)
	require.Equal(t, "s3://rejects/r", r.Rejects.Location)
	require.Contains(t, r.Snapshot, "tejun-load-")
	require.Equal(t, f.status().Plan.Digest, r.Plan)
	require.EqualValues(t, 101, r.Loaded.Rows)
	require.Contains(t, f.status().Plan.Markdown(), "1 new, 1 changed, 0 deleted, 1 rejected")
	require.Contains(t, f.kinds(), "load")
}

func TestLoadThatNobodyHasToApproveAsksNobody(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks, f.counts = nil, load.Counts{Records: 4, Rows: 4, New: 1, Unchanged: 3}
	require.NoError(t, f.load())
	require.Equal(t, slices.Concat([]string{"StageDataFile"}, shipped, swept), f.effects(), "and no file of rejected rows")
	require.NotContains(t, f.kinds(), "gate-opened")
}

func TestLoadWithoutBackupTakesNoSnapshot(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks, f.backup = nil, false
	require.NoError(t, f.load())
	require.Equal(t, slices.Concat(fetched, shipped[1:], swept), f.effects())
	r, err := f.result()
	require.NoError(t, err)
	require.Empty(t, r.Snapshot)
}

func TestLoadThatIsNotApprovedLeavesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		play func(*ferry)
		end  string
	}{
		"rejected":               {func(f *ferry) { f.at(start.Add(time.Hour), "reject", by("sato")) }, runbook.ErrRejected},
		"nobody answers":         {func(*ferry) {}, runbook.ErrExpired},
		"the requester approves": {func(f *ferry) { f.at(start.Add(time.Hour), "approve", by("ito")) }, runbook.ErrExpired},
		"the vendor approves":    {func(f *ferry) { f.at(start.Add(time.Hour), "approve", by("kato")) }, runbook.ErrExpired},
	} {
		t.Run(name, func(t *testing.T) {
			f := withFerry(newWorld(t))
			c.play(f)
			err := f.load()
			require.True(t, runbook.IsEnd(err, c.end), "%v", err)
			require.Equal(t, slices.Concat(fetched, swept), f.effects())
		})
	}
	t.Run("cancelled at the gate", func(t *testing.T) {
		f := withFerry(newWorld(t))
		f.env.RegisterDelayedCallback(f.env.CancelWorkflow, time.Hour)
		require.Error(t, f.load())
		require.Equal(t, slices.Concat(fetched, swept), f.effects())
	})
}

func TestLoadOfAFileThatIsLoadedDoesNothing(t *testing.T) {
	f := withFerry(newWorld(t))
	f.already = &load.Entry{Operation: "earlier", Counts: load.Counts{Records: 7, Rows: 7}}
	require.NoError(t, f.load())
	require.Equal(t, swept, f.effects())
	r, err := f.result()
	require.NoError(t, err)
	require.Equal(t, "earlier", r.Already)
	require.Nil(t, r.Loaded)
	require.EqualValues(t, 7, r.Counts.Records)
	require.Contains(t, f.kinds(), "already-loaded")
}

func TestTwoLoadsOfOneTableDoNotRun(t *testing.T) {
	f := withFerry(newWorld(t))
	f.conflict = "the run load-1 until tomorrow"
	err := f.load()
	require.ErrorContains(t, err, "the run load-1 until tomorrow")
	require.Empty(t, slices.DeleteFunc(f.effects(), func(c string) bool { return c == "ReleaseResources" }))
	require.Zero(t, f.tries["StageDataFile"], "nothing is fetched")
}

func TestFileThatIsRefusedIsHeldAndEndsWithNothing(t *testing.T) {
	f := withFerry(newWorld(t))
	f.fail["StageDataFile"] = final(activities.Refused, "stage the file ken_all.zip: it is empty; nothing was loaded")
	f.at(start.Add(time.Minute), "skip", by("kato"))
	f.at(start.Add(2*time.Minute), "rollback", by("kato"))
	err := f.load()
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.ErrorContains(t, err, "it is empty; nothing was loaded")
	require.Equal(t, slices.Concat([]string{"mail:step-held"}, swept), f.effects())
	refused := slices.ContainsFunc(f.status().Approvals, func(a runbook.Answered) bool { return a.Action == "skip" && !a.Accepted })
	require.True(t, refused, "a file is never skipped")
}

func TestFileThatWasMendedIsStagedAfterRetry(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks = nil
	f.fail["StageDataFile"] = once(final(activities.Refused, "the file is cut off"))
	f.at(start.Add(time.Minute), "retry", by("kato"))
	require.NoError(t, f.load())
	require.Equal(t, slices.Concat([]string{"mail:step-held"}, fetched, shipped, swept), f.effects())
}

// PostgreSQL has crashed between the plan and the import: what was staged is gone, and made once more of the same file.
func TestWhatWasStagedIsStagedAgainForTheImport(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks = nil
	f.fail["ImportStagedRows"] = once(final(activities.NotStaged, "the staged rows are not there any more"))
	require.NoError(t, f.load())
	require.Equal(t, slices.Concat(fetched, shipped[:1], []string{"StageDataFile:5a"}, shipped[1:], swept), f.effects())
	require.Equal(t, 1, f.loaded)
}

func TestStagingForTheImportEndsSomeTime(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks = nil
	f.fail["ImportStagedRows"] = final(activities.NotStaged, "the staged rows are not there any more")
	f.at(start.Add(time.Hour), "rollback", by("kato"))
	err := f.load()
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.Equal(t, 6, f.tries["ImportStagedRows"], "the import, and five more")
	require.Equal(t, 6, f.tries["StageDataFile"])
	require.Zero(t, f.loaded)
	require.Equal(t, swept, f.effects()[len(f.effects())-2:])
}

func TestImportOfAnotherDifferenceThanPlannedEndsWithNothing(t *testing.T) {
	for name, drift := range map[string]func(*ferry){
		"the table has other values": func(f *ferry) { f.sum = "3" },
		"the difference has others":  func(f *ferry) { f.counts.New, f.counts.Unchanged = 2, 1 },
	} {
		t.Run("staged again, "+name, func(t *testing.T) {
			f := withFerry(newWorld(t))
			f.asks = nil
			f.fail["ImportStagedRows"] = once(func(int) error {
				drift(f)
				return final(activities.NotStaged, "gone")(1)
			})
			f.at(start.Add(time.Hour), "rollback", by("kato"))
			err := f.load()
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.ErrorContains(t, err, "the table has changed since the plan was made; nothing was loaded")
			require.Zero(t, f.loaded)
			require.Equal(t, swept, f.effects()[len(f.effects())-2:])
		})
	}
	t.Run("the import sees it", func(t *testing.T) {
		f := withFerry(newWorld(t))
		f.asks = nil
		f.fail["ImportStagedRows"] = final(activities.Drifted, "planned were 1 new, now it would be 2 new")
		f.at(start.Add(time.Hour), "rollback", by("kato"))
		err := f.load()
		require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
		require.ErrorContains(t, err, "planned were 1 new")
		require.Equal(t, 1, f.tries["ImportStagedRows"], "it comes out the same every time")
		require.Zero(t, f.loaded)
	})
}

// What was approved is not what would be loaded now: the approval is void, and people are asked with the new plan.
func TestTableThatChangedAfterTheApprovalIsApprovedAnew(t *testing.T) {
	f := withFerry(newWorld(t))
	f.env.RegisterDelayedCallback(func() { f.sum, f.before = "3", 102 }, 30*time.Minute)
	f.at(start.Add(time.Hour), "approve", by("sato"))
	f.approveAsSeen(start.Add(2*time.Hour), "suzuki")
	require.NoError(t, f.load())
	require.Contains(t, f.kinds(), "approval-void")
	require.Equal(t, 1, f.loaded)
	require.EqualValues(t, 103, f.mustResult().Loaded.Rows)
}

func (f *ferry) mustResult() workflows.DataLoadResult {
	r, err := f.result()
	require.NoError(f.t, err)
	return r
}

func TestLoadWithoutItsSnapshotDoesNotImport(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks = nil
	f.fail["CreateRDSClusterSnapshot"] = final(activities.Denied, "no right to take snapshots")
	f.at(start.Add(time.Minute), "skip", by("kato"))
	f.at(start.Add(2*time.Minute), "rollback", by("kato"))
	err := f.load()
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.Equal(t, slices.Concat(fetched, []string{"mail:step-held"}, swept), f.effects())
	require.Zero(t, f.loaded)
}

// After the import only a person may say that the table is right; giving up says what stays.
func TestCheckThatFailsIsAnsweredByAPerson(t *testing.T) {
	for _, answer := range []string{"skip", "rollback"} {
		t.Run(answer, func(t *testing.T) {
			f := withFerry(newWorld(t))
			f.asks = nil
			f.fail["CheckLoadedRows"] = final(activities.Drifted, "public.t has 100 rows; the load has left 101")
			f.env.RegisterDelayedCallback(func() {
				then := f.status().WaitingFor.Then
				require.Contains(t, then, "tejun_load.ledger has a row of the operation")
			}, time.Minute)
			f.at(start.Add(2*time.Minute), answer, by("kato"))
			err := f.load()
			require.Equal(t, answer == "rollback", runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.Equal(t, 1, f.loaded)
			require.Equal(t, swept, f.effects()[len(f.effects())-2:])
		})
	}
}

func TestLoadIsCancelledDuringTheImportAndSaysSo(t *testing.T) {
	f := withFerry(newWorld(t))
	f.asks = nil
	f.fail["ImportStagedRows"] = func(int) error {
		f.env.CancelWorkflow()
		return temporal.NewApplicationError("the connection broke", activities.Unavailable)
	}
	require.Error(t, f.load())
	require.Equal(t, slices.Concat(fetched, shipped[:1], swept), f.effects())
	require.Zero(t, f.loaded)
}

func TestLoadRefusesBadInputBeforeAnyEffect(t *testing.T) {
	for says, spoil := range map[string]func(*workflows.DataLoadInput){
		"dataset is missing":   func(in *workflows.DataLoadInput) { in.Dataset = "" },
		"want 64 hex digits":   func(in *workflows.DataLoadInput) { in.SHA256 = strings.Repeat("g", 64) },
		"expectedRows is -1":   func(in *workflows.DataLoadInput) { in.Expected = -1 },
		"reason is missing":    func(in *workflows.DataLoadInput) { in.Reason = " " },
		"must be one line":     func(in *workflows.DataLoadInput) { in.File = "a\nb" },
		"requester is missing": func(in *workflows.DataLoadInput) { in.Requester = "" },
	} {
		f := withFerry(newWorld(t))
		in := loadOf()
		spoil(&in)
		f.env.ExecuteWorkflow("DataLoad", in)
		err := f.env.GetWorkflowError()
		require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
		require.ErrorContains(t, err, says)
		require.Empty(t, f.effects())
	}
}

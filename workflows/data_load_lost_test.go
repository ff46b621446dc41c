package workflows_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// crash is a world in which PostgreSQL has emptied what a load had staged.
type crash struct {
	*world
	there    bool        // the staged rows are there
	counts   load.Counts // of the file, as it is staged next
	rejected string      // what the rejects' file holds
}

func withStaging(w *world) *crash {
	c := &crash{world: w, counts: load.Counts{Records: 4, Rows: 3, New: 3, Rejected: 1}}
	stub(w, "ResolveDataLoad", func(r load.Request) (load.Target, error) {
		return load.Target{DatabaseTarget: system.DatabaseTarget{
			SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, Cluster: "db",
		}, Title: "見本", Table: "public.t", Declaration: "declaration", Source: "s3://in/" + r.File}, nil
	})
	stub(w, "StageDataFile", func(in activities.DataLoad) (activities.FileStaged, error) {
		w.calls = append(w.calls, "StageDataFile"+strings.TrimRight(":"+in.SHA256, ":"))
		c.there = true
		return activities.FileStaged{SHA256: "sum", Counts: c.counts}, nil
	})
	stub(w, "CompareStagedRows", func(activities.DataLoad) (activities.LoadDifference, error) {
		if !c.there {
			return activities.LoadDifference{}, lost()
		}
		w.calls = append(w.calls, "CompareStagedRows")
		return activities.LoadDifference{Difference: load.Difference{Counts: c.counts, After: c.counts.New}, Asks: []string{"it is the first load of the table"}}, nil
	})
	stub(w, "PutS3LoadRejects", func(activities.DataLoad) (activities.RejectsKept, error) {
		if !c.there {
			return activities.RejectsKept{}, lost()
		}
		c.rejected = fmt.Sprint(c.counts.Rejected)
		w.calls = append(w.calls, "PutS3LoadRejects")
		return activities.RejectsKept{Location: "s3://rejects/k", Rows: c.counts.Rejected}, nil
	})
	stub(w, "ImportStagedRows", func(in activities.LoadImport) (load.Entry, error) {
		if !c.there {
			return load.Entry{}, lost()
		}
		w.calls = append(w.calls, "ImportStagedRows")
		return load.Entry{Operation: in.Operation, Counts: in.Expect, Rows: in.Expect.New}, nil
	})
	change[activities.LoadCheck](w, "CheckLoadedRows")
	change[activities.DataLoad](w, "DropStagedRows")
	return c
}

func lost() error {
	return temporal.NewNonRetryableApplicationError("the staged rows are not there any more", activities.NotStaged, nil)
}

func (c *crash) load() error {
	c.env.ExecuteWorkflow("DataLoad", workflows.DataLoadInput{Dataset: "d", File: "f", Reason: "試験", Requester: "ito", Operator: "tanaka"})
	return c.env.GetWorkflowError()
}

// crashes empties the staging at a moment.
func (c *crash) crashes(when time.Time) {
	c.env.RegisterDelayedCallback(func() { c.there = false }, when.Sub(start))
}

var imported = []string{"ImportStagedRows", "CheckLoadedRows", "DropStagedRows", "ReleaseResources"}

// A crash while people decide costs them nothing, as long as the file means the same as before.
func TestStagedRowsLostAfterTheApprovalAreStagedAgain(t *testing.T) {
	c := withStaging(newWorld(t))
	c.crashes(start.Add(time.Hour))
	c.at(start.Add(2*time.Hour), "approve", by("sato"))
	require.NoError(t, c.load())
	require.Equal(t, append([]string{
		"StageDataFile", "PutS3LoadRejects", "CompareStagedRows",
		"StageDataFile:sum", "CompareStagedRows", "PutS3LoadRejects",
	}, imported...), c.effects())
	require.NotContains(t, c.kinds(), "approval-void")
}

// If it means something else the approval is void, people are asked anew, and the rejected rows are those of the new plan.
func TestStagedRowsThatComeOutOtherwiseAreApprovedAnew(t *testing.T) {
	c := withStaging(newWorld(t))
	c.env.RegisterDelayedCallback(func() {
		c.there = false
		c.counts.Rows, c.counts.New, c.counts.Dangling = 2, 2, 1
	}, time.Hour)
	c.at(start.Add(2*time.Hour), "approve", by("sato"))
	c.approveAsSeen(start.Add(3*time.Hour), "suzuki")
	require.NoError(t, c.load())
	require.Contains(t, c.kinds(), "approval-void")
	var r workflows.DataLoadResult
	require.NoError(t, c.env.GetWorkflowResult(&r))
	require.EqualValues(t, 2, r.Counts.New)
	require.Equal(t, c.status().Plan.Digest, r.Plan, "the plan that was carried out")
}

// The first comparison and the rejected rows meet the same crash.
func TestStagedRowsLostBeforeThePlanAreStagedAgain(t *testing.T) {
	for _, name := range []string{"PutS3LoadRejects", "CompareStagedRows"} {
		t.Run(name, func(t *testing.T) {
			c := withStaging(newWorld(t))
			c.fail[name] = func(n int) error {
				if n == 1 {
					return lost()
				}
				return nil
			}
			c.at(start.Add(time.Hour), "approve", by("sato"))
			require.NoError(t, c.load())
			require.Equal(t, 2, c.tries["StageDataFile"])
		})
	}
}

// A server that loses it every time ends the run, and another file under the same name is not taken for the one before.
func TestStagingAgainHasAnEnd(t *testing.T) {
	c := withStaging(newWorld(t))
	c.fail["CompareStagedRows"] = func(int) error { return lost() }
	err := c.load()
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.Equal(t, 6, c.tries["StageDataFile"])
	require.NotContains(t, c.effects(), "ImportStagedRows")

	c = withStaging(newWorld(t))
	c.crashes(start.Add(time.Hour))
	c.fail["StageDataFile"] = func(n int) error {
		if n > 1 {
			return temporal.NewNonRetryableApplicationError("the file has another hash", activities.Refused, nil)
		}
		return nil
	}
	c.at(start.Add(2*time.Hour), "approve", by("sato"))
	err = c.load()
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "another hash")
	require.NotContains(t, c.effects(), "ImportStagedRows")
}

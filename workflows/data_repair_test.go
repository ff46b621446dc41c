package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/workflows"
	"tejun/workflows/runbook"
)

func repairOf() workflows.DataRepairInput {
	return workflows.DataRepairInput{
		Template: "correct-status", Parameters: map[string]string{"to": "checking"}, Expected: 3,
		Reason: "誤った状態", Ticket: "INC-1", Requester: "ito", Operator: "tanaka",
	}
}

var (
	previewed = []string{"CreateRDSClusterSnapshot", "RestoreRDSCluster:db", "AddRDSInstance", "PreviewRepair", "DeleteRDSRestoredCluster"}
	mended    = []string{"PutS3RepairUndo", "ExecuteRepair", "VerifyRepair"}
	cleared   = []string{"DeleteRDSRestoredCluster", "ReleaseResources"} // the way back looks that the copy is gone
)

// fourEyes lets both gates pass.
func (v *vault) fourEyes() {
	v.at(start.Add(time.Hour), "approve", by("kato"))
	v.at(start.Add(2*time.Hour), "approve", by("sato"))
}

func TestRepairIsPreviewedApprovedByTwoAndDone(t *testing.T) {
	v := withVault(newWorld(t))
	v.fourEyes()
	require.NoError(t, v.execute("DataRepair", repairOf()))
	require.Equal(t, slices.Concat(previewed, mended, cleared), v.effects())
	require.Empty(t, v.clusters)
	var r workflows.DataRepairResult
	require.NoError(t, v.env.GetWorkflowResult(&r))
	require.Equal(t, 3, r.Rows)
	require.Equal(t, "s3://b/k", r.Undo.Location)
	require.Equal(t, v.status().Plan.Digest, r.Plan)
	require.Contains(t, v.status().Plan.Markdown(), `"v": "b"`)
	kinds := v.kinds()
	require.Equal(t, 2, strings.Count(strings.Join(kinds, ","), "gate-passed"))
}

func TestRepairIsNotApprovedByWhoMayNot(t *testing.T) {
	for name, c := range map[string]struct{ first, second, says string }{
		"the operator reviews":      {"tanaka", "sato", "somebody else must approve it"},
		"an officer reviews":        {"suzuki", "sato", "does not have the role operator"},
		"the requester owns":        {"kato", "ito", "somebody else must approve it"},
		"the reviewer owns":         {"kato", "kato", "does not have the role officer"},
		"another account of nobody": {"kato", "mallory", "nobody that system.yaml knows"},
	} {
		t.Run(name, func(t *testing.T) {
			v := withVault(newWorld(t))
			v.at(start.Add(time.Hour), "approve", by(c.first))
			v.at(start.Add(2*time.Hour), "approve", by(c.second))
			err := v.execute("DataRepair", repairOf())
			require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
			require.Equal(t, slices.Concat(previewed, cleared), v.effects(), "nothing is repaired")
			refused := slices.ContainsFunc(v.status().Approvals, func(a runbook.Answered) bool { return strings.Contains(a.Refusal, c.says) })
			require.True(t, refused, "%+v", v.status().Approvals)
		})
	}
}

func TestRepairEndsWhenAnybodyRejects(t *testing.T) {
	v := withVault(newWorld(t))
	v.at(start.Add(time.Hour), "approve", by("kato"))
	v.at(start.Add(2*time.Hour), "reject", by("suzuki"))
	err := v.execute("DataRepair", repairOf())
	require.True(t, runbook.IsEnd(err, runbook.ErrRejected), "%v", err)
	require.Equal(t, slices.Concat(previewed, cleared), v.effects())
}

func TestRepairOfAnotherNumberOfRowsAsksNobody(t *testing.T) {
	v := withVault(newWorld(t))
	v.found = 4
	err := v.execute("DataRepair", repairOf())
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "touched 4 rows of public.t and the request expects 3")
	require.Equal(t, slices.Concat(previewed, cleared), v.effects())
	require.NotContains(t, v.kinds(), "gate-opened")
}

func TestRepairThatDiffersFromThePlanIsHeldAndEnds(t *testing.T) {
	v := withVault(newWorld(t))
	v.fourEyes()
	v.fail["ExecuteRepair"] = func(int) error {
		return temporal.NewNonRetryableApplicationError("the repair touches 4 rows, and the approved plan says 3", "Drifted", nil)
	}
	v.at(start.Add(3*time.Hour), "skip", by("kato"))
	v.at(start.Add(3*time.Hour+time.Minute), "rollback", by("kato"))
	err := v.execute("DataRepair", repairOf())
	require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
	require.ErrorContains(t, err, "the approved plan says 3")
	require.Equal(t, slices.Concat(previewed, []string{"PutS3RepairUndo", "mail:step-held"}, cleared), v.effects())
	refused := slices.ContainsFunc(v.status().Approvals, func(a runbook.Answered) bool { return a.Action == "skip" && !a.Accepted })
	require.True(t, refused, "a repair is never skipped")
}

func TestRepairTakesItsCopyAwayOnEveryPath(t *testing.T) {
	denied := func(int) error { return temporal.NewNonRetryableApplicationError("no", "Denied", nil) }
	for _, activity := range []string{"AwaitRDSCluster", "AddRDSInstance", "AwaitRDSInstance", "PreviewRepair"} {
		t.Run(activity, func(t *testing.T) {
			v := withVault(newWorld(t))
			v.fail[activity] = denied
			v.at(start.Add(time.Minute), "rollback", by("kato"))
			err := v.execute("DataRepair", repairOf())
			require.True(t, runbook.IsEnd(err, runbook.ErrRolledBack), "%v", err)
			require.Empty(t, v.clusters)
			require.Contains(t, v.effects(), "DeleteRDSRestoredCluster")
		})
	}
	t.Run("cancelled at the gate", func(t *testing.T) {
		v := withVault(newWorld(t))
		v.env.RegisterDelayedCallback(v.env.CancelWorkflow, time.Hour)
		err := v.execute("DataRepair", repairOf())
		require.Error(t, err)
		require.Equal(t, slices.Concat(previewed, cleared), v.effects())
	})
}

func TestRepairRefusesBadInputBeforeAnyEffect(t *testing.T) {
	for says, spoil := range map[string]func(*workflows.DataRepairInput){
		"template is missing": func(in *workflows.DataRepairInput) { in.Template = "" },
		"expectedRows is 0":   func(in *workflows.DataRepairInput) { in.Expected = 0 },
		"ticket is missing":   func(in *workflows.DataRepairInput) { in.Ticket = " " },
		"give it as RFC 3339": func(in *workflows.DataRepairInput) { in.At = "2027-01-01" },
		"must be one line":    func(in *workflows.DataRepairInput) { in.Ticket = "a\nb" },
	} {
		v := withVault(newWorld(t))
		in := repairOf()
		spoil(&in)
		err := v.execute("DataRepair", in)
		require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
		require.ErrorContains(t, err, says)
		require.Empty(t, v.effects())
	}
}

package main

import (
	"context"
	"encoding/json"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"

	"tejun/internal/devserver"
	"tejun/internal/records"
)

// frontend is a Temporal server that knows how its runs stand, and nothing else.
type frontend struct {
	workflowservice.UnimplementedWorkflowServiceServer
	runs map[string]enums.WorkflowExecutionStatus
}

func (f *frontend) GetSystemInfo(context.Context, *workflowservice.GetSystemInfoRequest) (*workflowservice.GetSystemInfoResponse, error) {
	return &workflowservice.GetSystemInfoResponse{Capabilities: &workflowservice.GetSystemInfoResponse_Capabilities{}}, nil
}

func (f *frontend) DescribeWorkflowExecution(_ context.Context, in *workflowservice.DescribeWorkflowExecutionRequest) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	status, known := f.runs[in.GetExecution().GetWorkflowId()]
	if !known {
		return nil, serviceerror.ToStatus(serviceerror.NewNotFound("no such run")).Err()
	}
	return &workflowservice.DescribeWorkflowExecutionResponse{WorkflowExecutionInfo: &workflowpb.WorkflowExecutionInfo{
		Execution: &commonpb.WorkflowExecution{WorkflowId: in.GetExecution().GetWorkflowId()}, Status: status,
	}}, nil
}

func serve(t *testing.T, f *frontend) (address string) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	workflowservice.RegisterWorkflowServiceServer(server, f)
	go func() { _ = server.Serve(listener) }() // it ends with Stop
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// A real run that has stayed keeps drills away until somebody says that it is back: then the register says so, the run's chain says who and
// how, and the rest of its row is as it was.
func TestWhatHasStayedIsSaidToBeBack(t *testing.T) {
	ctx := t.Context()
	server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Stop()) })
	store, err := records.Open(ctx, server.DSN())
	require.NoError(t, err)
	t.Cleanup(store.Close)
	require.NoError(t, store.Migrate(ctx))
	temporal := &frontend{runs: map[string]enums.WorkflowExecutionStatus{
		"real-open": enums.WORKFLOW_EXECUTION_STATUS_RUNNING, "real-stays": enums.WORKFLOW_EXECUTION_STATUS_FAILED, // real-failed is forgotten
	}}
	c := newCLI(t)
	c.env["TEJUN_DATABASE_URL"], c.env["TEMPORAL_ADDRESS"] = server.DSN(), serve(t, temporal)
	stayed := func(id, outcome string) records.Disaster {
		d := aDrill()
		d.Operation, d.WorkflowID, d.Mode, d.Outcome, d.System = "op-of-"+id, id, records.ModeReal, outcome, id
		_, err := store.OpenDisaster(ctx, d)
		require.NoError(t, err)
		row, err := store.FinishDisaster(ctx, d)
		require.NoError(t, err)
		return row
	}

	open := stayed("real-open", records.DisasterStays)
	code, _, problem := c.run(t, "disaster", "returned", open.WorkflowID, "--as", "suzuki", "--reason", "東京へ戻した")
	require.Equal(t, exitRefused, code)
	require.Contains(t, problem, "real-open is open again")
	row, err := store.Disaster(ctx, open.WorkflowID)
	require.NoError(t, err)
	require.Equal(t, open, row, "nothing was said")

	for _, before := range []records.Disaster{stayed("real-stays", records.DisasterStays), stayed("real-failed", records.DisasterFailed)} {
		id := before.WorkflowID
		_, err = store.StandingDisaster(ctx, before.System)
		require.NoError(t, err, "it keeps drills away")
		code, out, problem := c.run(t, "disaster", "returned", id, "--as", "suzuki", "--reason", "東京へ戻し、大阪のタスク数 0 を確認した")
		require.Equal(t, 0, code, problem)
		require.Equal(t, id+": everything is back in the primary region. Drills may begin again.\n", out)
		row, err := store.Disaster(ctx, id)
		require.NoError(t, err)
		want := before
		want.Outcome = records.DisasterReturned
		require.Equal(t, want, row)
		_, err = store.StandingDisaster(ctx, before.System)
		require.ErrorIs(t, err, records.ErrNotFound)

		rows, err := store.ListEvidence(ctx, id)
		require.NoError(t, err)
		require.Len(t, rows, 1)
		require.Equal(t, "returned", rows[0].Kind)
		var said map[string]string
		require.NoError(t, json.Unmarshal(rows[0].Body, &said))
		require.Equal(t, map[string]string{"by": "suzuki", "identity": "claimed", "reason": "東京へ戻し、大阪のタスク数 0 を確認した", "was": before.Outcome}, said)
		require.WithinDuration(t, c.now, rows[0].At, time.Millisecond)

		code, _, problem = c.run(t, "disaster", "returned", id, "--as", "suzuki", "--reason", "もう一度")
		require.Equal(t, exitRefused, code)
		require.Contains(t, problem, "ended as returned")
	}

	_, out, _ := c.run(t, "disaster", "list", "--json")
	for _, d := range jsonOf[[]records.Disaster](t, out) {
		require.Equal(t, d.WorkflowID != "real-open", d.Outcome == records.DisasterReturned, d.WorkflowID)
	}
}

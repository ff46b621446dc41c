package sandbox_test

import (
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An execution stands before a stage into which nothing is let, and goes on when it is.
func TestAnExecutionStandsBeforeAClosedStage(t *testing.T) {
	s, cfg, now := withDisaster(t)
	c := codepipeline.NewFromConfig(in(cfg, osaka))
	name, stage := aws.String("gzs-web"), aws.String("Deploy")
	state := func() (source, deploy types.StageState) {
		t.Helper()
		out, err := c.GetPipelineState(t.Context(), &codepipeline.GetPipelineStateInput{Name: name})
		require.NoError(t, err)
		require.Len(t, out.StageStates, 2)
		return out.StageStates[0], out.StageStates[1]
	}
	source, deploy := state()
	assert.Nil(t, source.InboundTransitionState, "there is no way into the first stage")
	assert.True(t, deploy.InboundTransitionState.Enabled)

	_, err := c.DisableStageTransition(t.Context(), &codepipeline.DisableStageTransitionInput{PipelineName: name, StageName: stage, TransitionType: types.StageTransitionTypeInbound, Reason: aws.String("年末の凍結")})
	require.NoError(t, err)
	assert.True(t, lastEntry(t, s).Effect)
	started, err := c.StartPipelineExecution(t.Context(), &codepipeline.StartPipelineExecutionInput{Name: name, Variables: []types.PipelineVariable{{Name: aws.String("database"), Value: aws.String("db:5432")}}})
	require.NoError(t, err)
	status := func() types.PipelineExecutionStatus {
		t.Helper()
		out, err := c.GetPipelineExecution(t.Context(), &codepipeline.GetPipelineExecutionInput{PipelineName: name, PipelineExecutionId: started.PipelineExecutionId})
		require.NoError(t, err)
		return out.PipelineExecution.Status
	}
	source, deploy = state()
	assert.Equal(t, types.StageExecutionStatusInProgress, source.LatestExecution.Status)
	assert.Nil(t, deploy.InboundExecution)
	now.move(24 * time.Hour)
	assert.Equal(t, types.PipelineExecutionStatusInProgress, status(), "it waits, however long")
	source, deploy = state()
	assert.Equal(t, types.StageExecutionStatusSucceeded, source.LatestExecution.Status)
	assert.Equal(t, *started.PipelineExecutionId, *deploy.InboundExecution.PipelineExecutionId)
	assert.False(t, deploy.InboundTransitionState.Enabled)
	assert.Equal(t, "年末の凍結", *deploy.InboundTransitionState.DisabledReason)
	assert.Nil(t, deploy.LatestExecution)

	_, err = c.EnableStageTransition(t.Context(), &codepipeline.EnableStageTransitionInput{PipelineName: name, StageName: stage, TransitionType: types.StageTransitionTypeInbound})
	require.NoError(t, err)
	_, deploy = state()
	assert.True(t, deploy.InboundTransitionState.Enabled)
	assert.Equal(t, types.PipelineExecutionStatusInProgress, status(), "the deployment begins when it is let in, not a day ago")
	now.move(time.Hour)
	assert.Equal(t, types.PipelineExecutionStatusSucceeded, status())

	for what, bad := range map[string]codepipeline.DisableStageTransitionInput{
		"StageNotFoundException":    {PipelineName: name, StageName: aws.String("Approval"), TransitionType: types.StageTransitionTypeInbound},
		"PipelineNotFoundException": {PipelineName: aws.String("none"), StageName: stage, TransitionType: types.StageTransitionTypeInbound},
		"SandboxNotModelled":        {PipelineName: name, StageName: stage, TransitionType: types.StageTransitionTypeOutbound},
	} {
		bad.Reason = aws.String("x")
		_, err := c.DisableStageTransition(t.Context(), &bad)
		require.ErrorContains(t, err, what)
	}
}

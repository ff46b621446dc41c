package dial

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/mocks"
)

func TestAnUpdateThatTheRunWasNotReadyForIsSentAgainUnderItsID(t *testing.T) {
	c, handle := &mocks.Client{}, &mocks.WorkflowUpdateHandle{}
	wanted := client.UpdateWorkflowOptions{WorkflowID: "w", UpdateID: "u", UpdateName: "decide", WaitForStage: client.WorkflowUpdateStageCompleted}
	c.On("UpdateWorkflow", mock.Anything, wanted).Return(nil, serviceerror.NewWorkflowNotReady("task failed")).Times(2)
	c.On("UpdateWorkflow", mock.Anything, wanted).Return(handle, nil).Once()
	handle.On("Get", mock.Anything, mock.Anything).Return(nil).Once()
	require.NoError(t, Update(t.Context(), c, client.UpdateWorkflowOptions{WorkflowID: "w", UpdateID: "u", UpdateName: "decide"}, new(string)))
	c.AssertExpectations(t)
	handle.AssertExpectations(t)
}

func TestAnyOtherErrorOfAnUpdateEndsIt(t *testing.T) {
	c := &mocks.Client{}
	gone := serviceerror.NewNotFound("no such run")
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Return(nil, gone).Once()
	require.ErrorIs(t, Update(t.Context(), c, client.UpdateWorkflowOptions{UpdateID: "u"}, nil), gone)
	c.AssertExpectations(t)
}

func TestAnUpdateThatIsTurnedAwayForeverSaysWhyWhenItsTimeIsOver(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := &mocks.Client{}
	c.On("UpdateWorkflow", mock.Anything, mock.Anything).Run(func(mock.Arguments) { cancel() }).Return(nil, serviceerror.NewWorkflowNotReady("task failed"))
	err := Update(ctx, c, client.UpdateWorkflowOptions{UpdateID: "u"}, nil)
	require.ErrorIs(t, err, context.Canceled)
	var notReady *serviceerror.WorkflowNotReady
	require.True(t, errors.As(err, &notReady))
}

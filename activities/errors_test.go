package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
)

func answered(status int, code string) error {
	return &smithy.OperationError{ServiceID: "S3", OperationName: "PutObject", Err: &awshttp.ResponseError{
		RequestID: "REQ1",
		ResponseError: &smithyhttp.ResponseError{
			Response: &smithyhttp.Response{Response: &http.Response{StatusCode: status}},
			Err:      &smithy.GenericAPIError{Code: code, Message: "words", Fault: smithy.FaultClient},
		},
	}}
}

func TestErrorsAreClassifiedByOneTable(t *testing.T) {
	for name, c := range map[string]struct {
		err  error
		want string
	}{
		"throttled by code":     {answered(400, "ThrottlingException"), Throttled},
		"throttled by status":   {answered(429, "Whatever"), Throttled},
		"slow down is no fault": {answered(503, "SlowDown"), Throttled},
		"server fault":          {answered(500, "Whatever"), Unavailable},
		"server fault in a 400": {answered(400, "WAFInternalErrorException"), Unavailable},
		"denied by status":      {answered(403, "Whatever"), Denied},
		"denied by code":        {answered(400, "AccessDeniedException"), Denied},
		"not found":             {answered(404, "Whatever"), NotFound},
		"not found in a 400":    {answered(400, "ClusterNotFoundException"), NotFound},
		"precondition":          {answered(412, "PreconditionFailed"), Conflict},
		"lock token":            {answered(400, "WAFOptimisticLockException"), Conflict},
		"bad request":           {answered(400, "Whatever"), InvalidInput},
		"quota":                 {answered(400, "SnapshotQuotaExceeded"), InvalidInput},
		"missing parameter":     {&smithy.InvalidParamsError{Context: "PutObjectInput"}, InvalidInput},
		"no answer":             {&smithyhttp.RequestSendError{Err: &net.OpError{Op: "read", Err: errors.New("connection reset by peer")}}, Unavailable},
		"time-out":              {context.DeadlineExceeded, Unavailable},
		"broken answer":         {io.ErrUnexpectedEOF, Unavailable},
		"unheard of":            {errors.New("?"), Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			err := Classify(c.err, "write the page")
			requireType(t, err, c.want)
			assert.Contains(t, err.Error(), "write the page: ")
			var typed *temporal.ApplicationError
			require.ErrorAs(t, err, &typed)
			assert.NoError(t, typed.Unwrap(), "a history keeps causes in full")
		})
	}
	assert.Contains(t, Classify(answered(403, "AccessDenied"), "x").Error(), "REQ1")
}

func TestClassifyLeavesAloneWhatHasItsType(t *testing.T) {
	require.NoError(t, Classify(nil, "x"))
	typed := fail(Drifted, "as it was")
	assert.Equal(t, typed, Classify(typed, "x"))
	cancelled := fmt.Errorf("stop: %w", context.Canceled)
	assert.Equal(t, cancelled, Classify(cancelled, "x"))
}

func TestOwnDatabaseIsTriedAgain(t *testing.T) {
	require.NoError(t, recordsError(nil, "x"))
	requireType(t, recordsError(errors.New("connection refused"), "x"), Unavailable)
	requireType(t, recordsError(fmt.Errorf("attempt 1: %w", records.ErrSuperseded), "x"), Conflict)
	assert.ErrorIs(t, recordsError(context.Canceled, "x"), context.Canceled)
}

func TestEveryTypeIsInTheTable(t *testing.T) {
	for code, kind := range codes {
		assert.Contains(t, classes, kind, code)
	}
	retryable := []string{}
	for kind, c := range classes {
		if c.retryable {
			retryable = append(retryable, kind)
		}
	}
	assert.ElementsMatch(t, []string{Conflict, Throttled, Unavailable, NotYet}, retryable)
}

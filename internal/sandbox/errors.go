package sandbox

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"

	cloudfront "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	cloudwatch "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	logs "github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs/types"
	ecs "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	scheduler "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	sesv2 "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	ssm "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	wafv2 "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// answeredError is an error that AWS answers: the SDK's error value and the HTTP status that it comes with.
type answeredError struct {
	status int
	err    smithy.APIError
}

func (e *answeredError) Error() string { return e.err.Error() }
func (e *answeredError) Unwrap() error { return e.err }

func fail(status int, err smithy.APIError) error { return &answeredError{status, err} }

// generic is an error that the SDK has no type for.
func generic(code, message string) *smithy.GenericAPIError {
	return &smithy.GenericAPIError{Code: code, Message: message, Fault: smithy.FaultClient}
}

// throttled is how each service says "too fast".
func throttled(service string) error {
	const words = "Rate exceeded"
	switch service {
	case "s3":
		return fail(http.StatusServiceUnavailable, &smithy.GenericAPIError{Code: "SlowDown", Message: "Please reduce your request rate.", Fault: smithy.FaultServer})
	case "scheduler":
		return fail(http.StatusTooManyRequests, &scheduler.ThrottlingException{Message: ptr(words)})
	case "sesv2":
		return fail(http.StatusTooManyRequests, &sesv2.TooManyRequestsException{Message: ptr(words)})
	case "ecs", "wafv2", "cloudwatch logs", "config service", "ssm", "ecr", "codepipeline", "route 53":
		return fail(http.StatusBadRequest, generic("ThrottlingException", words))
	case "lambda":
		return fail(http.StatusTooManyRequests, generic("TooManyRequestsException", words))
	}
	return fail(http.StatusBadRequest, generic("Throttling", words))
}

// internalError is how each service says that it failed.
func internalError(service string) error {
	const words = "An internal error has occurred."
	code := "InternalFailure"
	switch service {
	case "cloudwatch":
		return fail(http.StatusInternalServerError, &cloudwatch.InternalServiceFault{Message: ptr(words)})
	case "cloudwatch logs":
		return fail(http.StatusInternalServerError, &logs.ServiceUnavailableException{Message: ptr("The service cannot complete the request.")})
	case "ssm":
		return fail(http.StatusInternalServerError, &ssm.InternalServerError{Message: ptr(words)})
	case "ecs":
		return fail(http.StatusInternalServerError, &ecs.ServerException{Message: ptr(words)})
	case "scheduler":
		return fail(http.StatusInternalServerError, &scheduler.InternalServerException{Message: ptr(words)})
	case "wafv2":
		return fail(http.StatusInternalServerError, &wafv2.WAFInternalErrorException{Message: ptr(words)})
	case "s3", "cloudfront":
		code = "InternalError"
	case "ecr":
		code = "ServerException"
	case "lambda":
		code = "ServiceException"
	}
	return fail(http.StatusInternalServerError, &smithy.GenericAPIError{Code: code, Message: words, Fault: smithy.FaultServer})
}

// denied is how each service says that the caller may not.
func denied(service, operation, caller string) error {
	words := "User: " + caller + " is not authorized to perform: " + service + ":" + operation
	switch service {
	case "cloudfront":
		return fail(http.StatusForbidden, &cloudfront.AccessDenied{Message: ptr(words)})
	case "ecs":
		return fail(http.StatusBadRequest, &ecs.AccessDeniedException{Message: ptr(words)})
	case "wafv2", "cloudwatch logs", "config service", "ssm", "ecr", "codepipeline":
		return fail(http.StatusBadRequest, generic("AccessDeniedException", words))
	case "scheduler", "sesv2", "lambda":
		return fail(http.StatusForbidden, generic("AccessDeniedException", words))
	}
	return fail(http.StatusForbidden, generic("AccessDenied", words))
}

// timeoutError is what an HTTP client reports when the answer does not come in time.
type timeoutError struct{}

func (timeoutError) Error() string   { return "net/http: timeout awaiting response headers" }
func (timeoutError) Timeout() bool   { return true }
func (timeoutError) Temporary() bool { return true }

// timedOut is what the SDK's transport returns for a request whose answer never came; it is a net.Error with Timeout().
func timedOut(target *url.URL) error { return sendError(target, timeoutError{}) }

// connectionReset is what the SDK's transport returns when the connection breaks before an answer; it is a net.Error.
func connectionReset(target *url.URL) error {
	return sendError(target, &net.OpError{Op: "read", Net: "tcp", Err: os.NewSyscallError("read", syscall.ECONNRESET)})
}

func sendError(target *url.URL, cause error) error {
	where := "sandbox"
	if target != nil {
		where = target.Scheme + "://" + target.Host + target.Path
	}
	return &smithyhttp.RequestSendError{Err: &url.Error{Op: "Post", URL: where, Err: cause}}
}

// outcome is how the journal words what became of a write.
func outcome(err error) string {
	var api smithy.APIError
	switch {
	case err == nil:
		return OutcomeOK
	case errors.As(err, &api):
		return "error:" + api.ErrorCode()
	}
	return "error:" + err.Error()
}

// count is the length of a list as AWS's types have it.
func count[T any](list []T) *int32 { return ptr(int32(len(list))) } //nolint:gosec // lists here are far from 2^31 long

func ptr[T any](v T) *T { return &v }

// val is what p points at, or the zero value.
func val[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// isCode tells whether err is AWS's error of that code.
func isCode(err error, code string) bool {
	var api smithy.APIError
	return errors.As(err, &api) && api.ErrorCode() == code
}

package activities

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"go.temporal.io/sdk/temporal"
)

// The types of the errors that activities return.
const (
	InvalidInput   = "InvalidInput"   // a person's mistake, or a request that AWS does not take
	Refused        = "Refused"        // the operated system's rules refuse it
	Drifted        = "Drifted"        // the object is neither as planned nor as we left it; nothing was overwritten
	OutcomeUnknown = "OutcomeUnknown" // it may or may not have happened and cannot be looked up
	Denied         = "Denied"         // a permission is missing
	NotFound       = "NotFound"       // the object is not there
	Locked         = "Locked"         // another run holds the resource
	Conflict       = "Conflict"       // somebody was quicker, or an older attempt was fenced off; the retry reads again
	Throttled      = "Throttled"      // too many calls
	Unavailable    = "Unavailable"    // 5xx, time-out, lost connection, our own database
	NotYet         = "NotYet"         // it has not settled yet
	NotStaged      = "NotStaged"      // what a load had staged is gone
	TaskEnded      = "TaskEnded"      // a task ended by itself; another one can be started
	Unfit          = "Unfit"          // what was released does not work, or AWS has given it up: nobody is asked, it is taken back
)

// class is what is known about a type of error: whether trying again can help, and what a person does about it.
type class struct {
	retryable bool
	advice    string
}

// classes is the one table that decides about retries.
var classes = map[string]class{
	InvalidInput:   {false, "mend the input or system.yaml, then answer retry"},
	Refused:        {false, ""},
	Drifted:        {false, ""},
	OutcomeUnknown: {false, ""},
	Denied:         {false, "let the worker's role have this permission (`starter check` lists what is missing), then answer retry"},
	NotFound:       {false, "check the name in system.yaml (`starter check` compares it with AWS), then answer retry"},
	Locked:         {false, ""},
	Conflict:       {true, ""},
	Throttled:      {true, ""},
	Unavailable:    {true, ""},
	NotYet:         {true, ""},
	NotStaged:      {false, ""},
	TaskEnded:      {false, ""},
	Unfit:          {false, ""},
}

// codes maps AWS error codes to types where the HTTP status alone would mislead or is missing.
var codes = map[string]string{
	"Throttling":                             Throttled,
	"ThrottlingException":                    Throttled,
	"ThrottledException":                     Throttled,
	"RequestThrottled":                       Throttled,
	"RequestThrottledException":              Throttled,
	"RequestLimitExceeded":                   Throttled,
	"TooManyRequestsException":               Throttled,
	"TooManyInvalidationsInProgress":         Throttled,
	"ProvisionedThroughputExceededException": Throttled,
	"SlowDown":                               Throttled,
	"BandwidthLimitExceeded":                 Throttled,
	"PriorRequestNotComplete":                Throttled,

	"InternalError":                 Unavailable,
	"InternalFailure":               Unavailable,
	"InternalServerError":           Unavailable,
	"InternalServerException":       Unavailable,
	"InternalServiceError":          Unavailable,
	"InternalServiceErrorException": Unavailable,
	"InternalServiceException":      Unavailable,
	"InternalServiceFault":          Unavailable,
	"ServiceException":              Unavailable,
	"ServerException":               Unavailable,
	"ServiceUnavailable":            Unavailable,
	"ServiceUnavailableException":   Unavailable,
	"Unavailable":                   Unavailable,
	"RequestTimeout":                Unavailable,
	"RequestTimeoutException":       Unavailable,
	"WAFInternalErrorException":     Unavailable,
	"WAFUnavailableEntityException": Unavailable,

	"AccessDenied":                Denied,
	"AccessDeniedException":       Denied,
	"UnauthorizedOperation":       Denied,
	"UnauthorizedAccess":          Denied,
	"NotAuthorized":               Denied,
	"AuthFailure":                 Denied,
	"OptInRequired":               Denied,
	"InvalidClientTokenId":        Denied,
	"UnrecognizedClientException": Denied,
	"ExpiredToken":                Denied,
	"ExpiredTokenException":       Denied,
	"SignatureDoesNotMatch":       Denied,
	"AccountSuspendedException":   Denied,

	guardCode: Refused,

	"NotFound":                           NotFound,
	"NotFoundException":                  NotFound,
	"NoSuchDistribution":                 NotFound,
	"NoSuchInvalidation":                 NotFound,
	"NoSuchResource":                     NotFound,
	"NoSuchBucket":                       NotFound,
	"NoSuchKey":                          NotFound,
	"EntityNotFound":                     NotFound,
	"WAFNonexistentItemException":        NotFound,
	"ClusterNotFoundException":           NotFound,
	"ServiceNotFoundException":           NotFound,
	"DBClusterNotFoundFault":             NotFound,
	"DBClusterSnapshotNotFoundFault":     NotFound,
	"DBSubnetGroupNotFoundFault":         NotFound,
	"DBInstanceNotFound":                 NotFound,
	"ResourceNotFound":                   NotFound,
	"ResourceNotFoundException":          NotFound,
	"ResourceNotFoundFault":              NotFound,
	"ServiceNotActiveException":          NotFound,
	"PipelineNotFoundException":          NotFound,
	"PipelineExecutionNotFoundException": NotFound,
	"RepositoryNotFoundException":        NotFound,
	"ImageNotFoundException":             NotFound,
	"NoSuchVersion":                      NotFound,
	"ParameterNotFound":                  NotFound,
	"NoSuchConfigRuleException":          NotFound,
	"InvalidInput":                       InvalidInput,
	"ValidationException":                InvalidInput,
	"MailFromDomainNotVerified":          InvalidInput,
	"WAFLimitsExceededException":         InvalidInput,
	"SnapshotQuotaExceeded":              InvalidInput,
	"DBClusterQuotaExceededFault":        InvalidInput,
	"InstanceQuotaExceeded":              InvalidInput,
	"InvalidRestoreFault":                InvalidInput,
	"KMSKeyNotAccessibleFault":           InvalidInput,
	"ServiceQuotaExceededException":      InvalidInput,
	"LimitExceededException":             InvalidInput,
	"WAFDuplicateItemException":          InvalidInput,
	"WAFInvalidParameterException":       InvalidInput,
	"InvalidParameterValueException":     InvalidInput,
	"InvalidArgument":                    InvalidInput,
	"MalformedPolicyDocumentException":   InvalidInput,

	"PreconditionFailed":                  Conflict,
	"PreconditionFailedException":         Conflict,
	"ResourceConflictException":           Conflict,
	"InvalidIfMatchVersion":               Conflict,
	"ConditionalRequestConflict":          Conflict,
	"OperationAborted":                    Conflict,
	"ConflictException":                   Conflict,
	"ConcurrentModificationException":     Conflict,
	"ResourceConflict":                    Conflict,
	"UpdateInProgressException":           Conflict,
	"WAFOptimisticLockException":          Conflict,
	"DBClusterSnapshotAlreadyExistsFault": Conflict,
	"InvalidDBClusterStateFault":          Conflict,
	"InvalidGlobalClusterStateFault":      Conflict,
	"InvalidDBClusterSnapshotStateFault":  Conflict,
	"DBClusterAlreadyExistsFault":         Conflict,
	"DBInstanceAlreadyExists":             Conflict,
	"InvalidDBInstanceState":              Conflict,
	"TooManyUpdates":                      Conflict,
	"OperationAbortedException":           Conflict,
	"ResourceInUseException":              Conflict,
}

// typeOf finds the type of an error that came from outside. What nobody knows counts as Unavailable: the policy's
// limited attempts end it, and the step is held for a person.
func typeOf(err error) string {
	var invalid *smithy.InvalidParamsError
	if errors.As(err, &invalid) {
		return InvalidInput
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		if kind, ok := codes[api.ErrorCode()]; ok {
			return kind
		}
	}
	if kind, ok := typeOfStatus(statusOf(err)); ok {
		return kind
	}
	if api != nil && api.ErrorFault() == smithy.FaultClient {
		return InvalidInput
	}
	var serialization *smithy.SerializationError
	if errors.As(err, &serialization) {
		return InvalidInput
	}
	return Unavailable
}

// statusOf is the HTTP status of the answer, 0 if there was none.
func statusOf(err error) int {
	var response *smithyhttp.ResponseError
	if errors.As(err, &response) {
		return response.HTTPStatusCode()
	}
	return 0
}

func typeOfStatus(status int) (string, bool) {
	switch {
	case status == http.StatusTooManyRequests:
		return Throttled, true
	case status == http.StatusRequestTimeout, status >= 500:
		return Unavailable, true
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return Denied, true
	case status == http.StatusNotFound, status == http.StatusGone:
		return NotFound, true
	case status == http.StatusConflict, status == http.StatusPreconditionFailed:
		return Conflict, true
	case status >= 400:
		return InvalidInput, true
	}
	return "", false
}

// Classify turns an error from outside into the error that an activity returns: a type from the one table, retryable or
// not, and a message that says what was being done. An error that has its type already, and a cancellation, pass
// unchanged. The cause goes into the message only: a history keeps causes in full, and they may hold too much.
func Classify(err error, doing string) error {
	if err == nil {
		return nil
	}
	var typed *temporal.ApplicationError
	if errors.As(err, &typed) || temporal.IsCanceledError(err) || errors.Is(err, context.Canceled) {
		return err
	}
	kind := typeOf(err)
	message := doing + ": " + reason(err)
	if advice := classes[kind].advice; advice != "" {
		message += "; " + advice
	}
	return fail(kind, "%s", message)
}

// fail builds an error of a type. Whether it is retried is the table's decision.
func fail(kind, format string, args ...any) error {
	message := fmt.Sprintf(format, args...)
	if classes[kind].retryable {
		return temporal.NewApplicationError(message, kind)
	}
	return temporal.NewNonRetryableApplicationError(message, kind, nil)
}

// isType tells whether err is an error of the type.
func isType(err error, kind string) bool {
	var typed *temporal.ApplicationError
	return errors.As(err, &typed) && typed.Type() == kind
}

// reason is the shortest text that still tells a person, and AWS support, what happened.
func reason(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		text := api.ErrorCode() + ": " + api.ErrorMessage()
		var response *awshttp.ResponseError
		if errors.As(err, &response) && response.ServiceRequestID() != "" {
			text += " (request ID " + response.ServiceRequestID() + ")"
		}
		return text
	}
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return "no answer in time"
	case errors.As(err, &network):
		return "no answer: " + network.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "no answer: the connection broke"
	}
	return strings.TrimSpace(err.Error())
}

// errorCode is the code of AWS's answer, "" if there was none.
func errorCode(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

func isTimeout(err error) bool {
	var network net.Error
	return errors.As(err, &network) && network.Timeout()
}

// transient tells whether a read that failed like this may simply be read again.
func transient(err error) bool {
	return isType(err, Throttled) || isType(err, Unavailable) || isType(err, Conflict)
}

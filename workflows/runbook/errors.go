package runbook

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/temporal"
)

// The types of the errors with which a run ends. None is retried.
const (
	ErrInvalidInput = "InvalidInput" // the input was refused before any effect
	ErrRefused      = "Refused"      // the system's rules refuse the request before any effect
	ErrRejected     = "Rejected"     // a person rejected the plan
	ErrExpired      = "Expired"      // nobody approved in time, or the window was missed
	ErrLeft         = "Left"         // a gate was left unanswered before its deadline, as Gate.Wake wanted; no run ends so
	ErrCancelled    = "Cancelled"    // a person cancelled it; everything was put back but for what the message names
	ErrRolledBack   = "RolledBack"   // a step failed; everything was put back but for what the message names
	ErrEvidenceLost = "EvidenceLost" // a row of evidence could not be written
	ErrUndoFailed   = "UndoFailed"   // something could not be put back; the message says what

	ErrNeverApproved = "NeverApproved" // an emergency change that nobody approved afterwards; it stays as it was made
)

// End builds an error with which a run ends.
func End(kind, format string, args ...any) error {
	return temporal.NewNonRetryableApplicationError(fmt.Sprintf(format, args...), kind, nil)
}

// IsEnd tells whether err is, or wraps, an application error of the kind.
func IsEnd(err error, kind string) bool {
	var app *temporal.ApplicationError
	return errors.As(err, &app) && app.Type() == kind
}

// Words is an error's message without the SDK's wrapping: what a person needs to read. Of several errors it is all of them.
func Words(err error) string {
	if joined, several := err.(interface{ Unwrap() []error }); several {
		var words []string
		for _, one := range joined.Unwrap() {
			words = append(words, Words(one))
		}
		return strings.Join(words, "; ")
	}
	var app *temporal.ApplicationError
	if errors.As(err, &app) {
		return app.Message()
	}
	var timeout *temporal.TimeoutError
	if errors.As(err, &timeout) {
		text := "it did not finish in time (" + strings.ToLower(timeout.TimeoutType().String()) + ")"
		if cause := errors.Unwrap(timeout); cause != nil {
			text += "; last: " + Words(cause)
		}
		return text
	}
	return err.Error()
}

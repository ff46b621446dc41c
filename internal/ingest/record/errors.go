package record

import "fmt"

// FileError says that a file cannot be trusted as a whole, so that nothing of it may be loaded. Trying again does not
// help: somebody has to deliver another file, or to mend the declaration.
type FileError struct {
	Line   int64  // where it shows, from 1; 0 if it is the file as a whole
	Reason string // in words: what is wrong, and what was expected
	Cause  error  // may be nil
}

// Error is the reason, with the line if Reason does not name it.
func (e *FileError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("line %d: %s", e.Line, e.Reason)
	}
	return e.Reason
}

// Unwrap is the cause.
func (e *FileError) Unwrap() error { return e.Cause }

// Refuse is a FileError about the file as a whole.
func Refuse(format string, args ...any) *FileError {
	return &FileError{Reason: fmt.Sprintf(format, args...)}
}

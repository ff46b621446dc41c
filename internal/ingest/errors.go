package ingest

import (
	"fmt"

	"tejun/internal/ingest/record"
)

// FileError says that a file cannot be trusted as a whole, so that nothing of it may be loaded.
type FileError = record.FileError

func refuse(format string, args ...any) *FileError { return record.Refuse(format, args...) }

// RejectLimitError says that more rows were rejected than the dataset allows. The rejects up to then have been emitted.
type RejectLimitError struct {
	Rejects, Records int64
	Limit            string // as declared, in words
	First            Reject
}

// Error gives the counts and the first reject.
func (e *RejectLimitError) Error() string {
	column := e.First.Column
	if column != "" {
		column = ", column " + column
	}
	return fmt.Sprintf("%d of %d rows are rejected, which is more than %s; the first is line %d%s: %s; have the rows mended, or raise limits.rejectRows or limits.rejectShare of the dataset if so many may be left out",
		e.Rejects, e.Records, e.Limit, e.First.Line, column, e.First.Reason)
}

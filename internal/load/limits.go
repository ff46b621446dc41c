package load

import (
	"context"
	"fmt"

	"tejun/internal/dataset"
	"tejun/internal/ingest"
)

// CheckRejects compares all rejected rows of what is staged with what the dataset allows. Rows that break a rule by themselves
// were compared while the file was read; this counts those that contradict another, or name what is not there, as well.
func (s *Store) CheckRejects(ctx context.Context, run Run, allowed dataset.Limits, c Counts) error {
	if c.Dangling+c.Conflicts == 0 {
		return nil
	}
	over := &ingest.RejectLimitError{Rejects: c.AllRejected(), Records: c.Records}
	switch share := allowed.RejectShare; {
	case allowed.RejectRows >= 0 && over.Rejects > allowed.RejectRows:
		over.Limit = fmt.Sprintf("the %d that are allowed", allowed.RejectRows)
	case share > 0 && float64(over.Rejects) > share*float64(over.Records):
		over.Limit = fmt.Sprintf("%g %% of them", share*100)
	default:
		return nil
	}
	err := s.pool.QueryRow(ctx, fmt.Sprintf("SELECT line, name, reason FROM %s ORDER BY line, name LIMIT 1", quote(ledgerSchema, run.table("r")))).
		Scan(&over.First.Line, &over.First.Column, &over.First.Reason)
	if err != nil {
		return wrap("read the first rejected row", err)
	}
	return over
}

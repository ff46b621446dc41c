package load

import (
	"context"
	"errors"

	"tejun/internal/dataset"
	"tejun/internal/ingest"
)

// CheckRejects compares all rejected rows of what is staged with what the dataset allows. Rows that break a rule by themselves
// were compared while the file was read; this counts those that contradict another, or name what is not there, as well.
func (s *Store) CheckRejects(ctx context.Context, run Run, allowed dataset.Limits, c Counts) error {
	limit := ingest.OverLimit(allowed, c.AllRejected(), c.Records)
	if limit == "" {
		return nil
	}
	first, err := s.firstRejects(ctx, run, 1)
	if err != nil {
		return err
	}
	if len(first) == 0 {
		return errors.New("rejected rows were counted and none is written down: report this")
	}
	return &ingest.RejectLimitError{Rejects: c.AllRejected(), Records: c.Records, Limit: limit, First: first[0]}
}

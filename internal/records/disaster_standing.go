package records

import (
	"context"
	"fmt"
)

// StandingDisaster is the newest real run of a system that ended and left the other region in use, or left something behind, with
// none after it that ended with the primary serving again. One that was declined or undone after it changes nothing of that.
// ErrNotFound: there is none.
func (s *Store) StandingDisaster(ctx context.Context, system string) (Disaster, error) {
	list, err := s.disasters(ctx, `SELECT `+disasterColumns+` FROM tejun.disasters
		WHERE system = $1 AND mode = 'real' AND outcome = ANY($2) ORDER BY started_at DESC, ended_at DESC, operation LIMIT 1`,
		system, []string{DisasterStays, DisasterFailed, DisasterReturned})
	switch {
	case err != nil:
		return Disaster{}, fmt.Errorf("look for a disaster of %s that stands: %w", system, err)
	case len(list) == 0 || list[0].Outcome == DisasterReturned:
		return Disaster{}, fmt.Errorf("a disaster of %s that stands: %w", system, ErrNotFound)
	}
	return list[0], nil
}

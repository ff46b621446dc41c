// Package sla has the clocks of service levels: of two kinds, pausable, and pure. A clock reads nothing by itself; whoever asks
// it says what time it is.
package sla

import (
	"fmt"
	"slices"
	"time"
)

// Kind says which time counts.
type Kind string

// The kinds of clocks.
const (
	Always   Kind = "24x365"   // every hour of every day
	Business Kind = "business" // business hours of business days in Japan
)

// Kinds lists the kinds.
func Kinds() []string { return []string{string(Always), string(Business)} }

// Clock measures how long something may take. It runs from From until Met, and stands still in its pauses.
type Clock struct {
	Name   string        `json:"name"`
	Kind   Kind          `json:"kind"`
	Limit  time.Duration `json:"limit"`
	From   time.Time     `json:"from"`
	Pauses []Pause       `json:"pauses"` // in order, none overlapping another; only the last one may be open
	Met    *time.Time    `json:"met"`    // when what it measures was done; nil: it has not been
}

// Pause is a time that does not count: [From, Until).
type Pause struct {
	From  time.Time  `json:"from"`
	Until *time.Time `json:"until"` // nil: it is not over
	Why   string     `json:"why"`
}

// Reading is what a clock shows at a moment.
type Reading struct {
	Due       time.Time     `json:"due"`       // while the clock is paused: as if it went on at this moment
	Elapsed   time.Duration `json:"elapsed"`   // that counts
	Remaining time.Duration `json:"remaining"` // below 0: that it is over its limit
	Paused    bool          `json:"paused"`
	Done      bool          `json:"done"`     // what it measures was done
	Breached  bool          `json:"breached"` // it took longer than its limit, or takes longer
}

// Paused tells whether the clock stands still.
func (c Clock) Paused() bool {
	return c.Met == nil && len(c.Pauses) > 0 && c.Pauses[len(c.Pauses)-1].Until == nil
}

// Check says what is wrong with the clock.
func (c Clock) Check() error {
	if c.Kind != Always && c.Kind != Business {
		return fmt.Errorf("clock %q: kind %q: want %s or %s", c.Name, c.Kind, Always, Business)
	}
	if c.Limit <= 0 {
		return fmt.Errorf("clock %q: limit %s: must be more than 0", c.Name, c.Limit)
	}
	after := c.From
	for i, p := range c.Pauses {
		switch {
		case p.From.Before(after):
			return fmt.Errorf("clock %q: pause %d begins at %s, before %s: pauses are in order and do not overlap", c.Name, i+1, p.From.Format(time.RFC3339), after.Format(time.RFC3339))
		case p.Until == nil && i < len(c.Pauses)-1:
			return fmt.Errorf("clock %q: pause %d has no end, and another one follows: only the last may be open", c.Name, i+1)
		case p.Until != nil && p.Until.Before(p.From):
			return fmt.Errorf("clock %q: pause %d ends at %s, before it begins", c.Name, i+1, p.Until.Format(time.RFC3339))
		case p.Until != nil:
			after = *p.Until
		}
	}
	return nil
}

// Read says what the clock shows at a moment. A clock of business hours fails with a *calendar.OutsideError where the
// holidays are not known.
func (c Clock) Read(h Hours, at time.Time) (Reading, error) {
	if err := c.Check(); err != nil {
		return Reading{}, err
	}
	if c.Met != nil && c.Met.Before(at) {
		at = *c.Met
	}
	r := Reading{Done: c.Met != nil, Paused: c.Paused()}
	for _, s := range c.running(at) {
		d, err := h.between(c.Kind, s.from, s.until)
		if err != nil {
			return Reading{}, err
		}
		r.Elapsed += d
	}
	r.Remaining = c.Limit - r.Elapsed
	r.Breached = r.Remaining < 0 || r.Remaining == 0 && c.Met == nil
	due, err := c.due(h, at)
	r.Due = due
	return r, err
}

// span is a time in which the clock runs.
type span struct{ from, until time.Time }

// running lists the times until a moment that are in no pause.
func (c Clock) running(at time.Time) (spans []span) {
	from := c.From
	add := func(until time.Time) {
		if until.After(at) {
			until = at
		}
		if until.After(from) {
			spans = append(spans, span{from, until})
		}
	}
	for _, p := range c.Pauses {
		add(p.From)
		if p.Until == nil {
			return spans
		}
		from = *p.Until
	}
	add(at)
	return spans
}

// due is when the limit is reached. An open pause counts as if it ended at the moment of the reading.
func (c Clock) due(h Hours, at time.Time) (time.Time, error) {
	left, from := c.Limit, c.From
	for _, p := range slices.Clone(c.Pauses) {
		d, err := h.between(c.Kind, from, p.From)
		if err != nil {
			return time.Time{}, err
		}
		if d >= left {
			break
		}
		left -= d
		switch {
		case p.Until != nil:
			from = *p.Until
		case at.After(p.From):
			from = at
		default:
			from = p.From
		}
	}
	return h.after(c.Kind, from, left)
}

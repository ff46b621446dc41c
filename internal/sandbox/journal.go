package sandbox

import (
	"encoding/json"
	"time"
)

// tailLength is how many journal entries a process keeps in memory.
const tailLength = 50

// Outcomes of a write, as the journal has them. An error that AWS would answer is "error:" and its code.
const (
	OutcomeOK        = "ok"
	OutcomeThrottled = "throttled"
	OutcomeLost      = "lost"                      // the request never arrived
	OutcomeTimedOut  = "timed-out-after-execution" // executed, but the answer never arrived
)

// Entry is one write operation that reached, or was sent to, AWS. Reads are not journalled.
type Entry struct {
	At        time.Time       `json:"at"`               // UTC
	Service   string          `json:"service"`          // such as "cloudfront"
	Region    string          `json:"region,omitempty"` // that the client was in; "" in entries of before there was a second one
	Operation string          `json:"operation"`        // such as "UpdateDistribution"
	Resource  string          `json:"resource"`         // such as "cloudfront:distribution/E123"
	Token     string          `json:"token"`            // IfMatch, LockToken, ClientToken or CallerReference; "" if none
	Params    json.RawMessage `json:"params"`           // the input without its empty members; values of origin headers are hidden
	Outcome   string          `json:"outcome"`
	Effect    bool            `json:"effect"` // the state really changed; false for a replay with the same token
	RequestID string          `json:"requestId"`
}

// Journal lists all writes in the order in which they took place.
func (s *Sandbox) Journal() (entries []Entry, err error) {
	err = s.locked(func() error {
		entries, err = s.log.entries()
		return err
	})
	return entries, err
}

// RecentJournal lists the newest writes, at most n and at most 50, oldest first.
func (s *Sandbox) RecentJournal(n int) ([]Entry, error) {
	var entries []Entry
	err := s.locked(func() error {
		recent := s.tail[max(0, len(s.tail)-min(n, tailLength)):]
		entries = append(entries, recent...)
		return nil
	})
	return entries, err
}

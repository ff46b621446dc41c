// Package drillreport writes the report of a disaster drill, or of a real disaster: one HTML file with a chart of its steps, for
// reading, printing and signing, and a workbook with the same figures, for those who go on calculating. The words stand in a
// template; this package knows the figures and the chart.
package drillreport

import (
	"time"

	"tejun/internal/records"
)

// Report is everything that a report says. Persons are IDs, so that none of their data lies in a history; Names gives them names
// when the report is written. Times are shown in whole seconds of Japan's time, and every span is counted between times cut to
// whole seconds: what a reader subtracts by hand is what stands there.
type Report struct {
	WorkflowID string `json:"workflowId"`
	RunID      string `json:"runId"`
	System     string `json:"system"` // its ID; earlier runs are those of the same system
	Title      string `json:"title"`
	Reason     string `json:"reason"`
	Ticket     string `json:"ticket"`
	Mode       string `json:"mode"`   // records.ModeDrill or records.ModeReal
	Manner     string `json:"manner"` // records.MannerGraceful or records.MannerUngraceful
	Via        string `json:"via"`    // snapshot or global-cluster: how the database came up
	Primary    string `json:"primary"`
	DR         string `json:"dr"`         // the regions, as AWS calls them
	Redirected string `json:"redirected"` // the public name that was redirected, "" if none was to be
	Requester  string `json:"requester"`
	Operator   string `json:"operator"`

	StartedAt  time.Time  `json:"startedAt"`
	DisasterAt *time.Time `json:"disasterAt"` // when it struck, if somebody said so
	Declared   *Declared  `json:"declared"`   // nil: it never was
	DataAt     *time.Time `json:"dataAt"`     // how old the data is that came up: everything until then is in it
	Data       string     `json:"data"`       // what it came from, in words: a snapshot's name, the lag of a cluster
	RestoredAt *time.Time `json:"restoredAt"` // the first good answer from outside by the other region
	ReturnedAt *time.Time `json:"returnedAt"` // the first good answer from outside by the primary again
	EndedAt    time.Time  `json:"endedAt"`

	RTOTarget time.Duration `json:"rtoTarget"`
	RPOTarget time.Duration `json:"rpoTarget"`

	Budgets   []Budget   `json:"budgets"`   // of parts that are more than one step; a step's own stands with it
	Steps     []Step     `json:"steps"`     // in the order in which they are carried out, those that were not reached too
	Decisions []Decision `json:"decisions"` // every one, refused ones too, in any order
	Outcome   string     `json:"outcome"`   // one of records.DisasterOutcomes
	Note      string     `json:"note"`      // how it ended, in words; problems that were found
	Left      string     `json:"left"`      // what was not taken back, in words: "" for nothing

	Earlier  []records.Disaster `json:"earlier"` // the newest first, as EarlierDisasters lists them
	Evidence Evidence           `json:"evidence"`
}

// Declared says who declared the disaster, or the drill, and when.
type Declared struct {
	By []string  `json:"by"` // persons
	At time.Time `json:"at"`
}

// The parts that steps belong to.
const (
	PartRecovery = "recovery" // until the decision to return
	PartReturn   = "return"   // the way back
)

// How steps end.
const (
	StepDone       = "done"
	StepSkipped    = "skipped"
	StepFailed     = "failed"
	StepUndone     = "undone"      // done, and taken back because the run was given up
	StepNotReached = "not-reached" // never begun
)

// Step is a step of the run. One that was not reached has no times; one without an end was going on when the report was written.
type Step struct {
	Name    string        `json:"name"`  // the same in every run, such as database: by it runs are compared
	Title   string        `json:"title"` // in Japanese; "" for the one that is known for the name
	Part    string        `json:"part"`  // PartRecovery or PartReturn
	Begin   *time.Time    `json:"begin"`
	End     *time.Time    `json:"end"`
	Human   []Span        `json:"human"`  // when it waited for people; what overlaps counts once, what lies outside does not count
	Budget  time.Duration `json:"budget"` // from Begin; 0 for none
	AtRisk  *time.Time    `json:"atRisk"` // when it was warned that most of the budget is used
	Outcome string        `json:"outcome"`
	Comment string        `json:"comment"` // why it was skipped, what failed
}

// Budget is one of a part of the run that is more than one step, as the run has watched it.
type Budget struct {
	Name   string        `json:"name"` // the same in every run: fence, outside, return
	Of     time.Duration `json:"of"`
	Begin  time.Time     `json:"begin"`
	End    *time.Time    `json:"end"`    // nil: it was going on when the report was written
	AtRisk *time.Time    `json:"atRisk"` // when it was warned that most of it is used
}

// Span is a time in which the run waited for people: a gate, or a question that was open.
type Span struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to"`  // nil: until the step's end
	Who  string     `json:"who"` // who answered, "" if nobody did
	Why  string     `json:"why"` // what was waited for, in words
}

// Decision is an answer that somebody gave.
type Decision struct {
	At      time.Time `json:"at"`
	Who     string    `json:"who"`
	What    string    `json:"what"`   // the gate or the step that it answered, as the run calls it
	Answer  string    `json:"answer"` // approve, reject, retry, skip …
	Comment string    `json:"comment"`
	Refused string    `json:"refused"` // why it did not count, "" if it did
	Signed  bool      `json:"signed"`  // false: who it was is only claimed
}

// Evidence says where the proof of all this is, as it was when the report was written.
type Evidence struct {
	Rows int    `json:"rows"`
	Hash string `json:"hash"` // of the newest row, which covers all before it
}

// Names is what the report's writer looks up.
type Names struct {
	System string                 // name of the operated system in Japanese
	Owner  string                 // name in Japanese of the organisation that owns it
	Person func(id string) string // name in Japanese
	URL    string                 // the run's page, "" if there is none
}

package records

import (
	"time"
)

// The modes and manners of a disaster run.
const (
	ModeDrill        = "drill"
	ModeReal         = "real"
	MannerGraceful   = "graceful"   // the primary is still there: nothing is lost
	MannerUngraceful = "ungraceful" // it is not
)

// The outcomes of a disaster run.
const (
	DisasterReturned = "returned" // everything was done, and the primary serves again
	DisasterStays    = "stays"    // the run is over and the other region goes on serving
	DisasterDeclined = "declined" // never declared: refused, or nobody answered
	DisasterUndone   = "undone"   // begun, given up, and all of it taken back
	DisasterFailed   = "failed"   // ended otherwise: the report says what is left
)

// DisasterOutcomes are all of them.
var DisasterOutcomes = []string{DisasterReturned, DisasterStays, DisasterDeclined, DisasterUndone, DisasterFailed}

// Disaster is the registry's row of a drill or a real disaster. What it is (the fields up to StartedAt) is written when it is
// opened and never changes; the rest is written when it has ended. Spans are whole seconds.
type Disaster struct {
	Operation  string    `json:"operation"`
	WorkflowID string    `json:"workflowId"`
	System     string    `json:"system"` // ID of the operated system
	Mode       string    `json:"mode"`
	Manner     string    `json:"manner"`
	Title      string    `json:"title"`
	StartedAt  time.Time `json:"startedAt"`

	RunID      string         `json:"runId"` // of the newest run, after a Reset too
	DeclaredAt *time.Time     `json:"declaredAt"`
	RestoredAt *time.Time     `json:"restoredAt"`
	DataAt     *time.Time     `json:"dataAt"`
	RTOTarget  int            `json:"rtoTargetSeconds"`
	RPOTarget  int            `json:"rpoTargetSeconds"`
	RTO        *int           `json:"rtoSeconds"`      // measured; nil where it was not restored
	RTOHuman   *int           `json:"rtoHumanSeconds"` // of RTO: waited for people
	RPO        *int           `json:"rpoSeconds"`      // measured; nil where no data came up
	Steps      []DisasterStep `json:"steps"`
	Outcome    string         `json:"outcome"`    // "" while it goes on
	ReportKey  string         `json:"reportKey"`  // s3://bucket/key of the report in HTML
	ReportHash string         `json:"reportHash"` // its SHA-256 in hex
	EndedAt    *time.Time     `json:"endedAt"`
}

// DisasterStep is how long a step of a disaster run took.
type DisasterStep struct {
	Name    string `json:"name"`
	Part    string `json:"part"`
	Machine int    `json:"machineSeconds"`
	Human   int    `json:"humanSeconds"`
	Budget  int    `json:"budgetSeconds"` // 0 for none
	Outcome string `json:"outcome"`
}

// Seconds is how long the step took altogether.
func (s DisasterStep) Seconds() int { return s.Machine + s.Human }

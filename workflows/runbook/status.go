package runbook

import (
	"time"

	"tejun/internal/plan"
)

// State is what a run is doing, as the search attribute TejunState and Status.State show it.
type State string

// The states of a run. A run ends as done or failed; everything else is on the way.
const (
	Planning         State = "planning"
	AwaitingApproval State = "awaiting-approval"
	Waiting          State = "waiting" // for a time, or for people's work
	Overdue          State = "overdue" // what was done is to be approved afterwards, and that is late
	Running          State = "running"
	Held             State = "held" // a step's retries ended; a person decides
	Undoing          State = "undoing"
	Done             State = "done"
	Failed           State = "failed"
)

// Status is the answer to the query "status": all that one looks at in the night.
type Status struct {
	ID         string       `json:"id"`    // workflow ID
	RunID      string       `json:"runId"` //
	Runbook    string       `json:"runbook"`
	Row        int          `json:"row"`
	Title      string       `json:"title"`
	Requester  string       `json:"requester"`
	Parent     string       `json:"parent"`            // workflow ID of the run that has started this one; "" if a person or a schedule did
	About      []Fact       `json:"about"`             // what the run is about, in words
	Clocks     []ClockLine  `json:"clocks,omitempty"`  // of service levels
	Budgets    []BudgetLine `json:"budgets,omitempty"` // of parts of the run
	State      State        `json:"state"`
	Says       string       `json:"says"` // the state in one line of words
	WaitingFor *WaitingFor  `json:"waitingFor"`
	Steps      []Step       `json:"steps"`
	Children   []ChildLine  `json:"children"` // runs that this one has started
	Plan       *plan.Plan   `json:"plan"`
	Approvals  []Answered   `json:"approvals"` // every decision in the order of history, refused ones too
	Holds      []Hold       `json:"holds"`     // resources that this run holds
	Evidence   Evidence     `json:"evidence"`
	StartedAt  time.Time    `json:"startedAt"`
	EndedAt    *time.Time   `json:"endedAt"`

	operation string
	planText  string // the plan as Markdown, made once
}

// Fact is one line about a run.
type Fact struct {
	Name  string `json:"name"` // Japanese and English
	Value string `json:"value"`
}

// ClockLine is a clock of a service level, as it was read at a moment.
type ClockLine struct {
	Name      string        `json:"name"` // Japanese and English
	Due       time.Time     `json:"due"`
	Elapsed   time.Duration `json:"elapsed"`
	Remaining time.Duration `json:"remaining"`
	State     string        `json:"state"` // running, paused, met, breached
	At        time.Time     `json:"at"`
}

// WaitingFor says what would let the run go on, and who can give it.
type WaitingFor struct {
	Kind     string    `json:"kind"` // "approval", "time", "work", "decision", "held"
	Gate     string    `json:"gate"` // gate, or step when held
	Why      string    `json:"why"`
	Answers  []string  `json:"answers"`  // such as "approve", "reject"
	Eligible []string  `json:"eligible"` // person IDs who can still give one of the answers
	By       Answerers `json:"by"`       // who can still give which
	Values   Carried   `json:"values"`   // what an answer must or may carry, by answer
	Got      int       `json:"got"`      // approvals counted so far
	Quorum   int       `json:"quorum"`
	Plan     string    `json:"plan"`     // digest that an approval must be for, "" if none
	NamePlan bool      `json:"namePlan"` // the gate is asked again: an approval counts only if it names Plan
	Until    time.Time `json:"until"`
	Then     string    `json:"then"`           // what happens at that time if nobody answers
	Anew     bool      `json:"anew,omitempty"` // it is asked again then, so Until is no limit
	Next     *Ahead    `json:"next,omitempty"` // what happens before; nil for nothing that people notice
}

// Ahead is what happens next while nobody answers.
type Ahead struct {
	At   time.Time `json:"at"`
	What string    `json:"what"` // such as "officers are reminded"
}

// Answerers are the person IDs who can give an answer, sorted, by answer.
type Answerers map[string][]string

// StepState is where a step is.
type StepState string

// The states of a step.
const (
	StepPending StepState = "pending"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepHeld    StepState = "held"
	StepSkipped StepState = "skipped"
	StepFailed  StepState = "failed"
	StepUndone  StepState = "undone"
	// StepNotNeeded is a step that a run that has done its work never came to, as there was nothing to do for it.
	StepNotNeeded StepState = "not-needed"
)

// Step is one line of the checklist.
type Step struct {
	Name      string     `json:"name"`
	Title     string     `json:"title"`
	State     StepState  `json:"state"`
	Attempts  int        `json:"attempts"` // times that the step was tried, a person's retries included
	StartedAt *time.Time `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt"`
	Error     string     `json:"error"`
}

// ChildLine is a run that a run has started.
type ChildLine struct {
	Name      string     `json:"name"` // such as "load-1"
	ID        string     `json:"id"`   // workflow ID
	Runbook   string     `json:"runbook"`
	Title     string     `json:"title"`   // what it was started for
	State     State      `json:"state"`   // running, done or failed; more says its own status
	Outcome   string     `json:"outcome"` // in words, once it has ended
	StartedAt *time.Time `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt"`
}

// Answered is a decision and what became of it.
type Answered struct {
	ID       string    `json:"id"`     // decision ID; "" when the sender gave none
	Action   string    `json:"action"` // one of Answers
	By       string    `json:"by"`     // as claimed
	Person   string    `json:"person"` // person ID it was resolved to, "" if nobody
	Reason   string    `json:"reason"`
	Gate     string    `json:"gate"`
	Plan     string    `json:"plan"` // digest that was decided on
	At       time.Time `json:"at"`
	Accepted bool      `json:"accepted"`
	Refusal  string    `json:"refusal"`  // why it does not count
	Identity string    `json:"identity"` // "claimed"

	Values map[string]string `json:"values,omitempty"` // that it carried
}

// Hold is a resource that the run holds.
type Hold struct {
	Resource string    `json:"resource"`
	From     time.Time `json:"from"`
	Until    time.Time `json:"until"`
}

// Evidence says how much of it there is.
type Evidence struct {
	Count    int    `json:"count"`
	Head     string `json:"head"`     // hash of the newest row
	Verified *bool  `json:"verified"` // filled in by `starter show`, which checks the chain; null when not checked
}

// Decision is what people send: the signals of Answers carry it (Action is the signal's name then), and the update "decide"
// carries it with Action.
type Decision struct {
	Action string     `json:"action,omitempty"`
	By     string     `json:"by"`
	Reason string     `json:"reason"`
	ID     string     `json:"id,omitempty"`    // makes a repeated sending count once
	Run    string     `json:"run,omitempty"`   // run ID it is meant for
	Gate   string     `json:"gate,omitempty"`  // gate or held step it is meant for
	Plan   string     `json:"plan,omitempty"`  // digest it is meant for
	Until  *time.Time `json:"until,omitempty"` // extend: the window's new end

	Values map[string]string `json:"values,omitempty"` // what else the answer carries; the question says what it takes
}

package records

import (
	"time"

	"tejun/internal/sla"
)

// The states of an incident. The last two are its end.
const (
	IncidentOpen      = "open"      // nobody has acknowledged it
	IncidentWorking   = "working"   // somebody has
	IncidentWatching  = "watching"  // recovery was reported, and is watched
	IncidentRecovered = "recovered" // recovery has been stable; the ministry decides
	IncidentClosed    = "closed"
	IncidentWithdrawn = "withdrawn" // its run was given up
)

var incidentStates = []string{IncidentOpen, IncidentWorking, IncidentWatching, IncidentRecovered, IncidentClosed, IncidentWithdrawn}

// Incident is an incident in one of its states, with everything that was known then.
type Incident struct {
	ID          string    `json:"id"`         // number
	Seq         int       `json:"seq"`        // from 1; given by the database
	Key         string    `json:"key"`        // unique among its states; telling it again changes nothing
	WorkflowID  string    `json:"workflowId"` // the run that handles it, and the name of its evidence
	RunID       string    `json:"runId"`
	Event       string    `json:"event"` // what made this state, such as opened or acknowledged
	At          time.Time `json:"at"`
	Fingerprint string    `json:"fingerprint"` // the same for reports of the same thing
	State       string    `json:"state"`
	Title       string    `json:"title"`
	Symptom     string    `json:"symptom"`
	Source      string    `json:"source"` // monitoring, ministry, inquiry, operator
	Services    []string  `json:"services"`
	Impact      string    `json:"impact"`
	Urgency     string    `json:"urgency"`
	Severity    string    `json:"severity"`
	SetBy       string    `json:"setBy"` // person who has overruled the severity, "" if it follows from impact and urgency
	Requester   string    `json:"requester"`
	Operator    string    `json:"operator"`

	DetectedAt     time.Time  `json:"detectedAt"`
	OpenedAt       time.Time  `json:"openedAt"`
	AcknowledgedAt *time.Time `json:"acknowledgedAt"`
	AcknowledgedBy string     `json:"acknowledgedBy"`
	ReportedAt     *time.Time `json:"reportedAt"`  // first report
	RecoveredAt    *time.Time `json:"recoveredAt"` // since when recovery has been stable
	ClosedAt       *time.Time `json:"closedAt"`
	ClosedBy       []string   `json:"closedBy"`

	Clocks      []IncidentClock `json:"clocks"`
	Alarms      []IncidentAlarm `json:"alarms"`
	AlarmEvents int             `json:"alarmEvents"` // all of them, those of alarms that are not listed too
	Escalations []Escalation    `json:"escalations"`
	Facts       []Fact          `json:"facts"`
	Notes       []IncidentNote  `json:"notes"`
	Fixes       []IncidentFix   `json:"fixes"`
	Similar     []Similar       `json:"similar"` // what it looked like when it was opened
	Problem     string          `json:"problem"` // number, "" if there is none
	Report      *Document       `json:"report"`  // 障害報告書
}

// Over tells whether nothing more comes.
func (in Incident) Over() bool { return in.State == IncidentClosed || in.State == IncidentWithdrawn }

// IncidentClock is a clock of a service level and what it showed.
type IncidentClock struct {
	sla.Clock
	sla.Reading
	Note string `json:"note"` // why it was read otherwise than declared; "" usually
}

// IncidentAlarm is an alarm that has been attached to an incident.
type IncidentAlarm struct {
	Alarm  string    `json:"alarm"`
	State  string    `json:"state"` // the newest
	Reason string    `json:"reason"`
	Count  int       `json:"count"`
	First  time.Time `json:"first"`
	Last   time.Time `json:"last"`
}

// Escalation is somebody who was told that nobody has acknowledged, or that a clock has run out.
type Escalation struct {
	At  time.Time `json:"at"`
	To  string    `json:"to"` // list, or person:ID
	Why string    `json:"why"`
}

// DiagnosisSource is the source of a fact about a diagnosis itself: that it was made again, or could not be made. The facts behind it
// are its own.
const DiagnosisSource = "diagnosis"

// Fact is something that a diagnosis has read.
type Fact struct {
	Source string    `json:"source"` // such as ecs:gzs-infra/gzs-api
	What   string    `json:"what"`
	At     time.Time `json:"at"`
	Bad    bool      `json:"bad"` // it is not as it should be, or could not be read
}

// IncidentNote is what somebody wrote down: an observation, a work-around, a pause of the clocks, another severity.
type IncidentNote struct {
	At   time.Time `json:"at"`
	By   string    `json:"by"`
	Kind string    `json:"kind"` // note, workaround, relapse, pause, resume, severity, recovery, rejected, cause-dropped
	Text string    `json:"text"`
}

// IncidentFix is a run that was started to mend the incident.
type IncidentFix struct {
	Name      string     `json:"name"`
	Runbook   string     `json:"runbook"`
	Run       string     `json:"run"` // workflow ID
	By        string     `json:"by"`
	Why       string     `json:"why"`
	StartedAt time.Time  `json:"startedAt"`
	EndedAt   *time.Time `json:"endedAt"`
	Outcome   string     `json:"outcome"` // "" while it runs, "succeeded", or why not; without an end: what is doubtful about it
}

// Document is a file that was stored.
type Document struct {
	Location string `json:"location"` // s3://bucket/key
	SHA256   string `json:"sha256"`
	Bytes    int    `json:"bytes"`
}

// Similar is an earlier incident that looks like a new one, with what is known of its problem.
type Similar struct {
	Incident   string  `json:"incident"`
	Title      string  `json:"title"`
	State      string  `json:"state"`
	Likeness   float64 `json:"likeness"` // 0 to 1
	Problem    string  `json:"problem"`  // number, "" if none was recorded
	RootCause  string  `json:"rootCause"`
	Workaround string  `json:"workaround"`
}

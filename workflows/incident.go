package workflows

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
	"tejun/internal/sla"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Incident (障害対応, row 10) is an incident from its report to its closure. Monitoring, the ministry, an inquiry or an operator
// reports it; there is one open incident for one fingerprint, and further alarms are attached to it. Impact and urgency give the
// severity, which the ministry may set otherwise, and the severity gives the limits: until somebody of the vendor takes it on,
// until the first report, until the users can work again. When one runs out the chain of escalation is told, one after
// the other, until it is met.
//
// The run reads what may explain it and proposes known errors; it changes nothing itself. Work-arounds are written down. Mending is
// done by runs of SettingChange (row 15) or Release (row 16), which it starts and does not wait for. Recovery counts when the
// alarms have been silent, and the site has answered, for the whole stable period; otherwise the work goes on. The operator writes
// down the root cause and the actions against it, and the ministry closes, or sends it back. 障害報告書 is the end.
//
// There is nothing to put back. No wait is silent: every one ends, or escalates for as long as it lasts. An incident that is withdrawn
// ends at once; fixes that have been started go on by themselves, with gates and evidence of their own. Only people withdraw an incident
// that is open: while system.yaml no longer says who may answer, somebody is told, and it is asked again.
var incident = runbook.Spec{Name: "Incident", Row: 10, Title: "障害対応 · Incident"}

// incidentSources are where an incident may come from.
var incidentSources = []string{"monitoring", "ministry", "inquiry", "operator"}

// IncidentInput reports an incident.
type IncidentInput struct {
	Title       string         `json:"title"`                 // Japanese, one line
	Symptom     string         `json:"symptom"`               // Japanese; what was seen, by whom
	Source      string         `json:"source"`                // monitoring, ministry, inquiry or operator
	Fingerprint string         `json:"fingerprint,omitempty"` // the same for reports of the same thing; by default the alarm, or title and services
	DetectedAt  string         `json:"detectedAt,omitempty"`  // RFC 3339 with a zone; now, if it is left out
	Services    []string       `json:"services,omitempty"`    // logical names; all, if they are left out
	Impact      string         `json:"impact"`                // high, medium or low
	Urgency     string         `json:"urgency"`               // high, medium or low
	Alarm       *IncidentAlarm `json:"alarm,omitempty"`       // that has reported it
	Requester   string         `json:"requester"`             // who reports it
	Operator    string         `json:"operator"`              // person of the vendor who is answerable
}

// IncidentAlarm is a change of an alarm's state: the signal "alarm" carries it.
type IncidentAlarm struct {
	ID     string `json:"id,omitempty"` // of the event; one that has come before does not count again
	Alarm  string `json:"alarm"`        // name
	State  string `json:"state"`        // ALARM, OK or INSUFFICIENT_DATA
	Reason string `json:"reason,omitempty"`
}

// Validate checks what can be checked without the operated system.
func (in *IncidentInput) Validate() error {
	var p problems
	p.line("title", in.Title, 120)
	p.text("symptom", in.Symptom, 4000)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	p.optional("fingerprint", in.Fingerprint, 200)
	p.optional("detectedAt", in.DetectedAt, 64)
	p.names("services", in.Services)
	p.oneOf("source", in.Source, incidentSources)
	p.oneOf("impact", in.Impact, system.IncidentLevels())
	p.oneOf("urgency", in.Urgency, system.IncidentLevels())
	if in.Alarm != nil {
		in.Alarm.check(&p, "alarm.")
	}
	return p.err()
}

// Validate checks an alarm's event.
func (a *IncidentAlarm) Validate() error {
	var p problems
	a.check(&p, "")
	return p.err()
}

func (a *IncidentAlarm) check(p *problems, at string) {
	p.line(at+"alarm", a.Alarm, 255)
	p.oneOf(at+"state", a.State, []string{"ALARM", "OK", "INSUFFICIENT_DATA"})
	p.optional(at+"reason", a.Reason, 2000)
	p.optional(at+"id", a.ID, 200)
}

// Print is the incident's fingerprint.
func (in *IncidentInput) Print() string {
	switch {
	case in.Fingerprint != "":
		return in.Fingerprint
	case in.Alarm != nil:
		return "alarm:" + in.Alarm.Alarm
	}
	return "report:" + strings.Join(strings.Fields(in.Title), " ") + ":" + strings.Join(slices.Sorted(slices.Values(in.Services)), ",")
}

// IncidentID is the workflow ID of the incident with a fingerprint: so there is one open incident for it.
func IncidentID(systemID, fingerprint string) string {
	sum := sha256.Sum256([]byte(systemID + "\x00" + fingerprint))
	return "incident-" + hex.EncodeToString(sum[:8])
}

// AlarmSignal is the signal that attaches an alarm's event to an incident.
const AlarmSignal = "alarm"

func (in *IncidentInput) request(from time.Time) system.IncidentRequest {
	return system.IncidentRequest{Requester: in.Requester, Operator: in.Operator, Services: in.Services, Detected: in.DetectedAt, From: from}
}

// IncidentResult is what the periodic report needs.
type IncidentResult struct {
	ID          string                `json:"id"` // number
	Severity    string                `json:"severity"`
	DetectedAt  time.Time             `json:"detectedAt"`
	RecoveredAt *time.Time            `json:"recoveredAt"`
	ClosedAt    *time.Time            `json:"closedAt"`
	Clocks      []store.IncidentClock `json:"clocks"`
	AlarmEvents int                   `json:"alarmEvents"`
	Problem     string                `json:"problem"` // number
	Report      *store.Document       `json:"report"`  // 障害報告書
	Evidence    runbook.Evidence      `json:"evidence"`
}

// handling is one run of the runbook.
type handling struct {
	*runbook.Run
	in      IncidentInput
	on      system.IncidentTarget
	record  store.Incident
	problem store.Problem
	inForce system.SeverityTarget // limits of the severity, as they were when it was set
	pauses  []sla.Pause
	steps   map[string]int       // how far the chain of escalation has gone, by what it is about
	since   map[string]time.Time // when the waiting for something began, likewise
	told    map[string]time.Time // when somebody was told about it last
	watched time.Time            // since when recovery is being watched

	writing  workflow.Mutex        // states of the record are written one after another
	written  int                   // states written in this history
	mending  int                   // fixes that go on beside the questions
	reading  int                   // diagnoses that do
	inputs   map[string]fixInput   // of fixes, by name
	relapsed string                // alarm that has rung after recovery was reported, "" for none
	events   map[string]bool       // IDs of alarm events that have come
	recent   []string              // the same, the newest last
	odd      int                   // alarm events that could not be read
	edition  workflow.Version      // of incidentEdition
	telling  int                   // things that are being written down beside the questions
	ending   bool                  // and takes nothing more in
	unmanned bool                  // the description says of nobody that they may operate the system
	leaving  bool                  // it is about to go on in a new history
	stops    []workflow.CancelFunc // of what goes on beside the questions
	news     []AlarmNews           // for that one to write down
}

// Incident is the workflow. A run that has become long goes on in a new history, with what handed holds.
func Incident(ctx workflow.Context, raw converter.RawValue, handed *IncidentHanded) (IncidentResult, error) {
	h := &handling{steps: map[string]int{}, since: map[string]time.Time{}, told: map[string]time.Time{}, events: map[string]bool{}, inputs: map[string]fixInput{}}
	ctx, run, err := runbook.Open(ctx, incident, raw, &h.in)
	if err != nil {
		return IncidentResult{}, err
	}
	h.Run, h.writing = run, workflow.NewMutex(ctx)
	h.edition = workflow.GetVersion(ctx, incidentEdition, workflow.DefaultVersion, describedEdition)
	h.takeOver(handed)
	err = h.run(ctx)
	if workflow.IsContinueAsNewError(err) {
		return IncidentResult{}, err
	}
	h.ends(ctx, err)
	result := IncidentResult{
		ID: h.record.ID, Severity: h.record.Severity, DetectedAt: h.record.DetectedAt, RecoveredAt: h.record.RecoveredAt, ClosedAt: h.record.ClosedAt,
		Clocks: h.record.Clocks, AlarmEvents: h.record.AlarmEvents, Problem: h.record.Problem, Report: h.record.Report,
	}
	_, err = h.Finish(ctx, err)
	h.tellLate(ctx)
	err = h.OrLost(ctx, err)
	result.Evidence, result.AlarmEvents = h.Status().Evidence, h.record.AlarmEvents
	return result, err
}

func (h *handling) run(ctx workflow.Context) error {
	// 1. What was reported, how bad is it, and has it been seen before? The vendor is told, and facts are collected meanwhile.
	if err := h.open(ctx); err != nil {
		return err
	}

	// 2. Somebody takes it on. Until then the chain of escalation is told, and the first report goes out in time anyway.
	if err := h.acknowledge(ctx); err != nil {
		return err
	}
	h.firstReport(ctx)

	// 3. Work until the ministry closes it.
	for {
		// a. Work-arounds and fixes, until recovery is reported. It counts if it is stable.
		if recovered, err := h.recover(ctx); err != nil {
			return err
		} else if !recovered {
			continue
		}
		// b. Why did it happen, and what is done so that it does not again? Every fix must have ended.
		if ready, err := h.review(ctx); err != nil {
			return err
		} else if !ready {
			continue
		}
		// c. The ministry closes, or sends the cause back. An alarm that rings leads back to the work.
		if closed, err := h.close(ctx); err != nil {
			return err
		} else if closed {
			break
		}
	}

	// 4. The problem's record, 障害報告書, and the last mail.
	h.recordProblem(ctx)
	if err := h.last(ctx, h.writeReport()); err != nil {
		return err
	}
	h.note(ctx, "reported")
	return h.last(ctx, h.tellClosed())
}

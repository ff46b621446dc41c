package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"tejun/internal/records"
	"tejun/internal/strictyaml"
	"tejun/internal/system"
	"tejun/workflows"
)

const incidentRunbook = "Incident"

// attached is what `incident report-alarm --json` and `incident open --json` print.
type attached struct {
	started
	New bool `json:"new"` // false: it was open already, and the report was attached to it
}

func (a *app) incidentCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "incident",
		Short: "Open incidents, attach alarms, and read their records",
		Long: `Incidents (row 10) are runs that keep a record of every state they were in. There is one open incident for one fingerprint:
an alarm that is reported again is attached to the one that is open. People answer it as any other run: acknowledge, note, pause,
resume, fix, severity, done, approve.`,
		Example: `  starter incident open --input examples/incident.json
  starter incident report-alarm gzs-api-5xx --reason "5 of 5 datapoints" --service api
  starter incident list
  starter incident show INC-20270118-0a1b2c3d4e5f`,
	}, a.incidentOpenCommand(), a.reportAlarmCommand(), a.incidentListCommand(), a.incidentShowCommand())
}

func (a *app) incidentOpenCommand() *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "open",
		Short: "Open an incident, unless one is open for the same thing",
		Long: `Opens an incident with an input as ` + "`start Incident`" + ` takes it. The run's ID comes from the fingerprint: the input's own, or
that of its alarm, or title and services. If an incident with it is open nothing is started: an alarm in the input is attached to
that one, and any other report is refused, with what to do instead.`,
		Example: "  starter incident open --input examples/incident.json\n  starter incident open --input examples/incident.json --set urgency=high --check",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.incidentOpen(cmd.Context(), f) },
	}
	c.Flags().StringVarP(&f.input, "input", "i", "", "file with the input, JSON or YAML; - for standard input")
	c.Flags().StringArrayVar(&f.set, "set", nil, "set one field, key=value; may be repeated")
	c.Flags().BoolVar(&f.check, "check", false, "check the input and open nothing")
	_ = c.MarkFlagFilename("input", "json", "yaml", "yml")
	return c
}

func (a *app) incidentOpen(ctx context.Context, f startFlags) error {
	if f.input == "" && len(f.set) == 0 {
		return usage("an incident needs an input: --input FILE or --set key=value; examples/incident.json is an example")
	}
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	cal, err := a.loadCalendar()
	if err != nil {
		return err
	}
	_, raw, err := a.buildInput(f, sys, cal)
	if err != nil {
		return err
	}
	return a.openIncident(ctx, sys, raw, f.check)
}

type alarmFlags struct {
	state, reason, id, impact, urgency, title string
	services                                  []string
}

func (a *app) reportAlarmCommand() *cobra.Command {
	var f alarmFlags
	c := &cobra.Command{
		Use:   "report-alarm ALARM",
		Short: "Tell that an alarm has changed its state: opens an incident, or attaches it to the one that is open",
		Long: `What monitoring calls. An alarm that rings opens an incident, whose reporter and operator stand in system.yaml under incidents;
if one is open for it the event is attached. An alarm that is OK again is attached to its open incident, and opens none.
--id makes a repeated call count once.`,
		Example: `  starter incident report-alarm gzs-api-5xx --reason "5 of 5 datapoints" --service api --impact high
  starter incident report-alarm gzs-api-5xx --alarm-state OK`,
		Args: exactArgs(1, "the alarm's name"),
		RunE: func(cmd *cobra.Command, args []string) error { return a.reportAlarm(cmd.Context(), args[0], f) },
	}
	c.Flags().StringVar(&f.state, "alarm-state", "ALARM", "ALARM, OK or INSUFFICIENT_DATA")
	c.Flags().StringVarP(&f.reason, "reason", "r", "", "why it is in that state")
	c.Flags().StringVar(&f.id, "id", "", "ID of the event")
	c.Flags().StringVar(&f.title, "title", "", "title of an incident that is opened; by default the alarm's name")
	c.Flags().StringVar(&f.impact, "impact", "medium", "high, medium or low")
	c.Flags().StringVar(&f.urgency, "urgency", "high", "high, medium or low")
	c.Flags().StringArrayVar(&f.services, "service", nil, "service that it is about; may be repeated")
	return c
}

func (a *app) reportAlarm(ctx context.Context, alarm string, f alarmFlags) error {
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	event := workflows.IncidentAlarm{ID: f.id, Alarm: alarm, State: f.state, Reason: f.reason}
	if event.ID == "" {
		event.ID = uuid.NewString()
	}
	if err := event.Validate(); err != nil {
		return usage("the alarm: %w", err)
	}
	in := incidentOf(sys, event, f)
	if event.State != "ALARM" {
		return a.attachAlarm(ctx, workflows.IncidentID(sys.ID, in.Print()), event)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		return err
	}
	return a.openIncident(ctx, sys, raw, false)
}

// incidentOf is the incident that an alarm opens.
func incidentOf(sys *system.System, event workflows.IncidentAlarm, f alarmFlags) workflows.IncidentInput {
	return workflows.IncidentInput{
		Title: cmp.Or(f.title, records.AlarmTitle(event.Alarm)), Symptom: records.AlarmSymptom(event.Alarm, event.State, event.Reason),
		Source: "monitoring", Services: f.services, Impact: f.impact, Urgency: f.urgency, Alarm: &event,
		Requester: sys.Incidents.Requester, Operator: sys.Incidents.Operator,
	}
}

// attachAlarm tells an open incident of an alarm; without one there is nothing to tell.
func (a *app) attachAlarm(ctx context.Context, id string, event workflows.IncidentAlarm) error {
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	err = c.SignalWorkflow(ctx, id, "", workflows.AlarmSignal, event)
	switch {
	case isNotFound(err):
		return refused("no incident is open for the alarm %s, and %s opens none", event.Alarm, event.State)
	case err != nil:
		return fmt.Errorf("tell the incident %s: %w", id, err)
	}
	return a.printAttached(attached{started: started{ID: id, UI: a.runURL(id, "")}})
}

// openIncident starts the incident, or tells the one that is open.
func (a *app) openIncident(ctx context.Context, sys *system.System, raw []byte, check bool) error {
	book, _ := workflows.Lookup(incidentRunbook)
	cal, err := a.loadCalendar()
	if err != nil {
		return err
	}
	if err := book.Check(raw, sys, cal, a.now()); err != nil {
		return rejected(err)
	}
	var in workflows.IncidentInput
	if err := json.Unmarshal(raw, &in); err != nil {
		return usage("the input: %w", err)
	}
	if raw, err = oneEvent(raw, &in); err != nil {
		return err
	}
	id := workflows.IncidentID(sys.ID, in.Print())
	if check {
		a.printf("The input is good for %s. Nothing was opened; it would be %s.\n", book.Name, id)
		return nil
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	there, err := openRun(ctx, c, id)
	if err != nil {
		return err
	}
	if there && in.Alarm == nil {
		return refused("an incident is open for the same thing: `%s show %s`. Add to it with `%s note %s`, or give another fingerprint", a.self(), id, a.self(), id)
	}
	options := client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.TaskQueue, StaticSummary: cut(oneLine(in.Title)+" · "+book.Title, 400),
		WorkflowIDReusePolicy: enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}
	var run client.WorkflowRun
	if in.Alarm != nil { // one call, so that no other report comes in between
		run, err = c.SignalWithStartWorkflow(ctx, id, workflows.AlarmSignal, in.Alarm, options, book.Name, json.RawMessage(raw))
	} else {
		options.WorkflowExecutionErrorWhenAlreadyStarted = true
		run, err = a.execute(ctx, c, book, raw, options)
	}
	if err != nil {
		return fmt.Errorf("open the incident %s: %w", id, err)
	}
	return a.printAttached(attached{started{ID: id, RunID: run.GetRunID(), UI: a.runURL(id, run.GetRunID())}, !there})
}

// oneEvent gives the event of the input's alarm an ID, if it has none: it comes with the input and as a signal, and counts once.
func oneEvent(raw []byte, in *workflows.IncidentInput) ([]byte, error) {
	if in.Alarm == nil || in.Alarm.ID != "" {
		return raw, nil
	}
	in.Alarm.ID = uuid.NewString()
	return json.Marshal(in)
}

// openRun tells whether a run of that ID is open.
func openRun(ctx context.Context, c client.Client, id string) (bool, error) {
	out, err := c.DescribeWorkflowExecution(ctx, id, "")
	switch {
	case isNotFound(err):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for the run %s: %w", id, err)
	}
	return out.GetWorkflowExecutionInfo().GetStatus() == enumspb.WORKFLOW_EXECUTION_STATUS_RUNNING, nil
}

func (a *app) printAttached(out attached) error {
	if a.json {
		return a.printJSON(out)
	}
	if out.New {
		book, _ := workflows.Lookup(incidentRunbook)
		return a.printStarted(book, out.started)
	}
	a.printf("%s to %s, which is open\n", a.paint(green, "attached"), a.paint(bold, out.ID))
	a.printf("  look at it   %s show %s\n", a.self(), out.ID)
	return nil
}

func (a *app) incidentListCommand() *cobra.Command {
	var f records.IncidentFilter
	c := &cobra.Command{
		Use:   "list",
		Short: "List incidents: those that are not over first, then the newest",
		Long: `Lists the incidents that are not over; --all adds those that are. DUE is when the next clock that is not met runs out.

States: open (nobody has acknowledged), working, watching (recovery is watched), recovered, closed, withdrawn.`,
		Example: "  starter incident list\n  starter incident list --all --severity critical --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.incidentList(cmd.Context(), f) },
	}
	c.Flags().BoolVar(&f.Ended, "all", false, "ended incidents too")
	c.Flags().StringVar(&f.Severity, "severity", "", "only those of this severity")
	c.Flags().IntVar(&f.Limit, "limit", 100, "at most so many")
	return c
}

func (a *app) incidentList(ctx context.Context, f records.IncidentFilter) error {
	if f.Limit < 1 {
		return usage("--limit %d: must be at least 1", f.Limit)
	}
	if err := a.knownSeverity(f.Severity); err != nil {
		return err
	}
	list, err := read(ctx, a, func(ctx context.Context, store *records.Store) ([]records.Incident, error) {
		return store.Incidents(ctx, f)
	})
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(append([]records.Incident{}, list...))
	}
	if len(list) == 0 {
		a.printf("No incidents%s.\n", map[bool]string{false: " are open; --all shows ended ones", true: ""}[f.Ended])
		return nil
	}
	now, zone := a.now(), a.zone()
	g := newGrid("STATE", "SEVERITY", "NUMBER", "OPENED", "DUE", "RUN", "TITLE")
	for _, in := range list {
		g.add(a.paint(incidentColour(in.State), in.State), in.Severity, in.ID, clock(in.OpenedAt, now, zone), nextDue(in, now, zone), in.WorkflowID, oneLine(in.Title))
	}
	g.print(a, "")
	return nil
}

// knownSeverity refuses a severity that system.yaml does not have: a list of none would say that all is well.
func (a *app) knownSeverity(name string) error {
	if name == "" {
		return nil
	}
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	var known []string
	for _, s := range sys.Incidents.Severities {
		known = append(known, s.Name)
	}
	if !slices.Contains(known, name) {
		return usage("--severity %q is unknown; system.yaml has %s", name, strictyaml.Listed(known))
	}
	return nil
}

// nextDue is when the next clock runs out that is not met, as it was when the record was written.
func nextDue(in records.Incident, now time.Time, zone *time.Location) string {
	var due time.Time
	for _, c := range in.Clocks {
		if !c.Done && (due.IsZero() || c.Due.Before(due)) {
			due = c.Due
		}
	}
	switch {
	case due.IsZero():
		return ""
	case due.Before(now):
		return clock(due, now, zone) + " late"
	}
	return clock(due, now, zone)
}

func incidentColour(state string) string {
	switch {
	case slices.Contains([]string{records.IncidentClosed}, state):
		return green
	case state == records.IncidentOpen:
		return red
	case strings.HasPrefix(state, "w"):
		return yellow
	}
	return cyan
}

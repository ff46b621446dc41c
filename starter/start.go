package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"tejun/internal/calendar"
	"tejun/internal/system"
	"tejun/workflows"
)

// startFlags are the flags of `start`.
type startFlags struct {
	input string
	set   []string
	id    string
	wait  bool
	check bool
}

// started is what `start --json` prints.
type started struct {
	ID    string `json:"id"`
	RunID string `json:"runId"`
	UI    string `json:"ui"`
}

func (a *app) startCommand() *cobra.Command {
	var f startFlags
	c := &cobra.Command{
		Use:   "start RUNBOOK",
		Short: "Check an input and start a run with it",
		Long: `Starts a run of a runbook. The input comes from a JSON or YAML file (--input, "-" for standard input), from --set,
or from both; --set wins. Dots in a key go into objects. A value that is JSON is taken as such, everything else is a string.

The input is checked first, as the run itself will check it: unknown or doubled fields, times without a zone, unknown people
and services, notice periods, freezes, windows, and what other runs hold. If anything is wrong nothing is started.

Times: RFC 3339 with a zone. In fields named start or end also relative ones, counted from now in the system's zone: "+4m",
"+1h30m", "+10bd 22:00" (ten business days later at 22:00), "+10bd 22:00 +4h".
--as fills the fields requester and operator where the input leaves them out.`,
		Example: `  starter start PlannedOutage --input examples/planned-outage.json
  starter start PlannedOutage --input outage.yaml --set window.start=+10m --set window.end=+40m
  starter start PlannedOutage --input outage.json --set 'services=["web","api"]' --check
  starter start PlannedOutage --input examples/planned-outage.json --wait`,
		Args:              exactArgs(1, "a runbook: `starter catalog` lists them"),
		ValidArgsFunction: completeRunbooks,
		RunE:              func(cmd *cobra.Command, args []string) error { return a.start(cmd.Context(), args[0], f) },
	}
	c.Flags().StringVarP(&f.input, "input", "i", "", "file with the input, JSON or YAML; - for standard input")
	c.Flags().StringArrayVar(&f.set, "set", nil, "set one field, key=value; may be repeated")
	c.Flags().StringVar(&f.id, "id", "", "the run's ID; by default runbook, time and four random letters")
	c.Flags().BoolVarP(&f.wait, "wait", "w", false, "follow the run until it ends")
	c.Flags().BoolVar(&f.check, "check", false, "check the input and start nothing")
	_ = c.MarkFlagFilename("input", "json", "yaml", "yml")
	return c
}

func (a *app) start(ctx context.Context, name string, f startFlags) error {
	book, ok := workflows.Lookup(name)
	if !ok {
		return usage("there is no runbook %q; there is: %s", name, strings.Join(runbookNames(), ", "))
	}
	if f.input == "" && len(f.set) == 0 {
		return usage("%s needs an input: --input FILE or --set key=value; %s is an example", book.Name, book.Example)
	}
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	cal, err := a.loadCalendar()
	if err != nil {
		return err
	}
	tree, raw, err := a.buildInput(f, sys, cal)
	if err != nil {
		return err
	}
	if err := a.checkInput(ctx, book, sys, cal, tree, raw, f.id); err != nil {
		return err
	}
	if f.check {
		if a.json {
			return a.printJSON(map[string]any{"ok": true, "runbook": book.Name, "input": tree})
		}
		a.printf("The input is good for %s. Nothing was started.\n", book.Name)
		return nil
	}

	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if f.id == "" {
		f.id = newID(book.Name, tree, a.now(), sys.Location())
	}
	summary, details := describeStart(book, tree, sys.Location())
	run, err := a.execute(ctx, c, book, json.RawMessage(raw), client.StartWorkflowOptions{
		ID: f.id, TaskQueue: workflows.TaskQueue,
		WorkflowIDReusePolicy:                    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		StaticSummary:                            summary, StaticDetails: details,
	})
	if err != nil {
		return err
	}
	out := started{ID: run.GetID(), RunID: run.GetRunID(), UI: a.runURL(run.GetID(), run.GetRunID())}
	if !f.wait {
		return a.printStarted(book, out)
	}
	if !a.json {
		if err := a.printStarted(book, out); err != nil {
			return err
		}
	}
	return a.follow(ctx, c, out.ID, out.RunID)
}

// buildInput reads the file, applies --set and --as, and expands relative times.
func (a *app) buildInput(f startFlags, sys *system.System, cal *calendar.Calendar) (map[string]any, []byte, error) {
	tree, err := a.readInput(f.input)
	if err != nil {
		return nil, nil, err
	}
	for _, assignment := range f.set {
		if err := set(tree, assignment); err != nil {
			return nil, nil, err
		}
	}
	if a.as != "" {
		for _, field := range []string{"requester", "operator"} {
			if _, given := tree[field]; !given {
				tree[field] = a.as
			}
		}
	}
	now := a.now().Truncate(time.Second)
	err = expandTimes(tree, func(text string) (time.Time, error) { return sys.Moment(text, now, cal) })
	if err != nil {
		return nil, nil, err
	}
	raw, err := json.Marshal(tree)
	if err != nil {
		return nil, nil, usage("the input cannot be written as JSON: %w", err)
	}
	return tree, raw, nil
}

func (a *app) execute(ctx context.Context, c client.Client, book workflows.Runbook, input json.RawMessage, options client.StartWorkflowOptions) (client.WorkflowRun, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	run, err := c.ExecuteWorkflow(ctx, options, book.Name, input)
	var exists *serviceerror.WorkflowExecutionAlreadyStarted
	switch {
	case errors.As(err, &exists):
		return nil, refused("a run with the ID %s exists already, and an ID serves once: `%s show %s`", options.ID, a.self(), options.ID)
	case err != nil:
		return nil, fmt.Errorf("start %s: %w", book.Name, err)
	}
	return run, nil
}

func (a *app) printStarted(book workflows.Runbook, s started) error {
	if a.json {
		return a.printJSON(s)
	}
	a.printf("%s %s\n", a.paint(green, "started"), a.paint(bold, s.ID))
	if s.UI != "" {
		a.printf("  Temporal UI  %s\n", s.UI)
	}
	a.printf("  look at it   %s show %s\n", a.self(), s.ID)
	return nil
}

// newID is the runbook, the time that the run is about, and four random characters: planned-outage-20261124-0300-x7k2.
func newID(name string, tree map[string]any, now time.Time, zone *time.Location) string {
	at := now
	if start, _, ok := window(tree); ok {
		at = start
	}
	return fmt.Sprintf("%s-%s-%s", kebab(name), at.In(zone).Format("20060102-1504"), randomSuffix())
}

// randomSuffix avoids characters that are taken for one another when read aloud or copied by hand.
func randomSuffix() string {
	const letters = "23456789abcdefghjkmnpqrstuvwxyz"
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = letters[int(b[i])%len(letters)]
	}
	return string(b[:])
}

// kebab turns PlannedOutage into planned-outage.
func kebab(name string) string {
	var b strings.Builder
	for i, r := range name {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('-')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// window finds the input's window, if it has one.
func window(tree map[string]any) (start, end time.Time, ok bool) {
	w, _ := tree["window"].(map[string]any)
	from, _ := w["start"].(string)
	until, _ := w["end"].(string)
	start, err1 := time.Parse(time.RFC3339, from)
	end, err2 := time.Parse(time.RFC3339, until)
	return start, end, err1 == nil && err2 == nil
}

// describeStart words the run for the Temporal UI. The server takes 400 bytes of summary and 20,000 of details.
func describeStart(book workflows.Runbook, tree map[string]any, zone *time.Location) (summary, details string) {
	field := func(name string) string { s, _ := tree[name].(string); return oneLine(s) }
	summary = book.Title
	if title := field("title"); title != "" {
		summary = title + " · " + book.Title
	}
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "- %s: %s\n", name, value)
		}
	}
	if start, end, ok := window(tree); ok {
		when := start.In(zone).Format("2006-01-02 15:04") + "–" + end.In(zone).Format("15:04 MST")
		summary += " · " + when
		line("Window", when)
	}
	line("Row", fmt.Sprint(book.Row))
	line("Reason", field("reason"))
	line("Requester", field("requester"))
	line("Operator", field("operator"))
	return cut(summary, 400), cut(b.String(), 20000)
}

// cut shortens text to a number of bytes without breaking a character.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	s = s[:most-len("…")]
	for len(s) > 0 && s[len(s)-1]&0xC0 == 0x80 { // drop a broken character's continuation bytes, then its first
		s = s[:len(s)-1]
	}
	if len(s) > 0 && s[len(s)-1] >= 0xC0 {
		s = s[:len(s)-1]
	}
	return s + "…"
}

func runbookNames() []string {
	var names []string
	for _, r := range workflows.All() {
		names = append(names, r.Name)
	}
	return names
}

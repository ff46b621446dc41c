package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/spf13/cobra"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/dial"
	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// answerFlags are the flags of the commands that answer a run.
type answerFlags struct {
	reason, gate, until, decision string
	values                        []string
}

// answerHelp is what differs between those commands.
type answerHelp struct{ action, short, long, example string }

// carrying are the answers that may carry values.
var carrying = []string{runbook.Finished, runbook.Acknowledge, runbook.Note, runbook.Fix, runbook.Severity}

var answers = []answerHelp{
	{runbook.Approve, "Approve what a gate asks", `Approves the gate that the run waits at. The approval names the run, the gate and the digest of the plan as you see
it now: if the plan has changed by the time it arrives, it does not count. Look at the plan first with show.

Whoever requested or operates the change cannot approve it, and one person counts once. Every approval is recorded, a
refused one too. The identity is claimed, not proven.`, `--reason "計画と影響範囲を確認した"`},
	{runbook.Reject, "Reject what a gate asks; the run ends", `Rejects at the gate that the run waits at. The run ends and puts back what it had changed; where the gate says so, the
work is done again instead. A rejection wins over approvals until the work has started.`, `--reason "別の作業と重なるため"`},
	{runbook.Retry, "Try a held step again", `Tries the held step again. After an unknown outcome ("may or may not have happened") look first whether it did: retry
does it again.`, `--reason "権限を付与した"`},
	{runbook.Skip, "Leave a held step out and go on", `Goes on as if the held step had been done, where the runbook allows it. After an unknown outcome this is the answer if
you saw that it did happen.`, `--reason "メールの到着を確認した"`},
	{runbook.Rollback, "Give up at a held step and put everything back", `Ends the run at the held step and undoes the steps before it, in reverse order.`,
		`--reason "原因調査に時間がかかる"`},
	{runbook.Finished, "Report the work as finished", `Says that the people's work in the run is finished. The run goes on: in a planned outage the site comes back.
Where the run asks for figures or names with it, show says which; each is given as --value NAME=VALUE.`,
		`--reason "バージョン更新と動作確認が完了"`},
	{runbook.Extend, "Extend the window", `Moves the end of the window. --until takes RFC 3339 with a zone, a time of day ("03:30", the next one in the system's
zone), or "+30m" for so long from now. How far it may go stands in system.yaml.`,
		`--until 03:30 --reason "データ移行が長引いている"`},
	{runbook.Return, "Do not extend: come back now", `Decides that the run returns to normal operation now, finished or not.`, `--reason "予定時刻までに終わらない"`},
	{runbook.Acknowledge, "Take an incident on", `Says that you have taken the incident on; the chain of escalation stops. --value impact=… and --value urgency=… say what
you see, where it differs from the report: high, medium or low.`, `--value urgency=high --reason "対応を開始する"`},
	{runbook.Note, "Write something down in an incident", `Adds a note to the incident's record. --value kind=workaround marks a work-around, kind=report that the first report was
given otherwise, such as by telephone, kind=diagnose reads the facts again, and kind=relapse says that recovery was none though no alarm rings.`, `--value kind=workaround --reason "APIを再起動した"`},
	{runbook.Pause, "Stop an incident's clocks while its reporter is waited for", `The clocks of the service level stand still until resume. Somebody is reminded after a day.`, `--reason "利用者に再現手順を確認中"`},
	{runbook.Resume, "Let an incident's clocks go on", `The reporter has answered: the clocks go on.`, `--reason "利用者から回答があった"`},
	{runbook.Fix, "Start a run that mends an incident", `Starts a run of SettingChange or Release with an input of yours, as JSON on one line. The incident does not wait for it, and
shows how it ends; it can be closed when every such run has ended.`, `--value runbook=SettingChange --value "input=$(jq -c . change.json)" --reason "接続上限を引き上げる"`},
	{runbook.Severity, "Set an incident's severity, as the ministry", `The ministry sets the severity, whatever impact and urgency say. Its limits hold from the incident's beginning.`,
		`--value severity=critical --reason "報道されている"`},
	{runbook.Cancel, "Give the run up; what was changed is put back", `Cancels the run at any point. What it has changed is put back in reverse order, and people who were told are told again.`,
		`--reason "災害対応を優先する"`},
}

func (a *app) answerCommands() []*cobra.Command {
	var commands []*cobra.Command
	for _, h := range answers {
		var f answerFlags
		c := &cobra.Command{
			Use: h.action + " RUN", Short: h.short,
			Long:              h.long + "\n\nExit code 0 means that it counts, 3 that the run refused it and says why.",
			Example:           fmt.Sprintf("  starter %s planned-outage-20261124-0300-x7k2 --as PERSON %s", h.action, h.example),
			Args:              exactArgs(1, "a run's ID: `starter list` shows them"),
			ValidArgsFunction: a.completeOpenRuns,
			RunE: func(cmd *cobra.Command, args []string) error {
				return a.answer(cmd.Context(), h.action, args[0], f)
			},
		}
		c.Flags().StringVarP(&f.reason, "reason", "r", "", "why, for the record (required)")
		c.Flags().StringVar(&f.gate, "gate", "", "gate or step that it is for; by default what the run waits for")
		c.Flags().StringVar(&f.decision, "decision", "", "ID of this decision; sending the same one again counts once")
		if slices.Contains(carrying, h.action) {
			c.Flags().StringArrayVar(&f.values, "value", nil, "what the run asks for with the answer, name=value; may be repeated")
		}
		if h.action == runbook.Extend {
			c.Flags().StringVar(&f.until, "until", "", "the window's new end (required)")
		}
		commands = append(commands, c)
	}
	return commands
}

func (a *app) answer(ctx context.Context, action, id string, f answerFlags) error {
	d, err := a.decision(action, f)
	if err != nil {
		return err
	}
	c, err := a.temporal(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	info, err := a.resolve(ctx, c, id)
	if err != nil {
		return err
	}
	id, runID := info.GetExecution().GetWorkflowId(), info.GetExecution().GetRunId()
	if !open(info) {
		return refused("run %s has ended (%s) and takes no answers", id, stateOf(info))
	}
	s, err := a.status(ctx, c, id, runID)
	if err != nil {
		return err
	}
	d.Run = runID
	aim(&d, s.WaitingFor)
	if !a.json {
		a.printQuestion(s, d)
	}
	answered, err := a.send(ctx, c, id, runID, d)
	if err != nil {
		return err
	}
	return a.printAnswered(id, answered)
}

// decision builds the message from the flags. A mistake shows before any server is asked.
func (a *app) decision(action string, f answerFlags) (runbook.Decision, error) {
	switch {
	case a.as == "":
		return runbook.Decision{}, usage("who says %s? give --as PERSON or TEJUN_AS, an ID of system.yaml", action)
	case strings.TrimSpace(f.reason) == "":
		return runbook.Decision{}, usage("why %s? give --reason \"…\"; it goes into the record", action)
	}
	d := runbook.Decision{Action: action, By: a.as, Reason: f.reason, ID: f.decision, Gate: f.gate}
	if d.ID == "" {
		d.ID = uuid.NewString()
	}
	for _, pair := range f.values {
		name, value, ok := strings.Cut(pair, "=")
		if name = strings.TrimSpace(name); !ok || name == "" {
			return runbook.Decision{}, usage("--value %q: write it as NAME=VALUE, such as hours=6.5", pair)
		}
		if _, twice := d.Values[name]; twice {
			return runbook.Decision{}, usage("--value gives %s twice: keep one", name)
		}
		if d.Values == nil {
			d.Values = map[string]string{}
		}
		d.Values[name] = value
	}
	if action == runbook.Extend {
		if f.until == "" {
			return runbook.Decision{}, usage("extend until when? give --until, such as 03:30, +30m or 2026-11-24T03:30:00+09:00")
		}
		until, err := parseUntil(f.until, a.now(), a.zone())
		if err != nil {
			return runbook.Decision{}, err
		}
		d.Until = &until
	}
	return d, nil
}

// aim names what the decision is for, as the sender sees it, so that it cannot count for anything else. What the run does
// not ask at the moment is sent as it is: the run refuses it and records that.
func aim(d *runbook.Decision, w *runbook.WaitingFor) {
	if w == nil || !slices.Contains(w.Answers, d.Action) {
		return
	}
	if d.Gate == "" {
		d.Gate = w.Gate
	}
	d.Plan = w.Plan
}

func (a *app) send(ctx context.Context, c client.Client, id, runID string, d runbook.Decision) (runbook.Answered, error) {
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	var answered runbook.Answered
	err := dial.Update(ctx, c, client.UpdateWorkflowOptions{
		UpdateID: d.ID, WorkflowID: id, RunID: runID, UpdateName: "decide", Args: []any{d},
	}, &answered)
	return answered, a.sendProblem(id, d, err)
}

func (a *app) sendProblem(id string, d runbook.Decision, err error) error {
	var late *serviceerror.DeadlineExceeded
	var slow *client.WorkflowUpdateServiceTimeoutOrCanceledError
	var turnedAway *temporal.ApplicationError
	switch {
	case err == nil:
		return nil
	case isNotFound(err):
		return refused("run %s has ended meanwhile and takes no answers", id)
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late), errors.As(err, &slow):
		return fmt.Errorf("no answer within %s, so it is not known whether the decision arrived; is a worker running? To be sure send it again with `--decision %s`, then it counts once: %w",
			a.timeout, d.ID, errNoWorker)
	case errors.As(err, &turnedAway):
		return refused("refused: %s", turnedAway.Message())
	}
	return fmt.Errorf("send %s to run %s: %w", d.Action, id, err)
}

// printQuestion shows what is being decided, before it is.
func (a *app) printQuestion(s runbook.Status, d runbook.Decision) {
	a.printf("%s  %s\n", a.paint(bold, s.ID), oneLine(s.Title))
	a.printf("  %s %s\n", a.paint(stateColour(string(s.State)), string(s.State)), oneLine(s.Says))
	if w := s.WaitingFor; w != nil {
		a.printf("  waits for  %s\n", waitLine(w))
	}
	if d.Action == runbook.Approve && s.Plan != nil {
		a.printf("  plan       %s\n", plan.Short(s.Plan.Digest))
		for _, change := range s.Plan.Changes {
			a.printf("    - %s\n", oneLine(change.Title))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(d.Values)) {
		a.printf("  %-10s %s\n", name, oneLine(d.Values[name]))
	}
	if d.Until != nil {
		a.printf("  new end    %s\n", fullTime(*d.Until, a.zone()))
	}
}

func (a *app) printAnswered(id string, r runbook.Answered) error {
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	}
	if !r.Accepted {
		return refused("refused: %s", r.Refusal)
	}
	if a.json {
		return nil
	}
	at := ""
	if r.Gate != "" {
		at = " at " + r.Gate
	}
	a.printf("%s %s by %s%s counts (identity %s)\n", a.paint(green, "ok"), r.Action, r.Person, at, r.Identity)
	a.printf("  look at it  %s show %s\n", a.self(), id)
	return nil
}

// parseUntil reads RFC 3339, "+30m" from now, or the next "03:30" in the zone.
func parseUntil(s string, now time.Time, zone *time.Location) (time.Time, error) {
	if strings.HasPrefix(s, "+") {
		at, err := fromNow(s, now, zone)
		if err != nil {
			return time.Time{}, usage("--until: %w", err)
		}
		return at, nil
	}
	if of, err := time.Parse("15:04", s); err == nil {
		today := now.In(zone)
		at := time.Date(today.Year(), today.Month(), today.Day(), of.Hour(), of.Minute(), 0, 0, zone)
		if !at.After(now) {
			at = at.AddDate(0, 0, 1)
		}
		return at, nil
	}
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, usage("--until %q: write a time of day such as 03:30, +30m from now, or RFC 3339 with a zone such as 2026-11-24T03:30:00+09:00", s)
	}
	return at, nil
}

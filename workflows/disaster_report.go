package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/drillreport"
	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// stage is how long something took that the report shows: a step, a gate, a part of the way back.
type stage struct {
	name, part string
	begin      time.Time
	end        *time.Time
	failed     string // in words, "" if it did not
}

// stage does something and notes its time. Done again, it goes on where it began the first time.
func (d *disaster) stage(ctx workflow.Context, name, part string, do func(workflow.Context) error) error {
	i := slices.IndexFunc(d.stages, func(s stage) bool { return s.name == name })
	if i < 0 {
		i = len(d.stages)
		d.stages = append(d.stages, stage{name: name, part: part, begin: workflow.Now(ctx).UTC()})
	}
	err := do(ctx)
	d.stages[i].end, d.stages[i].failed = now(ctx), ""
	if err != nil {
		d.stages[i].failed = "記録：" + quoted(runbook.Words(err))
	}
	return err
}

// report writes the report and tells people, however the run ends. A run that was never declared leaves its line in the register
// alone.
func (d *disaster) report(ctx workflow.Context, ended error) error {
	var kept activities.DisasterReportKept
	file := runbook.StepSpec{
		Name: "report", Title: "報告書の作成 · Write the report", SkipIf: "the report has been written by hand",
		Do: func(ctx workflow.Context) error {
			report, err := d.compose(ctx, ended)
			if err != nil {
				return err
			}
			row := report.Record(d.Operation(), nil)
			if d.result.DeclaredAt != nil {
				kept, err = runbook.Call(ctx, runbook.Change, reports.PutS3DisasterReport, activities.DisasterReport{Operation: d.Operation(), Report: report})
				if err != nil {
					return err
				}
				row = report.Record(d.Operation(), &kept.HTML)
			}
			d.result.Report = row.ReportKey
			_, err = runbook.Call(ctx, runbook.Change, disasters.FinishDisaster, row)
			return err
		},
	}
	if err := d.Last(ctx, file); err != nil && ended == nil {
		ended = runbook.End(runbook.ErrEvidenceLost, "everything was done and put back, and the report was not written: %s", runbook.Words(err))
	}
	if d.result.Report != "" {
		d.Found(ctx, runbook.Fact{Name: "報告書 · Report", Value: d.result.Report})
		d.tellReport(ctx, kept)
	}
	d.awaitMail(ctx)
	return ended
}

func (d *disaster) tellReport(ctx workflow.Context, kept activities.DisasterReportKept) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	left := ""
	if d.wentBack() {
		left = d.left()
	}
	d.Tell(ctx, "disaster-report", "disaster-report", d.on.MailList, map[string]string{
		"left":     left,
		"detail":   d.measured(),
		"outcome":  d.result.Outcome,
		"services": fmt.Sprintf("%s (SHA-256 %s)\n%s (SHA-256 %s)", kept.HTML.Location, kept.HTML.SHA256, kept.XLSX.Location, kept.XLSX.SHA256),
	}, kept.HTML, kept.XLSX)
}

// compose makes the report of what the run knows, and the figures of the result from it: both must say the same.
func (d *disaster) compose(ctx workflow.Context, ended error) (drillreport.Report, error) {
	earlier, err := runbook.Call(ctx, runbook.Read, disasters.ListEarlierDisasters, activities.EarlierQuestion{System: d.on.SystemID, Before: d.Status().StartedAt})
	if err != nil {
		return drillreport.Report{}, err
	}
	d.result.Outcome = d.outcome(ended)
	r := d.figures(ctx)
	r.Outcome, r.Note, r.Earlier = d.result.Outcome, d.note, earlier.Earlier
	if d.wentBack() {
		r.Left = d.left()
	}
	if ended != nil {
		r.Note = strings.TrimPrefix(r.Note+" / "+endInWords(ended, d.result.Outcome), " / ")
	}
	r.Steps, r.Budgets, r.Decisions = d.timeline(), d.budgetsOf(), d.decisions()
	head := d.Status().Evidence
	r.Evidence = drillreport.Evidence{Rows: head.Count, Hash: head.Head}
	row := r.Record(d.Operation(), nil)
	d.result.RTO, d.result.RTOHuman, d.result.RPO = row.RTO, row.RTOHuman, row.RPO
	return r, nil
}

// wentBack tells whether the run says of itself that everything went back, so that what did not has to be named.
func (d *disaster) wentBack() bool {
	return d.result.Outcome == store.DisasterReturned || d.result.Outcome == store.DisasterUndone
}

// figures is the report as far as the run has come, without its steps.
func (d *disaster) figures(ctx workflow.Context) drillreport.Report {
	s := d.Status()
	r := drillreport.Report{
		WorkflowID: s.ID, RunID: s.RunID, System: d.on.SystemID, Title: d.in.Title, Reason: d.in.Reason, Ticket: d.in.Ticket,
		Mode: d.on.Mode, Manner: d.on.Manner, Via: d.on.Via, Primary: d.on.Region, DR: d.on.DRRegion, Redirected: d.on.RecordName,
		Requester: d.on.Requester, Operator: d.on.Operator, StartedAt: s.StartedAt, Data: d.origin(),
		DataAt: d.result.DataAt, RestoredAt: d.result.RestoredAt, ReturnedAt: d.result.ReturnedAt, EndedAt: workflow.Now(ctx).UTC(),
		RTOTarget: d.on.RTO, RPOTarget: d.on.RPO,
	}
	if !d.on.DisasterAt.IsZero() {
		r.DisasterAt = &d.on.DisasterAt
	}
	if at := d.result.DeclaredAt; at != nil {
		r.Declared = &drillreport.Declared{By: d.approvedBy, At: *at}
	}
	return r
}

// measured is RTO and RPO in words, as far as they are known.
func (d *disaster) measured() string {
	var lines []string
	if at, to := d.result.DeclaredAt, d.result.RestoredAt; at != nil && to != nil {
		lines = append(lines, fmt.Sprintf("・RTO：%s（目標 %s）", drillreport.InWords(wholeSeconds(*to, *at)), drillreport.InWords(d.on.RTO)))
	} else if d.vouched() {
		lines = append(lines, fmt.Sprintf("・RTO：機械では測定していません（目標 %s）", drillreport.InWords(d.on.RTO)))
	}
	if at, data := d.result.DeclaredAt, d.result.DataAt; at != nil && data != nil {
		from := *at
		if !d.on.DisasterAt.IsZero() {
			from = d.on.DisasterAt
		}
		lines = append(lines, fmt.Sprintf("・RPO：%s（目標 %s）", drillreport.InWords(max(wholeSeconds(from, *data), 0)), drillreport.InWords(d.on.RPO)))
	}
	if len(lines) == 0 {
		return "―"
	}
	return strings.Join(lines, "\n")
}

// wholeSeconds is the span between two moments as the report counts it.
func wholeSeconds(later, earlier time.Time) time.Duration {
	return later.Truncate(time.Second).Sub(earlier.Truncate(time.Second))
}

// expected are the stages of the recovery in their order, for those that were not reached.
func (d *disaster) expected() []string {
	names := []string{"declare"}
	for _, s := range d.steps() {
		if !onlyLooks(s.Name) {
			names = append(names, s.Name)
		}
	}
	return append(names, "return")
}

// timeline is every stage with its waits for people. What was not reached comes last of its part.
func (d *disaster) timeline() []drillreport.Step {
	var steps []drillreport.Step
	for _, s := range d.stages {
		begin := s.begin
		step := drillreport.Step{Name: s.name, Title: stageTitle(s.name), Part: s.part, Begin: &begin, End: s.end, Human: d.waitsIn(s), Outcome: drillreport.StepDone}
		step.Budget, step.AtRisk = d.ownBudget(s.name)
		steps = append(steps, step)
		d.judge(s, &steps[len(steps)-1])
	}
	for _, name := range d.expected() {
		if !slices.ContainsFunc(d.stages, func(s stage) bool { return s.name == name }) {
			part := drillreport.PartRecovery
			if name == "return" {
				part = drillreport.PartReturn
			}
			of, _ := d.ownBudget(name)
			steps = append(steps, drillreport.Step{Name: name, Title: stageTitle(name), Part: part, Budget: of, Outcome: drillreport.StepNotReached})
		}
	}
	slices.SortStableFunc(steps, func(a, b drillreport.Step) int { return strings.Compare(a.Part, b.Part) }) // recovery before return
	return steps
}

// stageTitle names the stages that the report has no name for.
func stageTitle(name string) string {
	switch {
	case strings.HasPrefix(name, "doubt-"):
		return "書込み停止の確認（判断待ち）"
	case name == "last-copy":
		return "最終データの複製"
	case name == "data-back":
		return "更新データの反映"
	case name == "fence-back":
		return "災害対策系の書込み停止"
	case name == "serve-again":
		return "災害対策系のサービス再開"
	case name == "start-primary":
		return "本番系サービスの起動"
	case name == "check-primary":
		return "本番系の稼働確認"
	case name == "switch-back":
		return "データベースの切り戻し"
	}
	return ""
}

// judge says how a stage ended. A step's line in the checklist knows more than its error.
func (d *disaster) judge(s stage, into *drillreport.Step) {
	into.Comment = s.failed
	if s.failed != "" {
		into.Outcome = drillreport.StepFailed
	}
	status := d.Status()
	i := slices.IndexFunc(status.Steps, func(line runbook.Step) bool { return line.Name == s.name })
	if i < 0 {
		return
	}
	switch status.Steps[i].State {
	case runbook.StepSkipped:
		into.Outcome = drillreport.StepSkipped
		for _, a := range status.Approvals {
			if a.Accepted && a.Action == runbook.Skip && a.Gate == s.name {
				into.Comment = a.Reason
			}
		}
	case runbook.StepUndone:
		if !d.returning {
			into.Outcome = drillreport.StepUndone
		}
	}
}

// waitsIn are the times within a stage in which the run waited for people.
func (d *disaster) waitsIn(s stage) []drillreport.Span {
	var spans []drillreport.Span
	for _, w := range d.Waits() {
		if w.From.Before(s.begin) || s.end != nil && w.From.After(*s.end) {
			continue
		}
		to := w.To
		spans = append(spans, drillreport.Span{From: w.From, To: &to, Who: w.Who, Why: japanese(w.Why)})
	}
	return spans
}

// overSteps are the budgets of parts that are more than one step: the fence with its doubts, before the redirect once more, the wait for the TTL with the check
// from outside, the stay in the DR region, and the way back. The report tells them by themselves.
var overSteps = []string{"fence", fenceAgain, "outside", "stay", "return"}

// budgetsOf are the budgets of several steps, as the console shows them.
func (d *disaster) budgetsOf() (all []drillreport.Budget) {
	for _, b := range d.Budgets() {
		if slices.Contains(overSteps, b.Name) {
			all = append(all, drillreport.Budget{Name: b.Name, Of: b.Of, Begin: b.Since, End: b.EndedAt, AtRisk: b.RiskAt})
		}
	}
	return all
}

// ownBudget is the budget of a step that has one of its own, and when it was warned of.
func (d *disaster) ownBudget(name string) (of time.Duration, risk *time.Time) {
	if slices.Contains(overSteps, name) {
		return 0, nil
	}
	for _, b := range d.Budgets() {
		if b.Name == name {
			return b.Of, b.RiskAt
		}
	}
	return d.on.Budget(name), nil // it was not reached
}

// decisions are all answers, refused ones too.
func (d *disaster) decisions() []drillreport.Decision {
	var all []drillreport.Decision
	for _, a := range d.Status().Approvals {
		who := a.Person
		if who == "" {
			who = a.By
		}
		all = append(all, drillreport.Decision{At: a.At, Who: who, What: a.Gate, Answer: a.Action, Comment: a.Reason, Refused: refusalInWords(a.Refusal)})
	}
	return all
}

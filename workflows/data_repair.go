package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/repair"
	"tejun/workflows/runbook"
)

// DataRepair (データ維持管理業務, row 11) mends or deletes bad data in the operated system's database, without a bastion host
// and without anybody typing SQL. It follows an incident (row 10).
//
// A repair is an approved statement template with parameters. It is tried on a restored copy first: the rows before → after
// are the plan. Two people must agree to it: a second person who reviews, and the owner of the data, an officer of the
// ministry; they are of different organisations, and neither requested the repair nor carries it out.
//
// The statement then runs in one transaction, which commits only if the rows are exactly those of the plan; else nothing is
// changed. A committed repair is not taken back by itself: the undo script, which was kept in S3 before it, says how. The
// snapshot stays; the restored copy is deleted as soon as the preview is made, and on every way out.
var dataRepair = runbook.Spec{Name: "DataRepair", Row: 11, Title: "データ維持管理 · Data repair"}

// DataRepairInput asks for a repair.
type DataRepairInput struct {
	Template   string            `json:"template"`     // an approved template of the folder that system.yaml names
	Parameters map[string]string `json:"parameters"`   // values, as text: numbers, true/false, 2027-01-23, RFC 3339
	Expected   int               `json:"expectedRows"` // how many rows the requester expects to be touched
	At         string            `json:"at,omitempty"` // moment of the copy for the preview, RFC 3339; "" means the latest there is
	Reason     string            `json:"reason"`       // Japanese; what is wrong with the data and why
	Ticket     string            `json:"ticket"`       // of the incident
	Requester  string            `json:"requester"`    // person in system.yaml who asks for it
	Operator   string            `json:"operator"`     // person in system.yaml who carries it out
}

// Validate checks what can be checked without the operated system.
func (in *DataRepairInput) Validate() error {
	var p problems
	p.line("template", in.Template, 60)
	p.text("reason", in.Reason, 2000)
	p.line("ticket", in.Ticket, 100)
	p.line("requester", in.Requester, 64)
	p.line("operator", in.Operator, 64)
	if in.Expected < 1 {
		p.add("expectedRows is %d: say how many rows the repair should touch, at least 1", in.Expected)
	}
	if len(in.Parameters) > 50 {
		p.add("there are %d parameters; at most 50 are allowed", len(in.Parameters))
	}
	if _, err := time.Parse(time.RFC3339, in.At); in.At != "" && err != nil {
		p.add("at is %q: give it as RFC 3339 with a zone, such as 2027-01-23T22:00:00+09:00, or leave it out for the latest", in.At)
	}
	return p.err()
}

func (in *DataRepairInput) request() repair.Request {
	return repair.Request{
		Template: in.Template, Parameters: in.Parameters, Expected: in.Expected, At: in.At, Requester: in.Requester, Operator: in.Operator,
	}
}

// DataRepairResult is what the report needs.
type DataRepairResult struct {
	Plan     string                    `json:"plan"` // digest
	Ticket   string                    `json:"ticket"`
	Snapshot string                    `json:"snapshot"` // taken before anything else
	Preview  activities.RepairPlan     `json:"preview"`  // rows before and after
	Undo     activities.RepairUndoKept `json:"undo"`     // the script that would take it back
	Rows     int                       `json:"rows"`     // repaired; 0 when nothing was committed
	Evidence runbook.Evidence          `json:"evidence"`
}

// mending is one run of the runbook.
type mending struct {
	*runbook.Run
	in     DataRepairInput
	on     repair.Target
	copied restoredCopy
	result DataRepairResult
}

// DataRepair is the workflow.
func DataRepair(ctx workflow.Context, raw converter.RawValue) (DataRepairResult, error) {
	m := &mending{}
	ctx, run, err := runbook.Open(ctx, dataRepair, raw, &m.in)
	if err != nil {
		return DataRepairResult{}, err
	}
	m.Run = run
	m.result.Evidence, err = m.Finish(ctx, m.run(ctx))
	return m.result, err
}

func (m *mending) run(ctx workflow.Context) error {
	// 1. Is it an approved statement with possible parameters, and can both gates be passed? Nothing has an effect yet.
	if err := m.resolve(ctx); err != nil {
		return err
	}
	m.Declare(m.take(), m.snapshot(), m.copied.restore(), m.copied.instance(), m.preview(), m.dropCopy(), m.keepUndo(), m.fix(), m.verify())

	// 2. A snapshot first. Then the repair is tried on a copy: what it does there is the plan.
	for _, step := range []runbook.StepSpec{m.take(), m.snapshot(), m.copied.restore(), m.copied.instance(), m.preview(), m.dropCopy()} {
		if err := m.Step(ctx, step); err != nil {
			return err
		}
	}
	if m.result.Preview.Rows != m.in.Expected {
		return runbook.End(runbook.ErrRefused, "the preview touched %d rows of %s and the request expects %d: find out why, and start a new run", m.result.Preview.Rows, m.on.Table, m.in.Expected)
	}
	if err := m.Planned(ctx, m.plan); err != nil {
		return err
	}
	m.result.Plan = m.PlanDigest()

	// 3. Four eyes: a second person reviews, then the owner of the data agrees. The owner may take days: both must hold then.
	gates := []runbook.Gate{m.gate("review", "内容の確認（別担当者） · review by a second person"), m.gate("owner", "データ所有者の承認 · approval by the owner of the data")}
	for _, gate := range gates {
		if err := m.Approve(ctx, gate); err != nil {
			return err
		}
	}
	for _, gate := range gates {
		if err := m.Confirm(ctx, gate); err != nil {
			return err
		}
	}

	// 4. The way back is kept before the repair; the repair is one transaction, and is looked at afterwards.
	for _, step := range []runbook.StepSpec{m.keepUndo(), m.fix(), m.verify()} {
		if err := m.Step(ctx, step); err != nil {
			return err
		}
	}
	m.Record(ctx, "repair", "", m.result)
	return nil
}

// resolve turns the request into the template, names and limits, and holds the table.
func (m *mending) resolve(ctx workflow.Context) error {
	on, err := runbook.Resolve(ctx, directory.ResolveRepair, m.in.request())
	if err != nil {
		return err
	}
	m.on = on
	m.result.Ticket = m.in.Ticket
	m.copied = restoredCopy{Run: m.Run, cluster: on.Restored + "-" + m.Operation(), source: on.Cluster}
	if at, err := time.Parse(time.RFC3339, m.in.At); err == nil {
		m.copied.at = &at
	}
	err = m.About(ctx, runbook.Subject{
		System: on.SystemID, Environment: on.Environment, Requester: on.Requester, Operator: on.Operator, Targets: m.resources(),
		Mail: map[string]string{"title": "データ修正：" + on.Title, "reason": m.in.Reason + "（" + m.in.Ticket + "）", "services": on.Table},
	})
	if err != nil {
		return err
	}
	if err := m.Satisfiable(ctx, "review", "owner"); err != nil {
		return err
	}
	from := workflow.Now(ctx)
	return m.Reserve(ctx, m.resources(), from, from.Add(longestRepair))
}

// longestRepair is how long a run may hold the table, both approvals included.
const longestRepair = 96 * time.Hour

// resources names what no other run may touch meanwhile.
func (m *mending) resources() []string {
	return []string{"database:" + m.on.Cluster + "/" + m.on.Table}
}

// gate is on the plan as it was previewed: the copy is gone, so there is nothing to compute again. Whether the data still are as
// they were is what the transaction finds out.
func (m *mending) gate(name, asks string) runbook.Gate {
	return runbook.Gate{Name: name, Asks: asks, Plan: m.plan}
}

func (m *mending) plan(workflow.Context) ([]plan.Change, error) {
	p := m.result.Preview
	before, after := []any{}, []any{}
	for _, sample := range p.Samples {
		if sample.Before != nil {
			before = append(before, sample.Before)
		}
		if sample.After != nil {
			after = append(after, sample.After)
		}
	}
	about := map[string]any{
		"template": m.in.Template, "templateSha256": m.on.TemplateHash, "parameters": m.in.Parameters, "action": m.on.Action, "rows": p.Rows, "undoSha256": p.UndoHash,
	}
	title := fmt.Sprintf("%s：%s %d件 · %s %d row(s) of %s (%d shown)", m.on.Title, m.on.Table, p.Rows, m.on.Action, p.Rows, m.on.Table, len(p.Samples))
	change, err := plan.NewChange(m.resources()[0], title, before, after, p.BeforeHash, p.AfterHash)
	if err != nil {
		return nil, err
	}
	change.BeforeHash, change.AfterHash = p.BeforeHash, p.AfterHash // of all rows, not of those shown
	how, err := plan.NewChange("database:repair/"+m.in.Template, "実行する文と引数 · The statement and its parameters", nil, about, nil, about)
	if err != nil {
		return nil, err
	}
	return []plan.Change{how, change}, nil
}

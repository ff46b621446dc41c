package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/internal/drillreport"
	"tejun/workflows/runbook"
)

const (
	fenceAgain  = "fence-again" // budget of the doubt before the redirect
	leastBudget = time.Minute   // of what is left of one that is used up: a look has to fit in

	// budgetEdition is the change by which the whole way back has one budget, and the second doubt has what is left of that of the fence.
	budgetEdition = "way-back-budgeted"
)

func budgetsAll(ctx workflow.Context) bool {
	return workflow.GetVersion(ctx, budgetEdition, workflow.DefaultVersion, 1) != workflow.DefaultVersion
}

// within watches the budget of a part of the run.
func (d *disaster) within(ctx workflow.Context, name, title string, do func(workflow.Context) error) error {
	return d.Within(ctx, d.budget(name, title, d.on.Budget(name)), do)
}

// budget is one of a part of the run, of which people are told by mail when most of it is used.
func (d *disaster) budget(name, title string, of time.Duration) runbook.Budget {
	return runbook.Budget{
		Name: name, Title: title, Of: of,
		Warn: func(ctx workflow.Context, b runbook.BudgetLine) {
			d.beside++
			defer func() { d.beside-- }()
			step := "at-risk-" + name
			if name == "return" && d.returns > 1 { // mail that has the name of an earlier one is not sent
				step = fmt.Sprintf("%s-%d", step, d.returns)
			}
			d.Tell(ctx, step, "disaster-at-risk", d.on.MailList, map[string]string{
				"step": title, "until": runbook.JapaneseTime(b.Due()), "detail": drillreport.InWords(b.Of),
			})
		},
	}
}

// wayBackWithin watches the budget of the way back, which counts from the decision: what makes the primary region ready is part of it, and
// so is what people do meanwhile.
func (d *disaster) wayBackWithin(ctx workflow.Context, do func(workflow.Context) error) error {
	b := d.budget("return", "切り戻し · The way back", d.on.Budget("return"))
	b.Since = d.decidedAt
	return d.Within(ctx, b, do)
}

// goBackWithin begins the budget of the way back, and makes the primary region ready.
func (d *disaster) goBackWithin(ctx workflow.Context) error {
	if !budgetsAll(ctx) {
		return d.goBack(ctx)
	}
	d.returns++
	d.decidedAt = workflow.Now(ctx)
	return d.wayBackWithin(ctx, d.goBack)
}

// certainAgain asks once more, before users are sent away, whether the primary region may write. It has what is left of the budget of the
// fence.
func (d *disaster) certainAgain(ctx workflow.Context) error {
	of := d.on.Budget("fence")
	if of <= 0 || !budgetsAll(ctx) {
		return d.certain(ctx)
	}
	for _, b := range d.Budgets() {
		if b.Name == "fence" && b.EndedAt != nil {
			of = max(of-b.EndedAt.Sub(b.Since), leastBudget)
		}
	}
	return d.Within(ctx, d.budget(fenceAgain, "本番系の書込み停止の再確認 · Keep the primary region from writing: once more", of), d.certain)
}

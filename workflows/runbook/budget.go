package runbook

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// riskAt is the share of a budget after which people are warned, in percent.
const riskAt = 80

// Budget is how long a part of a run may take, people's time included.
type Budget struct {
	Name  string // permanent, such as "database": by it runs are compared
	Title string // Japanese and English
	Of    time.Duration
	// Since is when it began, where an earlier part of the run has used some of it already under the same name: that one goes on. The
	// zero time is for now.
	Since time.Time
	// Warn is done once, when 80 % is used; nil for nothing.
	Warn func(workflow.Context, BudgetLine)
}

// BudgetLine is how a budget stands.
type BudgetLine struct {
	Name    string        `json:"name"`
	Title   string        `json:"title"`
	Of      time.Duration `json:"of"`
	Since   time.Time     `json:"since"`
	RiskAt  *time.Time    `json:"riskAt"`  // when most of it was used; nil while it is not
	EndedAt *time.Time    `json:"endedAt"` // nil while it runs
}

// Due is when the budget is used up.
func (b BudgetLine) Due() time.Time { return b.Since.Add(b.Of) }

// Over tells whether more than the budget was used, or is at a moment.
func (b BudgetLine) Over(now time.Time) bool {
	if b.EndedAt != nil {
		now = *b.EndedAt
	}
	return now.After(b.Due())
}

// Within does a part of the run and watches its budget. When most of it is used the run shows that the part is at risk, and when
// all of it is, that it is over; nothing is ended by it. Without a budget (Of is 0) it only does the part.
func (r *Run) Within(ctx workflow.Context, b Budget, do func(workflow.Context) error) error {
	if b.Of <= 0 {
		return do(ctx)
	}
	line := BudgetLine{Name: b.Name, Title: b.Title, Of: b.Of, Since: workflow.Now(ctx).UTC()}
	if !b.Since.IsZero() {
		line.Since = b.Since.UTC()
		if kept := r.budget(b.Name); kept != nil && kept.Since.Equal(line.Since) {
			line.RiskAt = kept.RiskAt // people were warned
		}
	}
	r.status.Budgets = append(slices.DeleteFunc(r.status.Budgets, func(l BudgetLine) bool { return l.Name == b.Name }), line)
	watch, stop := workflow.NewDisconnectedContext(ctx)
	workflow.GoNamed(watch, "budget "+b.Name, func(ctx workflow.Context) { r.watchBudget(ctx, b, line) })
	err := do(ctx)
	stop()
	if line := r.budget(b.Name); line != nil {
		line.EndedAt = moment(ctx)
	}
	r.show(ctx)
	return err
}

// watchBudget warns when the budget is at risk, and shows when it is over. The context ends with the part.
func (r *Run) watchBudget(ctx workflow.Context, b Budget, line BudgetLine) {
	until := func(at time.Time, what string) bool {
		summary := workflow.TimerOptions{Summary: fmt.Sprintf("budget of %s (%s): %s", b.Name, b.Of, what)}
		return workflow.NewTimerWithOptions(ctx, at.Sub(workflow.Now(ctx)), summary).Get(ctx, nil) == nil
	}
	if line.RiskAt == nil {
		if !until(line.Since.Add(b.Of*riskAt/100), "most of it is used") {
			return
		}
		r.warn(ctx, b, line)
	}
	if until(line.Due(), "all of it is used") {
		r.show(ctx)
	}
}

// warn shows that most of the budget is used, and tells people.
func (r *Run) warn(ctx workflow.Context, b Budget, line BudgetLine) {
	line.RiskAt = moment(ctx)
	if kept := r.budget(b.Name); kept != nil {
		kept.RiskAt = line.RiskAt
	}
	r.show(ctx)
	r.Record(ctx, "budget-at-risk", b.Name, line)
	if b.Warn != nil {
		workflow.GoNamed(ctx, "warn "+b.Name, func(ctx workflow.Context) {
			ctx, done := workflow.NewDisconnectedContext(ctx) // the part may end before the mail is sent
			defer done()
			b.Warn(ctx, line)
		})
	}
}

func (r *Run) budget(name string) *BudgetLine {
	i := slices.IndexFunc(r.status.Budgets, func(l BudgetLine) bool { return l.Name == name })
	if i < 0 {
		return nil
	}
	return &r.status.Budgets[i]
}

// Budgets are how the budgets stand, in the order in which they began.
func (r *Run) Budgets() []BudgetLine { return slices.Clone(r.status.Budgets) }

// Wait is a time in which the run waited for people.
type Wait struct {
	From time.Time
	To   time.Time
	Gate string // gate, or step when held
	Why  string // what was asked, in words
	Who  string // person ID of who answered; "" if nobody did
}

// Waits are the times in which the run waited for people, in the order of their ends: its gates and questions. All other time is
// the machine's.
func (r *Run) Waits() []Wait { return slices.Clone(r.waits) }

// waited notes that a question was open since a time.
func (r *Run) waited(ctx workflow.Context, q *question, since time.Time) {
	if q.kind == "time" || q.kind == "watch" { // then nobody has to answer
		return
	}
	w := Wait{From: since.UTC(), To: workflow.Now(ctx).UTC(), Gate: q.gate, Why: q.why}
	if q.answer != nil {
		w.Who = q.answer.Person
	}
	r.waits = append(r.waits, w)
}

// budgets writes the budgets as the Temporal UI shows them: first what needs somebody to hurry.
func (s Status) budgets(b *strings.Builder) {
	if len(s.Budgets) == 0 {
		return
	}
	for _, line := range s.Budgets {
		if line.RiskAt != nil && line.EndedAt == nil {
			fmt.Fprintf(b, "\n**AT RISK** – %s: its budget of %s is used up at %s\n", line.Title, line.Of, JST(line.Due()))
		}
	}
	b.WriteString("\n| Budget | Of | Began (JST) | Used up | Took | State |\n|:--|--:|:--|:--|--:|:--|\n")
	for _, line := range s.Budgets {
		took, state := "", "running"
		switch {
		case line.EndedAt != nil && line.Over(*line.EndedAt):
			state = "**missed**"
		case line.EndedAt != nil:
			state = "kept"
		case line.RiskAt != nil:
			state = "**at risk**"
		}
		if line.EndedAt != nil {
			took = line.EndedAt.Sub(line.Since).Round(time.Second).String()
		}
		due := line.Due()
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s | %s |\n", line.Title, line.Of, clock(&line.Since, "1/2"+nbsp+"15:04:05"), clock(&due, "15:04:05"), took, state)
	}
}

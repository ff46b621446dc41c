package drillreport

import "time"

// spent is a budget of several steps with what was used of it.
type spent struct {
	Budget
	Time   interval
	Total  time.Duration
	Waited time.Duration // of Total: for people
}

// spend counts the budgets of several steps.
func (r Report) spend() []spent {
	all := make([]spent, 0, len(r.Budgets))
	for _, b := range r.Budgets {
		end := r.EndedAt
		if b.End != nil && b.End.Before(end) {
			end = *b.End
		}
		s := spent{Budget: b, Time: interval{cut(b.Begin), cut(end)}}
		s.Total, s.Waited = s.Time.length(), length(clip(r.waits(), s.Time))
		all = append(all, s)
	}
	return all
}

// Over tells whether more than the budget was used.
func (s spent) Over() bool { return s.Total > s.Of }

// Due is when the budget was used up.
func (s spent) Due() time.Time { return s.Time.from.Add(s.Of) }

// Title is what the budget is for.
func (s spent) Title() string { return word(budgetWords, s.Name) }

// Kept says how it ended.
func (s spent) Kept() string {
	switch {
	case s.Over():
		return "予算超過"
	case s.AtRisk != nil:
		return "予算警告"
	}
	return "予算内"
}

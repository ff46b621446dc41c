package runbook

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"
)

// The states of a clock of a service level, as people see it.
const (
	ClockRunning  = "running"
	ClockPaused   = "paused"
	ClockMet      = "met"
	ClockBreached = "breached" // it has taken too long, done or not
)

// ShowClocks shows the clocks of service levels.
func (r *Run) ShowClocks(ctx workflow.Context, clocks []ClockLine) {
	r.status.Clocks = clocks
	r.show(ctx)
}

// Restate changes what the run is about, in words.
func (r *Run) Restate(ctx workflow.Context, about []Fact) {
	r.status.About = about
	r.show(ctx)
}

// clocks writes the clocks as the Temporal UI shows them.
func (s Status) clocks(b *strings.Builder) {
	if len(s.Clocks) == 0 {
		return
	}
	fmt.Fprintf(b, "\n| SLA (%s) | Due (JST) | Elapsed | Remaining | State |\n|:--|:--|--:|--:|:--|\n", JST(s.Clocks[0].At))
	for _, c := range s.Clocks {
		state := c.State
		if state == ClockBreached {
			state = "**breached**"
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", c.Name, strings.ReplaceAll(c.Due.In(jst).Format("1/2 15:04:05"), " ", nbsp),
			c.Elapsed.Round(time.Second), c.Remaining.Round(time.Second), state)
	}
}

package runbook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	store "tejun/internal/records"
)

// Record appends an evidence row about the run itself. What an activity did is recorded by the activity. The row is
// written before the run goes on; while the database does not answer, the run waits for it.
func (r *Run) Record(ctx workflow.Context, kind, step string, body any) {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	content, err := json.Marshal(body)
	if err != nil {
		r.lost = errors.Join(r.lost, fmt.Errorf("evidence %q of step %q cannot be written down: %w", kind, step, err))
		return
	}
	r.records++
	head, err := local(WithSummary(ctx, "evidence: "+strings.TrimSpace(kind+" "+step)), records.AppendEvidence, store.Evidence{
		WorkflowID: r.status.ID, RunID: r.status.RunID,
		Key:  fmt.Sprintf("%s/workflow/%d", r.status.RunID, r.records),
		Kind: kind, Step: step, At: workflow.Now(ctx).UTC(), Body: content,
	})
	if err != nil {
		// Only a row that already stands there with other content ends here: two histories claim the same place.
		r.lost = errors.Join(r.lost, fmt.Errorf("evidence %q of step %q was not written: %w", kind, step, err))
		return
	}
	r.status.Evidence = Evidence{Count: head.Count, Head: head.Hash}
}

package workflows

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// tellsEnd lets people be told how the change has ended. Earlier editions told nobody.
func (s *setting) tellsEnd(ctx workflow.Context) {
	if workflow.GetVersion(ctx, "setting-tells-end", workflow.DefaultVersion, 1) != workflow.DefaultVersion {
		s.Finally(tellEndStep, tellEndTitle, s.tellEnd)
	}
}

// tellEnd tells what the settings are now.
func (s *setting) tellEnd(ctx workflow.Context, err error) error {
	var lines []string
	for _, v := range s.on.Settings {
		lines = append(lines, "・"+v.String())
	}
	data := map[string]string{"detail": strings.Join(lines, "\n")}
	if err != nil {
		data["error"] = runbook.Words(err)
	}
	return s.NotifyEach(ctx, tellEndStep, s.endMail(err), s.concerned(), data)
}

// endMail is the template for an end. Where it is not known that everything is as it was before, or as it was to be, it says so.
func (s *setting) endMail(err error) string {
	switch {
	case err == nil:
		return "setting-done"
	case runbook.IsEnd(err, runbook.ErrNeverApproved):
		return "setting-stays"
	case runbook.IsEnd(err, runbook.ErrUndoFailed), runbook.IsEnd(err, runbook.ErrEvidenceLost):
		return "setting-unclear"
	case s.result.ChangedAt != nil:
		return "setting-undone"
	case s.MadeBeforeReset():
		return "setting-unclear"
	}
	return "setting-not-made"
}

// concerned are whoever asked for the change and carried it out, and everybody whose decision about it has counted.
func (s *setting) concerned() []string {
	to := []string{system.ToPerson(s.on.Requester), system.ToPerson(s.on.Operator)}
	for _, a := range s.Status().Approvals {
		if a.Accepted && slices.Contains([]string{runbook.Approve, runbook.Reject}, a.Action) {
			to = append(to, system.ToPerson(a.Person))
		}
	}
	return to
}

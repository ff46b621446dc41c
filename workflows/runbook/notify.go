package runbook

import (
	"errors"
	"maps"
	"slices"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
)

// Notify sends mail as part of a step: it counts, and a doubt about it holds the step. After a person has answered
// "retry" it is sent again even though an earlier sending may have arrived.
func (r *Run) Notify(ctx workflow.Context, step, template, list string, data map[string]string) error {
	return r.send(ctx, step, step, template, list, data)
}

// sinceReset marks the name of a mail of a run that was reset: "" for one that was not.
func (r *Run) sinceReset(life string) string {
	if life == r.original {
		return ""
	}
	return "-reset-" + life[:min(8, len(life))]
}

// send sends one mail of a step, under a name of its own.
func (r *Run) send(ctx workflow.Context, step, name, template, list string, data map[string]string) error {
	_, err := Call(ctx, Send, ses.SendSESMail, activities.Mail{
		Operation: r.Operation(), Step: name, Template: template, List: list,
		Data: r.mailData(data), Resend: r.retriedByPerson(step),
	})
	return err
}

// NotifyEach sends the same mail to several lists as part of a step, as Notify does: to each once, also when the step is done again
// because another one has failed. After a Reset it is a new mail.
func (r *Run) NotifyEach(ctx workflow.Context, step, template string, lists []string, data map[string]string) error {
	which := r.sinceReset(r.life(ctx))
	var failed error
	for _, list := range slices.Compact(slices.Sorted(slices.Values(lists))) {
		failed = errors.Join(failed, r.send(WithSummary(ctx, "mail: "+template+" to "+list), step, step+"-"+template+"-"+list+which, template, list, data))
	}
	return failed
}

// Tell sends mail that the run does not depend on: a reminder, a page, a report. A failure is in the evidence and in the log.
func (r *Run) Tell(ctx workflow.Context, step, template, list string, data map[string]string, attach ...store.Document) {
	if list == "" {
		return
	}
	_, err := Call(WithSummary(ctx, "mail: "+template+" to "+list), Courtesy, ses.SendSESMail, activities.Mail{
		Operation: r.Operation(), Step: step, Template: template, List: list, Data: r.mailData(data), Attach: attach,
	})
	if err != nil {
		workflow.GetLogger(ctx).Warn("a message was not sent", "template", template, "list", list, "error", Words(err))
	}
}

// Inform changes what later mail says about the run.
func (r *Run) Inform(key, value string) { r.subject.Mail[key] = value }

func (r *Run) mailData(data map[string]string) map[string]string {
	all := map[string]string{"runId": r.status.ID, "runbook": r.spec.Name, "requester": r.subject.Requester}
	maps.Copy(all, r.subject.Mail)
	maps.Copy(all, data)
	return all
}

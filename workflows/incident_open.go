package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// open resolves the report and records it, unless an earlier history has done so.
func (h *handling) open(ctx workflow.Context) error {
	if h.edition >= describedEdition && h.record.Seq > 0 && len(h.on.Escalation) > 0 {
		return h.reopen(ctx)
	}
	from := h.Status().StartedAt
	on, err := runbook.Resolve(ctx, directory.ResolveIncident, h.in.request(from))
	var unfit error // an incident that is open is not given up because the description has changed
	switch {
	case err == nil:
		h.on = on
	case runbook.WasCancelled(ctx, err) || len(h.on.Escalation) == 0:
		return err
	default:
		unfit, on = err, h.on
	}
	if h.record.ID == "" {
		severity, err := on.SeverityOf(h.in.Impact, h.in.Urgency)
		if err != nil {
			return runbook.End(runbook.ErrRefused, "%v", err)
		}
		h.record = store.Incident{
			ID: "INC-" + runbook.Day(from) + "-" + h.Operation(), Fingerprint: h.in.Print(), State: store.IncidentOpen, Title: h.in.Title, Symptom: h.in.Symptom,
			Source: h.in.Source, Services: h.in.Services, Impact: h.in.Impact, Urgency: h.in.Urgency, Severity: severity,
			Requester: on.Requester, Operator: on.Operator, DetectedAt: on.DetectedAt, OpenedAt: from,
		}
	}
	if err := h.introduce(ctx); err != nil {
		return err
	}
	if err := h.CanPass(ctx, h.closureGate()); err != nil {
		if runbook.WasCancelled(ctx, err) || h.record.Seq == 0 || h.edition == workflow.DefaultVersion {
			return err
		}
		unfit = errors.Join(unfit, err)
	}
	h.listen(ctx)
	if h.record.Seq > 0 { // it goes on, in an edition before reopen
		h.readClocks(ctx)
		h.catchUp(ctx)
		h.findFixes(ctx)
		if unfit != nil {
			h.Record(ctx, "not-resolved", "", map[string]string{"problem": runbook.Words(unfit)})
			h.escalate(ctx, unresolved)
		}
		return nil
	}
	if h.in.Alarm != nil {
		h.attach(ctx, *h.in.Alarm)
	}
	h.note(ctx, "opened")
	h.proposeKnownErrors(ctx)
	h.diagnose(ctx, on.DetectedAt)
	h.Tell(ctx, "opened", "incident-opened", on.Operators, map[string]string{"detail": h.summary()})
	return nil
}

func (h *handling) targets() []string {
	names := []string{"incident:" + h.record.ID}
	for _, s := range h.on.Services {
		names = append(names, "ecs:"+h.on.Cluster+"/"+s.Service)
	}
	return names
}

// proposeKnownErrors looks for earlier incidents that look like this one.
func (h *handling) proposeKnownErrors(ctx workflow.Context) {
	found, err := runbook.Resolve(runbook.WithSummary(ctx, "look for known errors"), incidents.FindSimilarIncidents, h.record)
	if err != nil { // the database answers in the end; only a cancellation gets here
		return
	}
	h.record.Similar = found.Similar
	if len(found.Similar) > 0 {
		h.Record(ctx, "known-errors", "", found.Similar)
		h.note(ctx, "known-errors")
	}
}

// diagnose collects facts beside the questions.
func (h *handling) diagnose(ctx workflow.Context, around time.Time) {
	sources := activities.IncidentSources{
		Cluster: h.on.Cluster, Alarms: h.on.Alarms, LogGroups: h.on.LogGroups, Pattern: h.on.Pattern, From: around.Add(-h.on.Around).UTC(), Until: workflow.Now(ctx).UTC(),
	}
	for _, s := range h.on.Services {
		sources.Services = append(sources.Services, s.Service)
	}
	h.reading++
	workflow.GoNamed(h.beside(ctx), "diagnosis", func(ctx workflow.Context) {
		defer func() { h.reading-- }()
		found, err := runbook.Call(runbook.WithSummary(ctx, "read what may explain it"), runbook.Read, diagnosis.CollectIncidentFacts, sources)
		if err != nil {
			if runbook.WasCancelled(ctx, err) {
				return
			}
			found.Facts = []store.Fact{{Source: store.DiagnosisSource, What: "could not be made: " + runbook.Words(err), At: workflow.Now(ctx).UTC(), Bad: true}}
		} else if len(h.record.Facts) > 0 {
			h.learn(store.Fact{Source: store.DiagnosisSource, What: fmt.Sprintf("再調査 · diagnosed again: %d facts", len(found.Facts)), At: workflow.Now(ctx).UTC()})
		}
		h.learn(found.Facts...)
		h.note(ctx, "diagnosed")
	})
}

// mostFacts are kept in the record: those of the first diagnosis and of the newest ones. One finds half as many at most.
const mostFacts = 250

// learn adds facts to the record. A later diagnosis, which begins with a fact about itself, takes nothing away from the first one; when there
// are too many the oldest of the later ones go.
func (h *handling) learn(facts ...store.Fact) {
	all := slices.Concat(h.record.Facts, facts)
	begins := func(f store.Fact) bool { return f.Source == store.DiagnosisSource }
	for len(all) > mostFacts {
		first := slices.IndexFunc(all, begins)
		next := slices.IndexFunc(all[first+1:], begins)
		if first < 0 || next < 0 {
			break
		}
		all = slices.Delete(all, first, first+1+next)
	}
	h.record.Facts = all
}

// newestFacts are those of the newest diagnosis.
func (h *handling) newestFacts() []store.Fact {
	for i, f := range slices.Backward(h.record.Facts) {
		if f.Source == store.DiagnosisSource {
			return h.record.Facts[i:]
		}
	}
	return h.record.Facts
}

// summary is the incident in a few lines, for mail.
func (h *handling) summary() string {
	var b strings.Builder
	severity := h.record.Severity
	if limits := h.limits(); limits.Name == severity {
		severity = limits.Title
	}
	fmt.Fprintf(&b, "管理番号：%s\n重要度：%s（影響度 %s、緊急度 %s）\n", h.record.ID, severity, h.record.Impact, h.record.Urgency)
	for _, c := range h.record.Clocks {
		fmt.Fprintf(&b, "%sの期限：%s\n", clockNames[c.Name].ja, runbook.JapaneseTime(c.Due))
	}
	if h.record.AlarmEvents > 0 {
		fmt.Fprintf(&b, "アラーム：%d件\n", h.record.AlarmEvents)
	}
	facts := h.newestFacts()
	for _, f := range facts[:min(len(facts), 10)] {
		if f.Bad {
			fmt.Fprintf(&b, "・%s：%s\n", f.Source, f.What)
		}
	}
	for _, s := range h.record.Similar {
		fmt.Fprintf(&b, "類似の障害：%s %s（類似度 %.0f%%）", s.Incident, s.Title, 100*s.Likeness)
		if s.RootCause != "" {
			fmt.Fprintf(&b, " 原因：%s", s.RootCause)
		}
		if s.Workaround != "" {
			fmt.Fprintf(&b, " 暫定対応：%s", s.Workaround)
		}
		b.WriteString("\n")
	}
	return b.String()
}

package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/calendar"
	"tejun/internal/records"
	"tejun/internal/sla"
	"tejun/internal/system"
	"tejun/workflows"
)

// stable is how long recovery is watched in these tests.
const stable = 30 * time.Minute

// outbreak is a world with an incident.
type outbreak struct {
	*world
	states     []records.Incident // of its record
	problems   []records.Problem
	similar    []records.Similar
	well       func(look int) []string                         // what speaks against recovery, by look, counted from 1
	fixes      map[string]func(workflow.Context) error         // how runs end, by their reason's place: "SettingChange" or "Release"
	inputs     []map[string]any                                // of the runs that were started
	reports    []activities.IncidentReport                     //
	looks      int                                             //
	sources    []activities.IncidentSources                    //
	facts      func(activities.IncidentSources) []records.Fact //
	mails      []activities.Mail                               // that were sent
	severities []string                                        // names that the description has come to use, with half the time to recover
	onState    func(records.Incident)                          // as a state is recorded
}

func withOutbreak(w *world) *outbreak {
	o := &outbreak{world: w, well: func(int) []string { return nil }, fixes: map[string]func(workflow.Context) error{}}
	cal, err := calendar.Japan()
	require.NoError(w.t, err)
	hours, err := sla.NewHours(cal, "09:30", "18:15")
	require.NoError(w.t, err)
	stub(w, "ResolveIncident", func(r system.IncidentRequest) (system.IncidentTarget, error) {
		on := system.IncidentTarget{
			SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, DetectedAt: r.From.UTC(), Stable: stable,
			ReportList: "officers", Operators: "operators", Officers: "officers", Cluster: "main", Services: []system.ServiceTarget{{Name: "api", Service: "gzs-api"}},
			Alarms: []string{"5xx"}, LogGroups: []string{"/ecs/api"}, Pattern: "ERROR", Around: 30 * time.Minute, Paths: []string{"/"},
			Escalation: []system.EscalateTo{{To: "operators", Wait: 10 * time.Minute}, {To: "person:takahashi", Wait: 10 * time.Minute}, {To: "officers", Wait: 20 * time.Minute}},
			Severities: []system.SeverityTarget{
				{Name: "critical", Title: "重大 · Critical", Acknowledge: 15 * time.Minute, FirstReport: 40 * time.Minute, Recover: 4 * time.Hour, Clock: sla.Always},
				{Name: "minor", Title: "軽微 · Minor", Acknowledge: 2 * time.Hour, FirstReport: time.Hour, Recover: 16 * time.Hour, Clock: sla.Business},
			},
		}
		for i, name := range o.severities {
			on.Severities[i].Name = name
			on.Severities[i].Recover /= 2
		}
		for _, impact := range system.IncidentLevels() {
			for _, urgency := range system.IncidentLevels() {
				severity := on.Severities[1].Name
				if impact == "high" {
					severity = on.Severities[0].Name
				}
				on.Matrix = append(on.Matrix, system.IncidentLevel{Impact: impact, Urgency: urgency, Severity: severity})
			}
		}
		return on, nil
	})
	stub(w, "ReadIncidentClocks", func(q activities.ClockQuestion) (out activities.ClocksRead, err error) {
		for _, c := range q.Clocks {
			read := records.IncidentClock{Clock: c}
			if read.Reading, err = c.Read(hours, q.At); err != nil {
				return out, err
			}
			out.Clocks = append(out.Clocks, read)
		}
		return out, nil
	})
	stub(w, "RecordIncident", func(in records.Incident) (activities.IncidentRecorded, error) {
		if o.onState != nil {
			o.onState(in)
		}
		o.states = append(o.states, in)
		return activities.IncidentRecorded{Seq: len(o.states)}, nil
	})
	stub(w, "RecordProblem", func(p records.Problem) (activities.IncidentRecorded, error) {
		o.problems = append(o.problems, p)
		return activities.IncidentRecorded{Seq: len(o.problems)}, nil
	})
	stub(w, "FindSimilarIncidents", func(records.Incident) (activities.SimilarFound, error) {
		return activities.SimilarFound{Similar: o.similar}, nil
	})
	stub(w, "ResolveProblemActions", func(q activities.ActionsQuestion) (out activities.ActionsFound, err error) {
		if err := json.Unmarshal([]byte(q.Text), &out.Actions); err != nil {
			return out, refusedWith("actions: " + err.Error())
		}
		return out, nil
	})
	stub(w, "CollectIncidentFacts", func(in activities.IncidentSources) (activities.IncidentFacts, error) {
		o.sources = append(o.sources, in)
		if o.facts != nil {
			return activities.IncidentFacts{Facts: o.facts(in)}, nil
		}
		return activities.IncidentFacts{Facts: []records.Fact{{Source: "ecs:main/gzs-api", What: "1 of 2 tasks run", At: in.Until, Bad: true}}}, nil
	})
	stub(w, "CheckIncidentRecovery", func(activities.RecoveryCheck) (activities.Recovery, error) {
		o.looks++
		return activities.Recovery{Against: o.well(o.looks)}, nil
	})
	stub(w, "PutS3IncidentReport", func(in activities.IncidentReport) (records.Document, error) {
		o.reports = append(o.reports, in)
		w.calls = append(w.calls, "PutS3IncidentReport")
		return records.Document{Location: "s3://reports/" + in.Incident.ID + ".docx", SHA256: hashOne, Bytes: 9}, nil
	})
	stub(w, "SendSESMail", func(m activities.Mail) (activities.MailResult, error) {
		w.knows(m)
		w.calls, o.mails = append(w.calls, "mail:"+m.Template), append(o.mails, m)
		return activities.MailResult{MessageIDs: []string{"m"}}, nil
	})
	stub(w, "ListRunHands", func(activities.RunRef) (activities.RunHands, error) { return activities.RunHands{}, nil })
	stub(w, "FindRun", func(activities.RunRef) (activities.RunFound, error) { return activities.RunFound{}, nil })
	for _, name := range []string{"SettingChange", "Release"} {
		w.env.RegisterWorkflowWithOptions(func(ctx workflow.Context, raw converter.RawValue) (map[string]string, error) {
			in := map[string]any{}
			if err := json.Unmarshal(raw.Payload().GetData(), &in); err != nil {
				return nil, err
			}
			w.mu.Lock()
			o.inputs, w.calls = append(o.inputs, in), append(w.calls, name)
			w.mu.Unlock()
			if end := o.fixes[name]; end != nil {
				if err := end(ctx); err != nil {
					return nil, err
				}
			}
			return map[string]string{"plan": "p"}, nil
		}, workflow.RegisterOptions{Name: name, DisableAlreadyRegisteredCheck: true})
	}
	return o
}

func reported() workflows.IncidentInput {
	return workflows.IncidentInput{
		Title: "検索画面が表示されない", Symptom: "5xxが増加", Source: "monitoring", Services: []string{"api"}, Impact: "high", Urgency: "high",
		Alarm: &workflows.IncidentAlarm{ID: "e1", Alarm: "5xx", State: "ALARM", Reason: "5 of 5"}, Requester: "ito", Operator: "tanaka",
	}
}

func (o *outbreak) handle(in workflows.IncidentInput) error {
	o.env.ExecuteWorkflow("Incident", in)
	require.True(o.t, o.env.IsWorkflowCompleted())
	return o.env.GetWorkflowError()
}

func minute(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }

// say sends an answer with values.
func (o *outbreak) say(when time.Time, person, answer string, values map[string]string) {
	message := by(person)
	if values != nil {
		message["values"] = values
	}
	o.at(when, answer, message)
}

func cause() map[string]string {
	return map[string]string{"rootCause": "接続プールの枯渇", "actions": `[{"what":"監視の追加","owner":"tanaka","due":"2027-02-26"}]`}
}

// settled lets an incident that was acknowledged at minute 5 recover at minute 60, and be closed.
func (o *outbreak) settled() {
	o.say(minute(5), "tanaka", "acknowledge", nil)
	o.say(minute(60), "tanaka", "done", nil)
	o.say(minute(100), "tanaka", "done", cause())
	o.approveAsSeen(minute(110), "sato")
}

func (o *outbreak) result() (r workflows.IncidentResult) {
	o.t.Helper()
	require.NoError(o.t, o.env.GetWorkflowResult(&r))
	return r
}

func (o *outbreak) last() records.Incident { return o.states[len(o.states)-1] }

// eventsOf are what made the states of the record, in order.
func (o *outbreak) eventsOf() (events []string) {
	for _, s := range o.states {
		events = append(events, s.Event)
	}
	return events
}

// mailed are the templates of the mail about the incident, in order.
func (o *outbreak) mailed() (templates []string) {
	for _, c := range o.effects() {
		if name, isMail := strings.CutPrefix(c, "mail:incident-"); isMail {
			templates = append(templates, name)
		}
	}
	return templates
}

// refusals are why answers did not count.
func (o *outbreak) refusals() (words []string) {
	for _, a := range o.status().Approvals {
		if !a.Accepted {
			words = append(words, a.Refusal)
		}
	}
	return words
}

func (o *outbreak) notes(kind string) (texts []string) {
	for _, n := range o.last().Notes {
		if n.Kind == kind {
			texts = append(texts, n.Text)
		}
	}
	return texts
}

func contains(list []string, part string) bool {
	return slices.ContainsFunc(list, func(s string) bool { return strings.Contains(s, part) })
}

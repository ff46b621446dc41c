package activities

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"tejun/internal/calendar"
	"tejun/internal/records"
	"tejun/internal/sla"
	"tejun/internal/system"
)

// ResolveIncident turns a report into people, limits and places to look at, or refuses it (Refused) with the reason.
func (a *Directory) ResolveIncident(_ context.Context, in system.IncidentRequest) (system.IncidentTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.IncidentTarget{}, err
	}
	target, err := s.ResolveIncident(in)
	if err != nil {
		return system.IncidentTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ClockQuestion asks what clocks show at a moment.
type ClockQuestion struct {
	Clocks []sla.Clock `json:"clocks"`
	At     time.Time   `json:"at"`
}

// ClocksRead are the clocks in the order of the question.
type ClocksRead struct {
	Clocks []records.IncidentClock `json:"clocks"`
}

// ReadIncidentClocks reads clocks of service levels. A clock of business hours that runs beyond the years whose holidays are
// known is read as if every hour counted: then it is due too early rather than never.
func (a *Directory) ReadIncidentClocks(_ context.Context, in ClockQuestion) (ClocksRead, error) {
	s, err := describe(a.system)
	if err != nil {
		return ClocksRead{}, err
	}
	hours, err := sla.NewHours(a.calendar, s.BusinessHours.Start, s.BusinessHours.End)
	if err != nil {
		return ClocksRead{}, fail(Refused, "%v", err)
	}
	out := ClocksRead{Clocks: []records.IncidentClock{}}
	for _, c := range in.Clocks {
		read := records.IncidentClock{Clock: c}
		read.Reading, err = c.Read(hours, in.At)
		var outside *calendar.OutsideError
		if errors.As(err, &outside) {
			always := c
			always.Kind, read.Note = sla.Always, "every hour counts, as the holidays are not known: "+outside.Error()
			read.Reading, err = always.Read(hours, in.At)
		}
		if err != nil {
			return ClocksRead{}, fail(InvalidInput, "%v", err)
		}
		out.Clocks = append(out.Clocks, read)
	}
	return out, nil
}

// ActionsQuestion asks whether actions against a problem are as they must be.
type ActionsQuestion struct {
	Text string    `json:"text"` // JSON: [{"what": "…", "owner": "…", "due": "2027-01-29"}]
	From time.Time `json:"from"` // due days are not before it
}

// ActionsFound are the actions, with the IDs of their owners.
type ActionsFound struct {
	Actions []records.ProblemAction `json:"actions"`
}

const mostActions = 20

// ResolveProblemActions reads the actions against a problem strictly, or refuses them (Refused) with the reason.
func (a *Directory) ResolveProblemActions(_ context.Context, in ActionsQuestion) (ActionsFound, error) {
	s, err := describe(a.system)
	if err != nil {
		return ActionsFound{}, err
	}
	const form = `[{"what": "…", "owner": "a person of system.yaml", "due": "2027-01-29"}]`
	var given []records.ProblemAction
	if err := json.Unmarshal([]byte(in.Text), &given, json.RejectUnknownMembers(true)); err != nil {
		return ActionsFound{}, fail(Refused, "actions: %v: write them as %s", err, form)
	}
	if len(given) == 0 || len(given) > mostActions {
		return ActionsFound{}, fail(Refused, "actions: there are %d: want 1 to %d, as %s", len(given), mostActions, form)
	}
	today := a.calendar.Midnight(in.From)
	var problems []string
	for i := range given {
		one := &given[i]
		owner, known := s.Person(one.Owner)
		due, err := time.ParseInLocation(time.DateOnly, one.Due, a.calendar.Location())
		switch {
		case strings.TrimSpace(one.What) == "":
			problems = append(problems, fmt.Sprintf("action %d does not say what is done", i+1))
		case !known:
			problems = append(problems, fmt.Sprintf("action %d: its owner %q is nobody that system.yaml knows", i+1, one.Owner))
		case err != nil:
			problems = append(problems, fmt.Sprintf("action %d: its due day %q is no day: write it as 2027-01-29", i+1, one.Due))
		case due.Before(today):
			problems = append(problems, fmt.Sprintf("action %d: its due day %s is past", i+1, one.Due))
		case due.After(today.AddDate(2, 0, 0)):
			problems = append(problems, fmt.Sprintf("action %d: its due day %s is more than two years away", i+1, one.Due))
		}
		one.Owner = owner.ID
	}
	if len(problems) > 0 {
		return ActionsFound{}, fail(Refused, "%s", strings.Join(problems, "; "))
	}
	return ActionsFound{Actions: given}, nil
}

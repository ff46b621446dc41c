package activities

import (
	"context"
	"errors"
	"slices"
	"time"

	"tejun/internal/calendar"
	"tejun/internal/load"
	"tejun/internal/operated"
	"tejun/internal/repair"
	"tejun/internal/system"
)

// Claim is who somebody says they are.
type Claim struct {
	By string `json:"by"` // person ID or account
}

// Person is who a claim means. Known is false for nobody; that is an answer and no error, so that it can be recorded.
type Person struct {
	ID           string   `json:"id"`
	Organisation string   `json:"organisation"`
	Roles        []string `json:"roles"`
	Known        bool     `json:"known"`
}

// GateQuestion asks who may pass a gate, and until when.
type GateQuestion struct {
	Runbook   string    `json:"runbook"`
	Gate      string    `json:"gate"`
	Requester string    `json:"requester"` // person ID or account; not eligible
	Operator  string    `json:"operator"`  // person ID or account; not eligible
	OpenedAt  time.Time `json:"openedAt"`
	NotAfter  time.Time `json:"notAfter"` // the gate closes by then; zero: by its own deadline
}

// AnswerQuestion asks who may give a kind of answer.
type AnswerQuestion struct {
	Kind     string    `json:"kind"` // "operate" or "decide"
	OpenedAt time.Time `json:"openedAt"`
}

// Terms says who may answer a question, until when, and who is told.
type Terms struct {
	Role         string      `json:"role"`
	Organisation string      `json:"organisation"` // "" means any
	Quorum       int         `json:"quorum"`
	Eligible     []string    `json:"eligible"` // person IDs
	Deadline     time.Time   `json:"deadline"`
	Reminders    []time.Time `json:"reminders"`
	EscalateAt   time.Time   `json:"escalateAt"` // zero means never
	NotifyList   string      `json:"notifyList"`
	EscalateList string      `json:"escalateList"`
	LateAt       time.Time   `json:"lateAt,omitzero"` // of a gate that opens after the effect: an answer later than this is overdue
}

// ExtensionQuestion asks for a longer window.
type ExtensionQuestion struct {
	Start time.Time `json:"start"` // the window's start
	End   time.Time `json:"end"`   // its end so far
	Until time.Time `json:"until"` // the end that is asked for
}

// Extension is the window that was granted.
type Extension struct {
	End        time.Time `json:"end"`
	DecideAt   time.Time `json:"decideAt"`   // when a decision is asked for again
	OverrunEnd time.Time `json:"overrunEnd"` // end plus grace
}

// Directory answers questions about the operated system. Its activities are local ones; the answers enter the history.
type Directory struct {
	system   func() (*system.System, error)
	calendar *calendar.Calendar
	operated *operated.Database // nil if the worker does not have it
	now      func() time.Time
}

// needsOperated refuses a request that cannot be carried out without the operated system's own database.
func (a *Directory) needsOperated() error {
	if a.operated == nil {
		return fail(Refused, "%v", operated.ErrNotGiven)
	}
	return nil
}

// ResolvePerson says who is meant.
func (a *Directory) ResolvePerson(_ context.Context, in Claim) (Person, error) {
	s, err := describe(a.system)
	if err != nil {
		return Person{}, err
	}
	p, known := s.Person(in.By)
	return Person{ID: p.ID, Organisation: p.Organisation, Roles: p.Roles, Known: known}, nil
}

// ResolvePlannedOutage turns a request into AWS names, times and limits, or refuses it (Refused) with the reason.
func (a *Directory) ResolvePlannedOutage(_ context.Context, in system.OutageRequest) (system.OutageTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.OutageTarget{}, err
	}
	target, err := s.ResolveOutage(in, a.calendar, a.now())
	if err != nil {
		return system.OutageTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveDatabase turns a request for work on the database into names and limits, or refuses it (Refused) with the reason.
func (a *Directory) ResolveDatabase(_ context.Context, in system.DatabaseRequest) (system.DatabaseTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.DatabaseTarget{}, err
	}
	if slices.Contains(in.Needs, "restore") { // its data are counted
		if err := a.needsOperated(); err != nil {
			return system.DatabaseTarget{}, err
		}
	}
	target, err := s.ResolveDatabase(in)
	if err != nil {
		return system.DatabaseTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveDataLoad finds the dataset and the file of a load, or refuses it (Refused) with the reason.
func (a *Directory) ResolveDataLoad(_ context.Context, in load.Request) (load.Target, error) {
	s, err := describe(a.system)
	if err != nil {
		return load.Target{}, err
	}
	if err := a.needsOperated(); err != nil {
		return load.Target{}, err
	}
	target, err := load.Resolve(s, in)
	if err != nil {
		return load.Target{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveDataSupport finds the dataset, the people and the deadline of a request for data, or refuses it (Refused) with the reason.
func (a *Directory) ResolveDataSupport(_ context.Context, in load.SupportRequest) (load.SupportTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return load.SupportTarget{}, err
	}
	if err := a.needsOperated(); err != nil {
		return load.SupportTarget{}, err
	}
	target, err := load.ResolveSupport(s, a.calendar, in)
	if err != nil {
		return load.SupportTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveRelease finds the parts, people and limits of a release, or refuses it (Refused) with the reason.
func (a *Directory) ResolveRelease(_ context.Context, in system.ReleaseRequest) (system.ReleaseTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.ReleaseTarget{}, err
	}
	target, err := s.ResolveRelease(in)
	if err != nil {
		return system.ReleaseTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveDisaster turns a request for a recovery in the DR region into names, people and limits, or refuses it (Refused) with the
// reason.
func (a *Directory) ResolveDisaster(_ context.Context, in system.DisasterRequest) (system.DisasterTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.DisasterTarget{}, err
	}
	target, err := s.ResolveDisaster(in)
	if err != nil {
		return system.DisasterTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveReadiness turns a request for a check of the readiness into people and lists, or refuses it (Refused) with the reason.
func (a *Directory) ResolveReadiness(_ context.Context, in system.ReadinessRequest) (system.ReadinessTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.ReadinessTarget{}, err
	}
	target, err := s.ResolveReadiness(in)
	if err != nil {
		return system.ReadinessTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveRepair finds the template of a repair and checks the request against it, or refuses it (Refused) with the reason.
func (a *Directory) ResolveRepair(_ context.Context, in repair.Request) (repair.Target, error) {
	s, err := describe(a.system)
	if err != nil {
		return repair.Target{}, err
	}
	if err := a.needsOperated(); err != nil {
		return repair.Target{}, err
	}
	target, err := repair.Resolve(s, in, a.now())
	if err != nil {
		return repair.Target{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// ResolveSetting turns a request for a change of settings into names in AWS, a gate and a time, or refuses it (Refused) with
// the reason.
func (a *Directory) ResolveSetting(_ context.Context, in system.SettingRequest) (system.SettingTarget, error) {
	s, err := describe(a.system)
	if err != nil {
		return system.SettingTarget{}, err
	}
	target, err := s.ResolveSetting(in, a.calendar, a.now())
	if err != nil {
		return system.SettingTarget{}, fail(Refused, "%v", err)
	}
	return target, nil
}

// StandardQuestion asks whether changes of settings are still approved once and for all.
type StandardQuestion struct {
	Settings []system.SettingResolved `json:"settings"`
}

// StandardFound names what approves the changes now, in changes.standard: one for each, in their order.
type StandardFound struct {
	Names []string `json:"names"`
}

// CheckStandardChange refuses (Refused) a change that system.yaml does not approve once and for all any more.
func (a *Directory) CheckStandardChange(_ context.Context, in StandardQuestion) (StandardFound, error) {
	s, err := describe(a.system)
	if err != nil {
		return StandardFound{}, err
	}
	names, err := s.CheckStandard(in.Settings)
	if err != nil {
		return StandardFound{}, fail(Refused, "%v", err)
	}
	return StandardFound{Names: names}, nil
}

// Span is a time from a moment until another.
type Span struct {
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
}

// CheckChangeTime refuses (Refused) a time in which nothing may be changed: in a freeze, or outside the allowed times.
func (a *Directory) CheckChangeTime(_ context.Context, in Span) (struct{}, error) {
	s, err := describe(a.system)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.MayChange(in.From, in.Until); err != nil {
		return struct{}{}, fail(Refused, "%v", err)
	}
	return struct{}{}, nil
}

// CheckReleaseTime refuses (Refused) a time in which nothing may be released: one that touches a freeze.
func (a *Directory) CheckReleaseTime(_ context.Context, in Span) (struct{}, error) {
	s, err := describe(a.system)
	if err != nil {
		return struct{}{}, err
	}
	if err := s.MayRelease(in.From, in.Until); err != nil {
		return struct{}{}, fail(Refused, "%v", err)
	}
	return struct{}{}, nil
}

// GateTerms says who may pass a gate. Requester and operator are left out, whatever their roles.
func (a *Directory) GateTerms(_ context.Context, in GateQuestion) (Terms, error) {
	s, err := describe(a.system)
	if err != nil {
		return Terms{}, err
	}
	g, ok := s.Gate(in.Runbook, in.Gate)
	if !ok {
		return Terms{}, fail(Refused, "system.yaml has no gate %q of runbook %s: add it under gates", in.Gate, in.Runbook)
	}
	t := Terms{
		Role: g.Role, Organisation: g.Organisation, Quorum: g.Quorum, Eligible: eligible(s, g.Role, g.Organisation, in.Requester, in.Operator),
		Deadline: in.OpenedAt.Add(g.Deadline.D()).UTC(), NotifyList: g.NotifyList, EscalateList: g.EscalateList,
	}
	if !in.NotAfter.IsZero() && in.NotAfter.Before(t.Deadline) {
		t.Deadline = in.NotAfter.UTC()
	}
	if at := in.OpenedAt.Add(g.EscalateAfter.D()).UTC(); g.EscalateAfter > 0 && at.Before(t.Deadline) {
		t.EscalateAt = at
	}
	if g.LateAfter != "" {
		if t.LateAt, err = a.lateAt(s, g, in.OpenedAt); err != nil {
			return Terms{}, err
		}
	}
	t.Reminders, err = a.reminders(s, in.OpenedAt, t.Deadline, g.RemindEvery.D())
	return t, err
}

// lateAt is when an answer at a gate that opens after the effect is overdue. Beyond the years whose holidays are known it is a
// day later: then an answer is asked for too early rather than too late.
func (a *Directory) lateAt(s *system.System, g system.Gate, opened time.Time) (time.Time, error) {
	at, err := s.Moment(g.LateAfter, opened, a.calendar)
	var outside *calendar.OutsideError
	switch {
	case errors.As(err, &outside):
		return opened.AddDate(0, 0, 1).UTC(), nil
	case err != nil:
		return time.Time{}, fail(Refused, "lateAfter of the gate %s: %v", g.Gate, err)
	}
	return at.UTC(), nil
}

// AnswerTerms says who may give a kind of answer.
func (a *Directory) AnswerTerms(_ context.Context, in AnswerQuestion) (Terms, error) {
	s, err := describe(a.system)
	if err != nil {
		return Terms{}, err
	}
	answer, ok := s.Answer(in.Kind)
	if !ok {
		return Terms{}, fail(Refused, "system.yaml says nobody gives answers of the kind %q: add it under answers", in.Kind)
	}
	return Terms{
		Role: answer.Role, Organisation: answer.Organisation, Quorum: 1, Eligible: eligible(s, answer.Role, answer.Organisation),
		Deadline: in.OpenedAt.Add(answer.Deadline.D()).UTC(), Reminders: []time.Time{}, NotifyList: answer.NotifyList,
	}, nil
}

// ResolveExtension grants a longer window, or refuses it (Refused) with the reason.
func (a *Directory) ResolveExtension(_ context.Context, in ExtensionQuestion) (Extension, error) {
	s, err := describe(a.system)
	if err != nil {
		return Extension{}, err
	}
	most := in.End.Add(s.Outage.MaxExtension.D())
	switch now := a.now(); {
	case !in.Until.After(in.End):
		return Extension{}, fail(Refused, "the new end %s is not after the end so far, %s: give a later one, or answer return", inJapan(in.Until), inJapan(in.End))
	case !in.Until.After(now):
		return Extension{}, fail(Refused, "the new end %s is past; it is %s", inJapan(in.Until), inJapan(now))
	case in.Until.After(most):
		return Extension{}, fail(Refused, "one extension adds at most %s, so until %s: %s is later", s.Outage.MaxExtension, inJapan(most), inJapan(in.Until))
	}
	over := in.Until.Add(s.Outage.OverrunGrace.D())
	if f, frozen := s.Freeze(in.End, over); frozen {
		return Extension{}, fail(Refused, "until %s (and %s to come back) runs into the freeze %s from %s: %s", inJapan(in.Until), s.Outage.OverrunGrace, f.Name, inJapan(f.Start), f.Reason)
	}
	// The share counts over what is left, not over the whole window: most of that is past.
	left := float64(in.Until.Sub(in.End))
	return Extension{
		End: in.Until.UTC(), DecideAt: in.End.Add(time.Duration(left * s.Outage.DecideAt)).UTC(), OverrunEnd: over.UTC(),
	}, nil
}

// eligible lists the IDs of people with the role, without those who are barred.
func eligible(s *system.System, role, organisation string, barred ...string) []string {
	ids := []string{}
	for _, p := range s.Eligible(role, organisation) {
		isBarred := slices.ContainsFunc(barred, func(name string) bool {
			who, known := s.Person(name)
			return known && who.ID == p.ID
		})
		if !isBarred {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

// reminders are the times in business hours. Beyond the years whose holidays are known there are none: a reminder is a
// courtesy, and the deadline holds without it.
func (a *Directory) reminders(s *system.System, from, until time.Time, every time.Duration) ([]time.Time, error) {
	at, err := a.calendar.Reminders(from, until, every, s.BusinessHours.Start, s.BusinessHours.End)
	var outside *calendar.OutsideError
	if errors.As(err, &outside) {
		return []time.Time{}, nil
	}
	if err != nil {
		return nil, fail(Refused, "reminders: %v", err)
	}
	times := make([]time.Time, 0, len(at))
	for _, t := range at {
		times = append(times, t.UTC())
	}
	return times, nil
}

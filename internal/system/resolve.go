package system

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"tejun/internal/calendar"
	"tejun/internal/strictyaml"
)

// OutageRefused says why a request, of an outage or of something else, may not be done as asked. It lists everything, so that
// one correction is enough.
type OutageRefused struct {
	What     string   // such as "the repair"; "" means "the outage"
	Problems []string // in plain words, each with what to do instead
}

// Error lists the problems, one a line when there are several.
func (e *OutageRefused) Error() string {
	what := e.What
	if what == "" {
		what = "the outage"
	}
	if len(e.Problems) == 1 {
		return what + " is refused: " + e.Problems[0]
	}
	return fmt.Sprintf("%s is refused for %d reasons:\n- %s", what, len(e.Problems), strings.Join(e.Problems, "\n- "))
}

// ResolveOutage turns a request into what it means on this system, at the moment now. What speaks against it comes back as an
// *OutageRefused. It reads nothing but its arguments: whether another run holds the same resources is not its question.
//
// No services may be named: then only the maintenance page is shown. In a window so short that LatestStart would come
// after DecideAt, it is DecideAt, because nobody would start work that should already be ending.
func (s *System) ResolveOutage(req OutageRequest, cal *calendar.Calendar, now time.Time) (OutageTarget, error) {
	c := outageCheck{system: s, cal: cal, now: now, zone: s.Location()}
	requester, operator := c.people(req)
	services := c.services(req.Services)
	timesOK := c.window(req.Start, req.End)
	if timesOK {
		c.allowed(req.Start, req.End)
	}
	notice, announceBy := c.notice(req, timesOK)
	if len(c.problems) > 0 {
		return OutageTarget{}, &OutageRefused{Problems: c.problems}
	}

	start, end := req.Start.In(c.zone), req.End.In(c.zone)
	decideAt := start.Add(time.Duration(float64(end.Sub(start)) * s.Outage.DecideAt)).Truncate(time.Second)
	latestStart := start.Add(s.Outage.LatestStart.D())
	if latestStart.After(decideAt) {
		latestStart = decideAt
	}
	target := OutageTarget{
		SystemID: s.ID, Environment: s.Environment, Requester: requester.ID, Operator: operator.ID,
		AnnounceBy: announceBy, NoticeList: notice.List,
		GoNoGoAt: start.Add(-s.Outage.GoNoGoBefore.D()), LatestStart: latestStart,
		DecideAt: decideAt, OverrunEnd: end.Add(s.Outage.OverrunGrace.D()),
		Distribution: s.Distribution.ID, Bucket: s.Maintenance.Bucket, PathPrefix: s.Maintenance.PathPrefix,
		WebACLID: s.WAF.WebACLID, WebACLName: s.WAF.WebACLName, OperatorSet: s.WAF.OperatorSetID,
		OperatorName: s.WAF.OperatorSet, RulePriority: s.WAF.RulePriority,
		Cluster: s.ECS.Cluster, Services: services, Database: s.Database.Cluster, SnapshotStem: s.Database.SnapshotPrefix,
		Alarms: slices.Clone(s.Alarms),
	}
	for _, j := range s.Jobs {
		target.Jobs = append(target.Jobs, JobTarget{Name: j.Name, Group: j.Group, Schedule: j.Schedule})
	}
	return target, nil
}

// outageCheck collects what speaks against a request.
type outageCheck struct {
	system   *System
	cal      *calendar.Calendar
	now      time.Time
	zone     *time.Location
	problems []string
}

func (c *outageCheck) refuse(format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf(format, args...))
}

func (c *outageCheck) at(t time.Time) string {
	return t.In(c.zone).Format("2006-01-02 (Mon) 15:04 MST")
}

// past reads when something happened, which an input says: in RFC 3339, not in the future and not long ago.
func (c *outageCheck) past(name, text string, now time.Time) time.Time {
	at, err := time.Parse(time.RFC3339, text)
	switch {
	case err != nil:
		c.refuse("%s %q is no time: write RFC 3339 with a zone, such as 2027-01-18T10:00:00+09:00", name, text)
	case at.After(now.Add(time.Minute)): // clocks differ a little
		c.refuse("%s %s is in the future: it is %s now", name, c.at(at), c.at(now))
	case at.Before(now.Add(-30 * 24 * time.Hour)):
		c.refuse("%s %s is more than 30 days ago: mend the date", name, c.at(at))
	}
	return at
}

func (c *outageCheck) people(req OutageRequest) (requester, operator Person) {
	requester, ok := c.person("requester", req.Requester)
	if ok {
		switch {
		case requester.Has(RoleAuditor):
			c.refuse("requester %s is an auditor, and auditors take no part in what they audit: let an officer, a manager or an operator ask", requester.ID)
		case !requester.Has(RoleOfficer) && !requester.Has(RoleManager) && !requester.Has(RoleOperator):
			c.refuse("requester %s has none of the roles officer, operations-manager, operator: let somebody ask who has", requester.ID)
		}
	}
	operator, ok = c.person("operator", req.Operator)
	if ok {
		able := strictyaml.NamesOf(c.system.Eligible(RoleOperator, ""), func(p Person) string { return p.ID })
		if !slices.Contains(able, operator.ID) {
			c.refuse("operator %s does not have the role operator; these people have: %s", operator.ID, strictyaml.Listed(able))
		}
	}
	return requester, operator
}

func (c *outageCheck) person(part, claimed string) (Person, bool) {
	if strings.TrimSpace(claimed) == "" {
		c.refuse("no %s is named: give a person's ID or account from the system's description", part)
		return Person{}, false
	}
	p, ok := c.system.Person(claimed)
	if !ok {
		c.refuse("%s %q is unknown; these people are known: %s", part, claimed,
			strictyaml.Listed(strictyaml.NamesOf(c.system.People, func(p Person) string { return p.ID })))
	}
	return p, ok
}

func (c *outageCheck) services(names []string) []ServiceTarget {
	targets := []ServiceTarget{}
	seen := map[string]bool{}
	for _, name := range names {
		v, ok := c.system.Service(name)
		switch {
		case !ok:
			c.refuse("service %q is unknown; these services are known: %s", name,
				strictyaml.Listed(strictyaml.NamesOf(c.system.ECS.Services, func(v Service) string { return v.Name })))
		case seen[name]:
			c.refuse("service %q is named twice: name it once", name)
		default:
			targets = append(targets, ServiceTarget{Name: v.Name, Service: v.Service})
		}
		seen[name] = true
	}
	return targets
}

// window checks the times by themselves, and says whether the rest can be judged.
func (c *outageCheck) window(start, end time.Time) bool {
	switch {
	case start.IsZero() || end.IsZero():
		c.refuse("the window's start or end is missing: give both as RFC 3339 with a zone, such as 2026-12-12T22:00:00+09:00")
		return false
	case !end.After(start):
		c.refuse("the window ends (%s) before it starts (%s), or at the same moment: exchange them, or mend the date", c.at(end), c.at(start))
		return false
	}
	if most := c.system.Outage.MaxDuration.D(); end.Sub(start) > most {
		c.refuse("the window is %s long, and an outage may last %s at most: shorten it, or plan two", words(end.Sub(start)), words(most))
	}
	if !start.After(c.now) {
		c.refuse("the window starts at %s, and it is %s now: choose a later start", c.at(start), c.at(c.now))
		return false
	}
	return true
}

// allowed checks freezes and weekly windows.
func (c *outageCheck) allowed(start, end time.Time) {
	for _, f := range c.system.Freezes {
		if f.Start.Before(end) && start.Before(f.End) {
			c.refuse("the window lies in the freeze %q, from %s to %s (%s): choose a time outside it", f.Name, c.at(f.Start), c.at(f.End), f.Reason)
		}
	}
	if len(c.system.Windows) == 0 {
		return
	}
	inside, err := c.system.inWindows(start, end)
	switch {
	case err != nil:
		c.refuse("%v", err)
	case !inside:
		c.refuse("the window (%s to %s) is outside the times allowed for outages: %s", c.at(start), c.at(end), c.system.windowWords())
	}
}

func (c *outageCheck) notice(req OutageRequest, timesOK bool) (Notice, time.Time) {
	n, ok := c.system.Notice(req.NoticeClass)
	if !ok {
		c.refuse("notice class %q is unknown; these classes are known: %s", req.NoticeClass,
			strictyaml.Listed(strictyaml.NamesOf(c.system.Notices, func(n Notice) string { return n.Class })))
		return n, time.Time{}
	}
	if n.Justification && strings.TrimSpace(req.NoticeWhy) == "" {
		c.refuse("notice class %q needs a justification: say why the notice is short", n.Class)
	}
	if !timesOK {
		return n, time.Time{}
	}
	by, err := n.AnnounceBy(c.cal, req.Start.In(c.zone))
	if err != nil {
		c.uncovered(err)
		return n, by
	}
	if c.now.After(by) {
		earliest := "no start can be worked out"
		if at, err := n.EarliestStart(c.cal, c.now); err == nil {
			earliest = "with an announcement that is still possible the window can start at " + c.at(at) + " at the earliest"
		}
		c.refuse("notice class %q needs %d full business days between the announcement and the day of the outage: for a start at %s it would have had to go out by %s, and it is %s now; %s",
			n.Class, n.BusinessDays, c.at(req.Start), c.at(by), c.at(c.now), earliest)
	}
	return n, by
}

func (c *outageCheck) uncovered(err error) {
	var outside *calendar.OutsideError
	if errors.As(err, &outside) {
		c.refuse("the notice cannot be worked out: %v", outside)
		return
	}
	c.refuse("the notice cannot be worked out: %v", err)
}

// words writes a span without its empty parts: 2h, 1h10m, 45s.
func words(d time.Duration) string {
	text := d.Round(time.Second).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

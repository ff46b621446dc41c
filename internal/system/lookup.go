package system

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

// Fold brings an ID or account to the form in which it is compared: without space around it, without letter case, and with
// full-width and half-width letters alike. "Sato ", "sato" and "ｓａｔｏ" are the same person.
func Fold(s string) string {
	return norm.NFKC.String(cases.Fold().String(strings.TrimSpace(norm.NFKC.String(s))))
}

// Person finds who is meant by a person ID or by one of a person's accounts, compared as Fold does.
func (s *System) Person(idOrAccount string) (Person, bool) {
	want := Fold(idOrAccount)
	if want == "" {
		return Person{}, false
	}
	return find(s.People, func(p Person) bool {
		return Fold(p.ID) == want || slices.ContainsFunc(p.Accounts, func(a string) bool { return Fold(a) == want })
	})
}

// Gate finds an approval gate of a runbook.
func (s *System) Gate(runbook, gate string) (Gate, bool) {
	return find(s.Gates, func(g Gate) bool { return g.Runbook == runbook && g.Gate == gate })
}

// Answer finds who answers a kind of question: "operate" or "decide".
func (s *System) Answer(kind string) (Answer, bool) {
	return find(s.Answers, func(a Answer) bool { return a.Kind == kind })
}

// Notice finds a class of announcement.
func (s *System) Notice(class string) (Notice, bool) {
	return find(s.Notices, func(n Notice) bool { return n.Class == class })
}

// Service finds an ECS service by its logical name.
func (s *System) Service(name string) (Service, bool) {
	return find(s.ECS.Services, func(v Service) bool { return v.Name == name })
}

// List finds a notification list.
func (s *System) List(name string) (List, bool) {
	return find(s.Mail.Lists, func(l List) bool { return l.Name == name })
}

// Vantage finds a place that the site is looked at from.
func (s *System) Vantage(name string) (Vantage, bool) {
	return find(s.Site.Vantages, func(v Vantage) bool { return v.Name == name })
}

// Organisation finds an organisation by its ID.
func (s *System) Organisation(id string) (Organisation, bool) {
	return find(s.Organisations, func(o Organisation) bool { return o.ID == id })
}

// Schedule finds a schedule by its ID.
func (s *System) Schedule(id string) (Schedule, bool) {
	return find(s.Schedules, func(v Schedule) bool { return v.ID == id })
}

// Eligible lists, in the order of the description, the people who hold the role in the organisation ("" means any).
// Whoever is an auditor is left out, whatever other role they hold: auditors decide nothing.
func (s *System) Eligible(role, organisation string) []Person {
	var people []Person
	for _, p := range s.People {
		if p.Has(role) && !p.Has(RoleAuditor) && (organisation == "" || p.Organisation == organisation) {
			people = append(people, p)
		}
	}
	return people
}

// Freeze finds a freeze that overlaps the time from (included) to until (excluded).
func (s *System) Freeze(from, until time.Time) (Freeze, bool) {
	return find(s.Freezes, func(f Freeze) bool { return f.Start.Before(until) && from.Before(f.End) })
}

// Location is the zone of the description. It panics on a System that did not come from Load or Parse and names no such
// zone, because any other zone would move outages.
func (s *System) Location() *time.Location {
	loc, err := time.LoadLocation(s.TimeZone)
	if err != nil {
		panic(fmt.Sprintf("system %q was not checked: time zone %q: %v", s.ID, s.TimeZone, err))
	}
	return loc
}

// Has says whether the person holds the role.
func (p Person) Has(role string) bool { return slices.Contains(p.Roles, role) }

func find[T any](all []T, match func(T) bool) (T, bool) {
	if i := slices.IndexFunc(all, match); i >= 0 {
		return all[i], true
	}
	var none T
	return none, false
}

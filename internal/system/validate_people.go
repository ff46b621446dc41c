package system

import (
	"net/mail"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"tejun/internal/catalog"

	"tejun/internal/strictyaml"
)

var configurationSetForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// longestWait bounds every wait for a person: an open question of a quarter has been forgotten.
const longestWait = 90 * 24 * time.Hour

func (r *report) validateMail(m Mail) {
	if r.Line("mail.from", m.From) {
		if a, err := mail.ParseAddress(m.From); err != nil {
			r.Add("mail.from", "%q is not a mail address: write one such as unyo@example.jp or \"運用 <unyo@example.jp>\"", m.From)
		} else {
			r.ascii("mail.from", a.Address)
		}
	}
	if m.ConfigurationSet != "" {
		r.Form("mail.configurationSet", m.ConfigurationSet, configurationSetForm, "the name of an SES configuration set")
	}
	r.Some("mail.lists", len(m.Lists), "name at least one list")
	for i, l := range m.Lists {
		at := strictyaml.Index("mail.lists", i)
		r.Form(at+".name", l.Name, idForm, "a name of small letters, digits and hyphens")
		r.Some(at+".addresses", len(l.Addresses), "name at least one address, or nobody would be told")
		for j, a := range l.Addresses {
			r.address(strictyaml.Index(at+".addresses", j), a)
		}
		strictyaml.Unique(r.Report, at+".addresses", l.Addresses, "address", func(a string) (string, string) { return strings.ToLower(a), "" })
	}
	strictyaml.Unique(r.Report, "mail.lists", m.Lists, "name", func(l List) (string, string) { return l.Name, "name" })
}

// address reports what is not a bare mail address. A line break in one would let its owner add mail headers.
func (r *report) address(path, address string) {
	if !r.Line(path, address) {
		return
	}
	if a, err := mail.ParseAddress(address); err != nil || a.Address != address {
		r.Add(path, "%q is not a bare mail address: write one such as sato@example.jp", address)
		return
	}
	r.ascii(path, address)
}

func (r *report) ascii(path, address string) {
	if strings.ContainsFunc(address, func(c rune) bool { return c > 0x7e }) {
		r.Add(path, "%q has letters outside ASCII: SES does not take them in an address", address)
	}
}

func (r *report) validatePeople(s *System) {
	r.Some("organisations", len(s.Organisations), "name the system's owner and the operations vendor")
	owners := 0
	for i, o := range s.Organisations {
		at := strictyaml.Index("organisations", i)
		r.Form(at+".id", o.ID, idForm, "a name of small letters, digits and hyphens")
		r.name(at+".name", o.Name)
		if o.Owner {
			owners++
		}
	}
	strictyaml.Unique(r.Report, "organisations", s.Organisations, "id", func(o Organisation) (string, string) { return o.ID, "id" })
	if len(s.Organisations) > 0 && owners != 1 {
		r.Add("organisations", "%d organisations have owner: true: exactly one owns the system", owners)
	}

	r.Some("people", len(s.People), "name the people who request, operate and approve")
	organisations := strictyaml.NamesOf(s.Organisations, func(o Organisation) string { return o.ID })
	claimed := map[string]int{} // folded identity → person
	for i, p := range s.People {
		at := strictyaml.Index("people", i)
		r.Form(at+".id", p.ID, personForm, "a name of small letters, digits, dots, hyphens and underscores")
		r.name(at+".name", p.Name)
		r.Refers(at+".organisation", p.Organisation, "organisation", organisations)
		r.validateRoles(at+".roles", p.Roles)
		r.address(at+".mail", p.Mail)
		r.claim(claimed, s.People, i, at+".id", p.ID)
		for j, account := range p.Accounts {
			if path := strictyaml.Index(at+".accounts", j); r.Line(path, account) {
				r.claim(claimed, s.People, i, path, account)
			}
		}
	}
}

// claim reports an identity that two people, or one person twice, call theirs: it could approve as either.
func (r *report) claim(claimed map[string]int, people []Person, i int, path, identity string) {
	key := Fold(identity)
	if key == "" {
		return
	}
	first, ok := claimed[key]
	switch {
	case !ok:
		claimed[key] = i
	case first == i:
		r.Add(path, "%q is given twice for %s (width, case and space around do not count): keep one", identity, people[i].ID)
	default:
		r.Add(path, "%q already means %s, %s (width, case and space around do not count): one identity is one person", identity, people[first].ID, strictyaml.Index("people", first))
	}
}

func (r *report) validateRoles(path string, held []string) {
	r.Some(path, len(held), "give at least one of "+strings.Join(roles, ", "))
	for i, role := range held {
		r.OneOf(strictyaml.Index(path, i), role, roles...)
	}
	strictyaml.Unique(r.Report, path, held, "role", func(role string) (string, string) { return role, "" })
	if slices.Contains(held, RoleAuditor) && len(held) > 1 {
		r.Add(path, "an auditor holds no other role: whoever audits must not have taken part")
	}
}

func (r *report) validateGates(s *System, known []string) {
	organisations := strictyaml.NamesOf(s.Organisations, func(o Organisation) string { return o.ID })
	lists := strictyaml.NamesOf(s.Mail.Lists, func(l List) string { return l.Name })
	for i, g := range s.Gates {
		at := strictyaml.Index("gates", i)
		r.Refers(at+".runbook", g.Runbook, "runbook", known)
		r.Form(at+".gate", g.Gate, idForm, "a name of small letters, digits and hyphens, such as plan")
		decided := r.decider(at, g.Role, g.Organisation, organisations)
		if r.Number(at+".quorum", g.Quorum, 1, 20) && decided {
			if able := s.Eligible(g.Role, g.Organisation); len(able) < g.Quorum {
				r.Add(at+".quorum", "%d different people must approve, and only %d can (%s): add people with role %s, or lower the quorum",
					g.Quorum, len(able), strictyaml.Listed(strictyaml.NamesOf(able, func(p Person) string { return p.ID })), g.Role)
			}
		}
		r.span(at+".deadline", g.Deadline, time.Second, longestWait)
		if g.RemindEvery != 0 {
			r.span(at+".remindEvery", g.RemindEvery, time.Minute, longestWait)
		}
		r.Refers(at+".notifyList", g.NotifyList, "mail list", lists)
		if g.EscalateAfter != 0 && g.EscalateAfter >= g.Deadline {
			r.Add(at+".escalateAfter", "%s is not before the deadline of %s: nobody would be told", g.EscalateAfter, g.Deadline)
		}
		if g.EscalateAfter != 0 || g.EscalateList != "" {
			r.Refers(at+".escalateList", g.EscalateList, "mail list", lists)
		}
	}
	for i, g := range s.Gates {
		if at := strictyaml.Index("gates", i); r.Has(at + ".lateAfter") {
			r.validateAfterwards(at, g, lists)
		}
	}
	strictyaml.Unique(r.Report, "gates", s.Gates, "gate", func(g Gate) (string, string) { return g.Runbook + "/" + g.Gate, "gate" })

	for i, a := range s.Answers {
		at := strictyaml.Index("answers", i)
		r.OneOf(at+".kind", a.Kind, kinds...)
		if r.decider(at, a.Role, a.Organisation, organisations) && len(s.Eligible(a.Role, a.Organisation)) == 0 {
			r.Add(at+".role", "nobody can answer: add a person with role %s, or name another role", a.Role)
		}
		r.span(at+".deadline", a.Deadline, time.Second, longestWait)
		r.Refers(at+".notifyList", a.NotifyList, "mail list", lists)
	}
	strictyaml.Unique(r.Report, "answers", s.Answers, "kind", func(a Answer) (string, string) { return a.Kind, "kind" })
	for _, kind := range kinds {
		if _, ok := s.Answer(kind); !ok {
			r.Add("answers", "nobody answers %q: add an entry with kind %s", kind, kind)
		}
	}
}

// longestHolidays is more than the calendar days that one business day can be away.
const longestHolidays = 14 * 24 * time.Hour

var lateForm = regexp.MustCompile(`^\+([0-9]{1,2})(bd|h|m|s)( [0-2][0-9]:[0-5][0-9])?$`)

// validateAfterwards checks a gate that opens after the effect.
func (r *report) validateAfterwards(at string, g Gate, lists []string) {
	if !r.Form(at+".lateAfter", g.LateAfter, lateForm, "a moment that counts from the change, such as +1bd 18:15") {
		return
	}
	m := lateForm.FindStringSubmatch(g.LateAfter)
	n, _ := strconv.Atoi(m[1]) // two digits
	least := map[string]time.Duration{"bd": 24 * time.Hour, "h": time.Hour, "m": time.Minute, "s": time.Second}[m[2]] * time.Duration(n)
	if m[2] == "bd" {
		least += longestHolidays
	}
	if g.Deadline.D() < least {
		r.Add(at+".deadline", "%s is too near for a gate with lateAfter %s: it ends the wait for good, so give at least %s", g.Deadline, g.LateAfter, least)
	}
	if g.EscalateAfter != 0 {
		r.Add(at+".escalateAfter", "has no meaning beside lateAfter, at which escalateList is told: remove it")
	}
	r.Refers(at+".escalateList", g.EscalateList, "mail list", lists)
}

// decider checks the role and organisation of a gate or an answer, and says whether both are known.
func (r *report) decider(at, role, organisation string, organisations []string) bool {
	known := r.OneOf(at+".role", role, roles...)
	if role == RoleAuditor {
		r.Add(at+".role", "auditors decide nothing: name operator, operations-manager or officer")
		known = false
	}
	if organisation != "" {
		known = r.Refers(at+".organisation", organisation, "organisation", organisations) && known
	}
	return known
}

// runbooks lists the names that the catalogue's rows give, the intake of row 9, which starts that row's runbook, and the check
// that row 21's could run.
func runbooks() []string {
	names := []string{"DataArrival", "DisasterReadiness"}
	for _, row := range catalog.Rows() {
		if row.Runbook != "" {
			names = append(names, row.Runbook)
		}
	}
	return names
}

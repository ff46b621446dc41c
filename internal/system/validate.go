package system

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"tejun/internal/calendar"
)

var (
	idForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	personForm = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,39}$`)
	roles      = []string{RoleOperator, RoleManager, RoleOfficer, RoleAuditor}
	kinds      = []string{"operate", "decide"}
)

// validate checks names and values of a description whose types are right.
func (r *report) validate(s *System) {
	r.form("id", s.ID, idForm, "a short permanent name of small letters, digits and hyphens, such as gzs-infra")
	r.oneOf("environment", s.Environment, "development", "production")
	r.name("name", s.Name)
	r.zone(s.TimeZone)

	r.validateAWS(s.AWS)
	r.validateSite(s)
	r.validateFront(s)
	r.validateBack(s)
	r.validateMail(s.Mail)
	r.validatePeople(s)
	r.validateTimes(s)
	known := runbooks()
	r.validateGates(s, known)
	r.validateSchedules(s, known)
}

func (r *report) zone(name string) {
	if !r.need("timeZone", name) {
		return
	}
	// "Local" depends on the machine, and short names such as EST or JST mean different zones to different people.
	if !strings.Contains(name, "/") && name != "UTC" {
		r.add("timeZone", "%q is not a full zone name: write one such as Asia/Tokyo", name)
		return
	}
	if _, err := time.LoadLocation(name); err != nil {
		r.add("timeZone", "there is no zone %q: write an IANA name such as Asia/Tokyo", name)
	}
}

// need reports a value that is missing or blank.
func (r *report) need(path, value string) bool {
	switch {
	case strings.TrimSpace(value) != "":
		return true
	case r.has(path):
		r.add(path, "is empty: give a value")
	default:
		r.add(path, "is missing: add it")
	}
	return false
}

// line reports a value that is missing or does not stay on one line.
func (r *report) line(path, value string) bool {
	if !r.need(path, value) {
		return false
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		r.add(path, "holds a line break or another control character: remove it")
		return false
	}
	return true
}

func (r *report) form(path, value string, form *regexp.Regexp, want string) bool {
	if !r.need(path, value) {
		return false
	}
	if !form.MatchString(value) {
		r.add(path, "%q: want %s", value, want)
		return false
	}
	return true
}

func (r *report) oneOf(path, value string, known ...string) bool {
	if !r.need(path, value) {
		return false
	}
	if !slices.Contains(known, value) {
		r.add(path, "%q is unknown%s: want %s", value, hint(value, known), strings.Join(known, ", "))
		return false
	}
	return true
}

// refers reports a name that must be that of another entry and is not.
func (r *report) refers(path, value, what string, known []string) bool {
	if !r.need(path, value) {
		return false
	}
	if !slices.Contains(known, value) {
		r.add(path, "there is no %s %q%s; there are: %s", what, value, hint(value, known), listed(known))
		return false
	}
	return true
}

func (r *report) name(path string, n Name) {
	r.line(path+".ja", n.Ja)
	r.line(path+".en", n.En)
}

// unique reports values that occur twice; the same function decides for all what "the same" means.
func unique[T any](r *report, path string, all []T, what string, of func(T) (key, field string)) {
	seen := map[string]int{}
	for i, v := range all {
		key, field := of(v)
		if key == "" {
			continue
		}
		if first, ok := seen[key]; ok {
			where := index(path, i)
			if field != "" {
				where = join(where, field)
			}
			r.add(where, "%s %q is already taken by %s: give each its own", what, key, index(path, first))
			continue
		}
		seen[key] = i
	}
}

// some reports a list that has no entry where at least one is needed.
func (r *report) some(path string, n int, why string) bool {
	if n > 0 {
		return true
	}
	if r.has(path) {
		r.add(path, "is empty: %s", why)
	} else {
		r.add(path, "is missing: %s", why)
	}
	return false
}

// span reports a time span outside its limits, both included.
func (r *report) span(path string, d Duration, least, most time.Duration) bool {
	switch {
	case !r.has(path) && d == 0:
		r.add(path, "is missing: give a span from %s to %s", least, most)
	case d.D() < least || d.D() > most:
		r.add(path, "%s is impossible: want %s to %s", d, least, most)
	default:
		return true
	}
	return false
}

func (r *report) number(path string, n, least, most int) bool {
	switch {
	case !r.has(path) && n == 0 && least > 0:
		r.add(path, "is missing: give a number from %d to %d", least, most)
	case n < least || n > most:
		r.add(path, "%d is impossible: want %d to %d", n, least, most)
	default:
		return true
	}
	return false
}

func (r *report) timeOfDay(path, value string) (calendar.TimeOfDay, bool) {
	if !r.need(path, value) {
		return 0, false
	}
	t, err := calendar.ParseTimeOfDay(value)
	if err != nil {
		r.add(path, "%v", err)
		return 0, false
	}
	return t, true
}

func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

func namesOf[T any](all []T, name func(T) string) []string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = name(v)
	}
	return names
}

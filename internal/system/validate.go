package system

import (
	"regexp"
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
	r.Form("id", s.ID, idForm, "a short permanent name of small letters, digits and hyphens, such as gzs-infra")
	r.OneOf("environment", s.Environment, "development", "production")
	r.name("name", s.Name)
	r.zone(s.TimeZone)

	r.validateAWS(s.AWS)
	r.validateSite(s)
	r.validateFront(s)
	r.validateBack(s)
	r.validateSettings(s)
	r.validateMail(s.Mail)
	r.validatePeople(s)
	r.validateTimes(s)
	r.validateReleases(s)
	known := runbooks()
	r.validateGates(s, known)
	r.validateIncidents(s)
	r.validateDisaster(s)
	r.validateSchedules(s, known)
}

func (r *report) zone(name string) {
	if !r.Need("timeZone", name) {
		return
	}
	// "Local" depends on the machine, and short names such as EST or JST mean different zones to different people.
	if !strings.Contains(name, "/") && name != "UTC" {
		r.Add("timeZone", "%q is not a full zone name: write one such as Asia/Tokyo", name)
		return
	}
	if _, err := time.LoadLocation(name); err != nil {
		r.Add("timeZone", "there is no zone %q: write an IANA name such as Asia/Tokyo", name)
	}
}

func (r *report) name(path string, n Name) {
	r.Line(path+".ja", n.Ja)
	r.Line(path+".en", n.En)
}

// span reports a time span outside its limits, both included.
func (r *report) span(path string, d Duration, least, most time.Duration) bool {
	switch {
	case !r.Has(path) && d == 0:
		r.Add(path, "is missing: give a span from %s to %s", least, most)
	case d.D() < least || d.D() > most:
		r.Add(path, "%s is impossible: want %s to %s", d, least, most)
	default:
		return true
	}
	return false
}

func (r *report) timeOfDay(path, value string) (calendar.TimeOfDay, bool) {
	if !r.Need(path, value) {
		return 0, false
	}
	t, err := calendar.ParseTimeOfDay(value)
	if err != nil {
		r.Add(path, "%v", err)
		return 0, false
	}
	return t, true
}

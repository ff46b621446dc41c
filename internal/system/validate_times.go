package system

import (
	"math"
	"slices"
	"strings"
	"time"

	"tejun/internal/strictyaml"
)

var weekdays = []string{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"} // as time.Weekday counts

func (r *report) validateTimes(s *System) {
	lists := strictyaml.NamesOf(s.Mail.Lists, func(l List) string { return l.Name })
	r.Some("notices", len(s.Notices), "name at least one class of notice")
	for i, n := range s.Notices {
		at := strictyaml.Index("notices", i)
		r.Form(at+".class", n.Class, idForm, "a name of small letters, digits and hyphens, such as standard")
		r.Number(at+".businessDays", n.BusinessDays, 0, 60)
		if !r.Has(at + ".businessDays") {
			r.Add(at+".businessDays", "is missing: give the full business days between announcement and outage, 0 for none")
		}
		r.Refers(at+".list", n.List, "mail list", lists)
	}
	strictyaml.Unique(r.Report, "notices", s.Notices, "class", func(n Notice) (string, string) { return n.Class, "class" })

	for i, w := range s.Windows {
		at := strictyaml.Index("windows", i)
		r.Some(at+".weekdays", len(w.Weekdays), "name at least one of "+strings.Join(weekdays, ", "))
		for j, d := range w.Weekdays {
			r.OneOf(strictyaml.Index(at+".weekdays", j), d, weekdays...)
		}
		strictyaml.Unique(r.Report, at+".weekdays", w.Weekdays, "weekday", func(d string) (string, string) { return d, "" })
		r.timeOfDay(at+".start", w.Start)
		r.span(at+".duration", w.Duration, time.Minute, 7*24*time.Hour)
	}

	for i, f := range s.Freezes {
		at := strictyaml.Index("freezes", i)
		r.Line(at+".name", f.Name)
		r.Line(at+".reason", f.Reason)
		start, end := !f.Start.IsZero(), !f.End.IsZero()
		if !start {
			r.Add(at+".start", "is missing: give the first moment of the freeze, such as 2026-12-28T00:00:00+09:00")
		}
		if !end {
			r.Add(at+".end", "is missing: give the first moment after the freeze, such as 2027-01-05T00:00:00+09:00")
		}
		if start && end && !f.End.After(f.Start) {
			r.Add(at+".end", "is not after the start (%s): exchange them, or mend the year", f.Start.Format(time.RFC3339))
		}
	}
	strictyaml.Unique(r.Report, "freezes", s.Freezes, "name", func(f Freeze) (string, string) { return f.Name, "name" })

	o, week := s.Outage, 7*24*time.Hour
	r.span("outage.goNoGoBefore", o.GoNoGoBefore, time.Second, week)
	r.span("outage.latestStart", o.LatestStart, time.Second, week)
	if math.IsNaN(o.DecideAt) || o.DecideAt <= 0 || o.DecideAt >= 1 {
		r.Add("outage.decideAt", "%v is impossible: want a share of the window between 0 and 1, such as 0.7", o.DecideAt)
	}
	r.span("outage.overrunGrace", o.OverrunGrace, time.Second, week)
	r.span("outage.maxExtension", o.MaxExtension, time.Second, week)
	r.span("outage.maxDuration", o.MaxDuration, time.Minute, week)

	opens, opensOK := r.timeOfDay("businessHours.start", s.BusinessHours.Start)
	closes, closesOK := r.timeOfDay("businessHours.end", s.BusinessHours.End)
	if opensOK && closesOK && closes <= opens {
		r.Add("businessHours.end", "%s is not after the start (%s)", s.BusinessHours.End, s.BusinessHours.Start)
	}
	r.Number("retention.evidenceYears", s.Retention.EvidenceYears, 1, 100)
	r.Number("retention.snapshotDays", s.Retention.SnapshotDays, 1, 3650)
	if r.Has("retention.runSnapshotDays") {
		r.Number("retention.runSnapshotDays", s.Retention.RunSnapshotDays, 1, 3650)
	}
}

func (r *report) validateSchedules(s *System, known []string) {
	for i, v := range s.Schedules {
		at := strictyaml.Index("schedules", i)
		r.Form(at+".id", v.ID, idForm, "a permanent name of small letters, digits and hyphens")
		r.Refers(at+".runbook", v.Runbook, "runbook", known)
		switch {
		case r.Has(at+".cron") && v.BusinessDay != nil:
			r.Add(at, "has both cron and businessDay: keep the one that is meant")
		case r.Has(at + ".cron"):
			if err := CheckCron(v.Cron); err != nil {
				r.Add(at+".cron", "%v", err)
			}
		case v.BusinessDay != nil:
			r.validateBusinessDay(at+".businessDay", *v.BusinessDay)
		default:
			r.Add(at, "has neither cron nor businessDay: say when it starts")
		}
		if r.Has(at + ".catchup") { // left out means the program's default of minutes
			r.span(at+".catchup", v.Catchup, time.Minute, 24*time.Hour)
		}
		if v.Jitter != 0 {
			r.span(at+".jitter", v.Jitter, time.Second, time.Hour)
		}
		if v.Note != "" {
			r.Line(at+".note", v.Note)
		}
		r.validateDrillSchedule(at, v)
	}
	strictyaml.Unique(r.Report, "schedules", s.Schedules, "id", func(v Schedule) (string, string) { return v.ID, "id" })
}

func (r *report) validateBusinessDay(at string, b BusinessDay) {
	// No month has more than 23 weekdays.
	if b.N == 0 || b.N < -23 || b.N > 23 {
		r.Add(at+".n", "%d is impossible: 1 is the month's first business day, -1 its last", b.N)
	}
	for i, m := range b.Months {
		r.Number(strictyaml.Index(at+".months", i), m, 1, 12)
		if slices.Index(b.Months, m) < i {
			r.Add(strictyaml.Index(at+".months", i), "month %d is named twice: keep one", m)
		}
	}
	r.timeOfDay(at+".time", b.Time)
	r.Number(at+".shift", b.Shift, -20, 20)
}

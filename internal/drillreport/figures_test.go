package drillreport

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

func TestWhatIsMeasuredIsTheDifferenceOfTheTimesThatAreShown(t *testing.T) {
	r := sample()
	require.Equal(t, time.Hour+3*time.Minute+29*time.Second, *r.RTO())
	require.Equal(t, 4*time.Minute+52*time.Second, *r.RTOHuman(), "the wait for the declaration lies before it and does not count")
	require.Equal(t, 6*time.Hour+53*time.Minute+40*time.Second, *r.RPO())

	r.DisasterAt = ptr(at(9, 15, 0))
	require.Equal(t, 6*time.Hour, *r.RPO(), "the age when it struck")
	r.DataAt = ptr(at(9, 30, 0))
	require.Zero(t, *r.RPO(), "newer data than that is not old")

	r.Declared.At, r.RestoredAt = at(10, 0, 0).Add(600*time.Millisecond), ptr(at(10, 0, 9).Add(-300*time.Millisecond))
	require.Equal(t, 9*time.Second, *r.RTO(), "10:00:00.945 and 10:00:09.045 are shown as 10:00:00 and 10:00:09")

	r.Declared = nil
	require.Nil(t, r.RTO())
	require.Nil(t, r.RTOHuman())
	require.Nil(t, r.RPO())
}

func TestMachineAndPeopleMakeUpAllOfAStep(t *testing.T) {
	s := step("smoke", PartRecovery, at(10, 10, 0), at(10, 20, 0), 0,
		wait(at(10, 5, 0), at(10, 12, 0), "", ""),  // begins before the step
		wait(at(10, 11, 0), at(10, 13, 0), "", ""), // overlaps the first
		wait(at(10, 13, 0), at(10, 14, 0), "", ""), // touches it
		wait(at(10, 15, 0), at(10, 15, 0), "", ""), // nothing
		wait(at(11, 0, 0), at(11, 5, 0), "", ""),   // after the step
		Span{From: at(10, 19, 0)},                  // that nobody ended
	)
	r := Report{StartedAt: at(10, 0, 0), EndedAt: at(10, 30, 0), Steps: []Step{s}}
	m := r.measure()[0]
	require.Equal(t, []interval{{cut(at(10, 10, 0)), cut(at(10, 14, 0))}, {cut(at(10, 19, 0)), cut(at(10, 20, 0))}}, m.Waits)
	require.Equal(t, 5*time.Minute, m.Waited)
	require.Equal(t, 5*time.Minute, m.Machine)
	require.Equal(t, totals{All: 30 * time.Minute, Machine: 5 * time.Minute, Human: 5 * time.Minute, Between: 20 * time.Minute}, r.totals())
}

func TestAStepThatGoesOnIsCountedUntilTheReport(t *testing.T) {
	s := step("watch", PartRecovery, at(10, 10, 0), at(10, 20, 0), 5*time.Minute)
	s.End = nil
	m := Report{StartedAt: at(10, 0, 0), EndedAt: at(10, 30, 0), Steps: []Step{s}}.measure()[0]
	require.Equal(t, 20*time.Minute, m.Total)
	require.True(t, m.Over())
}

func TestEverySumIsExactWhateverTheRun(t *testing.T) {
	random := rand.New(rand.NewPCG(21, 5))
	for range 500 {
		r := anyReport(random)
		require.NoError(t, r.Check())
		for _, m := range r.measure() {
			require.Equal(t, m.Total, m.Machine+m.Waited)
			require.GreaterOrEqual(t, m.Machine, time.Duration(0))
			require.GreaterOrEqual(t, m.Waited, time.Duration(0))
			require.Zero(t, m.Total%time.Second)
		}
		sum := r.totals()
		require.Equal(t, sum.All, sum.Machine+sum.Human+sum.Between)
		require.GreaterOrEqual(t, min(sum.Machine, sum.Human, sum.Between), time.Duration(0))
		if r.RTO() != nil {
			require.LessOrEqual(t, *r.RTOHuman(), *r.RTO())
		}
	}
}

func TestTheRegistrysRowSaysWhatTheReportSays(t *testing.T) {
	d := sample().Record("op", &records.Document{Location: "s3://b/k.html", SHA256: "abc"})
	require.Equal(t, 3809, *d.RTO)
	require.Equal(t, 292, *d.RTOHuman)
	require.Equal(t, 24820, *d.RPO)
	require.Equal(t, 7200, d.RTOTarget)
	require.Equal(t, "s3://b/k.html", d.ReportKey)
	require.Len(t, d.Steps, len(sample().Steps))
	require.Equal(t, records.DisasterStep{Name: "smoke", Part: PartRecovery, Machine: 144, Human: 292, Budget: 300, Outcome: StepDone}, d.Steps[6])
	require.Equal(t, StepNotReached, d.Steps[2].Outcome)
	require.Zero(t, d.Steps[2].Seconds())
}

func TestAStepIsComparedWithTheLastDrillThatDidIt(t *testing.T) {
	r := sample()
	r.Earlier = append([]records.Disaster{{Mode: records.ModeReal, Steps: r.Earlier[1].Steps}, {Mode: records.ModeDrill}}, r.Earlier...)
	require.Equal(t, "令和7年度 大規模災害対応訓練", r.previous().Title, "neither a real one nor one in which nothing was measured")
	all := r.measure()
	since := *r.sincePrevious(all[3])
	require.Equal(t, 9*time.Minute+38*time.Second, since.By, "34:38 after 25:00")
	require.Equal(t, "令和7年度 大規模災害対応訓練", since.With.Title)
	require.Nil(t, r.sincePrevious(all[2]), "not reached this time")
	require.Nil(t, r.sincePrevious(all[11]), "skipped this time")
	require.Nil(t, r.sincePrevious(all[13]), "not done the last time")
	failed := all[3]
	failed.Outcome = StepFailed
	require.Nil(t, r.sincePrevious(failed), "how long it took to fail says nothing")
	for _, outcome := range []string{StepFailed, StepSkipped} {
		stepOf(r.Earlier[2], "database").Outcome = outcome
		since = *r.sincePrevious(all[3])
		require.Equal(t, "令和6年度 大規模災害対応訓練", since.With.Title, "the last one has not done it: the one before has")
		require.Equal(t, 34*time.Minute+38*time.Second-47*time.Minute-30*time.Second, since.By)
		html, err := HTML(r, names())
		require.NoError(t, err)
		require.Contains(t, string(html), "−12分52秒<div class=\"comment\">2025年1月21日 比</div>")
		require.Equal(t, "2025年1月21日", rowNamed(t, workbook(t, r), "手順", "データベースの起動")[10])
	}
	stepOf(r.Earlier[2], "database").Outcome = StepUndone
	require.Equal(t, "令和7年度 大規模災害対応訓練", r.sincePrevious(all[3]).With.Title, "it was done, though taken back")
	r.Earlier = nil
	require.Nil(t, r.sincePrevious(all[3]))
}

func TestAReportThatMakesNoSenseIsRefused(t *testing.T) {
	for says, change := range map[string]func(*Report){
		`mode is "test"`:                    func(r *Report) { r.Mode = "test" },
		`manner is ""`:                      func(r *Report) { r.Manner = "" },
		`outcome is "fine"`:                 func(r *Report) { r.Outcome = "fine" },
		"workflowId and title are needed":   func(r *Report) { r.Title = "" },
		"in this order":                     func(r *Report) { r.EndedAt = r.StartedAt.Add(-time.Second) },
		"before it was declared":            func(r *Report) { r.RestoredAt = ptr(at(10, 8, 0)) },
		"are spans and not negative":        func(r *Report) { r.RTOTarget = -1 },
		"used twice":                        func(r *Report) { r.Steps[1].Name = "declare" },
		`step 1 (declare): part is ""`:      func(r *Report) { r.Steps[0].Part = "" },
		`step 1 (declare): outcome is ""`:   func(r *Report) { r.Steps[0].Outcome = "" },
		"an end or a wait and no begin":     func(r *Report) { r.Steps[0].Begin = nil },
		"before it begins":                  func(r *Report) { r.Steps[0].End = ptr(at(10, 0, 0)) },
		"outside the run":                   func(r *Report) { r.Steps[0].Begin = ptr(at(9, 0, 0)) },
		"its budget is negative":            func(r *Report) { r.Steps[0].Budget = -1 },
		"are more than a report takes: 300": func(r *Report) { r.Steps = make([]Step, 301) },
	} {
		r := sample()
		change(&r)
		_, err := HTML(r, names())
		require.ErrorContains(t, err, says)
		_, err = XLSX(r, names())
		require.ErrorContains(t, err, says)
	}
}

// anyReport is one of any shape that a run may leave, far from reasonable ones.
func anyReport(random *rand.Rand) Report {
	spans := []time.Duration{0, time.Millisecond, time.Second, time.Minute, time.Hour, 40 * time.Hour}
	some := func() time.Duration { return time.Duration(random.Float64() * float64(spans[random.IntN(len(spans))])) }
	r := sample()
	r.StartedAt = at(0, 0, 0).Add(time.Duration(random.IntN(48)) * time.Hour)
	now := r.StartedAt
	r.Steps = nil
	for i := range random.IntN(14) {
		s := Step{Name: string(rune('a' + i)), Part: []string{PartRecovery, PartReturn}[random.IntN(2)], Outcome: StepDone, Budget: some()}
		if random.IntN(5) == 0 {
			s.Outcome = StepNotReached
			r.Steps = append(r.Steps, s)
			continue
		}
		begin := now.Add(some())
		end := begin.Add(some())
		s.Begin, s.AtRisk = &begin, ptr(begin.Add(some()))
		if random.IntN(6) > 0 {
			s.End = &end
		}
		for range random.IntN(4) {
			from := begin.Add(some()).Add(-some())
			w := Span{From: from, To: ptr(from.Add(some() - some()/4))}
			if random.IntN(6) == 0 {
				w.To = nil
			}
			s.Human = append(s.Human, w)
		}
		now = begin.Add(some() / 2) // steps may overlap
		r.Steps = append(r.Steps, s)
	}
	r.EndedAt = now.Add(48*time.Hour + some())
	r.Declared.At = r.StartedAt.Add(some())
	r.RestoredAt = ptr(r.Declared.At.Add(some()))
	r.ReturnedAt, r.DataAt = ptr(r.RestoredAt.Add(some())), ptr(r.StartedAt.Add(-some()))
	if random.IntN(4) == 0 {
		r.RestoredAt = nil
	}
	return r
}

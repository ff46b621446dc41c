package activities

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/load"
	"tejun/internal/operated"
	"tejun/internal/repair"
	"tejun/internal/system"
)

func at(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

func TestPersonIsResolvedByIDAndAccount(t *testing.T) {
	b := newBench(t)
	for _, by := range []string{"sato", "m-sato", "SATO@example.go.jp "} {
		p := must(b, b.set.Directory.ResolvePerson, Claim{By: by})
		assert.Equal(t, Person{ID: "sato", Organisation: "meti", Roles: []string{"officer"}, Known: true}, p)
	}
	assert.False(t, must(b, b.set.Directory.ResolvePerson, Claim{By: "nobody"}).Known)
}

func TestGateTermsLeaveOutWhoeverAsksOrActs(t *testing.T) {
	b := newBench(t)
	opened := at("2027-01-18T10:00:00+09:00") // a Monday
	q := GateQuestion{Runbook: "PlannedOutage", Gate: "plan", Requester: "m-sato", Operator: "tanaka", OpenedAt: opened}
	terms := must(b, b.set.Directory.GateTerms, q)
	assert.Equal(t, []string{"ito", "suzuki"}, terms.Eligible)
	assert.Equal(t, "officer", terms.Role)
	assert.Equal(t, 1, terms.Quorum)
	assert.Equal(t, opened.Add(120*time.Hour).UTC(), terms.Deadline)
	assert.Equal(t, opened.Add(24*time.Hour).UTC(), terms.EscalateAt)
	assert.Equal(t, "officers", terms.NotifyList)
	assert.Equal(t, "managers", terms.EscalateList)
	require.NotEmpty(t, terms.Reminders)
	assert.Equal(t, at("2027-01-18T14:00:00+09:00").UTC(), terms.Reminders[0])

	q.NotAfter = opened.Add(time.Hour)
	terms = must(b, b.set.Directory.GateTerms, q)
	assert.Equal(t, q.NotAfter.UTC(), terms.Deadline)
	assert.True(t, terms.EscalateAt.IsZero(), "nobody is escalated to after the deadline")
	assert.Empty(t, terms.Reminders)

	q.OpenedAt, q.NotAfter = at("2099-01-18T10:00:00+09:00"), time.Time{}
	assert.Empty(t, must(b, b.set.Directory.GateTerms, q).Reminders, "holidays are not known that far")

	q.Gate = "back-door"
	_, err := try(b, b.set.Directory.GateTerms, q)
	requireType(t, err, Refused)
}

func TestAGateAfterwardsIsLateFromTheCloseOfTheNextBusinessDay(t *testing.T) {
	b := newBench(t)
	for opened, late := range map[string]string{
		"2027-01-18T10:00:00+09:00": "2027-01-19T18:15:00+09:00",
		"2027-01-22T23:30:00+09:00": "2027-01-25T18:15:00+09:00", // a Friday night
		"2027-01-24T03:00:00+09:00": "2027-01-25T18:15:00+09:00", // a Sunday
		"2026-12-28T10:00:00+09:00": "2027-01-04T18:15:00+09:00", // over the turn of the year
		"2099-01-18T10:00:00+09:00": "2099-01-19T10:00:00+09:00", // beyond the known holidays
	} {
		terms := must(b, b.set.Directory.GateTerms, GateQuestion{Runbook: "SettingChange", Gate: "afterwards", Requester: "ito", Operator: "tanaka", OpenedAt: at(opened)})
		assert.Equal(t, at(late).UTC(), terms.LateAt, opened)
		assert.Equal(t, at(opened).Add(720*time.Hour).UTC(), terms.Deadline)
		assert.Equal(t, []string{"sato", "suzuki"}, terms.Eligible)
	}
	plain := must(b, b.set.Directory.GateTerms, GateQuestion{Runbook: "SettingChange", Gate: "normal", OpenedAt: at("2027-01-18T10:00:00+09:00")})
	assert.True(t, plain.LateAt.IsZero())
}

func TestAnswerTerms(t *testing.T) {
	b := newBench(t)
	opened := at("2027-01-18T10:00:00+09:00")
	terms := must(b, b.set.Directory.AnswerTerms, AnswerQuestion{Kind: "operate", OpenedAt: opened})
	assert.Equal(t, []string{"tanaka", "kato"}, terms.Eligible)
	assert.Equal(t, opened.Add(30*time.Minute).UTC(), terms.Deadline)
	_, err := try(b, b.set.Directory.AnswerTerms, AnswerQuestion{Kind: "wish"})
	requireType(t, err, Refused)
}

func TestExtensionIsGrantedWithinTheRules(t *testing.T) {
	b := newBench(t)
	b.set.Directory.now = func() time.Time { return at("2027-01-24T01:00:00+09:00") }
	start, end := at("2027-01-23T22:00:00+09:00"), at("2027-01-24T02:00:00+09:00")
	got := must(b, b.set.Directory.ResolveExtension, ExtensionQuestion{Start: start, End: end, Until: end.Add(time.Hour)})
	assert.Equal(t, Extension{End: end.Add(time.Hour).UTC(), DecideAt: end.Add(42 * time.Minute).UTC(), OverrunEnd: end.Add(75 * time.Minute).UTC()}, got)
	for why, until := range map[string]time.Time{
		"is not after the end so far": end,
		"adds at most":                end.Add(3 * time.Hour),
	} {
		_, err := try(b, b.set.Directory.ResolveExtension, ExtensionQuestion{Start: start, End: end, Until: until})
		requireType(t, err, Refused)
		assert.Contains(t, err.Error(), why)
	}
	b.system.Freezes = []system.Freeze{{Name: "年度末", Start: end.Add(70 * time.Minute), End: end.Add(24 * time.Hour), Reason: "集中"}}
	_, err := try(b, b.set.Directory.ResolveExtension, ExtensionQuestion{Start: start, End: end, Until: end.Add(time.Hour)})
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), "年度末")
	b.set.Directory.now = func() time.Time { return end.Add(90 * time.Minute) }
	b.system.Freezes = nil
	_, err = try(b, b.set.Directory.ResolveExtension, ExtensionQuestion{Start: start, End: end, Until: end.Add(time.Hour)})
	requireType(t, err, Refused)
}

func TestAReleaseIsRefusedInAFreezeThatHasBeenAdded(t *testing.T) {
	b := newBench(t)
	from := at("2027-01-19T10:00:00+09:00")
	span := Span{From: from, Until: from.Add(3 * time.Hour)}
	must(b, b.set.Directory.CheckReleaseTime, span)
	b.system.Freezes = append(b.system.Freezes, system.Freeze{Name: "追加", Start: from.Add(2 * time.Hour), End: from.Add(24 * time.Hour), Reason: "集中"})
	_, err := try(b, b.set.Directory.CheckReleaseTime, span)
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), `a release may take 3h and would run into the freeze "追加"`)
}

func TestOutageRequestIsResolvedOrRefused(t *testing.T) {
	b := newBench(t)
	b.set.Directory.now = func() time.Time { return at("2027-01-12T10:00:00+09:00") }
	request := system.OutageRequest{
		Requester: "ito", Operator: "tanaka", Start: at("2027-01-23T22:00:00+09:00"), End: at("2027-01-24T02:00:00+09:00"),
		Services: []string{"web"}, NoticeClass: "standard",
	}
	target := must(b, b.set.Directory.ResolvePlannedOutage, request)
	assert.Equal(t, b.system.Distribution.ID, target.Distribution)
	request.Services = []string{"no-such-service"}
	_, err := try(b, b.set.Directory.ResolvePlannedOutage, request)
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), "no-such-service")

	b.set.Directory.system = func() (*system.System, error) { return nil, errors.New("system.yaml:3:1: unknown key") }
	_, err = try(b, b.set.Directory.ResolvePlannedOutage, request)
	requireType(t, err, InvalidInput)
	assert.Contains(t, err.Error(), "system.yaml:3:1")
}

func TestMomentsCountFromAMoment(t *testing.T) {
	b := newBench(t)
	in := Moments{From: at("2027-01-18T10:00:00+09:00"), Texts: []string{"+1bd 22:00", "2027-02-01T00:00:00Z"}}
	got := must(b, b.set.Directory.ResolveMoments, in)
	require.Len(t, got.Times, 2)
	assert.True(t, at("2027-01-19T22:00:00+09:00").Equal(got.Times[0]))
	assert.True(t, at("2027-02-01T00:00:00Z").Equal(got.Times[1]))
	in.Texts = []string{"someday"}
	_, err := try(b, b.set.Directory.ResolveMoments, in)
	requireType(t, err, Refused)
}

func TestRunsThatNeedTheOperatedDatabaseAreRefusedWithoutIt(t *testing.T) {
	b := newBench(t)
	without := *b.set.Directory
	without.operated = nil
	_, err := try(b, without.ResolveRepair, repair.Request{})
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), operated.Variable)
	_, err = try(b, without.ResolveDataLoad, load.Request{})
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), operated.Variable)
	_, err = try(b, without.ResolveDatabase, system.DatabaseRequest{Needs: []string{"restore"}})
	requireType(t, err, Refused)
	assert.Contains(t, err.Error(), operated.Variable)
}

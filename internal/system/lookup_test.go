package system

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/strictyaml"
)

func ids(people []Person) []string {
	return strictyaml.NamesOf(people, func(p Person) string { return p.ID })
}

func TestAPersonIsFoundUnderEveryIdentityHoweverWritten(t *testing.T) {
	s := example(t)
	for _, written := range []string{"sato", "Sato ", "ｓａｔｏ", "\u3000SATO\t", "m-sato", "Ｍ－ＳＡＴＯ", "SATO@example.go.jp"} {
		p, ok := s.Person(written)
		require.True(t, ok, "%q", written)
		assert.Equal(t, "sato", p.ID, "%q", written)
	}
	for _, written := range []string{"", " ", "\u3000", "satou", "sato suzuki", "佐藤", "sato\u200b"} {
		_, ok := s.Person(written)
		assert.False(t, ok, "%q", written)
	}
}

func TestEligibleLeavesAuditorsOut(t *testing.T) {
	s := example(t)
	assert.Equal(t, []string{"ito", "sato", "suzuki"}, ids(s.Eligible(RoleOfficer, "")))
	assert.Equal(t, []string{"ito", "sato", "suzuki"}, ids(s.Eligible(RoleOfficer, "meti")))
	assert.Empty(t, s.Eligible(RoleOfficer, "vendor"))
	assert.Equal(t, []string{"tanaka", "kato"}, ids(s.Eligible(RoleOperator, "vendor")))
	assert.Empty(t, s.Eligible(RoleAuditor, ""))

	s.People = append(s.People, Person{ID: "both", Organisation: "meti", Roles: []string{RoleOfficer, RoleAuditor}})
	assert.NotContains(t, ids(s.Eligible(RoleOfficer, "")), "both", "even where a description was not checked")
}

func TestLookupsFindEntriesByTheirNames(t *testing.T) {
	s := example(t)
	gate, ok := s.Gate("PlannedOutage", "go")
	require.True(t, ok)
	assert.Equal(t, RoleOfficer, gate.Role)
	answer, ok := s.Answer("decide")
	require.True(t, ok)
	assert.Equal(t, "meti", answer.Organisation)
	notice, ok := s.Notice("urgent")
	require.True(t, ok)
	assert.True(t, notice.Justification)
	service, ok := s.Service("api")
	require.True(t, ok)
	assert.Equal(t, "gzs-api", service.Service)
	list, ok := s.List("users")
	require.True(t, ok)
	assert.Len(t, list.Addresses, 1)
	vantage, ok := s.Vantage("operator")
	require.True(t, ok)
	assert.Equal(t, "198.51.100.7", vantage.Headers["X-Forwarded-For"])
	owner, ok := s.Organisation("meti")
	require.True(t, ok)
	assert.True(t, owner.Owner)
	schedule, ok := s.Schedule("monthly-maintenance")
	require.True(t, ok)
	assert.True(t, schedule.Paused)

	_, ok = s.Gate("PlannedOutage", "Go")
	assert.False(t, ok)
	_, ok = s.Gate("Backup", "plan")
	assert.False(t, ok)
	_, ok = s.Service("gzs-api")
	assert.False(t, ok, "inputs use logical names only")
}

func TestAFreezeCoversItsStartAndNotItsEnd(t *testing.T) {
	s := example(t)
	start, end := s.Freezes[0].Start, s.Freezes[0].End
	for _, tc := range []struct {
		from, until time.Time
		frozen      bool
	}{
		{start.Add(-time.Hour), start, false},
		{start.Add(-time.Hour), start.Add(time.Second), true},
		{start, start.Add(time.Hour), true},
		{start.Add(-time.Hour), end.Add(time.Hour), true},
		{end.Add(-time.Second), end.Add(time.Hour), true},
		{end, end.Add(time.Hour), false},
	} {
		f, ok := s.Freeze(tc.from, tc.until)
		assert.Equal(t, tc.frozen, ok, "%s to %s", tc.from, tc.until)
		assert.Equal(t, tc.frozen, f.Name != "")
	}
}

func TestAnUncheckedZoneIsNotReplacedByAnother(t *testing.T) {
	assert.Panics(t, func() { (&System{TimeZone: "Mars/Base"}).Location() })
}

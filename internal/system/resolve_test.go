package system

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
)

func japan(t *testing.T) *calendar.Calendar {
	t.Helper()
	cal, err := calendar.Japan()
	require.NoError(t, err)
	return cal
}

// jst reads "2006-01-02 15:04" or "2006-01-02 15:04:05" as Japan Standard Time.
func jst(t *testing.T, s string) time.Time {
	t.Helper()
	layout := "2006-01-02 15:04"
	if len(s) == len(time.DateTime) {
		layout = time.DateTime
	}
	v, err := time.ParseInLocation(layout, s, japan(t).Location())
	require.NoError(t, err)
	return v
}

// Monday 1 June 2026, ten in the morning; no holidays in June.
const now = "2026-06-01 10:00"

func request(t *testing.T) OutageRequest {
	return OutageRequest{
		Requester: "ito", Operator: "tanaka", Start: jst(t, "2026-06-09 22:00"), End: jst(t, "2026-06-10 02:00"),
		Services: []string{"web", "api"}, NoticeClass: "standard",
	}
}

func TestARequestBecomesTheResourcesAndTimesThatItMeans(t *testing.T) {
	req := request(t)
	req.Requester, req.Operator = "ITO@example.go.jp", "Ｔanaka "
	req.Start = req.Start.UTC()
	got, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
	require.NoError(t, err)
	assert.Equal(t, OutageTarget{
		SystemID: "gzs-infra", Environment: "development", Requester: "ito", Operator: "tanaka",
		AnnounceBy: jst(t, "2026-06-01 23:59:59"), NoticeList: "users", GoNoGoAt: jst(t, "2026-06-09 21:00"),
		LatestStart: jst(t, "2026-06-09 22:30"), DecideAt: jst(t, "2026-06-10 00:48"), OverrunEnd: jst(t, "2026-06-10 02:15"),
		Distribution: "E2EXAMPLE1TEJUN", Bucket: "gzs-infra-maintenance", PathPrefix: "/maintenance/",
		WebACLID: "a1b2c3d4-5678-90ab-cdef-111122223333", WebACLName: "gzs-infra-site",
		OperatorSet: "b2c3d4e5-6789-01ab-cdef-444455556666", OperatorName: "gzs-infra-operators", RulePriority: 0,
		Cluster: "gzs-infra", Services: []ServiceTarget{{"web", "gzs-web"}, {"api", "gzs-api"}},
		Database: "gzs-infra-db", SnapshotStem: "tejun-outage",
		Alarms: []string{"gzs-web-unhealthy-hosts", "gzs-api-5xx", "gzs-batch-not-running"},
		Jobs:   []JobTarget{{"nightly-import", "default", "gzs-nightly-import"}, {"hourly-index", "default", "gzs-hourly-index"}},
	}, got)
}

func TestOnlyTheMaintenancePageMayBeAskedFor(t *testing.T) {
	req := request(t)
	req.Services = nil
	got, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
	require.NoError(t, err)
	assert.Equal(t, []ServiceTarget{}, got.Services)
}

func TestAShortWindowMustStartBeforeItsDecision(t *testing.T) {
	req := request(t)
	req.End = req.Start.Add(10 * time.Minute)
	got, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
	require.NoError(t, err)
	assert.Equal(t, req.Start.Add(7*time.Minute), got.DecideAt)
	assert.Equal(t, got.DecideAt, got.LatestStart)
}

func TestOutagesAreRefusedInPlainWords(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*OutageRequest)
		says   string
	}{
		"no times":           {func(r *OutageRequest) { r.Start = time.Time{} }, "the window's start or end is missing"},
		"end before start":   {func(r *OutageRequest) { r.End = r.Start.Add(-time.Hour) }, "the window ends (2026-06-09 (Tue) 21:00 JST) before it starts (2026-06-09 (Tue) 22:00 JST)"},
		"end at start":       {func(r *OutageRequest) { r.End = r.Start }, "or at the same moment"},
		"too long":           {func(r *OutageRequest) { r.End = r.Start.Add(9 * time.Hour) }, "the window is 9h long, and an outage may last 8h at most"},
		"in the past":        {func(r *OutageRequest) { r.Start = r.Start.AddDate(0, 0, -20); r.End = r.End.AddDate(0, 0, -20) }, "the window starts at 2026-05-20 (Wed) 22:00 JST, and it is 2026-06-01 (Mon) 10:00 JST now"},
		"started":            {func(r *OutageRequest) { r.Start = jst(t, now); r.End = r.Start.Add(time.Hour) }, "choose a later start"},
		"unknown service":    {func(r *OutageRequest) { r.Services = []string{"web", "db"} }, `service "db" is unknown; these services are known: web, api, batch`},
		"service twice":      {func(r *OutageRequest) { r.Services = []string{"web", "web"} }, `service "web" is named twice`},
		"unknown requester":  {func(r *OutageRequest) { r.Requester = "nobody" }, `requester "nobody" is unknown; these people are known: ito, sato`},
		"no requester":       {func(r *OutageRequest) { r.Requester = " " }, "no requester is named"},
		"auditor asks":       {func(r *OutageRequest) { r.Requester = "watanabe" }, "requester watanabe is an auditor"},
		"unknown operator":   {func(r *OutageRequest) { r.Operator = "nobody" }, `operator "nobody" is unknown`},
		"no operator":        {func(r *OutageRequest) { r.Operator = "" }, "no operator is named"},
		"operator's role":    {func(r *OutageRequest) { r.Operator = "takahashi" }, "operator takahashi does not have the role operator; these people have: tanaka, kato"},
		"auditor operates":   {func(r *OutageRequest) { r.Operator = "watanabe" }, "does not have the role operator"},
		"unknown notice":     {func(r *OutageRequest) { r.NoticeClass = "none" }, `notice class "none" is unknown; these classes are known: standard, urgent`},
		"no justification":   {func(r *OutageRequest) { r.NoticeClass, r.NoticeWhy = "urgent", " \n" }, `notice class "urgent" needs a justification`},
		"outside the list":   {func(r *OutageRequest) { r.Start = r.Start.AddDate(2, 0, 0); r.End = r.End.AddDate(2, 0, 0) }, "public holidays are known for 1955 to 2027"},
		"too little notice":  {func(r *OutageRequest) { r.Start = jst(t, "2026-06-08 22:00"); r.End = r.Start.Add(time.Hour) }, "needs 5 full business days between the announcement and the day of the outage: for a start at 2026-06-08 (Mon) 22:00 JST it would have had to go out by 2026-05-29 (Fri) 23:59 JST, and it is 2026-06-01 (Mon) 10:00 JST now; with an announcement that is still possible the window can start at 2026-06-09 (Tue) 00:00 JST at the earliest"},
		"in a freeze":        {func(r *OutageRequest) { r.Start = jst(t, "2027-03-28 22:00"); r.End = r.Start.Add(4 * time.Hour) }, `the window lies in the freeze "年度末・年度始", from 2027-03-29 (Mon) 00:00 JST to 2027-04-03 (Sat) 00:00 JST (年度切替の処理が集中するため)`},
		"inside of a freeze": {func(r *OutageRequest) { r.Start = jst(t, "2027-04-01 10:00"); r.End = r.Start.Add(time.Hour) }, "the window lies in the freeze"},
	} {
		t.Run(name, func(t *testing.T) {
			req := request(t)
			tc.change(&req)
			got, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
			var refused *OutageRefused
			require.ErrorAs(t, err, &refused)
			assert.Len(t, refused.Problems, 1)
			assert.Contains(t, refused.Problems[0], tc.says)
			assert.Zero(t, got)
		})
	}
}

func TestAPersonWithoutAnyRoleMayNotAsk(t *testing.T) {
	s, req := example(t), request(t)
	s.People[0].Roles = nil
	_, err := s.ResolveOutage(req, japan(t), jst(t, now))
	assert.ErrorContains(t, err, "requester ito has none of the roles")
}

func TestEverythingThatIsWrongIsSaidAtOnce(t *testing.T) {
	req := request(t)
	req.Requester, req.Operator, req.Services, req.NoticeClass = "x", "y", []string{"z"}, "w"
	req.End = req.Start.Add(-time.Hour)
	_, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
	var refused *OutageRefused
	require.ErrorAs(t, err, &refused)
	assert.Len(t, refused.Problems, 5)
	assert.Contains(t, err.Error(), "refused for 5 reasons:\n- requester")
}

func TestAFreezeThatOnlyTouchesTheWindowIsNone(t *testing.T) {
	req := request(t)
	req.Start, req.End = jst(t, "2027-03-28 22:00"), jst(t, "2027-03-29 00:00")
	_, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
	assert.NoError(t, err)
}

func TestUrgentNoticeNeedsOnlyTheReason(t *testing.T) {
	req := request(t)
	req.NoticeClass, req.NoticeWhy = "urgent", "脆弱性への緊急対応のため"
	req.Start = jst(t, now).Add(2 * time.Minute)
	req.End = req.Start.Add(30 * time.Minute)
	got, err := example(t).ResolveOutage(req, japan(t), jst(t, now))
	require.NoError(t, err)
	assert.Equal(t, req.Start, got.AnnounceBy)
}

func TestWindowsAllowOutagesOnlyWithinThem(t *testing.T) {
	s := example(t)
	s.Windows = []Window{
		{Weekdays: []string{"Mon", "Tue"}, Start: "22:00", Duration: Duration(7 * time.Hour)},
		{Weekdays: []string{"Sat", "Sun"}, Start: "00:00", Duration: Duration(24 * time.Hour)},
	}
	for _, tc := range []struct {
		start, end string
		allowed    bool
	}{
		{"2026-06-09 22:00", "2026-06-10 05:00", true}, // over midnight, the whole window
		{"2026-06-09 21:59", "2026-06-10 01:00", false},
		{"2026-06-10 02:00", "2026-06-10 05:01", false},
		{"2026-06-10 01:00", "2026-06-10 02:00", true}, // began on the day before
		{"2026-06-13 20:00", "2026-06-14 03:00", true}, // Saturday and Sunday touch
		{"2026-06-14 20:00", "2026-06-15 00:01", false},
		{"2026-06-11 22:00", "2026-06-11 23:00", false},
	} {
		req := request(t)
		req.Start, req.End = jst(t, tc.start), jst(t, tc.end)
		_, err := s.ResolveOutage(req, japan(t), jst(t, now))
		if tc.allowed {
			assert.NoError(t, err, tc.start)
			continue
		}
		assert.ErrorContains(t, err, "is outside the times allowed for outages: Mon, Tue from 22:00 for 7h; Sat, Sun from 00:00 for 24h (Asia/Tokyo)", tc.start)
	}
}

func TestWordsLeaveEmptyPartsOut(t *testing.T) {
	for span, want := range map[time.Duration]string{
		time.Hour: "1h", 70 * time.Minute: "1h10m", 10 * time.Minute: "10m", 45 * time.Second: "45s",
		time.Hour + 5*time.Second: "1h0m5s", 100 * time.Hour: "100h", 20 * time.Second: "20s",
	} {
		assert.Equal(t, want, words(span))
	}
}

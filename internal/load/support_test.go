package load

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

func TestASupportRequestIsResolvedOrRefused(t *testing.T) {
	s, err := system.Load(filepath.Join("..", "..", "examples", "system.yaml"))
	require.NoError(t, err)
	cal, err := calendar.Japan()
	require.NoError(t, err)
	from := time.Date(2026, 11, 26, 10, 0, 0, 0, s.Location())
	good := SupportRequest{Dataset: "postal-codes", Requester: "ito@example.go.jp", Operator: "tanaka", Deadline: "2026-12-04", From: from}
	on, err := ResolveSupport(s, cal, good)
	require.NoError(t, err)
	assert.Equal(t, []string{"ito", "tanaka", "s3://gzs-incoming/postal-codes/", "*.zip", "public.postal_codes", "operators", "officers"},
		[]string{on.Requester, on.Operator, on.Place, on.Match, on.Table, on.Operators, on.Officers})
	assert.True(t, time.Date(2026, 12, 4, 18, 15, 0, 0, s.Location()).Equal(on.Deadline))
	for says, spoil := range map[string]func(*SupportRequest){
		"requester takahashi is no officer of the system's owner": func(r *SupportRequest) { r.Requester = "takahashi" },
		"requester kato is no officer":                            func(r *SupportRequest) { r.Requester = "kato" },
		"operator sato does not have the role operator":           func(r *SupportRequest) { r.Operator = "sato" },
		`requester "mallory" is unknown`:                          func(r *SupportRequest) { r.Requester = "mallory" },
		`there is no dataset "moon"`:                              func(r *SupportRequest) { r.Dataset = "moon" },
		"the deadline 2026-11-25 18:15 JST is past":               func(r *SupportRequest) { r.Deadline = "2026-11-25" },
		"is more than 90 days away":                               func(r *SupportRequest) { r.Deadline = "2027-06-01" },
		"cannot read":                                             func(r *SupportRequest) { r.Deadline = "soon" },
	} {
		r := good
		spoil(&r)
		_, err := ResolveSupport(s, cal, r)
		var refused *system.OutageRefused
		require.ErrorAs(t, err, &refused, says)
		assert.ErrorContains(t, err, says)
	}
	s.Loads.Buckets = nil
	_, err = ResolveSupport(s, cal, good)
	require.ErrorContains(t, err, "which is not among loads.buckets")
}

// The way back must still be there when the ministry says that it does not accept.
func TestARequestIsRefusedWhereTheSnapshotGoesTooEarly(t *testing.T) {
	cal, err := calendar.Japan()
	require.NoError(t, err)
	for days, refused := range map[int]bool{0: false, 7: true, 8: false} { // 0 means 14; the gate is open for 5 days
		s, err := system.Load(filepath.Join("..", "..", "examples", "system.yaml"))
		require.NoError(t, err)
		s.Retention.RunSnapshotDays = days
		req := SupportRequest{Dataset: "postal-codes", Requester: "ito", Operator: "tanaka", Deadline: "2026-12-04", From: time.Date(2026, 11, 26, 10, 0, 0, 0, s.Location())}
		_, err = ResolveSupport(s, cal, req)
		if !refused {
			require.NoError(t, err, days)
			continue
		}
		require.ErrorContains(t, err, "deleted after 7 days (retention.runSnapshotDays), and the ministry may take 120h0m0s to accept, with 72h0m0s to put the rows back: keep them for at least 8 days")
	}
}

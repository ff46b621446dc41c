package e2e

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/workflows/runbook"
)

func TestOutageTakesTheSiteDownAndBringsItBackAsItWas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.Equal(t, 200, w.look("public").status)
	r := w.start(window(soon))
	r.asks("approval", "plan")
	require.Empty(t, effects(w.journal()), "nothing happens before the approval")
	r.approved()
	r.asks("work", "work")

	public := w.look("public")
	require.Equal(t, 503, public.status)
	require.NotEmpty(t, public.retryAfter)
	require.Contains(t, public.body, `lang="ja"`)
	require.Contains(t, public.body, "データベース更新に伴う計画停止")
	require.Contains(t, public.body, "tejun-maintenance")
	require.Equal(t, 200, w.look("operator").status)
	require.Equal(t, r.into(), effects(w.journal()))
	require.Equal(t, []string{announced}, w.mails("users"))

	r.worked()
	s := r.done()
	require.Equal(t, 200, w.look("public").status)
	require.Nil(t, s.WaitingFor)
	require.Empty(t, s.Holds)
	for _, line := range s.Steps {
		require.Contains(t, []runbook.StepState{runbook.StepDone, runbook.StepUndone}, line.State, line.Name)
		require.Equal(t, 1, line.Attempts, line.Name)
	}
	r.onceEach()
	r.told()
	w.untouched()
	for _, e := range w.journal() {
		require.Equal(t, sandbox.OutcomeOK, e.Outcome, e.Operation)
		require.True(t, e.Effect, "%s wrote what was there already", e.Operation)
	}
	require.Equal(t, len(r.evidence()), s.Evidence.Count, "the last row is known to the run")
	r.keepsSecrets()
}

// keepsSecrets looks for the origin's secret in everything that a run leaves, and for people's mail addresses in its history.
func (r *run) keepsSecrets() {
	r.t.Helper()
	secret := sandbox.OriginSecret
	all := string(r.everything())
	require.NotContains(r.t, all, secret, "the history")
	require.NotContains(r.t, asJSON(r.t, r.status()), secret, "the status")
	for _, row := range r.evidence() {
		require.NotContains(r.t, string(row.Body), secret, "evidence row %d", row.Seq)
	}
	snapshot := r.snapshot()
	for _, m := range snapshot.Mails {
		require.NotContains(r.t, string(m.EML()), secret, "mail %q", m.Subject)
	}
	journal, err := json.Marshal(snapshot.Journal)
	require.NoError(r.t, err)
	require.NotContains(r.t, string(journal), secret, "the journal")

	sys := r.system()
	var addresses []string
	for _, p := range sys.People {
		addresses = append(append(addresses, p.Mail), p.Accounts...)
	}
	for _, list := range sys.Mail.Lists {
		addresses = append(addresses, list.Addresses...)
	}
	addresses = slices.DeleteFunc(addresses, func(a string) bool { return !strings.Contains(a, "@") })
	require.NotEmpty(r.t, addresses)
	for _, address := range addresses {
		require.NotContains(r.t, all, address, fmt.Sprintf("the history holds %s", address))
	}
}

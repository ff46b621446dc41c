package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
)

// letter is what the only mail of a template was told.
func (r *regions) letter(template string) map[string]string {
	r.t.Helper()
	var found []map[string]string
	for _, m := range r.mail {
		if m.Template == template {
			found = append(found, m.Data)
		}
	}
	require.Len(r.t, found, 1, template)
	return found[0]
}

// Officers are told when it was declared and how it ended.
func TestMailSaysWhenItWasDeclaredAndHowItEnded(t *testing.T) {
	t.Run("drill", func(t *testing.T) {
		r := newRegions(t)
		r.answers(through())
		require.NoError(t, r.recover(drillInput("graceful")))
		require.NotEmpty(t, r.letter("disaster-declared")["start"])
		require.Equal(t, records.DisasterReturned, r.letter("disaster-report")["outcome"])
	})
	t.Run("a real one that stays", func(t *testing.T) {
		r := newRegions(t)
		r.via, r.lost = system.ViaGlobalCluster, true
		r.answers(through("decision fence", "resume", "sato"))
		require.Error(t, r.recover(realInput("ungraceful")))
		require.Equal(t, records.DisasterStays, r.letter("disaster-report")["outcome"])
	})
}

package workflows_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/activities"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// What was approved once and for all is judged again when its window starts: it may be days later.
func TestAStandardChangeThatWaitedForItsWindowIsJudgedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(*cabinet)
		says      string // "" if it is made
		approvals int    // rows of evidence of the approval once and for all
		by        string // that the newest row names
	}{
		"as it was": {func(*cabinet) {}, "", 1, "read-only"},
		"not approved any more": {func(c *cabinet) {
			c.fail["CheckStandardChange"] = final("Refused", "changes.standard does not approve mode any more")
		}, "does not approve mode any more", 1, "read-only"},
		"another value by hand":       {func(c *cabinet) { c.values["mode"] = `"off"` }, "the setting mode has another value", 1, "read-only"},
		"another state of the object": {func(c *cabinet) { c.drift++ }, "", 2, "read-only"},
		"approved by another rule":    {func(c *cabinet) { c.approved = []string{"night-mode"} }, "", 2, "night-mode"},
		"both":                        {func(c *cabinet) { c.drift++; c.approved = []string{"night-mode"} }, "", 2, "night-mode"},
	} {
		t.Run(name, func(t *testing.T) {
			cab := withCabinet(newWorld(t), "")
			cab.approved = []string{"read-only"}
			in := changeOf("standard")
			in["window"] = map[string]any{"start": "2027-01-18T22:00:00+09:00", "end": "2027-01-18T23:00:00+09:00"}
			cab.env.RegisterDelayedCallback(func() { cab.mu.Lock(); defer cab.mu.Unlock(); c.meanwhile(cab) }, 2*time.Hour)
			err := cab.change(in)
			require.Equal(t, c.approvals, strings.Count(strings.Join(cab.kinds(), ","), "pre-approved"))
			var approved struct {
				Plan     string
				Standard []string
			}
			cab.newest("pre-approved", &approved)
			require.Equal(t, []string{c.by}, approved.Standard)
			if c.says == "" {
				require.NoError(t, err)
				cab.requireEffects(made)
				var r workflows.SettingChangeResult
				require.NoError(t, cab.env.GetWorkflowResult(&r))
				require.Equal(t, []any{r.Plan, approved.Standard}, []any{approved.Plan, r.PreApproved})
				require.Contains(t, cab.told[c.approvals].Note, c.by, "the record of the change names the same")
				require.Equal(t, "approved", cab.told[c.approvals].State)
				return
			}
			require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
			require.ErrorContains(t, err, c.says)
			cab.requireEffects()
			require.Equal(t, []string{"planned", "approved", "failed"}, cab.states())
		})
	}
}

func TestTheIncidentThatAChangeMendsMustBeOpen(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.fail["FindOpenIncident"] = final("Refused", `there is no incident "incident-1" on record for this system`)
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, `there is no incident "incident-1"`)
	require.Empty(t, c.effects(), "nothing was reserved, planned or changed")
	require.Empty(t, c.told)

	c = withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "approve", by("sato"))
	in := changeOf("normal")
	in["incident"] = "INC-1"
	require.NoError(t, c.change(in))
	require.Equal(t, "incident-1", c.told[0].Incident, "a number stands for the run that handles it")

	c = withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "approve", by("sato"))
	in = changeOf("normal")
	delete(in, "incident")
	require.NoError(t, c.change(in))
	require.Zero(t, c.tries["FindOpenIncident"])
}

// After a Reset to the very start the request may be refused, as its window is past. What was made then stays, and it is said.
func TestAChangeThatWasMadeBeforeAResetThatIsRefusedIsSaidToStay(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.fail["ResolveSetting"] = final("Refused", "the window starts at 22:00, and it is 23:00 now")
	c.before = activities.MadeChange{Made: true, Kind: activities.SettingKind, Class: "normal", Title: "設定変更", Targets: []string{"ssm:parameter/mode"}, Requester: "ito", Operator: "tanaka"}
	err := c.change(changeOf("normal"))
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "it is 23:00 now. The run was reset after it had made the change, which stays as it is (ssm:parameter/mode)")
	require.Equal(t, []string{"failed"}, c.states())
	assert.Contains(t, c.told[0].Note, "the run was reset after it had made the change, which is not put back")
	assert.Equal(t, []any{"ito", "設定変更"}, []any{c.told[0].Requester, c.told[0].Title})

	c = withCabinet(newWorld(t), system.GateNormal)
	c.fail["ResolveSetting"] = final("Refused", "the setting is unknown")
	err = c.change(changeOf("normal"))
	require.ErrorContains(t, err, "the setting is unknown")
	require.NotContains(t, err.Error(), "reset")
	require.Empty(t, c.told)
}

package workflows_test

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// endMails are the mails about the end: to whom which was sent.
func (c *cabinet) endMails() (to []string, template string, data map[string]string) {
	c.t.Helper()
	for _, m := range c.mail {
		if m.Step != "tell-end-"+m.Template+"-"+m.List {
			continue
		}
		if template != "" {
			require.Equal(c.t, template, m.Template, "all are told the same")
		}
		to, template, data = append(to, m.List), m.Template, m.Data
	}
	return to, template, data
}

// However a change ends, whoever asked for it, carried it out, or decided about it hears how.
func TestWhoAskedAndDecidedHearHowAChangeEnded(t *testing.T) {
	var (
		asked   = []string{"person:ito", "person:tanaka"}
		decided = []string{"person:ito", "person:sato", "person:tanaka"}
		refused = func(n int) func(int) error {
			return func(try int) error {
				if try >= n {
					return temporal.NewNonRetryableApplicationError("AWS says no", "Denied", nil)
				}
				return nil
			}
		}
	)
	for name, c := range map[string]struct {
		gate     string
		prepare  func(*cabinet)
		template string
		to       []string
		says     string // of its error
	}{
		"done":                      {system.GateNormal, func(c *cabinet) { c.at(start.Add(time.Hour), "approve", by("sato")) }, "setting-done", decided, ""},
		"approved once and for all": {"", func(c *cabinet) { c.approved = []string{"read-only"} }, "setting-done", asked, ""},
		"rejected":                  {system.GateNormal, func(c *cabinet) { c.at(start.Add(time.Hour), "reject", by("sato")) }, "setting-not-made", decided, "sato rejected"},
		"refused approval": {system.GateNormal, func(c *cabinet) {
			c.at(start.Add(time.Hour), "approve", by("ito"))
			c.at(start.Add(2*time.Hour), "reject", by("suzuki"))
		}, "setting-not-made", []string{"person:ito", "person:suzuki", "person:tanaka"}, "suzuki rejected"},
		"nobody answers":    {system.GateNormal, func(*cabinet) {}, "setting-not-made", asked, "was open until"},
		"another old value": {system.GateNormal, func(c *cabinet) { c.values["days"] = "30" }, "setting-not-made", asked, "another value"},
		"broken rule": {system.GateNormal, func(c *cabinet) {
			c.violations = []string{"/gzs/web is not compliant"}
			c.at(start.Add(time.Hour), "approve", by("sato"))
		}, "setting-undone", decided, "/gzs/web is not compliant"},
		"cancelled": {system.GateNormal, func(c *cabinet) {
			c.at(start.Add(time.Hour), "approve", by("sato"))
			c.fail["EvaluateConfigRules"] = refused(1)
			c.at(start.Add(2*time.Hour), "cancel", by("kato"))
		}, "setting-undone", decided, "kato cancelled"},
		"failed undo": {system.GateNormal, func(c *cabinet) {
			c.at(start.Add(time.Hour), "approve", by("sato"))
			c.violations = []string{"/gzs/web is not compliant"}
			c.fail["RevertSetting"] = refused(2)
		}, "setting-unclear", decided, "Not put back: undo-set-days, undo-set-mode"},
		"not released": {system.GateNormal, func(c *cabinet) {
			c.at(start.Add(time.Hour), "approve", by("sato"))
			c.fail["ReleaseResources"] = refused(1)
		}, "setting-unclear", decided, "the reservations were not released"},
		"emergency approved": {system.GateAfterwards, func(c *cabinet) { c.at(start.Add(time.Hour), "approve", by("sato")) }, "setting-done", decided, ""},
		"emergency rejected": {system.GateAfterwards, func(c *cabinet) { c.at(start.Add(time.Hour), "reject", by("sato")) }, "setting-undone", decided, "sato rejected"},
		"never approved":     {system.GateAfterwards, func(*cabinet) {}, "setting-stays", asked, "nobody approved"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			class := map[string]string{system.GateNormal: "normal", "": "standard", system.GateAfterwards: "emergency"}[c.gate]
			if class == "emergency" {
				w.late = 32 * time.Hour
			}
			cab := withCabinet(w, c.gate)
			c.prepare(cab)
			err := cab.change(changeOf(class))
			to, template, data := cab.endMails()
			require.Equal(t, c.template, template)
			require.Equal(t, c.to, to)
			assert.Contains(t, data["detail"], "・mode: \"normal\" → \"read-only\"\n・days: 365 → 400\n・tasks: 3 → 5")
			assert.Equal(t, "設定変更", data["title"])
			if c.says == "" {
				require.NoError(t, err)
				require.NotContains(t, data, "error")
				return
			}
			require.ErrorContains(t, err, c.says)
			require.Contains(t, data["error"], c.says)
			line := cab.status().Steps[len(cab.status().Steps)-1]
			require.Equal(t, []any{"tell-end", runbook.StepDone}, []any{line.Name, line.State})
		})
	}
}

// A run that was reset after it had made the change, and is rejected now: what stands there was made, and is not put back.
func TestAChangeThatWasMadeBeforeAResetIsNotToldAsNotMade(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.madeBefore = true
	c.at(start.Add(time.Hour), "reject", by("sato"))
	require.True(t, runbook.IsEnd(c.change(changeOf("normal")), runbook.ErrRejected))
	_, template, _ := c.endMails()
	require.Equal(t, "setting-unclear", template)
}

// One of the mails does not go out: the run is held, and nobody is told twice when it is sent again.
func TestAnEndOfAChangeThatSomebodyWasNotToldIsHeld(t *testing.T) {
	c := withCabinet(newWorld(t), system.GateNormal)
	c.at(start.Add(time.Hour), "reject", by("sato"))
	c.fail["SendSESMail"] = func(try int) error {
		if try == 3 { // the request, the first, and this one
			return temporal.NewNonRetryableApplicationError("may or may not have been sent", "OutcomeUnknown", nil)
		}
		return nil
	}
	c.at(start.Add(2*time.Hour), "retry", by("kato"))
	require.True(t, runbook.IsEnd(c.change(changeOf("normal")), runbook.ErrRejected), "the end is the same")
	require.Contains(t, c.kinds(), "held")
	again := slices.DeleteFunc(slices.Clone(c.mail), func(m activities.Mail) bool { return !m.Resend })
	require.Len(t, again, 3, "the activity knows which were sent")
	require.Equal(t, []string{"planned", "rejected"}, c.states())
}

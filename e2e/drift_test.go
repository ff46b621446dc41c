package e2e

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waf "github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/require"

	"tejun/workflows/runbook"
)

// meddlers are ways in which somebody else changes what the outage changes. do makes the change, and undo takes it back.
var meddlers = map[string]struct {
	undoStep string // step on the way back that finds it
	shows    string // what its difference shows
	key      func(*world) string
	do, undo func(*world)
}{
	"distribution": {
		"undo-route-page", "somebody else", func(w *world) string { return "cloudfront:distribution/" + w.system().Distribution.ID },
		func(w *world) { w.comment("somebody else") }, func(w *world) { w.comment(w.system().Name.En) },
	},
	"web ACL": {
		"undo-close-site", "Count", func(w *world) string { return "wafv2:webacl/" + w.system().WAF.WebACLID },
		func(w *world) { w.rateLimit(false) }, func(w *world) { w.rateLimit(true) },
	},
}

// comment changes the comment of the distribution.
func (w *world) comment(text string) {
	w.t.Helper()
	c, ctx, id := cloudfront.NewFromConfig(w.aws), w.t.Context(), aws.String(w.system().Distribution.ID)
	now, err := c.GetDistributionConfig(ctx, &cloudfront.GetDistributionConfigInput{Id: id})
	require.NoError(w.t, err)
	now.DistributionConfig.Comment = &text
	_, err = c.UpdateDistribution(ctx, &cloudfront.UpdateDistributionInput{Id: id, IfMatch: now.ETag, DistributionConfig: now.DistributionConfig})
	require.NoError(w.t, err)
}

// rateLimit lets the last rule of the web ACL block, as it does at first, or only count.
func (w *world) rateLimit(blocks bool) {
	w.t.Helper()
	sys := w.system()
	c, ctx := wafv2.NewFromConfig(w.aws, func(o *wafv2.Options) { o.Region = "us-east-1" }), w.t.Context()
	now, err := c.GetWebACL(ctx, &wafv2.GetWebACLInput{Id: &sys.WAF.WebACLID, Name: &sys.WAF.WebACLName, Scope: waf.ScopeCloudfront})
	require.NoError(w.t, err)
	acl := now.WebACL
	last := &acl.Rules[len(acl.Rules)-1]
	last.Action = &waf.RuleAction{Count: &waf.CountAction{}}
	if blocks {
		last.Action = &waf.RuleAction{Block: &waf.BlockAction{}}
	}
	_, err = c.UpdateWebACL(ctx, &wafv2.UpdateWebACLInput{
		Id: acl.Id, Name: acl.Name, Scope: waf.ScopeCloudfront, LockToken: now.LockToken, DefaultAction: acl.DefaultAction,
		VisibilityConfig: acl.VisibilityConfig, Rules: acl.Rules, Description: acl.Description,
	})
	require.NoError(w.t, err)
}

func TestChangeBetweenApprovalAndStartAsksAgain(t *testing.T) {
	t.Parallel()
	for name, m := range meddlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.start(window(soon))
			r.answer(r.asks("approval", "plan"), runbook.Approve, "sato")
			old := r.asks("approval", "go")
			r.answer(old, runbook.Approve, "suzuki")
			m.do(w)
			w.before = w.snapshot() // what is to be there again after the outage
			fresh := r.asks("approval", "go")
			require.Equal(t, 1, r.kinds("approval-void"))
			require.NotEqual(t, old.Plan.Digest, fresh.Plan.Digest, "the new plan has another digest")
			require.Empty(t, effects(w.journal()), "the run has changed nothing yet")

			refused := r.try(old, runbook.Approve, "suzuki")
			require.False(t, refused.Accepted, "an approval of the old plan")
			require.Contains(t, refused.Refusal, "look at the plan again")
			r.answer(fresh, runbook.Approve, "suzuki")
			r.worked()
			r.done()
			r.onceEach()
			w.untouched()
		})
	}
}

func TestChangeDuringTheOutageHoldsTheWayBackAndIsNotOverwritten(t *testing.T) {
	t.Parallel()
	for name, m := range meddlers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			r := w.start(window(soon))
			r.approved()
			work := r.asks("work", "work")
			m.do(w)
			theirs := w.snapshot()
			r.answer(work, runbook.Finished, "tanaka")

			held := r.asks("held", m.undoStep)
			problem := step(t, held, m.undoStep).Error
			require.Contains(t, problem, "was changed by somebody else. Nothing was overwritten.")
			require.Contains(t, problem, m.shows, "the difference is shown")
			require.NotContains(t, held.WaitingFor.Answers, runbook.Rollback, "this is the way back already")
			require.JSONEq(t, string(theirs.Resources[m.key(w)]), string(w.snapshot().Resources[m.key(w)]), "nothing was overwritten")
			r.answer(held, runbook.Retry, "kato") // nothing has been mended yet
			r.until("the second refusal", func(s runbook.Status) bool {
				return s.WaitingFor != nil && s.WaitingFor.Kind == "held" && step(t, s, m.undoStep).Attempts == 2
			})
			m.undo(w)
			r.answer(r.asks("held", m.undoStep), runbook.Retry, "kato")
			s := r.done()
			require.Equal(t, 3, step(t, s, m.undoStep).Attempts)
			require.Equal(t, 200, w.look("public").status)
			r.told()
			w.untouched()
			r.keepsSecrets()
		})
	}
}

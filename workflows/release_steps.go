package workflows

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Nil receivers name the activities; the worker holds the real ones.
var (
	codePipeline *activities.CodePipeline
	ecr          *activities.ECR
	ecsReleases  *activities.ECSReleases
	lambdas      *activities.Lambda
	s3Releases   *activities.S3Releases
	watches      *activities.Watches
)

// part is one part of a release: how it is planned, brought into place with its way back, and read.
type part interface {
	// plan reads what is there, and returns the changes of this part. It refuses what may not be released.
	plan(ctx workflow.Context) ([]plan.Change, error)
	// steps are made after the plan was approved, in their order.
	steps() []runbook.StepSpec
	// read compares what is there with what was approved.
	read(ctx workflow.Context) error
}

// part makes the part of the kind that system.yaml says.
func (r *releasing) part(i int) part {
	piece := piece{r, r.on.Parts[i], r.in.Parts[i], &r.result.Parts[i]}
	switch piece.on.Kind {
	case "container":
		return &container{piece: piece}
	case "lambda":
		return &function{piece: piece}
	}
	return &static{piece: piece}
}

// piece is what all parts have.
type piece struct {
	of     *releasing
	on     system.PartTarget
	in     ReleasePart
	result *ReleasedPart
}

// step names a step of the part.
func (p piece) step(name, title string) runbook.StepSpec {
	return runbook.StepSpec{Name: name + "-" + p.on.Name, Title: title + " (" + p.on.Name + ")"}
}

// steps lists the steps of the release in order, for the checklist.
func (r *releasing) steps() []runbook.StepSpec {
	steps := []runbook.StepSpec{takeStep(r.Run, r.resources())}
	for _, part := range r.parts {
		steps = append(steps, part.steps()...)
	}
	watch := r.watch()
	return append(steps, r.checkSite(), runbook.StepSpec{Name: watch.Name, Title: watch.Title}, r.readBack())
}

// baseline notes which alarms ring before the release: an incident that it mends may well ring.
func (r *releasing) baseline(ctx workflow.Context) error {
	seen, err := runbook.Call(runbook.WithSummary(ctx, "read the alarms before the release"), runbook.Read, watches.LookAtRelease, activities.ReleaseLook{Alarms: r.on.Alarms})
	if err != nil {
		if runbook.WasCancelled(ctx, err) {
			return err
		}
		return runbook.End(runbook.ErrRefused, "the release could not be watched, so it is not begun: %s", runbook.Words(err))
	}
	r.rang = seen.Ringing
	return nil
}

// unfrozen makes sure that the release still ends before the next freeze: one may have been added since it was asked for. Earlier
// editions knew the freezes of the request only.
func (r *releasing) unfrozen(ctx workflow.Context) error {
	if workflow.GetVersion(ctx, "release-freezes-again", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return nil
	}
	now, takes := workflow.Now(ctx).UTC(), r.on.HoldUntil.Sub(r.on.StartBy)
	_, err := runbook.Resolve(runbook.WithSummary(ctx, "look for freezes again"), directory.CheckReleaseTime, activities.Span{From: now, Until: now.Add(takes)})
	return err
}

// checkSite looks from outside at what the parts serve. What does not answer is taken back.
func (r *releasing) checkSite() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "check-site", Title: "外部確認 · Check from outside",
		Do: func(ctx workflow.Context) error {
			var looks []activities.SiteCheck
			for _, part := range r.on.Parts {
				if part.Check != "" {
					looks = append(looks, activities.SiteCheck{Vantage: "public", Path: part.Check, WantStatus: 200})
				}
			}
			err := check(ctx, looks...)
			if err == nil || runbook.WasCancelled(ctx, err) {
				return err
			}
			return runbook.End(activities.Unfit, "%s", runbook.Words(err))
		},
	}
}

// watch looks at alarms and the error rate for as long as system.yaml says.
func (r *releasing) watch() runbook.WatchSpec {
	since := time.Time{}
	return runbook.WatchSpec{
		Name: "watch", Title: "リリース後の監視 · Watch alarms and errors", For: r.on.WatchFor, Every: r.on.WatchEvery,
		Look: func(ctx workflow.Context) (bool, string, error) {
			if since.IsZero() {
				since = workflow.Now(ctx).UTC()
			}
			seen, err := runbook.Call(ctx, runbook.Read, watches.LookAtRelease, activities.ReleaseLook{
				Alarms: r.on.Alarms, Ringing: r.rang, ErrorRate: r.on.ErrorRate, Since: since,
			})
			if err == nil {
				r.result.Watched = seen.Says
				r.rang = slices.DeleteFunc(r.rang, func(alarm string) bool { return !slices.Contains(seen.Ringing, alarm) })
			}
			return seen.Good, seen.Says, err
		},
	}
}

// readBack compares every part once more with what was approved: somebody may have deployed during the watch.
func (r *releasing) readBack() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "read-back", Title: "最終確認（承認内容との照合） · Compare what is there with what was approved",
		Do: func(ctx workflow.Context) error {
			for _, part := range r.parts {
				if err := part.read(ctx); err != nil {
					return err
				}
			}
			return nil
		},
	}
}

// The step by which people are told how a run has ended.
const (
	tellEndStep  = "tell-end"
	tellEndTitle = "結果の連絡 · Tell how it ended"
)

// tellsEnd lets people be told how the release has ended, however that is. Earlier editions told it as the last of the way back, which a
// failed undo does not reach.
func (r *releasing) tellsEnd(ctx workflow.Context) {
	if workflow.GetVersion(ctx, "release-tells-last", workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		r.OnReturn(runbook.StepSpec{Name: tellEndStep, Title: tellEndTitle, Do: func(ctx workflow.Context) error {
			if err := r.tellEnd(ctx, r.given); err != nil { // it never held the way back
				workflow.GetLogger(ctx).Warn("people were not told how the release ended", "error", runbook.Words(err))
			}
			return nil
		}})
		return
	}
	r.Finally(tellEndStep, tellEndTitle, r.tellEnd)
}

// tellEnd says what is there now. What was taken back is as before; what could not be, or has ended in trouble when all was done, is
// unclear.
func (r *releasing) tellEnd(ctx workflow.Context, err error) error {
	var lines []string
	for _, part := range r.result.Parts {
		lines = append(lines, fmt.Sprintf("・%s: %s → %s", part.Name, orDash(part.Before), orDash(part.After)))
	}
	data := map[string]string{"detail": strings.Join(lines, "\n")}
	template := "release-done"
	if err != nil {
		template, data["error"] = "release-rolled-back", runbook.Words(err)
		if r.given == nil || runbook.IsEnd(err, runbook.ErrUndoFailed) || runbook.IsEnd(err, runbook.ErrEvidenceLost) {
			template = "release-unclear"
		}
	}
	return r.NotifyEach(ctx, tellEndStep, template, []string{r.on.MailList}, data)
}

func orDash(s string) string {
	if s == "" {
		return "―"
	}
	return s
}

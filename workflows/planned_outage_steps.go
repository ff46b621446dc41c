package workflows

import (
	"errors"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// Nil receivers name the activities; the worker holds the real ones.
var (
	cloudFront *activities.CloudFront
	wafv2      *activities.WAFV2
	s3         *activities.S3
	ecs        *activities.ECS
	rds        *activities.RDS
	rdsCopies  *activities.RDSCopies
	operated   *activities.Operated
	repairs    *activities.Repairs
	dataLoads  *activities.DataLoads
	arrivals   *activities.Arrivals
	ecsTasks   *activities.ECSTasks
	cloudWatch *activities.CloudWatch
	scheduler  *activities.Scheduler
	site       *activities.Site
	directory  *activities.Directory
	incidents  *activities.Incidents
	diagnosis  *activities.Diagnosis
	reports    *activities.Reports

	readinessChecks *activities.Readiness
)

// changes are the planned changes of an outage, one per AWS object.
type changes struct {
	snapshot, alarms, jobs, page, route, rule plan.Change
	services                                  []plan.Change
}

// compute reads everything at once and returns the changes in the order in which they are made.
func (c *changes) compute(ctx workflow.Context, o *outage) ([]plan.Change, error) {
	reads := func(what string) workflow.Context { return reading(ctx, what) }
	alarms := runbook.Start(reads("alarms"), runbook.Read, cloudWatch.PlanCloudWatchAlarmMute, o.alarms())
	jobs := runbook.Start(reads("scheduled jobs"), runbook.Read, scheduler.PlanSchedulerPause, o.jobs())
	page := runbook.Start(reads("maintenance page"), runbook.Read, s3.PlanS3MaintenancePage, o.page())
	route := runbook.Start(reads("distribution"), runbook.Read, cloudFront.PlanCloudFrontMaintenance, o.route())
	rule := runbook.Start(reads("web ACL"), runbook.Read, wafv2.PlanWAFMaintenanceRule, o.rule())
	var services []runbook.Future[plan.Change]
	for i := range o.on.Services {
		services = append(services, runbook.Start(reads("service "+o.on.Services[i].Name), runbook.Read, ecs.PlanECSServiceStop, o.service(i)))
	}
	var failed error
	take := func(into *plan.Change, from runbook.Future[plan.Change]) {
		change, err := from.Get(ctx)
		*into, failed = change, errors.Join(failed, err)
	}
	take(&c.alarms, alarms)
	take(&c.jobs, jobs)
	take(&c.page, page)
	take(&c.route, route)
	take(&c.rule, rule)
	c.services = make([]plan.Change, len(services))
	for i := range services {
		take(&c.services[i], services[i])
	}
	if failed != nil {
		return nil, failed
	}
	after := map[string]string{"cluster": o.on.Database, "snapshot": o.snapshotID()}
	snapshot, err := plan.NewChange("rds:cluster-snapshot/"+o.snapshotID(), "スナップショット取得 · Take a snapshot of "+o.on.Database, nil, after, nil, after)
	if err != nil {
		return nil, err
	}
	c.snapshot = snapshot
	return append([]plan.Change{c.snapshot, c.alarms, c.jobs, c.page, c.route, c.rule}, c.services...), nil
}

// steps lists the steps of the outage in order, for the checklist.
func (o *outage) steps() []runbook.StepSpec {
	return []runbook.StepSpec{
		o.announce(), o.take(), o.snapshot(), o.muteAlarms(), o.pauseJobs(), o.putPage(), o.routePage(), o.closeSite(), o.checkClosed(), o.stopServices(),
	}
}

// announce tells the users. Its undo is the second announcement: that the outage ended, or was called off.
func (o *outage) announce() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "announce", Title: "計画停止の告知 · Announce the outage",
		Do: func(ctx workflow.Context) error {
			return o.Notify(ctx, "announce", "outage-announcement", o.on.NoticeList, map[string]string{"detail": o.in.Notice.Text})
		},
		Undo: func(ctx workflow.Context) error {
			if o.result.ClosedAt == nil {
				return o.Notify(ctx, "undo-announce", "outage-cancelled", o.on.NoticeList, nil)
			}
			return o.Notify(ctx, "undo-announce", "outage-end", o.on.NoticeList, map[string]string{"until": runbook.JapaneseTime(*o.result.OpenedAt)})
		},
		UndoTitle: "終了（または中止）の告知 · Announce the end, or that it is called off",
		SkipIf:    "the recipients have the message",
	}
}

func (o *outage) take() runbook.StepSpec { return takeStep(o.Run, o.resources()) }

func (o *outage) snapshotID() string { return o.on.SnapshotStem + "-" + o.Operation() }

func (o *outage) snapshot() runbook.StepSpec {
	return snapshotStep(o.Run, o.on.Database, o.snapshotID(), &o.result.Snapshot)
}

func (o *outage) alarms() activities.Alarms { return activities.Alarms{Names: o.on.Alarms} }

func (o *outage) muteAlarms() runbook.StepSpec {
	in := activities.AlarmChange{Operation: o.Operation(), Alarms: o.alarms(), Change: activities.Ref(o.changes.alarms)}
	return runbook.StepSpec{
		Name: "mute-alarms", Title: "アラーム抑止 · Mute the alarms",
		Do:        do(runbook.Change, cloudWatch.MuteCloudWatchAlarms, in),
		Undo:      do(runbook.Change, cloudWatch.UnmuteCloudWatchAlarms, in),
		UndoTitle: "アラーム抑止解除 · Unmute the alarms",
	}
}

func (o *outage) jobs() activities.Jobs { return activities.Jobs{Jobs: o.on.Jobs} }

func (o *outage) pauseJobs() runbook.StepSpec {
	in := activities.JobsChange{Operation: o.Operation(), Jobs: o.jobs(), Change: activities.Ref(o.changes.jobs)}
	return runbook.StepSpec{
		Name: "pause-jobs", Title: "ジョブ停止 · Pause the scheduled jobs",
		Do:        do(runbook.Change, scheduler.PauseSchedulerJobs, in),
		Undo:      do(runbook.Change, scheduler.ResumeSchedulerJobs, in),
		UndoTitle: "ジョブ再開 · Resume the scheduled jobs",
	}
}

func (o *outage) page() activities.MaintenancePage {
	return activities.MaintenancePage{
		Bucket: o.on.Bucket, Key: strings.TrimPrefix(o.pagePath(), "/"), Title: o.in.Title, Reason: o.in.Reason,
		Start: o.start, End: o.end,
	}
}

func (o *outage) pagePath() string { return o.on.PathPrefix + o.Operation() + ".html" }

func (o *outage) putPage() runbook.StepSpec {
	in := activities.PageChange{Operation: o.Operation(), MaintenancePage: o.page(), Change: activities.Ref(o.changes.page)}
	return runbook.StepSpec{
		Name: "put-page", Title: "メンテナンスページ配置 · Put the maintenance page in place",
		Do:        do(runbook.Change, s3.PutS3MaintenancePage, in),
		Undo:      do(runbook.Change, s3.DeleteS3MaintenancePage, in),
		UndoTitle: "メンテナンスページ削除 · Remove the maintenance page",
	}
}

func (o *outage) route() activities.MaintenanceRouting {
	return activities.MaintenanceRouting{DistributionID: o.on.Distribution, PagePath: o.pagePath()}
}

func (o *outage) routePage() runbook.StepSpec {
	in := activities.CloudFrontChange{Operation: o.Operation(), MaintenanceRouting: o.route(), Change: activities.Ref(o.changes.route)}
	switched := func(step string, change func(workflow.Context) error) func(workflow.Context) error {
		return func(ctx workflow.Context) error {
			if err := change(ctx); err != nil {
				return err
			}
			if _, err := runbook.Call(ctx, runbook.Settle, cloudFront.AwaitCloudFrontDeployed, activities.DistributionRef{DistributionID: o.on.Distribution}); err != nil {
				return err
			}
			_, err := runbook.Call(ctx, runbook.Settle, cloudFront.InvalidateCloudFrontPaths, activities.Invalidation{
				Operation: o.Operation(), Step: step, DistributionID: o.on.Distribution, Paths: []string{"/*"},
			})
			return err
		}
	}
	return runbook.StepSpec{
		Name: "route-page", Title: "メンテナンスページへの経路設定 · Deploy the way to the maintenance page",
		Do:        switched("route-page", do(runbook.Change, cloudFront.ApplyCloudFrontMaintenance, in)),
		Undo:      switched("undo-route-page", do(runbook.Change, cloudFront.RevertCloudFrontMaintenance, in)),
		UndoTitle: "経路設定の復元 · Put the distribution's configuration back",
	}
}

func (o *outage) rule() activities.MaintenanceRule {
	return activities.MaintenanceRule{
		WebACLID: o.on.WebACLID, WebACLName: o.on.WebACLName, OperatorSetID: o.on.OperatorSet, OperatorSetName: o.on.OperatorName,
		Priority: o.on.RulePriority, RuleName: activities.MaintenanceRulePrefix + o.Operation(),
		RetryAfterSeconds: int(o.end.Sub(o.start).Seconds()),
	}
}

// closeSite is the moment at which the public loses the site, and its undo the one at which it gets it back.
func (o *outage) closeSite() runbook.StepSpec {
	in := activities.WAFChange{Operation: o.Operation(), MaintenanceRule: o.rule(), Change: activities.Ref(o.changes.rule)}
	apply, revert := do(runbook.Change, wafv2.ApplyWAFMaintenanceRule, in), do(runbook.Change, wafv2.RevertWAFMaintenanceRule, in)
	return runbook.StepSpec{
		Name: "close-site", Title: "メンテナンスページへ切替 · Switch the public to the maintenance page",
		Do: func(ctx workflow.Context) error {
			if o.result.ClosedAt == nil {
				o.result.ClosedAt = now(ctx)
			}
			return apply(ctx)
		},
		Undo: func(ctx workflow.Context) error {
			if err := revert(ctx); err != nil {
				return err
			}
			o.result.OpenedAt = now(ctx)
			o.result.ActualMinutes = o.result.OpenedAt.Sub(*o.result.ClosedAt).Minutes()
			return nil
		},
		UndoTitle: "遷移ページへ切替 · Give the site back to the public",
	}
}

// maintenanceMarker stands in the page, so that a check can tell the page from any other 503.
const maintenanceMarker = "tejun-maintenance"

func (o *outage) checkClosed() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "check-closed", Title: "外部確認（利用者：メンテナンスページ、運用者：サイト） · Check from outside: page for the public, site for operators",
		Do: func(ctx workflow.Context) error {
			return check(ctx,
				activities.SiteCheck{Vantage: "public", WantStatus: 503, WantMarker: maintenanceMarker},
				activities.SiteCheck{Vantage: "operator", WantStatus: 200},
			)
		},
		SkipIf: "somebody has looked at the page from outside and it is right",
	}
}

func (o *outage) checkOpen() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "check-open", Title: "外部確認（利用者：サイト） · Check from outside: site for the public",
		Do: func(ctx workflow.Context) error {
			if o.result.ClosedAt == nil {
				return nil
			}
			return check(ctx, activities.SiteCheck{Vantage: "public", WantStatus: 200})
		},
		SkipIf: "somebody has looked at the site from outside and it is right",
	}
}

func (o *outage) service(i int) activities.ServiceRef {
	return activities.ServiceRef{Cluster: o.on.Cluster, Service: o.on.Services[i].Service}
}

// stopServices stops the services side by side. On the way back they are started, and the operators' view of the site must
// be right before the public gets it back.
func (o *outage) stopServices() runbook.StepSpec {
	change := func(i int) activities.ServiceChange {
		return activities.ServiceChange{Operation: o.Operation(), ServiceRef: o.service(i), Change: activities.Ref(o.changes.services[i])}
	}
	stop := func(ctx workflow.Context, i int) runbook.Future[struct{}] {
		return runbook.Start(ctx, runbook.Change, ecs.StopECSService, change(i))
	}
	start := func(ctx workflow.Context, i int) runbook.Future[struct{}] {
		return runbook.Start(ctx, runbook.Change, ecs.StartECSService, change(i))
	}
	settled := func(want string) func(workflow.Context, int) runbook.Future[struct{}] {
		return func(ctx workflow.Context, i int) runbook.Future[struct{}] {
			return runbook.Start(ctx, runbook.Settle, ecs.AwaitECSService, activities.ServiceCheck{ServiceRef: o.service(i), Want: want})
		}
	}
	return runbook.StepSpec{
		Name: "stop-services", Title: "サービス停止 · Stop the services",
		Do: func(ctx workflow.Context) error {
			if err := o.eachService(ctx, stop); err != nil {
				return err
			}
			return o.eachService(ctx, settled("stopped"))
		},
		Undo: func(ctx workflow.Context) error {
			if err := o.eachService(ctx, start); err != nil {
				return err
			}
			if err := o.eachService(ctx, settled("started")); err != nil {
				return err
			}
			return check(ctx, activities.SiteCheck{Vantage: "operator", WantStatus: 200})
		},
		UndoTitle: "サービス起動・正常性確認 · Start the services and check them as an operator",
	}
}

// eachService does the same with all services at once and waits for all of them.
func (o *outage) eachService(ctx workflow.Context, begin func(workflow.Context, int) runbook.Future[struct{}]) error {
	return each(ctx, len(o.on.Services), begin)
}

// check looks at the site from several places at once.
func check(ctx workflow.Context, looks ...activities.SiteCheck) error {
	var begun []runbook.Future[activities.SiteSeen]
	for _, in := range looks {
		begun = append(begun, runbook.Start(ctx, runbook.Observe, site.CheckSite, in))
	}
	var failed error
	for _, f := range begun {
		_, err := f.Get(ctx)
		failed = errors.Join(failed, err)
	}
	return failed
}

func now(ctx workflow.Context) *time.Time {
	t := workflow.Now(ctx).UTC()
	return &t
}

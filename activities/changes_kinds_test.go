package activities

import (
	"bytes"
	"io"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	schedulertypes "github.com/aws/aws-sdk-go-v2/service/scheduler/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	waftypes "github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/plan"
	"tejun/internal/system"
)

// changing is a system whose changes are compared and set. Every one of them must withstand the same faults.
type changing struct {
	name          string
	service, read string // a read and the two writes, as AWS names them
	write, undo   string
	times         int                                 // writes that a change takes
	plan          func(b *bench) (plan.Change, error) //
	apply, revert func(b *bench, ref ChangeRef) error //
	whole         func(b *bench) (any, error)         // all that AWS says of the object
	meddle        func(b *bench) error                // somebody else changes it
	shows         string                              // what a drift message must name
}

func changingSystems() []changing {
	return []changing{cloudFrontChanging(), wafChanging(), s3Changing(), ecsChanging(), alarmsChanging(), jobsChanging()}
}

func cloudFrontChanging() changing {
	routing := func(b *bench) MaintenanceRouting {
		return MaintenanceRouting{DistributionID: b.system.Distribution.ID, PagePath: b.system.Maintenance.PathPrefix + b.operation + ".html"}
	}
	change := func(b *bench, ref ChangeRef) CloudFrontChange {
		return CloudFrontChange{Operation: b.operation, MaintenanceRouting: routing(b), Change: ref}
	}
	get := func(b *bench) (*cloudfront.GetDistributionConfigOutput, error) {
		return cloudfront.NewFromConfig(b.cfg).GetDistributionConfig(b.t.Context(), &cloudfront.GetDistributionConfigInput{Id: &b.system.Distribution.ID})
	}
	return changing{
		name: "CloudFront", service: "cloudfront", read: "GetDistributionConfig", write: "UpdateDistribution", undo: "UpdateDistribution", times: 1,
		plan: func(b *bench) (plan.Change, error) {
			return try(b, b.set.CloudFront.PlanCloudFrontMaintenance, routing(b))
		},
		apply: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.CloudFront.ApplyCloudFrontMaintenance, change(b, ref))
			return err
		},
		revert: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.CloudFront.RevertCloudFrontMaintenance, change(b, ref))
			return err
		},
		whole: func(b *bench) (any, error) {
			out, err := get(b)
			if err != nil {
				return nil, err
			}
			return out.DistributionConfig, nil
		},
		meddle: func(b *bench) error {
			out, err := get(b)
			if err != nil {
				return err
			}
			out.DistributionConfig.Comment = aws.String("changed by hand")
			_, err = cloudfront.NewFromConfig(b.cfg).UpdateDistribution(b.t.Context(), &cloudfront.UpdateDistributionInput{
				Id: &b.system.Distribution.ID, IfMatch: out.ETag, DistributionConfig: out.DistributionConfig,
			})
			return err
		},
		shows: "changed by hand",
	}
}

func wafChanging() changing {
	rule := func(b *bench) MaintenanceRule {
		return MaintenanceRule{
			WebACLID: b.system.WAF.WebACLID, WebACLName: b.system.WAF.WebACLName, OperatorSetID: b.system.WAF.OperatorSetID,
			OperatorSetName: b.system.WAF.OperatorSet, Priority: b.system.WAF.RulePriority, RuleName: "tejun-maintenance", RetryAfterSeconds: 3600,
		}
	}
	change := func(b *bench, ref ChangeRef) WAFChange {
		return WAFChange{Operation: b.operation, MaintenanceRule: rule(b), Change: ref}
	}
	client := func(b *bench) *wafv2.Client {
		return wafv2.NewFromConfig(b.cfg, func(o *wafv2.Options) { o.Region = globalRegion })
	}
	get := func(b *bench) (*wafv2.GetWebACLOutput, error) {
		return client(b).GetWebACL(b.t.Context(), &wafv2.GetWebACLInput{Id: &b.system.WAF.WebACLID, Name: &b.system.WAF.WebACLName, Scope: waftypes.ScopeCloudfront})
	}
	return changing{
		name: "WAFV2", service: "wafv2", read: "GetWebACL", write: "UpdateWebACL", undo: "UpdateWebACL", times: 1,
		plan: func(b *bench) (plan.Change, error) { return try(b, b.set.WAFV2.PlanWAFMaintenanceRule, rule(b)) },
		apply: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.WAFV2.ApplyWAFMaintenanceRule, change(b, ref))
			return err
		},
		revert: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.WAFV2.RevertWAFMaintenanceRule, change(b, ref))
			return err
		},
		whole: func(b *bench) (any, error) {
			out, err := get(b)
			if err != nil {
				return nil, err
			}
			return out.WebACL, nil
		},
		meddle: func(b *bench) error { // from allow to block: the difference between two empty objects
			out, err := get(b)
			if err != nil {
				return err
			}
			acl := out.WebACL
			_, err = client(b).UpdateWebACL(b.t.Context(), &wafv2.UpdateWebACLInput{
				Id: acl.Id, Name: acl.Name, Scope: waftypes.ScopeCloudfront, LockToken: out.LockToken, Rules: acl.Rules,
				VisibilityConfig: acl.VisibilityConfig, Description: acl.Description, DefaultAction: &waftypes.DefaultAction{Block: &waftypes.BlockAction{}},
			})
			return err
		},
		shows: "Block",
	}
}

func s3Changing() changing {
	page := func(b *bench) MaintenancePage {
		return MaintenancePage{
			Bucket: b.system.Maintenance.Bucket, Key: "maintenance/" + b.operation + ".html", Title: "定期保守", Reason: "更新のため",
			Start: time.Date(2027, 1, 23, 13, 0, 0, 0, time.UTC), End: time.Date(2027, 1, 23, 17, 0, 0, 0, time.UTC),
		}
	}
	change := func(b *bench, ref ChangeRef) PageChange {
		return PageChange{Operation: b.operation, MaintenancePage: page(b), Change: ref}
	}
	return changing{
		name: "S3", service: "s3", read: "GetObject", write: "PutObject", undo: "DeleteObject", times: 1,
		plan: func(b *bench) (plan.Change, error) { return try(b, b.set.S3.PlanS3MaintenancePage, page(b)) },
		apply: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.S3.PutS3MaintenancePage, change(b, ref))
			return err
		},
		revert: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.S3.DeleteS3MaintenancePage, change(b, ref))
			return err
		},
		whole: func(b *bench) (any, error) {
			p := page(b)
			out, err := s3.NewFromConfig(b.cfg).GetObject(b.t.Context(), &s3.GetObjectInput{Bucket: &p.Bucket, Key: &p.Key})
			if errorCode(err) == "NoSuchKey" {
				return "nothing", nil
			}
			if err != nil {
				return nil, err
			}
			body, err := io.ReadAll(out.Body)
			return map[string]any{"body": string(body), "type": out.ContentType, "cache": out.CacheControl, "metadata": out.Metadata}, err
		},
		meddle: func(b *bench) error {
			p := page(b)
			_, err := s3.NewFromConfig(b.cfg).PutObject(b.t.Context(), &s3.PutObjectInput{Bucket: &p.Bucket, Key: &p.Key, Body: bytes.NewReader([]byte("by hand")), ContentType: aws.String("text/plain")})
			return err
		},
		shows: "by hand",
	}
}

func ecsChanging() changing {
	ref := func(b *bench) ServiceRef {
		return ServiceRef{Cluster: b.system.ECS.Cluster, Service: b.system.ECS.Services[0].Service}
	}
	change := func(b *bench, c ChangeRef) ServiceChange {
		return ServiceChange{Operation: b.operation, ServiceRef: ref(b), Change: c}
	}
	return changing{
		name: "ECS", service: "ecs", read: "DescribeServices", write: "UpdateService", undo: "UpdateService", times: 1,
		plan: func(b *bench) (plan.Change, error) { return try(b, b.set.ECS.PlanECSServiceStop, ref(b)) },
		apply: func(b *bench, c ChangeRef) error {
			_, err := try(b, b.set.ECS.StopECSService, change(b, c))
			return err
		},
		revert: func(b *bench, c ChangeRef) error {
			_, err := try(b, b.set.ECS.StartECSService, change(b, c))
			return err
		},
		whole: func(b *bench) (any, error) {
			s, err := b.set.ECS.describe(b.t.Context(), ref(b))
			return []any{s.DesiredCount, s.TaskDefinition}, err
		},
		meddle: func(b *bench) error {
			r := ref(b)
			_, err := ecs.NewFromConfig(b.cfg).UpdateService(b.t.Context(), &ecs.UpdateServiceInput{Cluster: &r.Cluster, Service: &r.Service, DesiredCount: aws.Int32(7)})
			return err
		},
		shows: `+     "desiredCount": 7`,
	}
}

func alarmsChanging() changing {
	// The last alarm is muted already, and must stay so.
	alarms := func(b *bench) Alarms { return Alarms{Names: b.system.Alarms} }
	change := func(b *bench, ref ChangeRef) AlarmChange {
		return AlarmChange{Operation: b.operation, Alarms: alarms(b), Change: ref}
	}
	return changing{
		name: "CloudWatch", service: "cloudwatch", read: "DescribeAlarms", write: "DisableAlarmActions", undo: "EnableAlarmActions", times: 1,
		plan: func(b *bench) (plan.Change, error) {
			_, err := cloudwatch.NewFromConfig(b.cfg).DisableAlarmActions(b.t.Context(), &cloudwatch.DisableAlarmActionsInput{AlarmNames: b.system.Alarms[2:]})
			if err != nil {
				return plan.Change{}, err
			}
			return try(b, b.set.CloudWatch.PlanCloudWatchAlarmMute, alarms(b))
		},
		apply: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.CloudWatch.MuteCloudWatchAlarms, change(b, ref))
			return err
		},
		revert: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.CloudWatch.UnmuteCloudWatchAlarms, change(b, ref))
			return err
		},
		whole: func(b *bench) (any, error) { return b.set.CloudWatch.read(b.t.Context(), b.system.Alarms) },
		meddle: func(b *bench) error {
			_, err := cloudwatch.NewFromConfig(b.cfg).EnableAlarmActions(b.t.Context(), &cloudwatch.EnableAlarmActionsInput{AlarmNames: b.system.Alarms[2:]})
			return err
		},
		shows: `"actionsEnabled": true`,
	}
}

func jobsChanging() changing {
	jobs := func(b *bench) Jobs {
		var all Jobs
		for _, j := range b.system.Jobs {
			all.Jobs = append(all.Jobs, system.JobTarget{Name: j.Name, Group: j.Group, Schedule: j.Schedule})
		}
		return all
	}
	change := func(b *bench, ref ChangeRef) JobsChange {
		return JobsChange{Operation: b.operation, Jobs: jobs(b), Change: ref}
	}
	get := func(b *bench, i int) (schedule, error) {
		out, err := scheduler.NewFromConfig(b.cfg).GetSchedule(b.t.Context(), &scheduler.GetScheduleInput{Name: &b.system.Jobs[i].Schedule, GroupName: &b.system.Jobs[i].Group})
		if err != nil {
			return schedule{}, err
		}
		return fromAWS(out), nil
	}
	return changing{
		name: "Scheduler", service: "scheduler", read: "GetSchedule", write: "UpdateSchedule", undo: "UpdateSchedule", times: 2,
		plan: func(b *bench) (plan.Change, error) { return try(b, b.set.Scheduler.PlanSchedulerPause, jobs(b)) },
		apply: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.Scheduler.PauseSchedulerJobs, change(b, ref))
			return err
		},
		revert: func(b *bench, ref ChangeRef) error {
			_, err := try(b, b.set.Scheduler.ResumeSchedulerJobs, change(b, ref))
			return err
		},
		whole: func(b *bench) (any, error) {
			first, err := get(b, 0)
			if err != nil {
				return nil, err
			}
			second, err := get(b, 1)
			return []schedule{first, second}, err
		},
		meddle: func(b *bench) error {
			s, err := get(b, 1)
			if err != nil {
				return err
			}
			s.ScheduleExpression = "cron(59 * * * ? *)"
			s.Target = &schedulertypes.Target{Arn: s.Target.Arn, RoleArn: s.Target.RoleArn, Input: aws.String(`{"password":"hunter2"}`)}
			_, err = scheduler.NewFromConfig(b.cfg).UpdateSchedule(b.t.Context(), s.toAWS(b.operation+"-by-hand"))
			return err
		},
		shows: "cron(59 * * * ? *)",
	}
}

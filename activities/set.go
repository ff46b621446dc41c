// Package activities holds what runbooks do to the outside: one file per outside system, one struct in and one out per
// activity. Every activity assumes that it runs twice: it looks before it acts, takes "already done" for success, and
// reads back what it changed. Errors are classified once, here (errors.go); retries belong to Temporal's policies alone.
package activities

import (
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/configservice"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/scheduler"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"go.temporal.io/sdk/worker"

	"tejun/internal/calendar"
	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/system"
)

// globalRegion is where AWS keeps what belongs to CloudFront.
const globalRegion = "us-east-1"

// callTimeout ends one call to AWS, so that a hung connection does not use up an attempt of many minutes.
const callTimeout = 20 * time.Second

// Deps is what the activities need. All but Operated, UI and HTTP must be set.
type Deps struct {
	Config   aws.Config                     // region, credentials, endpoint; its retryer is replaced by none
	System   func() (*system.System, error) // the description in force; read anew at each use, so that an edit counts
	Calendar *calendar.Calendar             // business days and holidays
	Records  *records.Store                 // PostgreSQL
	Operated *operated.Database             // the operated system's own database; nil: what needs it is refused
	UI       string                         // address of the Temporal UI, for links in mail; "" for none
	HTTP     *http.Client                   // for checks of the site from outside; nil: one that refuses link-local addresses
}

// Set is all activities.
type Set struct {
	CloudFront *CloudFront
	WAFV2      *WAFV2
	S3         *S3
	ECS        *ECS
	ECSTasks   *ECSTasks
	RDS        *RDS
	RDSCopies  *RDSCopies
	Operated   *Operated
	Repairs    *Repairs
	DataLoads  *DataLoads
	Arrivals   *Arrivals
	CloudWatch *CloudWatch
	Scheduler  *Scheduler
	SES        *SES
	Site       *Site
	Records    *Records
	Changes    *Changes
	Settings   *Settings
	Directory  *Directory
	Runs       *Runs

	Releases

	Incidents *Incidents
	Disasters *Disasters
	Diagnosis *Diagnosis
	Reports   *Reports

	Disaster
	Readiness *Readiness
}

// New connects the activities with the outside. It calls nothing yet.
func New(d Deps) (Set, error) {
	if d.System == nil || d.Calendar == nil || d.Records == nil {
		return Set{}, errors.New("activities: System, Calendar and Records must all be given")
	}
	cfg := guarded(withoutRetries(d.Config), d.System)
	changes := changer{records: d.Records, wait: readBackWait}
	objects := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = cfg.BaseEndpoint != nil })
	reports := &Reports{client: objects, records: d.Records, system: d.System, ui: d.UI}
	data := &Operated{database: d.Operated, client: rds.NewFromConfig(cfg), records: d.Records}
	site := &Site{http: siteClient(d.HTTP), system: d.System}
	return Set{
		CloudFront: &CloudFront{client: cloudfront.NewFromConfig(cfg), changes: changes},
		WAFV2:      &WAFV2{client: wafv2.NewFromConfig(cfg, func(o *wafv2.Options) { o.Region = globalRegion }), changes: changes},
		S3: &S3{
			client:  objects,
			changes: changes, system: d.System,
		},
		ECS:        &ECS{client: ecs.NewFromConfig(cfg), changes: changes},
		ECSTasks:   &ECSTasks{client: ecs.NewFromConfig(cfg), records: d.Records},
		RDS:        &RDS{client: rds.NewFromConfig(cfg), records: d.Records},
		RDSCopies:  &RDSCopies{client: rds.NewFromConfig(cfg), records: d.Records, system: d.System, wait: readBackWait},
		Operated:   data,
		Repairs:    &Repairs{operated: data, records: d.Records, system: d.System},
		DataLoads:  &DataLoads{operated: data, client: objects, records: d.Records, system: d.System},
		Arrivals:   &Arrivals{client: objects, records: d.Records, system: d.System, operated: d.Operated, now: time.Now},
		CloudWatch: &CloudWatch{client: cloudwatch.NewFromConfig(cfg), changes: changes},
		Scheduler:  &Scheduler{client: scheduler.NewFromConfig(cfg), changes: changes},
		SES:        &SES{client: sesv2.NewFromConfig(cfg), records: d.Records, system: d.System, ui: d.UI, reports: reports},
		Site:       site,
		Records:    &Records{store: d.Records},
		Changes:    &Changes{store: d.Records},
		Settings: &Settings{changes: changes, settingsAPI: settingsAPI{
			ssm: ssm.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg), ecs: ecs.NewFromConfig(cfg), cloudwatch: cloudwatch.NewFromConfig(cfg),
			waf: wafv2.NewFromConfig(cfg, func(o *wafv2.Options) { o.Region = globalRegion }), config: configservice.NewFromConfig(cfg),
		}},
		Directory: &Directory{system: d.System, calendar: d.Calendar, operated: d.Operated, now: time.Now},
		Runs:      newRuns(d),

		Releases: newReleases(d, cfg, changes, objects),

		Disasters: &Disasters{store: d.Records, start: startOf},
		Incidents: &Incidents{store: d.Records},
		Diagnosis: &Diagnosis{services: ecs.NewFromConfig(cfg), alarms: cloudwatch.NewFromConfig(cfg), logs: cloudwatchlogs.NewFromConfig(cfg), site: site},
		Reports:   reports,

		Disaster:  newDisaster(d, cfg, changes, site),
		Readiness: newReadiness(d, cfg, newDisaster(d, cfg, changes, site), objects),
	}, nil
}

// withoutRetries is a copy of cfg whose clients call once, give up after callTimeout, and report each call to the
// activity's collector.
func withoutRetries(cfg aws.Config) aws.Config {
	cfg = cfg.Copy()
	cfg.Retryer = func() aws.Retryer { return aws.NopRetryer{} }
	cfg.RetryMaxAttempts = 1
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), collectCalls)
	switch client := cfg.HTTPClient.(type) {
	case nil:
		cfg.HTTPClient = awshttp.NewBuildableClient().WithTimeout(callTimeout)
	case *awshttp.BuildableClient:
		if client.GetTimeout() == 0 {
			cfg.HTTPClient = client.WithTimeout(callTimeout)
		}
	}
	return cfg
}

// Register registers every activity under its method's name.
func (s Set) Register(r worker.ActivityRegistry) {
	s.RegisterLoads(r)
	s.registerReleases(r)
	s.registerDisaster(r)
	s.registerReadiness(r)
	for _, activity := range []any{
		s.CloudFront.PlanCloudFrontMaintenance,
		s.CloudFront.ApplyCloudFrontMaintenance,
		s.CloudFront.RevertCloudFrontMaintenance,
		s.CloudFront.AwaitCloudFrontDeployed,
		s.CloudFront.InvalidateCloudFrontPaths,
		s.WAFV2.PlanWAFMaintenanceRule,
		s.WAFV2.ApplyWAFMaintenanceRule,
		s.WAFV2.RevertWAFMaintenanceRule,
		s.S3.PlanS3MaintenancePage,
		s.S3.PutS3MaintenancePage,
		s.S3.DeleteS3MaintenancePage,
		s.ECS.PlanECSServiceStop,
		s.ECS.StopECSService,
		s.ECS.StartECSService,
		s.ECS.AwaitECSService,
		s.ECSTasks.RunECSLoadTask,
		s.ECSTasks.AwaitECSLoadTask,
		s.ECSTasks.StopECSLoadTask,
		s.RDS.CreateRDSClusterSnapshot,
		s.RDS.AwaitRDSClusterSnapshot,
		s.RDS.ListRDSBackups,
		s.RDS.CopyRDSClusterSnapshot,
		s.RDS.DeleteRDSBackup,
		s.RDS.ListRDSRunSnapshots,
		s.RDS.DeleteRDSRunSnapshot,
		s.RDSCopies.RestoreRDSCluster,
		s.RDSCopies.AwaitRDSCluster,
		s.RDSCopies.AddRDSInstance,
		s.RDSCopies.AwaitRDSInstance,
		s.RDSCopies.DeleteRDSRestoredCluster,
		s.Operated.CountOperatedRows,
		s.Operated.CompareRestoredRows,
		s.Repairs.PreviewRepair,
		s.Repairs.ExecuteRepair,
		s.Repairs.VerifyRepair,
		s.S3.PutS3RepairUndo,
		s.DataLoads.DropStagedRows,
		s.Arrivals.ListS3Arrivals,
		s.Arrivals.KeepS3Arrival,
		s.Arrivals.KeepArrivalRefused,
		s.Arrivals.KeepArrivalProblems,
		s.Arrivals.ClaimS3Arrival,
		s.DataLoads.CheckDataFile,
		s.DataLoads.HashDataFile,
		s.DataLoads.FindLoadedFile,
		s.CloudWatch.PlanCloudWatchAlarmMute,
		s.CloudWatch.MuteCloudWatchAlarms,
		s.CloudWatch.UnmuteCloudWatchAlarms,
		s.Scheduler.PlanSchedulerPause,
		s.Scheduler.PauseSchedulerJobs,
		s.Scheduler.ResumeSchedulerJobs,
		s.SES.SendSESMail,
		s.Site.CheckSite,
		s.Records.AppendEvidence,
		s.Records.ReserveResources,
		s.Records.TakeResources,
		s.Records.ReleaseResources,
		s.Changes.RecordChange,
		s.Changes.FindMadeChange,
		s.Settings.PlanSetting,
		s.Settings.ApplySetting,
		s.Settings.RevertSetting,
		s.Settings.EvaluateConfigRules,
		s.Records.ReleaseNamedResources,
		s.Directory.ResolvePerson,
		s.Directory.ResolveMoments,
		s.Directory.ResolvePlannedOutage,
		s.Directory.ResolveDatabase,
		s.Directory.ResolveRepair,
		s.Directory.ResolveDataLoad,
		s.Directory.ResolveDataSupport,
		s.Directory.ResolveSetting,
		s.Directory.ResolveDisaster,
		s.Directory.CheckChangeTime,
		s.Directory.CheckReleaseTime,
		s.Directory.CheckStandardChange,
		s.Directory.GateTerms,
		s.Directory.AnswerTerms,
		s.Directory.ResolveExtension,
		s.Runs.FindRun,
		s.Runs.AwaitRun,
		s.Runs.ListRunHands,
		s.Incidents.RecordIncident,
		s.Incidents.RecordProblem,
		s.Incidents.FindSimilarIncidents,
		s.Incidents.FindOpenIncident,
		s.Directory.ResolveIncident,
		s.Directory.ReadIncidentClocks,
		s.Directory.ResolveProblemActions,
		s.Diagnosis.CollectIncidentFacts,
		s.Diagnosis.CheckIncidentRecovery,
		s.Reports.PutS3IncidentReport,
		s.Reports.PutS3DisasterReport,
		s.Disasters.OpenDisaster,
		s.Disasters.FinishDisaster,
		s.Disasters.ListEarlierDisasters,
	} {
		r.RegisterActivity(activity)
	}
}

// RegisterLoads registers the activities of a load that read or write whole tables, and no others: for a worker that does these
// alone. The whole worker has them too.
func (s Set) RegisterLoads(r worker.ActivityRegistry) {
	for _, activity := range []any{
		s.DataLoads.StageDataFile,
		s.DataLoads.CompareStagedRows,
		s.DataLoads.ImportStagedRows,
		s.DataLoads.CheckLoadedRows,
		s.DataLoads.PutS3LoadRejects,
	} {
		r.RegisterActivity(activity)
	}
}

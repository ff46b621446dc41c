package activities

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/smithy-go/middleware"
	"github.com/stretchr/testify/require"

	"tejun/internal/readiness"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// readyBench is a bench on which a disaster could be met: the newest copy is an hour old.
func readyBench(t *testing.T, changes ...func(*system.System)) *bench {
	t.Helper()
	b := newBench(t, append(changes, func(s *system.System) { s.ID = "ready-" + strings.ToLower(strings.ReplaceAll(t.Name(), "/", "-")) })...)
	b.copied(time.Hour)
	b.since()
	return b
}

func (b *bench) copied(ago time.Duration) {
	b.t.Helper()
	require.NoError(b.t, b.box.SeedCopy(b.t.Context(), b.system, time.Now().Add(-ago)))
}

// asked is what a scheduled check asks.
var asked = ReadinessCheck{Requester: "takahashi", Operator: "tanaka"}

// checks are all checks of a run.
func checks(a *Readiness) []func(context.Context, ReadinessCheck) (ReadinessSeen, error) {
	return []func(context.Context, ReadinessCheck) (ReadinessSeen, error){
		a.CheckReadinessData, a.CheckReadinessPipeline, a.CheckReadinessServices, a.CheckReadinessImages,
		a.CheckReadinessRedirect, a.CheckReadinessQuotas, a.CheckReadinessPeople, a.CheckReadinessReports,
	}
}

// found are the keys of everything that the checks find; each finding has its words.
func (b *bench) found(in ReadinessCheck) []string {
	b.t.Helper()
	var all []readiness.Finding
	for _, check := range checks(b.set.Readiness) {
		all = append(all, must(b, check, in).Findings...)
	}
	words, err := readiness.Words(all, nil)
	require.NoError(b.t, err)
	return readiness.Keys(words)
}

// tampered lets a function change what AWS answers to the checks: for what the sandbox never answers.
func (b *bench) tampered(change func(out any)) {
	cfg := withoutRetries(b.cfg)
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("Tampered", //nolint:misspell // the name of the SDK's step
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				out, metadata, err := next.HandleInitialize(ctx, in)
				if err == nil {
					change(out.Result)
				}
				return out, metadata, err
			}), middleware.Before)
	})
	d := Deps{System: func() (*system.System, error) { return b.system, nil }, Records: database}
	b.set.Readiness = newReadiness(d, cfg, newDisaster(d, cfg, changer{}, nil), b.set.Readiness.objects)
}

func TestAReadySystemHasNoFindingAndNothingIsChanged(t *testing.T) {
	for _, kind := range []string{system.RedirectWeighted, system.RedirectFailover} {
		b := readyBench(t, func(s *system.System) { s.Disaster.Redirect.Kind = kind })
		require.Empty(t, b.found(asked), kind)
		require.Empty(t, b.writes(), "a check writes nothing")
	}
	b := readyBench(t, func(s *system.System) {
		d := &s.Disaster.Database
		d.Via, d.GlobalCluster, d.Secondary = system.ViaGlobalCluster, "gzs-infra-global", "gzs-infra-db-dr"
	})
	require.Empty(t, b.found(asked))
	require.Empty(t, b.writes())
}

func TestEverythingThatStandsInTheWayIsFound(t *testing.T) {
	described := func(change func(*system.System)) func(*bench) { return func(b *bench) { change(b.system) } }
	for name, c := range map[string]struct {
		arrange func(*bench)
		want    []string
	}{
		"no copy":                              {described(func(s *system.System) { s.ID = "another-system" }), []string{"copy-missing/"}},
		"an old copy":                          {func(b *bench) { b.set.Readiness.now = later(27*time.Hour + time.Minute) }, []string{"copy-too-old/"}},
		"a copy that ages":                     {func(b *bench) { b.set.Readiness.now = later(25*time.Hour + 30*time.Minute) }, []string{"copy-ageing/"}},
		"a copy whose successor is on its way": {func(b *bench) { b.set.Readiness.now = later(23*time.Hour + 30*time.Minute) }, nil},
		"no pipeline":                          {described(func(s *system.System) { s.Disaster.Pipeline = "none" }), []string{"pipeline-missing/none"}},
		"an image too many":                    {described(func(s *system.System) { s.Disaster.ECS.Services = s.Disaster.ECS.Services[:1] }), nil},
		"a pipeline that asks people": {described(func(s *system.System) { s.Disaster.Pipeline, s.AWS.DRRegion = "gzs-web", s.AWS.Region }),
			[]string{"bucket-elsewhere/gzs-infra-disaster", "copy-missing/", "pipeline-unfit/gzs-web", "service-missing/api", "service-missing/web", "subnet-group-missing/gzs-infra-dr-db"}},
		"a stage that lets nothing in": {(*bench).closed, []string{"pipeline-closed/Deploy"}},
		"a pipeline that failed":       {func(b *bench) { b.tampered(failedPipeline) }, []string{"pipeline-failed/gzs-dr"}},
		"a pipeline without an image": {func(b *bench) { b.tampered(pipelineOf("gzs/web")) },
			[]string{"pipeline-source-missing/api"}},
		"no service":        {described(func(s *system.System) { s.Disaster.ECS.Services[0].Service = "none" }), []string{"service-missing/web"}},
		"a service at work": {func(b *bench) { b.scale("gzs-api-dr", 1) }, []string{"service-not-at-rest/api"}},
		"a service of another image": {func(b *bench) { b.tampered(definitionOf("gzs-api-dr", "x/gzs/other@sha256:1")) },
			[]string{"service-unfit/api"}},
		"another region":      {described(func(s *system.System) { s.AWS.DRRegion = "us-west-2" }), []string{"bucket-elsewhere/gzs-infra-disaster", "copy-missing/", "pipeline-missing/gzs-dr", "repository-missing/api", "repository-missing/web", "service-missing/api", "service-missing/web", "subnet-group-missing/gzs-infra-dr-db"}},
		"a newer release":     {(*bench).released, []string{"image-missing/web"}},
		"a record of no name": {described(func(s *system.System) { s.Disaster.Redirect.DR = "nagoya" }), []string{"record-unfit/drill.gzs.example.go.jp", "record-unfit/www.gzs.example.go.jp"}},
		"no zone":             {described(func(s *system.System) { s.Disaster.Redirect.Zone = "Z0NONE" }), []string{"record-unfit/drill.gzs.example.go.jp", "record-unfit/www.gzs.example.go.jp"}},
		"users are elsewhere": {(*bench).redirected, []string{"record-elsewhere/drill.gzs.example.go.jp"}},
		"a long TTL":          {described(func(s *system.System) { s.Disaster.Budgets.Outside = system.Duration(30 * time.Second) }), []string{"record-ttl/www.gzs.example.go.jp"}},
		"no room": {func(b *bench) { b.tampered(quota("DBClusters", 40)) },
			[]string{"quota-short/DBClusters"}},
		"no subnets":                {(*bench).withoutSubnets, []string{"subnet-group-missing/gzs-infra-dr-db"}},
		"subnets of another region": {described(func(s *system.System) { s.Disaster.Database.SubnetGroup = s.Database.Restore.SubnetGroup }), []string{"subnet-group-missing/gzs-infra-db"}},
		"subnets in one zone":       {func(b *bench) { b.tampered(subnetsOf(1, "Complete")) }, []string{"subnet-group-unfit/gzs-infra-dr-db"}},
		"subnets that are not":      {func(b *bench) { b.tampered(subnetsOf(2, "Incomplete")) }, []string{"subnet-group-unfit/gzs-infra-dr-db"}},
		"a quota that nobody knows": {func(b *bench) { b.tampered(quota("DBInstances", -1)) }, []string{"quota-unknown/DBInstances"}},
		"a declarer without a role": {described(func(s *system.System) { s.People[2].Roles = []string{system.RoleOperator} }), []string{"declarer-unfit/suzuki"}},
		"a declarer who left":       {described(func(s *system.System) { s.Disaster.Declare[1].Person = "yamada" }), []string{"declarer-unfit/yamada"}},
		"a declarer without mail":   {described(func(s *system.System) { s.People[0].Mail = "" }), []string{"declarer-unfit/ito"}},
		"nobody to declare":         {described(func(s *system.System) { s.Disaster.Declare = nil }), []string{"gate-impassable/DisasterRecovery/declare"}},
		"nobody to return":          {described(func(s *system.System) { s.Gates = slices.DeleteFunc(s.Gates, isReturn) }), []string{"gate-impassable/DisasterRecovery/return"}},
		"production":                {described(func(s *system.System) { s.Environment = "production" }), []string{"gate-impassable/DisasterRecovery/declare", "gate-impassable/DisasterRecovery/return"}},
		"mail that bounced":         {func(b *bench) { b.suppress("sato@example.go.jp"); b.suppress("gzs-officers@example.go.jp") }, []string{"address-suppressed/officers[0]", "address-suppressed/sato"}},
		"no sending":                {func(b *bench) { b.tampered(account(func(o *sesv2.GetAccountOutput) { o.SendingEnabled = false })) }, []string{"sending-off/"}},
		"a sandbox of SES": {func(b *bench) {
			b.tampered(account(func(o *sesv2.GetAccountOutput) { o.ProductionAccessEnabled = false }))
		}, []string{"sending-off/"}},
		"no bucket": {described(func(s *system.System) { s.Disaster.Reports.Bucket = "none" }), []string{"bucket-missing/none"}},
		"a global cluster that is none": {described(func(s *system.System) {
			d := &s.Disaster.Database
			d.Via, d.GlobalCluster, d.Secondary = system.ViaGlobalCluster, "none", "none"
		}), []string{"global-unfit/none"}},
	} {
		t.Run(name, func(t *testing.T) {
			b := readyBench(t)
			c.arrange(b)
			if c.want == nil {
				c.want = []string{}
			}
			require.Equal(t, c.want, b.found(asked))
		})
	}
}

func TestAGlobalClusterThatLagsIsFound(t *testing.T) {
	b := readyBench(t, func(s *system.System) {
		d := &s.Disaster.Database
		d.Via, d.GlobalCluster, d.Secondary = system.ViaGlobalCluster, "gzs-infra-global", "gzs-infra-db-dr"
	})
	b.system.Disaster.RPO, b.system.Database.Backup.MaxAge = system.Duration(time.Millisecond), system.Duration(time.Hour)
	require.Contains(t, b.found(asked), "global-lagging/gzs-infra-global")
}

// What a run moves is not judged while it holds the DR environment; what it does not move is.
func TestWhileARunHoldsTheEnvironmentItsWorkIsNoFinding(t *testing.T) {
	b := readyBench(t)
	b.redirected()
	b.scale("gzs-web-dr", 2)
	b.system.Disaster.Reports.Bucket = "none"
	in := asked
	in.InUse = true
	require.Equal(t, []string{"bucket-missing/none"}, b.found(in))
}

func TestTheRunThatHoldsTheEnvironmentIsFound(t *testing.T) {
	b := readyBench(t)
	require.Equal(t, ReadinessHold{Findings: []readiness.Finding{}}, must(b, b.set.Readiness.FindReadinessHold, asked))
	until := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	hold := records.Reservation{Resource: system.DisasterHold(b.system.ID), WorkflowID: b.operation, Runbook: "DisasterRecovery", Requester: "ito", From: time.Now().Add(-time.Hour), Until: until}
	conflict, err := database.Reserve(t.Context(), hold)
	require.NoError(t, err)
	require.Nil(t, conflict)
	t.Cleanup(func() { require.NoError(t, database.Release(context.Background(), b.operation)) })
	require.Equal(t, ReadinessHold{Run: b.operation, Until: until, Findings: []readiness.Finding{}}, must(b, b.set.Readiness.FindReadinessHold, asked))

	b.set.Readiness.now = later(2 * time.Hour)
	over := must(b, b.set.Readiness.FindReadinessHold, asked)
	require.Len(t, over.Findings, 1)
	require.Equal(t, "overrun/"+b.operation, over.Findings[0].Key())
}

func TestWhatCannotBeLookedAtIsAnErrorAndNoFinding(t *testing.T) {
	b := readyBench(t)
	for i, f := range []sandbox.Fault{
		{Service: "rds", Operation: "DescribeDBClusterSnapshots"}, {Service: "codepipeline", Operation: "ListPipelineExecutions"},
		{Service: "ecs", Operation: "DescribeServices"}, {Service: "ecr", Operation: "DescribeImages"}, {Service: "route 53", Operation: "ListResourceRecordSets"},
		{Service: "rds", Operation: "DescribeAccountAttributes"}, {Service: "sesv2", Operation: "GetSuppressedDestination"}, {Service: "s3", Operation: "HeadBucket"},
	} {
		b.fault(f.Service, f.Operation, sandbox.Fault500)
		_, err := try(b, checks(b.set.Readiness)[i], asked)
		requireType(t, err, Unavailable)
	}
	b.system.Disaster = system.Disaster{}
	for _, check := range checks(b.set.Readiness) {
		_, err := try(b, check, asked)
		requireType(t, err, Refused)
		require.ErrorContains(t, err, "add the section")
	}
}

func TestPeopleAreToldOnceAndWhatTheyWereToldIsRemembered(t *testing.T) {
	b := readyBench(t)
	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	ask := func(at time.Time, codes ...string) ReadinessVerdict {
		in := ReadinessFound{System: b.system.ID, At: at, RepeatAfter: 24 * time.Hour}
		for _, code := range codes {
			in.Findings = append(in.Findings, readiness.Finding{Code: code, About: "x", Data: map[string]string{"why": "y", "region": "z"}})
		}
		return must(b, b.set.Readiness.CompareReadiness, in)
	}
	told := func(v ReadinessVerdict, at time.Time) {
		_, err := database.RecordReadiness(t.Context(), records.ReadinessTold{
			System: b.system.ID, WorkflowID: "w", RunID: fmt.Sprint(at), ToldAt: at, Kind: v.Tell, Findings: []byte(asJSON(t, v.Findings)),
		})
		require.NoError(t, err)
	}
	require.Equal(t, readiness.Nothing, ask(at).Tell)
	first := ask(at, "unseen", "pipeline-missing")
	require.Equal(t, readiness.Changed, first.Tell)
	require.Equal(t, 2, strings.Count(first.List, "［新規］"))
	require.Equal(t, first, ask(at, "unseen", "pipeline-missing"), "asked again before it is kept")
	told(first, at)
	require.Equal(t, readiness.Nothing, ask(at.Add(time.Hour), "pipeline-missing", "unseen").Tell)
	require.Equal(t, readiness.Repeated, ask(at.Add(24*time.Hour), "unseen", "pipeline-missing").Tell)
	less := ask(at.Add(time.Hour), "unseen")
	require.Equal(t, readiness.Changed, less.Tell)
	require.NotContains(t, less.List, "［新規］")
	require.Contains(t, less.Gone, "災害対策系のパイプライン x がありません")
	well := ask(at.Add(time.Hour))
	require.Equal(t, readiness.Well, well.Tell)
	require.Equal(t, 2, strings.Count(well.Gone, "・【"))

	for range 2 {
		must(b, b.set.Readiness.KeepReadiness, ReadinessTold{System: b.system.ID, Kind: readiness.Well, Findings: well.Findings, At: at.Add(2 * time.Hour)})
	}
	require.Equal(t, readiness.Nothing, ask(at.Add(48*time.Hour)).Tell)
	_, err := try(b, b.set.Readiness.KeepReadiness, ReadinessTold{System: b.system.ID, Kind: "odd", At: at})
	requireType(t, err, InvalidInput)
	_, err = try(b, b.set.Readiness.CompareReadiness, ReadinessFound{System: b.system.ID, Findings: []readiness.Finding{{Code: "odd"}}})
	requireType(t, err, InvalidInput)
}

// What SES does not answer hides nothing that was found without it.
func TestPeopleAreFoundThoughSESDoesNotAnswer(t *testing.T) {
	for _, operation := range []string{"GetAccount", "GetSuppressedDestination"} {
		b := readyBench(t, func(s *system.System) { s.Disaster.Declare[1].Person = "yamada" })
		b.fault("sesv2", operation, sandbox.Fault500)
		_, err := try(b, b.set.Readiness.CheckReadinessPeople, asked)
		requireType(t, err, Unavailable)
		before := SeenBefore(err)
		require.Len(t, before.Findings, 1)
		require.Equal(t, "declarer-unfit/yamada", before.Findings[0].Key())
	}
	require.Empty(t, SeenBefore(fail(Unavailable, "no answer")).Findings)
}

func TestWhatWasNotJudgedStandsAsPeopleWereTold(t *testing.T) {
	b := readyBench(t)
	at := time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)
	in := ReadinessFound{System: b.system.ID, At: at, RepeatAfter: 24 * time.Hour, Findings: []readiness.Finding{{Code: "record-elsewhere", About: "x", Data: map[string]string{"region": "z"}}}}
	told := must(b, b.set.Readiness.CompareReadiness, in)
	must(b, b.set.Readiness.KeepReadiness, ReadinessTold{System: b.system.ID, Kind: told.Tell, Findings: told.Findings, At: at})

	in.Findings, in.InUse, in.At = nil, true, at.Add(time.Hour)
	during := must(b, b.set.Readiness.CompareReadiness, in)
	require.Equal(t, readiness.Nothing, during.Tell)
	require.Empty(t, during.Gone)
	require.Equal(t, readiness.Keys(told.Findings), readiness.Keys(during.Findings))

	in.InUse, in.Findings = false, []readiness.Finding{{Code: readiness.Unseen, About: "Route 53", Data: map[string]string{"why": "throttled"}}}
	unseen := must(b, b.set.Readiness.CompareReadiness, in)
	require.Equal(t, readiness.Changed, unseen.Tell)
	require.Empty(t, unseen.Gone)
	require.Equal(t, []string{"record-elsewhere/x", "unseen/Route 53"}, readiness.Keys(unseen.Findings))

	in.Findings = nil
	require.Equal(t, readiness.Well, must(b, b.set.Readiness.CompareReadiness, in).Tell, "looked at, and gone")
}

func later(by time.Duration) func() time.Time { return func() time.Time { return time.Now().Add(by) } }

func isReturn(g system.Gate) bool { return g.Runbook == recoveryRunbook && g.Gate == "return" }

func failedPipeline(out any) {
	if o, ok := out.(*codepipeline.ListPipelineExecutionsOutput); ok {
		o.PipelineExecutionSummaries = []pipelinetypes.PipelineExecutionSummary{{PipelineExecutionId: aws.String("e1"), Status: pipelinetypes.PipelineExecutionStatusFailed, StartTime: aws.Time(time.Now())}}
	}
}

// pipelineOf leaves one repository to the pipeline.
func pipelineOf(repository string) func(any) {
	return func(out any) {
		if o, ok := out.(*codepipeline.GetPipelineOutput); ok {
			for _, stage := range o.Pipeline.Stages {
				for _, action := range stage.Actions {
					if action.ActionTypeId.Category == pipelinetypes.ActionCategorySource {
						action.Configuration["RepositoryName"] = repository
					}
				}
			}
		}
	}
}

func definitionOf(family, image string) func(any) {
	return func(out any) {
		if o, ok := out.(*ecs.DescribeTaskDefinitionOutput); ok && aws.ToString(o.TaskDefinition.Family) == family {
			o.TaskDefinition.ContainerDefinitions[0].Image = &image
		}
	}
}

// quota lets a quota be used to an extent; a negative one is left out.
func quota(name string, used int64) func(any) {
	return func(out any) {
		o, ok := out.(*rds.DescribeAccountAttributesOutput)
		if !ok {
			return
		}
		for i := range o.AccountQuotas {
			if aws.ToString(o.AccountQuotas[i].AccountQuotaName) != name {
				continue
			}
			o.AccountQuotas[i].Used = &used
			if used < 0 {
				o.AccountQuotas[i].AccountQuotaName = aws.String("x")
			}
		}
	}
}

func account(change func(*sesv2.GetAccountOutput)) func(any) {
	return func(out any) {
		if o, ok := out.(*sesv2.GetAccountOutput); ok {
			change(o)
		}
	}
}

func (b *bench) inDR() aws.Config {
	cfg := b.cfg.Copy()
	cfg.Region = b.system.AWS.DRRegion
	return cfg
}

func (b *bench) scale(service string, tasks int32) {
	b.t.Helper()
	_, err := ecs.NewFromConfig(b.inDR()).UpdateService(b.t.Context(), &ecs.UpdateServiceInput{Cluster: &b.system.Disaster.ECS.Cluster, Service: &service, DesiredCount: &tasks})
	require.NoError(b.t, err)
}

// subnetsOf is a DB subnet group in so many zones.
func subnetsOf(zones int, status string) func(any) {
	return func(out any) {
		if o, ok := out.(*rds.DescribeDBSubnetGroupsOutput); ok {
			o.DBSubnetGroups[0].Subnets, o.DBSubnetGroups[0].SubnetGroupStatus = o.DBSubnetGroups[0].Subnets[:zones], &status
		}
	}
}

func (b *bench) withoutSubnets() {
	b.t.Helper()
	_, err := rds.NewFromConfig(b.inDR()).DeleteDBSubnetGroup(b.t.Context(), &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: &b.system.Disaster.Database.SubnetGroup})
	require.NoError(b.t, err)
}

// closed lets no execution of the DR pipeline deploy.
func (b *bench) closed() {
	b.t.Helper()
	_, err := codepipeline.NewFromConfig(b.inDR()).DisableStageTransition(b.t.Context(), &codepipeline.DisableStageTransitionInput{
		PipelineName: &b.system.Disaster.Pipeline, StageName: aws.String("Deploy"), TransitionType: pipelinetypes.StageTransitionTypeInbound, Reason: aws.String("年末の凍結"),
	})
	require.NoError(b.t, err)
}

func (b *bench) suppress(address string) {
	b.t.Helper()
	_, err := sesv2.NewFromConfig(b.cfg).PutSuppressedDestination(b.t.Context(), &sesv2.PutSuppressedDestinationInput{EmailAddress: &address, Reason: sestypes.SuppressionListReasonBounce})
	require.NoError(b.t, err)
}

// released lets the primary run an image that the DR region does not have.
func (b *bench) released() {
	b.t.Helper()
	change, run := b.webRelease(sandbox.ImageNext)
	run.ExecutionID = must(b, b.set.CodePipeline.StartCodePipelineExecution, run).ExecutionID
	must(b, b.set.CodePipeline.ApproveCodePipelineExecution, run)
	must(b, b.set.CodePipeline.AwaitCodePipelineExecution, run)
	must(b, b.set.ECSReleases.AwaitECSRelease, ContainerCheck{change.ContainerRef, run.Digest})
}

// redirected sends the users of the rehearsal's name to the DR region, by hand.
func (b *bench) redirected() {
	b.t.Helper()
	to := b.system.Disaster.Redirect
	client := route53.NewFromConfig(b.cfg)
	found, err := b.set.Route53.records(b.t.Context(), to, to.Rehearsal)
	require.NoError(b.t, err)
	var batch []route53types.Change
	for _, r := range found {
		r = towardsDR(to, r)
		batch = append(batch, route53types.Change{Action: route53types.ChangeActionUpsert, ResourceRecordSet: &r})
	}
	_, err = client.ChangeResourceRecordSets(b.t.Context(), &route53.ChangeResourceRecordSetsInput{HostedZoneId: &to.Zone, ChangeBatch: &route53types.ChangeBatch{Changes: batch}})
	require.NoError(b.t, err)
}

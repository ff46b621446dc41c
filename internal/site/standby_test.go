package site_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	codepipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	route53types "github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/site"
	"tejun/internal/system"
)

const (
	tokyo = "ap-northeast-1"
	osaka = "ap-northeast-3"
	drill = "drill.gzs.example.go.jp"
	www   = "www.gzs.example.go.jp"
)

// twoRegions is the stand with a DR region that has a global database, so that its database needs no restoring.
func twoRegions(t *testing.T) *stand {
	t.Helper()
	s, err := sandbox.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	st := &stand{T: t, sandbox: s, now: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)}
	s.Clock = func() time.Time { return st.now }
	sys := example()
	sys.AWS.DRRegion = osaka
	sys.Site.Vantages = []system.Vantage{{Name: "public", Headers: map[string]string{"X-Forwarded-For": public}}}
	sys.Disaster = system.Disaster{
		RTO: system.Duration(time.Hour), Reports: system.DisasterReports{Bucket: "gzs-disaster"}, Pipeline: "gzs-dr",
		Database: system.DisasterDatabase{Via: system.ViaGlobalCluster, GlobalCluster: "gzs-global", Secondary: "gzs-db-dr", InstanceClass: "db.serverless"},
		ECS:      system.DisasterECS{Cluster: "gzs-dr", Services: []system.DisasterService{{Name: "web", Service: "gzs-web-dr", Desired: 1, Repository: "gzs/web"}}},
		Redirect: system.DisasterRedirect{Zone: "Z1", Kind: system.RedirectWeighted, Production: www, Rehearsal: drill, Primary: "tokyo", DR: "osaka"},
	}
	require.NoError(t, s.Seed(t.Context(), sys))
	require.NoError(t, s.SetTimeScale(0))
	st.cfg = aws.Config{Retryer: func() aws.Retryer { return aws.NopRetryer{} }, Region: osaka}
	s.Configure(&st.cfg)
	st.server = httptest.NewServer(site.New(s, sys))
	t.Cleanup(st.server.Close)
	return st
}

// ask gets a path of a host, and says which region answered.
func (st *stand) ask(host, path string) (status int, by string) {
	st.Helper()
	request, err := http.NewRequestWithContext(st.Context(), http.MethodGet, st.server.URL+path, nil)
	require.NoError(st, err)
	request.Header.Set("X-Forwarded-For", public)
	request.Header.Set("X-Forwarded-Host", host)
	response, err := http.DefaultClient.Do(request)
	require.NoError(st, err)
	require.NoError(st, response.Body.Close())
	return response.StatusCode, response.Header.Get("X-Served-By")
}

// redirect sends a name to the DR region.
func (st *stand) redirect(name string) {
	st.Helper()
	c := route53.NewFromConfig(st.cfg)
	in := &route53.ChangeResourceRecordSetsInput{HostedZoneId: aws.String("Z1"), ChangeBatch: &route53types.ChangeBatch{}}
	out, err := c.ListResourceRecordSets(st.Context(), &route53.ListResourceRecordSetsInput{HostedZoneId: in.HostedZoneId, StartRecordName: &name, MaxItems: aws.Int32(2)})
	require.NoError(st, err)
	for _, r := range out.ResourceRecordSets {
		r.Weight = aws.Int64(100 - *r.Weight)
		in.ChangeBatch.Changes = append(in.ChangeBatch.Changes, route53types.Change{Action: route53types.ChangeActionUpsert, ResourceRecordSet: &r})
	}
	_, err = c.ChangeResourceRecordSets(st.Context(), in)
	require.NoError(st, err)
}

func (st *stand) scale(desired int32) {
	st.Helper()
	_, err := ecs.NewFromConfig(st.cfg).UpdateService(st.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs-dr"), Service: aws.String("gzs-web-dr"), DesiredCount: &desired})
	require.NoError(st, err)
}

func (st *stand) deploy(database string) {
	st.Helper()
	_, err := codepipeline.NewFromConfig(st.cfg).StartPipelineExecution(st.Context(), &codepipeline.StartPipelineExecutionInput{
		Name: aws.String("gzs-dr"), Variables: []codepipelinetypes.PipelineVariable{{Name: aws.String("database"), Value: &database}},
	})
	require.NoError(st, err)
}

func (st *stand) endpoint() string {
	st.Helper()
	out, err := rds.NewFromConfig(st.cfg).DescribeDBClusters(st.Context(), &rds.DescribeDBClustersInput{DBClusterIdentifier: aws.String("gzs-db-dr")})
	require.NoError(st, err)
	return *out.DBClusters[0].Endpoint + ":5432"
}

func TestDRSiteAnswersWhenItsTasksRunAndItsDatabaseTakesWrites(t *testing.T) {
	s := twoRegions(t)
	status := func() int {
		status, by := s.ask(site.DRHost, "/")
		assert.Equal(t, osaka, by)
		return status
	}
	assert.Equal(t, 503, status(), "no task")
	s.scale(1)
	assert.Equal(t, 503, status(), "nobody has told it where its database is")
	s.deploy("elsewhere:5432")
	assert.Equal(t, 503, status(), "no such database")
	s.deploy(s.endpoint())
	assert.Equal(t, 503, status(), "a reader")
	_, err := rds.NewFromConfig(s.cfg).SwitchoverGlobalCluster(t.Context(), &rds.SwitchoverGlobalClusterInput{
		GlobalClusterIdentifier: aws.String("gzs-global"), TargetDbClusterIdentifier: aws.String("arn:aws:rds:ap-northeast-3:123456789012:cluster:gzs-db-dr"),
	})
	require.NoError(t, err)
	assert.Equal(t, 200, status())
	missing, _ := s.ask(site.DRHost, "/api/health")
	assert.Equal(t, 404, missing, "the api has no stand-in")
	require.NoError(t, s.sandbox.LoseRegion(osaka))
	lost, by := s.ask(site.DRHost, "/")
	assert.Equal(t, 504, lost)
	assert.Empty(t, by)
}

func TestNameLeadsToTheRegionThatTheVisitorsResolverKnows(t *testing.T) {
	s := twoRegions(t)
	s.scale(1)
	status, by := s.ask(drill, "/")
	assert.Equal(t, 200, status)
	assert.Equal(t, tokyo, by)
	s.redirect(drill)
	_, by = s.ask(drill, "/")
	assert.Equal(t, tokyo, by, "until the TTL has run")
	s.now = s.now.Add(5 * time.Second)
	status, by = s.ask(drill, "/")
	assert.Equal(t, osaka, by)
	assert.Equal(t, 503, status)
	_, by = s.ask(www, "/")
	assert.Equal(t, tokyo, by, "the other name stays")
	_, by = s.ask("127.0.0.1", "/")
	assert.Empty(t, by, "the site's own address leads nowhere else")
	require.NoError(t, s.sandbox.LoseRegion(tokyo))
	status, by = s.ask(www, "/")
	assert.Equal(t, 504, status)
	assert.Empty(t, by)
}

func TestDescriptionIsMadeToNameTheSimulatedSite(t *testing.T) {
	sys := example()
	site.Simulate(sys, "http://127.0.0.1:1/")
	assert.Equal(t, "http://127.0.0.1:1/", sys.Site.URL)
	assert.Empty(t, sys.Disaster.Smoke.URL)
	sys.Disaster = system.Disaster{RTO: 1, Redirect: system.DisasterRedirect{Production: www, Rehearsal: drill}}
	sys.Site.Vantages = []system.Vantage{{Name: "public", Headers: map[string]string{"X-Forwarded-For": public}}}
	site.Simulate(sys, "http://127.0.0.1:1/")
	assert.Equal(t, map[string]string{"X-Forwarded-Host": drill, "X-Forwarded-For": public}, sys.Disaster.Outside.RehearsalHeaders)
	assert.Equal(t, map[string]string{"X-Forwarded-Host": site.DRHost, "X-Forwarded-For": public}, sys.Disaster.Smoke.Headers)
}

package activities

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/route53/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/site"
	"tejun/internal/system"
)

// recovered brings the DR site up: database, pipeline and services.
func recovered(t *testing.T) *bench {
	t.Helper()
	b := newBench(t)
	server := httptest.NewServer(site.New(b.box, b.system))
	t.Cleanup(server.Close)
	site.Simulate(b.system, server.URL)
	_, err := try(b, b.set.DisasterSite.SmokeDisasterSite, DisasterSmoke{})
	requireType(t, err, NotYet)
	assert.Contains(t, err.Error(), "503")
	b.copyTaken(time.Hour)
	data := must(b, b.set.DisasterDatabase.ReadDisasterData, DisasterDataQuery{system.DisasterDrill})
	at := drillCluster(b)
	must(b, b.set.DisasterDatabase.RestoreDisasterCluster, DisasterRestore{at.Operation, at.Cluster, data.SnapshotID})
	must(b, b.set.DisasterDatabase.AddDisasterInstance, at)
	endpoint := must(b, b.set.DisasterDatabase.AwaitDisasterInstance, at)
	must(b, b.set.DisasterPipeline.AwaitDisasterPipeline, must(b, b.set.DisasterPipeline.StartDisasterPipeline, DisasterPipelineRun{b.operation, endpoint.Endpoint}))
	for _, name := range []string{"web", "api"} {
		change := must(b, b.set.DisasterECS.PlanDisasterService, DisasterServiceRef{name})
		must(b, b.set.DisasterECS.ScaleDisasterService, scaled(b, name, change))
	}
	return b
}

func TestDRSiteAnswersOnlyWithServicesAndDatabase(t *testing.T) {
	t.Parallel()
	b := recovered(t)
	seen := must(b, b.set.DisasterSite.SmokeDisasterSite, DisasterSmoke{})
	assert.WithinDuration(t, time.Now(), seen.At, time.Minute)
	assert.NotEmpty(t, seen.Title)
	must(b, b.set.DisasterDatabase.DeleteDisasterCluster, drillCluster(b))
	_, err := try(b, b.set.DisasterSite.SmokeDisasterSite, DisasterSmoke{})
	requireType(t, err, NotYet)
	assert.Contains(t, err.Error(), "503")
}

func TestOldRegionIsSeenFromOutsideUntilTheTTLHasRun(t *testing.T) {
	t.Parallel()
	b := recovered(t)
	b.rewrite(func(r *types.ResourceRecordSet) { r.TTL = aws.Int64(2) })
	rehearsal, home, there := b.system.Disaster.Redirect.Rehearsal, b.system.AWS.Region, b.system.AWS.DRRegion
	seen := must(b, b.set.DisasterSite.CheckDisasterOutside, DisasterOutsideCheck{rehearsal, home})
	assert.Equal(t, home, seen.AnsweredBy)
	fetched := time.Now()
	planned := must(b, b.set.Route53.PlanRoute53Redirect, redirectOf(b))
	done := must(b, b.set.Route53.ApplyRoute53Redirect, b.redirect(planned))
	must(b, b.set.Route53.AwaitRoute53Change, DNSChange{done.ChangeID})
	_, err := try(b, b.set.DisasterSite.CheckDisasterOutside, DisasterOutsideCheck{rehearsal, there})
	if time.Since(fetched) < time.Second { // else the machine was too slow to look in time
		requireType(t, err, NotYet)
		assert.Contains(t, err.Error(), "answered by "+home)
	}
	require.Eventually(t, func() bool {
		seen, err = try(b, b.set.DisasterSite.CheckDisasterOutside, DisasterOutsideCheck{rehearsal, there})
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	assert.Equal(t, there, seen.AnsweredBy)
	assert.GreaterOrEqual(t, seen.At.Sub(fetched), time.Second)
	must(b, b.set.DisasterSite.CheckDisasterOutside, DisasterOutsideCheck{b.system.Disaster.Redirect.Production, home})
}

func TestOutsideCheckBelievesNothingElse(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	_, err := try(b, b.set.DisasterSite.CheckDisasterOutside, DisasterOutsideCheck{"elsewhere.example.go.jp", b.system.AWS.Region})
	requireType(t, err, InvalidInput)
	_, err = try(b, b.set.DisasterSite.CheckDisasterOutside, DisasterOutsideCheck{b.system.Disaster.Redirect.Rehearsal, "moon-1"})
	requireType(t, err, InvalidInput)
	status, by := http.StatusOK, ""
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if by != "" {
			w.Header().Set("X-Served-By", by)
		}
		w.WriteHeader(status)
	}))
	check := DisasterOutsideCheck{b.system.Disaster.Redirect.Rehearsal, b.system.AWS.DRRegion}
	site.Simulate(b.system, server.URL)
	_, err = try(b, b.set.DisasterSite.CheckDisasterOutside, check)
	requireType(t, err, NotYet)
	by, status = b.system.AWS.DRRegion, http.StatusServiceUnavailable
	_, err = try(b, b.set.DisasterSite.CheckDisasterOutside, check)
	requireType(t, err, NotYet)
	status = http.StatusOK
	must(b, b.set.DisasterSite.CheckDisasterOutside, check)
	server.Close()
	_, err = try(b, b.set.DisasterSite.CheckDisasterOutside, check)
	requireType(t, err, NotYet)
}

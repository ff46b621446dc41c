package activities

import (
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"go.temporal.io/sdk/worker"
)

func newReadiness(d Deps, cfg aws.Config, disaster Disaster, objects *s3.Client) *Readiness {
	return &Readiness{
		elsewhere: elsewhere{cfg: cfg, system: d.System}, route53: disaster.Route53, database: disaster.DisasterDatabase,
		objects: objects, mail: sesv2.NewFromConfig(cfg), store: d.Records, now: time.Now,
	}
}

func (s Set) registerReadiness(r worker.ActivityRegistry) {
	for _, activity := range []any{
		s.Directory.ResolveReadiness,
		s.Readiness.FindReadinessHold,
		s.Readiness.CheckReadinessData,
		s.Readiness.CheckReadinessPipeline,
		s.Readiness.CheckReadinessServices,
		s.Readiness.CheckReadinessImages,
		s.Readiness.CheckReadinessRedirect,
		s.Readiness.CheckReadinessQuotas,
		s.Readiness.CheckReadinessPeople,
		s.Readiness.CheckReadinessReports,
		s.Readiness.CompareReadiness,
		s.Readiness.KeepReadiness,
	} {
		r.RegisterActivity(activity)
	}
}

package main

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"tejun/internal/sandbox"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// ready starts a check of the readiness, with a fresh copy of the data and with as many tasks of a service in the DR
// region, which should be none.
func (s *stage) ready(ctx context.Context, tasks int32) error {
	sys, err := s.Source.System()
	if err != nil {
		return err
	}
	cfg, err := s.AWS()
	if err != nil {
		return err
	}
	cfg.Region = sys.AWS.DRRegion
	service := sys.Disaster.ECS.Services[0].Service
	_, err = ecs.NewFromConfig(cfg).UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: &sys.Disaster.ECS.Cluster, Service: &service, DesiredCount: &tasks})
	if err != nil {
		return err
	}
	copied := *s
	copied.id += "-backup"
	if err := errors.Join(copied.ask(ctx, "backup"), copied.ended(ctx, runbook.Done)); err != nil {
		return err
	}
	return s.start(ctx, "DisasterReadiness", workflows.DisasterReadinessInput{Reason: "記録", Requester: "takahashi", Operator: "tanaka"})
}

// What people were told in one take they know in the next.
var disasterReadiness = []take{
	{"silent", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ready(ctx, 0), s.ended(ctx, runbook.Done))
	}},
	{"warns", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ready(ctx, 1), s.ended(ctx, runbook.Done))
	}},
	{"known", func(ctx context.Context, s *stage) error {
		return errors.Join(s.ready(ctx, 1), s.ended(ctx, runbook.Done))
	}},
	{"unseen", func(ctx context.Context, s *stage) error {
		return errors.Join(s.denied("route 53", "ListResourceRecordSets"), s.ready(ctx, 1), s.ended(ctx, runbook.Done))
	}},
	{"well-after-doubtful-mail", func(ctx context.Context, s *stage) error {
		doubt := sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: sandbox.FaultExecutedThenTimeout, Times: 1}
		return errors.Join(s.Sandbox.AddFault(doubt), s.ready(ctx, 0), s.play(ctx, act{"tell-deciders", runbook.Skip, "kato"}), s.ended(ctx, runbook.Done))
	}},
}

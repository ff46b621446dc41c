package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"tejun/workflows/runbook"
)

var fencesAgain = act{"fence", runbook.Retry, "tanaka"}

// startsAgain lets somebody start a service of the primary region that the fence has stopped, with as many tasks as it had before the take.
func startsAgain() (remember, start func(context.Context, *stage) error) {
	had := int32(0)
	service := func(ctx context.Context, s *stage, do func(*ecs.Client, *string, string) error) error {
		sys, err := s.Source.System()
		if err != nil {
			return err
		}
		cfg, err := s.AWS()
		if err != nil {
			return err
		}
		return do(ecs.NewFromConfig(cfg), &sys.ECS.Cluster, sys.ECS.Services[0].Service)
	}
	remember = func(ctx context.Context, s *stage) error {
		return service(ctx, s, func(c *ecs.Client, cluster *string, name string) error {
			out, err := c.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: cluster, Services: []string{name}})
			if err != nil || len(out.Services) != 1 {
				return errors.Join(err, fmt.Errorf("%d services %s, want one", len(out.Services), name))
			}
			had = out.Services[0].DesiredCount
			return nil
		})
	}
	start = func(ctx context.Context, s *stage) error {
		return service(ctx, s, func(c *ecs.Client, cluster *string, name string) error {
			_, err := c.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: cluster, Service: &name, DesiredCount: &had})
			return err
		})
	}
	return remember, start
}

// heldAt waits until the run is held at a step.
func heldAt(step string, then ...func(context.Context, *stage) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == step })
		for _, do := range then {
			if err == nil {
				err = do(ctx, s)
			}
		}
		return err
	}
}

// disastersAgain are the paths that came with later editions of the runbook.
func disastersAgain() []take {
	remember, start := startsAgain()
	return []take{
		{"drill-looks-back", disaster("drill", "ungraceful", runbook.Done, answers(declared, returnsNow))},
		{"real-doubt-then-fenced", withSnapshots(disaster("real", "ungraceful", runbook.Done, loses, answers(declared), heldAt("fence", regains),
			answers(fencesAgain, returnsNow, dataBack)))},
		{"real-fence-asks-again", withSnapshots(disaster("real", "graceful", runbook.Done, remember, forbids("rds", "RestoreDBClusterFromSnapshot"),
			answers(declared), heldAt("database", start), answers(act{"database", runbook.Retry, "kato"}),
			heldAt("fence", forbids("ecs", "UpdateService")), answers(fencesAgain, fencesAgain, returnsNow, dataBack)))},
		{"real-failover-refused", disaster("real", "ungraceful", runbook.Failed, forbids("rds", "FailoverGlobalCluster"),
			answers(declared, act{"database", runbook.Rollback, "kato"}))},
		{"real-way-back-budgeted", withSnapshots(disaster("real", "graceful", runbook.Done, answers(declared, returnsNow, dataBack)))},
		{"drill-redirect-back-skipped", disaster("drill", "graceful", runbook.Done, answers(declared), heldAt("return", forbids("route 53", "GetChange")),
			answers(returnsNow, act{"undo-redirect", runbook.Skip, "kato"}))},
	}
}

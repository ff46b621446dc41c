package activities

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	pipelinetypes "github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"

	"tejun/internal/readiness"
	"tejun/internal/system"
)

// CheckReadinessPipeline looks whether the DR pipeline is there, takes the images of all services, asks nobody, is closed at no stage, and succeeded last.
func (a *Readiness) CheckReadinessPipeline(ctx context.Context, in ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, cfg, err := a.there()
	if err != nil {
		return seen, err
	}
	name, client := s.Disaster.Pipeline, codepipeline.NewFromConfig(cfg)
	sources, err := readDisasterPipeline(ctx, client, name)
	switch {
	case isType(err, NotFound):
		seen.find("pipeline-missing", name, map[string]string{"region": s.AWS.DRRegion})
		return seen, nil
	case isType(err, Refused):
		seen.find("pipeline-unfit", name, map[string]string{"why": wordsOfError(err)})
	case err != nil:
		return seen, err
	default:
		taken := slices.Collect(maps.Values(sources))
		for _, v := range s.Disaster.ECS.Services {
			if !slices.Contains(taken, v.Repository) {
				seen.find("pipeline-source-missing", v.Name, map[string]string{"pipeline": name, "repository": v.Repository})
			}
		}
	}
	if err := closedStages(ctx, client, &seen, name); err != nil {
		return seen, err
	}
	out, err := client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: aws.Int32(1)}) // the newest first
	if err != nil {
		return seen, Classify(err, "list the executions of "+name)
	}
	if len(out.PipelineExecutionSummaries) == 0 {
		seen.note("the pipeline %s has never run: a drill would show whether it works", name)
		return seen, nil
	}
	last := out.PipelineExecutionSummaries[0]
	id, began := aws.ToString(last.PipelineExecutionId), inJapan(aws.ToTime(last.StartTime))
	if last.Status == pipelinetypes.PipelineExecutionStatusFailed && !in.InUse {
		seen.find("pipeline-failed", name, map[string]string{"execution": id, "at": began})
	}
	seen.note("the last execution of the pipeline %s, %s of %s, is %s", name, id, began, last.Status)
	return seen, nil
}

// closedStages looks for stages into which somebody lets no execution go: there the recovery would stand.
func closedStages(ctx context.Context, client *codepipeline.Client, seen *ReadinessSeen, name string) error {
	state, err := client.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &name})
	if err != nil {
		return Classify(err, "read the state of the pipeline "+name)
	}
	for _, stage := range state.StageStates {
		if way := stage.InboundTransitionState; way != nil && !way.Enabled {
			why := cmp.Or(aws.ToString(way.DisabledReason), "-")
			seen.find("pipeline-closed", aws.ToString(stage.StageName), map[string]string{"pipeline": name, "at": inJapan(aws.ToTime(way.LastChangedAt)), "why": why})
		}
	}
	return nil
}

// CheckReadinessServices looks whether the services of the DR region are there, run the declared repositories, and rest.
func (a *Readiness) CheckReadinessServices(ctx context.Context, in ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, cfg, err := a.there()
	if err != nil {
		return seen, err
	}
	client := ecs.NewFromConfig(cfg)
	for _, v := range s.Disaster.ECS.Services {
		ref := ServiceRef{s.Disaster.ECS.Cluster, v.Service}
		data := func(more ...string) map[string]string {
			all := map[string]string{"service": v.Service, "region": s.AWS.DRRegion}
			for i := 0; i < len(more); i += 2 {
				all[more[i]] = more[i+1]
			}
			return all
		}
		found, err := (&ECS{client: client}).describe(ctx, ref)
		if isType(err, NotFound) {
			seen.find("service-missing", v.Name, data())
			continue
		}
		if err != nil {
			return seen, err
		}
		_, _, err = disasterService{s, v, ref, client}.container(ctx)
		switch {
		case isType(err, InvalidInput), isType(err, NotFound):
			seen.find("service-unfit", v.Name, data("why", wordsOfError(err)))
		case err != nil:
			return seen, err
		}
		if !in.InUse && (found.DesiredCount > 0 || found.RunningCount > 0) {
			seen.find("service-not-at-rest", v.Name, data("desired", strconv.Itoa(int(found.DesiredCount)), "running", strconv.Itoa(int(found.RunningCount))))
		}
	}
	return seen, nil
}

// CheckReadinessImages looks whether the DR region's ECR has what runs in the primary, by digest.
func (a *Readiness) CheckReadinessImages(ctx context.Context, _ ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, cfg, err := a.there()
	if err != nil {
		return seen, err
	}
	for _, v := range s.Disaster.ECS.Services {
		digests, err := a.runningIn(ctx, s, v)
		if err != nil {
			return seen, err
		}
		if len(digests) == 0 {
			seen.note("%s runs no task in %s, so nobody can say which image it needs in %s", v.Name, s.AWS.Region, s.AWS.DRRegion)
		}
		for _, digest := range digests {
			if err := a.image(ctx, ecr.NewFromConfig(cfg), &seen, s, v, digest); err != nil {
				return seen, err
			}
		}
	}
	return seen, nil
}

// runningIn is what the service for which v stands in runs in the primary; while it is stopped, what its task definition names.
func (a *Readiness) runningIn(ctx context.Context, s *system.System, v system.DisasterService) ([]string, error) {
	primary, ok := s.Service(v.Name)
	if !ok {
		return nil, fail(InvalidInput, "system.yaml has no service %q for which the one in %s stands in: mend disaster.ecs", v.Name, s.AWS.DRRegion)
	}
	client := ecs.NewFromConfig(a.cfg)
	ref := ServiceRef{s.ECS.Cluster, primary.Service}
	container, image, err := disasterService{s, v, ref, client}.container(ctx)
	if err != nil {
		return nil, err
	}
	running, err := (&ECSReleases{client: client}).digests(ctx, ContainerRef{ref, container})
	if err != nil {
		return nil, err
	}
	if len(running) == 0 && strings.Contains(image, "@sha256:") {
		return []string{digestOf(image)}, nil
	}
	return slices.Sorted(maps.Keys(running)), nil
}

func (a *Readiness) image(ctx context.Context, client *ecr.Client, seen *ReadinessSeen, s *system.System, v system.DisasterService, digest string) error {
	_, err := client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &v.Repository, ImageIds: []ecrtypes.ImageIdentifier{{ImageDigest: &digest}}})
	var noRepository *ecrtypes.RepositoryNotFoundException
	var noImage *ecrtypes.ImageNotFoundException
	switch {
	case errors.As(err, &noRepository):
		seen.find("repository-missing", v.Name, map[string]string{"repository": v.Repository, "region": s.AWS.DRRegion})
	case errors.As(err, &noImage):
		seen.find("image-missing", v.Name, map[string]string{"repository": v.Repository, "digest": digest, "region": s.AWS.DRRegion})
	case err != nil:
		return Classify(err, fmt.Sprintf("look for %s@%s in %s", v.Repository, digest, s.AWS.DRRegion))
	}
	return nil
}

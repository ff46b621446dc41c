package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"tejun/internal/records"
	"tejun/internal/system"
)

// databaseVariable is the variable by which the DR pipeline is told which database the services use.
const databaseVariable = "database"

// DisasterPipelineRun is the execution of the DR pipeline that a run starts.
type DisasterPipelineRun struct {
	Operation string `json:"operation"`
	Database  string `json:"database"` // host:port
}

// DisasterExecution names an execution of the DR pipeline.
type DisasterExecution struct {
	ExecutionID string `json:"executionId"`
}

// DisasterDeployed says what an execution has deployed.
type DisasterDeployed struct {
	Digests []DisasterImage `json:"digests"` // of the services, in their order in system.yaml
}

// DisasterImage is the image of a service.
type DisasterImage struct {
	Name   string `json:"name"` // logical
	Digest string `json:"digest"`
}

// DisasterPipeline deploys the newest images in the DR region, with the database that they are to use.
type DisasterPipeline struct {
	elsewhere
	records stateStore
}

// StartDisasterPipeline starts the pipeline. Before that it keeps which task definitions the services have, so that
// RevertDisasterService can bring them back. The token makes AWS itself answer a repetition with the execution that is there; what it
// answered is kept, for a repetition after AWS has forgotten the token. A pipeline that asks people for an approval of its own is
// refused (Refused): in a disaster it would stand.
func (a *DisasterPipeline) StartDisasterPipeline(ctx context.Context, in DisasterPipelineRun) (DisasterExecution, error) {
	if in.Database == "" {
		return DisasterExecution{}, fail(InvalidInput, "the DR pipeline needs the database's endpoint")
	}
	s, cfg, err := a.there()
	if err != nil {
		return DisasterExecution{}, err
	}
	name := s.Disaster.Pipeline
	id, err := a.started(ctx, in, name)
	if err != nil || id != "" {
		return DisasterExecution{id}, err
	}
	client := codepipeline.NewFromConfig(cfg)
	if _, err := readDisasterPipeline(ctx, client, name); err != nil {
		return DisasterExecution{}, err
	}
	if err := fence(ctx, a.records, in.Operation+"/"+pipelineState(name)); err != nil {
		return DisasterExecution{}, err
	}
	if err := a.keepDefinitions(ctx, s, cfg, in.Operation); err != nil {
		return DisasterExecution{}, err
	}
	mark := sha256.Sum256([]byte(name + "\x00" + in.Database)) // a token takes fewer signs than a name
	out, err := client.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{
		Name: &name, ClientRequestToken: aws.String("tejun-" + in.Operation + "-" + hex.EncodeToString(mark[:6])),
		Variables: []types.PipelineVariable{{Name: aws.String(databaseVariable), Value: &in.Database}},
	})
	if err != nil {
		return DisasterExecution{}, Classify(err, "start the pipeline "+name)
	}
	id = aws.ToString(out.PipelineExecutionId)
	if _, err := a.records.SaveState(ctx, in.Operation, pipelineState(name), []byte(id)); err != nil {
		return DisasterExecution{}, recordsError(err, "keep which execution of "+name+" was started")
	}
	return DisasterExecution{id}, nil
}

// started is the execution that the run has started, "" if none is known.
func (a *DisasterPipeline) started(ctx context.Context, in DisasterPipelineRun, name string) (string, error) {
	return (&CodePipeline{records: a.records}).started(ctx, PipelineRun{Operation: in.Operation, Pipeline: name})
}

// readDisasterPipeline reads the pipeline's sources: the repository of each source action. One that waits for people, or that does
// not take the database, is refused.
func readDisasterPipeline(ctx context.Context, client *codepipeline.Client, name string) (map[string]string, error) {
	out, err := client.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &name})
	if err != nil {
		return nil, Classify(err, "read the pipeline "+name)
	}
	sources := map[string]string{}
	for _, stage := range out.Pipeline.Stages {
		for _, action := range stage.Actions {
			switch action.ActionTypeId.Category {
			case types.ActionCategoryApproval:
				return nil, fail(Refused, "the pipeline %s waits in its stage %s for an approval of its own: take it out, the disaster is declared before", name, aws.ToString(stage.Name))
			case types.ActionCategorySource:
				sources[aws.ToString(action.Name)] = action.Configuration["RepositoryName"]
			}
		}
	}
	if !slices.ContainsFunc(out.Pipeline.Variables, func(v types.PipelineVariableDeclaration) bool { return aws.ToString(v.Name) == databaseVariable }) {
		return nil, fail(Refused, "the pipeline %s has no variable %q, by which it is told where the database is: add it", name, databaseVariable)
	}
	return sources, nil
}

// keptDefinition is the name under which the task definition of a service is kept.
func keptDefinition(s *system.System, service string) string {
	return "disaster:definition/" + s.Disaster.ECS.Cluster + "/" + service
}

func (a *DisasterPipeline) keepDefinitions(ctx context.Context, s *system.System, cfg aws.Config, operation string) error {
	for _, v := range s.Disaster.ECS.Services {
		found, err := describeIn(ctx, cfg, ServiceRef{s.Disaster.ECS.Cluster, v.Service})
		if err != nil {
			return err
		}
		state, err := json.Marshal(serviceState{found.DesiredCount, aws.ToString(found.TaskDefinition)})
		if err != nil {
			return fail(InvalidInput, "keep the state of service %s: %v", v.Service, err)
		}
		if _, err := a.records.SaveState(ctx, operation, keptDefinition(s, v.Service), state); err != nil {
			return recordsError(err, "keep the state of service "+v.Service)
		}
	}
	return nil
}

// AwaitDisasterPipeline waits for the execution's end, and says which images it took. That it succeeded says nothing about what runs:
// see AwaitDisasterService.
func (a *DisasterPipeline) AwaitDisasterPipeline(ctx context.Context, in DisasterExecution) (DisasterDeployed, error) {
	s, cfg, err := a.there()
	if err != nil {
		return DisasterDeployed{}, err
	}
	name, client := s.Disaster.Pipeline, codepipeline.NewFromConfig(cfg)
	run := PipelineRun{Pipeline: name, ExecutionID: in.ExecutionID}
	if _, err := (&CodePipeline{client: client}).AwaitCodePipelineExecution(ctx, run); err != nil {
		return DisasterDeployed{}, err
	}
	sources, err := readDisasterPipeline(ctx, client, name)
	if err != nil {
		return DisasterDeployed{}, err
	}
	out, err := client.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &name, PipelineExecutionId: &in.ExecutionID})
	if err != nil {
		return DisasterDeployed{}, Classify(err, "read the execution "+in.ExecutionID+" of "+name)
	}
	taken := map[string]string{}
	for _, r := range out.PipelineExecution.ArtifactRevisions {
		taken[sources[aws.ToString(r.Name)]] = aws.ToString(r.RevisionId)
	}
	deployed := DisasterDeployed{}
	for _, v := range s.Disaster.ECS.Services {
		digest, ok := taken[v.Repository]
		if !ok {
			return DisasterDeployed{}, fail(Refused, "the pipeline %s takes no image of %s, from which %s runs: mend the pipeline, or disaster.ecs in system.yaml", name, v.Repository, v.Name)
		}
		deployed.Digests = append(deployed.Digests, DisasterImage{v.Name, digest})
	}
	return deployed, nil
}

// StopDisasterPipeline is the way back: whatever this run has started, or may have started, deploys no more. The run holds the
// pipeline, so an execution in progress with its database is its own.
func (a *DisasterPipeline) StopDisasterPipeline(ctx context.Context, in DisasterPipelineRun) (struct{}, error) {
	s, cfg, err := a.there()
	if err != nil {
		return struct{}{}, err
	}
	name, client := s.Disaster.Pipeline, codepipeline.NewFromConfig(cfg)
	own, err := a.started(ctx, in, name)
	if err != nil {
		return struct{}{}, err
	}
	if err := fence(ctx, a.records, in.Operation+"/"+pipelineState(name)); err != nil { // so that no old attempt starts it afterwards
		return struct{}{}, err
	}
	calm := 0 // readings in a row that showed none: the first may be of a moment ago
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		moving, err := disasterExecutions(ctx, client, name, own, in.Database)
		if err != nil {
			return false, "", err
		}
		if calm++; len(moving) > 0 {
			calm = 0
		}
		for _, id := range moving {
			_, err := client.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{
				PipelineName: &name, PipelineExecutionId: &id, Abandon: true, Reason: aws.String("tejun " + in.Operation + " is given up"),
			})
			if code := errorCode(err); code == "DuplicatedStopRequestException" || code == "PipelineExecutionNotStoppableException" {
				err = nil // it is read again
			}
			if err != nil {
				return false, "", Classify(err, "stop the execution "+id+" of "+name)
			}
		}
		return calm > 1, fmt.Sprintf("%d executions of %s are stopping", len(moving), name), nil
	})
}

// disasterExecutions are those in progress that are the run's own, or deploy its database.
func disasterExecutions(ctx context.Context, client *codepipeline.Client, name, own, database string) (ids []string, err error) {
	out, err := client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &name, MaxResults: aws.Int32(100)})
	if err != nil {
		return nil, Classify(err, "list the executions of "+name)
	}
	for _, e := range out.PipelineExecutionSummaries {
		id := aws.ToString(e.PipelineExecutionId)
		if e.Status != types.PipelineExecutionStatusInProgress && e.Status != types.PipelineExecutionStatusStopping {
			continue
		}
		if id != own {
			one, err := client.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &name, PipelineExecutionId: &id})
			if err != nil {
				return nil, Classify(err, "read the execution "+id+" of "+name)
			}
			if database == "" || !slices.ContainsFunc(one.PipelineExecution.Variables, func(v types.ResolvedPipelineVariable) bool {
				return aws.ToString(v.Name) == databaseVariable && aws.ToString(v.ResolvedValue) == database
			}) {
				continue
			}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// keptStates is what reading one needs of the database.
type keptStates interface {
	LoadState(ctx context.Context, operation, resource string) ([]byte, error)
}

// keptState is the state of a DR service that the run has kept; false when it has kept none.
func keptState(ctx context.Context, store keptStates, operation, name string) (serviceState, bool, error) {
	content, err := store.LoadState(ctx, operation, name)
	if errors.Is(err, records.ErrNotFound) {
		return serviceState{}, false, nil
	}
	if err != nil {
		return serviceState{}, false, recordsError(err, "load the kept state "+name)
	}
	var kept serviceState
	if err := json.Unmarshal(content, &kept); err != nil {
		return serviceState{}, false, fail(InvalidInput, "the kept state %s cannot be read: %v", name, err)
	}
	return kept, true, nil
}

// familyOf is a task definition without its account and region, for people.
func familyOf(definition string) string { return definition[strings.LastIndex(definition, "/")+1:] }

// repositoryOf is the repository in the name of an image of ECR.
func repositoryOf(image string) string {
	name, _, _ := strings.Cut(image, "@")
	_, repository, _ := strings.Cut(name, "/")
	repository, _, _ = strings.Cut(repository, ":")
	return repository
}

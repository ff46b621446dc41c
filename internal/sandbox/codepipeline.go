package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/google/uuid"
)

// sourceTime is how long a pipeline takes at time scale 1 to fetch its source.
const sourceTime = 30 * time.Second

const (
	pipelineKind      = "codepipeline:pipeline"
	executionKind     = "codepipeline:execution"
	pipelineTokenKind = "sandbox:codepipeline-token" //nolint:gosec // an idempotency token, no credential
)

// Stages of every pipeline, and their one action each.
const (
	stageSource, stageApproval, stageDeploy    = "Source", "Approval", "Deploy"
	actionSource, actionApproval, actionDeploy = "Image", "Approve", "ECS"
)

// pipeline deploys an image of a repository to an ECS service, after an approval. One with Deploys has no approval, and deploys
// several services of a cluster.
type pipeline struct {
	Name       string
	Region     string
	Number     int32 // AWS's version
	Repository string
	Cluster    string
	Service    string
	Container  string

	Deploys   []deployment `json:",omitempty"`
	Variables []string     `json:",omitempty"` // that it declares; the tasks get them in their environment, in capitals
	Tags      []types.Tag  `json:",omitempty"`
}

// deployment is what a pipeline without an approval deploys to one service.
type deployment struct {
	Repository string
	Tag        string // of the image that is taken
	Service    string
	Container  string
}

// Execution is one run of a pipeline.
type Execution struct {
	ID       string
	Pipeline string
	Number   int32 // the pipeline's version
	Digest   string

	Digests   []string          `json:",omitempty"` // of a pipeline with Deploys, in their order
	Variables map[string]string `json:",omitempty"`

	Version ExecutionVersion `json:"version"`
}

// ExecutionVersion is what moves in an execution's life.
type ExecutionVersion struct {
	Started  time.Time
	Answered *time.Time `json:",omitempty"`
	Approved bool       `json:",omitempty"`
	Summary  string     `json:",omitempty"` // that the approval was given or refused with
	Stopped  *time.Time `json:",omitempty"`
	Reason   string     `json:",omitempty"` // for the stop
}

func codepipelineOperations() map[string]operation {
	pipeline := func(name *string) about { return about{pipelineKind + "/" + val(name), ""} }
	return byName(
		handle(reads, "Name Version", func(in *codepipeline.GetPipelineInput) about { return pipeline(in.Name) }, getPipeline),
		handle(reads, "Name", func(in *codepipeline.GetPipelineStateInput) about { return pipeline(in.Name) }, getPipelineState),
		handle(reads, "PipelineName PipelineExecutionId", func(in *codepipeline.GetPipelineExecutionInput) about {
			return about{executionKey(val(in.PipelineName), val(in.PipelineExecutionId)), ""}
		}, getPipelineExecution),
		handle(reads, "PipelineName MaxResults NextToken", func(in *codepipeline.ListPipelineExecutionsInput) about { return pipeline(in.PipelineName) }, listPipelineExecutions),
		handle(reads, "ResourceArn MaxResults NextToken", func(in *codepipeline.ListTagsForResourceInput) about {
			return pipeline(ptr(lastColon(val(in.ResourceArn))))
		}, listPipelineTags),
		handle(writes, "Name ClientRequestToken SourceRevisions Variables", func(in *codepipeline.StartPipelineExecutionInput) about {
			return about{pipelineKind + "/" + val(in.Name), val(in.ClientRequestToken)}
		}, startPipelineExecution),
		handle(writes, "PipelineName StageName ActionName Token Result", func(in *codepipeline.PutApprovalResultInput) about {
			return about{pipelineKind + "/" + val(in.PipelineName), val(in.Token)}
		}, putApprovalResult),
		handle(writes, "PipelineName StageName TransitionType Reason", func(in *codepipeline.DisableStageTransitionInput) about {
			return about{pipelineKind + "/" + val(in.PipelineName), ""}
		}, disableStageTransition),
		handle(writes, "PipelineName StageName TransitionType", func(in *codepipeline.EnableStageTransitionInput) about {
			return about{pipelineKind + "/" + val(in.PipelineName), ""}
		}, enableStageTransition),
		handle(writes, "PipelineName PipelineExecutionId Abandon Reason", func(in *codepipeline.StopPipelineExecutionInput) about {
			return about{executionKey(val(in.PipelineName), val(in.PipelineExecutionId)), ""}
		}, stopPipelineExecution),
	)
}

func executionKey(pipeline, id string) string { return executionKind + "/" + pipeline + "/" + id }

func (c *call) pipeline(name *string) (pipeline, error) {
	p, ok, err := get[pipeline](c, c.local(pipelineKind+"/"+val(name)))
	if err == nil && (!ok || p.Region != c.region) {
		err = fail(http.StatusBadRequest, &types.PipelineNotFoundException{Message: ptr("Account does not have a pipeline with name '" + val(name) + "'")})
	}
	return p, err
}

func (c *call) execution(p pipeline, id *string) (Execution, error) {
	e, ok, err := get[Execution](c, c.local(executionKey(p.Name, val(id))))
	if err == nil && !ok {
		err = fail(http.StatusBadRequest, &types.PipelineExecutionNotFoundException{Message: ptr("The pipeline execution with id " + val(id) + " was not found.")})
	}
	return e, err
}

// executions are those of a pipeline, oldest first.
func (c *call) executions(p pipeline) ([]Execution, error) {
	all, err := listLocal[Execution](c, executionKind, p.Name+"/")
	slices.SortStableFunc(all, func(a, b Execution) int { return a.Version.Started.Compare(b.Version.Started) })
	return all, err
}

// where an execution is: its stage, and its status there and as a whole.
type where struct {
	stage  string
	status types.PipelineExecutionStatus
}

// where finds out. The deployment takes as long as ECS does. ECS brings the old tasks back when the new ones do not get healthy,
// the service is stable again, and so the pipeline says that all went well.
func (c *call) where(e Execution) (where, error) {
	v := e.Version
	began, takes := v.Started, sourceTime
	if v.Answered != nil {
		began, takes = *v.Answered, rolloutTime
	}
	done, err := c.elapsed(began, takes)
	switch {
	case err != nil:
		return where{}, err
	case v.Stopped != nil && v.Answered != nil && v.Approved:
		return where{stageDeploy, types.PipelineExecutionStatusStopped}, nil
	case v.Stopped != nil && len(e.Digests) > 0:
		return where{stageSource, types.PipelineExecutionStatusStopped}, nil
	case v.Stopped != nil:
		return where{stageApproval, types.PipelineExecutionStatusStopped}, nil
	case v.Answered == nil && (done < 1 || len(e.Digests) > 0):
		return where{stageSource, types.PipelineExecutionStatusInProgress}, nil
	case v.Answered == nil:
		return where{stageApproval, types.PipelineExecutionStatusInProgress}, nil
	case !v.Approved:
		return where{stageApproval, types.PipelineExecutionStatusFailed}, nil
	case done < 1:
		return where{stageDeploy, types.PipelineExecutionStatusInProgress}, nil
	}
	return where{stageDeploy, types.PipelineExecutionStatusSucceeded}, nil
}

// approvalToken is valid for one execution.
func approvalToken(e Execution) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, []byte("approval\x00"+e.ID)).String()
}

// startPipelineExecution begins an execution. The same token again finds the execution that it began.
func startPipelineExecution(c *call, in *codepipeline.StartPipelineExecutionInput) (*codepipeline.StartPipelineExecutionOutput, error) {
	p, err := c.pipeline(in.Name)
	if err != nil {
		return nil, err
	}
	tokenKey := c.local(pipelineTokenKind + "/" + p.Name + "/" + val(in.ClientRequestToken))
	if used, replay, err := get[string](c, tokenKey); err != nil || replay && val(in.ClientRequestToken) != "" {
		return &codepipeline.StartPipelineExecutionOutput{PipelineExecutionId: &used}, err
	}
	if len(p.Deploys) > 0 {
		return c.startUnattended(p, in, tokenKey)
	}
	if len(in.Variables) > 0 {
		return nil, noVariable(p, val(in.Variables[0].Name))
	}
	digest := ""
	for _, r := range in.SourceRevisions {
		if val(r.ActionName) != actionSource || r.RevisionType != types.SourceRevisionTypeImageDigest {
			return nil, fail(http.StatusBadRequest, &types.ValidationException{Message: ptr("The source revision override of " + val(r.ActionName) + " does not fit the source action " + actionSource + " of type ECR.")})
		}
		digest = val(r.RevisionValue)
	}
	id := ecrtypes.ImageIdentifier{ImageDigest: &digest}
	if digest == "" {
		id = ecrtypes.ImageIdentifier{ImageTag: ptr("latest")}
	}
	image, err := c.image(p.Repository, id)
	if err != nil {
		return nil, fail(http.StatusBadRequest, &types.ValidationException{Message: ptr("The source " + p.Repository + " has no such image.")})
	}
	e := c.newExecution(p)
	e.Digest = image.Digest
	c.resource = c.local(executionKey(p.Name, e.ID))
	if err := c.put(tokenKey, e.ID); err != nil {
		return nil, err
	}
	return &codepipeline.StartPipelineExecutionOutput{PipelineExecutionId: ptr(e.ID)}, c.put(c.resource, e)
}

func (c *call) newExecution(p pipeline) Execution {
	return Execution{
		ID:       uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s\x00%d", p.Name, c.state.lines)).String(),
		Pipeline: p.Name, Number: p.Number, Version: ExecutionVersion{Started: c.at},
	}
}

func putApprovalResult(c *call, in *codepipeline.PutApprovalResultInput) (*codepipeline.PutApprovalResultOutput, error) {
	p, err := c.pipeline(in.PipelineName)
	switch {
	case err != nil:
		return nil, err
	case val(in.StageName) != stageApproval:
		return nil, fail(http.StatusBadRequest, &types.StageNotFoundException{Message: ptr("There is no stage " + val(in.StageName) + " with an approval.")})
	case val(in.ActionName) != actionApproval:
		return nil, fail(http.StatusBadRequest, &types.ActionNotFoundException{Message: ptr("There is no action " + val(in.ActionName) + ".")})
	}
	all, err := c.executions(p)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(all, func(e Execution) bool { return approvalToken(e) == val(in.Token) })
	if i < 0 {
		return nil, fail(http.StatusBadRequest, &types.InvalidApprovalTokenException{Message: ptr("The provided approval token is invalid.")})
	}
	e := all[i]
	at, err := c.where(e)
	if err != nil {
		return nil, err
	}
	if e.Version.Answered != nil || e.Version.Stopped != nil {
		return nil, fail(http.StatusBadRequest, &types.ApprovalAlreadyCompletedException{Message: ptr("The approval action has already been approved or rejected.")})
	}
	if waiting := c.waiting(all); at.stage != stageApproval || waiting == nil || waiting.ID != e.ID {
		return nil, fail(http.StatusBadRequest, &types.InvalidApprovalTokenException{Message: ptr("The provided approval token is invalid.")})
	}
	e.Version.Answered, e.Version.Approved, e.Version.Summary = ptr(c.at), in.Result.Status == types.ApprovalStatusApproved, val(in.Result.Summary)
	c.resource = c.local(executionKey(p.Name, e.ID))
	if err := c.put(c.resource, e); err != nil {
		return nil, err
	}
	if e.Version.Approved {
		err = c.rollOut(p, e)
	}
	return &codepipeline.PutApprovalResultOutput{ApprovedAt: ptr(c.at)}, err
}

// rollOut is what the pipeline's deploy action does: a new revision with the image, and the service on it.
func (c *call) rollOut(p pipeline, e Execution) error {
	return c.rollOutTo(p, deployment{Repository: p.Repository, Service: p.Service, Container: p.Container}, e.Digest, nil)
}

func (c *call) rollOutTo(p pipeline, to deployment, digest string, environment map[string]string) error {
	key := c.local(serviceKey(&p.Cluster, &to.Service))
	s, ok, err := c.service(key)
	if err != nil || !ok {
		return err
	}
	d, ok, err := c.definition(&s.TaskDefinition)
	if err != nil || !ok {
		return err
	}
	latest, _, err := get[definition](c, c.local(definitionKind+"/"+d.Family))
	if err != nil {
		return err
	}
	uri, err := c.repositoryURI(to.Repository)
	if err != nil {
		return err
	}
	d.Image, d.Revision = uri+"@"+digest, latest.Revision
	if environment != nil {
		d.Environment = environment
	}
	if d, err = c.register(d); err != nil {
		return err
	}
	return c.deploy(key, s, d)
}

// waiting is the execution that stands in the approval stage: the oldest one there; later ones wait before it.
func (c *call) waiting(all []Execution) *Execution {
	for i := range all {
		at, err := c.where(all[i])
		if err == nil && at == (where{stageApproval, types.PipelineExecutionStatusInProgress}) {
			return &all[i]
		}
	}
	return nil
}

// stopPipelineExecution ends an execution where it stands. What its deployment has begun goes on in ECS.
func stopPipelineExecution(c *call, in *codepipeline.StopPipelineExecutionInput) (*codepipeline.StopPipelineExecutionOutput, error) {
	p, err := c.pipeline(in.PipelineName)
	if err != nil {
		return nil, err
	}
	e, err := c.execution(p, in.PipelineExecutionId)
	if err != nil {
		return nil, err
	}
	at, err := c.where(e)
	if err != nil {
		return nil, err
	}
	if e.Version.Stopped != nil {
		return nil, fail(http.StatusBadRequest, &types.DuplicatedStopRequestException{Message: ptr("The pipeline execution is already in a Stopping or Stopped state.")})
	}
	if at.status != types.PipelineExecutionStatusInProgress {
		return nil, fail(http.StatusBadRequest, &types.PipelineExecutionNotStoppableException{Message: ptr("The pipeline execution has ended.")})
	}
	if !in.Abandon {
		return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox stops executions with Abandon only"))
	}
	e.Version.Stopped, e.Version.Reason = ptr(c.at), val(in.Reason)
	c.remove(c.local(dueKey(p.Name, e.ID)))
	return &codepipeline.StopPipelineExecutionOutput{PipelineExecutionId: ptr(e.ID)}, c.put(c.local(executionKey(p.Name, e.ID)), e)
}

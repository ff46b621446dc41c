package sandbox

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// dueKind is of executions without an approval whose deployment has not begun yet.
const dueKind = "sandbox:codepipeline-due"

// due is when the deployment of an execution begins.
type due struct {
	Region    string
	Pipeline  string
	Execution string
	At        time.Time
}

func dueKey(pipeline, execution string) string { return dueKind + "/" + pipeline + "/" + execution }

func noVariable(p pipeline, name string) error {
	return fail(http.StatusBadRequest, &types.ValidationException{Message: ptr("The pipeline " + p.Name + " does not declare the variable " + name + ".")})
}

// startUnattended begins an execution of a pipeline without an approval: it deploys by itself once it has its sources.
func (c *call) startUnattended(p pipeline, in *codepipeline.StartPipelineExecutionInput, tokenKey string) (*codepipeline.StartPipelineExecutionOutput, error) {
	if len(in.SourceRevisions) > 0 {
		return nil, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox takes the images of the pipeline "+p.Name+" by their tags: leave SourceRevisions out"))
	}
	e := c.newExecution(p)
	e.Variables = map[string]string{}
	for _, v := range in.Variables {
		if !slices.Contains(p.Variables, val(v.Name)) {
			return nil, noVariable(p, val(v.Name))
		}
		e.Variables[val(v.Name)] = val(v.Value)
	}
	for _, name := range p.Variables {
		if e.Variables[name] == "" {
			return nil, fail(http.StatusBadRequest, &types.ValidationException{Message: ptr("The pipeline variable " + name + " has no default value and must be given.")})
		}
	}
	for _, d := range p.Deploys {
		image, err := c.image(d.Repository, ecrtypes.ImageIdentifier{ImageTag: &d.Tag})
		if err != nil {
			return nil, fail(http.StatusBadRequest, &types.ValidationException{Message: ptr("The source " + d.Repository + ":" + d.Tag + " is not there.")})
		}
		e.Digests = append(e.Digests, image.Digest)
	}
	set, err := c.settings()
	if err != nil {
		return nil, err
	}
	c.resource = c.local(executionKey(p.Name, e.ID))
	for key, value := range map[string]any{
		tokenKey: e.ID, c.resource: e,
		c.local(dueKey(p.Name, e.ID)): due{c.region, p.Name, e.ID, c.at.Add(time.Duration(float64(sourceTime) * set.TimeScale))},
	} {
		if err := c.put(key, value); err != nil {
			return nil, err
		}
	}
	return &codepipeline.StartPipelineExecutionOutput{PipelineExecutionId: ptr(e.ID)}, nil
}

// advance does what AWS has done by itself since anybody looked: it begins the deployments that are due. Each is a change of its own,
// at its own moment.
func (s *Sandbox) advance() error {
	if len(s.state.now[dueKind]) == 0 {
		return nil
	}
	c := s.newCall(context.Background())
	all, err := list[due](c, dueKind)
	if err != nil {
		return err
	}
	slices.SortStableFunc(all, func(a, b due) int { return cmp.Or(a.At.Compare(b.At), strings.Compare(a.Execution, b.Execution)) })
	for _, d := range all {
		if d.At.After(c.at) {
			return nil
		}
		c := s.newCall(context.Background())
		c.at, c.region = d.At, d.Region
		if way, err := c.inbound(pipeline{Name: d.Pipeline}, stageDeploy); err != nil {
			return err
		} else if !way.Enabled { // it waits until somebody lets it in
			continue
		}
		if err := c.deployDue(d); err != nil {
			return err
		}
		if err := s.commit(c, record{}); err != nil {
			return err
		}
	}
	return nil
}

func (c *call) deployDue(d due) error {
	c.remove(c.local(dueKey(d.Pipeline, d.Execution)))
	p, err := c.pipeline(&d.Pipeline)
	if err != nil {
		return err
	}
	e, err := c.execution(p, &d.Execution)
	if err != nil {
		return err
	}
	e.Version.Answered, e.Version.Approved = ptr(c.at), true
	environment := map[string]string{}
	for name, value := range e.Variables {
		environment[strings.ToUpper(name)] = value
	}
	for i, to := range p.Deploys {
		if err := c.rollOutTo(p, to, e.Digests[i], environment); err != nil {
			return err
		}
	}
	return c.put(c.local(executionKey(p.Name, e.ID)), e)
}

// sourceAction is the source action of a pipeline's i-th deployment.
func (p pipeline) sourceAction(i int) string {
	if len(p.Deploys) == 0 {
		return actionSource
	}
	return actionSource + "-" + p.Deploys[i].Container
}

func (p pipeline) declareUnattended(account string) *types.PipelineDeclaration {
	action := func(name string, category types.ActionCategory, provider string, configuration map[string]string) types.ActionDeclaration {
		return types.ActionDeclaration{
			Name: ptr(name), RunOrder: ptr(int32(1)), Configuration: configuration,
			ActionTypeId: &types.ActionTypeId{Category: category, Owner: types.ActionOwnerAws, Provider: ptr(provider), Version: ptr("1")},
		}
	}
	source, deploy := types.StageDeclaration{Name: ptr(stageSource)}, types.StageDeclaration{Name: ptr(stageDeploy)}
	for i, d := range p.Deploys {
		source.Actions = append(source.Actions, action(p.sourceAction(i), types.ActionCategorySource, "ECR", map[string]string{"RepositoryName": d.Repository, "ImageTag": d.Tag}))
		deploy.Actions = append(deploy.Actions, action(actionDeploy+"-"+d.Container, types.ActionCategoryDeploy, "ECS", map[string]string{"ClusterName": p.Cluster, "ServiceName": d.Service}))
	}
	declared := &types.PipelineDeclaration{
		Name: ptr(p.Name), Version: ptr(p.Number), PipelineType: types.PipelineTypeV2, ExecutionMode: types.ExecutionModeQueued,
		RoleArn: ptr("arn:aws:iam::" + account + ":role/" + p.Name + "-pipeline"), Stages: []types.StageDeclaration{source, deploy},
	}
	for _, name := range p.Variables {
		declared.Variables = append(declared.Variables, types.PipelineVariableDeclaration{Name: ptr(name)})
	}
	return declared
}

// digests are those of the execution's sources.
func (e Execution) digests() []string {
	if len(e.Digests) > 0 {
		return e.Digests
	}
	return []string{e.Digest}
}

func (e Execution) revisions(p pipeline) (shown []types.ArtifactRevision) {
	for i, digest := range e.digests() {
		shown = append(shown, types.ArtifactRevision{Name: ptr(p.sourceAction(i)), RevisionId: ptr(digest)})
	}
	return shown
}

func (e Execution) sources(p pipeline) (shown []types.SourceRevision) {
	for i, digest := range e.digests() {
		shown = append(shown, types.SourceRevision{ActionName: ptr(p.sourceAction(i)), RevisionId: ptr(digest)})
	}
	return shown
}

func (e Execution) resolved() (shown []types.ResolvedPipelineVariable) {
	for _, name := range slices.Sorted(maps.Keys(e.Variables)) {
		shown = append(shown, types.ResolvedPipelineVariable{Name: ptr(name), ResolvedValue: ptr(e.Variables[name])})
	}
	return shown
}

// environment is what the container gets.
func (d definition) environment() (shown []ecstypes.KeyValuePair) {
	for _, name := range slices.Sorted(maps.Keys(d.Environment)) {
		shown = append(shown, ecstypes.KeyValuePair{Name: ptr(name), Value: ptr(d.Environment[name])})
	}
	return shown
}

// listPipelineTags lists the tags of the pipeline that an ARN names.
func listPipelineTags(c *call, in *codepipeline.ListTagsForResourceInput) (*codepipeline.ListTagsForResourceOutput, error) {
	parts := strings.Split(val(in.ResourceArn), ":")
	if len(parts) != 6 || parts[2] != "codepipeline" {
		return nil, fail(http.StatusBadRequest, &types.InvalidArnException{Message: ptr("Invalid ARN: " + val(in.ResourceArn))})
	}
	p, err := c.pipeline(&parts[5])
	if err != nil || parts[3] != c.region {
		return nil, fail(http.StatusBadRequest, &types.ResourceNotFoundException{Message: ptr(fmt.Sprintf("There is no resource %s.", val(in.ResourceArn)))})
	}
	return &codepipeline.ListTagsForResourceOutput{Tags: p.Tags}, nil
}

// lastColon is what stands behind the last colon.
func lastColon(s string) string { return s[strings.LastIndex(s, ":")+1:] }

package sandbox

import (
	"net/http"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

func getPipeline(c *call, in *codepipeline.GetPipelineInput) (*codepipeline.GetPipelineOutput, error) {
	p, err := c.pipeline(in.Name)
	if err != nil {
		return nil, err
	}
	if in.Version != nil && *in.Version != p.Number {
		return nil, fail(http.StatusBadRequest, &types.PipelineVersionNotFoundException{Message: ptr("The sandbox keeps the newest version of a pipeline only.")})
	}
	if len(p.Deploys) > 0 {
		return &codepipeline.GetPipelineOutput{Pipeline: p.declareUnattended(c.account())}, nil
	}
	stage := func(name, action string, category types.ActionCategory, owner types.ActionOwner, provider string, configuration map[string]string) types.StageDeclaration {
		return types.StageDeclaration{Name: ptr(name), Actions: []types.ActionDeclaration{{
			Name: ptr(action), RunOrder: ptr(int32(1)), Configuration: configuration,
			ActionTypeId: &types.ActionTypeId{Category: category, Owner: owner, Provider: ptr(provider), Version: ptr("1")},
		}}}
	}
	return &codepipeline.GetPipelineOutput{Pipeline: &types.PipelineDeclaration{
		Name: ptr(p.Name), Version: ptr(p.Number), PipelineType: types.PipelineTypeV2, ExecutionMode: types.ExecutionModeQueued,
		RoleArn: ptr("arn:aws:iam::" + c.account() + ":role/" + p.Name + "-pipeline"),
		Stages: []types.StageDeclaration{
			stage(stageSource, actionSource, types.ActionCategorySource, types.ActionOwnerAws, "ECR", map[string]string{"RepositoryName": p.Repository, "ImageTag": "latest"}),
			stage(stageApproval, actionApproval, types.ActionCategoryApproval, types.ActionOwnerAws, "Manual", nil),
			stage(stageDeploy, actionDeploy, types.ActionCategoryDeploy, types.ActionOwnerAws, "ECS", map[string]string{"ClusterName": p.Cluster, "ServiceName": p.Service}),
		},
	}}, nil
}

// account is "" in a sandbox that has not been seeded.
func (c *call) account() string {
	set, err := c.settings()
	if err != nil {
		return ""
	}
	return set.Account
}

// getPipelineState shows in each stage the execution that is there, or was there last.
func getPipelineState(c *call, in *codepipeline.GetPipelineStateInput) (*codepipeline.GetPipelineStateOutput, error) {
	p, err := c.pipeline(in.Name)
	if err != nil {
		return nil, err
	}
	all, err := c.executions(p)
	if err != nil {
		return nil, err
	}
	var waits *Execution // before the deployment
	out := &codepipeline.GetPipelineStateOutput{PipelineName: ptr(p.Name), PipelineVersion: ptr(p.Number)}
	for _, stage := range []struct{ name, action string }{{stageSource, actionSource}, {stageApproval, actionApproval}, {stageDeploy, actionDeploy}} {
		if stage.name == stageApproval && len(p.Deploys) > 0 {
			continue
		}
		shown := types.StageState{
			StageName: ptr(stage.name), ActionStates: []types.ActionState{{ActionName: ptr(stage.action)}},
		}
		if stage.name != stageSource {
			if shown.InboundTransitionState, err = c.inbound(p, stage.name); err != nil {
				return nil, err
			}
		}
		e, status, err := c.latestIn(stage.name, all)
		if err != nil {
			return nil, err
		}
		if e != nil && stage.name == stageSource {
			if held, err := c.held(*e); err != nil {
				return nil, err
			} else if held {
				status, waits = types.PipelineExecutionStatusSucceeded, e
			}
		}
		if waits != nil && stage.name == stageDeploy {
			shown.InboundExecution = &types.StageExecution{PipelineExecutionId: ptr(waits.ID), Status: types.StageExecutionStatusInProgress}
		}
		if e != nil {
			shown.LatestExecution = &types.StageExecution{PipelineExecutionId: ptr(e.ID), Status: types.StageExecutionStatus(status)}
			shown.ActionStates[0].LatestExecution = e.action(stage.name, status)
		}
		out.StageStates = append(out.StageStates, shown)
	}
	return out, nil
}

// order of the stages.
var order = []string{stageSource, stageApproval, stageDeploy}

// latestIn finds the execution that stands in a stage, else the newest that has passed it or ended there.
func (c *call) latestIn(stage string, all []Execution) (*Execution, types.PipelineExecutionStatus, error) {
	if w := c.waiting(all); stage == stageApproval && w != nil {
		return w, types.PipelineExecutionStatusInProgress, nil
	}
	for i := len(all) - 1; i >= 0; i-- {
		at, err := c.where(all[i])
		if err != nil {
			return nil, "", err
		}
		is, asked := slices.Index(order, at.stage), slices.Index(order, stage)
		switch {
		case is > asked:
			return &all[i], types.PipelineExecutionStatusSucceeded, nil
		case is == asked:
			return &all[i], at.status, nil
		}
	}
	return nil, "", nil
}

// action is how a stage's action shows an execution. The token is there while the approval waits.
func (e Execution) action(stage string, status types.PipelineExecutionStatus) *types.ActionExecution {
	shown := &types.ActionExecution{
		ActionExecutionId: ptr(e.ID + "-" + stage), Status: types.ActionExecutionStatus(status), LastStatusChange: ptr(e.Version.Started),
	}
	if status == types.PipelineExecutionStatusStopped {
		shown.Status = types.ActionExecutionStatusAbandoned
	}
	if stage == stageApproval {
		shown.Summary, shown.LastStatusChange = ptrUnlessEmpty(e.Version.Summary), e.Version.Answered
		if e.Version.Answered == nil && e.Version.Stopped == nil {
			shown.Token = ptr(approvalToken(e))
		}
	}
	return shown
}

func getPipelineExecution(c *call, in *codepipeline.GetPipelineExecutionInput) (*codepipeline.GetPipelineExecutionOutput, error) {
	p, err := c.pipeline(in.PipelineName)
	if err != nil {
		return nil, err
	}
	e, err := c.execution(p, in.PipelineExecutionId)
	if err != nil {
		return nil, err
	}
	at, err := c.where(e)
	return &codepipeline.GetPipelineExecutionOutput{PipelineExecution: &types.PipelineExecution{
		PipelineName: ptr(p.Name), PipelineExecutionId: ptr(e.ID), PipelineVersion: ptr(e.Number), Status: at.status, StatusSummary: ptrUnlessEmpty(e.Version.Reason),
		ExecutionMode: types.ExecutionModeQueued, ExecutionType: types.ExecutionTypeStandard,
		ArtifactRevisions: e.revisions(p), Variables: e.resolved(),
	}}, err
}

// listPipelineExecutions lists the newest first.
func listPipelineExecutions(c *call, in *codepipeline.ListPipelineExecutionsInput) (*codepipeline.ListPipelineExecutionsOutput, error) {
	p, err := c.pipeline(in.PipelineName)
	if err != nil {
		return nil, err
	}
	all, err := c.executions(p)
	if err != nil {
		return nil, err
	}
	slices.Reverse(all)
	items, next, err := page(all, val(in.NextToken), int(val(in.MaxResults)), 100, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidNextTokenException{Message: ptr(words)})
	})
	if err != nil {
		return nil, err
	}
	out := &codepipeline.ListPipelineExecutionsOutput{NextToken: ptrUnlessEmpty(next)}
	for _, e := range items {
		at, err := c.where(e)
		if err != nil {
			return nil, err
		}
		out.PipelineExecutionSummaries = append(out.PipelineExecutionSummaries, types.PipelineExecutionSummary{
			PipelineExecutionId: ptr(e.ID), Status: at.status, StartTime: ptr(e.Version.Started), ExecutionMode: types.ExecutionModeQueued,
			SourceRevisions: e.sources(p),
		})
	}
	return out, nil
}

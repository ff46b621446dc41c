package sandbox

import (
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"
)

// transitionKind is of stages into which somebody lets no execution go; of open ones there is nothing.
const transitionKind = "codepipeline:transition"

// transition says who has closed the way into a stage.
type transition struct {
	Pipeline string
	Stage    string
	Reason   string
	By       string // ARN
	At       time.Time
}

func transitionKey(pipeline, stage string) string {
	return transitionKind + "/" + pipeline + "/" + stage
}

// stageOf finds the stage whose way in is meant. The sandbox holds executions up before the deployment of a pipeline without an approval.
func (c *call) stageOf(name, stage *string, way types.StageTransitionType) (pipeline, error) {
	p, err := c.pipeline(name)
	switch {
	case err != nil:
		return p, err
	case !slices.Contains(order, val(stage)) || val(stage) == stageApproval && len(p.Deploys) > 0:
		return p, fail(http.StatusBadRequest, &types.StageNotFoundException{Message: ptr("The pipeline " + p.Name + " has no stage " + val(stage) + ".")})
	case way != types.StageTransitionTypeInbound || val(stage) != stageDeploy || len(p.Deploys) == 0:
		return p, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox closes the way into the stage "+stageDeploy+" of a pipeline without an approval, and no other one"))
	}
	return p, nil
}

func disableStageTransition(c *call, in *codepipeline.DisableStageTransitionInput) (*codepipeline.DisableStageTransitionOutput, error) {
	p, err := c.stageOf(in.PipelineName, in.StageName, in.TransitionType)
	if err != nil {
		return nil, err
	}
	return &codepipeline.DisableStageTransitionOutput{}, c.put(c.local(transitionKey(p.Name, val(in.StageName))), transition{
		Pipeline: p.Name, Stage: val(in.StageName), Reason: val(in.Reason), By: "arn:aws:iam::" + c.account() + ":user/somebody", At: c.at,
	})
}

// enableStageTransition lets in what has waited, at this moment.
func enableStageTransition(c *call, in *codepipeline.EnableStageTransitionInput) (*codepipeline.EnableStageTransitionOutput, error) {
	p, err := c.stageOf(in.PipelineName, in.StageName, in.TransitionType)
	if err != nil {
		return nil, err
	}
	c.remove(c.local(transitionKey(p.Name, val(in.StageName))))
	waiting, err := listLocal[due](c, dueKind, p.Name+"/")
	if err != nil {
		return nil, err
	}
	for _, d := range waiting {
		if d.At.Before(c.at) {
			d.At = c.at
			if err := c.put(c.local(dueKey(p.Name, d.Execution)), d); err != nil {
				return nil, err
			}
		}
	}
	return &codepipeline.EnableStageTransitionOutput{}, nil
}

// inbound is the way into a stage. AWS shows none of the first one.
func (c *call) inbound(p pipeline, stage string) (*types.TransitionState, error) {
	closed, ok, err := get[transition](c, c.local(transitionKey(p.Name, stage)))
	if err != nil || !ok {
		return &types.TransitionState{Enabled: true}, err
	}
	return &types.TransitionState{Enabled: false, DisabledReason: ptr(closed.Reason), LastChangedBy: ptr(closed.By), LastChangedAt: ptr(closed.At)}, nil
}

// held tells whether an execution without an approval has its sources and may not go on.
func (c *call) held(e Execution) (bool, error) {
	if len(e.Digests) == 0 || e.Version.Answered != nil || e.Version.Stopped != nil {
		return false, nil
	}
	done, err := c.elapsed(e.Version.Started, sourceTime)
	return done >= 1, err
}

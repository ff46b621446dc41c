package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline"
	"github.com/aws/aws-sdk-go-v2/service/codepipeline/types"

	"tejun/internal/records"
)

// PipelineRef names a pipeline and what it has to deploy from where to where.
type PipelineRef struct {
	Pipeline   string `json:"pipeline"`
	Repository string `json:"repository"` // ECR
	Cluster    string `json:"cluster"`
	Service    string `json:"service"` // ECS service name
}

// PipelineShape is where a pipeline takes its image and where it waits for its approval.
type PipelineShape struct {
	Version        int32  `json:"version"`
	SourceAction   string `json:"sourceAction"`
	ApprovalStage  string `json:"approvalStage"`
	ApprovalAction string `json:"approvalAction"`
}

// PipelineRun is an execution of a pipeline that a release starts, approves and waits for.
type PipelineRun struct {
	Operation   string        `json:"operation"`
	Pipeline    string        `json:"pipeline"`
	Shape       PipelineShape `json:"shape"`
	Digest      string        `json:"digest"`
	ExecutionID string        `json:"executionId"` // "" until it is started
	Plan        string        `json:"plan"`        // digest of the plan that was approved
}

// PipelineStarted says which execution it is.
type PipelineStarted struct {
	ExecutionID string `json:"executionId"`
}

// codePipelineAPI is the calls used.
type codePipelineAPI interface {
	GetPipeline(context.Context, *codepipeline.GetPipelineInput, ...func(*codepipeline.Options)) (*codepipeline.GetPipelineOutput, error)
	GetPipelineState(context.Context, *codepipeline.GetPipelineStateInput, ...func(*codepipeline.Options)) (*codepipeline.GetPipelineStateOutput, error)
	GetPipelineExecution(context.Context, *codepipeline.GetPipelineExecutionInput, ...func(*codepipeline.Options)) (*codepipeline.GetPipelineExecutionOutput, error)
	ListPipelineExecutions(context.Context, *codepipeline.ListPipelineExecutionsInput, ...func(*codepipeline.Options)) (*codepipeline.ListPipelineExecutionsOutput, error)
	StartPipelineExecution(context.Context, *codepipeline.StartPipelineExecutionInput, ...func(*codepipeline.Options)) (*codepipeline.StartPipelineExecutionOutput, error)
	PutApprovalResult(context.Context, *codepipeline.PutApprovalResultInput, ...func(*codepipeline.Options)) (*codepipeline.PutApprovalResultOutput, error)
	StopPipelineExecution(context.Context, *codepipeline.StopPipelineExecutionInput, ...func(*codepipeline.Options)) (*codepipeline.StopPipelineExecutionOutput, error)
}

// CodePipeline starts pipelines, and answers their manual approvals as our own gate has decided.
type CodePipeline struct {
	client  codePipelineAPI
	records stateStore
}

// ReadCodePipeline finds the source and the manual approval of a pipeline. It refuses (Refused) one that would deploy without
// waiting for an approval, or something else than is asked for.
func (a *CodePipeline) ReadCodePipeline(ctx context.Context, in PipelineRef) (PipelineShape, error) {
	out, err := a.client.GetPipeline(ctx, &codepipeline.GetPipelineInput{Name: &in.Pipeline})
	if err != nil {
		return PipelineShape{}, Classify(err, "read the pipeline "+in.Pipeline)
	}
	shape, deploys, unguarded := PipelineShape{Version: aws.ToInt32(out.Pipeline.Version)}, false, ""
	for _, stage := range out.Pipeline.Stages {
		for _, action := range stage.Actions {
			has := func(key, value string) bool { return action.Configuration[key] == value }
			switch action.ActionTypeId.Category {
			case types.ActionCategorySource:
				if aws.ToString(action.ActionTypeId.Provider) == "ECR" && has("RepositoryName", in.Repository) {
					shape.SourceAction = aws.ToString(action.Name)
				}
			case types.ActionCategoryApproval:
				if !deploys {
					shape.ApprovalStage, shape.ApprovalAction = aws.ToString(stage.Name), aws.ToString(action.Name)
				}
			case types.ActionCategoryDeploy:
				if shape.ApprovalAction == "" {
					unguarded = aws.ToString(stage.Name)
				}
				deploys = deploys || has("ClusterName", in.Cluster) && has("ServiceName", in.Service)
			}
		}
	}
	switch {
	case unguarded != "":
		return PipelineShape{}, fail(Refused, "the pipeline %s deploys in its stage %s without a manual approval before it: add one", in.Pipeline, unguarded)
	case shape.SourceAction == "":
		return PipelineShape{}, fail(Refused, "the pipeline %s has no ECR source of the repository %s: mend it, or releases.parts", in.Pipeline, in.Repository)
	case !deploys:
		return PipelineShape{}, fail(Refused, "the pipeline %s does not deploy to the ECS service %s/%s: mend it, or releases.parts", in.Pipeline, in.Cluster, in.Service)
	}
	return shape, nil
}

// pipelineState is the name under which a run's execution is kept.
func pipelineState(pipeline string) string { return "codepipeline:" + pipeline }

// StartCodePipelineExecution starts the pipeline with exactly this image. The token makes AWS itself answer a repetition with
// the execution that is there; what it answered is kept, for a repetition after AWS has forgotten the token.
func (a *CodePipeline) StartCodePipelineExecution(ctx context.Context, in PipelineRun) (PipelineStarted, error) {
	id, err := a.started(ctx, in)
	if err != nil || id != "" {
		return PipelineStarted{id}, err
	}
	if err := fence(ctx, a.records, in.Operation+"/"+pipelineState(in.Pipeline)); err != nil {
		return PipelineStarted{}, err
	}
	name := sha256.Sum256([]byte(in.Pipeline)) // a token takes fewer signs than a name
	out, err := a.client.StartPipelineExecution(ctx, &codepipeline.StartPipelineExecutionInput{
		Name: &in.Pipeline, ClientRequestToken: aws.String("tejun-" + in.Operation + "-" + hex.EncodeToString(name[:6])),
		SourceRevisions: []types.SourceRevisionOverride{{
			ActionName: &in.Shape.SourceAction, RevisionType: types.SourceRevisionTypeImageDigest, RevisionValue: &in.Digest,
		}},
	})
	if err != nil {
		return PipelineStarted{}, Classify(err, "start the pipeline "+in.Pipeline+" with "+in.Digest)
	}
	id = aws.ToString(out.PipelineExecutionId)
	if _, err := a.records.SaveState(ctx, in.Operation, pipelineState(in.Pipeline), []byte(id)); err != nil {
		return PipelineStarted{}, recordsError(err, "keep which execution of "+in.Pipeline+" was started")
	}
	return PipelineStarted{id}, nil
}

// started is the execution that the run has started, "" if none is known.
func (a *CodePipeline) started(ctx context.Context, in PipelineRun) (string, error) {
	if err := checkOperation(in.Operation); err != nil {
		return "", err
	}
	id, err := a.records.LoadState(ctx, in.Operation, pipelineState(in.Pipeline))
	if errors.Is(err, records.ErrNotFound) {
		return "", nil
	}
	return string(id), recordsError(err, "look which execution of "+in.Pipeline+" was started")
}

// ApproveCodePipelineExecution waits until our own execution stands at the pipeline's approval, and gives it, once. The words that
// it is given with say whose it is: an approval by anybody else is an error (Drifted), and so the release is not taken for approved.
func (a *CodePipeline) ApproveCodePipelineExecution(ctx context.Context, in PipelineRun) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	own := "tejun " + in.Operation + ", plan "
	summary := own + in.Plan
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		action, there, err := a.approval(ctx, in)
		if err != nil {
			return false, "", err
		}
		words := fmt.Sprintf("execution %s of %s has not reached its approval", in.ExecutionID, in.Pipeline)
		if !there {
			return false, words, a.alive(ctx, in)
		}
		switch {
		case action.Status == types.ActionExecutionStatusInProgress && aws.ToString(action.Token) != "":
			return false, "the approval is given", a.approve(ctx, in, aws.ToString(action.Token), summary)
		case action.Status == types.ActionExecutionStatusInProgress:
			return false, words, nil
		case action.Status != types.ActionExecutionStatusSucceeded:
			return false, "", fail(Unfit, "the approval of the execution %s of %s is %s (%s), and not by this run", in.ExecutionID, in.Pipeline, action.Status, aws.ToString(action.Summary))
		case !strings.HasPrefix(aws.ToString(action.Summary), own):
			return false, "", fail(Drifted, "somebody else has approved the execution %s of %s (%q): look who did, then answer rollback", in.ExecutionID, in.Pipeline, aws.ToString(action.Summary))
		}
		return true, "approved", nil
	})
}

// approve gives the approval. One that was answered meanwhile is looked at again: it may have been by an attempt of ours.
func (a *CodePipeline) approve(ctx context.Context, in PipelineRun, token, summary string) error {
	if err := fence(ctx, a.records, in.Operation+"/"+pipelineState(in.Pipeline)+"/approval"); err != nil {
		return err
	}
	_, err := a.client.PutApprovalResult(ctx, &codepipeline.PutApprovalResultInput{
		PipelineName: &in.Pipeline, StageName: &in.Shape.ApprovalStage, ActionName: &in.Shape.ApprovalAction, Token: &token,
		Result: &types.ApprovalResult{Status: types.ApprovalStatusApproved, Summary: &summary},
	})
	if code := errorCode(err); code == "ApprovalAlreadyCompletedException" || code == "InvalidApprovalTokenException" {
		return fail(NotYet, "the approval of %s: %s; it is looked at again", in.Pipeline, reason(err))
	}
	return Classify(err, "approve the execution "+in.ExecutionID+" of "+in.Pipeline)
}

// approval is the pipeline's approval action, if it is our execution that it shows.
func (a *CodePipeline) approval(ctx context.Context, in PipelineRun) (action types.ActionExecution, there bool, err error) {
	out, err := a.client.GetPipelineState(ctx, &codepipeline.GetPipelineStateInput{Name: &in.Pipeline})
	if err != nil {
		return action, false, Classify(err, "read the state of the pipeline "+in.Pipeline)
	}
	for _, stage := range out.StageStates {
		if aws.ToString(stage.StageName) != in.Shape.ApprovalStage || stage.LatestExecution == nil || aws.ToString(stage.LatestExecution.PipelineExecutionId) != in.ExecutionID {
			continue
		}
		for _, state := range stage.ActionStates {
			if aws.ToString(state.ActionName) == in.Shape.ApprovalAction && state.LatestExecution != nil {
				return *state.LatestExecution, true, nil
			}
		}
	}
	return action, false, nil
}

// alive makes sure that the execution has not ended.
func (a *CodePipeline) alive(ctx context.Context, in PipelineRun) error {
	status, why, err := a.status(ctx, in)
	if err == nil && status != types.PipelineExecutionStatusInProgress {
		err = fail(Unfit, "the execution %s of %s is %s: %s", in.ExecutionID, in.Pipeline, status, orNothing(why))
	}
	return err
}

func (a *CodePipeline) status(ctx context.Context, in PipelineRun) (types.PipelineExecutionStatus, string, error) {
	out, err := a.client.GetPipelineExecution(ctx, &codepipeline.GetPipelineExecutionInput{PipelineName: &in.Pipeline, PipelineExecutionId: &in.ExecutionID})
	if err != nil {
		err = Classify(err, "read the execution "+in.ExecutionID+" of "+in.Pipeline)
		if isType(err, NotFound) { // it was just started; reads lag behind
			err = fail(NotYet, "%v", err)
		}
		return "", "", err
	}
	return out.PipelineExecution.Status, aws.ToString(out.PipelineExecution.StatusSummary), nil
}

// AwaitCodePipelineExecution waits for the execution's end. That it succeeded says nothing about what runs: see AwaitECSRelease.
func (a *CodePipeline) AwaitCodePipelineExecution(ctx context.Context, in PipelineRun) (struct{}, error) {
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		status, why, err := a.status(ctx, in)
		switch {
		case err != nil:
			return false, "", err
		case status == types.PipelineExecutionStatusSucceeded:
			return true, "succeeded", nil
		case status != types.PipelineExecutionStatusInProgress && status != types.PipelineExecutionStatusStopping:
			return false, "", fail(Unfit, "the execution %s of %s is %s: %s", in.ExecutionID, in.Pipeline, status, orNothing(why))
		}
		return false, fmt.Sprintf("execution %s of %s is %s", in.ExecutionID, in.Pipeline, status), nil
	})
}

// StopCodePipelineExecutions is the way back: whatever this run has started, or may have started, and is not at its end deploys
// no more. The run holds the service, so an execution in progress with its image is its own.
func (a *CodePipeline) StopCodePipelineExecutions(ctx context.Context, in PipelineRun) (struct{}, error) {
	own, err := a.started(ctx, in)
	if err != nil {
		return struct{}{}, err
	}
	for _, key := range []string{"", "/approval"} { // so that no old attempt starts or approves it afterwards
		if err := fence(ctx, a.records, in.Operation+"/"+pipelineState(in.Pipeline)+key); err != nil {
			return struct{}{}, err
		}
	}
	calm := 0 // readings in a row that showed none: the first may be of a moment ago
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		moving, err := a.inProgress(ctx, in, own)
		if err != nil {
			return false, "", err
		}
		if calm++; len(moving) > 0 {
			calm = 0
		}
		for _, id := range moving {
			_, err := a.client.StopPipelineExecution(ctx, &codepipeline.StopPipelineExecutionInput{
				PipelineName: &in.Pipeline, PipelineExecutionId: &id, Abandon: true, Reason: aws.String("tejun " + in.Operation + " is given up"),
			})
			if code := errorCode(err); code == "DuplicatedStopRequestException" || code == "PipelineExecutionNotStoppableException" {
				err = nil // it is read again
			}
			if err != nil {
				return false, "", Classify(err, "stop the execution "+id+" of "+in.Pipeline)
			}
		}
		return calm > 1, fmt.Sprintf("%d executions of %s are stopping", len(moving), in.Pipeline), nil
	})
}

func (a *CodePipeline) inProgress(ctx context.Context, in PipelineRun, own string) (ids []string, err error) {
	out, err := a.client.ListPipelineExecutions(ctx, &codepipeline.ListPipelineExecutionsInput{PipelineName: &in.Pipeline, MaxResults: aws.Int32(100)})
	if err != nil {
		return nil, Classify(err, "list the executions of "+in.Pipeline)
	}
	for _, e := range out.PipelineExecutionSummaries {
		ours := aws.ToString(e.PipelineExecutionId) == own || slices.ContainsFunc(e.SourceRevisions, func(r types.SourceRevision) bool { return aws.ToString(r.RevisionId) == in.Digest })
		if ours && (e.Status == types.PipelineExecutionStatusInProgress || e.Status == types.PipelineExecutionStatusStopping) {
			ids = append(ids, aws.ToString(e.PipelineExecutionId))
		}
	}
	return ids, nil
}

func orNothing(s string) string {
	if s == "" {
		return "CodePipeline does not say why"
	}
	return s
}

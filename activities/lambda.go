package activities

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"

	"tejun/internal/plan"
)

// LambdaRelease is code that a function's alias is to run.
type LambdaRelease struct {
	Function   string  `json:"function"`
	Alias      string  `json:"alias"`
	CodeSHA256 string  `json:"codeSha256"` // in base64, as Lambda writes it
	Code       Archive `json:"code"`       // where it lies
}

// Archive is a version of an object in S3.
type Archive struct {
	Bucket  string `json:"bucket"`
	Key     string `json:"key"`
	Version string `json:"version"`
}

// LambdaPlan asks for the plan of a release.
type LambdaPlan struct {
	Operation string `json:"operation"`
	LambdaRelease
}

// LambdaPlanned is the planned change of an alias, and the code of $LATEST that it was planned on.
type LambdaPlanned struct {
	Change  plan.Change `json:"change"`
	Latest  string      `json:"latest"`  // code SHA-256
	Version string      `json:"version"` // that the alias points to
}

// LambdaChange brings a planned release of a function on its way.
type LambdaChange struct {
	Operation string `json:"operation"`
	LambdaRelease
	Latest  string    `json:"latest"`  // code SHA-256 of $LATEST that was planned on
	Version string    `json:"version"` // that the alias is to point to; "" until it is published
	Change  ChangeRef `json:"change"`
}

// LambdaPublished is a version of a function.
type LambdaPublished struct {
	Version string `json:"version"`
}

// lambdaAPI is the calls used.
type lambdaAPI interface {
	GetFunctionConfiguration(context.Context, *lambda.GetFunctionConfigurationInput, ...func(*lambda.Options)) (*lambda.GetFunctionConfigurationOutput, error)
	GetAlias(context.Context, *lambda.GetAliasInput, ...func(*lambda.Options)) (*lambda.GetAliasOutput, error)
	UpdateFunctionCode(context.Context, *lambda.UpdateFunctionCodeInput, ...func(*lambda.Options)) (*lambda.UpdateFunctionCodeOutput, error)
	PublishVersion(context.Context, *lambda.PublishVersionInput, ...func(*lambda.Options)) (*lambda.PublishVersionOutput, error)
	UpdateAlias(context.Context, *lambda.UpdateAliasInput, ...func(*lambda.Options)) (*lambda.UpdateAliasOutput, error)
}

// Lambda releases code: into $LATEST, which nobody calls, from there into a version, and then the alias points to that.
type Lambda struct {
	client  lambdaAPI
	changes changer
}

// aliasState is where an alias points. Versions never change, so the code is the version's for good.
type aliasState struct {
	Version    string `json:"version"`
	CodeSHA256 string `json:"codeSha256"`
}

// PlanLambdaRelease plans that the alias runs the code.
func (a *Lambda) PlanLambdaRelease(ctx context.Context, in LambdaPlan) (LambdaPlanned, error) {
	latest, err := a.configuration(ctx, in.Function, "")
	if err != nil {
		return LambdaPlanned{}, err
	}
	planned := LambdaPlanned{Latest: aws.ToString(latest.CodeSha256)}
	title := fmt.Sprintf("Lambda 関数 %s: エイリアス %s を新しいコードの版へ切替", in.Function, in.Alias)
	planned.Change, err = a.object(in.LambdaRelease, "").planAgain(ctx, in.Operation, title, func(parts map[string]aliasState) any {
		state := parts[in.Alias]
		if state.Version != "" {
			planned.Version = state.Version
		}
		if state.CodeSHA256 == in.CodeSHA256 {
			return map[string]any{"codeSha256": state.CodeSHA256, "from": in.Code}
		}
		return map[string]any{"codeSha256": state.CodeSHA256, "version": state.Version, "$LATEST": planned.Latest}
	})
	return planned, err
}

// UpdateLambdaCode puts the code into $LATEST and waits until it is ready. Code there that the plan does not know is somebody
// else's, and stays (Drifted).
func (a *Lambda) UpdateLambdaCode(ctx context.Context, in LambdaChange) (struct{}, error) {
	if err := checkOperation(in.Operation); err != nil {
		return struct{}{}, err
	}
	now, err := a.configuration(ctx, in.Function, "")
	if err != nil {
		return struct{}{}, err
	}
	code := aws.ToString(now.CodeSha256)
	if code != in.CodeSHA256 && code != in.Latest {
		return struct{}{}, fail(Drifted, "the code of %s ($LATEST) is %s, which is neither what was planned on (%s) nor what was approved (%s): somebody else works on it. Nothing was overwritten", in.Function, code, in.Latest, in.CodeSHA256)
	}
	if code != in.CodeSHA256 {
		if err := fence(ctx, a.changes.records, in.Operation+"/lambda:"+in.Function); err != nil {
			return struct{}{}, err
		}
		_, err := a.client.UpdateFunctionCode(ctx, &lambda.UpdateFunctionCodeInput{
			FunctionName: &in.Function, S3Bucket: &in.Code.Bucket, S3Key: &in.Code.Key, S3ObjectVersion: &in.Code.Version, RevisionId: now.RevisionId,
		})
		if err != nil {
			return struct{}{}, Classify(err, "update the code of "+in.Function)
		}
	}
	return struct{}{}, poll(ctx, func(ctx context.Context) (bool, string, error) {
		now, err := a.configuration(ctx, in.Function, "")
		if err != nil {
			return false, "", err
		}
		if now.LastUpdateStatus == types.LastUpdateStatusFailed {
			return false, "", fail(Unfit, "the new code of %s cannot be used: %s", in.Function, aws.ToString(now.LastUpdateStatusReason))
		}
		ready := now.LastUpdateStatus == types.LastUpdateStatusSuccessful && aws.ToString(now.CodeSha256) == in.CodeSHA256
		return ready, fmt.Sprintf("the code of %s is %s, its update %s", in.Function, aws.ToString(now.CodeSha256), now.LastUpdateStatus), nil
	})
}

// PublishLambdaVersion makes a version of the approved code. Lambda makes none where the newest has that code already.
func (a *Lambda) PublishLambdaVersion(ctx context.Context, in LambdaChange) (LambdaPublished, error) {
	if err := checkOperation(in.Operation); err != nil {
		return LambdaPublished{}, err
	}
	if err := fence(ctx, a.changes.records, in.Operation+"/lambda:"+in.Function); err != nil {
		return LambdaPublished{}, err
	}
	out, err := a.client.PublishVersion(ctx, &lambda.PublishVersionInput{
		FunctionName: &in.Function, CodeSha256: &in.CodeSHA256, Description: aws.String("tejun " + in.Operation),
	})
	if err != nil {
		return LambdaPublished{}, Classify(err, "publish a version of "+in.Function)
	}
	if got := aws.ToString(out.CodeSha256); got != in.CodeSHA256 {
		return LambdaPublished{}, fail(Drifted, "version %s of %s has the code %s, not %s as approved", aws.ToString(out.Version), in.Function, got, in.CodeSHA256)
	}
	return LambdaPublished{aws.ToString(out.Version)}, nil
}

// PointLambdaAlias lets the alias point to the published version.
func (a *Lambda) PointLambdaAlias(ctx context.Context, in LambdaChange) (struct{}, error) {
	if in.Version == "" {
		return struct{}{}, fail(InvalidInput, "the alias %s of %s: the version is missing, publish it first", in.Alias, in.Function)
	}
	o := a.object(in.LambdaRelease, in.Version)
	if err := o.begin(ctx, in.Operation, in.Change, as); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, o.apply(ctx, in.Operation, in.Change)
}

// RevertLambdaAlias lets the alias point where it did. $LATEST and the version stay: nobody calls them.
func (a *Lambda) RevertLambdaAlias(ctx context.Context, in LambdaChange) (struct{}, error) {
	// So that an old attempt does not bring its code in afterwards.
	if err := fence(ctx, a.changes.records, in.Operation+"/lambda:"+in.Function); err != nil {
		return struct{}{}, err
	}
	return struct{}{}, a.object(in.LambdaRelease, in.Version).revert(ctx, in.Operation, in.Change)
}

// CheckLambdaAlias makes sure that the alias points to the published version, and that this has the approved code.
func (a *Lambda) CheckLambdaAlias(ctx context.Context, in LambdaChange) (struct{}, error) {
	return struct{}{}, a.object(in.LambdaRelease, in.Version).stays(ctx, in.Operation, in.Change)
}

func (a *Lambda) configuration(ctx context.Context, function, qualifier string) (*lambda.GetFunctionConfigurationOutput, error) {
	in := &lambda.GetFunctionConfigurationInput{FunctionName: &function}
	if qualifier != "" {
		in.Qualifier = &qualifier
	}
	out, err := a.client.GetFunctionConfiguration(ctx, in)
	return out, Classify(err, "read the function "+function+" "+qualifier)
}

func (a *Lambda) object(in LambdaRelease, version string) object[aliasState] {
	return object[aliasState]{
		changer:  a.changes,
		resource: "lambda:" + in.Function + ":" + in.Alias,
		read: func(ctx context.Context) (map[string]aliasState, map[string]string, error) {
			alias, err := a.client.GetAlias(ctx, &lambda.GetAliasInput{FunctionName: &in.Function, Name: &in.Alias})
			if err != nil {
				return nil, nil, Classify(err, "read the alias "+in.Alias+" of "+in.Function)
			}
			if r := alias.RoutingConfig; r != nil && len(r.AdditionalVersionWeights) > 0 {
				return nil, nil, fail(InvalidInput, "the alias %s of %s sends some calls to another version: end that first", in.Alias, in.Function)
			}
			points := aws.ToString(alias.FunctionVersion)
			code, err := a.configuration(ctx, in.Function, points)
			if err != nil {
				return nil, nil, err
			}
			return single(in.Alias, aliasState{points, aws.ToString(code.CodeSha256)}, aws.ToString(alias.RevisionId))
		},
		change: func(aliasState) (aliasState, error) { return aliasState{version, in.CodeSHA256}, nil },
		write: func(ctx context.Context, parts map[string]aliasState, revisions map[string]string) error {
			to, revision := parts[in.Alias].Version, revisions[in.Alias]
			_, err := a.client.UpdateAlias(ctx, &lambda.UpdateAliasInput{FunctionName: &in.Function, Name: &in.Alias, FunctionVersion: &to, RevisionId: &revision})
			return Classify(err, fmt.Sprintf("point the alias %s of %s to version %s", in.Alias, in.Function, to))
		},
		whole: func(s aliasState) any { return s.CodeSHA256 }, // the version's number is not known before it is published
		show:  func(s aliasState) any { return s },
	}
}

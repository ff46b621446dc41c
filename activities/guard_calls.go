package activities

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"tejun/internal/system"
)

// ErrorFault makes guardError an error as AWS's are: the caller's own.
func (e *guardError) ErrorFault() smithy.ErrorFault { return smithy.FaultClient }

// guarded is a copy of cfg whose clients refuse what the guard of their context does not let pass. Outside a guarded runbook they
// do what they always did.
func guarded(cfg aws.Config, describe func() (*system.System, error)) aws.Config {
	sight := newGuardSight(cfg)
	cfg = cfg.Copy()
	cfg.APIOptions = append(slices.Clone(cfg.APIOptions), func(stack *middleware.Stack) error {
		// The first step of a call: nothing of one that is refused is even written down for sending.
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("TejunGuard", //nolint:misspell // the name of the SDK's step
			func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
				call := guardCall{
					service: awsmiddleware.GetServiceID(ctx), operation: awsmiddleware.GetOperationName(ctx), region: awsmiddleware.GetRegion(ctx), input: in.Parameters,
				}
				if err := permit(ctx, call, describe, sight); err != nil {
					return middleware.InitializeOutput{}, middleware.Metadata{}, err
				}
				return next.HandleInitialize(ctx, in)
			}), middleware.After)
	})
	return cfg
}

// guardCall is a call to AWS that is about to be made.
type guardCall struct {
	service, operation, region string
	input                      any // typed, as the SDK has it
}

// permit returns why the call must not be made, or nil.
func permit(ctx context.Context, call guardCall, describe func() (*system.System, error), sight guardSight) error {
	watch, ok := ctx.Value(guardKey{}).(*guardWatch)
	if !ok || isRead(call.operation) {
		return nil
	}
	drills, err := watch.drills(ctx)
	if err != nil || !drills {
		return err
	}
	what := fmt.Sprintf("%s %s in %s", call.service, call.operation, call.region)
	s, err := describe()
	if err != nil { // then nothing is known to be allowed
		return watch.refuse(what, err.Error())
	}
	scope, err := scopeOf(s)
	if err != nil {
		return watch.refuse(what, err.Error())
	}
	if watch.runbook == readinessRunbook {
		scope = drillScope{}
	}
	touched, why := scope.judge(call)
	if why != "" {
		return watch.refuse(what, why)
	}
	if usesDR(call) {
		why, err := sight.serves.standing(ctx, s, watch.store)
		if err != nil {
			return watch.doubts(err)
		}
		if why != "" {
			return watch.refuse(what, why)
		}
	}
	why, err = sight.strange(ctx, s, scope, call, watch)
	if err != nil {
		return watch.doubts(err)
	}
	if why != "" {
		return watch.refuse(what, why)
	}
	for _, r := range touched {
		r.region, r.account = call.region, s.AWS.Account
		found, err := sight.tags.read(ctx, r)
		if err != nil {
			return watch.doubts(err) // while the tags cannot be read nothing is let through
		}
		if value, there := found[scope.tagKey]; there && value == scope.tagValue {
			return watch.refuse(what, fmt.Sprintf("%s carries the tag %s=%s, by which system.yaml knows production", r.name, scope.tagKey, scope.tagValue))
		}
	}
	return nil
}

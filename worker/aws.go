package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// awsChoice is which AWS the worker works on.
type awsChoice struct {
	real    bool
	sandbox string // folder
}

func parseAWS(value string) (awsChoice, error) {
	switch dir, isSandbox := strings.CutPrefix(value, "sandbox:"); {
	case value == "real":
		return awsChoice{real: true}, nil
	case isSandbox && dir != "":
		return awsChoice{sandbox: dir}, nil
	case value == "":
		return awsChoice{}, errors.New("missing: set it to real, or to sandbox:DIR with a folder for the sandbox's state")
	default:
		return awsChoice{}, fmt.Errorf("%q is unknown: set it to real, or to sandbox:DIR with a folder for the sandbox's state", value)
	}
}

// open builds the configuration of all AWS clients, and what must be closed when they are not needed any more.
func (a awsChoice) open(ctx context.Context, sys *system.System) (cfg aws.Config, closeAWS func() error, err error) {
	if a.sandbox != "" {
		return openSandbox(ctx, a.sandbox, sys)
	}
	cfg, err = config.LoadDefaultConfig(ctx, config.WithRegion(sys.AWS.Region))
	if err != nil {
		return aws.Config{}, nil, fmt.Errorf("AWS settings: %w", err)
	}
	if err := checkAccount(ctx, cfg, sys.AWS.Account); err != nil {
		return aws.Config{}, nil, err
	}
	return cfg, func() error { return nil }, nil
}

func openSandbox(ctx context.Context, dir string, sys *system.System) (aws.Config, func() error, error) {
	box, err := sandbox.Open(dir)
	if err != nil {
		return aws.Config{}, nil, err
	}
	if err := box.Seed(ctx, sys); err != nil {
		return aws.Config{}, nil, errors.Join(err, box.Close())
	}
	cfg := aws.Config{Region: sys.AWS.Region}
	box.Configure(&cfg)
	return cfg, box.Close, nil
}

// checkAccount makes sure that the credentials belong to the account that is described: with those of another one, a
// runbook would change the wrong system.
func checkAccount(ctx context.Context, cfg aws.Config, want string) error {
	caller, err := sts.NewFromConfig(cfg).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		return fmt.Errorf("ask AWS who this worker is (the SDK's settings give the credentials: a role, AWS_PROFILE, AWS_ACCESS_KEY_ID …): %w", err)
	}
	if got := aws.ToString(caller.Account); got != want {
		return fmt.Errorf("the AWS credentials belong to account %s, system.yaml describes account %s: give the credentials of that account", got, want)
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/spf13/cobra"

	"tejun/internal/operated"
	"tejun/internal/preflight"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func (a *app) checkCommand() *cobra.Command {
	var all bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Check AWS against system.yaml: is everything there, is every call permitted?",
		Long: `Checks, without changing anything, that every resource that system.yaml names exists and is fit for use, and that the
caller's role may make every call that the runbooks make (IAM is asked to simulate them). Prints what is missing and how
to mend it. Of data loads it checks the declarations, the buckets, the hosts, and, where TEJUN_OPERATED_DATABASE_URL names the
operated system's database as it does for the worker, the rights on the tables.

Exit code 0: all is well. 1: something is missing, or could not be looked up.`,
		Example: "  starter check\n  starter check --all\n  starter check --aws real --system system.yaml --json",
		Args:    cobra.NoArgs,
		RunE:    func(cmd *cobra.Command, _ []string) error { return a.check(cmd.Context(), all) },
	}
	c.Flags().BoolVar(&all, "all", false, "print what is well, too")
	return c
}

func (a *app) check(ctx context.Context, all bool) error {
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	where, err := a.locate()
	if err != nil {
		return err
	}
	cfg, where2, done, err := a.awsConfig(ctx, where.AWS, sys)
	if err != nil {
		return err
	}
	defer done()
	if !a.json {
		a.printf("%s on %s\n", where.System, where2)
	}
	data, err := operated.Open(where.Operated)
	if err != nil {
		return usage("%s: %w", operated.Variable, err)
	}
	defer data.Close()
	report := preflight.Run(ctx, cfg, sys, data)
	return a.printReport(report, all)
}

// awsConfig is the sandbox's or the account's. The caller calls done when finished.
func (a *app) awsConfig(ctx context.Context, which string, sys *system.System) (cfg aws.Config, name string, done func(), err error) {
	dir, isSandbox := strings.CutPrefix(which, "sandbox:")
	switch {
	case isSandbox && dir != "":
		box, err := sandbox.Open(dir)
		if err != nil {
			return cfg, "", nil, err
		}
		cfg.Region = sys.AWS.Region
		box.Configure(&cfg)
		return cfg, "the sandbox in " + dir, func() { _ = box.Close() }, nil // nothing was written
	case which == "" || which == "real":
		cfg, err = config.LoadDefaultConfig(ctx, config.WithRegion(sys.AWS.Region))
		if err != nil {
			return cfg, "", nil, fmt.Errorf("AWS configuration: %w", err)
		}
		return cfg, "AWS account " + sys.AWS.Account, func() {}, nil
	}
	return cfg, "", nil, usage("TEJUN_AWS or --aws is %q: write sandbox:DIR or real", which)
}

func (a *app) printReport(r preflight.Report, all bool) error {
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	} else {
		if r.Caller != "" {
			a.printf("as %s\n\n", r.Caller)
		}
		colours := map[preflight.State]string{preflight.OK: green, preflight.Unknown: yellow, preflight.Skipped: yellow}
		for _, f := range r.Findings {
			if f.State == preflight.OK && !all {
				continue
			}
			colour := colours[f.State]
			if colour == "" {
				colour = red
			}
			a.printf("%s %s %s\n", a.paint(colour, fmt.Sprintf("%-8s", f.State)), f.Area, a.paint(bold, f.Resource))
			if f.State != preflight.OK {
				a.printf("         %s\n         mend: %s\n", oneLine(f.Problem), f.Mend)
			}
		}
	}
	if problems := len(r.Problems()); problems > 0 {
		return fmt.Errorf("%d of %d checks found something", problems, len(r.Findings))
	}
	if !a.json {
		a.printf("%s all %d checks are well\n", a.paint(green, "ok"), len(r.Findings))
	}
	return nil
}

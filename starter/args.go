package main

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// exactArgs wants n arguments and says in words what they are.
func exactArgs(n int, what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != n {
			return usage("`%s` needs %s; `%s --help` has examples", cmd.CommandPath(), what, cmd.CommandPath())
		}
		return nil
	}
}

func completeRunbooks(_ *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return withPrefix(runbookNames(), start), cobra.ShellCompDirectiveNoFileComp
}

// completeOpenRuns offers the open runs; completeRuns the closed ones too. A server that does not answer at once is
// no reason to make the shell wait.
func (a *app) completeOpenRuns(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	return a.completeFrom(cmd, args, start, "TejunRunbook IS NOT NULL AND ExecutionStatus = 'Running'")
}

func (a *app) completeRuns(cmd *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
	return a.completeFrom(cmd, args, start, "TejunRunbook IS NOT NULL")
}

func (a *app) completeFrom(cmd *cobra.Command, args []string, start, query string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	ctx, cancel := context.WithTimeout(cmd.Context(), 2*time.Second)
	defer cancel()
	c, err := a.temporal(ctx)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	defer c.Close()
	runs, err := a.listRuns(ctx, c, query, 100)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var ids []string
	for _, r := range runs {
		ids = append(ids, r.GetExecution().GetWorkflowId()+"\t"+attribute(r, "TejunState"))
	}
	return withPrefix(ids, start), cobra.ShellCompDirectiveNoFileComp
}

func (a *app) completePeople(_ *cobra.Command, _ []string, start string) ([]string, cobra.ShellCompDirective) {
	sys, err := a.loadSystem()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var people []string
	for _, p := range sys.People {
		people = append(people, p.ID+"\t"+p.Name.Ja+" "+strings.Join(p.Roles, ","))
	}
	return withPrefix(people, start), cobra.ShellCompDirectiveNoFileComp
}

func withPrefix(all []string, start string) []string {
	var some []string
	for _, s := range all {
		if strings.HasPrefix(s, start) {
			some = append(some, s)
		}
	}
	return some
}

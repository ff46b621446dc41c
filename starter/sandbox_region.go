package main

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"

	"tejun/internal/sandbox"
)

// regionFates are what can become of a region.
var regionFates = []string{"lose", "hang", "restore"}

func (a *app) regionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "region [lose|hang|restore REGION]",
		Short: "Cut a region off as a disaster does, or bring it back",
		Long: `Every call to a lost region ends as a lost connection, and its part of the simulated site does not answer; what runs there
goes on, as nobody outside can tell. One that hangs takes connections and answers nothing: each call ends only when nobody waits
for it any longer. Without arguments it lists the regions that are lost.`,
		Example: "  starter sandbox region lose ap-northeast-1\n  starter sandbox region restore ap-northeast-1\n  starter sandbox region",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) == 2 && slices.Contains(regionFates, args[0]) {
				return nil
			}
			return usage("give nothing, or lose, hang or restore and a region, such as lose ap-northeast-1")
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, start string) ([]string, cobra.ShellCompDirective) {
			if len(args) == 0 {
				return withPrefix(regionFates, start), cobra.ShellCompDirectiveNoFileComp
			}
			return nil, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return a.withSandbox(func(box *sandbox.Sandbox) error {
				if len(args) == 2 {
					change := map[string]func(string) error{"lose": box.LoseRegion, "hang": box.HangRegion, "restore": box.RestoreRegion}[args[0]]
					if err := change(args[1]); err != nil {
						return usage("%w", err)
					}
				}
				return a.printLost(box)
			})
		},
	}
}

func (a *app) printLost(box *sandbox.Sandbox) error {
	lost, err := box.LostRegions()
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(lost)
	}
	if len(lost) == 0 {
		a.printf("Every region can be reached.\n")
		return nil
	}
	now, zone := a.now(), a.zone()
	g := newGrid("LOST REGION", "SINCE")
	for _, region := range slices.Sorted(maps.Keys(lost)) {
		g.add(region, clock(lost[region], now, zone))
	}
	g.print(a, "")
	return nil
}

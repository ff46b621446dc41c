// Command worker carries out the runbooks.
//
//	worker            the production worker: connections come from the environment, see docs/production.md
//	worker dev        everything on one machine: Temporal with its UI, PostgreSQL, the AWS sandbox, the site, the worker
//	worker migrate    brings the database's schema up to date, with the owner's rights
//	worker healthcheck   asks a running worker how it is, for container platforms
//	worker load       does the heavy part of one data load and ends; a Fargate task runs it, see docs/data.md
//	worker site       the simulated public site of a sandbox, by itself
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the zones travel with the program, as a minimal image has none

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/contrib/envconfig"
)

// surroundings is what the commands use of the process.
type surroundings struct {
	out, err io.Writer
	env      envconfig.EnvLookup
	cacheDir func() (string, error)
}

func main() {
	s := surroundings{out: os.Stdout, err: os.Stderr, env: envconfig.EnvLookupOS, cacheDir: os.UserCacheDir}
	ctx, stop := untilStopped(context.Background())
	defer stop()
	if err := newRoot(s).ExecuteContext(ctx); err != nil {
		fmt.Fprintln(os.Stderr, "worker: "+err.Error())
		stop()
		os.Exit(1) //nolint:gocritic // nothing else is deferred
	}
}

func newRoot(s surroundings) *cobra.Command {
	root := &cobra.Command{
		Use:   "worker",
		Short: "Carry out the runbooks",
		Long: `worker carries out the runbooks of tejun. Without a command it is the production worker, which takes its
connections from the environment:

` + settingsHelp + `
Temporal's own settings (TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_PROFILE, TEMPORAL_API_KEY, TEMPORAL_TLS_…) and its
configuration file are read as every Temporal program reads them.

For trying out and for development, ` + "`worker dev`" + ` starts all that is needed.`,
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return production(cmd.Context(), s, nil) },
	}
	root.SetOut(s.out)
	root.SetErr(s.err)
	root.AddCommand(devCommand(s), migrateCommand(s), healthcheckCommand(s), loadCommand(s), siteCommand(s))
	return root
}

// errInterrupted is the cause of a context that ended because somebody wants the process to stop.
var errInterrupted = errors.New("asked to stop")

// untilStopped is a context that ends with SIGINT or SIGTERM. After the first signal the default is back, so that a
// second Ctrl-C ends a process that hangs while it stops. It ends too when a `go run` around this process is gone:
// `go run` dies of a SIGTERM without passing it on.
func untilStopped(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case got := <-signals:
			signal.Stop(signals)
			cancel(fmt.Errorf("%w (%s)", errInterrupted, got))
		case <-goRunGone(ctx):
			cancel(fmt.Errorf("%w (`go run` has ended)", errInterrupted))
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

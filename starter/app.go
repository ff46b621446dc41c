package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/contrib/envconfig"

	"tejun/internal/calendar"
	"tejun/internal/system"
)

// app is what the commands share: the streams, the global flags, and what was found out about the surroundings.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      envconfig.EnvLookup
	now      func() time.Time
	cacheDir func() (string, error)

	as        string
	state     string
	address   string
	namespace string
	profile   string
	database  string
	aws       string
	system    string
	json      bool
	color     string
	timeout   time.Duration

	parsed bool       // the command line was understood and a command is running
	found  *addresses // filled by locate, once
	sys    *system.System
}

func newApp() *app {
	return &app{
		in: os.Stdin, out: os.Stdout, err: os.Stderr,
		env: envconfig.EnvLookupOS, now: time.Now, cacheDir: os.UserCacheDir,
	}
}

func newRoot(a *app) *cobra.Command {
	root := &cobra.Command{
		Use:   "starter",
		Short: "Start, watch and answer runbooks",
		Long: `starter works with the runbooks of tejun: operation procedures that run as Temporal workflows, wait for
people's approval, can be put back, and leave evidence.

A run's life:
  catalog                 which of the 28 operation tasks there are, and which run
  start                   validates the input, then starts a run and prints its ID
  show                    what one looks at in the night: steps, plan, what it waits for, who can answer
  approve, reject         answer a gate
  retry, skip, rollback   answer a held step
  done, extend, return    report work as finished, or decide about the window
  cancel                  give up; what was changed is put back
  evidence verify         check that nothing in the record was changed, removed or reordered

It finds the servers by itself after ` + "`go run ./worker dev`" + `. Elsewhere it takes TEMPORAL_ADDRESS or a profile of
Temporal's configuration file, TEJUN_DATABASE_URL, TEJUN_SYSTEM and TEJUN_AWS, or the flags of the same meaning.

Exit codes: 0 done · 1 failed · 2 the command line or the input is wrong · 3 refused by a rule, a run or a reservation.`,
		Example: `  starter catalog
  starter start PlannedOutage --input examples/planned-outage.json
  starter show planned-outage-20261124-0300-x7k2 --watch
  starter approve planned-outage-20261124-0300-x7k2 --as suzuki --reason "計画を確認した"
  starter evidence verify planned-outage-20261124-0300-x7k2`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return a.begin(cmd) },
	}
	f := root.PersistentFlags()
	f.StringVar(&a.as, "as", "", "person who speaks, ID or account of system.yaml (env TEJUN_AS)")
	f.BoolVar(&a.json, "json", false, "machine-readable output")
	f.StringVar(&a.color, "color", "auto", "colour: auto, always or never (NO_COLOR is honoured)")
	f.DurationVar(&a.timeout, "timeout", 20*time.Second, "how long to wait for a server's or a run's answer")
	f.StringVar(&a.state, "state", "", "state folder of a `worker dev`: use its servers")
	f.StringVar(&a.address, "address", "", "Temporal's address (env TEMPORAL_ADDRESS)")
	f.StringVar(&a.namespace, "namespace", "", "Temporal namespace (env TEMPORAL_NAMESPACE)")
	f.StringVar(&a.profile, "profile", "", "profile of Temporal's configuration file (env TEMPORAL_PROFILE)")
	f.StringVar(&a.database, "database", "", "PostgreSQL DSN of the records (env TEJUN_DATABASE_URL)")
	f.StringVar(&a.system, "system", "", "system.yaml (env TEJUN_SYSTEM)")
	f.StringVar(&a.aws, "aws", "", "\"sandbox:DIR\" for the sandbox, \"real\" for the AWS account (env TEJUN_AWS)")
	_ = root.RegisterFlagCompletionFunc("as", a.completePeople)
	_ = root.RegisterFlagCompletionFunc("color", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))

	root.AddGroup(
		&cobra.Group{ID: "know", Title: "Before a run:"},
		&cobra.Group{ID: "run", Title: "Runs:"},
		&cobra.Group{ID: "answer", Title: "Answers to a run:"},
		&cobra.Group{ID: "keep", Title: "Records and surroundings:"},
	)
	grouped := func(id string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = id
			root.AddCommand(c)
		}
	}
	grouped("know", a.catalogCommand(), a.checkCommand(), a.datasetCommand())
	grouped("run", a.startCommand(), a.listCommand(), a.showCommand())
	grouped("answer", a.answerCommands()...)
	grouped("keep", a.evidenceCommand(), a.changeCommand(), a.incidentCommand(), a.problemCommand(), a.disasterCommand(), a.locksCommand(), a.scheduleCommand(), a.sandboxCommand())
	return root
}

// begin runs before every command, after cobra has understood the line.
func (a *app) begin(cmd *cobra.Command) error {
	switch a.color {
	case "auto", "always", "never":
	default:
		return usage("--color %q: write auto, always or never", a.color)
	}
	if a.timeout <= 0 {
		return usage("--timeout %s: must be positive", a.timeout)
	}
	if a.as == "" {
		a.as, _ = a.env.LookupEnv("TEJUN_AS")
	}
	a.parsed = true
	return nil
}

// group is a command that only holds others. Without one it shows its help; an unknown one is an error.
func group(c *cobra.Command, children ...*cobra.Command) *cobra.Command {
	c.Args = cobra.NoArgs
	c.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	c.AddCommand(children...)
	return c
}

// loadSystem reads the system's description.
func (a *app) loadSystem() (*system.System, error) {
	if a.sys != nil {
		return a.sys, nil
	}
	where, err := a.locate()
	if err != nil {
		return nil, err
	}
	if where.System == "" {
		return nil, usage("the system's description was not found: give --system FILE or TEJUN_SYSTEM, or start `go run ./worker dev`")
	}
	sys, err := system.Load(where.System)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	a.sys = sys
	return sys, nil
}

func (a *app) loadCalendar() (*calendar.Calendar, error) {
	cal, err := calendar.Japan()
	if err != nil {
		return nil, fmt.Errorf("holiday calendar: %w", err)
	}
	return cal, nil
}

// zone is the system's time zone; Japan's when there is no description to read it from.
func (a *app) zone() *time.Location {
	if sys, err := a.loadSystem(); err == nil {
		return sys.Location()
	}
	return japan()
}

// japan has been without daylight saving time since 1951, so the fixed zone is exact.
func japan() *time.Location { return time.FixedZone("JST", 9*60*60) }

// self is how the CLI was called, for commands that a person is to type.
func (a *app) self() string {
	name := "starter"
	if exe, err := os.Executable(); err == nil && strings.Contains(filepath.ToSlash(exe), "/go-build") {
		name = "go run ./starter"
	}
	if a.state != "" {
		name += " --state " + shellWord(a.state)
	}
	if a.address != "" {
		name += " --address " + shellWord(a.address)
	}
	return name
}

// shellWord quotes a word for a POSIX shell if it needs it.
func shellWord(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@+,=") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

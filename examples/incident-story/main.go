// Command incident-story plays an incident from its alarm to its closure on a `worker dev`, by the command line alone. README.md
// beside it tells how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
)

func main() {
	example := flag.String("example", filepath.Join("examples", "system.yaml"), "description that \"system\" makes fast")
	starter := flag.String("starter", "", "program of the command line; it is built, if this is left out")
	state := flag.String("state", ".tejun", "state folder of the worker dev that the story is played on")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "incident-story system   prints the example's description with limits of seconds\nincident-story          plays the story\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Stdout, flag.Args(), *example, *starter, *state); err != nil {
		fmt.Fprintln(os.Stderr, "incident-story:", err)
		os.Exit(1) //nolint:gocritic // the signal's handler ends with the process
	}
}

func run(ctx context.Context, out io.Writer, args []string, example, starter, state string) (err error) {
	switch {
	case len(args) == 1 && args[0] == "system":
		text, err := os.ReadFile(example)
		if err != nil {
			return fmt.Errorf("%w: run this in the repository's folder, or give --example", err)
		}
		fast, err := hurry(string(text))
		if err != nil {
			return err
		}
		_, err = io.WriteString(out, fast)
		return err
	case len(args) != 0:
		return fmt.Errorf("%q is not known: give \"system\", or nothing to play the story", args)
	}
	if starter == "" {
		dir, err := os.MkdirTemp("", "incident-story-*")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
		starter = filepath.Join(dir, "starter")
		if text, err := exec.CommandContext(ctx, "go", "build", "-o", starter, "./starter").CombinedOutput(); err != nil {
			return fmt.Errorf("build the command line: %w: %s", err, text)
		}
	}
	return (&story{ctx: ctx, out: out, starter: starter, state: state}).play()
}

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Exit codes. Scripts rely on them.
const (
	exitFailed  = 1 // something did not work: a server does not answer, a run failed, a chain is broken
	exitUsage   = 2 // the command line or the input is wrong; nothing was started or sent
	exitRefused = 3 // the rules, the run or another run's reservation refuse it
)

// exitError carries the exit code with the message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return e.err.Error() }
func (e *exitError) Unwrap() error { return e.err }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func refused(format string, args ...any) error {
	return &exitError{exitRefused, fmt.Errorf(format, args...)}
}

// run executes one command line and returns the exit code. Every error is printed here and nowhere else.
func run(ctx context.Context, a *app, args []string) int {
	root := newRoot(a)
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if errors.Is(ctx.Err(), context.Canceled) && errors.Is(err, context.Canceled) {
		return 130 // Ctrl-C: the person knows why
	}
	code := exitFailed
	var exit *exitError
	switch {
	case errors.As(err, &exit):
		code = exit.code
	case !a.parsed: // cobra's own errors: unknown command or flag, wrong number of arguments
		code = exitUsage
	}
	if a.json {
		line, marshalled := json.Marshal(struct {
			Error    string `json:"error"`
			ExitCode int    `json:"exitCode"`
		}{err.Error(), code})
		if marshalled != nil {
			line = []byte(marshalled.Error())
		}
		fmt.Fprintln(a.err, string(line))
		return code
	}
	fmt.Fprintln(a.err, a.paintErr(red, "error:"), err)
	return code
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"time"

	"tejun/workflows/runbook"
)

// patience is how long anything may take that the story waits for.
const patience = 3 * time.Minute

// story is one performance.
type story struct {
	ctx     context.Context //nolint:containedctx // it is that of the whole performance
	out     io.Writer
	starter string
	state   string
	id      string // of the incident
}

// say tells what happens.
func (s *story) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.out, "\n── "+format+"\n", args...)
}

// starterRuns runs the command line, and gives what it has printed.
func (s *story) starterRuns(args ...string) (printed []byte, complaint string, err error) {
	var out, problem bytes.Buffer
	cmd := exec.CommandContext(s.ctx, s.starter, append([]string{"--state", s.state, "--color", "never"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &problem
	err = cmd.Run()
	return out.Bytes(), strings.TrimSpace(problem.String()), err
}

// types shows a command and what it prints, as somebody sees who types it.
func (s *story) types(args ...string) error {
	complaint, err := s.tries(args...)
	if err != nil {
		return fmt.Errorf("starter %s: %w: %s", args[0], err, complaint)
	}
	return nil
}

// isRefused shows a command that a rule must refuse.
func (s *story) isRefused(args ...string) error {
	_, err := s.tries(args...)
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != 3 {
		return fmt.Errorf("starter %s was to be refused, and was not: %w", strings.Join(args, " "), err)
	}
	return nil
}

func (s *story) tries(args ...string) (complaint string, err error) {
	var shown []string
	for _, a := range args {
		if strings.ContainsAny(a, " {}\"'") {
			a = "'" + a + "'"
		}
		shown = append(shown, a)
	}
	printed, complaint, err := s.starterRuns(args...)
	_, _ = fmt.Fprintf(s.out, "$ starter %s\n%s", strings.Join(shown, " "), printed)
	if complaint != "" {
		_, _ = fmt.Fprintln(s.out, complaint)
	}
	return complaint, err
}

// reads is what a command prints as JSON.
func (s *story) reads(into any, args ...string) error {
	printed, complaint, err := s.starterRuns(append(args, "--json")...)
	if err != nil {
		return fmt.Errorf("starter %s: %w: %s", strings.Join(args, " "), err, complaint)
	}
	return json.Unmarshal(printed, into)
}

// until waits for something.
func (s *story) until(what string, is func() (bool, error)) error {
	deadline := time.Now().Add(patience)
	for {
		there, err := is()
		switch {
		case err == nil && there:
			return nil
		case s.ctx.Err() != nil:
			return s.ctx.Err()
		case time.Now().After(deadline) && err != nil:
			return fmt.Errorf("%s: not within %s: %w", what, patience, err)
		case time.Now().After(deadline):
			return fmt.Errorf("%s: not within %s", what, patience)
		}
		time.Sleep(300 * time.Millisecond)
	}
}

// status is what a run says of itself.
func (s *story) status(id string) (runbook.Status, error) {
	var status runbook.Status
	err := s.reads(&status, "show", id)
	return status, err
}

// asks waits until a run asks for an answer at a question.
func (s *story) asks(id, answer, gate string) error {
	return s.until(fmt.Sprintf("%s asks for %s at %s", id, answer, gate), func() (bool, error) {
		status, err := s.status(id)
		if err != nil || status.WaitingFor == nil {
			return false, err
		}
		return status.WaitingFor.Gate == gate && slices.Contains(status.WaitingFor.Answers, answer), nil
	})
}

// child waits until a fix has been started, and gives its ID.
func (s *story) child(book string) (id string, err error) {
	err = s.until("the run of "+book, func() (bool, error) {
		status, err := s.status(s.id)
		for _, c := range status.Children {
			if c.Runbook == book {
				id = c.ID
			}
		}
		return id != "", err
	})
	return id, err
}

// ends waits for the end of a run.
func (s *story) ends(id string) (runbook.Status, error) {
	var status runbook.Status
	err := s.until("the end of "+id, func() (ended bool, err error) {
		status, err = s.status(id)
		return status.EndedAt != nil, err
	})
	return status, err
}

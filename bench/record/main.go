// Command record plays every path of every runbook against the real servers and the AWS sandbox and writes the histories
// into a folder, for the replay test. A file that is there already is never written again: what has once been recorded
// must replay for good.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.temporal.io/api/history/v1"
	"go.temporal.io/api/temporalproto"
	sdklog "go.temporal.io/sdk/log"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/worker/serve"
	"tejun/workflows/runbook"
)

func main() {
	out := flag.String("out", "workflows/testdata", "folder for the histories")
	version := flag.String("version", "v1", "edition of the recordings, part of the file's name")
	flag.Parse()
	if err := record(*out, *version); err != nil {
		fmt.Fprintln(os.Stderr, "bench/record:", err)
		os.Exit(1)
	}
}

// take is one path to record.
type take struct {
	name string
	play func(context.Context, *stage) error
}

// stage is what the takes are played on.
type stage struct {
	*devstack.Stack
	id     string
	run    string // whose history is kept; "" for the newest under the ID
	inTask *inTask
}

func record(out, version string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "tejun-record-*")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	file, err := scene.SystemFile()
	if err != nil {
		return err
	}
	quiet := sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	program, err := scene.BuildWorker(ctx, dir)
	if err != nil {
		return err
	}
	stack, err := devstack.Start(ctx, devstack.Options{
		Dir: dir, SystemFile: file, TimeScale: 0, Tests: true, Logger: quiet, Change: describedForTakes, Worker: program,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	cfg, err := stack.AWS()
	if err != nil {
		return err
	}
	tasks := &inTask{}
	w, err := serve.New(serve.Options{Client: stack.Client, AWS: cfg, System: frozenWhenAsked(withLosses(snapshotsWhenAsked(tasks.described(stack.Source)))), Records: stack.Records, Operated: stack.Operated})
	if err != nil {
		return err
	}
	if err := w.Start(); err != nil {
		return err
	}
	defer w.Stop()
	for _, show := range []struct {
		runbook string
		takes   []take
	}{
		{"Backup", backup}, {"PlannedOutage", plannedOutage}, {"DataLoad", slices.Concat(dataLoad, dataLoadTasks)}, {"DataRepair", dataRepair},
		{"DataArrival", dataArrival}, {"DataSupport", dataSupport}, {"SettingChange", slices.Concat(settingChange, settingsAgain, settingsTold)},
		{"Release", slices.Concat(releasesTold, releasesHeld, releasesAgain, releases)},
		{"Incident", slices.Concat(incident, incidentsHanded, incidentsResumed, incidentTerms, incidentCauses)},
		{"DisasterRecovery", slices.Concat(disastersAgain(), disasters)}, {"DisasterReadiness", disasterReadiness},
	} {
		for _, t := range show.takes {
			path := filepath.Join(out, show.runbook+"."+t.name+"."+version+".json")
			if err := one(ctx, &stage{Stack: stack, id: "record-" + show.runbook + "-" + t.name, inTask: tasks}, t, path); err != nil {
				return fmt.Errorf("%s, take %s: %w", show.runbook, t.name, err)
			}
		}
	}
	return nil
}

// describedForTakes is the example with times that a take can wait for.
func describedForTakes(s *system.System) {
	described(s)
	quickReleases(s)
	quickDisasters(s)
	soonReported(s)
}

// one plays a take and writes its history, unless there is one.
func one(ctx context.Context, s *stage, t take, path string) error {
	if _, err := os.Stat(path); err == nil {
		fmt.Println("kept    ", path)
		return nil
	}
	if err := t.play(ctx, s); err != nil {
		return err
	}
	if err := write(ctx, s, path); err != nil {
		return err
	}
	fmt.Println("recorded", path)
	return nil
}

func write(ctx context.Context, s *stage, path string) error {
	events, err := scene.HistoryOf(ctx, s.Client, s.id, s.run)
	if err != nil {
		return err
	}
	text, err := temporalproto.CustomJSONMarshalOptions{Indent: " "}.Marshal(&history.History{Events: events})
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(text, '\n'), 0o644) //nolint:gosec // a file of the repository
}

// start starts a run of a runbook.
func (s *stage) start(ctx context.Context, name string, in any) error {
	_, err := scene.Begin(ctx, s.Client, name, s.id, in)
	return err
}

// begin starts an outage whose window begins in a moment.
func (s *stage) begin(ctx context.Context, lead, length time.Duration) error {
	start := time.Now().Add(lead).Truncate(time.Second)
	_, err := scene.Start(ctx, s.Client, s.id, scene.Input(start, start.Add(length), "api", "batch"))
	return err
}

// answer waits until the run asks something at gate, and answers.
func (s *stage) answer(ctx context.Context, gate, action, by string, change func(*runbook.Decision)) (runbook.Answered, error) {
	status, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == gate })
	if err != nil {
		return runbook.Answered{}, err
	}
	return scene.DecideWith(ctx, s.Client, status, action, by, "recorded", change)
}

// until polls the status.
func (s *stage) until(ctx context.Context, ok func(runbook.Status) bool) (runbook.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	for {
		status, err := scene.Status(ctx, s.Client, s.id)
		switch {
		case err == nil && ok(status):
			return status, nil
		case err == nil && status.EndedAt != nil:
			return status, fmt.Errorf("%s ended as %s: %s", s.id, status.State, status.Says)
		case ctx.Err() != nil:
			return status, fmt.Errorf("%s is %s: %s: %w", s.id, status.State, status.Says, ctx.Err())
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// ended waits for the end and checks how it was.
func (s *stage) ended(ctx context.Context, want runbook.State) error {
	status, err := s.until(ctx, func(st runbook.Status) bool { return st.EndedAt != nil })
	if err != nil {
		return err
	}
	if status.State != want {
		return fmt.Errorf("it ended as %s (%s), want %s", status.State, status.Says, want)
	}
	_ = s.Client.GetWorkflow(ctx, s.id, "").Get(ctx, nil) // its own error is part of the take
	return nil
}

func (s *stage) denied(service, operation string) error {
	return s.Sandbox.AddFault(sandbox.Fault{Service: service, Operation: operation, Kind: "denied", Times: 1})
}

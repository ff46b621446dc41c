// Command kill runs planned outages on the real worker, kills it with SIGKILL at random moments, starts it again, and then
// audits what reached AWS: the sandbox's own journal, never the worker's word.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	sdklog "go.temporal.io/sdk/log"

	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
)

const method = `method: planned outages run one after another, while others wait for their windows, on the production worker as a process of its own,
against a Temporal dev server, PostgreSQL and the AWS sandbox that stay up. The worker is killed with SIGKILL: every second time at a random
moment, every other time within 3 ms of a write's arrival in the sandbox's journal, so that many kills fall between an effect and its
acknowledgement. It is started again at once. People (approve, done, and a look into the mailbox when a mail is held) are played by this program.`

func main() {
	kills := flag.Int("kills", 30, "how often the worker is killed")
	ahead := flag.Int("open", 4, "runs that are open at the same time")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "seed of the random moments; printed, to repeat a sequence")
	flag.Parse()
	if err := run(*kills, *ahead, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "bench/kill:", err)
		os.Exit(1)
	}
}

func run(kills, open int, seed uint64) (err error) {
	fmt.Println(method)
	fmt.Printf("seed %d, %d kills, %d runs open at a time\n", seed, kills, open)
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(kills)*20*time.Second+5*time.Minute)
	defer cancel()
	dir, err := os.MkdirTemp("", "tejun-kill-*")
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			err = os.RemoveAll(dir)
		} else {
			fmt.Println("everything is kept in", dir)
		}
	}()
	system, err := scene.SystemFile()
	if err != nil {
		return err
	}
	if system, err = shortGrace(system, dir); err != nil {
		return err
	}
	binary := filepath.Join(dir, "worker")
	build := exec.CommandContext(ctx, "go", "build", "-o", binary, "tejun/worker") //nolint:gosec // fixed arguments
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the worker: %w\n%s", err, out)
	}
	quiet := sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	stack, err := devstack.Start(ctx, devstack.Options{Dir: dir, SystemFile: system, TimeScale: 0, Logger: quiet})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stack.Stop()) }()
	before, err := stack.Sandbox.Snapshot()
	if err != nil {
		return err
	}
	victim := &victim{binary: binary, system: system, stack: stack, log: filepath.Join(dir, "worker.log")}
	if err := victim.start(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, victim.stop()) }()

	troupe := &troupe{stack: stack, open: open}
	var playing sync.WaitGroup
	playing.Go(func() { troupe.play(ctx) })
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // moments, not secrets
	for i := range kills {
		if err := wait(ctx, stack, random, i%2 == 1); err != nil {
			return err
		}
		if err := victim.kill(); err != nil {
			return err
		}
		fmt.Printf("\rkilled %d of %d, %d runs ended", i+1, kills, troupe.ended())
	}
	troupe.finish()
	playing.Wait()
	fmt.Println()
	if err := troupe.failure(); err != nil {
		return err
	}
	return audit(ctx, stack, troupe.runs(), before, kills)
}

// shortGrace is the example's description with an overrun of seconds, so that windows can follow one another closely.
func shortGrace(file, dir string) (string, error) {
	text, err := os.ReadFile(file) //nolint:gosec // the repository's example
	if err != nil {
		return "", err
	}
	short := strings.Replace(string(text), "overrunGrace: 15m", "overrunGrace: 2s", 1)
	if short == string(text) {
		return "", fmt.Errorf("%s has no overrunGrace of 15m to shorten", file)
	}
	path := filepath.Join(dir, "system.yaml")
	return path, os.WriteFile(path, []byte(short), 0o600)
}

// wait sleeps for a random time, or until a write has arrived.
func wait(ctx context.Context, stack *devstack.Stack, random *rand.Rand, onWrite bool) error {
	time.Sleep(time.Duration(500+random.IntN(5000)) * time.Millisecond)
	if !onWrite {
		return ctx.Err()
	}
	latest := func() (string, error) {
		entries, err := stack.Sandbox.RecentJournal(1)
		if err != nil || len(entries) == 0 {
			return "", err
		}
		return entries[0].RequestID, nil
	}
	was, err := latest()
	if err != nil {
		return err
	}
	for limit := time.Now().Add(20 * time.Second); time.Now().Before(limit) && ctx.Err() == nil; time.Sleep(200 * time.Microsecond) {
		is, err := latest()
		if err != nil {
			return err
		}
		if is != was {
			time.Sleep(time.Duration(random.IntN(3000)) * time.Microsecond)
			break
		}
	}
	return ctx.Err()
}

// victim is the worker as a process of its own.
type victim struct {
	binary, system, log string
	stack               *devstack.Stack
	cmd                 *exec.Cmd
}

func (v *victim) start() error {
	log, err := os.OpenFile(v.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the child has its own descriptor
	v.cmd = exec.Command(v.binary)     //nolint:gosec // built above
	v.cmd.Env = append(os.Environ(),
		"TEMPORAL_ADDRESS="+v.stack.Servers.Temporal.Address(), "TEJUN_SYSTEM="+v.system, "TEJUN_DATABASE_URL="+v.stack.Servers.Postgres.DSN(),
		"TEJUN_AWS=sandbox:"+v.stack.Sandbox.Dir(), "TEJUN_LISTEN=127.0.0.1:0", "TEJUN_SITE_URL="+v.stack.SiteURL)
	v.cmd.Stdout, v.cmd.Stderr = log, log
	return v.cmd.Start()
}

// kill ends the worker as a power cut would, and starts the next one.
func (v *victim) kill() error {
	if err := v.stop(); err != nil {
		return err
	}
	return v.start()
}

func (v *victim) stop() error {
	if err := v.cmd.Process.Kill(); err != nil {
		return fmt.Errorf("the worker had ended by itself: %w; see %s", err, v.log)
	}
	_ = v.cmd.Wait() // it was killed, so its status says nothing
	return nil
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"tejun/worker/devstack"
)

const outageMethod = `method: planned outages run one after another, while others wait for their windows, on the production worker as a process of its own,
against a Temporal dev server, PostgreSQL and the AWS sandbox that stay up. The worker is killed with SIGKILL: every second time at a random
moment, every other time within 3 ms of a write's arrival in the sandbox's journal, so that many kills fall between an effect and its
acknowledgement. It is started again at once. People (approve, done, and a look into the mailbox when a mail is held) are played by this program.`

func outages(kills, open int, seed uint64) error {
	fmt.Println(outageMethod)
	fmt.Printf("seed %d, %d kills, %d runs open at a time\n", seed, kills, open)
	return perform(time.Duration(kills)*20*time.Second+5*time.Minute, devstack.Options{}, shortGrace, func(ctx context.Context, s *stage) (err error) {
		before, err := s.Sandbox.Snapshot()
		if err != nil {
			return err
		}
		victim := &victim{stage: s, log: filepath.Join(s.dir, "worker.log")}
		if err := victim.start(); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, victim.stop()) }()
		troupe := &troupe{stack: s.Stack, open: open}
		var playing sync.WaitGroup
		playing.Go(func() { troupe.play(ctx) })
		random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // moments, not secrets
		for i := range kills {
			if err := wait(ctx, s.Stack, random, i%2 == 1); err != nil {
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
		return audit(ctx, s.Stack, troupe.runs(), before, kills)
	})
}

// shortGrace is the example's description with an overrun of seconds, so that windows can follow one another closely.
func shortGrace(dir string) (string, error) {
	text, err := example()
	if err != nil {
		return "", err
	}
	short := strings.Replace(text, "overrunGrace: 15m", "overrunGrace: 2s", 1)
	if short == text {
		return "", errors.New("the example's system.yaml has no overrunGrace of 15m to shorten")
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

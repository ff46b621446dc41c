package main

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// spacing is how far apart the windows of the runs begin. A window is as long, so that they never overlap.
const spacing = 45 * time.Second

// lead is the least time between a run's start and its window: a plan must be approved before, through kills.
const lead = 40 * time.Second

// troupe keeps a number of outages open, with windows one after another, and plays the people in them.
type troupe struct {
	stack *devstack.Stack
	open  int

	mu       sync.Mutex
	next     time.Time // no window from here on is taken
	ids      []string
	done     int
	stopping bool
	failed   error
}

func (t *troupe) play(ctx context.Context) {
	var all sync.WaitGroup
	places := make(chan struct{}, t.open)
	for n := 1; !t.isStopping() && ctx.Err() == nil; n++ {
		places <- struct{}{}
		id := fmt.Sprintf("kill-%03d", n)
		start := t.window()
		all.Go(func() {
			defer func() { <-places }()
			t.note(t.one(ctx, id, start))
		})
		time.Sleep(100 * time.Millisecond)
	}
	all.Wait()
}

// window is the next free one.
func (t *troupe) window() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	start := t.next
	if soon := time.Now().Add(lead).Truncate(time.Second); start.Before(soon) {
		start = soon
	}
	t.next = start.Add(spacing)
	return start
}

// giveBack frees the window of a run that could not be planned, if no later one was taken.
func (t *troupe) giveBack(start time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.next.Equal(start.Add(spacing)) {
		t.next = start
	}
}

func (t *troupe) one(ctx context.Context, id string, start time.Time) error {
	end := start.Add(spacing - 5*time.Second)
	if _, err := scene.Start(ctx, t.stack.Client, id, scene.Input(start, end, "api", "batch")); err != nil {
		return err
	}
	t.mu.Lock()
	t.ids = append(t.ids, id)
	t.mu.Unlock()
	s, err := scene.Play(ctx, t.stack.Client, id, t.stack.Sandbox)
	if err != nil {
		return err
	}
	if s.State == runbook.Done {
		return nil
	}
	fmt.Printf("\n%s ended as %s: %s\n", id, s.State, s.Says)
	if s.Plan == nil { // another outage was under way; whoever asked tries again when that one is over
		t.giveBack(start)
		select {
		case <-ctx.Done():
		case <-time.After(spacing / 3):
		}
	}
	return nil
}

func (t *troupe) note(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.failed = errors.Join(t.failed, err)
}

func (t *troupe) finish()          { t.mu.Lock(); t.stopping = true; t.mu.Unlock() }
func (t *troupe) isStopping() bool { t.mu.Lock(); defer t.mu.Unlock(); return t.stopping }
func (t *troupe) ended() int       { t.mu.Lock(); defer t.mu.Unlock(); return t.done }
func (t *troupe) failure() error   { t.mu.Lock(); defer t.mu.Unlock(); return t.failed }
func (t *troupe) runs() []string   { t.mu.Lock(); defer t.mu.Unlock(); return t.ids }

package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"time"

	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// An edition that differs from the first one in every row, and another one that differs from it in one, so that people are asked each
// time, whatever the table holds.
const (
	otherEdition = `01101,"060  ","0608588","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｷﾀ3ｼﾞｮｳﾆｼ","北海道","札幌市中央区","北三条西",0,0,1,0,0,0` + "\r\n" +
		`01101,"060  ","0608611","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｷﾀ1ｼﾞｮｳﾆｼ","北海道","札幌市中央区","北一条西",0,0,1,0,0,0` + "\r\n"
	laterEdition = `01101,"060  ","0608588","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｷﾀ3ｼﾞｮｳﾆｼ","北海道","札幌市中央区","北三条西",0,0,1,0,0,0` + "\r\n" +
		`01101,"060  ","0608611","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｷﾀ1ｼﾞｮｳﾆｼ","北海道","札幌市中央区","北一条西",0,0,0,0,0,0` + "\r\n"
)

// inTask says whether loads run in a task of their own.
type inTask struct{ atomic.Bool }

// described is the description in force: with the task, or without.
func (i *inTask) described(source *system.Source) func() (*system.System, error) {
	return func() (*system.System, error) {
		s, err := source.System()
		if err != nil || i.Load() {
			return s, err
		}
		without := *s
		without.Loads.Task = nil
		return &without, nil
	}
}

// killTask ends the task that runs as kill -9 does.
func (s *stage) killTask() error {
	running := s.Tasks.Running()
	if len(running) != 1 {
		return fmt.Errorf("%d tasks run, want one", len(running))
	}
	for _, pid := range running {
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			return err
		}
	}
	return nil
}

// killInImport answers the gate, and kills the task when its import stands before the table.
func (s *stage) killInImport(ctx context.Context) (err error) {
	pool, err := s.Operated.Pool(ctx)
	if err != nil {
		return err
	}
	tx, err := pool.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, tx.Rollback(ctx)) }()
	if _, err := tx.Exec(ctx, "LOCK TABLE public.postal_codes IN SHARE MODE"); err != nil {
		return err
	}
	if err := s.play(ctx, act{"content", runbook.Approve, "sato"}); err != nil {
		return err
	}
	for waiting := 0; waiting == 0; time.Sleep(50 * time.Millisecond) {
		err := pool.QueryRow(ctx, `SELECT count(*) FROM pg_locks WHERE relation = 'public.postal_codes'::regclass AND NOT granted`).Scan(&waiting)
		if err != nil {
			return err
		}
	}
	return s.killTask()
}

// tasked plays a take with loads in tasks.
func tasked(play func(context.Context, *stage) error) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		s.inTask.Store(true)
		defer s.inTask.Store(false)
		return play(ctx, s)
	}
}

// dataLoadTasks build on one another, as dataLoad's takes do.
var dataLoadTasks = []take{
	{"task", tasked(func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "other.zip", otherEdition), s.play(ctx, act{"content", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	})},
	{"task-killed", tasked(func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "later.zip", laterEdition), s.killInImport(ctx), s.ended(ctx, runbook.Done))
	})},
	{"task-ended-at-gate", tasked(func(ctx context.Context, s *stage) error {
		if err := s.load(ctx, "other.zip", otherEdition); err != nil {
			return err
		}
		_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "content" })
		if err != nil {
			return err
		}
		return errors.Join(s.killTask(), s.play(ctx, act{"content", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	})},
}

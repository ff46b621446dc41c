package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/jackc/pgx/v5"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"

	"tejun/internal/devserver"
	"tejun/internal/ingest/gen"
	"tejun/internal/operated"
	"tejun/internal/system"
	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/worker/serve"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// file is a generated file.
type file struct {
	name  string
	rows  int
	clean bool
}

// bench is the servers, the worker and the files.
type bench struct {
	dir          string
	stack        *devstack.Stack
	target       *devserver.Postgres
	operated     *operated.Database
	worker       worker.Worker
	dirty        *file
	s3           *s3.Client
	runs         int
	phases       bool // tell where the time of a load went
	sql, columns string
}

func newBench(ctx context.Context, rows int, phases bool) (b *bench, err error) {
	b = &bench{phases: phases, dirty: &file{name: "dirty.csv", rows: rows}, sql: gen.SQLColumns(), columns: strings.Join(gen.Columns, ", ")}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.stop())
		}
	}()
	if b.dir, err = os.MkdirTemp("", "tejun-ingest-*"); err != nil {
		return b, err
	}
	if err := os.Mkdir(filepath.Join(b.dir, "datasets"), 0o700); err != nil {
		return b, err
	}
	for _, mode := range []string{"merge", "replace"} {
		text := gen.Declaration(mode, b.dir, mode, "public."+mode+"_register", "none")
		if err := os.WriteFile(filepath.Join(b.dir, "datasets", mode+".yaml"), []byte(text), 0o600); err != nil {
			return b, err
		}
	}
	if err := b.write(b.dirty); err != nil {
		return b, err
	}
	if err := b.writeClean(ctx, "utf8.csv", rows); err != nil {
		return b, err
	}
	description, err := scene.SystemFile()
	if err != nil {
		return b, err
	}
	quiet := sdklog.NewStructuredLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))
	b.stack, err = devstack.Start(ctx, devstack.Options{Dir: filepath.Join(b.dir, "stack"), SystemFile: description, TimeScale: 0, Logger: quiet})
	if err != nil {
		return b, err
	}
	if b.target, err = devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: filepath.Join(b.dir, "target"), NoChecksums: true}); err != nil {
		return b, err
	}
	if b.operated, err = operated.Open(b.target.DSN()); err != nil {
		return b, err
	}
	cfg, err := b.stack.AWS()
	if err != nil {
		return b, err
	}
	b.s3 = s3.NewFromConfig(cfg)
	described := func() (*system.System, error) {
		s, err := b.stack.Source.System()
		if err != nil {
			return nil, err
		}
		changed := *s
		changed.Folder = b.dir
		return &changed, nil
	}
	if b.worker, err = serve.New(serve.Options{Client: b.stack.Client, AWS: cfg, System: described, Records: b.stack.Records, Operated: b.operated}); err != nil {
		return b, err
	}
	return b, b.worker.Start()
}

func (b *bench) stop() (err error) {
	if b.worker != nil {
		b.worker.Stop()
	}
	b.operated.Close()
	if b.stack != nil {
		err = errors.Join(err, b.stack.Stop())
	}
	if b.target != nil {
		err = errors.Join(err, b.target.Stop())
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

func (b *bench) write(f *file) error {
	o := gen.Options{Rows: f.rows, Seed: 1, Broken: 0.005, Duplicate: 0.005, Conflict: 0.0005}
	if f.rows > 2_000_000 {
		o.Broken = 0.001 // the sandbox's S3 keeps no file of rejects that is larger than 8 MB
	}
	if f.clean {
		o.Broken, o.Duplicate, o.Conflict = 0, 0, 0
	}
	_, err := gen.WriteFile(filepath.Join(b.dir, f.name), o)
	return err
}

// writeClean writes a file that the other tools take.
func (b *bench) writeClean(ctx context.Context, name string, rows int) error {
	if err := b.write(&file{name: "clean.csv", rows: rows, clean: true}); err != nil {
		return err
	}
	return run(ctx, "sh", "-c", fmt.Sprintf("cd '%s' && iconv -f CP932 -t UTF-8 clean.csv > '%s' && rm clean.csv", b.dir, name))
}

// fresh makes the tables anew and waits for a checkpoint.
func (b *bench) fresh(ctx context.Context, statements ...string) (err error) {
	conn, err := pgx.Connect(ctx, b.target.DSN())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, conn.Close(ctx)) }()
	all := []string{"DROP TABLE IF EXISTS plain, staging, target, merge_register, replace_register", "DROP SCHEMA IF EXISTS tejun_load CASCADE"}
	for _, s := range append(append(all, statements...), "CHECKPOINT") {
		if _, err := conn.Exec(ctx, s); err != nil {
			return fmt.Errorf("%s: %w", s, err)
		}
	}
	return nil
}

func (b *bench) plainCopy(ctx context.Context, name string) (time.Duration, error) {
	if err := b.fresh(ctx, "CREATE TABLE plain ("+b.sql+")"); err != nil {
		return 0, err
	}
	return timed(func() error { return b.psql(ctx, `\copy plain from '`+b.dir+`/`+name+`' csv`) })
}

func (b *bench) onConflict(ctx context.Context) (time.Duration, error) {
	if err := b.fresh(ctx, "CREATE TABLE staging ("+b.sql+")", "CREATE TABLE target ("+b.sql+", PRIMARY KEY (id))"); err != nil {
		return 0, err
	}
	var sets []string
	for _, c := range gen.Columns[1:] {
		sets = append(sets, c+" = excluded."+c)
	}
	return timed(func() error {
		return b.psql(ctx, `\copy staging from '`+b.dir+`/utf8.csv' csv`,
			"INSERT INTO target SELECT * FROM staging ON CONFLICT (id) DO UPDATE SET "+strings.Join(sets, ", "))
	})
}

func (b *bench) pgloader(ctx context.Context) (time.Duration, error) {
	if err := b.fresh(ctx, "CREATE TABLE target ("+b.sql+", PRIMARY KEY (id))"); err != nil {
		return 0, err
	}
	script := filepath.Join(b.dir, "load.pgloader")
	text := fmt.Sprintf("LOAD CSV FROM '%s/utf8.csv' (%s) INTO %s TARGET TABLE public.target (%s) WITH fields terminated by ',', fields optionally enclosed by '\"', fields escaped by double-quote;\n",
		b.dir, b.columns, b.target.DSN(), b.columns)
	if err := os.WriteFile(script, []byte(text), 0o600); err != nil {
		return 0, err
	}
	return timed(func() error { return run(ctx, "pgloader", "--root-dir", filepath.Join(b.dir, "pgloader"), script) })
}

func (b *bench) psql(ctx context.Context, commands ...string) error {
	args := []string{"-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", b.target.DSN()}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	return run(ctx, "psql", args...)
}

// load does the whole runbook.
func (b *bench) load(ctx context.Context, mode string, f *file) (time.Duration, error) {
	if err := b.fresh(ctx); err != nil {
		return 0, err
	}
	b.runs++
	id := fmt.Sprintf("ingest-%d", b.runs)
	took, err := timed(func() error {
		r, err := b.stack.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: id, TaskQueue: workflows.TaskQueue}, "DataLoad", workflows.DataLoadInput{
			Dataset: mode, File: f.name, Reason: "測定", Requester: "ito", Operator: "tanaka",
		})
		if err != nil {
			return err
		}
		for approved := false; ; time.Sleep(50 * time.Millisecond) { // each look costs processor time that the load needs
			status, err := scene.Status(ctx, b.stack.Client, id)
			switch {
			case err != nil:
				return err
			case status.EndedAt != nil:
				return r.Get(ctx, nil)
			case status.WaitingFor != nil && status.WaitingFor.Gate != "content":
				return errors.New("held: " + status.WaitingFor.Why)
			case status.WaitingFor != nil && !approved:
				if _, err := scene.Decide(ctx, b.stack.Client, status, runbook.Approve, "sato", "measured"); err != nil {
					return err
				}
				approved = true
			}
		}
	})
	if err == nil && b.phases {
		err = b.printPhases(ctx, id)
	}
	if err == nil {
		err = b.dropRejects(ctx)
	}
	return took, err
}

// dropRejects empties the bucket of rejected rows: the sandbox has its objects in the memory of this process, where S3 has its own.
func (b *bench) dropRejects(ctx context.Context) error {
	sys, err := b.stack.Source.System()
	if err != nil {
		return err
	}
	bucket := &sys.Loads.Bucket
	listed, err := b.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: bucket})
	if err != nil {
		return err
	}
	for _, o := range listed.Contents {
		if _, err := b.s3.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: bucket, Key: o.Key}); err != nil {
			return err
		}
	}
	return nil
}

// printPhases prints how long each activity of a run took, with the time since the one before it ended.
func (b *bench) printPhases(ctx context.Context, id string) error {
	events := b.stack.Client.GetWorkflowHistory(ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	names, started := map[int64]string{}, map[int64]time.Time{}
	var last time.Time
	for events.HasNext() {
		e, err := events.Next()
		if err != nil {
			return err
		}
		at := e.GetEventTime().AsTime()
		switch e.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
			last = at
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			names[e.GetEventId()] = e.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started[e.GetEventId()] = at
		case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
			done := e.GetActivityTaskCompletedEventAttributes()
			begun := started[done.GetStartedEventId()]
			fmt.Printf("    %-24s %7.3f s after a pause of %.3f s\n", names[done.GetScheduledEventId()], at.Sub(begun).Seconds(), begun.Sub(last).Seconds())
			last = at
		case enums.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
			fmt.Printf("    %-24s %7.3f s\n", "the end", at.Sub(last).Seconds())
		}
	}
	return nil
}

// peak is the largest memory of this process.
func (*bench) peak() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Maxrss << 10
}

func timed(do func() error) (time.Duration, error) {
	begun := time.Now()
	err := do()
	return time.Since(begun), err
}

func run(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput() //nolint:gosec // our own commands
	if err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out)
	}
	return nil
}

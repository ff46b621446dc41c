package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"tejun/internal/calendar"
	"tejun/internal/devserver"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// database is a real PostgreSQL that all tests share; each test has an operation of its own.
var database *records.Store

func TestMain(m *testing.M) { os.Exit(withDatabase(m)) }

func withDatabase(m *testing.M) (code int) {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "tejun-activities")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	server, err := devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: dir, Tests: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, "tests need PostgreSQL:", err)
		return 1
	}
	defer func() {
		if err := errors.Join(server.Stop(), os.RemoveAll(dir)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	if database, err = records.Open(ctx, server.DSN()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer database.Close()
	if err := database.Migrate(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}

// bench is a set of activities on a fresh sandbox, and the means to look behind them.
type bench struct {
	t         *testing.T
	set       Set
	box       *sandbox.Sandbox
	cfg       aws.Config
	system    *system.System
	operation string
	started   string // mode with which the run of a disaster was started
	mark      int    // journal entries before this one are of no interest
	intercept bool
}

// newBench makes one. The changes are made to the description, before the sandbox is filled from it.
func newBench(t *testing.T, changes ...func(*system.System)) *bench {
	t.Helper()
	s, err := system.Load("../examples/system.yaml")
	require.NoError(t, err)
	for _, change := range changes {
		change(s)
	}
	box, err := sandbox.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	require.NoError(t, box.Seed(t.Context(), s))
	require.NoError(t, box.SetTimeScale(0))
	cal, err := calendar.Japan()
	require.NoError(t, err)
	b := &bench{t: t, box: box, system: s, operation: strings.ReplaceAll(uuid.NewString(), "-", "")[:12], started: records.ModeDrill}
	b.cfg.Region = s.AWS.Region
	box.Configure(&b.cfg)
	b.set, err = New(Deps{
		Config: b.cfg, Calendar: cal, Records: database,
		System: func() (*system.System, error) { return b.system, nil },
	})
	require.NoError(t, err)
	b.set.Disasters.start = func(context.Context) (runStart, error) { return runStart{b.operation, b.started}, nil }
	for _, c := range []*changer{&b.set.CloudFront.changes, &b.set.WAFV2.changes, &b.set.S3.changes, &b.set.ECS.changes, &b.set.CloudWatch.changes, &b.set.Scheduler.changes, &b.set.Settings.changes,
		&b.set.ECSReleases.changes, &b.set.Lambda.changes, &b.set.S3Releases.changes, &b.set.Route53.changes, &b.set.DisasterECS.changes} {
		c.wait = time.Millisecond
	}
	return b
}

// try runs one attempt of an activity as a worker would.
func try[I, O any](b *bench, activity func(context.Context, I) (O, error), in I) (O, error) {
	b.t.Helper()
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestActivityEnvironment()
	if b.intercept {
		env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{NewEvidenceInterceptor(database)}})
	}
	env.RegisterActivity(activity)
	var out O
	value, err := env.ExecuteActivity(activity, in)
	if err == nil {
		err = value.Get(&out)
	}
	return out, err
}

// must runs one attempt that has to succeed.
func must[I, O any](b *bench, activity func(context.Context, I) (O, error), in I) O {
	b.t.Helper()
	out, err := try(b, activity, in)
	require.NoError(b.t, err)
	return out
}

// fault makes the next call of the operation go wrong.
func (b *bench) fault(service, operation, kind string) {
	b.t.Helper()
	require.NoError(b.t, b.box.AddFault(sandbox.Fault{Service: service, Operation: operation, Kind: kind, Times: 1}))
}

// since forgets the journal so far.
func (b *bench) since() {
	b.t.Helper()
	entries, err := b.box.Journal()
	require.NoError(b.t, err)
	b.mark = len(entries)
}

// writes are the journal's entries since the mark.
func (b *bench) writes() []sandbox.Entry {
	b.t.Helper()
	entries, err := b.box.Journal()
	require.NoError(b.t, err)
	return entries[b.mark:]
}

// effects are the operations that really changed something since the mark, in order.
func (b *bench) effects() []string {
	b.t.Helper()
	names := []string{}
	for _, e := range b.writes() {
		if e.Effect {
			names = append(names, e.Operation)
		}
	}
	return names
}

// requireType checks an error's type, and that retrying it is the table's decision.
func requireType(t *testing.T, err error, kind string) {
	t.Helper()
	var typed *temporal.ApplicationError
	require.ErrorAs(t, err, &typed)
	require.Equal(t, kind, typed.Type(), typed.Message())
	assert.Equal(t, !classes[kind].retryable, typed.NonRetryable(), "%s: %s", kind, typed.Message())
}

func asJSON(t *testing.T, v any) string {
	t.Helper()
	raw, err := json.Marshal(v)
	require.NoError(t, err)
	return string(raw)
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.temporal.io/sdk/client"

	"tejun/internal/devserver"
	"tejun/internal/ingest/gen"
	"tejun/internal/load"
	"tejun/worker/devstack/scene"
	"tejun/workflows"
)

// course is how many loads a lane does before it begins anew: the first edition, the second, the first.
const course = 3

// left is what a load leaves.
type left struct {
	content string // of the table
	counts  load.Counts
	took    time.Duration
}

// hit is a strike in the middle of a load.
type hit struct {
	kind, during, found string
	share               float64 // of the undisturbed time
}

// lane is a worker and a PostgreSQL of its own, and a table that is loaded again and again.
type lane struct {
	stage    *stage
	name     string
	table    load.Table
	random   *rand.Rand
	folder   string
	server   *devserver.Postgres
	port     int
	pool     *pgxpool.Pool
	store    *load.Store
	victim   *victim
	want     [course]left
	hits     []hit
	loaded   int // loads that have ended
	missed   int // strikes after the end
	retried  int // answers to held steps
	position int // in the course
}

// newLane starts a lane. One that is not whole is returned too, to be closed.
func newLane(ctx context.Context, s *stage, n int, seed uint64) (*lane, error) {
	l := &lane{stage: s, random: rand.New(rand.NewPCG(seed, uint64(10+n)))} //nolint:gosec // moments, not secrets
	var mode string
	l.name, mode = laneName(n)
	declared := gen.Dataset()
	declared.Table, declared.Mode = "public."+l.name, mode
	l.table, l.folder = load.Of(declared), filepath.Join(s.dir, l.name)
	if err := l.startServer(ctx); err != nil {
		return l, err
	}
	config, err := pgx.ParseConfig(l.server.DSN())
	if err != nil {
		return l, err
	}
	l.port = int(config.Port)
	if l.pool, err = pgxpool.New(ctx, l.server.DSN()); err != nil {
		return l, err
	}
	l.store = load.New(l.pool)
	l.victim = &victim{stage: s, log: filepath.Join(s.dir, l.name+".log"), operated: l.server.DSN(), queue: l.name}
	return l, errors.Join(l.store.Prepare(ctx), l.victim.start())
}

func (l *lane) startServer(ctx context.Context) (err error) {
	return l.asking(ctx, func() error {
		l.server, err = devserver.StartPostgres(ctx, devserver.PostgresOptions{Dir: l.folder, Port: l.port, Name: devserver.DatabaseName})
		return err
	})
}

func (l *lane) close() (err error) {
	if l.victim != nil && l.victim.cmd != nil {
		err = l.victim.stop()
	}
	if l.pool != nil {
		l.pool.Close()
	}
	if l.server != nil {
		err = errors.Join(err, l.server.Stop())
	}
	return err
}

// undisturbed goes through the course once and keeps what comes of it.
func (l *lane) undisturbed(ctx context.Context) error {
	last := ""
	for l.position < course {
		begun := time.Now()
		r, err := l.begin(ctx)
		if err != nil {
			return err
		}
		done, err := r.await(ctx)
		if err != nil {
			return err
		}
		took := time.Since(begun)
		now, err := l.content(ctx)
		if err != nil {
			return err
		}
		if now == last {
			return fmt.Errorf("load %d changes nothing", l.position+1)
		}
		last = now
		if err := l.whole(ctx, r, done); err != nil {
			return err
		}
		l.want[l.position] = left{content: now, counts: done.Counts, took: took}
		fmt.Printf("%-16s load %d undisturbed: %.2f s, %s\n", l.name, l.position+1, took.Seconds(), now)
		l.position++
	}
	return nil
}

// disturbed loads and strikes until no strike is left.
func (l *lane) disturbed(ctx context.Context, strikes <-chan string) error {
	for kind := range strikes {
		share := l.random.Float64()
		for struck := false; !struck; l.position++ {
			var err error
			if struck, err = l.struck(ctx, kind, share); err != nil {
				return fmt.Errorf("load %d (%s, number %d of its course): %w", l.loaded+1, kind, l.position%course+1, err)
			}
		}
	}
	return nil
}

// struck does one load with one strike, and tells whether that came before the load's end. If not, the load's time is what it took
// now: the machine has become faster.
func (l *lane) struck(ctx context.Context, kind string, share float64) (bool, error) {
	want := &l.want[l.position%course]
	begun := time.Now()
	r, err := l.begin(ctx)
	if err != nil {
		return false, err
	}
	select {
	case <-r.ended:
	case <-time.After(time.Duration(share * float64(want.took))):
	}
	at, early := time.Now(), !r.over()
	if err := l.strike(ctx, kind); err != nil {
		return false, err
	}
	now, err := l.content(ctx)
	if err != nil {
		return false, err
	}
	if now != r.before && now != want.content {
		return false, fmt.Errorf("struck at %.0f %%, the table holds neither what it held (%s) nor what it must hold (%s), but %s", 100*share, r.before, want.content, now)
	}
	done, err := r.await(ctx)
	if err != nil {
		return false, err
	}
	if err := l.same(ctx, r, done, *want); err != nil {
		return false, fmt.Errorf("struck at %.0f %%: %w", 100*share, err)
	}
	if !early {
		l.missed++
		want.took = at.Sub(begun)
		return false, nil
	}
	during, err := r.doing(ctx, at)
	if err != nil {
		return false, err
	}
	found := "all of the load"
	if now == r.before {
		found = "nothing of the load"
	}
	l.hits = append(l.hits, hit{kind: kind, during: during, found: found, share: share})
	fmt.Printf("%-16s %3.0f %%  %-40s during %-24s %s\n", l.name, 100*share, kind, during, found)
	return true, nil
}

// begin starts the next load. The first of a course finds no table.
func (l *lane) begin(ctx context.Context) (*loadRun, error) {
	if l.position%course == 0 {
		err := l.asking(ctx, func() error {
			_, err := l.pool.Exec(ctx, "DROP TABLE IF EXISTS public."+l.name)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	r := &loadRun{lane: l, id: fmt.Sprintf("%s-%d", l.name, l.position+1), ended: make(chan struct{})}
	var err error
	if r.before, err = l.content(ctx); err != nil {
		return nil, err
	}
	_, err = l.stage.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: r.id, TaskQueue: l.name}, "DataLoad", workflows.DataLoadInput{
		Dataset: datasetOf(l.name), File: editionFile(l.position % course % 2), Reason: "中断試験", Requester: "ito", Operator: "tanaka",
	})
	if err != nil {
		return nil, err
	}
	go func() {
		defer close(r.ended)
		r.status, r.failed = scene.Play(ctx, l.stage.Client, r.id, l.stage.Sandbox)
	}()
	return r, nil
}

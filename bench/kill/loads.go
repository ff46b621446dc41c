package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"tejun/internal/ingest/gen"
	"tejun/worker/devstack"
)

const loadsMethod = `method: DataLoad loads a generated dirty CP932 file into a PostgreSQL that waits for the disk, with the production worker as a process of
its own; Temporal, the records and the AWS sandbox stay up. Each of the lanes has a worker, a PostgreSQL, a table and a mode of its own
(replace, merge), and loads one file after another: the first edition into no table (it is swapped in), the second (%s)
by its difference, the first once more by its difference, and so on. Each lane first does this undisturbed, for the checksum, the
counts and the time of every load. Then every load is struck once, at a moment chosen uniformly from its undisturbed time, start of
the workflow to its end: the worker is killed with SIGKILL, or PostgreSQL is stopped with -m immediate or -m fast, or one of its backends is
killed with SIGKILL (one that loads, if there is one). Either is started again at once. Right after, the table must hold what it held before or
what it must hold in the end; and when the run has ended: its checksum, its counts and its row of the ledger as undisturbed, one row
for each load, no staging tables, every evidence chain whole. A moment after a load's end counts for nothing: the same share of the
time that the load took is tried at a later load.
People (approve, retry) are played by this program.
`

type loadOptions struct {
	kills, restarts, lanes, rows int
	seed                         uint64
}

// editions of the file; its rows, its broken ones and its copies are chosen by their numbers, so that the second differs as it says.
func (o loadOptions) editions() [2]gen.Options {
	first := gen.Options{Rows: o.rows, Seed: 1, Broken: 0.005, Duplicate: 0.005, Conflict: 0.0005}
	second := first
	second.Changed, second.Vanished, second.New = 0.2, 0.05, 0.05
	return [2]gen.Options{first, second}
}

// laneName is the dataset, the table and the task queue of a lane.
func laneName(n int) (name, mode string) {
	mode = []string{"replace", "merge"}[n%2]
	return fmt.Sprintf("kill_%s_%d", mode, n), mode
}

// describe writes the system's description, the datasets beside it and the files that they load.
func (o loadOptions) describe(dir string) (string, error) {
	text, err := example()
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "system.yaml")
	if err := errors.Join(os.WriteFile(path, []byte(text), 0o600), os.Mkdir(filepath.Join(dir, "datasets"), 0o700)); err != nil {
		return "", err
	}
	for n := range o.lanes {
		name, mode := laneName(n)
		declared := gen.Declaration(datasetOf(name), dir, mode, "public."+name, "snapshot")
		if err := os.WriteFile(filepath.Join(dir, "datasets", datasetOf(name)+".yaml"), []byte(declared), 0o600); err != nil {
			return "", err
		}
	}
	for i, edition := range o.editions() {
		if _, err := gen.WriteFile(filepath.Join(dir, editionFile(i)), edition); err != nil {
			return "", err
		}
	}
	return path, nil
}

func datasetOf(name string) string { return strings.ReplaceAll(name, "_", "-") }
func editionFile(n int) string     { return fmt.Sprintf("edition-%d.csv", n+1) }

// loads is the whole: undisturbed, then with all strikes.
func loads(o loadOptions) error {
	fmt.Printf(loadsMethod, "20 % of the rows changed, 5 % gone, 5 % new")
	fmt.Printf("seed %d, %d kills of the worker, %d ends of PostgreSQL, %d lanes, %d rows\n", o.seed, o.kills, o.restarts, o.lanes, o.rows)
	limit := time.Duration(o.kills+o.restarts)*time.Minute + 10*time.Minute
	return perform(limit, devstack.Options{Immediate: true}, o.describe, func(ctx context.Context, s *stage) (err error) {
		begun := time.Now()
		var all []*lane
		defer func() {
			for _, l := range all {
				err = errors.Join(err, l.close())
			}
		}()
		for n := range o.lanes {
			l, err := newLane(ctx, s, n, o.seed)
			all = append(all, l)
			if err != nil {
				return fmt.Errorf("%s: %w", l.name, err)
			}
		}
		if err := together(all, func(l *lane) error { return l.undisturbed(ctx) }); err != nil {
			return err
		}
		strikes := o.strikes()
		if err := together(all, func(l *lane) error { return l.disturbed(ctx, strikes) }); err != nil {
			return err
		}
		report(all, time.Since(begun))
		return nil
	})
}

// strikes are all that are going to happen, in random order.
func (o loadOptions) strikes() chan string {
	var list []string
	for range o.kills {
		list = append(list, worker)
	}
	for n := range o.restarts {
		list = append(list, []string{immediate, backend, fast}[n%3])
	}
	random := rand.New(rand.NewPCG(o.seed, 2)) //nolint:gosec // an order, not a secret
	random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	strikes := make(chan string, len(list))
	for _, s := range list {
		strikes <- s
	}
	close(strikes)
	return strikes
}

// together lets all lanes do something, and returns what went wrong in any of them.
func together(all []*lane, do func(*lane) error) error {
	failed := make([]error, len(all))
	var doing sync.WaitGroup
	for i, l := range all {
		doing.Go(func() {
			if err := do(l); err != nil {
				failed[i] = fmt.Errorf("%s: %w", l.name, err)
				fmt.Println("\nFAILED:", failed[i])
			}
		})
	}
	doing.Wait()
	return errors.Join(failed...)
}

func report(all []*lane, took time.Duration) {
	struck, during, found, fifths := map[string]int{}, map[string]int{}, map[string]int{}, [5]int{}
	loaded, missed, retried := 0, 0, 0
	for _, l := range all {
		loaded, missed, retried = loaded+l.loaded, missed+l.missed, retried+l.retried
		for _, h := range l.hits {
			struck[h.kind]++
			during[h.during]++
			found[h.found]++
			fifths[min(int(5*h.share), 4)]++
		}
	}
	list := func(title string, counts map[string]int) {
		fmt.Println(title)
		for _, name := range slices.Sorted(maps.Keys(counts)) {
			fmt.Printf("  %4d  %s\n", counts[name], name)
		}
	}
	list("struck:", struck)
	fmt.Printf("at the first to the last fifth of a load: %d\n", fifths)
	list("what the load was doing:", during)
	list("what the table held right after:", found)
	fmt.Printf("%d loads in %.0f s; %d moments lay after a load's end and were tried again; a person answered \"retry\" %d times\n", loaded, took.Seconds(), missed, retried)
	fmt.Println("audit: every table as after the undisturbed load, one row of the ledger for each load, no staging tables, every evidence chain whole")
}

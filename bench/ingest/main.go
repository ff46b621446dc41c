// Command ingest measures data loads against the tools that people use today, in one run on one server.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"time"
)

const method = `method: a generated register of 15 columns. DataLoad gets it as it arrives: CP932, with 0.5 %% broken rows, 0.5 %% copies and
0.05 %% contradictions, and does the whole runbook: fetch, check, stage, difference, approval (answered at once by a program), import,
verification, rejects, evidence; without a snapshot. The other tools get a clean UTF-8 file of the same rows, since they refuse the
dirty one. All write to one PostgreSQL with its default settings that waits for the disk; tables are made anew and a checkpoint is
made before each measurement. The variants take turns; figures are medians of %d rounds, 1 of pgloader. A round before them is not
counted: in it PostgreSQL makes the WAL files that it recycles from then on, as a server in use does.
`

func main() {
	rows := flag.Int("rows", 1_000_000, "rows of the file")
	rounds := flag.Int("rounds", 5, "counted rounds")
	large := flag.Bool("large", true, "measure a file of five times as many rows too")
	phases := flag.Bool("phases", false, "tell after each load where its time went")
	flag.Parse()
	fmt.Printf(method, *rounds)
	if err := measure(*rows, *rounds, *large, *phases); err != nil {
		fmt.Fprintln(os.Stderr, "bench/ingest:", err)
		os.Exit(1)
	}
}

// variant is a way to load a file.
type variant struct {
	name string
	once bool // measured in the first counted round only
	run  func(context.Context) (time.Duration, error)
}

func measure(rows, rounds int, large, phases bool) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	b, err := newBench(ctx, rows, phases)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.stop()) }()
	variants := []variant{
		{name: "psql \\copy", run: func(ctx context.Context) (time.Duration, error) { return b.plainCopy(ctx, "utf8.csv") }},
		{name: "\\copy + ON CONFLICT", run: b.onConflict},
		{name: "DataLoad merge", run: func(ctx context.Context) (time.Duration, error) { return b.load(ctx, "merge", b.dirty) }},
		{name: "DataLoad replace", run: func(ctx context.Context) (time.Duration, error) { return b.load(ctx, "replace", b.dirty) }},
	}
	if _, err := exec.LookPath("pgloader"); err == nil {
		variants = append(variants, variant{name: "pgloader", once: true, run: b.pgloader})
	} else {
		fmt.Println("pgloader is not installed, so it is not measured")
	}
	if large {
		five := &file{name: "large.csv", rows: 5 * rows}
		if err := b.write(five); err != nil {
			return err
		}
		if err := b.writeClean(ctx, "large-utf8.csv", 5*rows); err != nil {
			return err
		}
		variants = append(variants,
			variant{name: "psql \\copy ×5", run: func(ctx context.Context) (time.Duration, error) { return b.plainCopy(ctx, "large-utf8.csv") }},
			variant{name: "DataLoad replace ×5", run: func(ctx context.Context) (time.Duration, error) { return b.load(ctx, "replace", five) }})
	}
	took := map[string][]time.Duration{}
	for round := range rounds + 1 {
		for _, v := range variants {
			if v.once && round != 1 {
				continue
			}
			d, err := v.run(ctx)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			if round > 0 {
				took[v.name] = append(took[v.name], d)
			}
			fmt.Printf("round %d  %-22s %6.2f s\n", round, v.name, d.Seconds())
		}
	}
	report(variants, took, b.peak())
	return nil
}

func median(list []time.Duration) float64 {
	sorted := slices.Sorted(slices.Values(list))
	if len(sorted) == 0 {
		return 0
	}
	return sorted[len(sorted)/2].Seconds()
}

// report prints the medians and how they compare with what is promised.
func report(variants []variant, took map[string][]time.Duration, peak int64) {
	fmt.Println()
	for _, v := range variants {
		fmt.Printf("median   %-22s %6.2f s\n", v.name, median(took[v.name]))
	}
	ratio := func(what, a, b string, limit float64, most bool) {
		if len(took[a]) == 0 || len(took[b]) == 0 {
			return
		}
		r := median(took[a]) / median(took[b])
		if limit == 0 {
			fmt.Printf("%-40s %5.2f\n", what, r)
			return
		}
		verdict := "holds"
		if most && r > limit || !most && r < limit {
			verdict = "MISSED"
		}
		fmt.Printf("%-40s %5.2f  (want %v: %s)\n", what, r, limit, verdict)
	}
	ratio("merge / (\\copy + ON CONFLICT), at most", "DataLoad merge", "\\copy + ON CONFLICT", 0.65, true)
	ratio("replace / \\copy, at most", "DataLoad replace", "psql \\copy", 1.25, true)
	ratio("pgloader / merge, at least", "pgloader", "DataLoad merge", 8, false)
	ratio("5 times the rows / once, at most", "DataLoad replace ×5", "DataLoad replace", 6, true)
	ratio("the same of \\copy itself", "psql \\copy ×5", "psql \\copy", 0, true)
	fmt.Printf("peak memory of this process, worker and all: %d MB (want at most 300)\n", peak>>20)
}

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/workflows/runbook"
)

// verified is what `evidence verify --json` prints.
type verified struct {
	ID       string            `json:"id"`
	Verified bool              `json:"verified"`
	Count    int               `json:"count"`
	Head     string            `json:"head"`
	Against  []string          `json:"against"`  // what the rows were compared with: head, run, manifest, given
	Findings []records.Finding `json:"findings"` // empty when nothing is wrong
}

func (a *app) evidenceCommand() *cobra.Command {
	return group(&cobra.Command{
		Use:   "evidence",
		Short: "List, verify and export what runs left behind",
		Long: `Evidence is what a run did, decided and saw, as rows in PostgreSQL that are only ever added. Each row carries the hash of
the row before it, so a row that was changed, removed or reordered shows.`,
		Example: `  starter evidence list planned-outage-20261124-0300-x7k2
  starter evidence verify planned-outage-20261124-0300-x7k2
  starter evidence export planned-outage-20261124-0300-x7k2 -o outage.jsonl
  starter evidence verify --file outage.jsonl`,
	}, a.evidenceListCommand(), a.evidenceVerifyCommand(), a.evidenceExportCommand())
}

func (a *app) evidenceListCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "list RUN",
		Short:             "List a run's evidence rows",
		Long:              "Lists the rows in order: when, what kind, which step, and the row's hash. --json prints them whole.",
		Example:           "  starter evidence list planned-outage-20261124-0300-x7k2\n  starter evidence list planned-outage-20261124-0300-x7k2 --json | jq '.[] | select(.kind==\"decision\").body'",
		Args:              exactArgs(1, "a run's ID"),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			chain, err := a.chain(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(chain.Rows)
			}
			now, zone := a.now(), a.zone()
			g := newGrid("SEQ", "AT", "KIND", "STEP", "WHAT", "HASH")
			for _, row := range chain.Rows {
				g.add(row.Seq, clock(row.At, now, zone), oneLine(row.Kind), oneLine(row.Step), excerpt(row.Body), plan.Short(row.Hash))
			}
			g.print(a, "")
			return nil
		},
	}
}

// excerpt is what a row is about, in a few characters.
func excerpt(body json.RawMessage) string {
	var known struct {
		Activity string `json:"activity"`
		Attempt  int    `json:"attempt"`
		Action   string `json:"action"`
		By       string `json:"by"`
		Accepted *bool  `json:"accepted"`
		Outcome  string `json:"outcome"`
		Error    string `json:"error"`
	}
	_ = json.Unmarshal(body, &known) // another shape shows as nothing
	text := known.Activity + known.Outcome
	if known.Attempt > 1 {
		text += fmt.Sprintf(" (attempt %d)", known.Attempt)
	}
	if known.Action != "" {
		text = known.Action + " by " + known.By
		if known.Accepted != nil && !*known.Accepted {
			text += ", refused"
		}
	}
	if known.Error != "" {
		text += ": " + known.Error
	}
	return cut(oneLine(text), 60)
}

// chain reads a run's evidence. The ID must be whole: evidence outlives Temporal's memory of the run.
func (a *app) chain(ctx context.Context, id string) (records.Chain, error) {
	store, err := a.records(ctx)
	if err != nil {
		return records.Chain{}, err
	}
	defer store.Close()
	ctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	chain, err := store.ReadChain(ctx, id)
	if err != nil {
		return records.Chain{}, err
	}
	if chain.Count == 0 && len(chain.Rows) == 0 {
		return records.Chain{}, usage("there is no evidence of a run %q; the ID must be written in full", id)
	}
	return chain, nil
}

func (a *app) evidenceVerifyCommand() *cobra.Command {
	var file, head string
	c := &cobra.Command{
		Use:   "verify [RUN]",
		Short: "Find any changed, missing or reordered row",
		Long: `Checks every row's hash, that each row names the one before it, and the number and hash of the last row against the
head that the database keeps. When Temporal can be reached, the last row that the run itself saw is compared too: that
is kept in Temporal's history, where whoever rewrote the database could not reach it.

--file checks an export offline, with no server at all. Someone who rewrote a whole export could have made it fit
together, so give --head the hash of the last row as it was kept elsewhere.

Exit code 0: whole. 1: not whole; every fault is named.`,
		Example: `  starter evidence verify planned-outage-20261124-0300-x7k2
  starter evidence verify --file outage.jsonl --head 4f0c…`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case file != "" && len(args) == 1:
				return usage("give a run or --file, not both")
			case file != "":
				return a.verifyFile(file, head)
			case len(args) == 1:
				return a.verifyRun(cmd.Context(), args[0], head)
			}
			return usage("verify what? give a run's ID, or --file with an export")
		},
	}
	c.Flags().StringVarP(&file, "file", "f", "", "an export to check offline; - for standard input")
	c.Flags().StringVar(&head, "head", "", "hash that the last row must have, as kept elsewhere")
	return c
}

func (a *app) verifyRun(ctx context.Context, id, head string) error {
	chain, err := a.chain(ctx, id)
	if err != nil {
		return err
	}
	r := verified{ID: id, Count: len(chain.Rows), Head: chain.Head, Against: []string{"head"}, Findings: chain.Verify()}
	seen, err := a.seenByRun(ctx, id)
	switch {
	case err == nil:
		r.Against = append(r.Against, "run")
		r.Findings = append(r.Findings, witness(chain.Rows, seen)...)
	case !a.json:
		fmt.Fprintf(a.err, "%s not compared with the run's own history: %v\n", a.paintErr(yellow, "note:"), err)
	}
	return a.printVerified(r, chain.Rows, head)
}

// seenByRun is the count and head in the run's own history: from its result, or else from its status.
func (a *app) seenByRun(ctx context.Context, id string) (runbook.Evidence, error) {
	c, err := a.temporal(ctx)
	if err != nil {
		return runbook.Evidence{}, err
	}
	defer c.Close()
	info, err := a.describeRun(ctx, c, id)
	if err != nil {
		return runbook.Evidence{}, err
	}
	runID := info.GetExecution().GetRunId()
	if !open(info) {
		waiting, cancel := context.WithTimeout(ctx, a.timeout)
		defer cancel()
		var result struct {
			Evidence runbook.Evidence `json:"evidence"`
		}
		if err := c.GetWorkflow(waiting, id, runID).Get(waiting, &result); err == nil && result.Evidence.Count > 0 {
			return result.Evidence, nil
		}
	}
	s, err := a.status(ctx, c, id, runID)
	return s.Evidence, err
}

func (a *app) verifyFile(path, head string) error {
	var in io.Reader = a.in
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return usage("--file: %w", err)
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	manifest, rows, err := records.ReadExport(in)
	if err != nil {
		return usage("--file %s: %w", path, err)
	}
	r := verified{
		ID: manifest.WorkflowID, Count: len(rows), Head: manifest.Head, Against: []string{"manifest"},
		Findings: records.VerifyChain(rows, manifest.Count, manifest.Head),
	}
	for _, row := range rows {
		if row.WorkflowID != manifest.WorkflowID {
			r.Findings = append(r.Findings, records.Finding{Kind: records.Foreign, Seq: row.Seq,
				Text: fmt.Sprintf("the rows belong to %s, the manifest says %s", row.WorkflowID, manifest.WorkflowID)})
			break
		}
	}
	return a.printVerified(r, rows, head)
}

func (a *app) printVerified(r verified, rows []records.Row, head string) error {
	if head != "" {
		r.Against = append(r.Against, "given")
		last := ""
		if len(rows) > 0 {
			last = rows[len(rows)-1].Hash
		}
		if last != head {
			r.Findings = append(r.Findings, records.Finding{Kind: records.WrongHead, Seq: len(rows),
				Text: fmt.Sprintf("the last row has the hash %s, and --head says %s", plan.Short(last), plan.Short(head))})
		}
	}
	r.Verified = len(r.Findings) == 0
	if r.Findings == nil {
		r.Findings = []records.Finding{}
	}
	if a.json {
		if err := a.printJSON(r); err != nil {
			return err
		}
	}
	if !r.Verified {
		if !a.json {
			for _, f := range r.Findings {
				a.printf("%s %s\n", a.paint(red, string(f.Kind)), f.Text)
			}
		}
		return fmt.Errorf("the evidence of %s is not whole: %d fault(s) in %d rows", r.ID, len(r.Findings), r.Count)
	}
	if !a.json {
		a.printf("%s %s: %d rows, head %s\n", a.paint(green, "verified"), r.ID, r.Count, r.Head)
	}
	return nil
}

func (a *app) evidenceExportCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use:   "export RUN",
		Short: "Write a run's evidence as JSON Lines",
		Long: `Writes a first line with the run, the number of rows and the hash of the last one, then one row a line, byte for byte
as hashed. Keep the hash of the last row elsewhere too, such as in the report: with it ` + "`evidence verify --file --head`" + `
proves the file years later, with no server.`,
		Example:           "  starter evidence export planned-outage-20261124-0300-x7k2 -o outage.jsonl",
		Args:              exactArgs(1, "a run's ID"),
		ValidArgsFunction: a.completeRuns,
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.export(cmd.Context(), args[0], output)
		},
	}
	c.Flags().StringVarP(&output, "output", "o", "-", "file to write; - for standard output")
	return c
}

func (a *app) export(ctx context.Context, id, output string) error {
	store, err := a.records(ctx)
	if err != nil {
		return err
	}
	defer store.Close()
	var content bytes.Buffer
	if err := store.Export(ctx, id, &content); err != nil {
		if errors.Is(err, records.ErrNotFound) {
			return usage("there is no evidence of a run %q; the ID must be written in full", id)
		}
		return err
	}
	if output == "-" {
		_, err := a.out.Write(content.Bytes())
		return err
	}
	if err := writeWhole(output, content.Bytes()); err != nil {
		return err
	}
	manifest, _, err := records.ReadExport(bytes.NewReader(content.Bytes()))
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(map[string]any{"id": id, "file": output, "count": manifest.Count, "head": manifest.Head})
	}
	a.printf("%s %s: %d rows, head %s\n", a.paint(green, "written"), output, manifest.Count, manifest.Head)
	return nil
}

// writeWhole writes a file so that it is there whole or not at all.
func writeWhole(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tejun-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", path, err), os.Remove(f.Name()))
	}
	return nil
}

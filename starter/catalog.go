package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"tejun/internal/catalog"
	"tejun/workflows"
)

// catalogued is one row in `catalog --json`.
type catalogued struct {
	catalog.Row
	Available bool   `json:"available"` // the runbook is in this program
	Start     string `json:"start"`     // how to start it, "" if it cannot be
	Example   string `json:"example"`   // file with an example input
}

func (a *app) catalogCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "catalog [ROW]",
		Short: "List the 28 operation tasks and the runbooks that do them",
		Long: `Lists the operation tasks (運用業務一覧): their row, names, who carries them out, whether they are in scope, and the
runbook. A row whose runbook is not in this program yet says so. With a row's number, or a runbook's name, it shows
that one: what it needs, why it is in or out of scope, how to start it, and an example input.`,
		Example: `  starter catalog
  starter catalog 8
  starter catalog PlannedOutage
  starter catalog --json | jq '.[] | select(.available) | .start'`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: completeRunbooks,
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return a.catalogRow(args[0])
			}
			return a.catalogAll()
		},
	}
}

func (a *app) catalogAll() error {
	var rows []catalogued
	for _, r := range catalog.Rows() {
		rows = append(rows, a.catalogued(r))
	}
	if a.json {
		return a.printJSON(rows)
	}
	g := newGrid("ROW", "業務", "TASK", "BY", "RUNBOOK")
	for _, r := range rows {
		var runbook string
		switch {
		case !r.InScope:
			runbook = a.paint(dim, "out of scope")
		case r.Available:
			runbook = a.paint(green, r.Runbook)
		default:
			runbook = a.paint(dim, r.Runbook+" (not there yet)")
		}
		g.add(r.Number, r.Name.Ja, r.Name.En, r.Actor.En, runbook)
	}
	g.print(a, "")
	a.printf("\n`%s catalog ROW` shows one of them and how to start it.\n", a.self())
	return nil
}

func (a *app) catalogRow(which string) error {
	row, ok := catalog.ByRunbook(which)
	if !ok {
		number, err := strconv.Atoi(strings.TrimPrefix(which, "#"))
		if err != nil {
			return usage("%q is neither a row's number nor a runbook; `%s catalog` lists both", which, a.self())
		}
		if row, ok = catalog.ByNumber(number); !ok {
			return usage("there is no row %d: the catalogue has rows 1 to %d", number, len(catalog.Rows()))
		}
	}
	r := a.catalogued(row)
	if a.json {
		return a.printJSON(r)
	}
	a.printf("%s\n", a.paint(bold, fmt.Sprintf("%d  %s · %s", r.Number, r.Name.Ja, r.Name.En)))
	g := newGrid()
	both := func(name string, t catalog.Text) {
		if t.Ja != "" {
			g.add(a.paint(dim, name), t.Ja+"\n"+t.En)
		}
	}
	if width := a.width(); width > 0 {
		g.wrap[2] = max(30, width-18)
	}
	both("category", r.Category)
	both("actor", r.Actor)
	both("summary", r.Summary)
	both("out of scope", r.ScopeReason)
	list := func(name string, texts []catalog.Text) {
		var ja, en []string
		for _, t := range texts {
			ja, en = append(ja, t.Ja), append(en, t.En)
		}
		both(name, catalog.Text{Ja: strings.Join(ja, "、"), En: strings.Join(en, ", ")})
	}
	list("functions", r.Functions)
	list("components", r.Components)
	for _, ref := range r.SeeAlso {
		g.add(a.paint(dim, "see also"), fmt.Sprintf("row %d, %s", ref.Row, ref.Title))
	}
	g.print(a, "  ")
	a.printHowToStart(r)
	return nil
}

func (a *app) printHowToStart(r catalogued) {
	switch {
	case r.Available:
		a.printf("\nStart it:\n  %s\n", a.paint(cyan, r.Start))
		if content, err := os.ReadFile(filepath.FromSlash(r.Example)); err == nil {
			a.printf("\n%s:\n%s\n", r.Example, strings.TrimSpace(string(content)))
		}
	case r.InScope:
		a.printf("\nIts runbook %s is not in this program yet.\n", r.Runbook)
	}
}

func (a *app) catalogued(row catalog.Row) catalogued {
	r := catalogued{Row: row}
	book, ok := workflows.Lookup(row.Runbook)
	if !ok {
		return r
	}
	r.Available, r.Example = true, book.Example
	r.Start = fmt.Sprintf("%s start %s --input %s", a.self(), book.Name, shellWord(book.Example))
	return r
}

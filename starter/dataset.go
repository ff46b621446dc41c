package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/spf13/cobra"

	"tejun/internal/dataset"
	"tejun/internal/dataset/infer"
	"tejun/internal/operated"
	"tejun/internal/strictyaml"
)

func (a *app) datasetCommand() *cobra.Command {
	var dir string
	folder := func(c *cobra.Command) *cobra.Command {
		c.Flags().StringVar(&dir, "dir", "", "folder of declarations (default: datasets beside system.yaml)")
		return c
	}
	list := folder(&cobra.Command{
		Use:     "list",
		Short:   "List the datasets that are declared",
		Long:    "Lists the declarations of the folder datasets beside system.yaml: what each loads, from where, into which table, and how.",
		Example: "  starter dataset list\n  starter dataset list --dir examples/datasets --json",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.listDatasets(dir) },
	})
	var out string
	propose := &cobra.Command{
		Use:   "infer FILE",
		Short: "Propose a declaration from a file",
		Long: `Looks at a file that somebody delivered and writes a declaration for it: packing, encoding, delimiter, header, types, rules and
the key. Each line says how sure it is and what was seen; the lines that begin with LOOK are for a person to decide. Nothing
is loaded, and the file is only read.`,
		Example: "  starter dataset infer ../shared/data/ingest/ken_all_20241224.zip\n  starter dataset infer shops.csv --out examples/datasets/shops.yaml",
		Args:    exactArgs(1, "the file to look at"),
		RunE:    func(_ *cobra.Command, args []string) error { return a.inferDataset(args[0], out) },
	}
	propose.Flags().StringVar(&out, "out", "", "write the declaration to a new file instead of printing it")
	check := folder(&cobra.Command{
		Use:   "check [FILE…]",
		Short: "Check declarations, without changing anything",
		Long: `Checks declarations strictly: unknown keys, wrong types, names that SQL does not take, keys and references to columns that are
not there, patterns that do not compile, impossible limits. Every problem is told at once with file, line and column. Without
a file all declarations of the folder are checked, also against one another.

Exit code 0: all is well. 2: something is wrong in a declaration.`,
		Example: "  starter dataset check\n  starter dataset check examples/datasets/postal-codes.yaml --json",
		RunE:    func(_ *cobra.Command, args []string) error { return a.checkDatasets(dir, args) },
	})
	var databaseURL string
	sql := &cobra.Command{
		Use:   "sql FILE",
		Short: "Print the SQL that makes a dataset's table, or brings the one that is there to the declaration",
		Long: `Prints the statements that make the table of a declaration, with its key and comments, as one transaction for psql. Where the
operated system's database is known the table that is there is looked at, and the statements are those that bring it to the declaration:
columns are added and widened, and the key and the rules on missing values follow where the rows obey them. What would lose data is
refused with a reason.

Nothing is run: a load never changes a table. An operator runs the script in an agreed setting change.

Exit code 2: the declaration is wrong. 3: the table cannot be brought there without losing something.`,
		Example: "  starter dataset sql examples/datasets/postal-codes.yaml\n  starter dataset sql examples/datasets/postal-codes.yaml --database-url \"$DSN\" | psql \"$DSN\"",
		Args:    exactArgs(1, "a declaration"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.datasetSQL(cmd.Context(), args[0], databaseURL)
		},
	}
	sql.Flags().StringVar(&databaseURL, "database-url", "", "the operated system's database (env "+operated.Variable+", or that of the `worker dev` that runs)")
	return group(&cobra.Command{
		Use:   "dataset",
		Short: "Declare the files that are loaded into the database",
		Long: `A dataset is a declaration of files that somebody delivers again and again: where they come from, how they are written, what
must be true of their rows, and which table they fill. It is one YAML file in the folder datasets beside system.yaml.

To add one: infer a proposal from a file, look at it and mend it, check it.`,
		Example: "  starter dataset infer shops.csv --out examples/datasets/shops.yaml\n  starter dataset check examples/datasets/shops.yaml\n  starter dataset list",
	}, list, propose, check, sql)
}

// datasetFolder is where declarations are looked for.
func (a *app) datasetFolder(dir string) (string, error) {
	if dir != "" {
		return dir, nil
	}
	where, err := a.locate()
	if err != nil {
		return "", err
	}
	if where.System == "" {
		return "", usage("the folder of datasets was not found: give --dir, or --system FILE to take the folder datasets beside it")
	}
	return filepath.Join(filepath.Dir(where.System), "datasets"), nil
}

func (a *app) listDatasets(dir string) error {
	dir, err := a.datasetFolder(dir)
	if err != nil {
		return err
	}
	all, err := dataset.LoadDir(dir)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if a.json {
		return a.printJSON(all)
	}
	if len(all) == 0 {
		a.printf("No datasets in %s. `%s dataset infer FILE` proposes one from a file.\n", dir, a.self())
		return nil
	}
	g := newGrid("DATASET", "NAME", "FORMAT", "TABLE", "COLUMNS", "KEY", "MODE", "SOURCE")
	for _, d := range all {
		format := d.Format.Kind
		if d.Packing.Kind != dataset.PackingNone {
			format = d.Packing.Kind + " " + format
		}
		g.add(d.ID, d.Name.Ja, strings.TrimSpace(format+" "+d.Encoding), d.Table, len(d.Columns), strings.Join(d.Key, ", "), d.Mode, sourceOf(d))
	}
	g.print(a, "")
	return nil
}

func sourceOf(d *dataset.Dataset) string {
	switch s := d.Source; {
	case s.S3 != nil:
		return "s3://" + s.S3.Bucket + "/" + s.S3.Prefix + s.Match
	case s.HTTP != nil:
		return s.HTTP.URL
	default:
		return filepath.Join(s.File.Dir, s.Match)
	}
}

func (a *app) inferDataset(file, out string) error {
	p, err := infer.File(file)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	if out != "" {
		if err := writeNew(out, p.YAML); err != nil {
			return err
		}
	}
	switch {
	case a.json:
		return a.printJSON(p)
	case out == "":
		a.printf("%s", p.YAML)
		return nil
	}
	a.printf("%s: written from %d records. Look at these before it is used:\n", out, p.Records)
	for _, doubt := range p.Doubts {
		a.printf("  - %s\n", oneLine(doubt))
	}
	a.printf("Then: %s dataset check %s\n", a.self(), shellWord(out))
	return nil
}

// writeNew writes a file that is not there yet.
func writeNew(path, text string) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return refused("%s is there already: remove it or choose another name, as a declaration that somebody mended must not be lost", path)
	}
	if err != nil {
		return fmt.Errorf("write the proposal: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.WriteString(text); err != nil {
		return fmt.Errorf("write the proposal: %w", err)
	}
	return nil
}

// problem is one line of `dataset check --json`.
type problem struct {
	File   string `json:"file"`
	Line   int    `json:"line"`
	Column int    `json:"column"`
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func (a *app) checkDatasets(dir string, files []string) error {
	var checked []*dataset.Dataset
	var wrong error
	if len(files) == 0 {
		dir, err := a.datasetFolder(dir)
		if err != nil {
			return err
		}
		checked, wrong = dataset.LoadDir(dir)
	}
	for _, file := range files {
		d, err := dataset.Load(file)
		if err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		checked = append(checked, d)
	}
	if a.json {
		problems := problemsOf(wrong)
		if err := a.printJSON(problems); err != nil {
			return err
		}
	}
	if wrong != nil {
		return &exitError{exitUsage, wrong}
	}
	if !a.json {
		for _, d := range checked {
			a.printf("%s %s: %d columns, key (%s), table %s, mode %s\n", a.paint(green, "ok"), a.paint(bold, d.ID), len(d.Columns), strings.Join(d.Key, ", "), d.Table, d.Mode)
		}
		if len(checked) == 0 {
			a.printf("There are no declarations.\n")
		}
	}
	return nil
}

// problemsOf takes joined errors apart.
func problemsOf(err error) []problem {
	list := []problem{}
	var invalid *strictyaml.InvalidError
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			list = append(list, problemsOf(e)...)
		}
	} else if errors.As(err, &invalid) {
		for _, p := range invalid.Problems {
			list = append(list, problem{invalid.File, p.Line, p.Column, p.Path, p.Reason})
		}
	} else if err != nil {
		list = append(list, problem{Reason: err.Error()})
	}
	return list
}

func (a *app) datasetSQL(ctx context.Context, file, databaseURL string) error {
	d, err := dataset.Load(file)
	if err != nil {
		return &exitError{exitUsage, err}
	}
	m := dataset.Migration{Table: d.Table, Create: true, Statements: d.DDL(), Changes: []string{"make the table " + d.Table}}
	if databaseURL == "" {
		where, err := a.locate()
		if err != nil {
			return err
		}
		databaseURL = where.Operated
	}
	if databaseURL != "" {
		if m, err = a.migration(ctx, d, databaseURL); err != nil {
			return err
		}
	}
	if a.json {
		return a.printJSON(m)
	}
	for _, change := range m.Changes {
		a.printf("-- %s\n", oneLine(change))
	}
	a.printf("%s", dataset.SQL(m.Statements))
	return nil
}

// migration compares the table that is there with the declaration. It reads only.
func (a *app) migration(ctx context.Context, d *dataset.Dataset, databaseURL string) (m dataset.Migration, err error) {
	data, err := operated.Open(databaseURL)
	if err != nil {
		return m, usage("the operated system's database: %w", err)
	}
	defer data.Close()
	pool, err := data.Pool(ctx)
	if err != nil {
		return m, err
	}
	err = pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		m, err = d.PlanMigration(ctx, tx)
		return err
	})
	var lossy *dataset.MigrationError
	if errors.As(err, &lossy) {
		return m, refused("%w", err)
	}
	if err != nil {
		return m, fmt.Errorf("compare %s with its declaration: %w", d.Table, err)
	}
	m.Changes = append([]string{}, m.Changes...)
	return m, nil
}

package dataset

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"tejun/internal/strictyaml"
)

// Defaults of what a declaration leaves out.
const (
	defaultMaxBytes = 5 << 30
	defaultMaxLine  = 1 << 20
	defaultShare    = 0.05
)

// Load reads and checks the declaration in a file. What is wrong with the content comes back as a *strictyaml.InvalidError
// with file, line, column, reason and what to do. References to other datasets are checked by LoadDir.
func Load(path string) (*Dataset, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("dataset: %w", err)
	}
	return Parse(path, data)
}

// Parse checks a declaration as Load does.
func Parse(name string, data []byte) (*Dataset, error) {
	d, _, err := parse(name, data)
	return d, err
}

func parse(name string, data []byte) (*Dataset, *strictyaml.Report, error) {
	d := &Dataset{}
	decoded, err := strictyaml.Decode(name, data, d, strictyaml.Kind{What: "dataset", Example: "examples/datasets/postal-codes.yaml"})
	if err != nil {
		return nil, nil, err
	}
	r := &report{decoded}
	d.setDefaults(r.Has)
	r.validate(d)
	if err := r.Err(name); err != nil {
		return nil, nil, err
	}
	return d, decoded, nil
}

// LoadDir reads all declarations of a folder (*.yaml), sorted by ID, and checks each by itself and all together: IDs are
// unique, datasets that share a table agree on it, and references to tables of the folder name columns that are there. The
// errors of all files are joined. A folder without declarations is an empty list.
func LoadDir(dir string) ([]*Dataset, error) {
	list, wrong, err := LoadEach(dir)
	if err != nil {
		return nil, err
	}
	if len(wrong) > 0 {
		errs := make([]error, len(wrong))
		for i := range wrong {
			errs[i] = wrong[i].Err
		}
		return nil, errors.Join(errs...)
	}
	return list, nil
}

// Wrong is a declaration that cannot be used.
type Wrong struct {
	File string // its name in the folder
	ID   string // of its dataset, as far as it could be read; "" otherwise
	Err  error
}

// LoadEach reads as LoadDir does, and tells the declarations that can be used from those that cannot: one mistake must not stop
// what has nothing to do with it. Of two that contradict each other the first file's counts.
func LoadEach(dir string) (list []*Dataset, wrong []Wrong, err error) {
	if info, err := os.Stat(dir); err != nil {
		return nil, nil, fmt.Errorf("datasets: %w", err)
	} else if !info.IsDir() {
		return nil, nil, fmt.Errorf("datasets: %s is not a folder", dir)
	}
	paths, err := filepath.Glob(filepath.Join(escape(dir), "*.yaml"))
	if err != nil {
		return nil, nil, fmt.Errorf("datasets: %w", err)
	}
	var all []loaded
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			wrong = append(wrong, Wrong{File: filepath.Base(path), Err: fmt.Errorf("dataset: %w", err)})
			continue
		}
		d, r, err := parse(path, data)
		if err != nil {
			wrong = append(wrong, Wrong{File: filepath.Base(path), Err: err})
			continue
		}
		all = append(all, loaded{path, d, r})
	}
	for i := range all {
		all[i].checkAgainst(all[:i], all)
		if err := all[i].report.Err(all[i].path); err != nil {
			wrong = append(wrong, Wrong{File: filepath.Base(all[i].path), ID: all[i].dataset.ID, Err: err})
			continue
		}
		list = append(list, all[i].dataset)
	}
	slices.SortFunc(list, func(a, b *Dataset) int { return strings.Compare(a.ID, b.ID) })
	return list, wrong, nil
}

// escape keeps Glob from reading signs of a folder's name as a pattern.
func escape(dir string) string {
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(dir)
}

func (d *Dataset) setDefaults(has func(path string) bool) {
	text := func(value *string, byDefault string) {
		if *value == "" {
			*value = byDefault
		}
	}
	text(&d.Packing.Kind, PackingNone)
	text(&d.Duplicates.Exact, Drop)
	text(&d.Duplicates.SameKey, Reject)
	text(&d.Approval.When, OverLimits)
	text(&d.Backup, BackupSnapshot)
	switch d.Format.Kind {
	case CSV:
		text(&d.Format.Delimiter, ",")
	case TSV:
		text(&d.Format.Delimiter, "\t")
	case JSONL, Parquet:
		d.Format.Header = d.Format.Header || !has("format.header")
	}
	if !has("source.maxBytes") {
		d.Source.MaxBytes = defaultMaxBytes
	}
	if !has("limits.rejectRows") && has("limits.rejectShare") {
		d.Limits.RejectRows = -1
	}
	if !has("limits.changeShare") {
		d.Limits.ChangeShare = defaultShare
	}
	if !has("limits.vanishShare") {
		d.Limits.VanishShare = defaultShare
	}
	if !has("limits.maxLine") {
		d.Limits.MaxLine = defaultMaxLine
	}
}

// Digest is the SHA-256 of what the declaration says, in hexadecimal: the same for the same meaning, however it is laid out
// and commented.
func (d *Dataset) Digest() string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(fmt.Sprintf("dataset %q cannot be written as JSON: %v", d.ID, err)) // it has only texts and numbers
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// TableName takes Table apart.
func (d *Dataset) TableName() (schema, name string) {
	schema, name, _ = strings.Cut(d.Table, ".")
	return schema, name
}

// Column finds a column by its name.
func (d *Dataset) Column(name string) (Column, bool) {
	if i := slices.IndexFunc(d.Columns, func(c Column) bool { return c.Name == name }); i >= 0 {
		return d.Columns[i], true
	}
	return Column{}, false
}

// Package repair holds approved statement templates for data repairs: one SQL statement each on one declared table, with typed
// parameters, so that nobody types SQL into a production database. Templates are files beside system.yaml and are changed by
// review; a run names one and gives its parameters, which are bound and never become part of the statement.
package repair

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"tejun/internal/strictyaml"
)

// Template is one approved statement.
type Template struct {
	ID          string      `yaml:"id"`
	Name        Text        `yaml:"name"`
	Description Text        `yaml:"description"` // when it is used, and what it does
	Table       string      `yaml:"table"`       // schema.name; the only table that the statement may touch
	Key         []string    `yaml:"key"`         // columns that tell the rows apart
	Show        []string    `yaml:"show"`        // columns that a plan may show besides the key: nothing personal
	Parameters  []Parameter `yaml:"parameters"`
	Statement   string      `yaml:"statement"` // UPDATE, DELETE or INSERT with :name for parameters
	MaxRows     int         `yaml:"maxRows"`   // more rows than this are never repaired at once

	hash  string
	parts parts
}

// Text is Japanese and English.
type Text struct {
	Ja string `yaml:"ja"`
	En string `yaml:"en"`
}

// Parameter is a value that a run gives.
type Parameter struct {
	Name        string   `yaml:"name"`
	Type        string   `yaml:"type"` // text, integer, numeric, boolean, date, timestamp
	Description Text     `yaml:"description"`
	MaxLength   int      `yaml:"maxLength"` // of a text; 0 means 200
	Pattern     string   `yaml:"pattern"`   // that a text must match as a whole; "" for any
	Codes       []string `yaml:"codes"`     // the only values; empty for any
}

// The types of parameters.
var types = []string{"text", "integer", "numeric", "boolean", "date", "timestamp"}

const mostRows = 10000

var errNoTemplates = errors.New("system.yaml names no folder of approved templates: add repairs")

var (
	idForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,59}$`)
	columnForm = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}$`)
	tableForm  = regexp.MustCompile(`^[a-z_][a-z0-9_]{0,62}\.[a-z_][a-z0-9_]{0,62}$`)
)

// Hash names the template's content: SHA-256 of the file, in hex.
func (t *Template) Hash() string { return t.hash }

// Action is UPDATE, DELETE or INSERT.
func (t *Template) Action() string { return t.parts.action }

// Parse reads and checks a template strictly. What is wrong comes back as a *strictyaml.InvalidError.
func Parse(name string, data []byte) (*Template, error) {
	t := &Template{}
	r, err := strictyaml.Decode(name, data, t, strictyaml.Kind{What: "repair template", Example: "examples/repairs/correct-application-status.yaml"})
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(data)
	t.hash = hex.EncodeToString(sum[:])
	t.check(r)
	return t, r.Err(name)
}

func (t *Template) check(r *strictyaml.Report) {
	r.Form("id", t.ID, idForm, "a permanent name of small letters, digits and hyphens")
	for _, text := range []struct{ path, value string }{
		{"name.ja", t.Name.Ja}, {"name.en", t.Name.En}, {"description.ja", t.Description.Ja}, {"description.en", t.Description.En},
	} {
		r.Need(text.path, text.value)
	}
	r.Form("table", t.Table, tableForm, "schema.table in small letters, such as public.applications")
	if len(t.Key) == 0 {
		r.Add("key", "is missing: name the columns that tell the rows apart")
	}
	for _, list := range []struct {
		path    string
		columns []string
	}{{"key", t.Key}, {"show", t.Show}} {
		for i, column := range list.columns {
			r.Form(strictyaml.Index(list.path, i), column, columnForm, "a column's name in small letters")
		}
	}
	r.Number("maxRows", t.MaxRows, 1, mostRows)
	names := map[string]bool{}
	for i, p := range t.Parameters {
		at := strictyaml.Index("parameters", i)
		r.Form(at+".name", p.Name, columnForm, "a name of small letters, digits and _")
		r.OneOf(at+".type", p.Type, types...)
		r.Need(at+".description.ja", p.Description.Ja)
		r.Need(at+".description.en", p.Description.En)
		if p.Type != "text" && (p.MaxLength != 0 || p.Pattern != "") {
			r.Add(at, "maxLength and pattern are for text only: leave them out")
		}
		if _, err := regexp.Compile(p.Pattern); err != nil {
			r.Add(at+".pattern", "is no regular expression: %v", err)
		}
		if names[p.Name] {
			r.Add(at+".name", "%q is given twice: give each parameter its own name", p.Name)
		}
		names[p.Name] = true
	}
	if !r.Need("statement", t.Statement) {
		return
	}
	parsed, err := parseStatement(t.Statement, t.Table)
	if err != nil {
		r.Add("statement", "%v", err)
		return
	}
	t.parts = parsed
	used := map[string]bool{}
	for _, name := range parsed.parameters() {
		used[name] = true
		if !names[name] {
			r.Add("statement", "the parameter :%s is not declared under parameters", name)
		}
	}
	for i, p := range t.Parameters {
		if !used[p.Name] {
			r.Add(strictyaml.Index("parameters", i), "%s does not occur in the statement: remove it", p.Name)
		}
	}
	for _, column := range parsed.sets {
		if slices.Contains(t.Key, column) {
			r.Add("statement", "it changes %s, which is part of the key: then nobody could tell which row became which", column)
		}
	}
	if parsed.action == "INSERT" {
		for _, column := range t.Key {
			if !slices.Contains(parsed.columns, column) {
				r.Add("statement", "it does not give the key column %s: then the undo could not find the row", column)
			}
		}
	}
}

// Load reads the template with an ID from a folder: the file is called ID.yaml.
func Load(folder, id string) (*Template, error) {
	if !idForm.MatchString(id) { // before it becomes part of a path
		return nil, fmt.Errorf("template %q: want small letters, digits and hyphens", id)
	}
	path := filepath.Join(folder, id+".yaml")
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		known, globbed := filepath.Glob(filepath.Join(folder, "*.yaml"))
		for i, k := range known {
			known[i] = strings.TrimSuffix(filepath.Base(k), ".yaml")
		}
		return nil, errors.Join(globbed, fmt.Errorf("there is no approved template %q; there are: %s", id, strictyaml.Listed(known)))
	}
	if err != nil {
		return nil, fmt.Errorf("read the template: %w", err)
	}
	t, err := Parse(path, data)
	if err == nil && t.ID != id {
		err = fmt.Errorf("%s holds the template %q: name the file after its id", path, t.ID)
	}
	return t, err
}

// Package readiness says in words what stands in the way of a recovery in the DR region, and when people are told.
package readiness

import (
	"bytes"
	_ "embed"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"time"

	"github.com/goccy/go-yaml"
)

// Text is a text for officers and one for engineers.
type Text struct {
	Ja string `json:"ja" yaml:"ja"`
	En string `json:"en" yaml:"en"`
}

// Finding is one thing that stands in the way of a recovery, or soon will.
type Finding struct {
	Code  string            `json:"code"`            // one of findings.yaml; permanent
	About string            `json:"about,omitempty"` // which service, name or person; "" if there is only one
	Data  map[string]string `json:"data,omitempty"`  // what else its texts say; may differ from look to look
}

// Key is the same for the same finding at every look, whatever its figures.
func (f Finding) Key() string { return f.Code + "/" + f.About }

// Worded is a finding in words.
type Worded struct {
	Key  string `json:"key"`
	Area Text   `json:"area"`
	What Text   `json:"what"`
	Do   Text   `json:"do"`             // what to do about it
	New  bool   `json:"new"`            // it was not there when people were last told
	Kept bool   `json:"kept,omitempty"` // as people were last told of it: this time it could not be looked at, or was not judged
}

//go:embed findings.yaml
var findingsFile []byte

//go:embed list.tmpl
var listFile string

// listTemplates are "list", what stands in the way and what to do, and "gone", what no longer does.
var listTemplates = template.Must(template.New("").Parse(listFile))

// kind is an entry of findings.yaml.
type kind struct {
	Code  string `yaml:"code"`
	Area  Text   `yaml:"area"`
	Check string `yaml:"check"` // what the check that finds it is about; "" where none does
	Moved bool   `yaml:"moved"` // a run that holds the DR environment moves it: then it is not judged
	Ja    says   `yaml:"ja"`
	En    says   `yaml:"en"`
}

type says struct {
	What string `yaml:"what"`
	Do   string `yaml:"do"`
}

// kinds are read once; texts that cannot be read stop the program at its start, and its tests.
var kinds = mustRead()

func mustRead() map[string]kind {
	var list []kind
	if err := yaml.NewDecoder(bytes.NewReader(findingsFile), yaml.Strict()).Decode(&list); err != nil {
		panic(fmt.Sprintf("embedded findings.yaml: %v", err))
	}
	all := map[string]kind{}
	for _, k := range list {
		if _, twice := all[k.Code]; twice {
			panic(fmt.Sprintf("embedded findings.yaml: %s is there twice", k.Code))
		}
		all[k.Code] = k
	}
	return all
}

// Codes lists what can be found.
func Codes() []string { return slices.Sorted(maps.Keys(kinds)) }

// Words puts findings into words, in a fixed order, each once. Those whose key is not among known are new.
func Words(findings []Finding, known []string) ([]Worded, error) {
	byKey := map[string]Worded{}
	for _, f := range findings {
		w, err := f.words()
		if err != nil {
			return nil, err
		}
		w.New = !slices.Contains(known, w.Key)
		byKey[w.Key] = w
	}
	list := make([]Worded, 0, len(byKey))
	for _, key := range slices.Sorted(maps.Keys(byKey)) {
		list = append(list, byKey[key])
	}
	return list, nil
}

func (f Finding) words() (Worded, error) {
	k, known := kinds[f.Code]
	if !known {
		return Worded{}, fmt.Errorf("finding %q has no words: add it to findings.yaml", f.Code)
	}
	data := map[string]string{"about": f.About}
	maps.Copy(data, f.Data)
	w := Worded{Key: f.Key(), Area: k.Area}
	var problems []error
	for _, t := range []struct {
		from string
		into *string
	}{{k.Ja.What, &w.What.Ja}, {k.Ja.Do, &w.Do.Ja}, {k.En.What, &w.What.En}, {k.En.Do, &w.Do.En}} {
		text, err := fill(t.from, data)
		*t.into = text
		problems = append(problems, err)
	}
	if err := errors.Join(problems...); err != nil {
		return Worded{}, fmt.Errorf("finding %s: %w", f.Key(), err)
	}
	return w, nil
}

func fill(text string, data map[string]string) (string, error) {
	t, err := template.New("").Option("missingkey=error").Parse(text)
	if err != nil {
		return "", err
	}
	var b strings.Builder
	err = t.Execute(&b, data)
	return strings.Join(strings.Fields(b.String()), " "), err // an error of AWS may have several lines
}

// List writes findings, each with what to do, for a mail to officers.
func List(findings []Worded) (string, error) { return write("list", findings) }

// GoneList writes what no longer stands in the way.
func GoneList(findings []Worded) (string, error) { return write("gone", findings) }

func write(name string, findings []Worded) (string, error) {
	var b strings.Builder
	err := listTemplates.ExecuteTemplate(&b, name, findings)
	return strings.TrimSpace(b.String()), err
}

// Keys are those of the findings.
func Keys(findings []Worded) []string {
	keys := make([]string, len(findings))
	for i, f := range findings {
		keys[i] = f.Key
	}
	return keys
}

// What people are told.
const (
	Nothing  = ""         // they know
	Changed  = "changed"  // the set of findings has changed
	Repeated = "repeated" // it has not, for a long time
	Well     = "well"     // nothing stands in the way any more
)

// Told is what people were told last; zero if they never were.
type Told struct {
	Findings []Worded  `json:"findings"`
	At       time.Time `json:"at"`
}

// Judge says what people are to be told now.
func Judge(last Told, now []Worded, at time.Time, repeatAfter time.Duration) string {
	same := slices.Equal(Keys(last.Findings), Keys(now)) // both in the order of Words
	switch {
	case same && len(now) == 0:
		return Nothing
	case len(now) == 0:
		return Well
	case !same:
		return Changed
	case !at.Before(last.At.Add(repeatAfter)):
		return Repeated
	}
	return Nothing
}

// Gone are the findings that people were told of and that are no more.
func Gone(last Told, now []Worded) []Worded {
	gone := []Worded{}
	for _, f := range last.Findings {
		if !slices.Contains(Keys(now), f.Key) {
			f.New, f.Kept = false, false
			gone = append(gone, f)
		}
	}
	return gone
}

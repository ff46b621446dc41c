package system

import (
	"fmt"
	"os"

	"tejun/internal/strictyaml"
)

// defaultDecideAt is the share of the window after which a decision is asked for, when outage.decideAt is left out.
const defaultDecideAt = 0.7

type (
	// Problem is one thing that is wrong with a description.
	Problem = strictyaml.Problem
	// InvalidError is everything that is wrong with a description.
	InvalidError = strictyaml.InvalidError
)

// report checks the values of a description whose types are right.
type report struct{ *strictyaml.Report }

// Load reads and checks the description in a file. What is wrong with the content comes back as an *InvalidError.
func Load(path string) (*System, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("system description: %w", err)
	}
	return Parse(path, data)
}

// Parse checks a description strictly: every unknown or duplicate key, wrong type, dangling name and impossible value is
// reported, with the file's name, line, column, the reason and what to do. The error is then an *InvalidError. The types are
// checked first; names and values are checked only in a description whose types are right.
func Parse(name string, data []byte) (*System, error) {
	s := &System{}
	decoded, err := strictyaml.Decode(name, data, s, strictyaml.Kind{What: "system description", Example: "examples/system.yaml"})
	if err != nil {
		return nil, err
	}
	r := &report{decoded}
	if !r.Has("outage.decideAt") {
		s.Outage.DecideAt = defaultDecideAt
	}
	r.validate(s)
	if err := r.Err(name); err != nil {
		return nil, err
	}
	return s, nil
}

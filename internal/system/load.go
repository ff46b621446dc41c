package system

import (
	"errors"
	"fmt"
	"os"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// maxSize is far above any real description; a larger file is somebody's mistake.
const maxSize = 1 << 20

// defaultDecideAt is the share of the window after which a decision is asked for, when outage.decideAt is left out.
const defaultDecideAt = 0.7

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
	root, err := parseTree(name, data)
	if err != nil {
		return nil, err
	}
	r := &report{at: map[string]position{}}
	r.shape(root, reflect.TypeFor[System](), "")
	if err := r.err(name); err != nil {
		return nil, err
	}

	s := &System{}
	if err := yaml.NodeToValue(root, s, yaml.Strict()); err != nil {
		return nil, syntaxError(name, err)
	}
	if !r.has("outage.decideAt") {
		s.Outage.DecideAt = defaultDecideAt
	}
	r.validate(s)
	if err := r.err(name); err != nil {
		return nil, err
	}
	return s, nil
}

func parseTree(name string, data []byte) (root ast.Node, err error) {
	whole := func(reason string) error {
		return &InvalidError{File: name, Problems: []Problem{{Line: 1, Column: 1, Reason: reason}}}
	}
	if len(data) > maxSize {
		return nil, whole(fmt.Sprintf("is %d bytes long: a system description has at most %d", len(data), maxSize))
	}
	// The library has panicked on damaged input before; a damaged file must not end the worker.
	defer func() {
		if v := recover(); v != nil {
			root, err = nil, whole(fmt.Sprintf("is damaged: the YAML reader gave up on it (%v)", v))
		}
	}()
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	var bodies []ast.Node
	for _, doc := range file.Docs {
		if doc.Body != nil {
			bodies = append(bodies, doc.Body)
		}
	}
	switch len(bodies) {
	case 0:
		return nil, whole("is empty: write a system description, such as examples/system.yaml")
	case 1:
		return bodies[0], nil
	}
	return nil, &InvalidError{File: name, Problems: []Problem{{
		Line: positionOf(bodies[1]).line, Column: positionOf(bodies[1]).column,
		Reason: "a second document starts here: a system description is one document, so remove the line ---",
	}}}
}

func syntaxError(name string, err error) error {
	var at yaml.Error
	if !errors.As(err, &at) || at.GetToken() == nil || at.GetToken().Position == nil {
		return &InvalidError{File: name, Problems: []Problem{{Line: 1, Column: 1, Reason: err.Error()}}}
	}
	pos := at.GetToken().Position
	return &InvalidError{File: name, Problems: []Problem{{Line: pos.Line, Column: pos.Column, Reason: at.GetMessage()}}}
}

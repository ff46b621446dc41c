// Package strictyaml reads YAML files that people write by hand, and finds everything that is wrong with them at once:
// unknown and duplicate keys, wrong types and impossible values, each with line, column, reason and what to do.
package strictyaml

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxSize is far above any real description; a larger file is somebody's mistake.
const MaxSize = 1 << 20

// Kind says what a file is, for the words of problems.
type Kind struct {
	What    string // such as "system description"
	Example string // a file to learn from, such as "examples/system.yaml"
}

// Decode reads the one document of a file into the struct that into points to. Fields are those with a yaml tag. Nothing is
// converted: every difference from the type is a problem, and so are anchors, aliases, tags and empty values. The error is
// then an *InvalidError with name as its file. The report is for further checks of the values; it has no problems.
func Decode(name string, data []byte, into any, kind Kind) (*Report, error) {
	root, err := parseTree(name, data, kind)
	if err != nil {
		return nil, err
	}
	r := &Report{at: map[string]position{}}
	r.shape(root, reflect.TypeOf(into).Elem(), "")
	if err := r.Err(name); err != nil {
		return nil, err
	}
	if err := yaml.NodeToValue(root, into, yaml.Strict()); err != nil {
		return nil, syntaxError(name, err)
	}
	return r, nil
}

func parseTree(name string, data []byte, kind Kind) (root ast.Node, err error) {
	whole := func(reason string) error {
		return &InvalidError{File: name, Problems: []Problem{{Line: 1, Column: 1, Reason: reason}}}
	}
	if len(data) > MaxSize {
		return nil, whole(fmt.Sprintf("is %d bytes long: a %s has at most %d", len(data), kind.What, MaxSize))
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
		return nil, whole(fmt.Sprintf("is empty: write a %s, such as %s", kind.What, kind.Example))
	case 1:
		return bodies[0], nil
	}
	second := positionOf(bodies[1])
	return nil, &InvalidError{File: name, Problems: []Problem{{
		Line: second.line, Column: second.column,
		Reason: fmt.Sprintf("a second document starts here: a %s is one document, so remove the line ---", kind.What),
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

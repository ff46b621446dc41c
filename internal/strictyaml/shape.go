package strictyaml

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

var (
	timeType = reflect.TypeFor[time.Time]()
	textType = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// shape compares a YAML tree with the Go type that it will be decoded into, and notes where each value stands. The
// library's own strict mode stops at the first unknown key, turns numbers into text and 1.5 into 1, and leaves a time
// that it cannot read at zero; here nothing is converted, and every difference is found at once.
func (r *Report) shape(node ast.Node, t reflect.Type, path string) {
	r.at[path] = positionOf(node)
	switch node.(type) {
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode:
		r.Add(path, "anchors, aliases and tags are not read here: write the value out")
		return
	case *ast.NullNode:
		r.Add(path, "has no value: give one, or remove the key")
		return
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == timeType:
		if s, ok := r.text(node, path, "a time with its zone, such as 2026-04-01T09:00:00+09:00"); ok {
			if _, err := time.Parse(time.RFC3339, s); err != nil {
				r.Add(path, "%q is not a time with its zone: write it like 2026-04-01T09:00:00+09:00", s)
			}
		}
	case reflect.PointerTo(t).Implements(textType):
		if s, ok := r.text(node, path, "text, such as 15m for a span or 198.51.100.0/24 for addresses"); ok {
			if err := reflect.New(t).Interface().(encoding.TextUnmarshaler).UnmarshalText([]byte(s)); err != nil {
				r.Add(path, "%v", err)
			}
		}
	default:
		r.shapeKind(node, t, path)
	}
}

func (r *Report) shapeKind(node ast.Node, t reflect.Type, path string) {
	switch t.Kind() {
	case reflect.Struct:
		r.shapeStruct(node, t, path)
	case reflect.Slice:
		seq, ok := node.(*ast.SequenceNode)
		if !ok {
			r.Add(path, "want a list (lines that start with \"- \", or []), got %s", describe(node))
			return
		}
		for i, v := range seq.Values {
			r.shape(v, t.Elem(), fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		pairs, ok := pairsOf(node)
		if !ok {
			r.Add(path, "want keys and values, got %s", describe(node))
			return
		}
		for _, p := range pairs {
			if key, ok := r.key(p, path); ok {
				r.shape(p.Value, t.Elem(), Join(path, key))
			}
		}
	case reflect.Interface:
		r.shapeAny(node, path)
	case reflect.String:
		r.text(node, path, "text")
	case reflect.Bool:
		if _, ok := node.(*ast.BoolNode); !ok {
			r.Add(path, "want true or false, got %s", describe(node))
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		r.integer(node, t, path)
	case reflect.Float64:
		switch node.(type) {
		case *ast.IntegerNode, *ast.FloatNode:
		default:
			r.Add(path, "want a number, got %s", describe(node))
		}
	default:
		r.Add(path, "the program cannot read a %s: this is a fault of the program", t)
	}
}

func (r *Report) shapeStruct(node ast.Node, t reflect.Type, path string) {
	pairs, ok := pairsOf(node)
	if !ok {
		r.Add(path, "want keys and values, got %s", describe(node))
		return
	}
	fields := map[string]reflect.Type{}
	var names []string
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("yaml"); name != "" {
			fields[name] = t.Field(i).Type
			names = append(names, name)
		}
	}
	for _, p := range pairs {
		key, ok := r.key(p, path)
		if !ok {
			continue
		}
		field, known := fields[key]
		if !known {
			r.at[Join(path, key)] = positionOf(p.Key)
			r.Add(Join(path, key), "unknown key%s; known here: %s", Hint(key, names), strings.Join(names, ", "))
			continue
		}
		r.shape(p.Value, field, Join(path, key))
	}
}

// shapeAny walks a free-form value, such as a schedule's input, for positions and for what is never read.
func (r *Report) shapeAny(node ast.Node, path string) {
	if seq, ok := node.(*ast.SequenceNode); ok {
		for i, v := range seq.Values {
			r.shape(v, reflect.TypeFor[any](), fmt.Sprintf("%s[%d]", path, i))
		}
		return
	}
	if pairs, ok := pairsOf(node); ok {
		for _, p := range pairs {
			if key, ok := r.key(p, path); ok {
				r.shape(p.Value, reflect.TypeFor[any](), Join(path, key))
			}
		}
	}
}

func (r *Report) key(p *ast.MappingValueNode, path string) (string, bool) {
	if s, ok := p.Key.(*ast.StringNode); ok {
		return s.Value, true
	}
	r.Add(path, "the key %s is not plain text: put it in quotes", p.Key.String())
	return "", false
}

func (r *Report) text(node ast.Node, path, want string) (string, bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		r.Add(path, "want %s, got %s: put it in quotes if it is meant", want, describe(node))
	default:
		r.Add(path, "want %s, got %s", want, describe(node))
	}
	return "", false
}

func (r *Report) integer(node ast.Node, t reflect.Type, path string) {
	n, ok := node.(*ast.IntegerNode)
	if !ok {
		r.Add(path, "want a whole number, got %s", describe(node))
		return
	}
	switch v := n.Value.(type) {
	case int64:
		if reflect.Zero(t).OverflowInt(v) {
			r.Add(path, "%d is too large", v)
		}
	case uint64:
		most := uint64(math.MaxInt32)
		if t.Kind() == reflect.Int64 {
			most = math.MaxInt64
		}
		if v > most {
			r.Add(path, "%d is too large", v)
		}
	default:
		r.Add(path, "want a whole number, got %s", describe(node))
	}
}

func pairsOf(node ast.Node) ([]*ast.MappingValueNode, bool) {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values, true
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}, true
	}
	return nil, false
}

func describe(node ast.Node) string {
	switch n := node.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.StringNode:
		return fmt.Sprintf("the text %q", n.Value)
	case *ast.LiteralNode:
		return "a block of text"
	case *ast.BoolNode, *ast.IntegerNode, *ast.FloatNode:
		return "the bare value " + node.String()
	default:
		return strings.ToLower(node.Type().String())
	}
}

func positionOf(node ast.Node) position {
	var tk *token.Token
	switch n := node.(type) {
	case *ast.MappingNode:
		tk = n.Start
		if !n.IsFlowStyle && len(n.Values) > 0 {
			tk = n.Values[0].Key.GetToken()
		}
	case *ast.MappingValueNode:
		tk = n.Key.GetToken()
	default:
		tk = node.GetToken()
	}
	if tk == nil || tk.Position == nil {
		return position{}
	}
	return position{tk.Position.Line, tk.Position.Column}
}

// Join is the path of a key below a path.
func Join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// Hint suggests the known name that differs only in letter case, hyphens or underscores, or by one slip of the keyboard.
func Hint(got string, known []string) string {
	plain := func(s string) string { return strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(s)) }
	i := slices.IndexFunc(known, func(k string) bool { return oneSlip(plain(k), plain(got)) })
	if i < 0 {
		return ""
	}
	return fmt.Sprintf(" (do you mean %s?)", known[i])
}

// oneSlip says whether a and b are equal or differ by one letter added, left out or changed, or by two neighbours
// exchanged.
func oneSlip(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case a == b:
		return true
	case len(a) == len(b)+1:
		return a[i+1:] == b[i:]
	case len(a) != len(b):
		return false
	case a[i+1:] == b[i+1:]:
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

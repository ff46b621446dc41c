package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/goccy/go-yaml"
)

// inputLimit is far above any real input and far below Temporal's limit of 2 MB a payload.
const inputLimit = 256 << 10

// readInput reads a runbook's input from a file, or from standard input when the path is "-". JSON and YAML are told
// apart by the file's ending, else by the first character. No path is an empty input.
func (a *app) readInput(path string) (map[string]any, error) {
	var content []byte
	var err error
	switch path {
	case "":
		return map[string]any{}, nil
	case "-":
		content, err = io.ReadAll(io.LimitReader(a.in, inputLimit+1))
	default:
		content, err = readLimited(path, inputLimit)
	}
	if err != nil {
		return nil, usage("--input: %w", err)
	}
	if len(content) > inputLimit {
		return nil, usage("--input %s is larger than %d KiB: an input holds names and decisions, no data", path, inputLimit>>10)
	}
	ending := strings.ToLower(filepath.Ext(path))
	isJSON := ending == ".json" || (ending != ".yaml" && ending != ".yml" && strings.HasPrefix(strings.TrimSpace(string(content)), "{"))
	var tree any
	if isJSON {
		err = jsonv2.Unmarshal(content, &tree) // refuses duplicate fields and anything after the document
	} else {
		tree, err = decodeYAML(content)
	}
	if err != nil {
		return nil, usage("--input %s: %s", path, where(content, err))
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, usage("--input %s: must hold one object with the runbook's fields", path)
	}
	return object, nil
}

// where adds line and column to a JSON error.
func where(content []byte, err error) string {
	var syntactic *jsontext.SyntacticError
	if !errors.As(err, &syntactic) {
		return strings.TrimSpace(err.Error())
	}
	if errors.Is(err, jsontext.ErrDuplicateName) {
		name := strings.ReplaceAll(strings.TrimPrefix(string(syntactic.JSONPointer), "/"), "/", ".")
		return fmt.Sprintf("field %q is given twice: keep one", name)
	}
	before := string(content[:min(int(syntactic.ByteOffset), len(content))])
	line := 1 + strings.Count(before, "\n")
	column := len(before) - strings.LastIndex(before, "\n")
	return fmt.Sprintf("line %d, column %d: %v", line, column, syntactic.Err)
}

// decodeYAML keeps the library's panics on damaged files from ending the CLI without words.
func decodeYAML(content []byte) (tree any, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("is not YAML: %v", r)
		}
	}()
	if err := yaml.Unmarshal(content, &tree); err != nil {
		return nil, err
	}
	// Through JSON once, so that numbers and keys have the same types as in a JSON file.
	canonical, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	tree = nil
	return tree, json.Unmarshal(canonical, &tree)
}

// readLimited reads a file up to one byte beyond the limit, so that the caller sees that it is larger.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	return io.ReadAll(io.LimitReader(f, limit+1))
}

// set puts "a.b=value" into the tree. The value is JSON if it parses as JSON, else a string.
func set(tree map[string]any, assignment string) error {
	path, text, ok := strings.Cut(assignment, "=")
	if !ok || path == "" {
		return usage("--set %q: write key=value, such as --set title=\"月次保守\" or --set window.start=+10m", assignment)
	}
	var value any
	if err := jsonv2.Unmarshal([]byte(text), &value); err != nil {
		value = text
	}
	keys := strings.Split(path, ".")
	for i, key := range keys[:len(keys)-1] {
		child, exists := tree[key]
		if !exists {
			child = map[string]any{}
			tree[key] = child
		}
		next, ok := child.(map[string]any)
		if !ok {
			return usage("--set %s: %s is no object, so it has no field %s", path, strings.Join(keys[:i+1], "."), keys[i+1])
		}
		tree = next
	}
	tree[keys[len(keys)-1]] = value
	return nil
}

// expandTimes replaces relative times in fields named start or end, such as "+4m", "+1h30m" or "+10bd 22:00", by the time
// that is meant, counted from now: RFC 3339 with the zone's offset, to the second. It changes the tree in place.
func expandTimes(tree map[string]any, moment func(string) (time.Time, error)) error {
	for key, value := range tree {
		switch v := value.(type) {
		case map[string]any:
			if err := expandTimes(v, moment); err != nil {
				return err
			}
		case []any:
			for _, item := range v {
				if object, ok := item.(map[string]any); ok {
					if err := expandTimes(object, moment); err != nil {
						return err
					}
				}
			}
		case string:
			if (key != "start" && key != "end") || !strings.HasPrefix(strings.TrimSpace(v), "+") {
				continue
			}
			at, err := moment(v)
			if err != nil {
				return usage("field %s: %w", key, err)
			}
			tree[key] = at.Format(time.RFC3339)
		}
	}
	return nil
}

// fromNow reads "+4m" or "+1h30m".
func fromNow(s string, now time.Time, zone *time.Location) (time.Time, error) {
	d, err := time.ParseDuration(strings.TrimPrefix(s, "+"))
	if err != nil || d < 0 {
		return time.Time{}, fmt.Errorf("%q: write how far from now with units, such as +4m or +1h30m", s)
	}
	return now.In(zone).Truncate(time.Second).Add(d), nil
}

// Package plan holds what a runbook is going to change, as before → after for each object, in a canonical form whose
// SHA-256 is what approvers approve.
package plan

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
)

// Change is one object's before → after. Before and After are what a person reads: canonical JSON of the part that
// changes, without secrets. BeforeHash and AfterHash cover the whole object, so that any drift shows.
type Change struct {
	Resource   string          `json:"resource"` // such as "cloudfront:distribution/E123"
	Title      string          `json:"title"`    // one line in words
	Before     json.RawMessage `json:"before"`
	After      json.RawMessage `json:"after"`
	BeforeHash string          `json:"beforeHash"` // SHA-256, hex
	AfterHash  string          `json:"afterHash"`
}

// Plan is an ordered list of changes and the digest that names it.
type Plan struct {
	Digest  string   `json:"digest"` // SHA-256, hex, over scope and changes
	Changes []Change `json:"changes"`
}

// New orders nothing and drops nothing: the changes are in the order of execution. The scope (system, environment,
// run) is part of the digest, so that an approval cannot be carried over to another run or environment.
func New(scope any, changes []Change) (Plan, error) {
	canonical, err := Canonical(struct {
		Scope   any      `json:"scope"`
		Changes []Change `json:"changes"`
	}{scope, changes})
	if err != nil {
		return Plan{}, fmt.Errorf("digest of the plan: %w", err)
	}
	return Plan{Digest: hash(canonical), Changes: changes}, nil
}

// NewChange builds a change from the excerpts that a person reads and the whole objects that are hashed.
func NewChange(resource, title string, before, after, wholeBefore, wholeAfter any) (Change, error) {
	c := Change{Resource: resource, Title: title}
	var err error
	if c.Before, err = Canonical(before); err != nil {
		return Change{}, fmt.Errorf("plan for %s: %w", resource, err)
	}
	if c.After, err = Canonical(after); err != nil {
		return Change{}, fmt.Errorf("plan for %s: %w", resource, err)
	}
	if c.BeforeHash, err = Hash(wholeBefore); err != nil {
		return Change{}, fmt.Errorf("plan for %s: %w", resource, err)
	}
	if c.AfterHash, err = Hash(wholeAfter); err != nil {
		return Change{}, fmt.Errorf("plan for %s: %w", resource, err)
	}
	return c, nil
}

// Hash is the SHA-256, in hex, of the canonical form.
func Hash(v any) (string, error) {
	canonical, err := Canonical(v)
	if err != nil {
		return "", err
	}
	return hash(canonical), nil
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Canonical is JSON with sorted keys, no insignificant space, and without what AWS adds or drops on the way back:
// nulls, empty lists, empty objects.
func Canonical(v any) ([]byte, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(prune(tree)); err != nil {
		return nil, err
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

func prune(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			if child = prune(child); child == nil {
				delete(v, k)
			} else {
				v[k] = child
			}
		}
		if len(v) == 0 {
			return nil
		}
	case []any:
		for i := range v {
			v[i] = prune(v[i])
		}
		if len(v) == 0 {
			return nil
		}
	}
	return v
}

// Line is one line of a difference: Op is ' ', '-' or '+'.
type Line struct {
	Op   byte
	Text string
}

// Diff shows the change as lines of indented JSON, unchanged lines included.
func (c Change) Diff() []Line {
	return diffLines(indent(c.Before), indent(c.After))
}

// Markdown shows the plan for a person: a heading per object and its difference.
func (p Plan) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Plan `%s`\n", Short(p.Digest))
	for _, c := range p.Changes {
		fmt.Fprintf(&b, "\n**%s** (`%s`)\n```diff\n", c.Title, c.Resource)
		for _, l := range c.Diff() {
			fmt.Fprintf(&b, "%c %s\n", l.Op, l.Text)
		}
		b.WriteString("```\n")
	}
	return b.String()
}

// Short is the first 12 digits of a digest: enough for a person to tell two apart.
func Short(digest string) string {
	if len(digest) > 12 {
		return digest[:12]
	}
	return digest
}

// Resources lists the objects that the plan touches, sorted.
func (p Plan) Resources() []string {
	var names []string
	for _, c := range p.Changes {
		names = append(names, c.Resource)
	}
	sort.Strings(names)
	return names
}

func indent(raw json.RawMessage) []string {
	if len(raw) == 0 || string(raw) == "null" {
		return nil
	}
	var b bytes.Buffer
	if json.Indent(&b, raw, "", "  ") != nil {
		return []string{string(raw)}
	}
	return strings.Split(b.String(), "\n")
}

// diffLines is the longest-common-subsequence difference; plans are small, so its quadratic cost does not matter.
func diffLines(a, b []string) []Line {
	lcs := make([][]int, len(a)+1)
	for i := range lcs {
		lcs[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lcs[i][j] = lcs[i+1][j+1] + 1
			} else {
				lcs[i][j] = max(lcs[i+1][j], lcs[i][j+1])
			}
		}
	}
	var out []Line
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			out = append(out, Line{' ', a[i]})
			i, j = i+1, j+1
		case i < len(a) && (j == len(b) || lcs[i+1][j] >= lcs[i][j+1]):
			out = append(out, Line{'-', a[i]})
			i++
		default:
			out = append(out, Line{'+', b[j]})
			j++
		}
	}
	return out
}

package strictyaml

import (
	"fmt"
	"sort"
	"strings"
)

// Problem is one thing that is wrong with a description: where, why, and what to do.
type Problem struct {
	Line, Column int    // from 1
	Path         string // such as "gates[0].quorum"; "" for the file as a whole
	Reason       string
}

// InvalidError holds everything that is wrong with a description, in the order of the file.
type InvalidError struct {
	File     string
	Problems []Problem
}

// Error lists the problems, one a line, each with file:line:column.
func (e *InvalidError) Error() string {
	var b strings.Builder
	if len(e.Problems) > 1 {
		fmt.Fprintf(&b, "%s: %d problems", e.File, len(e.Problems))
	}
	for _, p := range e.Problems {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%s:%d:%d: ", e.File, p.Line, p.Column)
		if p.Path != "" {
			b.WriteString(p.Path + ": ")
		}
		b.WriteString(p.Reason)
	}
	return b.String()
}

type position struct{ line, column int }

// Report collects problems and knows where in the file each value stands. Paths are such as "gates[0].quorum".
type Report struct {
	at       map[string]position // path → value
	problems []Problem
}

// Add notes a problem with the value at path, or, when it is not in the file, with the nearest entry around it.
func (r *Report) Add(path, format string, args ...any) {
	where, ok := r.at[path]
	for around := path; !ok && around != ""; where, ok = r.at[around] {
		around = parent(around)
	}
	if where.line == 0 {
		where = position{1, 1}
	}
	r.problems = append(r.problems, Problem{Line: where.line, Column: where.column, Path: path, Reason: fmt.Sprintf(format, args...)})
}

// Has says whether the file gives a value for path.
func (r *Report) Has(path string) bool {
	_, ok := r.at[path]
	return ok
}

// Err is all problems so far as an *InvalidError, in the order of the file, or nil.
func (r *Report) Err(file string) error {
	if len(r.problems) == 0 {
		return nil
	}
	sort.SliceStable(r.problems, func(i, j int) bool {
		a, b := r.problems[i], r.problems[j]
		if a.Line != b.Line {
			return a.Line < b.Line
		}
		return a.Column < b.Column
	})
	return &InvalidError{File: file, Problems: r.problems}
}

func parent(path string) string {
	if i := strings.LastIndexAny(path, ".["); i >= 0 {
		return path[:i]
	}
	return ""
}

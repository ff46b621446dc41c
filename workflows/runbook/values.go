package runbook

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.temporal.io/sdk/workflow"
)

// Value is something that an answer carries besides its reason, as text: a number of hours, a file's hash.
type Value struct {
	Name     string `json:"name"`  // permanent, such as "hours"
	Means    string `json:"means"` // Japanese and English, with unit and form
	Optional bool   `json:"optional"`
}

// Carried is what answers carry, by answer.
type Carried map[string][]Value

// misfit says why the values of a decision are not those that its answer carries, or "". What they must be like is for the
// question's own check.
func (c Carried) misfit(d Decision) string {
	takes := c[d.Action]
	for _, name := range workflow.DeterministicKeys(d.Values) {
		known := slices.ContainsFunc(takes, func(v Value) bool { return v.Name == name })
		switch {
		case !known && len(takes) == 0:
			return fmt.Sprintf("%s carries no values here, and %q was sent: leave it out", d.Action, name)
		case !known:
			return fmt.Sprintf("%s carries no value %q here; it carries %s", d.Action, name, listed(takes))
		case strings.ContainsFunc(d.Values[name], unicode.IsControl):
			return fmt.Sprintf("the value %q must be one line without control characters", name)
		}
	}
	for _, v := range takes {
		if !v.Optional && strings.TrimSpace(d.Values[v.Name]) == "" {
			return fmt.Sprintf("the value %q is missing (%s): %s carries %s", v.Name, v.Means, d.Action, listed(takes))
		}
	}
	return ""
}

// listed names values as a message has them.
func listed(values []Value) string {
	var parts []string
	for _, v := range values {
		part := `"` + v.Name + `"`
		if v.Optional {
			part += " (may be left out)"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ", ")
}

// example is what the Temporal UI shows of the values of an answer, "" if it carries none.
func (c Carried) example(answer string) string {
	takes := c[answer]
	if len(takes) == 0 {
		return ""
	}
	var fields, means []string
	for _, v := range takes {
		fields = append(fields, fmt.Sprintf("%q: \"…\"", v.Name))
		mean := v.Name + " = " + v.Means
		if v.Optional {
			mean += " (may be left out)"
		}
		means = append(means, mean)
	}
	return "; it also takes `\"values\": {" + strings.Join(fields, ", ") + "}`: " + code(strings.Join(means, "; "))
}

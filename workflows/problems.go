package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"tejun/workflows/runbook"
)

// problems collects what is wrong with an input, so that its author sees all of it at once.
type problems struct{ found []string }

func (p *problems) add(format string, args ...any) {
	p.found = append(p.found, fmt.Sprintf(format, args...))
}

func (p *problems) err() error {
	if len(p.found) == 0 {
		return nil
	}
	return errors.New(strings.Join(p.found, "; "))
}

// line checks a required text of one line: it may end up in a mail's header.
func (p *problems) line(name, value string, longest int) {
	p.text(name, value, longest)
	if strings.ContainsFunc(value, unicode.IsControl) {
		p.add("%s must be one line without control characters", name)
	}
}

// text checks a required text. longest is in characters.
func (p *problems) text(name, value string, longest int) {
	if strings.TrimSpace(value) == "" {
		p.add("%s is missing", name)
	}
	p.optional(name, value, longest)
}

func (p *problems) optional(name, value string, longest int) {
	if n := len([]rune(value)); n > longest {
		p.add("%s has %d characters; at most %d are allowed", name, n, longest)
	}
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }) {
		p.add("%s holds a control character", name)
	}
}

// moment checks that a time is given; its form was checked when it was decoded.
func (p *problems) moment(name string, value runbook.Moment) {
	if value == "" {
		p.add("%s is missing: give it as RFC 3339 with a zone, such as 2027-01-23T22:00:00+09:00", name)
	}
}

// names checks a list of names: none empty, none twice.
func (p *problems) names(name string, values []string) {
	for i, v := range values {
		if strings.TrimSpace(v) == "" {
			p.add("%s[%d] is empty", name, i)
		} else if slices.Index(values, v) < i {
			p.add("%s names %q twice", name, v)
		}
	}
}

// oneOf checks a value out of a list.
func (p *problems) oneOf(name, value string, known []string) {
	if !slices.Contains(known, value) {
		p.add("%s is %q: want one of %s", name, value, strings.Join(known, ", "))
	}
}

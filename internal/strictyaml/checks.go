package strictyaml

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Need reports a value that is missing or blank. Like all checks here it says whether the value is well.
func (r *Report) Need(path, value string) bool {
	switch {
	case strings.TrimSpace(value) != "":
		return true
	case r.Has(path):
		r.Add(path, "is empty: give a value")
	default:
		r.Add(path, "is missing: add it")
	}
	return false
}

// Line reports a value that is missing or does not stay on one line.
func (r *Report) Line(path, value string) bool {
	if !r.Need(path, value) {
		return false
	}
	if strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		r.Add(path, "holds a line break or another control character: remove it")
		return false
	}
	return true
}

// Form reports a value that is missing or has not the form; want says in words what it should be.
func (r *Report) Form(path, value string, form *regexp.Regexp, want string) bool {
	if !r.Need(path, value) {
		return false
	}
	if !form.MatchString(value) {
		r.Add(path, "%q: want %s", value, want)
		return false
	}
	return true
}

// OneOf reports a value that is not one of those known.
func (r *Report) OneOf(path, value string, known ...string) bool {
	if !r.Need(path, value) {
		return false
	}
	if !slices.Contains(known, value) {
		r.Add(path, "%q is unknown%s: want %s", value, Hint(value, known), strings.Join(known, ", "))
		return false
	}
	return true
}

// Refers reports a name that must be that of another entry and is not.
func (r *Report) Refers(path, value, what string, known []string) bool {
	if !r.Need(path, value) {
		return false
	}
	if !slices.Contains(known, value) {
		r.Add(path, "there is no %s %q%s; there are: %s", what, value, Hint(value, known), Listed(known))
		return false
	}
	return true
}

// Unique reports values that occur twice; the same function decides for all what "the same" means.
func Unique[T any](r *Report, path string, all []T, what string, of func(T) (key, field string)) {
	seen := map[string]int{}
	for i, v := range all {
		key, field := of(v)
		if key == "" {
			continue
		}
		if first, ok := seen[key]; ok {
			where := Index(path, i)
			if field != "" {
				where = Join(where, field)
			}
			r.Add(where, "%s %q is already taken by %s: give each its own", what, key, Index(path, first))
			continue
		}
		seen[key] = i
	}
}

// Some reports a list that has no entry where at least one is needed.
func (r *Report) Some(path string, n int, why string) bool {
	if n > 0 {
		return true
	}
	if r.Has(path) {
		r.Add(path, "is empty: %s", why)
	} else {
		r.Add(path, "is missing: %s", why)
	}
	return false
}

// Number reports a number outside its limits, both included.
func (r *Report) Number(path string, n, least, most int) bool {
	switch {
	case !r.Has(path) && n == 0 && least > 0:
		r.Add(path, "is missing: give a number from %d to %d", least, most)
	case n < least || n > most:
		r.Add(path, "%d is impossible: want %d to %d", n, least, most)
	default:
		return true
	}
	return false
}

// Listed writes names one after another, or "none".
func Listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// NamesOf are the names of all entries.
func NamesOf[T any](all []T, name func(T) string) []string {
	names := make([]string, len(all))
	for i, v := range all {
		names[i] = name(v)
	}
	return names
}

// Index is the path of an entry of a list.
func Index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }

package readiness

import (
	"slices"
	"strings"
)

// Unseen is the code of what could not be looked at. Its About is what the check is about.
const Unseen = "unseen"

// Keep adds to what was found now whatever people were last told of and nobody has looked at since: the findings of a check that is
// unseen and, while a run holds the DR environment (held), those of what that run moves. That they are not found says nothing.
func Keep(last Told, now []Worded, held bool) []Worded {
	keys := Keys(now)
	all := slices.Clone(now)
	for _, f := range last.Findings {
		code, _, _ := strings.Cut(f.Key, "/")
		k, known := kinds[code]
		unseen := known && k.Check != "" && slices.Contains(keys, Finding{Code: Unseen, About: k.Check}.Key())
		if (unseen || held && k.Moved) && !slices.Contains(keys, f.Key) {
			f.New, f.Kept = false, true
			all = append(all, f)
		}
	}
	slices.SortFunc(all, func(a, b Worded) int { return strings.Compare(a.Key, b.Key) }) // as Words does
	return all
}

package ingest

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"unicode/utf8"
)

// pattern matches whole values. Most patterns of columns are a row of characters or classes with counts, such as
// [0-9]{7} or [A-Z]{2}-\d+; these are matched without the machinery of regexp, which costs ten times as much.
type pattern struct {
	text  string
	steps []step
	slow  *regexp.Regexp // for all other patterns
}

// step is a class of characters, repeated.
type step struct {
	ascii       [2]uint64
	ranges      []rune // pairs of bounds, as regexp/syntax has them
	least, most int    // most < 0: no bound
}

func compilePattern(text string) (*pattern, error) {
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	// Not the text itself: an open \Q in it would reach beyond the group.
	slow, err := regexp.Compile("^(?:" + tree.String() + ")$")
	if err != nil {
		return nil, fmt.Errorf("pattern %q: %w", text, err)
	}
	p := &pattern{text: text, slow: slow}
	if steps, ok := stepsOf(tree, nil); ok && decided(steps) {
		p.steps, p.slow = steps, nil
	}
	return p, nil
}

func (p *pattern) match(value []byte) bool {
	if p.slow != nil {
		return p.slow.Match(value)
	}
	for i := range p.steps {
		s := &p.steps[i]
		count := 0
		for count != s.most && len(value) > 0 {
			size := 1
			if b := value[0]; b < utf8.RuneSelf {
				if s.ascii[b>>6]&(1<<(b&63)) == 0 {
					break
				}
			} else {
				var r rune
				if r, size = utf8.DecodeRune(value); !within(s.ranges, r) {
					break
				}
			}
			value = value[size:]
			count++
		}
		if count < s.least {
			return false
		}
	}
	return len(value) == 0
}

func within(ranges []rune, r rune) bool {
	for i := 0; i < len(ranges); i += 2 {
		if r >= ranges[i] && r <= ranges[i+1] {
			return true
		}
	}
	return false
}

// stepsOf takes a pattern apart; it is false for what is more than steps one after another.
func stepsOf(tree *syntax.Regexp, steps []step) ([]step, bool) {
	if tree.Flags&(syntax.FoldCase|syntax.NonGreedy) != 0 && tree.Op != syntax.OpConcat {
		return nil, false
	}
	switch tree.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginText, syntax.OpEndText: // whole values are matched anyway
		return steps, tree.Op == syntax.OpEmptyMatch
	case syntax.OpCapture:
		return stepsOf(tree.Sub[0], steps)
	case syntax.OpConcat:
		for i, sub := range tree.Sub {
			if i == 0 && sub.Op == syntax.OpBeginText || i == len(tree.Sub)-1 && sub.Op == syntax.OpEndText {
				continue
			}
			var ok bool
			if steps, ok = stepsOf(sub, steps); !ok {
				return nil, false
			}
		}
		return steps, true
	case syntax.OpLiteral:
		for _, r := range tree.Rune {
			steps = append(steps, newStep([]rune{r, r}, 1, 1))
		}
		return steps, true
	case syntax.OpAnyCharNotNL:
		return append(steps, newStep([]rune{0, '\n' - 1, '\n' + 1, utf8.MaxRune}, 1, 1)), true
	case syntax.OpCharClass:
		return append(steps, newStep(tree.Rune, 1, 1)), true
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest, syntax.OpRepeat:
		inner, ok := stepsOf(tree.Sub[0], nil)
		if !ok || len(inner) != 1 || inner[0].least != 1 || inner[0].most != 1 {
			return nil, false
		}
		one := inner[0]
		switch tree.Op {
		case syntax.OpStar:
			one.least, one.most = 0, -1
		case syntax.OpPlus:
			one.least, one.most = 1, -1
		case syntax.OpQuest:
			one.least, one.most = 0, 1
		default:
			one.least, one.most = tree.Min, tree.Max
		}
		return append(steps, one), true
	}
	return nil, false
}

func newStep(ranges []rune, least, most int) step {
	s := step{ranges: ranges, least: least, most: most}
	for b := rune(0); b < utf8.RuneSelf; b++ {
		if within(ranges, b) {
			s.ascii[b>>6] |= 1 << (b & 63)
		}
	}
	return s
}

// decided says that taking as much as possible at each step finds a match if there is one: a step of varying length never
// takes what a later step might need.
func decided(steps []step) bool {
	for i := range steps {
		if steps[i].least == steps[i].most {
			continue
		}
		for j := i + 1; j < len(steps); j++ {
			if overlap(steps[i].ranges, steps[j].ranges) {
				return false
			}
			if steps[j].least > 0 {
				break
			}
		}
	}
	return true
}

func overlap(a, b []rune) bool {
	for i := 0; i < len(a); i += 2 {
		for j := 0; j < len(b); j += 2 {
			if a[i] <= b[j+1] && b[j] <= a[i+1] {
				return true
			}
		}
	}
	return false
}

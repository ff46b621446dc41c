package infer

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"tejun/internal/dataset"
)

// nearly is the share of different values from which a column is taken for a key that repeats in the file.
const nearly = 0.98

// mostKeyColumns is how many columns a key may have.
const mostKeyColumns = 5

// counter tells records apart by some of their fields. Two hashes that collide by chance make a key look less sure, never more.
type counter struct {
	seed    maphash.Seed
	records [][]string
}

func (c *counter) hash(record []string, columns []int) uint64 {
	var h maphash.Hash
	h.SetSeed(c.seed)
	for _, i := range columns {
		_, _ = h.WriteString(record[i]) // a hash takes everything
		_ = h.WriteByte(0)
	}
	return h.Sum64()
}

func (c *counter) distinct(columns []int) int {
	seen := make(map[uint64]struct{}, len(c.records))
	for _, r := range c.records {
		seen[c.hash(r, columns)] = struct{}{}
	}
	return len(seen)
}

// findKey proposes the columns that tell rows apart, and what becomes of rows of one key.
func (p *proposal) findKey(columns []*column) {
	d := &p.dataset
	all := make([]int, len(columns))
	for i := range all {
		all[i] = i
	}
	c := &counter{maphash.MakeSeed(), p.sample.records}
	rows := c.distinct(all) // exact copies say nothing about a key
	copies := len(p.sample.records) - rows
	if copies > 0 {
		p.sample.said.doubt("%d rows are exact copies of others: one of each is loaded", copies)
	}
	usable := p.usable(columns)
	counts := map[int]int{}
	for _, i := range usable {
		counts[i] = c.distinct([]int{i})
	}
	slices.SortStableFunc(usable, func(a, b int) int {
		return cmp.Or(counts[b]-counts[a], rank(d.Columns[a])-rank(d.Columns[b]))
	})
	if len(usable) == 0 {
		p.noKey("no column always has a value")
		return
	}
	best := usable[0]
	switch share := float64(counts[best]) / float64(rows); {
	case counts[best] == rows:
		p.key([]int{best}, fmt.Sprintf("%s: each of %d values comes once%s", sureness(rows), rows, p.others(usable, counts, rows)))
	case share >= nearly && rows >= 100:
		p.key([]int{best}, fmt.Sprintf("guess: %d different values in %d rows, so some come more than once", counts[best], rows))
		p.winner(c, []int{best}, columns)
	default:
		p.combine(c, usable, rows)
	}
}

// usable are the columns that may belong to a key. An amount or a number that only counts the rows may tell all rows of one
// file apart and still be no key.
func (p *proposal) usable(columns []*column) (usable []int) {
	var counting []int
	var names []string
	for i, col := range columns {
		switch c := p.dataset.Columns[i]; {
		case !c.Required || c.Type == dataset.Boolean || c.Type == dataset.Numeric:
		case col.running && len(p.sample.records) > 1 && rank(c) > 0:
			counting = append(counting, i)
			names = append(names, c.Name)
		default:
			usable = append(usable, i)
		}
	}
	switch {
	case len(counting) == 0:
	case len(usable) == 0:
		p.sample.said.doubt("the key %s counts the rows of this file (1, 2, 3 …): it is one only if a row keeps its number from file to file", names[0])
		return counting
	default:
		p.sample.said.doubt("column %s counts the rows of this file (1, 2, 3 …) and was not taken for the key: name it if a row keeps its number from file to file", strings.Join(names, ", "))
	}
	return usable
}

// rank says how much a column looks like a key, the least first: what is named like one, other values, and last what people
// share or what changes.
func rank(c dataset.Column) int {
	for _, word := range []string{"id", "number", "code", "no"} {
		if c.Name == word || strings.HasSuffix(c.Name, "_"+word) {
			return 0
		}
	}
	if c.Personal || c.Type == dataset.Date || c.Type == dataset.Timestamp {
		return 2
	}
	return 1
}

// others names further columns that could be the key.
func (p *proposal) others(usable []int, counts map[int]int, rows int) string {
	var names []string
	for _, i := range usable[1:] {
		if counts[i] == rows {
			names = append(names, p.dataset.Columns[i].Name)
		}
	}
	if names == nil {
		return ""
	}
	p.sample.said.doubt("the key could as well be %s: take the one that stays the same from file to file", strings.Join(names, " or "))
	return "; the same is true of " + strings.Join(names, ", ")
}

// combine adds the column that tells most rows apart until all are, then leaves out what is not needed.
func (p *proposal) combine(c *counter, usable []int, rows int) {
	// Columns far down tell next to nothing apart; looking at all of them would take long in wide files.
	usable = usable[:min(len(usable), 16)]
	chosen, reached := []int{usable[0]}, c.distinct(usable[:1])
	for reached < rows && len(chosen) < mostKeyColumns {
		next, best := -1, reached
		for _, i := range usable {
			if slices.Contains(chosen, i) {
				continue
			}
			if n := c.distinct(append(slices.Clone(chosen), i)); n > best {
				next, best = i, n
			}
		}
		if next < 0 {
			break
		}
		chosen, reached = append(chosen, next), best
	}
	if reached < rows {
		p.noKey(fmt.Sprintf("no %d columns tell all rows apart; the best leave %d of %d", mostKeyColumns, rows-reached, rows))
		return
	}
	for i := 0; i < len(chosen) && len(chosen) > 1; {
		less := slices.Delete(slices.Clone(chosen), i, i+1)
		if c.distinct(less) == rows {
			chosen = less
			continue
		}
		i++
	}
	slices.Sort(chosen)
	p.key(chosen, fmt.Sprintf("guess: together they tell all %d rows of the sample apart, and none can be left out", rows))
	p.sample.said.doubt("the key was put together from %d columns: ask whoever sends the file what makes a row one", len(chosen))
}

// winner looks for a value of a column that exactly one row of each key has, such as the mark of the latest state.
func (p *proposal) winner(c *counter, key []int, columns []*column) {
	groups := map[uint64]int{}
	for _, r := range c.records {
		groups[c.hash(r, key)] = 0
	}
	for i, col := range columns {
		if col.many || len(col.values) > 5 || len(col.values) < 2 {
			continue
		}
		for value := range col.values {
			if exactlyOne(c, key, groups, i, value) {
				equals := value
				if p.dataset.Columns[i].Type == dataset.Boolean {
					equals = fmt.Sprint(value == "1" || strings.EqualFold(value, "true") || strings.EqualFold(value, "yes"))
				}
				p.dataset.Duplicates.SameKey = dataset.Where
				p.dataset.Duplicates.Where = &dataset.Winner{Column: p.dataset.Columns[i].Name, Equals: equals}
				p.saidDuplicates = fmt.Sprintf("guess: of the rows of each key exactly one has %s in %s", equals, p.dataset.Columns[i].Name)
				p.sample.said.doubt("some keys come more than once in the file; the row with %s = %s was taken for the one that stands", p.dataset.Columns[i].Name, equals)
				return
			}
		}
	}
	p.sample.said.doubt("some keys come more than once with other content, and those rows will be rejected: say under duplicates which row stands")
}

func exactlyOne(c *counter, key []int, groups map[uint64]int, column int, value string) bool {
	clear(groups)
	for _, r := range c.records {
		h := c.hash(r, key)
		if r[column] == value {
			groups[h]++
		} else if _, there := groups[h]; !there {
			groups[h] = 0
		}
	}
	for _, n := range groups {
		if n != 1 {
			return false
		}
	}
	return true
}

func (p *proposal) key(columns []int, why string) {
	for _, i := range columns {
		p.dataset.Key = append(p.dataset.Key, p.dataset.Columns[i].Name)
	}
	p.dataset.Mode, p.saidKey = dataset.Replace, why
	p.saidMode = "guess: the file is the whole, and what is not in it vanishes; write merge if it holds only changes"
	p.sample.said.doubt("mode replace is a guess: with it, rows that are not in a file are deleted (after approval); write merge if files hold only changes")
}

func (p *proposal) noKey(why string) {
	p.dataset.Mode, p.saidKey = dataset.Append, "guess: "+why
	p.saidMode = "guess: without a key rows can only be added"
	p.sample.said.doubt("no key was found (%s), so the mode is append: name the key if there is one", why)
}

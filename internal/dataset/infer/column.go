package infer

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"tejun/internal/dataset"
	"tejun/internal/ingest/dates"
)

// shape is what a single value looks like.
type shape uint8

const (
	shapeText shape = iota
	shapeNumber
	shapeDate
)

var (
	integerForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,17})$`)
	digitsForm  = regexp.MustCompile(`^[0-9]+$`)
	decimalForm = regexp.MustCompile(`^-?(0|[1-9][0-9]{0,30})(\.[0-9]{1,30})?$`)
	yesNo       = []string{"true", "false", "TRUE", "FALSE", "True", "False", "yes", "no", "YES", "NO", "Yes", "No"}
)

// layouts are tried in this order: the plain ones first, each before the laxer one that reads the same.
var (
	dateLayouts = compileAll("YYYY-MM-DD", "YYYY/MM/DD", "YYYY.MM.DD", "YYYY年MM月DD日", "YYYY/M/D", "YYYY-M-D", "YYYY年M月D日", "YYYYMMDD", dates.Wareki)
	timeLayouts = compileAll(dates.RFC3339, "YYYY-MM-DD HH:mm:ss", "YYYY/MM/DD HH:mm:ss", "YYYY/MM/DD HH:mm", "YYYY-MM-DD HH:mm", "YYYY/M/D H:mm:ss", "YYYY/M/D H:mm", "YYYYMMDDHHmmss")
)

func compileAll(texts ...string) []*dates.Layout {
	var all []*dates.Layout
	for _, text := range texts {
		l, err := dates.Compile(text)
		if err != nil {
			panic(err) // they are written above
		}
		all = append(all, l)
	}
	return all
}

func shapeOf(value string) shape {
	switch {
	case digitsForm.MatchString(value), decimalForm.MatchString(value):
		return shapeNumber
	case len(layoutsOf([]string{value}, dateLayouts, false)) > 0, len(layoutsOf([]string{value}, timeLayouts, true)) > 0:
		return shapeDate
	}
	return shapeText
}

// mostDistinct is how many different values of a column are kept.
const mostDistinct = 40

// column is what was seen in one column.
type column struct {
	index    int
	records  [][]string
	filled   int
	longest  int
	values   map[string]int // up to mostDistinct different ones, with how often each came
	many     bool           // there are more
	integer  bool
	decimal  bool
	digits   bool
	width    int // of all values in characters, if it is the same; -1 if not
	zero     bool
	blanks   bool // some value has blanks around it
	halfKana bool
	running  bool // the values are 1, 2, 3 …
}

func newColumn(index int, records [][]string) *column {
	c := &column{index: index, records: records, values: map[string]int{}, integer: true, decimal: true, digits: true, running: true}
	for n, r := range records {
		v := r[index]
		c.running = c.running && v == fmt.Sprint(n+1)
		if strings.TrimSpace(v) == "" {
			continue
		}
		c.filled++
		length := utf8.RuneCountInString(v)
		switch {
		case c.filled == 1:
			c.width = length
		case c.width != length:
			c.width = -1
		}
		c.longest = max(c.longest, length)
		c.integer = c.integer && integerForm.MatchString(v)
		c.decimal = c.decimal && decimalForm.MatchString(v)
		if c.digits = c.digits && digitsForm.MatchString(v); c.digits {
			c.zero = c.zero || len(v) > 1 && v[0] == '0'
		}
		c.blanks = c.blanks || strings.Trim(v, " \t\u3000") != v
		c.halfKana = c.halfKana || strings.ContainsFunc(v, func(r rune) bool { return r >= 0xFF61 && r <= 0xFF9F })
		if _, known := c.values[v]; known || len(c.values) < mostDistinct {
			c.values[v]++
		} else {
			c.many = true
		}
	}
	return c
}

// filledValues are the values that are not blank.
func (c *column) filledValues() []string {
	values := make([]string, 0, c.filled)
	for _, r := range c.records {
		if v := r[c.index]; strings.TrimSpace(v) != "" {
			values = append(values, v)
		}
	}
	return values
}

func (c *column) repeats(name string) bool {
	for _, r := range c.records {
		if strings.TrimSpace(r[c.index]) == name {
			return true
		}
	}
	return false
}

// allShaped says that all values are numbers, or all are dates.
func (c *column) allShaped() bool {
	if c.digits || c.decimal {
		return true
	}
	values := c.filledValues()
	return shapeOf(values[0]) == shapeDate && (len(layoutsOf(values, dateLayouts, false)) > 0 || len(layoutsOf(values, timeLayouts, true)) > 0)
}

// layoutsOf are the fewest layouts, taken in order, that read all values; none if some value is no date.
func layoutsOf(values []string, candidates []*dates.Layout, timed bool) (used []string) {
	counts := make([]int, len(candidates))
	for _, v := range values {
		found := false
		for i, l := range candidates {
			var err error
			if timed {
				_, err = l.Micros([]byte(v))
			} else if _, err = l.Days([]byte(v)); err == nil && l.String() == "YYYYMMDD" && (v < "18680101" || v > "21001231") {
				continue // eight digits of any other number
			}
			if err == nil {
				counts[i]++
				found = true
				break
			}
		}
		if !found {
			return nil
		}
	}
	for i, n := range counts {
		if n > 0 {
			used = append(used, candidates[i].String())
		}
	}
	return used
}

// decide proposes the column's type and rules, and says why in words. A guess begins with "guess".
func (c *column) decide(d *dataset.Column) (why string) {
	d.Type = dataset.Text
	d.Required = c.filled == len(c.records)
	if c.filled == 0 {
		return "guess: it is always empty in the sample"
	}
	few := !c.many && len(c.values) <= 12
	switch {
	case c.yesNo():
		d.Type = dataset.Boolean
		return "sure: only " + c.listed()
	case c.filled >= 20 && c.bits():
		d.Type = dataset.Boolean
		return "guess: only " + c.listed() + ", read as no and yes; write integer or text if they are codes"
	case c.digits && c.width == 8 && !c.bits():
		if found := layoutsOf(c.filledValues(), dateLayouts, false); slices.Equal(found, []string{"YYYYMMDD"}) {
			d.Type, d.Layouts = dataset.Date, found
			return fmt.Sprintf("guess: all %d values are eight digits that are days; write text if they are numbers", c.filled)
		}
	}
	if why, ok := c.decideNumber(d); ok {
		return why
	}
	values := c.filledValues()
	if found := layoutsOf(values, dateLayouts, false); len(found) > 0 {
		d.Type, d.Layouts = dataset.Date, found
		return fmt.Sprintf("%s: all %d values are days, such as %s", sureness(c.filled), c.filled, values[0])
	}
	if found := layoutsOf(values, timeLayouts, true); len(found) > 0 {
		d.Type, d.Layouts = dataset.Timestamp, found
		return fmt.Sprintf("%s: all %d values are times, such as %s", sureness(c.filled), c.filled, values[0])
	}
	return c.decideText(d, few)
}

func (c *column) decideNumber(d *dataset.Column) (string, bool) {
	switch {
	case c.digits && c.width > 1 && (c.zero || c.width >= 5 && c.filled >= 10):
		d.Pattern = fmt.Sprintf("[0-9]{%d}", c.width)
		why := fmt.Sprintf("%s: always %d digits", sureness(c.filled), c.width)
		if !c.zero {
			why = fmt.Sprintf("guess: always %d digits, taken for a code and not for an amount", c.width)
		}
		return why, true
	case c.digits && c.zero:
		d.Pattern, d.MaxLength = "[0-9]+", roomFor(c.longest)
		return fmt.Sprintf("%s: digits, some with a zero first, so no numbers; %d at most", sureness(c.filled), c.longest), true
	case c.integer:
		d.Type = dataset.Integer
		if c.digits && c.width > 1 && c.filled >= 20 {
			return fmt.Sprintf("guess: whole numbers of always %d digits, such as %s; write text if they are codes", c.width, c.listed()), true
		}
		return sureness(c.filled) + ": whole numbers, such as " + c.listed(), true
	case c.decimal:
		d.Type = dataset.Numeric
		return sureness(c.filled) + ": numbers, such as " + c.listed(), true
	}
	return "", false
}

func (c *column) decideText(d *dataset.Column, few bool) string {
	if c.blanks {
		d.Normalise = append(d.Normalise, "trim")
	}
	if few && c.longest <= 8 && c.filled >= 200 && !c.blanks {
		for v := range c.values {
			d.Codes = append(d.Codes, v)
		}
		slices.Sort(d.Codes)
		return fmt.Sprintf("guess: only %d different values came; add the ones that may come, or take codes out", len(d.Codes))
	}
	d.MaxLength = roomFor(c.longest)
	why := fmt.Sprintf("%s: text, the longest has %d characters", sureness(c.filled), c.longest)
	if c.halfKana {
		why += "; it holds half-width kana, which normalise: [kana-width] widens"
	}
	if c.blanks {
		why += "; some have blanks around them"
	}
	return why
}

func sureness(filled int) string {
	if filled < 20 {
		return fmt.Sprintf("guess from %d values", filled)
	}
	return "sure"
}

// roomFor leaves a longer value than any that was seen some room.
func roomFor(longest int) int { return (longest*3/2/10 + 1) * 10 }

func (c *column) yesNo() bool {
	for v := range c.values {
		if !slices.Contains(yesNo, v) {
			return false
		}
	}
	return !c.many
}

func (c *column) bits() bool {
	for v := range c.values {
		if v != "0" && v != "1" {
			return false
		}
	}
	return !c.many
}

// listed shows some values, the most frequent first.
func (c *column) listed() string {
	var values []string
	for v := range c.values {
		values = append(values, v)
	}
	slices.SortFunc(values, func(a, b string) int {
		if n := c.values[b] - c.values[a]; n != 0 {
			return n
		}
		return strings.Compare(a, b)
	})
	return clip(strings.Join(values[:min(len(values), 5)], ", "))
}

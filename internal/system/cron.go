package system

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// cronField is one of the five fields of a cron line.
type cronField struct {
	what        string
	least, most int
	names       []string // names[0] stands for least
}

var (
	cronFields = []cronField{
		{"minute", 0, 59, nil},
		{"hour", 0, 23, nil},
		{"day of the month", 1, 31, nil},
		{"month", 1, 12, []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
		{"day of the week", 0, 7, []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}, // 7 is Sunday too
	}
	cronItem = regexp.MustCompile(`^(\*|([0-9a-z]+)(?:-([0-9a-z]+))?)(?:/([0-9]+))?$`)
)

// CheckCron says what is wrong with a line of cron: five fields of numbers, names, ranges, steps and lists. Shorthands
// such as @daily and a zone within the line are refused; schedules run in the description's zone.
func CheckCron(line string) error {
	fields := strings.Fields(line)
	if len(fields) != len(cronFields) {
		return fmt.Errorf("cron %q has %d fields: want five (minute, hour, day of the month, month, day of the week), such as 30 9 1 * *", line, len(fields))
	}
	for i, f := range cronFields {
		for _, item := range strings.Split(strings.ToLower(fields[i]), ",") {
			if err := f.check(item); err != nil {
				return fmt.Errorf("cron %q: %s: %w", line, f.what, err)
			}
		}
	}
	return nil
}

func (f cronField) check(item string) error {
	m := cronItem.FindStringSubmatch(item)
	if m == nil {
		return fmt.Errorf("cannot read %q: want *, a value, a range such as 1-5, or a step such as */15", item)
	}
	first, err := f.value(m[2])
	if err != nil {
		return err
	}
	last, err := f.value(m[3])
	if err != nil {
		return err
	}
	if m[3] != "" && last < first {
		return fmt.Errorf("the range %q runs backwards", item)
	}
	if m[4] != "" {
		if step, err := strconv.Atoi(m[4]); err != nil || step < 1 || step > f.most {
			return fmt.Errorf("the step in %q is impossible: want 1 to %d", item, f.most)
		}
	}
	return nil
}

// value reads a number or a name; "" is fine and stands for nothing.
func (f cronField) value(s string) (int, error) {
	if s == "" {
		return f.least, nil
	}
	if i := slices.Index(f.names, s); i >= 0 {
		return f.least + i, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < f.least || n > f.most {
		return 0, fmt.Errorf("%q is not possible: want %d to %d", s, f.least, f.most)
	}
	return n, nil
}

package schedules

import (
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/sdk/client"
)

// cronField is the range and the names of one of the five fields.
type cronField struct {
	name     string
	min, max int
	names    []string // names[0] stands for min
}

var cronFields = [5]cronField{
	{name: "minute", max: 59},
	{name: "hour", max: 23},
	{name: "day of the month", min: 1, max: 31},
	{name: "month", min: 1, max: 12, names: strings.Fields("jan feb mar apr may jun jul aug sep oct nov dec")},
	{name: "day of the week", max: 7, names: strings.Fields("sun mon tue wed thu fri sat")},
}

// parseCron reads the five fields of a cron expression into Temporal's form. It is parsed here and not by the server
// so that a mistake shows before anything is sent, and so that what is there can be compared with what should be.
// Day of the month together with day of the week is refused: cron means "or", Temporal means "and".
func parseCron(expression string) (client.ScheduleCalendarSpec, error) {
	fields := strings.Fields(expression)
	if len(fields) != len(cronFields) {
		return client.ScheduleCalendarSpec{}, fmt.Errorf("cron %q has %d fields: write five, minute hour day month weekday, such as \"30 9 * * mon-fri\"",
			expression, len(fields))
	}
	var parsed [5][]client.ScheduleRange
	for i, text := range fields {
		ranges, err := cronFields[i].parse(text)
		if err != nil {
			return client.ScheduleCalendarSpec{}, fmt.Errorf("cron %q: %w", expression, err)
		}
		parsed[i] = ranges
	}
	if fields[2] != "*" && fields[4] != "*" {
		return client.ScheduleCalendarSpec{}, fmt.Errorf("cron %q names both a day of the month and a day of the week: make one of them *", expression)
	}
	return client.ScheduleCalendarSpec{
		Minute: parsed[0], Hour: parsed[1], DayOfMonth: parsed[2], Month: parsed[3], DayOfWeek: parsed[4],
	}, nil
}

func (f cronField) parse(text string) ([]client.ScheduleRange, error) {
	var ranges []client.ScheduleRange
	for part := range strings.SplitSeq(text, ",") {
		r, err := f.one(part)
		if err != nil {
			return nil, err
		}
		ranges = append(ranges, r...)
	}
	return ranges, nil
}

// one reads "*", "5", "1-5", "*/15" or "8-18/2".
func (f cronField) one(part string) ([]client.ScheduleRange, error) {
	span, stepText, hasStep := strings.Cut(part, "/")
	step := 1
	if hasStep {
		n, err := strconv.Atoi(stepText)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s %q: the step after / must be a number from 1", f.name, part)
		}
		step = n
	}
	last := f.max
	if f.max == 7 { // 7 is Sunday too, but * means each day once
		last = 6
	}
	from, to := f.min, last
	if span != "*" {
		low, high, isRange := strings.Cut(span, "-")
		var err error
		if from, err = f.number(low); err != nil {
			return nil, err
		}
		switch {
		case isRange:
			if to, err = f.number(high); err != nil {
				return nil, err
			}
		case !hasStep:
			to = from
		}
	}
	if from > to {
		return nil, fmt.Errorf("%s %q runs backwards", f.name, part)
	}
	if f.max == 7 && to == 7 {
		return sundayAsZero(from, step), nil
	}
	return []client.ScheduleRange{{Start: from, End: to, Step: step}}, nil
}

// sundayAsZero rewrites a weekday range that ends with 7, which Temporal calls 0.
func sundayAsZero(from, step int) []client.ScheduleRange {
	var ranges []client.ScheduleRange
	for day := from; day <= 7; day += step {
		ranges = append(ranges, client.ScheduleRange{Start: day % 7, End: day % 7, Step: 1})
	}
	return ranges
}

func (f cronField) number(text string) (int, error) {
	for i, name := range f.names {
		if strings.EqualFold(text, name) {
			return f.min + i, nil
		}
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < f.min || n > f.max {
		return 0, fmt.Errorf("%s %q: want %d to %d", f.name, text, f.min, f.max)
	}
	return n, nil
}

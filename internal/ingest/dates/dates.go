// Package dates reads the dates and times of Japanese files without allocation: any arrangement of numbers, and the
// Japanese calendar (和暦).
package dates

import (
	"errors"
	"fmt"
	"strings"
)

// Epoch is the day from which PostgreSQL counts days and microseconds: 2000-01-01 UTC.
const (
	epochDays    = 10957 // from 1970-01-01
	microsSecond = 1_000_000
	microsDay    = 86400 * microsSecond
	japan        = 9 * 3600 * microsSecond // Asia/Tokyo has been UTC+9 without summer time since 1952
)

// Wareki is the layout of dates of the Japanese calendar: 令和6年12月24日, 令和元年5月1日, 平成31.4.30, R6.12.24, H310430, ㍻元年一月八日.
const Wareki = "wareki"

// RFC3339 is the layout of times such as 2024-12-24T09:30:00+09:00, with T or a blank, with or without a fraction.
const RFC3339 = "rfc3339"

// The reasons why a text is no date.
var (
	ErrShape  = errors.New("does not look like the layout")
	ErrDay    = errors.New("there is no such day in the calendar")
	ErrTime   = errors.New("there is no such time of day")
	ErrEra    = errors.New("the era did not last until, or had not begun by, this day")
	ErrLunar  = errors.New("before 明治6年1月1日 Japan used a lunisolar calendar, which has no fixed day in this one")
	ErrBounds = errors.New("the year is not between 1 and 9999")
)

type kind uint8

const (
	literal  kind = iota
	year          // YYYY: four digits
	month         // MM: two digits; M: one or two
	day           // DD, D
	hour          // HH, H
	minute        // mm
	second        // ss
	fraction      // .f: nothing, or a point and one to six digits
	zone          // Z: Z, +09:00 or +0900
)

type token struct {
	kind     kind
	least    int    // digits
	most     int    // digits
	text     string // of a literal
	followed bool   // a number comes next without a literal between
}

// Layout is how a date or time is written.
type Layout struct {
	text   string
	tokens []token
	wareki bool
	timed  bool // it has an hour
	zoned  bool
	fixed  *template // nil if parts have no fixed places
}

// letters are what a layout is made of, the longer ones first.
var letters = []struct {
	text        string
	kind        kind
	least, most int
}{
	{"YYYY", year, 4, 4}, {"MM", month, 2, 2}, {"DD", day, 2, 2}, {"HH", hour, 2, 2}, {"mm", minute, 2, 2}, {"ss", second, 2, 2},
	{".f", fraction, 0, 6}, {"M", month, 1, 2}, {"D", day, 1, 2}, {"H", hour, 1, 2}, {"Z", zone, 0, 0},
}

// Compile reads a layout: YYYY, MM or M, DD or D, HH or H, mm, ss, .f (a fraction or nothing) and Z (a zone), anything
// else as it stands; or Wareki, or RFC3339.
func Compile(layout string) (*Layout, error) {
	l := &Layout{text: layout}
	switch layout {
	case Wareki:
		l.wareki = true
		return l, nil
	case RFC3339:
		layout = "YYYY-MM-DDTHH:mm:ss.fZ"
	}
	seen := map[kind]bool{}
	for rest := layout; rest != ""; {
		found := false
		for _, letter := range letters {
			if !strings.HasPrefix(rest, letter.text) {
				continue
			}
			if seen[letter.kind] {
				return nil, fmt.Errorf("layout %q: %s stands twice", l.text, letter.text)
			}
			seen[letter.kind], found = true, true
			if n := len(l.tokens); n > 0 && l.tokens[n-1].kind != literal {
				l.tokens[n-1].followed = true
			}
			l.tokens = append(l.tokens, token{kind: letter.kind, least: letter.least, most: letter.most})
			rest = rest[len(letter.text):]
			break
		}
		if found {
			continue
		}
		if n := len(l.tokens); n > 0 && l.tokens[n-1].kind == literal {
			l.tokens[n-1].text += rest[:1]
		} else {
			l.tokens = append(l.tokens, token{kind: literal, text: rest[:1]})
		}
		rest = rest[1:]
	}
	for _, need := range []struct {
		kind kind
		text string
	}{{year, "YYYY"}, {month, "MM or M"}, {day, "DD or D"}} {
		if !seen[need.kind] {
			return nil, fmt.Errorf("layout %q has no %s; it is made of YYYY MM M DD D HH H mm ss .f Z, or is %s or %s", l.text, need.text, Wareki, RFC3339)
		}
	}
	if (seen[minute] || seen[zone]) && !seen[hour] || seen[second] && !seen[minute] || seen[fraction] && !seen[second] {
		return nil, fmt.Errorf("layout %q leaves out a part: HH comes before mm and Z, mm before ss, ss before .f", l.text)
	}
	for _, t := range l.tokens {
		if t.followed && t.least != t.most && t.kind != fraction {
			return nil, fmt.Errorf("layout %q: a number of one or two digits cannot be followed by another number at once", l.text)
		}
	}
	l.timed, l.zoned, l.fixed = seen[hour], seen[zone], newTemplate(l.tokens)
	return l, nil
}

// String is the layout as it was written.
func (l *Layout) String() string { return l.text }

// Timed says whether it has a time of day.
func (l *Layout) Timed() bool { return l.timed }

// Days reads a date as days since 2000-01-01. With a layout that has a time of day, that is checked and left out.
func (l *Layout) Days(text []byte) (int32, error) {
	if l.wareki {
		return warekiDays(text)
	}
	if l.fixed != nil {
		days, _, err := l.quick(text)
		return days, err
	}
	p, err := l.parse(text)
	if err != nil {
		return 0, err
	}
	return civil(p.year, p.month, p.day)
}

// quick reads a text by the layout's template.
func (l *Layout) quick(text []byte) (days int32, seconds int64, err error) {
	var digits [longestTemplate]byte
	if len(text) != l.fixed.length || !l.fixed.digits(text, &digits) {
		return 0, 0, ErrShape
	}
	if l.timed {
		if seconds, err = l.fixed.seconds(&digits); err != nil {
			return 0, 0, err
		}
	}
	days, err = l.fixed.days(&digits)
	return days, seconds, err
}

// Micros reads a time as microseconds since 2000-01-01 00:00 UTC. Where the layout has no zone, it is Japan's.
func (l *Layout) Micros(text []byte) (int64, error) {
	if l.wareki {
		days, err := warekiDays(text)
		return int64(days)*microsDay - japan, err
	}
	if l.fixed != nil { // it has no zone, which has no fixed length
		days, seconds, err := l.quick(text)
		return int64(days)*microsDay + seconds*microsSecond - japan, err
	}
	p, err := l.parse(text)
	if err != nil {
		return 0, err
	}
	days, err := civil(p.year, p.month, p.day)
	if err != nil {
		return 0, err
	}
	if !l.zoned {
		p.offset = japan
	}
	seconds := int64(p.hour)*3600 + int64(p.minute)*60 + int64(p.second)
	return int64(days)*microsDay + seconds*microsSecond + p.micros - p.offset, nil
}

type parts struct {
	year, month, day, hour, minute, second int
	micros, offset                         int64
}

// parse fills in the parts; the day is not checked against the calendar yet.
func (l *Layout) parse(text []byte) (parts, error) {
	var p parts
	for i := range l.tokens {
		t := &l.tokens[i]
		var n, value int
		switch t.kind {
		case literal:
			if n = len(t.text); len(text) < n || !sameLiteral(string(text[:n]), t.text) {
				return p, ErrShape
			}
		case fraction:
			if p.micros, n = micros(text); n < 0 {
				return p, ErrShape
			}
		case zone:
			if p.offset, n = offset(text); n < 0 {
				return p, ErrShape
			}
		default:
			for n < len(text) && n < t.most && text[n]-'0' <= 9 {
				value = value*10 + int(text[n]-'0')
				n++
			}
			if n < t.least {
				return p, ErrShape
			}
			switch t.kind {
			case year:
				p.year = value
			case month:
				p.month = value
			case day:
				p.day = value
			case hour:
				p.hour = value
			case minute:
				p.minute = value
			case second:
				p.second = value
			}
		}
		text = text[n:]
	}
	if len(text) > 0 {
		return p, ErrShape
	}
	if p.hour > 23 || p.minute > 59 || p.second > 59 {
		return p, ErrTime
	}
	return p, nil
}

// sameLiteral compares; a blank may stand where a T is wanted.
func sameLiteral(text, want string) bool {
	return text == want || want == "T" && (text == " " || text == "t")
}

// micros reads nothing, or a point and one to six digits; the number of bytes is -1 if neither stands there.
func micros(text []byte) (value int64, length int) {
	if len(text) == 0 || text[0] != '.' {
		return 0, 0
	}
	n := 1
	unit := int64(microsSecond)
	for n < len(text) && n <= 6 && text[n]-'0' <= 9 {
		unit /= 10
		value += int64(text[n]-'0') * unit
		n++
	}
	if n == 1 {
		return 0, -1
	}
	return value, n
}

// offset reads Z, +hh:mm or +hhmm; the number of bytes is -1 if none stands there.
func offset(text []byte) (value int64, length int) {
	if len(text) == 0 {
		return 0, -1
	}
	if text[0] == 'Z' || text[0] == 'z' {
		return 0, 1
	}
	if text[0] != '+' && text[0] != '-' {
		return 0, -1
	}
	digits, n := [4]int64{}, 1
	for i := range digits {
		if i == 2 && n < len(text) && text[n] == ':' {
			n++
		}
		if n >= len(text) || text[n]-'0' > 9 {
			return 0, -1
		}
		digits[i] = int64(text[n] - '0')
		n++
	}
	hours, minutes := digits[0]*10+digits[1], digits[2]*10+digits[3]
	if hours > 15 || minutes > 59 {
		return 0, -1
	}
	value = (hours*3600 + minutes*60) * microsSecond
	if text[0] == '-' {
		value = -value
	}
	return value, n
}

var monthDays = [13]int{0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

// civil is the days since 2000-01-01 of a day of the Gregorian calendar.
func civil(y, m, d int) (int32, error) {
	if y < 1 || y > 9999 {
		return 0, ErrBounds
	}
	if m < 1 || m > 12 || d < 1 {
		return 0, ErrDay
	}
	if d > monthDays[m] && (m != 2 || d != 29 || y%4 != 0 || y%100 == 0 && y%400 != 0) {
		return 0, ErrDay
	}
	if m <= 2 { // years that begin in March have their leap day at the end
		y--
		m += 12
	}
	days := 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1
	return int32(days - 719468 - epochDays), nil
}

package sheet

import (
	"bytes"
	"math"
	"strconv"
	"time"

	"tejun/internal/ingest/dates"
)

// digits is how many significant digits Excel keeps; what is stored beyond them is the noise of binary fractions.
const digits = 15

// number is a stored number as people write it: without exponent, and without noise.
func number(stored []byte) []byte {
	stored = bytes.TrimSpace(stored)
	plain := len(stored) <= digits
	for _, c := range stored {
		plain = plain && (c == '-' || c == '.' || c >= '0' && c <= '9')
	}
	if plain {
		return stored
	}
	value, err := strconv.ParseFloat(string(stored), 64)
	if err != nil || math.IsInf(value, 0) || math.IsNaN(value) {
		return stored // the conversion will say that it is no number
	}
	if value, err = strconv.ParseFloat(strconv.FormatFloat(value, 'e', digits-1, 64), 64); err != nil {
		return stored
	}
	return strconv.AppendFloat(nil, value, 'f', -1, 64)
}

// japan is the zone of times without one.
var japan = time.FixedZone("JST", 9*3600)

// date is a stored date or time in a layout; without one as YYYY-MM-DD, with a time of day if it has one.
func (b *book) date(stored []byte, layout *dates.Layout) []byte {
	t, ok := b.moment(stored)
	if !ok {
		return stored
	}
	switch {
	case layout != nil && t.Year() < 1900: // a time of day is no date
		return stored
	case layout != nil:
		return layout.Append(nil, t)
	case t.Year() < 1900 || b.from1904 && t.Year() == 1904 && t.YearDay() == 1:
		return t.AppendFormat(nil, "15:04:05")
	case t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0:
		return t.AppendFormat(nil, "2006-01-02")
	}
	return t.AppendFormat(nil, "2006-01-02 15:04:05")
}

func (b *book) moment(stored []byte) (time.Time, bool) {
	for _, form := range []string{"2006-01-02T15:04:05", "2006-01-02T15:04:05Z07:00", "2006-01-02"} {
		if t, err := time.ParseInLocation(form, string(stored), japan); err == nil {
			return t, true
		}
	}
	serial, err := strconv.ParseFloat(string(stored), 64)
	const most = 2958466 // the day after 9999-12-31
	if err != nil || !(serial >= 0 && serial < most) {
		return time.Time{}, false
	}
	first := time.Date(1899, 12, 30, 0, 0, 0, 0, japan)
	switch {
	case b.from1904:
		first = time.Date(1904, 1, 1, 0, 0, 0, 0, japan)
	case serial >= 60 && serial < 61: // Excel counts a 29 February 1900 that never was
		return time.Time{}, false
	case serial >= 1 && serial < 60:
		first = first.AddDate(0, 0, 1)
	}
	day := math.Floor(serial)
	millis := math.Round((serial - day) * 86_400_000)
	t := first.AddDate(0, 0, int(day)).Add(time.Duration(millis) * time.Millisecond)
	return t, t.Year() <= 9999
}

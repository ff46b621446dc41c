package system

import (
	"fmt"
	"time"
)

// Duration is a time span that reads and writes as "90s", "15m", "2h30m".
type Duration time.Duration

// D is the standard library's form.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String writes the span as time.Duration does.
func (d Duration) String() string { return time.Duration(d).String() }

// Words writes the span without its empty parts: 25h, 1h10m, 45s.
func (d Duration) Words() string { return words(d.D()) }

// MarshalText writes the span as time.Duration does.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads "90s", "15m" or "2h30m"; a bare number is refused because its unit is unknown.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("duration %q: want a number with a unit, such as 90s, 15m or 2h30m", text)
	}
	if v < 0 {
		return fmt.Errorf("duration %q: must not be negative", text)
	}
	*d = Duration(v)
	return nil
}

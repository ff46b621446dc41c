package dates

import (
	"fmt"
	"strconv"
	"time"
)

// Append writes a time's wall clock in the layout. Formats that have times of their own, such as XLSX and Parquet, are brought
// into the form that the dataset declares by it. A day before 明治6年1月1日 has no form in Wareki and is written as YYYY-MM-DD.
func (l *Layout) Append(dst []byte, t time.Time) []byte {
	if l.wareki {
		return appendWareki(dst, t)
	}
	for i := range l.tokens {
		switch k := &l.tokens[i]; k.kind {
		case literal:
			dst = append(dst, k.text...)
		case year:
			dst = fmt.Appendf(dst, "%04d", t.Year())
		case month:
			dst = fmt.Appendf(dst, "%0*d", k.least, int(t.Month()))
		case day:
			dst = fmt.Appendf(dst, "%0*d", k.least, t.Day())
		case hour:
			dst = fmt.Appendf(dst, "%0*d", k.least, t.Hour())
		case minute:
			dst = fmt.Appendf(dst, "%02d", t.Minute())
		case second:
			dst = fmt.Appendf(dst, "%02d", t.Second())
		case fraction:
			dst = t.AppendFormat(dst, ".999999")
		case zone:
			dst = t.AppendFormat(dst, "Z07:00")
		}
	}
	return dst
}

func appendWareki(dst []byte, t time.Time) []byte {
	days, err := civil(t.Year(), int(t.Month()), t.Day())
	if err == nil && days >= gregorianSince {
		for i := range eras {
			e := &eras[i]
			if days < e.begins || days > e.ends {
				continue
			}
			dst = append(dst, e.names[0]...)
			if n := t.Year() - e.first + 1; n == 1 {
				dst = append(dst, firstYear...)
			} else {
				dst = strconv.AppendInt(dst, int64(n), 10)
			}
			return fmt.Appendf(dst, "年%d月%d日", int(t.Month()), t.Day())
		}
	}
	return t.AppendFormat(dst, "2006-01-02")
}

package delimited

import "bytes"

// walk goes from quote to quote and knows where records end.
type walk struct {
	rules  Rules
	at     int  // up to where it has looked
	open   bool // at is inside quotes
	opened int  // where the last quote opened
	gap    int  // where the stretch outside quotes began that at stands in
	last   int  // the last end of a record that has been noticed
	long   bool // a quote was closed only beyond the limit
	longAt int  // where the first such one opened
}

// tail is the part at the end of a block in which the end of a record is looked for first, because noticing all costs time.
const tail = 16 << 10

// boundary is the end of the last record that ends in data, or 0. It goes on where it stopped when data has grown.
func (w *walk) boundary(data []byte, end byte, eof bool) int {
	if w.at == 0 && bytes.IndexByte(data, '"') < 0 {
		return bytes.LastIndexByte(data, end) + 1
	}
	before := *w
	if from := len(data) - tail; from > w.at {
		w.to(data, from, end, eof, false)
	}
	w.to(data, len(data), end, eof, true)
	if w.last == 0 {
		*w = before
		w.to(data, len(data), end, eof, true)
	}
	return w.last
}

// to walks to until. It notices the ends of records on the way if it is told to, and always the last one of the stretch
// outside quotes that until stands in.
func (w *walk) to(data []byte, until int, end byte, eof, notice bool) {
	for w.at < until {
		q := nextQuote(data, w.at, until)
		if q >= until {
			w.at = until
			break
		}
		switch {
		case !w.open:
			if q == 0 || data[q-1] == w.rules.Delimiter || data[q-1] == end {
				if notice {
					w.look(data[:q], end)
				}
				w.open, w.opened = true, q
			}
			w.at = q + 1
		case q+1 == len(data) && !eof:
			w.at = q // whether this one closes shows with the next byte
			return
		case q+1 < len(data) && data[q+1] == '"':
			w.at = q + 2
		default:
			if !w.long && q-w.opened > w.rules.MaxLine+1 {
				w.long, w.longAt = true, w.opened
			}
			w.open, w.gap, w.at = false, q+1, q+1
		}
	}
	if !w.open && notice {
		w.look(data[:until], end)
	}
}

func (w *walk) look(data []byte, end byte) {
	if w.gap < len(data) {
		if at := bytes.LastIndexByte(data[w.gap:], end); at >= 0 {
			w.last = w.gap + at + 1
		}
	}
}

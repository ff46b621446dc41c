// Package gen writes files like those that arrive: CSV in CP932 with CRLF, 15 columns of a register of organisations,
// with given shares of broken rows, exact duplicates and rows that contradict another one of the same key. The same
// options give the same bytes, everywhere and always. Benchmarks and tests are measured on them.
package gen

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"golang.org/x/text/encoding/japanese"
)

// Options say what the file is like. Shares are between 0 and 1.
type Options struct {
	Rows      int    // ids 1 to Rows; each is one good row, unless it is broken or has vanished
	Seed      uint64 // of everything
	Broken    float64
	Duplicate float64 // rows that are followed, up to 500 rows later, by an exact copy
	Conflict  float64 // rows that are followed, up to 500 rows later, by one of the same id and another amount

	// The next edition of a file: the same options, and shares of what differs from it.
	Changed  float64 // rows with another amount
	Vanished float64 // rows that are not there any more
	New      float64 // rows behind the last, as a share of Rows
}

// Facts are what is true of the file.
type Facts struct {
	Bytes      int64
	Records    int // all rows of the file
	Good       int // distinct ids with a good row
	Broken     int // rows that break a rule, by kind in Breaks
	Breaks     map[string]int
	Duplicates int // exact copies, beyond the first
	Conflicts  int // rows that contradict an earlier one of the same id
	Changed    int
	Vanished   int
	New        int
}

// Columns are the names of the columns, in order.
var Columns = []string{
	"id", "code", "name", "kana", "prefecture", "city", "address", "postal_code", "amount", "members", "registered_on", "updated_at", "active", "kind", "note",
}

// Kinds of broken rows.
const (
	BadByte    = "bytes that are not CP932"
	BadDate    = "a day that does not exist"
	BadNumber  = "a number that is none"
	BadKind    = "a code that is not on the list"
	BadCode    = "a code that breaks its pattern"
	Missing    = "a required value that is missing"
	TooFew     = "a field too few"
	ZeroByte   = "a zero byte"
	BrokenText = "text after a closing quote"
)

var breaks = []string{BadByte, BadDate, BadNumber, BadKind, BadCode, Missing, TooFew, ZeroByte, BrokenText}

// WriteFile writes the file to a path.
func WriteFile(path string, o Options) (facts Facts, err error) {
	out, err := os.Create(path) //nolint:gosec // whoever measures names it
	if err != nil {
		return facts, fmt.Errorf("write a generated file: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	return Write(out, o)
}

// Write writes the file.
func Write(w io.Writer, o Options) (Facts, error) {
	g := &generator{o: o, out: bufio.NewWriterSize(w, 1<<16), facts: Facts{Breaks: map[string]int{}}}
	last := o.Rows + int(float64(o.Rows)*o.New)
	for id := 1; id <= last; id++ {
		g.one(id)
		g.flush(id)
	}
	g.flush(last + maxDelay)
	if err := g.out.Flush(); err != nil {
		return g.facts, fmt.Errorf("write a generated file: %w", err)
	}
	return g.facts, nil
}

// Reader is the file as a stream, made while it is read.
func Reader(o Options) io.ReadCloser {
	r, w := io.Pipe()
	go func() {
		_, err := Write(w, o)
		_ = w.CloseWithError(err) // nil is the end of the file; it never fails
	}()
	return r
}

// maxDelay is how many rows after its original a copy may stand.
const maxDelay = 500

// later is a copy that waits for its place.
type later struct {
	at  int // the id behind which it stands
	row []byte
}

type generator struct {
	o       Options
	out     *bufio.Writer
	facts   Facts
	waiting []later
	row     []byte
}

// one writes the row of an id, if it has one.
func (g *generator) one(id int) {
	// What a row is depends on its id alone; what happens to it depends on streams of their own, so that the next edition
	// differs only where it is meant to.
	chance := rand.New(rand.NewPCG(g.o.Seed, uint64(id)<<8|1)) //nolint:gosec // test data, the same every time
	broken, duplicate, conflict := chance.Float64() < g.o.Broken, chance.Float64() < g.o.Duplicate, chance.Float64() < g.o.Conflict
	changed, vanished := chance.Float64() < g.o.Changed, chance.Float64() < g.o.Vanished
	delay, which := 1+chance.IntN(maxDelay), chance.IntN(len(breaks))
	if id > g.o.Rows {
		g.facts.New++
		changed, vanished = false, false
	}
	if vanished {
		g.facts.Vanished++
		return
	}
	if broken {
		g.facts.Broken++
		g.facts.Breaks[breaks[which]]++
		g.row = g.appendRow(g.row[:0], id, 0, breaks[which])
		g.write(g.row)
		return
	}
	edition := 0
	if changed {
		g.facts.Changed++
		edition = 1
	}
	g.row = g.appendRow(g.row[:0], id, edition, "")
	g.write(g.row)
	g.facts.Good++
	switch {
	case duplicate:
		g.facts.Duplicates++
		g.waiting = append(g.waiting, later{id + delay, append([]byte(nil), g.row...)})
	case conflict:
		g.facts.Conflicts++
		g.waiting = append(g.waiting, later{id + delay, g.appendRow(nil, id, 2, "")})
	}
}

// flush writes the copies whose place is behind an id.
func (g *generator) flush(id int) {
	kept := g.waiting[:0]
	for _, l := range g.waiting {
		if l.at <= id {
			g.write(l.row)
		} else {
			kept = append(kept, l)
		}
	}
	g.waiting = kept
}

func (g *generator) write(row []byte) {
	g.facts.Records++
	g.facts.Bytes += int64(len(row))
	_, _ = g.out.Write(row) // a bufio.Writer keeps its error for Flush
}

// appendRow appends the row of an id. Edition changes the amount.
func (g *generator) appendRow(row []byte, id, edition int, broken string) []byte {
	r := rand.New(rand.NewPCG(g.o.Seed, uint64(id)<<8)) //nolint:gosec // test data, the same every time
	pick := func(list [][]byte) []byte { return list[r.IntN(len(list))] }
	comma := func() { row = append(row, ',') }

	row = strconv.AppendInt(row, int64(id), 10)
	comma()
	row = append(row, fmt.Sprintf("%07d", r.IntN(10_000_000))...)
	if broken == BadCode {
		row[len(row)-1] = 'X'
	}
	comma()
	if broken != Missing {
		row = append(append(row, pick(names)...), pick(forms)...)
	}
	if broken == BadByte {
		row = append(row, 0x81, 0x20)
	}
	comma()
	row = append(row, pick(kana)...)
	comma()
	row = append(row, pick(prefectures)...)
	comma()
	row = append(row, pick(cities)...)
	comma()
	row = append(row, pick(towns)...)
	row = append(row, encode(fmt.Sprintf("%d－%d", 1+r.IntN(40), 1+r.IntN(30)))...)
	if broken == ZeroByte {
		row = append(row, 0)
	}
	comma()
	row = append(row, fmt.Sprintf("%07d", r.IntN(10_000_000))...)
	comma()
	row = strconv.AppendInt(row, int64(r.IntN(5_000_000)+edition), 10)
	if r.IntN(4) == 0 {
		row = append(row, ".5"...)
	}
	comma()
	row = strconv.AppendInt(row, int64(r.IntN(3000)), 10)
	if broken == BadNumber {
		row = append(row, 'x')
	}
	comma()
	day := time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).AddDate(0, 0, r.IntN(27000))
	switch {
	case broken == BadDate:
		row = append(row, "2023-02-29"...)
	case day.Year() >= 2020 && r.IntN(2) == 0:
		row = append(row, encode(fmt.Sprintf("令和%d年%d月%d日", day.Year()-2018, day.Month(), day.Day()))...)
	default:
		row = day.AppendFormat(row, "2006-01-02")
	}
	comma()
	row = time.Unix(1_600_000_000+int64(r.IntN(100_000_000)), 0).UTC().AppendFormat(row, "2006/01/02 15:04:05")
	comma()
	row = append(row, '0'+byte(r.IntN(2)))
	comma()
	if broken == BadKind {
		row = append(row, "99"...)
	} else {
		row = append(row, kinds[r.IntN(len(kinds))]...)
	}
	if broken == TooFew {
		return append(row, '\r', '\n')
	}
	comma()
	switch r.IntN(40) {
	case 0:
		row = append(append(append(row, '"'), pick(notes)...), `, ""`...)
		row = append(append(row, pick(towns)...), `"""`...)
	case 1:
		row = append(append(append(row, '"'), pick(notes)...), "\r\n"...)
		row = append(append(row, pick(notes)...), '"')
	case 2, 3, 4, 5, 6, 7, 8, 9:
		row = append(row, pick(notes)...)
	}
	if broken == BrokenText {
		for len(row) > 0 && row[len(row)-1] != ',' {
			row = row[:len(row)-1]
		}
		row = append(row, `"a"b`...)
	}
	return append(row, '\r', '\n')
}

func encode(text string) []byte {
	out, err := japanese.ShiftJIS.NewEncoder().Bytes([]byte(text))
	if err != nil {
		panic(fmt.Sprintf("%q has no CP932: %v", text, err)) // a mistake in this package
	}
	return out
}

func encodeAll(texts ...string) [][]byte {
	var all [][]byte
	for _, t := range texts {
		all = append(all, encode(t))
	}
	return all
}

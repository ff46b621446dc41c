package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"golang.org/x/term"
)

// printJSON writes one indented document.
func (a *app) printJSON(v any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

func (a *app) printf(format string, args ...any) { fmt.Fprintf(a.out, format, args...) }

// The colours, as ANSI SGR codes.
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
	cyan   = "36"
)

// paint colours text for the output if it is a terminal, or if --color says so.
func (a *app) paint(code, s string) string { return paintIf(a.coloured(a.out), code, s) }

func (a *app) paintErr(code, s string) string { return paintIf(a.coloured(a.err), code, s) }

func paintIf(yes bool, code, s string) string {
	if !yes || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (a *app) coloured(w io.Writer) bool {
	switch a.color {
	case "always":
		return true
	case "never":
		return false
	}
	if v, ok := a.env.LookupEnv("NO_COLOR"); ok && v != "" {
		return false
	}
	if v, _ := a.env.LookupEnv("TERM"); v == "dumb" {
		return false
	}
	return isTerminal(w)
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// width is the terminal's, 0 when the output is no terminal: then nothing is cut.
func (a *app) width() int {
	if f, ok := a.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil {
			return w
		}
	}
	return 0
}

// grid collects rows and prints them in columns that fit wide characters too.
type grid struct {
	header table.Row
	rows   []table.Row
	wrap   map[int]int // column number, from 1 → width at which its text is wrapped
}

func newGrid(header ...string) *grid {
	g := &grid{wrap: map[int]int{}}
	for _, h := range header {
		g.header = append(g.header, h)
	}
	return g
}

func (g *grid) add(cells ...any) { g.rows = append(g.rows, cells) }

// print writes the rows without borders, so that lines can be cut and searched.
func (g *grid) print(a *app, indent string) {
	t := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	style.Format.Header = text.FormatDefault
	t.SetStyle(style)
	if g.header != nil {
		head := make(table.Row, len(g.header))
		for i, h := range g.header {
			head[i] = a.paint(dim, fmt.Sprint(h))
		}
		t.AppendRow(head)
	}
	t.AppendRows(g.rows)
	var columns []table.ColumnConfig
	for number, width := range g.wrap {
		columns = append(columns, table.ColumnConfig{Number: number, WidthMax: width, WidthMaxEnforcer: text.WrapText})
	}
	t.SetColumnConfigs(columns)
	for line := range strings.SplitSeq(t.Render(), "\n") {
		fmt.Fprintln(a.out, strings.TrimRight(indent+line, " "))
	}
}

// clock writes a time of today as 03:04:05 and any other with its date.
func clock(t, now time.Time, zone *time.Location) string {
	if t.IsZero() {
		return ""
	}
	t, now = t.In(zone), now.In(zone)
	switch {
	case t.Year() == now.Year() && t.YearDay() == now.YearDay():
		return t.Format("15:04:05")
	case t.Year() == now.Year():
		return t.Format("01-02 15:04:05")
	}
	return t.Format("2006-01-02 15:04")
}

// fullTime names the day, the time and the zone.
func fullTime(t time.Time, zone *time.Location) string {
	return t.In(zone).Format("2006-01-02 (Mon) 15:04:05 MST")
}

// span writes a duration with its two largest units: "3h 20m", "45s".
func span(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd %dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh %dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm %ds", minutes, seconds)
	}
	return fmt.Sprintf("%ds", seconds)
}

// relative says how far away a time is.
func relative(t, now time.Time) string {
	if d := t.Sub(now); d >= 0 {
		return "in " + span(d)
	}
	return span(now.Sub(t)) + " ago"
}

// oneLine makes text fit into a cell: no line breaks, no control characters that could move the cursor.
func oneLine(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || (r >= 0x80 && r < 0xa0) {
			return ' '
		}
		return r
	}, s)), " ")
}

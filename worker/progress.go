package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// progress tells a person what is being done, with the time since the start.
type progress struct {
	mu    sync.Mutex
	out   io.Writer
	began time.Time
}

func newProgress(out io.Writer) *progress { return &progress{out: out, began: time.Now()} }

func (p *progress) line(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	fmt.Fprintf(p.out, "%6.1fs  %s\n", time.Since(p.began).Seconds(), fmt.Sprintf(format, args...))
}

// about gives the progress of one part a name.
func (p *progress) about(part string) func(string) {
	return func(text string) { p.line("%s: %s", part, text) }
}

// ready prints where everything is. The DSNs are left out, as they have passwords.
func (p *progress) ready(a addresses, log string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b strings.Builder
	fmt.Fprintf(&b, "\nready after %.1f s\n\n", time.Since(p.began).Seconds())
	for _, row := range [][2]string{
		{"Temporal UI", a.UI},
		{"site", a.Site + "   (simulated; " + a.Site + "__sandbox/ shows what is behind it)"},
		{"Temporal", a.Temporal},
		{"PostgreSQL", "the DSN is in " + a.State + "/ready.json, and the operated system's database too"},
		{"metrics", a.Metrics},
		{"sandbox", a.Sandbox},
		{"log", log},
	} {
		fmt.Fprintf(&b, "  %-12s %s\n", row[0], row[1])
	}
	b.WriteString("\nNext, in another terminal:\n\n" +
		"  go run ./starter catalog\n" +
		"  go run ./starter start PlannedOutage --input examples/planned-outage.json\n\n" +
		"Ctrl-C stops everything; the same command goes on with it.\n")
	fmt.Fprint(p.out, b.String())
}

package infer

import (
	"fmt"
	"strings"

	"tejun/internal/dataset"
)

// yaml writes the proposal with what was seen.
func (p *proposal) yaml() string {
	d, said := &p.dataset, &p.sample.said
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	seen := fmt.Sprintf("%d records", len(p.sample.records))
	if p.sample.whole {
		seen = "all " + seen
	} else {
		seen = "the first " + seen
	}
	line("# Proposed from %s of %s. Look at every line that says guess.", seen, oneLine(d.Source.Match))
	for _, doubt := range said.doubts {
		line("# LOOK: %s", oneLine(doubt))
	}
	line("id: %s", d.ID)
	line("name: {ja: %s, en: %s} # guess: from the file's name", quote(d.Name.Ja), quote(d.Name.En))
	line("notes: \"\" # write where the file comes from, and under which terms it is used")
	line("source: # in production: s3: {bucket: …, prefix: …/} or http: {url: \"https://…\"}")
	line("  file: {dir: %s}", quote(d.Source.File.Dir))
	line("  match: %s", quote(d.Source.Match))
	if d.Packing.Kind != dataset.PackingNone {
		if d.Packing.Member != "" {
			line("packing: {kind: %s, member: %s} # %s", d.Packing.Kind, quote(d.Packing.Member), oneLine(said.packing))
		} else {
			line("packing: {kind: %s} # %s", d.Packing.Kind, oneLine(said.packing))
		}
	}
	line("# %s. Header: %s", oneLine(said.format), oneLine(said.header))
	line("format: {%s}", strings.Join(p.format(), ", "))
	if d.Encoding != "" {
		line("encoding: %s # %s", d.Encoding, oneLine(said.encoding))
	}
	line("table: %s", d.Table)
	line("columns:")
	for i, c := range d.Columns {
		line("  # %s", oneLine(p.why[i]))
		line("  - {%s}", strings.Join(columnOf(c), ", "))
	}
	if len(d.Key) > 0 {
		line("key: [%s] # %s", strings.Join(d.Key, ", "), oneLine(p.saidKey))
	} else {
		line("# no key: %s", oneLine(p.saidKey))
	}
	where := ""
	if w := d.Duplicates.Where; w != nil {
		where = fmt.Sprintf(", where: {column: %s, equals: %s}", w.Column, quote(w.Equals))
	}
	line("duplicates: {exact: %s, sameKey: %s%s} # %s", d.Duplicates.Exact, d.Duplicates.SameKey, where, oneLine(p.saidDuplicates))
	line("mode: %s # %s", d.Mode, oneLine(p.saidMode))
	line("limits: {rejectRows: 0} # guess: one row that breaks a rule stops the load; or rejectShare: 0.001")
	line("approval: {when: always} # until the declaration has proved right; then over-limits")
	return b.String()
}

func (p *proposal) format() []string {
	f := p.dataset.Format
	parts := []string{"kind: " + f.Kind, fmt.Sprintf("header: %t", f.Header)}
	if f.Fields > 0 && (f.Kind == dataset.CSV || f.Kind == dataset.TSV) {
		parts = append(parts, fmt.Sprintf("fields: %d", f.Fields))
	}
	if f.Delimiter != "" {
		parts = append(parts, "delimiter: "+quote(f.Delimiter))
	}
	if f.Sheet != "" {
		parts = append(parts, "sheet: "+quote(f.Sheet))
	}
	return parts
}

func columnOf(c dataset.Column) []string {
	parts := []string{"name: " + c.Name}
	add := func(given bool, format string, args ...any) {
		if given {
			parts = append(parts, fmt.Sprintf(format, args...))
		}
	}
	add(c.Title != "", "title: %s", quote(c.Title))
	add(c.Field > 0, "field: %d", c.Field)
	add(c.Header != "", "header: %s", quote(c.Header))
	add(true, "type: %s", c.Type)
	add(len(c.Layouts) > 0, "layouts: [%s]", quoteAll(c.Layouts))
	add(c.Required, "required: true")
	add(c.Pattern != "", "pattern: %s", quote(c.Pattern))
	add(c.MaxLength > 0, "maxLength: %d", c.MaxLength)
	add(len(c.Codes) > 0, "codes: [%s]", quoteAll(c.Codes))
	add(len(c.Normalise) > 0, "normalise: [%s]", strings.Join(c.Normalise, ", "))
	add(c.Personal, "personal: true")
	return parts
}

func quoteAll(texts []string) string {
	quoted := make([]string, len(texts))
	for i, t := range texts {
		quoted[i] = quote(t)
	}
	return strings.Join(quoted, ", ")
}

// quote writes a text as YAML reads it back: in double quotes, where control characters have escapes.
func quote(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r >= 0x7F && r <= 0xA0 || r == 0x2028 || r == 0x2029 || r == 0xFEFF:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// oneLine keeps what was seen in a file from leaving its comment.
func oneLine(text string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7F && r < 0xA0 || r == 0x2028 || r == 0x2029 || r == 0xFEFF || r == 0xFFFD {
			return ' '
		}
		return r
	}, text)), " ")
}

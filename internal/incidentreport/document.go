package incidentreport

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"

	"github.com/gomutex/godocx"
	"github.com/gomutex/godocx/docx"
	"github.com/gomutex/godocx/wml/ctypes"
	"github.com/gomutex/godocx/wml/stypes"
)

const (
	font      = "游ゴシック" // that Word has on Windows and macOS; others take their own Japanese font for it
	tableGrid = "TableGrid"
	ink       = "000000"
)

// The width and height of A4 in twentieths of a point.
const a4Width, a4Height = 11906, 16838

// document lays lines out: "# " is the title, "## " a heading, ">" stands on the right, "|" begins a row of a table with its
// cells, "|!" its head, and everything else is a paragraph. Rows that follow one another are one table.
func document(title, author, lines string) ([]byte, error) {
	doc, err := godocx.NewDocument()
	if err != nil {
		return nil, fmt.Errorf("begin a document: %w", err)
	}
	width, height := uint64(a4Width), uint64(a4Height)
	if doc.Document.Body.SectPr != nil {
		doc.Document.Body.SectPr.PageSize = &ctypes.PageSize{Width: &width, Height: &height}
	}
	doc.FileMap.Store("docProps/core.xml", properties(title, author))
	var table *docx.Table
	afterTable := false
	for _, line := range strings.Split(lines, "\n") {
		row, isRow := strings.CutPrefix(line, "|")
		if !isRow {
			table = nil
			afterTable = afterTable && strings.TrimSpace(line) == ""
		}
		switch {
		case strings.TrimSpace(line) == "":
		case isRow:
			cells, head := strings.CutPrefix(row, "!")
			if table == nil || head {
				if afterTable { // tables that touch become one
					doc.AddEmptyParagraph()
				}
				table, afterTable = doc.AddTable(), true
				table.Style(tableGrid)
			}
			addRow(table, strings.Split(cells, "|"), head)
		case strings.HasPrefix(line, "# "):
			p := doc.AddParagraph("")
			p.Justification(stypes.JustificationCenter)
			write(p, line[2:], 18, true)
		case strings.HasPrefix(line, "## "):
			p, err := doc.AddHeading("", 1)
			if err != nil {
				return nil, fmt.Errorf("add a heading: %w", err)
			}
			write(p, line[3:], 13, true)
		case strings.HasPrefix(line, ">"):
			p := doc.AddParagraph("")
			p.Justification(stypes.JustificationRight)
			write(p, line[1:], 10, false)
		default:
			write(doc.AddParagraph(""), line, 10, false)
		}
	}
	var out bytes.Buffer
	if err := doc.Write(&out); err != nil {
		return nil, fmt.Errorf("write the document: %w", err)
	}
	return out.Bytes(), nil
}

func addRow(table *docx.Table, cells []string, head bool) {
	row := table.AddRow()
	for _, text := range cells {
		write(row.AddCell().AddParagraph(""), text, 9, head)
	}
}

// write puts text into a paragraph, in a font that has Japanese characters.
func write(p *docx.Paragraph, text string, points uint64, bold bool) {
	run := p.AddText(text).Size(points).Color(ink)
	if bold {
		run.Bold(true)
	}
	children := p.GetCT().Children
	if last := children[len(children)-1].Run; last != nil && last.Property != nil {
		last.Property.Fonts = &ctypes.RunFonts{EastAsia: font, Ascii: font, HAnsi: font, Hint: stypes.FontTypeHintEastAsia}
	}
}

// properties are what a file manager shows of the document. The library's own template says that somebody else wrote it.
func properties(title, author string) []byte {
	escaped := func(s string) string {
		var out bytes.Buffer
		_ = xml.EscapeText(&out, []byte(s)) // a buffer takes everything
		return out.String()
	}
	return []byte(xml.Header + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
		`<dc:title>` + escaped(title) + `</dc:title><dc:creator>` + escaped(author) + `</dc:creator><dc:language>ja-JP</dc:language></cp:coreProperties>`)
}

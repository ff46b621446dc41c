// Package sheet reads XLSX, row by row: one sheet of a workbook, with numbers as they are stored and dates as the dataset
// writes them.
//
// It reads the XML itself. github.com/xuri/excelize/v2, which everybody uses, ends a sheet without an error where its XML is
// damaged or cut off, and makes empty cells of those that it cannot read; a load must not lose rows that way. It also gives
// either what a cell shows, in which long numbers lose digits, or what is stored, in which a date is a bare number.
package sheet

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"

	"tejun/internal/ingest/record"
	"tejun/internal/ingest/unpack"
)

const (
	// mostText is how many bytes of shared texts are kept in memory.
	mostText = 256 << 20
	// mostCell is how many bytes may stand between two pieces of XML; Excel's own limit for a cell is 32,767 characters.
	mostCell = 1 << 20
	mostRow  = 1 << 20 // rows of a sheet
	mostCol  = 1 << 14 // columns of a sheet
)

// book is what is known of a workbook before its sheet is read.
type book struct {
	file     record.File
	size     int64
	limits   unpack.Limits
	text     []byte   // all shared texts
	ends     []uint32 // where each ends in text
	dates    []bool   // whether a cell's style shows its number as a date or time
	from1904 bool     // days are counted from 1904
	sheets   []named
	targets  map[string]string // relation → part
}

type named struct{ name, relation string }

// part reads one part of the workbook, token by token. A part that is not there is an error that is errMissing.
func (b *book) part(name string, each func(*tokens) error) error {
	content, _, err := unpack.Zip(b.file, b.size, name, b.limits)
	if err != nil {
		return err //nolint:wrapcheck // it names the part
	}
	t := newTokens(content, name)
	return errors.Join(each(t), content.Close())
}

// tokens are the XML of one part.
type tokens struct {
	name    string
	source  *metered
	decoder *xml.Decoder
}

// metered ends a part in which one piece of XML is too long to be kept.
type metered struct {
	source io.Reader
	n      int
}

var errLong = errors.New("a piece of XML is longer than any cell")

func (m *metered) Read(p []byte) (int, error) {
	if m.n > mostCell {
		return 0, errLong
	}
	n, err := m.source.Read(p)
	m.n += n
	return n, err //nolint:wrapcheck // the decoder compares it with io.EOF
}

func newTokens(r io.Reader, name string) *tokens {
	source := &metered{source: r}
	return &tokens{name: name, source: source, decoder: xml.NewDecoder(source)}
}

// next is the next token; io.EOF at the end of a whole document.
func (t *tokens) next() (xml.Token, error) {
	t.source.n = 0
	token, err := t.decoder.Token()
	if err == nil || errors.Is(err, io.EOF) {
		return token, err //nolint:wrapcheck // the end of the part
	}
	var refused *record.FileError
	if errors.As(err, &refused) {
		return nil, refused
	}
	return nil, &record.FileError{Reason: fmt.Sprintf("the workbook is damaged in %s at byte %d: %v; have it saved and sent again", t.name, t.decoder.InputOffset(), err), Cause: err}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// starts calls each with all elements that start.
func starts(each func(xml.StartElement) error) func(*tokens) error {
	return func(t *tokens) error {
		for {
			token, err := t.next()
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return err
			}
			if e, ok := token.(xml.StartElement); ok {
				if err := each(e); err != nil {
					return err
				}
			}
		}
	}
}

var oldFormat = []byte{0xD0, 0xCF, 0x11, 0xE0}

func openBook(file record.File, size int64, limits unpack.Limits) (*book, error) {
	b := &book{file: file, size: size, limits: limits, targets: map[string]string{}}
	start := make([]byte, len(oldFormat))
	if _, err := file.ReadAt(start, 0); err == nil && bytes.Equal(start, oldFormat) {
		return nil, record.Refuse("the file is an old .xls, or a workbook with a password: save it as .xlsx without one")
	}
	err := b.part("xl/workbook.xml", starts(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			b.from1904 = attribute(e, "date1904") == "1" || attribute(e, "date1904") == "true"
		case "sheet":
			relation := ""
			for _, a := range e.Attr {
				if a.Name.Local == "id" {
					relation = a.Value
				}
			}
			b.sheets = append(b.sheets, named{attribute(e, "name"), relation})
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	kinds := map[string]string{}
	err = b.part("xl/_rels/workbook.xml.rels", starts(func(e xml.StartElement) error {
		if e.Name.Local == "Relationship" {
			target := attribute(e, "Target")
			if target = strings.TrimPrefix(target, "/xl/"); !strings.HasPrefix(target, "xl/") {
				target = path.Join("xl", target)
			}
			b.targets[attribute(e, "Id")] = target
			kinds[path.Base(attribute(e, "Type"))] = target
		}
		return nil
	}))
	if err != nil {
		return nil, err
	}
	if part := kinds["styles"]; part != "" {
		if err := b.part(part, b.readStyles); err != nil {
			return nil, err
		}
	}
	if part := kinds["sharedStrings"]; part != "" {
		if err := b.part(part, b.readTexts); err != nil {
			return nil, err
		}
	}
	return b, nil
}

// readTexts reads the texts that cells share. The readings of kanji (rPh) that stand beside them are left out.
func (b *book) readTexts(t *tokens) error {
	for {
		token, err := t.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == "si" {
			if b.text, err = t.text(b.text); err != nil {
				return err
			}
			if len(b.text) > mostText {
				return record.Refuse("the workbook has more than %d bytes of text: have it sent as CSV", mostText)
			}
			b.ends = append(b.ends, uint32(len(b.text)))
		}
	}
}

// text appends the text of the element that has just started, to its end.
func (t *tokens) text(dst []byte) ([]byte, error) {
	inText, reading := 0, 0
	for depth := 1; depth > 0; {
		token, err := t.next()
		if err != nil {
			return dst, err
		}
		switch e := token.(type) {
		case xml.StartElement:
			depth++
			switch e.Name.Local {
			case "t":
				inText++
			case "rPh":
				reading++
			}
		case xml.EndElement:
			depth--
			switch e.Name.Local {
			case "t":
				inText--
			case "rPh":
				reading--
			}
		case xml.CharData:
			if inText > 0 && reading == 0 {
				dst = append(dst, e...)
			}
		}
	}
	return dst, nil
}

// shared is a shared text.
func (b *book) shared(number string) ([]byte, bool) {
	n, err := strconv.Atoi(strings.TrimSpace(number))
	if err != nil || n < 0 || n >= len(b.ends) {
		return nil, false
	}
	start := uint32(0)
	if n > 0 {
		start = b.ends[n-1]
	}
	return b.text[start:b.ends[n]], true
}

// readStyles finds out which styles show a number as a date or time.
func (b *book) readStyles(t *tokens) error {
	custom := map[string]bool{}
	inCells := false
	return starts(func(e xml.StartElement) error {
		switch e.Name.Local {
		case "numFmt":
			custom[attribute(e, "numFmtId")] = showsDate(attribute(e, "formatCode"))
		case "cellStyleXfs", "cellStyles", "dxfs":
			inCells = false
		case "cellXfs":
			inCells = true
		case "xf":
			if inCells {
				id := attribute(e, "numFmtId")
				dated, known := custom[id]
				if !known {
					dated = builtInDate(id)
				}
				b.dates = append(b.dates, dated)
			}
		}
		return nil
	})(t)
}

// builtInDate knows the numbers of Excel's own formats, those of its Japanese edition included.
func builtInDate(id string) bool {
	n, err := strconv.Atoi(id)
	return err == nil && (n >= 14 && n <= 22 || n >= 27 && n <= 36 || n >= 45 && n <= 47 || n >= 50 && n <= 58)
}

// showsDate says whether a format such as [$-411]ggge"年"m"月"d"日" or yyyy/mm/dd has a part of a date or time.
func showsDate(code string) bool {
	for i := 0; i < len(code); i++ {
		switch c := code[i]; c {
		case '"':
			end := strings.IndexByte(code[i+1:], '"')
			if end < 0 {
				return false
			}
			i += end + 1
		case '\\', '_', '*':
			i++
		case '[':
			end := strings.IndexByte(code[i:], ']')
			if end < 0 {
				return false
			}
			if strings.Trim(code[i+1:i+end], "hmsHMS") == "" { // [h]:mm counts hours
				return true
			}
			i += end
		case 'G', 'g':
			if strings.HasPrefix(strings.ToLower(code[i:]), "general") {
				i += len("general") - 1
			} else if c == 'g' {
				return true
			}
		case 'y', 'Y', 'm', 'M', 'd', 'D', 'h', 'H', 's', 'S', 'e':
			return true
		}
	}
	return false
}

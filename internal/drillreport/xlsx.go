package drillreport

import (
	"bytes"
	"fmt"
	"time"

	"github.com/xuri/excelize/v2"
)

// sheetFont is one that has Japanese letters in every Excel.
const sheetFont = "游ゴシック"

// The forms of the workbook's cells, as Excel writes them.
const (
	dayFormat     = `yyyy"年"m"月"d"日" hh:mm:ss`
	spanFormat    = `[h]:mm:ss`
	sinceFormat   = `+0.0;-0.0;0.0` // minutes: Excel shows no negative times
	percentFormat = `0%`
)

// XLSX writes the figures of the report as a workbook. Times are Excel's own, in Japan's time, and spans are parts of a day, so
// both can be calculated with. What people wrote is text, never a formula.
func XLSX(r Report, n Names) ([]byte, error) {
	if err := r.Check(); err != nil {
		return nil, fmt.Errorf("workbook of %s: %w", r.WorkflowID, err)
	}
	b := &book{file: excelize.NewFile(), page: r.page(n)}
	defer func() { _ = b.file.Close() }() // it lies in memory; nothing is lost
	for _, sheet := range []struct {
		name   string
		widths []float64
		fill   func()
	}{
		{"概要", []float64{28, 48}, b.summary},
		{"手順", []float64{10, 24, 25, 25, 10, 10, 10, 10, 8, 10, 25, 8, 40}, b.steps},
		{"予算", []float64{40, 25, 25, 25, 10, 10, 10, 8, 25, 10}, b.budgets},
		{"待ち時間", []float64{26, 40, 18, 24, 24, 12}, b.waits},
		{"判断", []float64{24, 18, 22, 14, 48, 40, 12}, b.answers},
		{"比較", []float64{24, 40, 10, 30, 12, 12, 12, 12, 12, 34, 26}, b.comparison},
		{"手順の比較", []float64{26, 16, 16, 16, 16, 16, 16}, b.matrix},
	} {
		b.sheet, b.row = sheet.name, 0
		b.try(b.open(sheet.widths))
		sheet.fill()
	}
	b.try(b.file.DeleteSheet("Sheet1"))
	b.try(b.file.SetDocProps(&excelize.DocProperties{
		Title: b.page.Heading() + " " + clean(r.Title), Creator: clean(n.System), Language: "ja-JP",
		Created: r.EndedAt.UTC().Format(time.RFC3339), Modified: r.EndedAt.UTC().Format(time.RFC3339),
	}))
	if b.err != nil {
		return nil, fmt.Errorf("workbook of %s: %w", r.WorkflowID, b.err)
	}
	var out bytes.Buffer
	if err := b.file.Write(&out); err != nil {
		return nil, fmt.Errorf("workbook of %s: %w", r.WorkflowID, err)
	}
	return out.Bytes(), nil
}

// book is a workbook that is being written; after its first error nothing more is.
type book struct {
	file  *excelize.File
	page  page
	sheet string
	row   int // the last that was written
	err   error

	styles map[string]int
}

func (b *book) try(err error) {
	if b.err == nil {
		b.err = err
	}
}

// open begins a sheet that prints on A4, as wide as the paper.
func (b *book) open(widths []float64) error {
	if _, err := b.file.NewSheet(b.sheet); err != nil {
		return err
	}
	for i, width := range widths {
		column, err := excelize.ColumnNumberToName(i + 1)
		if err != nil {
			return err
		}
		if err := b.file.SetColWidth(b.sheet, column, column, width); err != nil {
			return err
		}
	}
	paper, landscape, wide, tall, fit := 9, "landscape", 1, 0, true
	if err := b.file.SetPageLayout(b.sheet, &excelize.PageLayoutOptions{Size: &paper, Orientation: &landscape, FitToWidth: &wide, FitToHeight: &tall}); err != nil {
		return err
	}
	return b.file.SetSheetProps(b.sheet, &excelize.SheetPropsOptions{FitToPage: &fit})
}

// head writes the row above a table, and keeps it in sight.
func (b *book) head(titles ...string) {
	cells := make([]any, len(titles))
	for i, t := range titles {
		cells[i] = heading(t)
	}
	b.line(cells...)
	if b.row == 1 {
		b.try(b.file.SetPanes(b.sheet, &excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"}))
	}
}

// heading is a cell that names others.
type heading string

// share is a part of a whole; since is a span that may be negative.
type (
	share float64
	since time.Duration
)

// line writes a row: a time as a time, a span as a span, nil as nothing, all else as text or number.
func (b *book) line(cells ...any) {
	b.row++
	for i, value := range cells {
		name, err := excelize.CoordinatesToCellName(i+1, b.row)
		b.try(err)
		if b.err != nil {
			return
		}
		b.try(b.cell(name, value))
	}
}

func (b *book) cell(name string, value any) error {
	form, write := "", value
	switch v := value.(type) {
	case nil:
		write = nil
	case *time.Time:
		if v == nil {
			return b.cell(name, nil)
		}
		return b.cell(name, *v)
	case *time.Duration:
		if v == nil {
			return b.cell(name, nil)
		}
		return b.cell(name, *v)
	case *int: // seconds
		if v == nil {
			return b.cell(name, nil)
		}
		return b.cell(name, time.Duration(*v)*time.Second)
	case time.Time:
		local := cut(v).In(jst)
		// Excel knows no zones: the clock on a wall in Japan is written as if it were the only one.
		form, write = dayFormat, time.Date(local.Year(), local.Month(), local.Day(), local.Hour(), local.Minute(), local.Second(), 0, time.UTC)
	case time.Duration:
		form, write = spanFormat, float64(seconds(v))/(24*60*60)
	case since:
		form, write = sinceFormat, time.Duration(v).Minutes()
	case share:
		form, write = percentFormat, float64(v)
	case heading:
		form, write = "heading", clean(string(v))
	case string:
		write = clean(v)
	}
	style, err := b.style(form)
	if err != nil {
		return err
	}
	if err := b.file.SetCellStyle(b.sheet, name, name, style); err != nil {
		return err
	}
	if text, is := write.(string); is {
		return b.file.SetCellStr(b.sheet, name, shorten(text, excelize.TotalCellChars))
	}
	if err := b.file.SetCellValue(b.sheet, name, write); err != nil {
		return err
	}
	return b.file.SetCellStyle(b.sheet, name, name, style) // a time brings a style of its own
}

// style makes each style once.
func (b *book) style(form string) (int, error) {
	if id, made := b.styles[form]; made {
		return id, nil
	}
	edge := func(side string) excelize.Border { return excelize.Border{Type: side, Color: "C9D1D9", Style: 1} }
	s := excelize.Style{
		Font:      &excelize.Font{Family: sheetFont, Size: 10},
		Alignment: &excelize.Alignment{Vertical: "top", WrapText: true},
		Border:    []excelize.Border{edge("left"), edge("right"), edge("top"), edge("bottom")},
	}
	switch form {
	case "":
	case "heading":
		s.Font.Bold = true
		s.Fill = excelize.Fill{Type: "pattern", Pattern: 1, Color: []string{"E4EAF0"}}
	default:
		s.CustomNumFmt = &form
	}
	id, err := b.file.NewStyle(&s)
	if err != nil {
		return 0, err
	}
	if b.styles == nil {
		b.styles = map[string]int{}
	}
	b.styles[form] = id
	return id, nil
}

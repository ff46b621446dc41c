package sheet

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tejun/internal/dataset"
	"tejun/internal/ingest/record"
)

// people declares a workbook with a header in Japanese.
func people() (*dataset.Dataset, []record.Wanted) {
	d := &dataset.Dataset{Columns: []dataset.Column{
		{Name: "id", Header: "番号", Type: dataset.Integer},
		{Name: "name", Header: "氏名", Type: dataset.Text},
		{Name: "born", Header: "生年月日", Type: dataset.Date, Layouts: []string{"wareki"}},
		{Name: "amount", Header: "金額", Type: dataset.Numeric},
	}}
	d.Format = dataset.Format{Kind: dataset.XLSX, Header: true}
	return d, wantedOf(d)
}

func wantedOf(d *dataset.Dataset) (list []record.Wanted) {
	for _, c := range d.Columns {
		list = append(list, record.Wanted{Number: c.Field, Name: c.Header})
	}
	return list
}

// workbook makes a file by an independent library.
func workbook(t testing.TB, fill func(f *excelize.File)) []byte {
	f := excelize.NewFile()
	fill(f)
	var b bytes.Buffer
	require.NoError(t, f.Write(&b))
	require.NoError(t, f.Close())
	return b.Bytes()
}

func set(t testing.TB, f *excelize.File, cells map[string]any) {
	for at, value := range cells {
		require.NoError(t, f.SetCellValue("Sheet1", at, value))
	}
}

func read(t testing.TB, content []byte, d *dataset.Dataset, wanted []record.Wanted) (rows []string, err error) {
	s, err := Open(bytes.NewReader(content), int64(len(content)), d, wanted)
	if err != nil {
		return nil, err
	}
	var b record.Batch
	for {
		b.Reset()
		if err := s.Next(&b); errors.Is(err, io.EOF) {
			return rows, s.Close()
		} else if err != nil {
			return rows, errors.Join(err, s.Close())
		}
		require.NotEmpty(t, b.Rows)
		for _, row := range b.Rows {
			texts := []string{fmt.Sprint(row.Line)}
			if row.Problem != "" {
				rows = append(rows, fmt.Sprintf("%d: column %d %s: %s", row.Line, row.Column, row.Problem, b.Data[row.Start:row.End]))
				continue
			}
			require.Len(t, wanted, int(row.Count))
			for _, f := range b.Fields[row.First : row.First+row.Count] {
				if f.Kind == record.Null {
					texts = append(texts, "∅")
				} else {
					texts = append(texts, string(b.Data[f.Start:f.End]))
				}
			}
			rows = append(rows, strings.Join(texts, "|"))
		}
	}
}

func TestAWorkbookWithTitlesAndDates(t *testing.T) {
	d, wanted := people()
	content := workbook(t, func(f *excelize.File) {
		set(t, f, map[string]any{
			"A1": "名簿（令和6年度）", "D2": "単位：円",
			"B3": "番号", "C3": " 氏名 ", "D3": "生年月日", "E3": "備考", "F3": "金額",
			"B4": 1, "C4": "山田", "D4": time.Date(2019, 5, 1, 0, 0, 0, 0, time.UTC), "F4": 0.1 + 0.2,
			"B6": 1010001005203, "C6": "0123", "D6": "昭和64年1月7日", "F6": 1234567.5,
			"B7": "x", "C7": true, "D7": 45285, "F7": -1e-7,
		})
	})
	rows, err := read(t, content, d, wanted)
	require.NoError(t, err)
	require.Equal(t, []string{
		"4|1|山田|令和元年5月1日|0.3",
		"6|1010001005203|0123|昭和64年1月7日|1234567.5",
		"7|x|true|45285|-0.0000001",
	}, rows, "a number that is not shown as a date stays a number")
}

func TestColumnsByNumberAndASheetByName(t *testing.T) {
	d := &dataset.Dataset{Columns: []dataset.Column{{Name: "at", Field: 3, Type: dataset.Timestamp}, {Name: "a", Field: 1, Type: dataset.Text}}}
	d.Format = dataset.Format{Kind: dataset.XLSX, Sheet: "一覧"}
	content := workbook(t, func(f *excelize.File) {
		_, err := f.NewSheet("一覧")
		require.NoError(t, err)
		require.NoError(t, f.SetCellValue("一覧", "C1", time.Date(2024, 2, 29, 23, 59, 58, 0, time.UTC)))
		require.NoError(t, f.SetCellValue("一覧", "A1", time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC)))
		require.NoError(t, f.SetCellValue("一覧", "A2", 12*time.Hour))
	})
	rows, err := read(t, content, d, wantedOf(d))
	require.NoError(t, err)
	require.Equal(t, []string{"1|2024-02-29T23:59:58+09:00|2024-02-29", "2|∅|12:00:00"}, rows)
	d.Format.Sheet = ""
	_, err = read(t, content, d, wantedOf(d))
	require.ErrorContains(t, err, "has 2 sheets: name one by the dataset's sheet; there are Sheet1, 一覧")
	d.Format.Sheet = "なし"
	_, err = read(t, content, d, wantedOf(d))
	require.ErrorContains(t, err, `no sheet "なし"; it has Sheet1, 一覧`)
}

func TestErrorsAndFormulas(t *testing.T) {
	d, wanted := people()
	sheet := `<row r="1"><c r="A1" t="inlineStr"><is><t>番号</t></is></c><c t="inlineStr"><is><r><t>氏</t></r><rPh sb="0" eb="1"><t>シメイ</t></rPh><r><t>名</t></r></is></c><c t="inlineStr"><is><t>生年月日</t></is></c><c t="inlineStr"><is><t>金額</t></is></c></row>
		<row r="2"><c r="A2"><f>1/0</f><v>1</v></c><c r="D2" t="e"><v>#DIV/0!</v></c></row>
		<row r="3"><c r="A3"><f>A1</f></c></row><row r="4"><c r="A4" t="s"><v>99</v></c></row>
		<row r="5"><c r="A5" t="str"><f>"a"</f><v>算</v></c><c r="C5" t="d"><v>2024-12-24T00:00:00</v></c></row>`
	rows, err := read(t, handmade(t, sheet, false), d, wanted)
	require.NoError(t, err)
	require.Equal(t, []string{
		"2: column 4 holds the error #DIV/0!: a formula has failed: 1\t\t\t#DIV/0!",
		"3: column 1 holds a formula whose value was not saved: open the file in Excel and save it: ",
		"4: column 1 names the shared text 99, which the workbook does not have: it is damaged: ",
		"5|算|∅|令和6年12月24日|∅",
	}, rows)
}

// handmade is a workbook of one sheet whose rows are given as XML.
func handmade(t testing.TB, rows string, from1904 bool) []byte {
	date1904 := ""
	if from1904 {
		date1904 = `<workbookPr date1904="1"/>`
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, part := range [][2]string{
		{"xl/workbook.xml", `<workbook xmlns:r="r">` + date1904 + `<sheets><sheet name="a" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		{"xl/_rels/workbook.xml.rels", `<Relationships><Relationship Id="rId1" Type="x/worksheet" Target="worksheets/sheet1.xml"/></Relationships>`},
		{"xl/worksheets/sheet1.xml", "<worksheet><sheetData>" + rows + "</sheetData></worksheet>"},
	} {
		f, err := w.Create(part[0])
		require.NoError(t, err)
		_, err = io.WriteString(f, part[1])
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

// A sheet that ends too early is an error, never fewer rows.
func TestDamagedWorkbooks(t *testing.T) {
	d, _ := people()
	d.Format.Header = false
	wanted := []record.Wanted{{Number: 1}, {Number: 2}, {Number: 3}, {Number: 4}}
	var long strings.Builder
	for i := range 1_000_000 {
		fmt.Fprintf(&long, "%d,", i)
	}
	for rows, want := range map[string]string{
		`<row r="1"><c r="A1"><v>1</v></c></row><row r="2"><c r="A2"><v>2</v>`: "is damaged in xl/worksheets/sheet1.xml",
		`<row r="2"></row><row r="1"></row>`:                                   `row "1" comes after row 2`,
		`<row r="1"><c r="B1"><v>1</v></c><c r="A1"/></row>`:                   `cell "A1" in row 1 comes after column 2`,
		`<row r="1"><c r="ZZZZ1"><v>1</v></c></row>`:                           `cell "ZZZZ1"`,
		`<row r="9999999"></row>`:                                              `row "9999999"`,
		`<row><c><v>&bomb;</v></c></row>`:                                      "is damaged",
		`<row><c t="str"><v>` + long.String() + `</v></c></row>`:               "is longer than any cell",
	} {
		_, err := read(t, handmade(t, rows, false), d, wanted)
		var refused *record.FileError
		require.ErrorAs(t, err, &refused, rows[:min(len(rows), 90)])
		require.ErrorContains(t, err, want)
	}
	for content, want := range map[string]string{
		"\xD0\xCF\x11\xE0 old": "old .xls",
		"plain text":           "no zip archive",
		"":                     "no zip archive",
	} {
		_, err := read(t, []byte(content), d, wanted)
		require.ErrorContains(t, err, want)
	}
	whole := handmade(t, `<row><c><v>1</v></c></row>`, false)
	for cut := range whole {
		_, err := read(t, whole[:cut], d, wanted)
		require.Error(t, err, "cut at %d", cut)
	}
}

func TestHeadersThatDoNotFit(t *testing.T) {
	d, wanted := people()
	_, err := read(t, workbook(t, func(f *excelize.File) { set(t, f, map[string]any{"A1": "番号", "B1": "名前"}) }), d, wanted)
	require.ErrorContains(t, err, "the first row has 番号, 名前; not found in the last one: 氏名, 生年月日, 金額")
	_, err = read(t, workbook(t, func(f *excelize.File) {
		set(t, f, map[string]any{"A1": "番号", "B1": "番号", "C1": "氏名", "D1": "生年月日", "E1": "金額"})
	}), d, wanted)
	require.ErrorContains(t, err, "names 番号 more than once")
	_, err = read(t, workbook(t, func(*excelize.File) {}), d, wanted)
	require.ErrorContains(t, err, "the sheet is empty")
}

func TestDaysOfExcel(t *testing.T) {
	for serial, want := range map[string]string{
		"1": "1900-01-01", "59": "1900-02-28", "60": "60", "61": "1900-03-01", "45650": "2024-12-24", "45650.5": "2024-12-24 12:00:00",
		"0.25": "06:00:00", "2958465": "9999-12-31", "2958466": "2958466", "-1": "-1", "x": "x", "45650.999999999": "2024-12-25",
	} {
		require.Equal(t, want, string((&book{}).date([]byte(serial), nil)), serial)
	}
	require.Equal(t, "2024-12-24", string((&book{from1904: true}).date([]byte("44188"), nil)))
}

func TestFormatsThatShowDates(t *testing.T) {
	for code, want := range map[string]bool{
		`yyyy/mm/dd`: true, `[$-411]ggge"年"m"月"d"日"`: true, `[h]:mm`: true, `General`: false, `#,##0.00`: false, `0.0%`: false,
		`"年"0`: false, `\y0`: false, `[Red]0`: false, `#,##0"円";[Red]-#,##0"円"`: false, `0.00E+00`: false, `mm:ss.0`: true, `@`: false, `"open`: false, `G/標準`: false, `[赤]e.m.d`: true,
	} {
		require.Equal(t, want, showsDate(code), code)
	}
}

func TestNumbersAreThoseThatPeopleWrote(t *testing.T) {
	for stored, want := range map[string]string{
		"1.1000000000000001": "1.1", "1.01E+12": "1010000000000", "1010001005203": "1010001005203", "0.30000000000000004": "0.3", "-5": "-5", " 7 ": "7",
		"1E-3": "0.001", "123456789012345678": "123456789012346000", "x": "x", "NaN": "NaN", "1e999": "1e999", "": "",
	} {
		require.Equal(t, want, string(number([]byte(stored))), stored)
	}
}

func FuzzSheet(f *testing.F) {
	f.Add(handmade(f, `<row r="1"><c r="A1" t="s"><v>0</v></c><c s="1"><v>45650</v></c></row>`, false), false)
	f.Add(workbook(f, func(w *excelize.File) { set(f, w, map[string]any{"A1": "a", "B2": 1.5, "C3": true}) }), false)
	f.Add([]byte(`<row r="1"><c r="A1" t="inlineStr"><is><t>x</t></is></c></row>`), true)
	f.Add([]byte(`<row><c t="e"><f>1</f></c></row><row`), true)
	f.Fuzz(func(t *testing.T, data []byte, rows bool) {
		d, _ := people()
		d.Format.Header = false
		if rows {
			data = handmade(t, string(data), true)
		}
		_, _ = read(t, data, d, []record.Wanted{{Number: 1}, {Number: 2}, {Number: 3}, {Number: 4}}) // it must end, without a panic
	})
}

package drillreport

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
)

func workbook(t *testing.T, r Report) *excelize.File {
	t.Helper()
	content, err := XLSX(r, names())
	require.NoError(t, err)
	f, err := excelize.OpenReader(bytes.NewReader(content))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	return f
}

// rowNamed finds a row of a sheet by one of its cells, as it is shown.
func rowNamed(t *testing.T, f *excelize.File, sheet, name string) []string {
	t.Helper()
	rows, err := f.GetRows(sheet)
	require.NoError(t, err)
	for _, row := range rows {
		for _, cell := range row {
			if cell == name {
				return row
			}
		}
	}
	require.Failf(t, "no such row", "%s of %s", name, sheet)
	return nil
}

func TestTheWorkbookHasTheFiguresOfTheReport(t *testing.T) {
	f := workbook(t, sample())
	require.Equal(t, []string{"概要", "手順", "予算", "待ち時間", "判断", "比較", "手順の比較"}, f.GetSheetList())
	for name, want := range map[string]string{
		"区分": "訓練", "宣言": "2027年1月18日 10:08:40", "RTO実績": "1:03:29", "RPO実績": "6:53:40", "RPO目標": "25:00:00", "全体の所要時間": "1:58:03", "宣言者": "伊藤 美咲", "証跡の件数": "143",
	} {
		require.Equal(t, want, rowNamed(t, f, "概要", name)[1], name)
	}
	require.Equal(t, []string{"復旧", "動作確認", "2027年1月18日 11:00:04", "2027年1月18日 11:07:20", "0:02:24", "0:04:52", "0:07:16", "0:05:00", "145%", "+5.3", "2026年1月20日", "2027年1月18日 11:04:04", "完了",
		"初回は /api/health が 503。起動直後のため再試行で回復した。"}, rowNamed(t, f, "手順", "動作確認"))
	require.Equal(t, []string{"", "合計", "2027年1月18日 10:00:00", "2027年1月18日 11:58:03", "1:17:00", "0:41:03", "1:58:03"}, rowNamed(t, f, "手順", "合計"))
	require.Equal(t, "-1.4", rowNamed(t, f, "手順", "宣言")[9], "faster than the last time")
	require.Equal(t, "0:27:34", rowNamed(t, f, "待ち時間", "切り戻しの判断待ち")[5])
	require.Equal(t, "起案者は承認できません", rowNamed(t, f, "判断", "訓練開始")[5])
	require.Equal(t, "2:08:30", rowNamed(t, f, "比較", "令和6年度 大規模災害対応訓練")[4])
	require.Equal(t, []string{"データベースの起動", "0:34:38", "0:25:00", "0:47:30"}, rowNamed(t, f, "手順の比較", "データベースの起動"))

	raw, err := f.GetCellValue("概要", cellOf(t, f, "概要", "RTO実績"), excelize.Options{RawCellValue: true})
	require.NoError(t, err)
	require.Regexp(t, `^0\.0440856`, raw, "a span is a number of days, to calculate with")
}

// cellOf is the cell right of the one that says name.
func cellOf(t *testing.T, f *excelize.File, sheet, name string) string {
	t.Helper()
	found, err := f.SearchSheet(sheet, name)
	require.NoError(t, err)
	require.Len(t, found, 1)
	return strings.Replace(found[0], "A", "B", 1)
}

func TestWhatPeopleWroteIsNoFormula(t *testing.T) {
	const formula = "=HYPERLINK(\"http://evil.example/\",\"押す\")"
	r := sample()
	r.Title, r.Ticket, r.Note, r.Steps[0].Comment = formula, "+1+1", "a\x01\x00b\n"+strings.Repeat("長", 40000), "@SUM(1)"
	f := workbook(t, r)
	for _, sheet := range f.GetSheetList() {
		rows, err := f.GetRows(sheet)
		require.NoError(t, err)
		for y, row := range rows {
			for x := range row {
				name, err := excelize.CoordinatesToCellName(x+1, y+1)
				require.NoError(t, err)
				got, err := f.GetCellFormula(sheet, name)
				require.NoError(t, err)
				require.Empty(t, got)
			}
		}
	}
	require.Equal(t, formula, rowNamed(t, f, "概要", "件名")[1])
	require.Equal(t, excelize.TotalCellChars, len([]rune(rowNamed(t, f, "概要", "備考")[1])))
}

func TestAWorkbookOfARunWithoutAnythingIsWritten(t *testing.T) {
	r := sample()
	r.Declared, r.RestoredAt, r.DataAt, r.Steps, r.Decisions, r.Earlier = nil, nil, nil, nil, nil, nil
	f := workbook(t, r)
	require.Equal(t, []string{"RTO実績"}, rowNamed(t, f, "概要", "RTO実績"))
	require.Equal(t, "1:58:03", rowNamed(t, f, "手順", "合計")[6])
}

func TestTimesAreThoseOfJapan(t *testing.T) {
	r := sample()
	r.StartedAt = time.Date(2027, 1, 17, 16, 0, 0, 0, time.UTC)
	require.Equal(t, "2027年1月18日 01:00:00", rowNamed(t, workbook(t, r), "概要", "開始")[1])
	contains(t, written(t, r), "2027年1月18日 01:00:00")
}

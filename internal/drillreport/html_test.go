package drillreport

import (
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

func written(t *testing.T, r Report) string {
	t.Helper()
	page, err := HTML(r, names())
	require.NoError(t, err)
	return string(page)
}

func contains(t *testing.T, page string, all ...string) {
	t.Helper()
	for _, want := range all {
		require.Contains(t, page, want)
	}
}

func TestTheReportSaysHowTheDrillWent(t *testing.T) {
	page := written(t, sample())
	contains(t, page, "大規模災害時対応　訓練報告書", "令和8年度 大規模災害対応訓練", "GZSインフラ（見本）", "1時間3分29秒", "機械 58分37秒（92％）", "人の判断・応答 4分52秒（8％）", "余裕 56分31秒",
		"6時間53分40秒", "余裕 18時間6分20秒", "伊藤 美咲", "2027年1月18日 10:08:40", "東京リージョン → 大阪リージョン", "145％", "目標時間の超過", "＋9分38秒", "目標時間 5分 に対し 7分16秒 を要しました（うち人の判断・応答 4分52秒）",
		"省略しました。理由：参加者の時間の都合により", "未実施", "起案者は承認できません", "無効とした回答 1 件", "5f2b0c7e9d1a44c3", "starter evidence verify dr-drill-2027-01-18",
		`href="https://temporal.example.jp/namespaces/default/workflows/dr-drill-2027"`, "令和6年度 大規模災害対応訓練", "2時間8分30秒", "47分30秒", "手順間")
	require.Less(t, strings.Index(page, "起案者は承認できません"), strings.Index(page, "計画どおり宣言する"), "in the order of time")
	require.NotContains(t, page, "<no value>")
	require.NotContains(t, page, "ZgotmplZ", "html/template takes nothing for dangerous")
}

func TestARealDisasterIsNotCalledADrill(t *testing.T) {
	r := sample()
	r.Mode, r.DisasterAt, r.Outcome, r.ReturnedAt = records.ModeReal, ptr(at(9, 50, 0)), records.DisasterStays, nil
	page := written(t, r)
	contains(t, page, "実施報告書", "実災害", "1時間22分9秒", "災害対策系で継続中")
	require.NotContains(t, page, "訓練報告書")
}

func TestARunThatWasNeverDeclaredHasAReportToo(t *testing.T) {
	r := sample()
	r.Declared, r.RestoredAt, r.ReturnedAt, r.DataAt, r.Outcome, r.Earlier, r.Decisions = nil, nil, nil, nil, records.DisasterDeclined, nil, nil
	r.Steps[0].Human[0].Who, r.Budgets = "", nil
	for i := range r.Steps[1:] {
		r.Steps[i+1] = Step{Name: r.Steps[i+1].Name, Part: r.Steps[i+1].Part, Outcome: StepNotReached}
	}
	page := written(t, r)
	contains(t, page, "宣言がありませんでした", "未実施（宣言なし）", "未計測", "記録がありません", "判断の記録はありません")
	require.NotContains(t, page, "2.2 切り戻し")

	r.Steps = nil
	contains(t, written(t, r), "復旧の手順は開始されませんでした", "手順の省略・失敗はありませんでした")
}

func TestADrillOverMidnightSaysWhichDay(t *testing.T) {
	r := sample()
	late := func(t *time.Time) {
		if t != nil {
			*t = t.Add(13 * time.Hour)
		}
	}
	for _, at := range []*time.Time{&r.StartedAt, &r.Declared.At, r.RestoredAt, r.ReturnedAt, &r.EndedAt} {
		late(at)
	}
	for i := range r.Budgets {
		r.Budgets[i].Begin = r.Budgets[i].Begin.Add(13 * time.Hour)
		late(r.Budgets[i].End)
		late(r.Budgets[i].AtRisk)
	}
	for i := range r.Steps {
		late(r.Steps[i].Begin)
		late(r.Steps[i].End)
		late(r.Steps[i].AtRisk)
		for j := range r.Steps[i].Human {
			late(&r.Steps[i].Human[j].From)
			late(r.Steps[i].Human[j].To)
		}
	}
	page := written(t, r)
	contains(t, page, "1時間3分29秒", "34分38秒", `<td class="number">23:09:12</td><td class="number">23:43:50</td>`, "1月19日 00:00:04", "2027年1月19日 00:12:09", ">1月18日<", ">1月19日<")
}

func TestWhatPeopleWroteStaysText(t *testing.T) {
	const hostile = "<script>alert(1)</script>\"'>\x00\x1b[31m\u202e{{.}}`\n</svg>&amp;"
	r := sample()
	r.Title, r.Reason, r.Ticket, r.Note, r.Data, r.Via, r.Primary, r.WorkflowID, r.RunID, r.Redirected = hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile
	r.Steps[0].Title, r.Steps[0].Comment, r.Steps[0].Human[0].Why, r.Steps[0].Name, r.Steps[0].Outcome = hostile, hostile, hostile, hostile, StepSkipped
	r.Decisions[0] = Decision{At: at(10, 0, 0), Who: hostile, What: hostile, Answer: hostile, Comment: hostile, Refused: hostile}
	r.Earlier[0].Title, r.Evidence.Hash = hostile, hostile
	n := names()
	n.URL, n.System, n.Person = "javascript:alert(1)", hostile, func(string) string { return hostile }
	page, err := HTML(r, n)
	require.NoError(t, err)
	text := string(page)
	require.NotContains(t, text, "<script")
	require.NotContains(t, text, "href=\"javascript")
	require.NotContains(t, text, "\x00")
	require.NotContains(t, text, "\u202e")
	contains(t, text, "&lt;script&gt;alert(1)&lt;/script&gt;")
	require.Equal(t, strings.Count(written(t, sample()), "<svg"), strings.Count(text, "<svg"))
	require.Equal(t, strings.Count(text, "<svg"), strings.Count(text, "</svg>"))
}

// TestThePageIsWellFormed reads the page's body as XML, whose tags must all be closed.
func TestThePageIsWellFormed(t *testing.T) {
	page := written(t, sample())
	body := page[strings.Index(page, "<body>"):strings.Index(page, "</html>")]
	d := xml.NewDecoder(strings.NewReader(body))
	d.Entity = xml.HTMLEntity
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Regexp(t, `default-src 'none'`, page, "nothing is loaded and nothing runs")
}

func TestSpansAreWrittenInJapanese(t *testing.T) {
	for want, d := range map[string]time.Duration{"0秒": 0, "45秒": 45 * time.Second, "1分30秒": 90 * time.Second, "2時間": 2 * time.Hour, "1時間5分9秒": 65*time.Minute + 9*time.Second, "−3分": -3 * time.Minute} {
		require.Equal(t, want, InWords(d))
	}
	require.Equal(t, "＋3分", difference(3*time.Minute))
	require.Equal(t, "±0", difference(0))
	require.Equal(t, "―", spanOf(nil))
}

func TestStepsAreCalledInJapanese(t *testing.T) {
	require.Equal(t, "データベースの起動", Step{Name: "x", Title: "データベースの起動 · Bring the database up"}.title())
	require.Equal(t, "データベースの起動", Step{Name: "database"}.title())
	require.Equal(t, "書込み停止の判断", Step{Name: "doubt-2"}.title())
	require.Equal(t, "something-new", Step{Name: "something-new"}.title())
}

package incidentreport

import (
	"archive/zip"
	"bytes"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sla"
)

// keep writes the example to a file, so that somebody can look at it.
var keep = flag.String("keep", "", "file to write the example to")

func example() Report {
	at := func(minutes int) time.Time {
		return time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC).Add(time.Duration(minutes) * time.Minute)
	}
	pointer := func(minutes int) *time.Time { t := at(minutes); return &t }
	pauses := []sla.Pause{{From: at(50), Until: pointer(70), Why: "利用者への確認"}}
	return Report{
		System: "GZSインフラ（見本）", Severity: "重大", Now: at(300), Person: func(id string) string {
			return map[string]string{"tanaka": "田中", "kato": "加藤", "sato": "佐藤", "takahashi": "高橋"}[id]
		},
		Incident: records.Incident{
			ID: "INC-20270118-0a1b2c3d4e5f", WorkflowID: "incident-7f3a", Title: "APIの応答遅延", Symptom: "検索画面が表示されない。\n5xxが増加", Source: "monitoring",
			Services: []string{"api", "web"}, Impact: "high", Urgency: "high", Severity: "critical", SetBy: "sato", Requester: "takahashi", Operator: "tanaka",
			DetectedAt: at(0), OpenedAt: at(1), AcknowledgedAt: pointer(12), AcknowledgedBy: "tanaka", ReportedAt: pointer(25), RecoveredAt: pointer(200), ClosedAt: pointer(290), ClosedBy: []string{"sato"},
			Clocks: []records.IncidentClock{
				{Clock: sla.Clock{Name: "acknowledge", Kind: sla.Always, Limit: 15 * time.Minute, Pauses: nil}, Reading: sla.Reading{Due: at(16), Elapsed: 11 * time.Minute, Done: true}},
				{Clock: sla.Clock{Name: "recovery", Kind: sla.Business, Limit: 2 * time.Hour, Pauses: pauses}, Reading: sla.Reading{Due: at(140), Elapsed: 3 * time.Hour, Done: true, Breached: true}},
			},
			Alarms:      []records.IncidentAlarm{{Alarm: "gzs-api-5xx", State: "OK", Count: 14, First: at(0), Last: at(180)}},
			Escalations: []records.Escalation{{At: at(16), To: "operators", Why: "対応開始の期限超過"}, {At: at(26), To: "person:takahashi", Why: "対応開始の期限超過"}},
			Facts:       []records.Fact{{Source: "ecs:gzs-infra/gzs-api", What: "1 of 2 tasks run, 1 are starting (gzs-api:7)", At: at(2), Bad: true}, {Source: "logs:/ecs/gzs-api", What: "ERROR 接続プールが枯渇 <pool=20> | wait", At: at(1), Bad: true}},
			Notes:       []records.IncidentNote{{At: at(40), By: "kato", Kind: "workaround", Text: "APIのタスク数を4に増やした"}, {At: at(170), By: "tanaka", Kind: "recovery", Text: "エラーが止まった"}},
			Fixes: []records.IncidentFix{
				{Runbook: "Release", Run: "incident-7f3a-fix-1", By: "tanaka", Why: "接続の解放漏れを直す版", StartedAt: at(80), EndedAt: pointer(120), Outcome: "the watch was not passed; it was rolled back"},
				{Runbook: "SettingChange", Run: "incident-7f3a-fix-2", By: "tanaka", Why: "接続上限の引き上げ", StartedAt: at(130), EndedAt: pointer(160), Outcome: "succeeded"},
			},
		},
		Problem: records.Problem{
			ID: "PRB-20270118-0a1b2c3d4e5f", RootCause: "バッチの並列度を上げた際に、接続プールの上限を見直していなかったため。",
			Actions: []records.ProblemAction{{What: "接続数の監視を追加する", Owner: "tanaka", Due: "2027-02-26"}, {What: "変更手順の点検項目に接続上限を加える", Owner: "takahashi", Due: "2027-03-12"}},
		},
	}
}

// partOf reads a file out of a document.
func partOf(t *testing.T, document []byte, name string) string {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(document), int64(len(document)))
	require.NoError(t, err)
	file, err := archive.Open(name)
	require.NoError(t, err)
	content, err := io.ReadAll(file)
	require.NoError(t, err)
	return string(content)
}

func TestTheReportSaysWhatHappened(t *testing.T) {
	out, err := Write(example())
	require.NoError(t, err)
	if *keep != "" {
		require.NoError(t, os.WriteFile(*keep, out, 0o600))
	}
	body := partOf(t, out, "word/document.xml")
	for _, want := range []string{
		"障害報告書", "INC-20270118-0a1b2c3d4e5f", "APIの応答遅延", "検索画面が表示されない。 ／ 5xxが増加", "システム監視", "重大（影響度：高、緊急度：高、佐藤による変更）",
		"2027年1月18日 10:00", "2時間", "3時間", "超過", "達成", "利用者への確認", "ERROR 接続プールが枯渇 &lt;pool=20&gt; ｜ wait", "APIのタスク数を4に増やした", "成功",
		"バッチの並列度を上げた際に", "接続数の監視を追加する", "高橋", "2027-03-12", "starter evidence verify incident-7f3a", "対応開始：田中", "（承認：佐藤）", "エスカレーション：高橋（対応開始の期限超過）",
	} {
		require.Contains(t, body, want)
	}
	require.Less(t, strings.Index(body, "エスカレーション：通知先 operators（対応開始の期限超過）"), strings.Index(body, "復旧の報告：エラーが止まった"), "in the order of time")
	require.Contains(t, partOf(t, out, "docProps/core.xml"), "<dc:creator>GZSインフラ（見本）</dc:creator>")
}

// What people write is text, and lays nothing out.
func TestTextThatLooksLikeLayoutStaysText(t *testing.T) {
	count := func(r Report) (tables, headings int) {
		out, err := Write(r)
		require.NoError(t, err)
		body := partOf(t, out, "word/document.xml")
		return strings.Count(body, "<w:tbl>"), strings.Count(body, "Heading1")
	}
	tables, headings := count(example())
	require.Positive(t, tables)
	require.Positive(t, headings)
	for _, text := range []string{"# a", "## a", ">a", "|a|b", "a\n|!b|c\n## d"} {
		r := example()
		r.Problem.RootCause, r.Incident.Symptom, r.Incident.Notes[0].Text = text, text, text
		r.Incident.Clocks[1].Pauses[0].Why = text
		gotTables, gotHeadings := count(r)
		require.Equal(t, []int{tables, headings}, []int{gotTables, gotHeadings}, text)
	}
}

func TestAReportOfAnIncidentWithoutAnythingIsWritten(t *testing.T) {
	r := example()
	r.Incident.Facts, r.Incident.Alarms, r.Incident.Notes, r.Incident.Fixes, r.Incident.Services = nil, nil, nil, nil, nil
	r.Incident.RecoveredAt = nil
	out, err := Write(r)
	require.NoError(t, err)
	body := partOf(t, out, "word/document.xml")
	for _, want := range []string{"記録された事実はありません。", "関連するアラームはありません。", "暫定対応は行っていません。", "設定変更・リリースによる対応は行っていません。", "―"} {
		require.Contains(t, body, want)
	}
}

// Each diagnosis shows its first facts, however many the one before has found.
func TestAReportShowsEveryDiagnosis(t *testing.T) {
	r := example()
	for i := range mostFacts {
		r.Incident.Facts = append(r.Incident.Facts, records.Fact{Source: "ecs", What: fmt.Sprintf("first-%d.", i), At: r.Incident.OpenedAt})
	}
	r.Incident.Facts = append(r.Incident.Facts, records.Fact{Source: records.DiagnosisSource, What: "diagnosed again", At: r.Incident.OpenedAt}, records.Fact{Source: "ecs", What: "second-0.", At: r.Incident.OpenedAt})
	out, err := Write(r)
	require.NoError(t, err)
	body := partOf(t, out, "word/document.xml")
	for _, want := range []string{"first-0.", fmt.Sprintf("first-%d.", mostFacts-3), "diagnosed again", "second-0."} {
		require.Contains(t, body, want)
	}
	require.NotContains(t, body, fmt.Sprintf("first-%d.", mostFacts-2), "two more were there before")
}

func TestSpansAreWrittenInJapanese(t *testing.T) {
	for want, d := range map[string]time.Duration{"0秒": 0, "45秒": 45 * time.Second, "1分30秒": 90 * time.Second, "2時間": 2 * time.Hour, "1時間5分": 65*time.Minute + 9*time.Second, "-3分": -3 * time.Minute} {
		require.Equal(t, want, span(d))
	}
}

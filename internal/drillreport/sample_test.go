package drillreport

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

// at is a time of the drill of 18 January 2027, which begins at 10:00 in Japan.
func at(h, m, s int) time.Time { return time.Date(2027, 1, 18, h, m, s, 345_000_000, jst) }

func ptr[T any](v T) *T { return &v }

func names() Names {
	people := map[string]string{"ito": "伊藤　美咲", "sato": "佐藤　健", "tanaka": "田中　涼", "takahashi": "高橋　直子"}
	return Names{System: "GZSインフラ（見本）", Owner: "経済産業省", URL: "https://temporal.example.jp/namespaces/default/workflows/dr-drill-2027", Person: func(id string) string {
		if name, known := people[id]; known {
			return name
		}
		return id
	}}
}

// step is one that was done.
func step(name, part string, begin, end time.Time, budget time.Duration, human ...Span) Step {
	return Step{Name: name, Part: part, Begin: &begin, End: &end, Budget: budget, Human: human, Outcome: StepDone}
}

func wait(from, to time.Time, who, why string) Span {
	return Span{From: from, To: &to, Who: who, Why: why}
}

// sample is a drill as it should be, with a step that took too long and one that was warned of.
func sample() Report {
	database := step("database", PartRecovery, at(10, 9, 12), at(10, 43, 50), 40*time.Minute)
	database.AtRisk = ptr(at(10, 41, 12))
	smoke := step("smoke", PartRecovery, at(11, 0, 4), at(11, 7, 20), 5*time.Minute, wait(at(11, 1, 10), at(11, 6, 2), "tanaka", "動作確認の失敗：再試行の回答待ち"))
	smoke.AtRisk, smoke.Comment = ptr(at(11, 4, 4)), "初回は /api/health が 503。起動直後のため再試行で回復した。"
	watch := step("watch", PartRecovery, at(11, 12, 9), at(11, 14, 30), 0)
	watch.Outcome, watch.Comment = StepSkipped, "参加者の時間の都合により、経過監視を2分で打ち切った。"
	return Report{
		WorkflowID: "dr-drill-2027-01-18", RunID: "0198c1e2-7d4a-7c31-9a52-5b1f0e6c2d11", System: "gzs-infra", Title: "令和8年度 大規模災害対応訓練", Reason: "年次訓練計画に基づく", Ticket: "DR-2027-001",
		Mode: records.ModeDrill, Manner: records.MannerUngraceful, Via: "snapshot", Primary: "ap-northeast-1", DR: "ap-northeast-3", Redirected: "drill.gzs.example.go.jp",
		Requester: "takahashi", Operator: "tanaka", StartedAt: at(10, 0, 0), Declared: &Declared{By: []string{"ito"}, At: at(10, 8, 40)},
		DataAt: ptr(at(3, 15, 0)), Data: "rds:gzs-infra-db-2027-01-18-03-15（大阪への複製）", RestoredAt: ptr(at(11, 12, 9)), ReturnedAt: ptr(at(11, 47, 31)), EndedAt: at(11, 58, 3),
		RTOTarget: 2 * time.Hour, RPOTarget: 25 * time.Hour, Outcome: records.DisasterReturned,
		Budgets: []Budget{
			{Name: "outside", Of: 10 * time.Minute, Begin: at(11, 8, 2), End: ptr(at(11, 12, 9))},
			{Name: "return", Of: 15 * time.Minute, Begin: at(11, 42, 6), End: ptr(at(11, 57, 40)), AtRisk: ptr(at(11, 54, 6))},
		},
		Steps: []Step{
			step("declare", PartRecovery, at(10, 0, 2), at(10, 8, 40), 15*time.Minute, wait(at(10, 0, 3), at(10, 8, 40), "ito", "宣言の承認待ち")),
			step("data", PartRecovery, at(10, 8, 41), at(10, 9, 10), 0),
			{Name: "fence", Part: PartRecovery, Outcome: StepNotReached, Comment: "訓練では本番系に触れないため、実施しない。"},
			database,
			step("pipeline", PartRecovery, at(10, 43, 51), at(10, 55, 33), 20*time.Minute),
			step("scale", PartRecovery, at(10, 55, 34), at(11, 0, 3), 10*time.Minute),
			smoke,
			step("redirect", PartRecovery, at(11, 7, 21), at(11, 7, 24), 10*time.Minute),
			step("insync", PartRecovery, at(11, 7, 25), at(11, 8, 2), 0),
			step("ttl", PartRecovery, at(11, 8, 2), at(11, 9, 2), 0),
			step("outside", PartRecovery, at(11, 9, 3), at(11, 12, 9), 10*time.Minute),
			watch,
			step("return", PartReturn, at(11, 14, 31), at(11, 42, 5), time.Hour, wait(at(11, 14, 31), at(11, 42, 5), "ito", "切り戻しの判断待ち")),
			step("redirect-back", PartReturn, at(11, 42, 6), at(11, 42, 9), 10*time.Minute),
			step("insync-back", PartReturn, at(11, 42, 9), at(11, 42, 48), 0),
			step("ttl-back", PartReturn, at(11, 42, 48), at(11, 43, 48), 0),
			step("outside-back", PartReturn, at(11, 43, 49), at(11, 47, 31), 10*time.Minute),
			step("scale-down", PartReturn, at(11, 47, 32), at(11, 50, 2), 10*time.Minute),
			step("cleanup", PartReturn, at(11, 50, 3), at(11, 57, 40), 0),
		},
		Decisions: []Decision{
			{At: at(11, 42, 5), Who: "ito", What: "return", Answer: "approve", Comment: "全参加者の確認が終わったため"},
			{At: at(10, 3, 12), Who: "takahashi", What: "declare", Answer: "approve", Comment: "訓練開始", Refused: "起案者は承認できません"},
			{At: at(10, 8, 40), Who: "ito", What: "declare", Answer: "approve", Comment: "計画どおり宣言する"},
			{At: at(11, 6, 2), Who: "tanaka", What: "smoke", Answer: "retry", Comment: "起動直後の503と判断"},
		},
		Earlier:  []records.Disaster{earlier("2026-01-20", "令和7年度 大規模災害対応訓練", 2940, 1380, 1), earlier("2025-01-21", "令和6年度 大規模災害対応訓練", 7710, 3300, 1.9)},
		Evidence: Evidence{Rows: 143, Hash: "5f2b0c7e9d1a44c3b7e8f6a01c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f70819203"},
	}
}

// earlier is a drill of another year whose steps took so many times longer.
func earlier(day, title string, rto, human int, slower float64) records.Disaster {
	began, err := time.ParseInLocation("2006-01-02 15:04", day+" 10:00", jst)
	if err != nil {
		panic(err)
	}
	d := records.Disaster{
		Operation: "op" + day, WorkflowID: "dr-" + day, System: "gzs-infra", Mode: records.ModeDrill, Manner: records.MannerUngraceful, Title: title, StartedAt: began,
		DeclaredAt: &began, RTOTarget: 7200, RPOTarget: 90000, RTO: &rto, RTOHuman: &human, RPO: ptr(25000), Outcome: records.DisasterReturned, EndedAt: ptr(began.Add(2 * time.Hour)),
	}
	for name, took := range map[string]int{"declare": 600, "data": 30, "database": 1500, "pipeline": 660, "scale": 300, "smoke": 120, "redirect": 4, "insync": 40, "ttl": 60, "outside": 200, "return": 900} {
		s := records.DisasterStep{Name: name, Part: PartRecovery, Outcome: StepDone, Machine: int(float64(took) * slower)}
		if name == "declare" || name == "return" {
			s.Machine, s.Human = 1, s.Machine-1
		}
		d.Steps = append(d.Steps, s)
	}
	return d
}

// night is a real disaster in the evening, whose return was decided the next morning, after a doubt that was answered.
func night() Report {
	fence := step("fence", PartRecovery, at(20, 14, 5), at(20, 26, 0), 0)
	fence.Comment = "東京リージョンのAPIが応答せず、停止を確認できない。"
	smoke := step("smoke", PartRecovery, at(21, 22, 3), at(21, 23, 1), 5*time.Minute)
	r := sample()
	r.WorkflowID, r.Title, r.Reason, r.Ticket, r.Mode, r.Redirected = "dr-real-2027-01-18", "東京リージョン障害に伴う切替", "東京リージョンの広域障害", "INC-20270118-0a1b2c3d4e5f", records.ModeReal, "www.gzs.example.go.jp"
	r.StartedAt, r.DisasterAt, r.Declared, r.RestoredAt, r.ReturnedAt, r.EndedAt = at(20, 2, 0), ptr(at(19, 41, 0)), &Declared{By: []string{"sato"}, At: at(20, 14, 4)}, ptr(at(22, 31, 40)), ptr(at(33, 12, 50)), at(33, 20, 1)
	r.Earlier = append(r.Earlier, earlier("2024-01-23", "令和5年度 大規模災害対応訓練", 9000, 1000, 2.2), earlier("2023-01-24", "令和4年度 大規模災害対応訓練（夜間、職員招集を含む）", 36123, 30000, 9), earlier("2022-01-25", "令和3年度", 7200, 0, 1.5))
	r.Note = "東京リージョンの復旧後、更新データを人手で反映した。"
	r.Budgets = []Budget{{Name: "fence", Of: 10 * time.Minute, Begin: at(20, 14, 5), End: ptr(at(20, 58, 11)), AtRisk: ptr(at(20, 22, 5))}}
	r.Steps = []Step{
		step("declare", PartRecovery, at(20, 2, 2), at(20, 14, 4), 15*time.Minute, wait(at(20, 2, 3), at(20, 14, 4), "sato", "宣言の承認待ち")),
		fence,
		step("doubt-1", PartRecovery, at(20, 26, 0), at(20, 58, 11), 0, wait(at(20, 26, 0), at(20, 58, 11), "ito", "書込み停止の確認（判断待ち）")),
		step("database", PartRecovery, at(20, 58, 12), at(21, 2, 50), 40*time.Minute),
		step("pipeline", PartRecovery, at(21, 2, 51), at(21, 15, 33), 20*time.Minute),
		step("scale", PartRecovery, at(21, 15, 34), at(21, 22, 2), 10*time.Minute),
		smoke,
		step("redirect", PartRecovery, at(21, 23, 2), at(21, 23, 5), 10*time.Minute),
		step("ttl", PartRecovery, at(21, 23, 45), at(22, 23, 45), 0),
		step("outside", PartRecovery, at(22, 23, 46), at(22, 31, 40), 10*time.Minute),
		step("watch", PartRecovery, at(22, 31, 41), at(22, 41, 41), 0),
		step("return", PartReturn, at(22, 41, 42), at(32, 58, 0), 0, wait(at(22, 41, 42), at(32, 58, 0), "ito", "切り戻しの判断待ち")),
		step("redirect-back", PartReturn, at(32, 58, 1), at(32, 58, 9), 10*time.Minute),
		step("ttl-back", PartReturn, at(32, 58, 48), at(33, 3, 48), 0),
		step("outside-back", PartReturn, at(33, 3, 49), at(33, 12, 50), 10*time.Minute),
		step("scale-down", PartReturn, at(33, 12, 51), at(33, 15, 2), 10*time.Minute),
		step("unfence", PartReturn, at(33, 15, 3), at(33, 19, 40), 0),
	}
	r.Decisions = []Decision{
		{At: at(20, 14, 4), Who: "sato", What: "declare", Answer: "approve", Comment: "第一宣言者が10分以内に応答しないため"},
		{At: at(20, 58, 11), Who: "ito", What: "doubt-1", Answer: "resume", Comment: "東京リージョンの停止を電話で確認。書込みは行われていない。"},
		{At: at(32, 58, 0), Who: "ito", What: "return", Answer: "approve", Comment: "東京リージョンの復旧と、データの反映を確認"},
	}
	return r
}

// today is the sample with the steps that a drill has today, for the picture in the documentation.
func today() Report {
	gone := []string{"data", "fence", "insync"}
	r := sample()
	r.Steps = slices.DeleteFunc(r.Steps, func(s Step) bool { return slices.Contains(gone, s.Name) })
	i := slices.IndexFunc(r.Steps, func(s Step) bool { return s.Name == "redirect" })
	r.Steps[i].End = ptr(at(11, 8, 2)) // INSYNC
	for i := range r.Earlier {
		r.Earlier[i].Steps = slices.DeleteFunc(r.Earlier[i].Steps, func(s records.DisasterStep) bool { return slices.Contains(gone, s.Name) })
	}
	r.Data = "スナップショット tejun-backup-20270118-0315（ap-northeast-3、2027年1月18日 03:15:00 時点）"
	return r
}

// TestTheSamplesAreWritten leaves the samples where DRILLREPORT_SAMPLES says, so that somebody can look at them:
//
//	DRILLREPORT_SAMPLES=/tmp/samples go test ./internal/drillreport -run Samples
func TestTheSamplesAreWritten(t *testing.T) {
	dir := os.Getenv("DRILLREPORT_SAMPLES")
	if dir == "" {
		dir = t.TempDir()
	}
	for name, r := range map[string]Report{"drill": today(), "real": night()} {
		page, err := HTML(r, names())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".html"), page, 0o600))
		sheets, err := XLSX(r, names())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(dir, name+".xlsx"), sheets, 0o600))
	}
}

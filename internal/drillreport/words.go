package drillreport

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"tejun/internal/records"
)

// What the fields' values are called in Japanese. A value that is not known is shown as it is.
var (
	modeWords    = map[string]string{records.ModeDrill: "訓練", records.ModeReal: "実災害"}
	mannerWords  = map[string]string{records.MannerGraceful: "計画切替（本番系が応答する場合）", records.MannerUngraceful: "緊急切替（本番系が応答しない場合）"}
	viaWords     = map[string]string{"snapshot": "スナップショットからの復元", "global-cluster": "グローバルデータベースの切替"}
	regionWords  = map[string]string{"ap-northeast-1": "東京リージョン", "ap-northeast-3": "大阪リージョン"}
	outcomeWords = map[string]string{
		records.DisasterReturned: "完了（本番系へ切り戻し済み）", records.DisasterStays: "完了（災害対策系で継続中）", records.DisasterDeclined: "未実施（宣言なし）",
		records.DisasterUndone: "中止（変更はすべて取り消し済み）", records.DisasterFailed: "異常終了",
	}
	endWords = map[string]string{ // in a table
		records.DisasterReturned: "完了", records.DisasterStays: "継続中", records.DisasterDeclined: "未実施", records.DisasterUndone: "中止", records.DisasterFailed: "異常終了",
	}
	stepOutcomeWords = map[string]string{
		StepDone: "完了", StepSkipped: "省略", StepFailed: "失敗", StepUndone: "取消", StepNotReached: "未実施",
	}
	stepWords = map[string]string{
		"data": "データ時点の確認", "declare": "宣言", "fence": "本番系の書込み停止", "database": "データベースの起動", "pipeline": "災害対策系の構築", "scale": "サービスの起動",
		"smoke": "動作確認", "redirect": "接続先の切替", "insync": "DNSの反映", "ttl": "旧情報の期限待ち", "outside": "外部からの確認", "watch": "経過監視",
		"return": "切り戻しの判断", "redirect-back": "接続先の切り戻し", "insync-back": "DNSの反映（戻し）", "ttl-back": "旧情報の期限待ち（戻し）",
		"outside-back": "外部からの確認（戻し）", "scale-down": "サービスの停止", "cleanup": "後片付け", "unfence": "本番系の書込み再開", "report": "報告書の作成",
		"last-copy": "最終データの複製", "doubt-": "書込み停止の判断", "switch-back": "データベースの切り戻し", "data-back": "データの移し替え", "start-primary": "本番系サービスの起動",
	}
	budgetWords = map[string]string{"fence": "本番系の書込み停止（判断待ちを含む）", "fence-again": "本番系の書込み停止の再確認（切替前）", "outside": "外部からの確認（旧情報の期限待ちを含む）", "return": "切り戻し（判断の後の全体）",
		"stay": "災害対策系での継続（1回の実行で待つ上限）"}
	answerWords = map[string]string{
		"approve": "承認", "reject": "却下", "retry": "再試行", "skip": "省略", "rollback": "中止", "cancel": "中止", "done": "完了の報告", "extend": "延長", "resume": "続行", "return": "切り戻し判断の依頼",
	}
)

// undoneInPart is an outcome of its own: the register does not tell it from the one by which nothing is left.
const undoneInPart = "中止（残存あり：備考参照）"

// Ended says how the run ended.
func (r Report) Ended() string {
	if r.Outcome == records.DisasterUndone && clean(r.Left) != "" {
		return undoneInPart
	}
	return word(outcomeWords, r.Outcome)
}

// Remarks are the note, and what is left.
func (r Report) Remarks() string {
	if left := clean(r.Left); left != "" {
		return strings.TrimPrefix(r.Note+" / 残存："+left, " / ")
	}
	return r.Note
}

func word(words map[string]string, value string) string {
	if w, known := words[value]; known {
		return w
	}
	return orNone(clean(value))
}

// title is what the step is called.
func (s Step) title() string {
	if ja, _, _ := strings.Cut(s.Title, " · "); clean(ja) != "" { // runs call their steps in both languages
		return clean(ja)
	}
	if name := strings.TrimRight(s.Name, "0123456789"); stepWords[name] != "" { // a step that may come more than once
		return stepWords[name]
	}
	return word(stepWords, s.Name)
}

// InWords writes a time span in Japanese, to the second: 1時間5分9秒.
func InWords(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "−", -d
	}
	n := seconds(d)
	h, m, s := n/3600, n/60%60, n%60
	text := ""
	if h > 0 {
		text += fmt.Sprintf("%d時間", h)
	}
	if m > 0 {
		text += fmt.Sprintf("%d分", m)
	}
	if s > 0 || text == "" {
		text += fmt.Sprintf("%d秒", s)
	}
	return sign + text
}

// spanOf is "―" for a span that was not measured.
func spanOf(d *time.Duration) string {
	if d == nil {
		return "―"
	}
	return InWords(*d)
}

// difference is a span with its sign; none is ±0.
func difference(d time.Duration) string {
	switch {
	case d > 0:
		return "＋" + InWords(d)
	case d < 0:
		return InWords(d)
	}
	return "±0"
}

func inJapan(t time.Time) string { return t.In(jst).Format("2006年1月2日 15:04:05") }

func momentOf(t *time.Time) string {
	if t == nil {
		return "―"
	}
	return inJapan(*t)
}

// Day is the day in Japan of a time, such as 20270118.
func Day(t time.Time) string { return t.In(jst).Format("20060102") }

// clean makes one line of what people wrote: control characters, and those that turn the direction of writing, become spaces.
func clean(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))), " ")
}

func orNone(s string) string {
	if s == "" {
		return "―"
	}
	return s
}

// shorten keeps a text within so many letters.
func shorten(s string, letters int) string {
	if r := []rune(s); len(r) > letters {
		return string(r[:letters-1]) + "…"
	}
	return s
}

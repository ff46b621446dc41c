package workflows

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	store "tejun/internal/records"
	"tejun/workflows/runbook"
)

// The report is read by officers, in Japanese. What a run, AWS or a person says in other words stands in it as a quotation.

// quoted is something as it was said.
func quoted(words string) string { return "「" + words + "」" }

// ends is what the kinds of ends are in words.
var ends = []struct{ kind, is string }{
	{runbook.ErrInvalidInput, "入力に誤りがあるため終了しました"},
	{runbook.ErrRefused, "条件を満たさないため終了しました"},
	{runbook.ErrRejected, "却下されたため終了しました"},
	{runbook.ErrExpired, "期限までに回答がなかったため終了しました"},
	{runbook.ErrCancelled, "中止の指示により終了しました"},
	{runbook.ErrRolledBack, "手順の失敗、または中止の判断により終了しました"},
	{runbook.ErrEvidenceLost, "証跡を書き込めませんでした"},
	{runbook.ErrUndoFailed, "元に戻せなかったものがあります"},
}

// endInWords says in Japanese how a run ended, and quotes what it said itself.
func endInWords(err error, outcome string) string {
	words := "異常が発生したため終了しました"
	if i := slices.IndexFunc(ends, func(end struct{ kind, is string }) bool { return runbook.IsEnd(err, end.kind) }); i >= 0 {
		words = ends[i].is
	}
	if outcome == store.DisasterStays || outcome == store.DisasterFailed {
		words += "。変更したものは自動では元に戻りません"
	}
	return words + "（記録：" + quoted(runbook.Words(err)) + "）"
}

// goesOn notes what a person has decided in spite of doubts.
func (d *disaster) goesOn(answer *runbook.Decision, where string, doubts []string) {
	d.noted("%sが書込みを続けている可能性がありましたが、%s の判断により続行しました（疑義：%s、理由：%s）", where, answer.By, quoted(strings.Join(doubts, "; ")), answer.Reason)
}

// broughtBack notes what a person has said of the data.
func (d *disaster) broughtBack(answer *runbook.Decision) {
	d.noted("%s が更新データの反映を完了しました：%s", answer.By, answer.Reason)
}

// answerRefusals are the fixed sentences by which answers do not count.
var answerRefusals = []struct {
	said *regexp.Regexp
	is   string // with what is in the brackets of said
}{
	{regexp.MustCompile(`^the run is not waiting for`), "回答をお待ちしていない時点の回答です"},
	{regexp.MustCompile(`^nobody may answer at this moment`), "回答を受け付けていない時点の回答です"},
	{regexp.MustCompile(`^the run is waiting for`), "お待ちしているものではない回答です"},
	{regexp.MustCompile(`^too late: `), "締め切った後の回答です"},
	{regexp.MustCompile(`^"by" is missing`), "回答者の名前がありません"},
	{regexp.MustCompile(`^"reason" is missing`), "理由がありません"},
	{regexp.MustCompile(`^"(.*)" is nobody that`), "%s は登録されていません"},
	{regexp.MustCompile(`^the sender could not be looked up`), "回答者を照会できませんでした"},
	{regexp.MustCompile(`^it is for (?:run|plan) `), "別の実行、または以前の計画への回答です"},
	{regexp.MustCompile(`^it is for `), "別の手順への回答です"},
	{regexp.MustCompile(`^(\S+) does not have the role (\S+)$`), "%s には役割 %s がありません"},
	{regexp.MustCompile(`^(\S+) does not belong to (\S+)$`), "%s は %s に所属していません"},
	{regexp.MustCompile(`^(\S+) approved this change; somebody else must carry it out$`), "%s は承認者のため、実施できません"},
	{regexp.MustCompile(`^in production an approval must be signed`), "承認に本人の署名がありません"},
	{regexp.MustCompile(`^this run was reset, so an approval must name`), "リセット後の承認に、実行と計画の指定がありません"},
	{regexp.MustCompile(`^the gate is asked again because`), "再度の承認に、計画の指定がありません"},
	{regexp.MustCompile(`^(\S+) (?:made what|had a hand in|requested or operates)`), "%s は起案、作業または準備に携わったため、承認できません"},
	{regexp.MustCompile(`^(\S+) has approved already`), "%s は既に承認しています"},
	{regexp.MustCompile(`^decision .* has been received before`), "受領済みの回答です"},
	{regexp.MustCompile(`^this run has taken \d+ decisions`), "無効な回答が多いため、受け付けませんでした"},
	{regexp.MustCompile(`^the message `), "回答の形式に誤りがあります"},
	{regexp.MustCompile(`^(\S+) is not among those who decide this`), "%s は判断する者に含まれていません"},
	{regexp.MustCompile(`^(\S+) may approve from (\S+ \S+) JST on`), "%s が承認できるのは %s（日本時間）以降です"},
}

// refusalInWords says in Japanese why an answer did not count.
func refusalInWords(said string) string {
	for _, r := range answerRefusals {
		if found := r.said.FindStringSubmatch(said); found != nil {
			var parts []any
			for _, part := range found[1:] {
				parts = append(parts, dateInWords(part))
			}
			return fmt.Sprintf(r.is, parts...)
		}
	}
	if said == "" {
		return ""
	}
	return "記録：" + quoted(said)
}

// dateInWords writes a time in Japan as people there do; anything else stays as it is.
func dateInWords(s string) string {
	at, err := time.Parse(time.DateTime, s)
	if err != nil {
		return s
	}
	return at.Format("2006年1月2日 15:04:05")
}

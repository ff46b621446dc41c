package activities

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/records"
	"tejun/internal/sandbox"
)

func mailOf(b *bench) Mail {
	return Mail{Operation: b.operation, Step: "announce", Template: "outage-announcement", List: "users", Data: map[string]string{
		"title": "定期保守に伴うサービス停止", "reason": "更新のため", "start": "2027年1月23日(土) 22:00", "end": "2027年1月24日(日) 02:00",
		"services": "web、api", "runId": "planned-outage-1", "runbook": "PlannedOutage", "requester": "ito", "detail": "",
	}}
}

func TestMailIsSentOnceToTheList(t *testing.T) {
	b := newBench(t)
	first := must(b, b.set.SES.SendSESMail, mailOf(b))
	again := must(b, b.set.SES.SendSESMail, mailOf(b))
	resent := mailOf(b)
	resent.Resend = true
	assert.Equal(t, first, again)
	assert.Equal(t, first, must(b, b.set.SES.SendSESMail, resent), "what arrived is not sent again, whatever was answered")
	require.Equal(t, []string{"SendEmail"}, b.effects())
	mails, err := b.box.Mails()
	require.NoError(t, err)
	require.Len(t, mails, 1)
	assert.Equal(t, "【計画停止のお知らせ】定期保守に伴うサービス停止（"+b.system.Name.Ja+"）", mails[0].Subject)
	assert.Equal(t, []string{"users@example.jp"}, mails[0].To)
}

func TestMailToThoseWhoDecideLinksToTheRunAndMailToUsersDoesNot(t *testing.T) {
	b := newBench(t)
	b.set.SES.ui = "http://ui.example.jp:8233/"
	must(b, b.set.SES.SendSESMail, mailOf(b))
	asked := mailOf(b)
	asked.Step, asked.Template, asked.List = "gate", "approval-request", "officers"
	asked.Data = map[string]string{"title": "t", "gate": "plan", "plan": "p", "until": "u", "runId": "計画停止-1", "uiUrl": "http://evil.example/"}
	must(b, b.set.SES.SendSESMail, asked)
	mails, err := b.box.Mails()
	require.NoError(t, err)
	require.Len(t, mails, 2)
	assert.NotContains(t, mails[0].Text, "http")
	assert.Contains(t, mails[1].Text, "■ 画面\nhttp://ui.example.jp:8233/namespaces/")
	assert.NotContains(t, mails[1].Text, "evil")
}

func TestMailOfUnknownOutcomeIsNotRepeatedUntilAPersonSaysSo(t *testing.T) {
	for kind, sent := range map[string]int{sandbox.FaultExecutedThenTimeout: 1, sandbox.FaultLostRequest: 0, sandbox.Fault500: 0} {
		t.Run(kind, func(t *testing.T) {
			b := newBench(t)
			b.fault("sesv2", "SendEmail", kind)
			for range 3 {
				_, err := try(b, b.set.SES.SendSESMail, mailOf(b))
				requireType(t, err, OutcomeUnknown)
				assert.Contains(t, err.Error(), "answer skip if it arrived, or retry")
			}
			require.Len(t, b.effects(), sent)
			in := mailOf(b)
			in.Resend = true
			must(b, b.set.SES.SendSESMail, in)
			must(b, b.set.SES.SendSESMail, in)
			require.Len(t, b.effects(), sent+1, "one answer, one message")
			in.Resend = false
			must(b, b.set.SES.SendSESMail, in)
			require.Len(t, b.effects(), sent+1)
		})
	}
}

func TestMailResendInDoubtIsNotRepeatedEither(t *testing.T) {
	b := newBench(t)
	in := mailOf(b)
	b.fault("sesv2", "SendEmail", sandbox.FaultLostRequest)
	_, err := try(b, b.set.SES.SendSESMail, in)
	requireType(t, err, OutcomeUnknown)
	in.Resend = true
	b.fault("sesv2", "SendEmail", sandbox.FaultExecutedThenTimeout)
	for range 2 {
		_, err = try(b, b.set.SES.SendSESMail, in)
		requireType(t, err, OutcomeUnknown)
	}
	require.Len(t, b.effects(), 1)
}

func TestMailThatWasClearlyRefusedIsTriedAgain(t *testing.T) {
	for kind, want := range map[string]string{sandbox.FaultThrottle: Throttled, sandbox.FaultDenied: Denied} {
		b := newBench(t)
		b.fault("sesv2", "SendEmail", kind)
		_, err := try(b, b.set.SES.SendSESMail, mailOf(b))
		requireType(t, err, want)
		must(b, b.set.SES.SendSESMail, mailOf(b))
		require.Equal(t, []string{"SendEmail"}, b.effects())
	}
}

func TestMailThatCannotBeMadeLeavesNoIntent(t *testing.T) {
	b := newBench(t)
	for name, spoil := range map[string]func(*Mail){
		"header injection":  func(m *Mail) { m.Data["title"] = "x\r\nBcc: everybody@example.jp" },
		"unknown list":      func(m *Mail) { m.List = "nobody" },
		"unknown template":  func(m *Mail) { m.Template = "../../secret" },
		"unknown key":       func(m *Mail) { m.Data["titel"] = "x" },
		"missing title":     func(m *Mail) { m.Data["title"] = " " },
		"step with control": func(m *Mail) { m.Step = "a\nb" },
		"no operation":      func(m *Mail) { m.Operation = "" },
	} {
		in := mailOf(b)
		in.Data = maps.Clone(in.Data)
		spoil(&in)
		_, err := try(b, b.set.SES.SendSESMail, in)
		requireType(t, err, InvalidInput)
		var typed *temporal.ApplicationError
		require.ErrorAs(t, err, &typed, name)
	}
	b.system.Mail.Lists[0].Addresses = []string{"a@example.jp\r\nBcc: b@example.jp"}
	_, err := try(b, b.set.SES.SendSESMail, mailOf(b))
	requireType(t, err, InvalidInput)
	require.Empty(t, b.writes())
	state, err := database.BeginIntent(t.Context(), records.Intent{Key: b.operation + "/mail/announce", WorkflowID: "w"})
	require.NoError(t, err)
	assert.Equal(t, records.IntentNew, state.State)
}

func TestMailTemplatesRenderWithAndWithoutTheirOptionalParts(t *testing.T) {
	b := newBench(t)
	full := map[string]string{}
	for _, key := range MailKeys {
		full[key] = "【" + key + "】"
	}
	for name, needs := range mailNeeds {
		bare := map[string]string{}
		for _, key := range needs {
			bare[key] = full[key]
		}
		for _, data := range []map[string]string{full, bare} {
			subject, body, err := renderMail(b.system, Mail{Template: name, Data: data})
			require.NoError(t, err, name)
			t.Log("Subject: " + subject + "\n" + body)
			assert.NotContains(t, subject+body, "<no value>")
			assert.NotContains(t, body, "\n\n\n", name)
			greeting := "関係者各位\n\n平素より"
			if strings.Contains(subject, "【至急") {
				greeting = "関係者各位\n\n【system】 運用担当です。"
			}
			assert.True(t, strings.HasPrefix(body, strings.ReplaceAll(greeting, "【system】", b.system.Name.Ja)), name)
			assert.Contains(t, body, "実行番号：【runId】")
			assert.Less(t, strings.LastIndex(body, "■"), strings.Index(body, "実行番号"), "the run reference ends the mail")
			for _, key := range needs {
				assert.Contains(t, subject+body, "【"+key+"】", name)
			}
		}
	}
}

// Whoever is asked about a held step is told the answers that count, and no other.
func TestMailAboutAHeldStepNamesTheAnswersThatAreTaken(t *testing.T) {
	b := newBench(t)
	for answers, want := range map[string][]string{
		"retry rollback": {"retry", "rollback"}, "retry skip rollback": {"retry", "skip", "rollback"}, "retry skip": {"retry", "skip"}, "retry": {"retry"},
		"": {"retry", "skip", "rollback"}, // of a run that began before mail said so
	} {
		for name, named := range map[string][]string{"step-held": want, "undo-failed": slices.DeleteFunc(slices.Clone(want), func(s string) bool { return s == "rollback" })} {
			_, body, err := renderMail(b.system, Mail{Template: name, Data: map[string]string{
				"step": "手順", "error": "事象", "runId": "r", "title": "件名", "detail": "条件", "answers": answers,
			}})
			require.NoError(t, err)
			var found []string
			for _, answer := range []string{"retry", "skip", "rollback"} {
				if strings.Contains(body, "（"+answer+"）") {
					found = append(found, answer)
				}
			}
			assert.Equal(t, named, found, "%s: %q", name, answers)
			assert.Equal(t, slices.Contains(want, "skip"), strings.Contains(body, "条件\n"), "%s: %q: when it may be skipped", name, answers)
		}
	}
}

func TestMailOfADisasterSaysTheOutcomeInWordsAndWhatIsLeft(t *testing.T) {
	b := newBench(t)
	data := map[string]string{"mode": "real", "title": "件名", "detail": "・RTO：1時間", "runId": "r"}
	told := map[string]bool{}
	for _, outcome := range records.DisasterOutcomes {
		data["outcome"] = outcome
		_, body, err := renderMail(b.system, Mail{Template: "disaster-report", Data: data})
		require.NoError(t, err)
		require.NotContains(t, body, outcome, "in words")
		_, words, _ := strings.Cut(body, "■ 結果\n")
		words, _, _ = strings.Cut(words, "\n")
		require.Contains(t, words, "。", outcome)
		require.False(t, told[words], "%s: %s", outcome, words)
		told[words] = true
	}
	_, body, err := renderMail(b.system, Mail{Template: "disaster-report", Data: map[string]string{
		"mode": "real", "title": "件名", "detail": "―", "runId": "r", "outcome": records.DisasterUndone, "left": "・クラスター tejun-dr-1",
	}})
	require.NoError(t, err)
	require.NotContains(t, body, "すべて取り消し", "it was not")
	require.Contains(t, body, "残っております。\n・クラスター tejun-dr-1\n")
	_, body, err = renderMail(b.system, Mail{Template: "disaster-returned", Data: data})
	require.NoError(t, err)
	require.Contains(t, body, "待機の状態に戻しております")
	const seen = "応答していることを外部から確認いたしました"
	require.NotContains(t, body, seen, "nobody has seen it")
	data["left"], data["seen"] = "・クラスター tejun-dr-1", "yes"
	_, body, err = renderMail(b.system, Mail{Template: "disaster-returned", Data: data})
	require.NoError(t, err)
	require.NotContains(t, body, "待機の状態に戻しております")
	require.Contains(t, body, seen)
	require.Contains(t, body, "費用が発生いたします")
	require.Contains(t, body, "tejun-dr-1")
	delete(data, "left")
	data["skipped"] = "・手順による取り消しを省略したもの：切替"
	_, body, err = renderMail(b.system, Mail{Template: "disaster-returned", Data: data})
	require.NoError(t, err)
	require.NotContains(t, body, "費用", "what was skipped costs nothing")
	require.NotContains(t, body, "待機の状態に戻しております")
	require.Contains(t, body, "■ 取り消しを省略したもの（要確認）\n・手順による取り消しを省略したもの：切替")
}

func TestMailTemplatesNameTheGates(t *testing.T) {
	b := newBench(t)
	for gate, words := range map[string]string{"plan": "実施計画の承認", "go": "実施可否（Go／No-Go）の判断",
		"content": "登録内容の承認", "review": "内容の確認（別担当者）", "owner": "データ所有者の承認", "deletion": "削除の承認",
		"estimate": "見積りの承認", "check": "作成データの確認（別担当者）", "acceptance": "受入の判断", "normal": "設定変更の承認", "standard": "標準変更の承認", "afterwards": "事後承認", "other": "other"} {
		subject, body, err := renderMail(b.system, Mail{Template: "approval-request", Data: map[string]string{"title": "t", "gate": gate, "plan": "p", "until": "u", "runId": "r"}})
		require.NoError(t, err)
		assert.Equal(t, "【承認のお願い】t（"+words+"）", subject)
		assert.Equal(t, gate == "acceptance", strings.Contains(body, "登録済みのデータはそのまま残ります"), "what was loaded is not undone by waiting")
		assert.Equal(t, gate == "afterwards", strings.Contains(body, "本件は既に実施しております"))
		assert.NotEqual(t, gate == "acceptance" || gate == "afterwards", strings.Contains(body, "本件は実施いたしません"))
	}
}

package drillreport

import "time"

// summary is what the first page of the report says.
func (b *book) summary() {
	p := b.page
	var declared *time.Time
	if p.Declared != nil {
		declared = &p.Declared.At
	}
	b.head("項目", "内容")
	for _, row := range []struct {
		name  string
		value any
	}{
		{"報告書", p.Heading()}, {"件名", p.Report.Title}, {"システム", p.Names.System}, {"区分", word(modeWords, p.Mode)}, {"切替方式", word(mannerWords, p.Manner)},
		{"切替元", word(regionWords, p.Primary)}, {"切替先", word(regionWords, p.DR)}, {"データベース", word(viaWords, p.Via)}, {"データの出所", p.Data},
		{"切替対象の名前", p.Redirected}, {"理由", p.Reason}, {"チケット", p.Ticket}, {"起案者", p.Who(p.Requester)}, {"実施者", p.Who(p.Operator)}, {"宣言者", p.DeclaredBy()},
		{"開始", p.StartedAt}, {"発災", p.DisasterAt}, {"データ時点", p.DataAt}, {"宣言", declared}, {"復旧（外部から確認）", p.RestoredAt}, {"本番系の応答を確認", p.ReturnedAt}, {"終了", p.EndedAt},
		{"RTO実績", p.RTO()}, {"（うち機械）", p.RTOMachine()}, {"（うち人）", p.RTOHuman()}, {"RTO目標", p.RTOTarget}, {"RPO実績", p.RPO()}, {"RPO目標", p.RPOTarget},
		{"全体の所要時間", p.Totals.All}, {"（うち機械）", p.Totals.Machine}, {"（うち人）", p.Totals.Human}, {"（うち手順間）", p.Totals.Between},
		{"結果", p.Ended()}, {"備考", p.Remarks()},
		{"実行番号", p.WorkflowID}, {"実行ID", p.RunID}, {"実行の画面", p.URL}, {"証跡の件数", p.Evidence.Rows}, {"証跡の最終ハッシュ", p.Evidence.Hash},
	} {
		b.line(heading(row.name), row.value)
	}
}

func (b *book) steps() {
	b.head("区分", "手順", "開始", "終了", "機械", "人", "計", "目標時間", "目標比", "前回との差（分）", "比べた訓練", "目標時間の警告", "結果", "備考")
	for _, r := range b.page.Rows {
		part := "復旧"
		if r.Part == PartReturn {
			part = "切り戻し"
		}
		if !r.Reached() {
			b.line(part, r.title(), nil, nil, nil, nil, nil, budget(r.measured), nil, nil, nil, nil, word(stepOutcomeWords, r.Outcome), r.Comment)
			continue
		}
		var used, change, with any
		if r.Since != nil {
			change, with = since(r.Since.By), r.Since.Date()
		}
		if r.Budget > 0 {
			used = share(r.Total.Seconds() / r.Budget.Seconds())
		}
		b.line(part, r.title(), r.Time.from, r.Time.to, r.Machine, r.Waited, r.Total, budget(r.measured), used, change, with, r.AtRisk, word(stepOutcomeWords, r.Outcome), r.Comment)
	}
	t := b.page.Totals
	b.line(heading(""), heading("手順間"), nil, nil, t.Between, nil, t.Between)
	b.line(heading(""), heading("合計"), b.page.StartedAt, b.page.EndedAt, b.page.MachineAll(), t.Human, t.All)
}

func budget(m measured) any {
	if m.Budget == 0 {
		return nil
	}
	return m.Budget
}

// budgets are those of several steps; a step's own stands with the step.
func (b *book) budgets() {
	b.head("対象", "開始", "期限", "終了", "計", "うち人", "予算", "予算比", "予算警告", "結果")
	for _, s := range b.page.Spent {
		b.line(s.Title(), s.Time.from, s.Due(), s.Time.to, s.Total, s.Waited, s.Of, share(s.Total.Seconds()/s.Of.Seconds()), s.AtRisk, s.Kept())
	}
}

func (b *book) waits() {
	b.head("手順", "待っていたこと", "回答者", "開始", "終了", "待ち時間")
	for _, w := range b.page.Waits {
		b.line(w.Step, w.Why, b.page.Who(w.Who), w.Time.from, w.Time.to, w.Time.length())
	}
}

func (b *book) answers() {
	b.head("日時", "回答者", "対象", "回答", "理由・コメント", "無効の理由", "署名")
	for _, d := range b.page.Answers {
		signed := "本人申告"
		if d.Signed {
			signed = "署名あり"
		}
		b.line(d.At, b.page.Who(d.Who), b.page.Subject(d.What), word(answerWords, d.Answer), d.Comment, d.Refused, signed)
	}
}

func (b *book) comparison() {
	b.head("開始", "件名", "区分", "切替方式", "RTO実績", "うち人", "RTO目標", "RPO実績", "RPO目標", "結果", "実行番号")
	for _, d := range b.page.Runs {
		b.line(d.StartedAt, d.Title, word(modeWords, d.Mode), word(mannerWords, d.Manner), d.RTO, d.RTOHuman, &d.RTOTarget, d.RPO, &d.RPOTarget, word(endWords, d.Outcome), d.WorkflowID)
	}
}

func (b *book) matrix() {
	titles := []string{"手順"}
	for _, d := range b.page.Runs {
		if d.Current {
			titles = append(titles, "今回")
			continue
		}
		titles = append(titles, d.Date())
	}
	b.head(titles...)
	for _, row := range b.page.Matrix {
		cells := []any{row.Title}
		for _, c := range row.Cells {
			if c.Step == nil {
				cells = append(cells, nil)
				continue
			}
			cells = append(cells, time.Duration(c.Step.Seconds())*time.Second)
		}
		b.line(cells...)
	}
}

package workflows

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"math"
	"strconv"
	"strings"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/internal/load"
	"tejun/internal/plan"
	"tejun/workflows/runbook"
)

// What answers carry.
var (
	hoursValue = runbook.Value{Name: "hours", Means: "作業時間（時間） · hours of work, such as 6.5"}
	rowsValue  = runbook.Value{Name: "rows", Means: "件数 · number of rows"}
	fileValue  = runbook.Value{Name: "file", Means: "ファイル名（置き場所からの相対） · the file's key below the dataset's prefix"}
	hashValue  = runbook.Value{Name: "sha256", Means: "ファイルのSHA-256（16進64桁） · of the file, 64 hex digits"}
)

// place says what is created and where it goes, for mail.
func (s *supporting) place() string {
	text := s.on.Title + "\n置き場所：" + s.on.Place + s.on.Match
	if s.in.Expected > 0 {
		text += fmt.Sprintf("\n予定件数：%d件", s.in.Expected)
	}
	return text
}

func (s *supporting) tellRequest() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "request", Title: "作業者への依頼 · Tell the vendor of the request",
		Do: func(ctx workflow.Context) error {
			return s.Notify(ctx, "request", "support-request", s.on.Operators, nil)
		},
		SkipIf: "the operators know of the request",
	}
}

// estimate waits for the operator's estimate.
func (s *supporting) estimate(ctx workflow.Context) error {
	d, err := s.Asked(ctx, runbook.Waiting, runbook.Ask{
		Kind: "work", Name: "estimate", Why: "見積り · the operator estimates hours and rows", Until: s.on.Deadline,
		Then:    "the run ends: there is no estimate, and nothing is created",
		Answers: map[string]string{runbook.Finished: "operate"},
		Values:  runbook.Carried{runbook.Finished: {hoursValue, rowsValue}},
		Check: func(ctx workflow.Context, d runbook.Decision) string {
			_, problem := hours(d.Values[hoursValue.Name])
			if problem == "" {
				_, problem = count(d.Values[rowsValue.Name])
			}
			return orHand(ctx, s, d, problem)
		},
	})
	if err != nil {
		return err
	}
	if d == nil {
		return runbook.End(runbook.ErrExpired, "nobody gave an estimate by the deadline, %s; nothing was created", runbook.JST(s.on.Deadline))
	}
	s.result.Estimate.By = d.By
	s.result.Estimate.Hours, _ = hours(d.Values[hoursValue.Name]) // both were checked before the answer counted
	s.result.Estimate.Rows, _ = count(d.Values[rowsValue.Name])
	return nil
}

// hold keeps the dataset for this run while a file of it is created, looked at and loaded: files that arrive wait. A load that
// is under way is waited for.
func (s *supporting) hold(ctx workflow.Context) error {
	if !s.second {
		return nil
	}
	return s.ReserveWhenFree(ctx, s.held(), s.on.Deadline.Add(longestLoad), s.on.Deadline)
}

// letGo lets files of the dataset be loaded again.
func (s *supporting) letGo(ctx workflow.Context) error {
	if !s.second {
		return nil
	}
	return s.Release(ctx, s.held())
}

func (s *supporting) held() []string { return []string{load.Resource(s.in.Dataset)} }

// create waits for a file and takes down what was reported of it.
func (s *supporting) create(ctx workflow.Context, n int, why string) error {
	ask := runbook.Ask{
		Kind: "work", Name: "create", Why: fmt.Sprintf("データ作成（%d回目／最大%d回） · the file is created (round %d of %d)", n, mostRounds, n, mostRounds),
		Until: s.on.Deadline, Then: "the run ends: there is no file that could be loaded",
		Answers: map[string]string{runbook.Finished: "operate"},
		Values:  runbook.Carried{runbook.Finished: {fileValue, hashValue, hoursValue}},
		Tell:    "support-create", Check: s.checkReport,
	}
	if n > 1 {
		ask.Name, ask.Tell = fmt.Sprintf("create-%d", n), "support-returned"
		ask.Why += "; 差戻し · it came back: " + why
		s.Inform("error", why)
	}
	d, err := s.Asked(ctx, runbook.Waiting, ask)
	if err != nil {
		return err
	}
	if d == nil {
		text := "the deadline, %s, has passed in round %d, and no file that could be loaded was reported"
		if why != "" {
			text += "; the last one came back: " + strings.ReplaceAll(why, "%", "%%")
		}
		return runbook.End(runbook.ErrExpired, text, runbook.JST(s.on.Deadline), n)
	}
	took, _ := hours(d.Values[hoursValue.Name]) // checked before the answer counted
	s.result.ActualHours += took
	s.result.Rounds, s.result.CreatedBy = n, d.By
	s.result.File, s.result.SHA256 = s.key(d.Values[fileValue.Name]), strings.ToLower(d.Values[hashValue.Name])
	return nil
}

// key is the file's key below the prefix; the whole address will do as well.
func (s *supporting) key(reported string) string {
	return strings.TrimPrefix(reported, s.on.Place)
}

// checkReport looks at what the creator reports before it counts.
func (s *supporting) checkReport(ctx workflow.Context, d runbook.Decision) string {
	_, problem := hours(d.Values[hoursValue.Name])
	if sum, err := hex.DecodeString(d.Values[hashValue.Name]); problem == "" && (err != nil || len(sum) != 32) {
		problem = fmt.Sprintf("sha256 is %q: want 64 hex digits, as sha256sum prints them", d.Values[hashValue.Name])
	}
	if problem == "" {
		_, err := runbook.Resolve(ctx, directory.ResolveDataLoad, load.Request{
			Dataset: s.in.Dataset, File: s.key(d.Values[fileValue.Name]), Requester: s.in.Requester, Operator: s.in.Operator,
		})
		if err != nil {
			problem = runbook.Words(err)
		}
	}
	return orHand(ctx, s, d, problem)
}

// orHand adds to what is wrong with an answer that its sender would be the last one who could do the double check.
func orHand(ctx workflow.Context, s *supporting, d runbook.Decision, problem string) string {
	if problem != "" {
		return problem
	}
	if err := s.CanPass(ctx, s.checkGate(1), d.By); err != nil {
		return fmt.Sprintf("nobody would be left for the double check after %s has done this: let %s do it, who operates this run and could not do the double check anyway (%s)", d.By, s.on.Operator, runbook.Words(err))
	}
	return ""
}

// hours reads a number of hours of work.
func hours(text string) (float64, string) {
	const most = 10000
	h, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(h) || h <= 0 || h > most {
		return 0, fmt.Sprintf("hours is %q: want a number of hours above 0 and at most %d, such as 6.5", text, most)
	}
	return h, ""
}

// count reads a number of rows.
func count(text string) (int64, string) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 {
		return 0, fmt.Sprintf("rows is %q: want a number of rows from 1, in digits", text)
	}
	return n, ""
}

// file names the file that was reported.
func (s *supporting) file() activities.DataLoad {
	return activities.DataLoad{
		Operation: s.Operation(), Dataset: s.in.Dataset, Declaration: s.on.Declaration, File: s.result.File, SHA256: s.result.SHA256, ExpectedRows: s.in.Expected,
	}
}

// checkFile reads the file as a load would. What it finds is an answer, not a failure of the step.
func (s *supporting) checkFile() runbook.StepSpec {
	return runbook.StepSpec{
		Name: "check-file", Title: "作成データの自動確認（件数・対象外・重複・SHA-256） · Read the file as a load would: rows, rejects, duplicates, SHA-256",
		Do: func(ctx workflow.Context) error {
			if s.second {
				if _, err := runbook.Call(ctx, runbook.Change, arrivals.ClaimS3Arrival, s.file()); err != nil {
					return err
				}
			}
			checked, err := runbook.Call(ctx, runbook.Settle, dataLoads.CheckDataFile, s.file())
			s.result.Checked = checked
			return err
		},
	}
}

// pass asks at a gate and makes sure that the approval holds.
func (s *supporting) pass(ctx workflow.Context, gate runbook.Gate) error {
	if err := s.Approve(ctx, gate); err != nil {
		return err
	}
	return s.Confirm(ctx, gate)
}

type planner = func(workflow.Context) ([]plan.Change, error)

func (s *supporting) estimateGate() runbook.Gate {
	return runbook.Gate{Name: "estimate", Asks: "見積りの承認 · approval of the estimate", NotAfter: s.on.Deadline, Plan: s.estimatePlan}
}

func (s *supporting) checkGate(n int) runbook.Gate {
	return runbook.Gate{
		Name: "check", Asks: "作成データの確認（作成者・作業者以外） · double check by a second person; a rejection sends the file back" + rounds(n),
		NotAfter: s.on.Deadline, Plan: s.filePlan, Expires: "the run ends: expired; nothing of this file is loaded",
	}
}

func (s *supporting) acceptanceGate(n int) runbook.Gate {
	return runbook.Gate{
		Name: "acceptance", Asks: "受入の判断 · does the ministry accept what was loaded? a rejection sends the work back" + rounds(n),
		Plan: s.deliveryPlan, Accepts: true, Expires: "the run ends: not accepted in time; what was loaded stays",
	}
}

// rounds says what a rejection means in this round.
func rounds(n int) string {
	if n == mostRounds {
		return fmt.Sprintf(" no more: this is round %d of %d", n, mostRounds)
	}
	return fmt.Sprintf(" to its creation (round %d of %d)", n, mostRounds)
}

func (s *supporting) estimatePlan(workflow.Context) ([]plan.Change, error) {
	e := s.result.Estimate
	about := map[string]any{
		"hours": e.Hours, "rows": e.Rows, "estimatedBy": e.By, "request": s.in.Request, "dataset": s.in.Dataset, "table": s.on.Table, "deadline": runbook.JST(s.on.Deadline),
	}
	change, err := plan.NewChange("support:estimate/"+s.in.Dataset, fmt.Sprintf("見積り：%g時間、%d件 · estimate: %g hours, %d rows", e.Hours, e.Rows, e.Hours, e.Rows), nil, about, nil, about)
	return []plan.Change{change}, err
}

// filePlan is the file as it lies there at this moment, and what the run has found in it.
func (s *supporting) filePlan(ctx workflow.Context) ([]plan.Change, error) {
	seen, err := s.lookAgain(ctx)
	if err != nil {
		return nil, err
	}
	if seen.Why != "" {
		s.gone = seen.Why
		return nil, runbook.End(runbook.ErrRefused, "%s", seen.Why)
	}
	n := s.result.Checked.Counts
	about := map[string]any{
		"sha256": seen.SHA256, "bytes": seen.Bytes, "createdBy": s.result.CreatedBy, "encoding": s.result.Checked.Encoding,
		"records": n.Records, "rows": n.Rows, "rejected": n.AllRejected(), "duplicates": n.Duplicates, "superseded": n.Superseded, "estimatedRows": s.result.Estimate.Rows,
	}
	title := fmt.Sprintf("作成データ：%d件、対象外 %d、重複 %d · the file %s: %d rows, %d rejected, %d duplicates", n.Records, n.AllRejected(), n.Duplicates, s.result.File, n.Records, n.AllRejected(), n.Duplicates)
	change, err := plan.NewChange(s.on.Place+s.result.File, title, nil, about, nil, about)
	return []plan.Change{change}, err
}

// deliveryPlan is what was loaded: the ministry accepts it, or does not.
func (s *supporting) deliveryPlan(workflow.Context) ([]plan.Change, error) {
	r, n := s.result, s.result.Counts
	about := map[string]any{
		"load": r.Load, "file": r.File, "sha256": r.SHA256, "records": n.Records, "new": n.New, "changed": n.Changed, "unchanged": n.Unchanged, "vanished": n.Vanished,
		"rejected": n.AllRejected(), "estimatedHours": r.Estimate.Hours, "actualHours": r.ActualHours, "estimatedRows": r.Estimate.Rows, "rounds": r.Rounds,
	}
	title := fmt.Sprintf("納品：新規 %d、変更 %d、削除 %d、対象外 %d、作業 %g時間（見積り %g時間） · delivered: %d new, %d changed, %d deleted, %d rejected; %g hours of work (estimated %g)",
		n.New, n.Changed, n.Vanished, n.AllRejected(), r.ActualHours, r.Estimate.Hours, n.New, n.Changed, n.Vanished, n.AllRejected(), r.ActualHours, r.Estimate.Hours)
	for _, note := range []struct{ name, text string }{{"already", s.alreadyNote()}, {"trouble", s.troubleNote()}} {
		if note.text != "" {
			about[note.name], title = note.text, title+"。"+note.text
		}
	}
	change, err := plan.NewChange("database:"+s.on.Cluster+"/"+s.on.Table, title, nil, about, nil, about)
	return []plan.Change{change}, err
}

// otherEnding is for what has no words of its own.
const otherEnding = "作業を続けることができませんでした。"

// endings say in Japanese what an end means, for mail.
var endings = map[string]string{
	runbook.ErrExpired:    "期限までに必要な回答がありませんでした。",
	runbook.ErrRejected:   "否認されました。",
	runbook.ErrRefused:    "作成データが受け付けられませんでした。",
	runbook.ErrCancelled:  "取り消されました。",
	runbook.ErrRolledBack: "手順が完了できませんでした。",
}

// tellEnd records what it took and tells both sides how it ended.
func (s *supporting) tellEnd(ctx workflow.Context, err error) {
	if !s.told {
		return
	}
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	s.Record(ctx, "support", "", s.result)
	template, data := "support-done", map[string]string{"detail": s.figures()}
	if err != nil {
		kind, words := activities.HowItEnded(err)
		template, data = "support-ended", map[string]string{"error": cmp.Or(endings[kind], otherEnding) + "\n" + words, "detail": ""}
		if s.result.Load != "" {
			data["detail"] = s.result.Load + " による登録済みのデータは、そのまま残っています。\n" + s.figures()
		}
		if s.result.Already != "" {
			data["detail"] = s.alreadyNote() + "\n" + s.figures()
		}
	}
	for _, list := range []string{s.on.Officers, s.on.Operators} {
		s.Tell(ctx, "end-"+list, template, list, data)
	}
}

// figures are 工数 and rows, as estimated and as they were.
func (s *supporting) figures() string {
	r := s.result
	return fmt.Sprintf("見積り：%g時間、%d件\n実績：%g時間、%d件（作成 %d回、新規 %d、変更 %d、削除 %d、対象外 %d）",
		r.Estimate.Hours, r.Estimate.Rows, r.ActualHours, r.Counts.Records, r.Rounds, r.Counts.New, r.Counts.Changed, r.Counts.Vanished, r.Counts.AllRejected())
}

package main

import (
	"context"
	"errors"
	"strings"

	"tejun/workflows"
	"tejun/workflows/runbook"
)

// supportEdition changes a row of the edition that DataLoad's takes have left.
const supportEdition = `01101,"060  ","0600000","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｲｶﾆｹｲｻｲｶﾞﾅｲﾊﾞｱｲ","北海道","札幌市中央区","以下に掲載がない場合",0,0,0,0,0,0` + "\r\n" +
	`01101,"064  ","0640941","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｱｻﾋｶﾞｵｶ","北海道","札幌市中央区","旭ケ丘",0,0,1,0,1,0` + "\r\n"

// report answers a question about work with values.
func (s *stage) report(ctx context.Context, gate string, values map[string]string) error {
	got, err := s.answer(ctx, gate, runbook.Finished, "tanaka", func(d *runbook.Decision) { d.Values = values })
	if err == nil && !got.Accepted {
		err = errors.New("the report was refused: " + got.Refusal)
	}
	return err
}

// support starts a request and brings it past its estimate.
func (s *stage) support(ctx context.Context, estimate string) error {
	return errors.Join(
		s.start(ctx, "DataSupport", workflows.DataSupportInput{
			Title: "郵便番号データの作成", Request: "記録", Dataset: "postal-codes", Deadline: "+10bd 17:00", Requester: "ito", Operator: "tanaka",
		}),
		s.report(ctx, "estimate", map[string]string{"hours": "2", "rows": "2"}), s.play(ctx, act{"estimate", estimate, "sato"}))
}

// created delivers a file and reports it.
func (s *stage) created(ctx context.Context, gate, name, text string) error {
	sum, err := s.delivered(ctx, name, text)
	if err != nil {
		return err
	}
	return s.report(ctx, gate, map[string]string{"file": name, "sha256": sum, "hours": "1.5"})
}

// loading waits until the run has started its n-th load, and is the stage of that load.
func (s *stage) loading(ctx context.Context, n int) (*stage, error) {
	status, err := s.until(ctx, func(st runbook.Status) bool { return len(st.Children) >= n })
	if err != nil {
		return nil, err
	}
	child := *s
	child.id = status.Children[n-1].ID
	return &child, nil
}

// answered gives the answer to the gate of the run's n-th load.
func (s *stage) answered(ctx context.Context, n int, action string) error {
	child, err := s.loading(ctx, n)
	if err != nil {
		return err
	}
	return child.play(ctx, act{"content", action, "suzuki"})
}

var dataSupport = []take{
	{"estimate-rejected", func(ctx context.Context, s *stage) error {
		return errors.Join(s.support(ctx, runbook.Reject), s.ended(ctx, runbook.Failed))
	}},
	{"three-files", func(ctx context.Context, s *stage) error {
		return errors.Join(s.support(ctx, runbook.Approve),
			s.created(ctx, "create", "support-1.zip", brokenEdition),
			s.created(ctx, "create-2", "support-2.zip", supportEdition), s.play(ctx, act{"check", runbook.Reject, "kato"}),
			s.created(ctx, "create-3", "support-3.zip", supportEdition), s.play(ctx, act{"check", runbook.Approve, "kato"}),
			s.answered(ctx, 1, runbook.Reject), s.ended(ctx, runbook.Failed))
	}},
	{"cancel-while-loading", cancelWhileLoading("support-4.zip", supportEdition)},
	{"accept", func(ctx context.Context, s *stage) error {
		return errors.Join(s.support(ctx, runbook.Approve), s.created(ctx, "create", "support-5.zip", supportEdition), s.play(ctx, act{"check", runbook.Approve, "kato"}),
			s.answered(ctx, 1, runbook.Approve), s.play(ctx, act{"acceptance", runbook.Approve, "ito"}), s.ended(ctx, runbook.Done))
	}},
	// Since the dataset is held while a file is created.
	{"not-accepted-first", func(ctx context.Context, s *stage) error {
		return errors.Join(s.support(ctx, runbook.Approve), s.created(ctx, "create", "support-6.zip", brokenEdition),
			s.created(ctx, "create-2", "support-7.zip", supportEdition), s.play(ctx, act{"check", runbook.Approve, "kato"}),
			s.answered(ctx, 1, runbook.Approve), s.play(ctx, act{"acceptance", runbook.Reject, "ito"}),
			s.created(ctx, "create-3", "support-8.zip", strings.Replace(supportEdition, "旭ケ丘", "旭ヶ丘", 1)), s.play(ctx, act{"check", runbook.Approve, "kato"}),
			s.answered(ctx, 2, runbook.Approve), s.play(ctx, act{"acceptance", runbook.Approve, "ito"}), s.ended(ctx, runbook.Done))
	}},
	{"load-rejected", func(ctx context.Context, s *stage) error {
		return errors.Join(s.support(ctx, runbook.Approve), s.created(ctx, "create", "support-9.zip", firstEdition), s.play(ctx, act{"check", runbook.Approve, "kato"}),
			s.answered(ctx, 1, runbook.Reject), s.cancelled(ctx))
	}},
	{"cancel-held", cancelWhileLoading("support-10.zip", firstEdition)},
}

// cancelWhileLoading cancels a run whose load waits for its approval.
func cancelWhileLoading(file, edition string) func(context.Context, *stage) error {
	return func(ctx context.Context, s *stage) error {
		err := errors.Join(s.support(ctx, runbook.Approve), s.created(ctx, "create", file, edition), s.play(ctx, act{"check", runbook.Approve, "kato"}))
		if err != nil {
			return err
		}
		child, err := s.loading(ctx, 1)
		if err != nil {
			return err
		}
		_, err = child.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil })
		return errors.Join(err, s.Client.CancelWorkflow(ctx, s.id, ""), s.ended(ctx, runbook.Failed))
	}
}

// cancelled waits until the run wants another file, and cancels it.
func (s *stage) cancelled(ctx context.Context) error {
	_, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "create-2" })
	return errors.Join(err, s.Client.CancelWorkflow(ctx, s.id, ""), s.ended(ctx, runbook.Failed))
}

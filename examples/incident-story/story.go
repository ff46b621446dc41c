package main

import (
	"encoding/json"
	"errors"
	"fmt"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/workflows/runbook"
)

// play plays the story from its beginning to its end.
func (s *story) play() error {
	for _, act := range []func() error{s.alarm, s.escalation, s.diagnosis, s.release, s.settingChange, s.recovery, s.closure, s.whatIsLeft} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) alarm() error {
	s.say("The API answers with errors. An alarm rings, and monitoring reports it: an incident is opened.")
	if err := s.types("sandbox", "alarm", "gzs-api-5xx", "on"); err != nil {
		return err
	}
	var opened struct {
		ID  string `json:"id"`
		New bool   `json:"new"`
	}
	report := []string{
		"incident", "report-alarm", "gzs-api-5xx", "--id", "story-1", "--service", "api", "--impact", "high", "--title", "検索画面でエラーが発生している",
		"--reason", "5xx が5分間続いている",
	}
	if err := s.reads(&opened, report...); err != nil {
		return err
	}
	if !opened.New {
		return fmt.Errorf("an incident of an earlier story is still open: close %s, or play on a fresh --state", opened.ID)
	}
	s.id = opened.ID
	s.say("It rings again. There is one open incident for one alarm, so this is attached to it.")
	report[4] = "story-2"
	if err := s.types(report...); err != nil {
		return err
	}
	return s.types("show", s.id)
}

func (s *story) escalation() error {
	s.say("Nobody takes it on. The chain of escalation is told: the operators, then their manager.")
	err := s.until("the escalation", func() (bool, error) {
		record, err := s.record()
		return len(record.Escalations) >= 2, err
	})
	if err != nil {
		return err
	}
	return errors.Join(
		s.types("sandbox", "mail", "list"),
		s.types("acknowledge", s.id, "--as", "tanaka", "--reason", "対応を開始する"),
	)
}

func (s *story) diagnosis() error {
	s.say("The run has read what may explain it. The operator looks, and has it read once more.")
	if err := s.asks(s.id, runbook.Note, "work"); err != nil {
		return err
	}
	if err := s.types("note", s.id, "--as", "tanaka", "--value", "kind=diagnose", "--reason", "直前のデプロイを確認する"); err != nil {
		return err
	}
	err := s.until("the facts", func() (bool, error) {
		record, err := s.record()
		return len(record.Facts) > 0, err
	})
	if err != nil {
		return err
	}
	return s.types("incident", "show", s.id)
}

func (s *story) release() error {
	s.say("The builder has a new image that should mend it. The operator requests its release as a fix.")
	err := s.fix("Release", "修正版を公開する", map[string]any{
		"title": "検索画面の不具合の修正", "reason": "検索時のエラーを修正した版を公開します。", "ticket": "REQ-2026-0201", "criteria": "エラー率が1%以下であること。",
		"requester": "takahashi", "operator": "tanaka", "builder": "kato", "incident": s.id,
		"parts": []any{map[string]any{"name": "web", "digest": sandbox.Digest("gzs/web", sandbox.ImageFaulty)}},
	})
	if err != nil {
		return err
	}
	id, err := s.child("Release")
	if err != nil {
		return err
	}
	if err := s.asks(id, runbook.Approve, "release"); err != nil {
		return err
	}
	s.say("Whoever has built it cannot approve it. The ministry can.")
	if err := s.isRefused("approve", id, "--as", "kato", "--reason", "急いでいるので承認する"); err != nil {
		return err
	}
	if err := s.types("approve", id, "--as", "sato", "--reason", "修正内容と検査結果を確認した"); err != nil {
		return err
	}
	s.say("It is rolled out and watched. One request in eight fails: the release takes itself back, without asking anybody.")
	status, err := s.ends(id)
	if err != nil {
		return err
	}
	if status.State != runbook.Failed {
		return fmt.Errorf("the release %s is %s, and was to be taken back: %s", id, status.State, status.Says)
	}
	return s.types("show", id, "--no-plan")
}

func (s *story) settingChange() error {
	s.say("The cause is found: the number of tasks. It is changed at once, as an emergency, and approved afterwards.")
	tasks := func(n int) map[string]any {
		return map[string]any{"desiredCount": n, "minimumHealthyPercent": 100, "maximumPercent": 200}
	}
	err := s.fix("SettingChange", "タスク数を増やす", map[string]any{
		"title": "タスク数の緊急変更", "reason": "アクセス集中によるエラーを解消するため、タスク数を増やします。", "class": "emergency", "requester": "takahashi", "operator": "tanaka",
		"incident": s.id, "settings": []any{map[string]any{"setting": "web-tasks", "old": tasks(3), "new": tasks(5)}},
	})
	if err != nil {
		return err
	}
	id, err := s.child("SettingChange")
	if err != nil {
		return err
	}
	if err := s.asks(id, runbook.Approve, "afterwards"); err != nil {
		return err
	}
	s.say("It is in place. The alarm falls silent, and monitoring says so.")
	if err := errors.Join(
		s.types("sandbox", "alarm", "gzs-api-5xx", "off"),
		s.types("incident", "report-alarm", "gzs-api-5xx", "--alarm-state", "OK", "--id", "story-3"),
	); err != nil {
		return err
	}
	s.say("The ministry approves what was done.")
	if err := errors.Join(
		s.types("change", "list"),
		s.types("approve", id, "--as", "suzuki", "--reason", "緊急の対応として妥当である"),
	); err != nil {
		return err
	}
	_, err = s.ends(id)
	return err
}

func (s *story) recovery() error {
	s.say("The operator reports recovery. It counts if it is stable.")
	if err := s.asks(s.id, runbook.Finished, "work"); err != nil {
		return err
	}
	if err := s.types("done", s.id, "--as", "tanaka", "--reason", "エラーが止まった"); err != nil {
		return err
	}
	return s.asks(s.id, runbook.Finished, "problem")
}

func (s *story) closure() error {
	s.say("The root cause and the actions against it are written down, and the ministry closes.")
	if err := s.types("done", s.id, "--as", "tanaka", "--reason", "原因が判明した",
		"--value", "rootCause=アクセス数に対してタスク数が不足していた", "--value", "workaround=タスク数を5に増やす",
		"--value", `actions=[{"what": "タスク数の自動調整を設定する", "owner": "tanaka", "due": "2027-02-26"}]`); err != nil {
		return err
	}
	if err := s.asks(s.id, runbook.Approve, "closure"); err != nil {
		return err
	}
	if err := s.types("approve", s.id, "--as", "sato", "--reason", "復旧と再発防止策を確認した"); err != nil {
		return err
	}
	status, err := s.ends(s.id)
	if err == nil && status.State != runbook.Done {
		err = fmt.Errorf("the incident %s is %s: %s", s.id, status.State, status.Says)
	}
	return err
}

func (s *story) whatIsLeft() error {
	s.say("What is left: the record, the problem, the changes, 障害報告書, and evidence that is whole.")
	record, err := s.record()
	if err != nil {
		return err
	}
	if record.Report == nil || record.Problem == "" {
		return fmt.Errorf("the incident %s has no report or no problem record", record.ID)
	}
	return errors.Join(
		s.types("incident", "show", s.id),
		s.types("problem", "show", record.Problem),
		s.types("change", "list", "--all"),
		s.types("evidence", "verify", s.id),
	)
}

// fix starts a run that mends the incident.
func (s *story) fix(book, why string, input map[string]any) error {
	text, err := json.Marshal(input)
	if err != nil {
		return err
	}
	if err := s.asks(s.id, runbook.Fix, "work"); err != nil {
		return err
	}
	return s.types("fix", s.id, "--as", "tanaka", "--value", "runbook="+book, "--value", "input="+string(text), "--reason", why)
}

func (s *story) record() (records.Incident, error) {
	var record records.Incident
	err := s.reads(&record, "incident", "show", s.id)
	return record, err
}

package workflows_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

var (
	asked    = []string{"mail:support-request"}
	firstWay = []string{"mail:support-request", "mail:support-create", "CheckDataFile:one.csv"}
	finished = []string{"mail:support-done", "mail:support-done"}
	givenUp  = []string{"mail:support-ended", "mail:support-ended"}
)

func TestSupportFromTheRequestToTheAcceptance(t *testing.T) {
	o := withOffice(newWorld(t))
	o.first()
	o.at(hour(5), "approve", by("ito"))
	require.NoError(t, o.ask(request()))
	require.Equal(t, slices.Concat(firstWay, []string{"DataLoad:one.csv"}, finished), o.effects())
	require.Equal(t, []workflows.DataLoadInput{{
		Dataset: "shops", File: "one.csv", SHA256: hashOne, Expected: 12, Requester: "ito", Operator: "tanaka", Reason: "店舗データの作成（業務運用支援 " + o.status().ID + "）",
	}}, o.loads, "exactly the file that was looked at")
	require.True(t, strings.HasPrefix(o.loadIDs[0], o.status().ID+"-load-1-"))
	require.Equal(t, 2, o.looks, "for the plan, and right before the load")
	var r workflows.DataSupportResult
	require.NoError(t, o.env.GetWorkflowResult(&r))
	require.Equal(t, workflows.Estimate{Hours: 6.5, Rows: 12, By: "tanaka"}, r.Estimate)
	require.Equal(t, []any{4.0, 1, "one.csv", hashOne, "tanaka", o.loadIDs[0], true}, []any{r.ActualHours, r.Rounds, r.File, r.SHA256, r.CreatedBy, r.Load, r.Accepted})
	require.EqualValues(t, 12, r.Counts.New)
	require.Equal(t, o.status().Plan.Digest, r.Plan, "what was accepted")
	require.Equal(t, []string{runbook.Approve}, accepted(o, "acceptance"))
	require.Equal(t, 4.0, o.recorded("support")["actualHours"], "工数 are evidence")
	require.Equal(t, o.loadIDs[0], o.status().Children[0].ID)
}

// accepted lists the answers that counted at a gate or a question.
func accepted(o *office, gate string) (actions []string) {
	for _, a := range o.status().Approvals {
		if a.Accepted && a.Gate == gate {
			actions = append(actions, a.Action)
		}
	}
	return actions
}

// stepOf is the step of the newest evidence of a kind.
func (o *office) stepOf(kind string) (step string) {
	for _, e := range o.evidence {
		if e.Kind == kind {
			step = e.Step
		}
	}
	return step
}

// recorded is the newest evidence of a kind.
func (o *office) recorded(kind string) map[string]any {
	o.t.Helper()
	for _, e := range slices.Backward(o.evidence) {
		if e.Kind == kind {
			var body map[string]any
			require.NoError(o.t, json.Unmarshal(e.Body, &body))
			return body
		}
	}
	require.Fail(o.t, "no evidence of the kind "+kind)
	return nil
}

func TestEveryWaitOfASupportEnds(t *testing.T) {
	for name, c := range map[string]struct {
		arrange    func(*office)
		kind, says string
		effects    []string
	}{
		"no estimate":             {func(*office) {}, runbook.ErrExpired, "nobody gave an estimate by the deadline, 2027-01-25 10:00 JST; nothing was created", asked},
		"the estimate rejected":   {func(o *office) { o.done(hour(1), "tanaka", estimate()); o.at(hour(2), "reject", by("sato")) }, runbook.ErrRejected, "sato rejected estimate: checked", asked},
		"no word on the estimate": {func(o *office) { o.done(hour(1), "tanaka", estimate()) }, runbook.ErrExpired, `the gate "estimate" was open until`, asked},
		"no file": {func(o *office) { o.agreed() }, runbook.ErrExpired,
			"the deadline, 2027-01-25 10:00 JST, has passed in round 1, and no file that could be loaded was reported", firstWay[:2]},
		"no double check": {func(o *office) { o.agreed(); o.done(hour(3), "tanaka", created("one.csv", hashOne)) }, runbook.ErrExpired, `the gate "check" was open until`, firstWay},
		"no acceptance": {func(o *office) { o.first() }, runbook.ErrExpired,
			`the gate "acceptance" was open until 2027-01-23 14:00 JST and had 0 of 1 approvals; nothing was changed after it. Not put back: what was loaded into public.shops from one.csv`,
			slices.Concat(firstWay, []string{"DataLoad:one.csv"})},
		"no second file": {func(o *office) {
			o.agreed()
			o.done(hour(3), "tanaka", created("one.csv", hashOne))
			o.at(hour(4), "reject", by("kato"))
		}, runbook.ErrExpired,
			"has passed in round 2, and no file that could be loaded was reported; the last one came back: 別担当者の確認で差戻し · not passed by the second person: kato rejected check: checked",
			slices.Concat(firstWay, []string{"mail:support-returned"})},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOffice(newWorld(t))
			c.arrange(o)
			err := o.ask(request())
			require.True(t, runbook.IsEnd(err, c.kind), "%v", err)
			require.ErrorContains(t, err, c.says)
			require.Equal(t, slices.Concat(c.effects, givenUp), o.effects())
			require.False(t, o.recorded("support")["accepted"].(bool))
		})
	}
}

// Whatever is wrong with the first file, the second one is loaded; and nothing of the first is, unless it was loaded first.
func TestFileThatIsNotGoodEnoughIsCreatedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*office)
		says    string
		loads   []string
		ids     int
	}{
		"the run refuses it": {func(o *office) {
			o.checks = []activities.FileChecked{{Why: "2 of 12 rows would be rejected: line 3, name: is missing"}, fits()}
			o.agreed()
			o.done(hour(3), "tanaka", created("one.csv", hashOne))
		}, "自動確認で不適合 · the file does not fit: 2 of 12 rows would be rejected", []string{"two.csv"}, 1},
		"the second person rejects it": {func(o *office) {
			o.agreed()
			o.done(hour(3), "tanaka", created("one.csv", hashOne))
			o.at(hour(4), "reject", by("kato"))
		}, "別担当者の確認で差戻し · not passed by the second person: kato rejected check", []string{"two.csv"}, 1},
		"it changes before the double check": {func(o *office) {
			o.changed = func(look int) bool { return look == 1 }
			o.agreed()
			o.done(hour(3), "tanaka", created("one.csv", hashOne))
		}, "the plan cannot be made: s3://in/shops/one.csv has another SHA-256", []string{"two.csv"}, 1},
		"it changes after the double check": {func(o *office) {
			o.changed = func(look int) bool { return look == 2 }
			o.first()
		}, "the plan cannot be made: s3://in/shops/one.csv has another SHA-256", []string{"two.csv"}, 1},
		"the load is rejected": {func(o *office) {
			o.ends = []func(workflow.Context) error{func(workflow.Context) error { return runbook.End(runbook.ErrRejected, "sato rejected content: no") }}
			o.first()
		}, "has not loaded it: sato rejected content: no", []string{"one.csv", "two.csv"}, 2},
		"the ministry does not accept it": {func(o *office) {
			o.first()
			o.at(hour(5), "reject", by("suzuki"))
		}, "受入されず · not accepted: suzuki rejected acceptance", []string{"one.csv", "two.csv"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOffice(newWorld(t))
			c.arrange(o)
			o.done(hour(6), "tanaka", created("s3://in/shops/two.csv", strings.ToUpper(hashTwo)))
			o.approveAsSeen(hour(7), "kato")
			o.approveAsSeen(hour(8), "ito")
			require.NoError(t, o.ask(request()))
			require.Contains(t, o.recorded("returned")["why"], c.says)
			var files []string
			for _, l := range o.loads {
				files = append(files, l.File)
			}
			require.Equal(t, c.loads, files)
			require.Len(t, slices.Compact(o.loadIDs), c.ids, "each load is a run of its own")
			require.Contains(t, o.effects(), "mail:support-returned")
			var r workflows.DataSupportResult
			require.NoError(t, o.env.GetWorkflowResult(&r))
			require.Equal(t, []any{8.0, 2, "two.csv", hashTwo, true}, []any{r.ActualHours, r.Rounds, r.File, r.SHA256, r.Accepted})
		})
	}
}

func TestSupportGivesUpAfterThreeFiles(t *testing.T) {
	o := withOffice(newWorld(t))
	o.checks = []activities.FileChecked{{Why: "a quote is left open in line 7"}}
	o.agreed()
	for n := range 3 {
		o.done(hour(3+n), "tanaka", created("one.csv", hashOne))
	}
	err := o.ask(request())
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, "a quote is left open in line 7. That was round 3 of 3, so the run ends")
	require.Empty(t, o.loads)
	require.Equal(t, 12.0, o.recorded("support")["actualHours"])
}

func TestSupportIsCancelled(t *testing.T) {
	for name, c := range map[string]struct {
		arrange func(*office)
		at      time.Time
		loads   int
	}{
		"before the estimate": {func(*office) {}, hour(1), 0},
		"while it is created": {func(o *office) { o.agreed() }, hour(3), 0},
		"at the double check": {func(o *office) { o.agreed(); o.done(hour(3), "tanaka", created("one.csv", hashOne)) }, hour(4), 0},
		"while it is loaded": {func(o *office) {
			o.ends = []func(workflow.Context) error{func(ctx workflow.Context) error { return workflow.Sleep(ctx, 50*time.Hour) }}
			o.first()
		}, hour(6), 1},
		"before it is accepted": {func(o *office) { o.first() }, hour(6), 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOffice(newWorld(t))
			c.arrange(o)
			message := by("kato")
			message["reason"] = "取りやめ"
			o.at(c.at, "cancel", message)
			err := o.ask(request())
			require.True(t, runbook.IsEnd(err, runbook.ErrCancelled), "%v", err)
			require.ErrorContains(t, err, "kato cancelled: 取りやめ")
			require.Len(t, o.loads, c.loads)
			require.Equal(t, givenUp, o.effects()[len(o.effects())-2:])
			require.Equal(t, name == "before it is accepted", strings.Contains(err.Error(), "Not put back: what was loaded into public.shops"))
			require.WithinDuration(t, c.at, *o.status().EndedAt, time.Minute, "the load gives up with it")
		})
	}
}

// Nobody looks at their own work, and nobody of the vendor accepts it.
func TestSupportRefusesWhoMayNotAndWhatDoesNotFit(t *testing.T) {
	estimated := func(o *office) { o.done(hour(1), "tanaka", estimate()) }
	reported := func(o *office) { o.agreed(); o.done(hour(3), "tanaka", created("one.csv", hashOne)) }
	approves := func(when int, person string) func(*office) {
		return func(o *office) { o.at(hour(when), "approve", by(person)) }
	}
	reports := func(when int, person string, values map[string]string) func(*office) {
		return func(o *office) { o.done(hour(when), person, values) }
	}
	with := func(values map[string]string, name, value string) map[string]string {
		values[name] = value
		return values
	}
	for name, c := range map[string]struct {
		before, attack func(*office)
		says           string
	}{
		"the requester agrees to the estimate":  {estimated, approves(2, "ito"), "ito requested or operates this change"},
		"the vendor agrees to its own estimate": {estimated, approves(2, "kato"), "kato does not have the role officer"},
		"the operator checks his own file":      {reported, approves(4, "tanaka"), "tanaka requested or operates this change"},
		"an officer does the double check":      {reported, approves(4, "suzuki"), "suzuki does not have the role operator"},
		"nobody does the double check":          {reported, approves(4, "mallory"), "nobody that system.yaml knows"},
		"the operator accepts his own work":     {func(o *office) { o.first() }, approves(5, "tanaka"), "tanaka does not have the role officer"},
		"the second person accepts it":          {func(o *office) { o.first() }, approves(5, "kato"), "kato does not have the role officer"},
		"the last second person creates":        {func(o *office) { o.agreed() }, reports(3, "kato", created("one.csv", hashOne)), `let tanaka do it, who operates this run and could not do the double check anyway (the gate "check" needs 1 approval(s)`},
		"the last second person estimates":      {func(*office) {}, reports(1, "kato", estimate()), "nobody would be left for the double check"},
		"an officer creates":                    {func(o *office) { o.agreed() }, reports(3, "suzuki", created("one.csv", hashOne)), "suzuki does not have the role operator"},
		"an estimate without hours":             {func(*office) {}, reports(1, "tanaka", map[string]string{"rows": "1"}), `the value "hours" is missing`},
		"an estimate of no hours":               {func(*office) {}, reports(1, "tanaka", with(estimate(), "hours", "0")), `hours is "0": want a number of hours above 0`},
		"an estimate of endless hours":          {func(*office) {}, reports(1, "tanaka", with(estimate(), "hours", "Inf")), `hours is "Inf"`},
		"an estimate of words":                  {func(*office) {}, reports(1, "tanaka", with(estimate(), "rows", "many")), `rows is "many": want a number of rows from 1`},
		"a hash that is none":                   {func(o *office) { o.agreed() }, reports(3, "tanaka", created("one.csv", "abc")), `sha256 is "abc": want 64 hex digits`},
		"a file that is not of the dataset":     {func(o *office) { o.agreed() }, reports(3, "tanaka", created("one.exe", hashOne)), `file "one.exe" does not match *.csv`},
		"a report with something else in it":    {func(o *office) { o.agreed() }, reports(3, "tanaka", with(created("one.csv", hashOne), "approve", "yes")), `done carries no value "approve" here`},
		"a report of hours that are no number":  {func(o *office) { o.agreed() }, reports(3, "tanaka", with(created("one.csv", hashOne), "hours", "NaN")), `hours is "NaN"`},
	} {
		t.Run(name, func(t *testing.T) {
			o := withOffice(newWorld(t))
			c.before(o)
			c.attack(o)
			err := o.ask(request())
			require.True(t, runbook.IsEnd(err, runbook.ErrExpired), "%v", err)
			last := o.status().Approvals[len(o.status().Approvals)-1]
			require.False(t, last.Accepted)
			require.Contains(t, last.Refusal, c.says)
		})
	}
}

func TestSupportRefusesBadInputBeforeAnyEffect(t *testing.T) {
	for says, spoil := range map[string]func(*workflows.DataSupportInput){
		"title is missing":           func(in *workflows.DataSupportInput) { in.Title = " " },
		"title must be one line":     func(in *workflows.DataSupportInput) { in.Title = "a\nb" },
		"request is missing":         func(in *workflows.DataSupportInput) { in.Request = "" },
		"dataset is missing":         func(in *workflows.DataSupportInput) { in.Dataset = "" },
		"operator is missing":        func(in *workflows.DataSupportInput) { in.Operator = "" },
		"expectedRows is -1":         func(in *workflows.DataSupportInput) { in.Expected = -1 },
		"deadline is missing":        func(in *workflows.DataSupportInput) { in.Deadline = "" },
		"has no zone":                func(in *workflows.DataSupportInput) { in.Deadline = "2027-01-29T10:00:00" },
		`"2027-02-30" is not a time`: func(in *workflows.DataSupportInput) { in.Deadline = "2027-02-30" },
		"such as +10bd, will do":     func(in *workflows.DataSupportInput) { in.Deadline = "soon" },
	} {
		o := withOffice(newWorld(t))
		in := request()
		spoil(&in)
		err := o.ask(in)
		require.True(t, runbook.IsEnd(err, runbook.ErrInvalidInput), "%v", err)
		require.ErrorContains(t, err, says)
		require.Empty(t, o.effects())
	}
}

func TestSupportThatNobodyCouldCheckIsRefusedAtTheStart(t *testing.T) {
	o := withOffice(newWorld(t))
	o.eligible = []string{"ito"} // who asks is the only officer: nobody could agree to the estimate
	err := o.ask(request())
	require.True(t, runbook.IsEnd(err, runbook.ErrRefused), "%v", err)
	require.ErrorContains(t, err, `the gate "estimate" needs 1 approval(s)`)
	require.Empty(t, o.effects())
}

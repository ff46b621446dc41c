package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"tejun/activities"
	"tejun/workflows/runbook"
)

// loadName tells the loads apart: the first, second … load of this very file in this run. It does not depend on the round, since
// after a Reset a file may come in another one.
func (s *supporting) loadName(n int) string {
	if s.second {
		n = s.loads[s.result.SHA256] + 1
	}
	return fmt.Sprintf("load-%d-%.8s", n, s.result.SHA256)
}

// fits says whether the file may go on. One that the table holds already may if this run has loaded it itself, before a Reset.
func (s *supporting) fits(ctx workflow.Context, n int) (bool, error) {
	if s.result.Checked.Fits || s.result.Checked.Already == "" {
		return s.result.Checked.Fits, nil
	}
	return s.HasChild(ctx, s.loadName(n))
}

// loadFile runs DataLoad for exactly the file that was looked at.
func (s *supporting) loadFile(n int, ended *runbook.Ended[DataLoadResult]) runbook.StepSpec {
	return runbook.StepSpec{
		Name: "load", Title: "データ登録（DataLoad）の実行と終了待ち · Run DataLoad and wait for its end",
		Do: func(ctx workflow.Context) (err error) {
			for try := 1; ; try++ {
				*ended, err = runbook.Child[DataLoadResult](ctx, s.Run, s.load(n))
				if err != nil || !s.second {
					return err
				}
				s.loads[s.result.SHA256]++
				if ended.Busy {
					again, err := s.WaitForOther(ctx, try, ended.Words)
					if err == nil && !again {
						err = runbook.End(activities.Locked, "%s could not begin: %s. Answer retry when that run has ended", ended.ID, ended.Words)
					}
					if err != nil {
						return err
					}
					continue
				}
				// What was loaded before a Reset and is not there any more is loaded once more.
				if !ended.Adopted || ended.Kind != "" || s.found.Holds != nil {
					return nil
				}
			}
		},
	}
}

func (s *supporting) load(n int) runbook.ChildRun {
	c := runbook.ChildRun{
		Runbook: dataLoad.Name, Name: s.loadName(n), Title: s.in.Title + " · " + dataLoad.Title,
		Lasts: fmt.Sprintf("what was loaded into %s from %s (tejun_load.ledger): the way back is the snapshot before it, or the earlier edition of the file", s.on.Table, s.result.File),
	}
	in := DataLoadInput{
		Dataset: s.in.Dataset, File: s.result.File, SHA256: s.result.SHA256, Expected: s.in.Expected,
		Reason: s.in.Title + "（業務運用支援 " + s.Status().ID + "）", Requester: s.in.Requester, Operator: s.in.Operator,
	}
	if s.second {
		in.Hands = slices.DeleteFunc(s.Hands(), func(id string) bool { return id == s.on.Operator })
		c.Left = func(ctx workflow.Context, ended runbook.EndedRun) ([]string, error) {
			return s.left(ctx, ended, c.Lasts)
		}
	}
	c.Input = in
	return c
}

// left asks the ledger what the load has left, however it has ended. Its snapshot is kept until this run ends: until then the
// ministry may say that it wants the earlier rows back.
func (s *supporting) left(ctx workflow.Context, ended runbook.EndedRun, lasts string) (stays []string, err error) {
	s.found, err = runbook.Call(ctx, runbook.Settle, dataLoads.FindLoadedFile, activities.LoadedFile{DataLoad: s.file(), Load: ended.Operation})
	if err != nil || s.found.Imported == nil {
		return nil, err
	}
	s.result.Load, s.result.Counts = ended.ID, s.found.Imported.Counts
	snapshot := activities.SnapshotResource(loadSnapshotID(ended.Operation))
	from := workflow.Now(ctx)
	return []string{lasts}, s.Reserve(ctx, []string{snapshot}, from, from.Add(longestKept))
}

// longestKept is until when a snapshot is said to be needed. It is kept until the run ends, even if that comes later.
const longestKept = 90 * 24 * time.Hour

// settle says what has become of the file by its load: it is delivered, or it goes back.
func (s *supporting) settle(ended runbook.Ended[DataLoadResult]) *returned {
	s.result.Already, s.result.Trouble = "", ""
	switch {
	case ended.Kind == "":
		s.result.Load, s.result.Counts, s.result.Already = ended.ID, ended.Result.Counts, ended.Result.Already
	case s.second && s.found.Imported != nil && s.found.Holds != nil:
		s.result.Trouble = ended.Words
	case s.second && s.found.Imported != nil:
		return &returned{ended.Kind, "登録後に異常終了（表の内容は登録時と異なります） · " + ended.ID + " has loaded it and failed afterwards, and the table does not hold it as it was loaded: " + ended.Words}
	default:
		return &returned{ended.Kind, "登録されず · " + ended.ID + " has not loaded it: " + ended.Words}
	}
	return nil
}

// alreadyNote tells the ministry that somebody else had loaded the very file that was delivered, "" if nobody had.
func (s *supporting) alreadyNote() string {
	if s.result.Already == "" || !s.second {
		return ""
	}
	return fmt.Sprintf("このファイルは別の登録（操作 %s）により登録済みでした。今回の登録では何も変更しておらず、件数はその登録のものです · another load (operation %s) had loaded this very file: nothing was changed, and the numbers are those of that load", s.result.Already, s.result.Already)
}

// troubleNote tells the ministry that the load has failed after it had loaded the file, "" if it has not.
func (s *supporting) troubleNote() string {
	if s.result.Trouble == "" {
		return ""
	}
	return "登録は完了し、表の内容はこのファイルのとおりですが、その後の手順が異常終了しています · the file is loaded and the table holds it, but the load failed afterwards: " + s.result.Trouble
}

// lookAgain reads the file once more and says what it is now. An outage holds the run here: it is not the file's fault.
func (s *supporting) lookAgain(ctx workflow.Context) (seen activities.FileHashed, err error) {
	look := func(ctx workflow.Context) error {
		seen, err = runbook.Call(ctx, runbook.Settle, dataLoads.HashDataFile, s.file())
		return err
	}
	if !s.second {
		return seen, look(ctx)
	}
	err = s.Step(ctx, s.lookStep(look))
	return seen, err
}

func (s *supporting) lookStep(look func(workflow.Context) error) runbook.StepSpec {
	return runbook.StepSpec{Name: "look-again", Title: "ファイルが変わっていないことの確認 · Make sure that the file is still the same", Do: look}
}

// decide shows a plan and asks at a gate. A person's rejection, or a file that has become another one, leads back to the creation;
// nothing else does.
func (s *supporting) decide(ctx workflow.Context, plan planner, gate runbook.Gate, prefix string) (*returned, error) {
	s.gone = ""
	err := s.Planned(ctx, plan)
	if err == nil {
		err = s.pass(ctx, gate)
	}
	if runbook.IsEnd(err, runbook.ErrRejected) {
		return &returned{runbook.ErrRejected, prefix + runbook.Words(err)}, nil
	}
	if runbook.IsEnd(err, runbook.ErrRefused) && (s.gone != "" || !s.second) {
		return &returned{runbook.ErrRefused, prefix + runbook.Words(err)}, nil
	}
	return nil, err
}

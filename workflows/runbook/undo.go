package runbook

import (
	"slices"
	"strings"

	"go.temporal.io/sdk/workflow"
)

// mostPages is how often people are paged about something that could not be put back before the run ends.
const mostPages = 3

type undoEntry struct {
	step StepSpec
	of   string // name of the step that it undoes, "" for what stands for the way back in any case
	done bool
}

// OnReturn registers what has to be done on the way back. The way back runs in reverse order and is the same whether
// the work was finished, cancelled or given up.
func (r *Run) OnReturn(s StepSpec) { r.undo = append(r.undo, undoEntry{step: s}) }

// WasReset tells whether the run goes on after a Reset: then an earlier life of it may have done what this one has not come to.
func (r *Run) WasReset(ctx workflow.Context) bool { return r.life(ctx) != r.original }

// MayHaveDone registers the undos of steps that an earlier life of the run may have done, in their order. What the steps of this life have
// registered is replaced by them, and stays done if it is; what is not among them stays first.
func (r *Run) MayHaveDone(steps ...StepSpec) {
	var all []undoEntry
	for _, s := range steps {
		if s.Undo == nil {
			continue
		}
		entry := undoOf(s)
		if i := slices.IndexFunc(r.undo, func(e undoEntry) bool { return e.of == s.Name }); i >= 0 {
			entry.done = r.undo[i].done
			r.undo = slices.Delete(r.undo, i, i+1)
		}
		all = append(all, entry)
	}
	r.undo = append(r.undo, all...)
}

func undoOf(s StepSpec) undoEntry {
	return undoEntry{step: StepSpec{Name: "undo-" + s.Name, Title: s.UndoTitle, Do: s.Undo, SkipIf: "somebody has put it back by hand", Skipped: s.Skipped}, of: s.Name}
}

// Keep lets everything that the steps have done so far stay, whatever becomes of the run: their undos are dropped. What stands
// for the way back in any case (OnReturn) is still done.
func (r *Run) Keep() {
	r.undo = slices.DeleteFunc(r.undo, func(e undoEntry) bool {
		if e.of != "" {
			r.kept = append(r.kept, e.of)
		}
		return e.of != ""
	})
}

// Return puts everything back, in reverse order, on a context that no cancellation reaches. A failed undo stops the way
// back, since what comes after may rely on it: people are paged, and answer retry, or skip after they have put it
// back by hand. If nobody answers, the run ends and says exactly what is not put back.
func (r *Run) Return(ctx workflow.Context) error {
	ctx, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	for i := len(r.undo) - 1; i >= 0; i-- {
		entry := &r.undo[i]
		if entry.done {
			continue
		}
		if err := r.putBack(ctx, entry.step); err != nil {
			return err
		}
		entry.done = true
		if entry.of != "" {
			r.markUndone(entry.of)
		}
	}
	return nil
}

// putBack runs one undo and repeats the page while nobody answers.
func (r *Run) putBack(ctx workflow.Context, s StepSpec) error {
	for page := 1; ; page++ {
		err := r.perform(ctx, s, Undoing, []string{Retry, Skip})
		if err == nil {
			return nil
		}
		// No cancellation reaches the way back. An undo that says it was cancelled did not happen, and nobody was asked about it.
		if page == mostPages || WasCancelled(ctx, err) {
			r.Record(ctx, "undo-failed", s.Name, map[string]any{"problem": Words(err), "left": r.left()})
			return End(ErrUndoFailed, "%s. Not put back: %s. Put it back by hand: the saved state is in the records database under operation %s",
				Words(err), strings.Join(r.left(), ", "), r.Operation())
		}
	}
}

// left names what the way back has not reached, in its order.
func (r *Run) left() []string {
	names := []string{}
	for i := len(r.undo) - 1; i >= 0; i-- {
		if !r.undo[i].done {
			names = append(names, r.undo[i].step.Name)
		}
	}
	return names
}

func (r *Run) markUndone(step string) {
	for i := range r.status.Steps {
		if line := &r.status.Steps[i]; line.Name == step && line.State == StepDone {
			line.State = StepUndone
		}
	}
}

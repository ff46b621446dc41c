package e2e

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// Every write of a release goes wrong once, on the way in, and every write of the way back. It goes on by itself, and every effect
// is there once, in the same order as without a fault.
func TestFaultOfAnyWriteOfAReleaseIsMendedWithoutASecondEffect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, operation string
		back               bool
	}{
		{"codepipeline", "StartPipelineExecution", false},
		{"codepipeline", "PutApprovalResult", false},
		{"lambda", "UpdateFunctionCode", false},
		{"lambda", "PublishVersion", false},
		{"lambda", "UpdateAlias", false},
		{"s3", "PutObject", false},
		{"cloudfront", "CreateInvalidation", false},
		{"s3", "DeleteObject", true},
		{"s3", "PutObject", true},
		{"cloudfront", "CreateInvalidation", true},
		{"lambda", "UpdateAlias", true},
		{"ecs", "UpdateService", true},
	} {
		for kind, outcome := range kinds {
			way := "in"
			if c.back {
				way = "back"
			}
			t.Run(way+"/"+c.operation+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := releases(t, func(s *system.System) {
					if c.back {
						s.Releases.Watch.Duration = system.Duration(time.Hour)
					}
				})
				strike := sandbox.Fault{Service: c.service, Operation: c.operation, Kind: kind, Times: 1}
				r := w.begin("Release", wanted(t, sandbox.ImageNext))
				s := r.asks("approval", "release")
				if !c.back {
					w.fault(strike)
					r.answer(s, runbook.Approve, "sato")
					r.done()
					require.Equal(t, broughtIn, w.made())
				} else {
					r.answer(s, runbook.Approve, "sato")
					watch := r.asks("watch", "watch")
					w.fault(strike)
					r.answer(watch, runbook.Rollback, "kato")
					r.ends(runbook.ErrRolledBack)
					require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
				}
				w.isReleased(!c.back)
				require.Zero(t, r.kinds("held"))
				require.Equal(t, 1, struck(w.journal(), c.operation, outcome), "the fault struck")
			})
		}
	}
}

// Reads lag behind writes: those that follow a write show what was there before it, on the way in and on the way back.
func TestStaleReadsOfAReleaseLeadToNoSecondEffectAndNoFalseReturn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, operation string
		reads              int    // that lag after a write; there are so many
		into, back         string // writes after which the reads lag; "": nothing that is read so is written on that way
	}{
		{"codepipeline", "GetPipelineState", 2, "StartPipelineExecution", ""},
		{"codepipeline", "GetPipelineExecution", 2, "PutApprovalResult", ""},
		{"ecs", "DescribeServices", 1, "PutApprovalResult", "UpdateService"},
		{"ecs", "ListTasks", 2, "PutApprovalResult", "UpdateService"},
		{"ecs", "DescribeTasks", 2, "PutApprovalResult", "UpdateService"},
		{"lambda", "GetFunctionConfiguration", 2, "UpdateFunctionCode", ""},
		{"lambda", "GetFunctionConfiguration", 2, "PublishVersion", ""},
		{"lambda", "GetAlias", 2, "UpdateAlias", "UpdateAlias"},
		{"s3", "GetObject", 2, "PutObject", "PutObject"},
		{"s3", "GetObject", 2, "PutObject", "DeleteObject"},
		{"cloudfront", "GetInvalidation", 2, "CreateInvalidation", "CreateInvalidation"},
	} {
		t.Run(c.operation+"/"+c.into+"/"+c.back, func(t *testing.T) {
			t.Parallel()
			w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
			lag := func(after string) {
				if after != "" {
					w.fault(sandbox.Fault{Service: c.service, Operation: c.operation, Kind: sandbox.FaultStaleRead, Times: c.reads, After: after})
				}
			}
			lagged := func() {
				left, err := w.box.Faults()
				require.NoError(t, err)
				require.Empty(t, left, "reads that never lagged")
			}
			r := w.begin("Release", wanted(t, sandbox.ImageNext))
			s := r.asks("approval", "release")
			lag(c.into)
			r.answer(s, runbook.Approve, "sato")
			watch := r.asks("watch", "watch")
			lagged()
			require.Equal(t, broughtIn, w.made())
			lag(c.back)
			r.answer(watch, runbook.Rollback, "kato")
			r.ends(runbook.ErrRolledBack)
			lagged()
			require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
			w.isReleased(false)
			require.Zero(t, r.kinds("held"))
		})
	}
}

// A pipeline that has not come to its approval is stopped when the release is given up, so that it deploys nothing later.
func TestAReleaseThatIsGivenUpBeforeItsApprovalStopsThePipeline(t *testing.T) {
	t.Parallel()
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := releases(t)
			w.fault(sandbox.Fault{Service: "codepipeline", Operation: "GetPipelineState", Kind: sandbox.FaultDenied, Times: 1})
			in := wanted(t, sandbox.ImageNext)
			in.Parts = in.Parts[:1]
			r := w.begin("Release", in)
			r.answer(r.asks("approval", "release"), runbook.Approve, "sato")
			held := r.asks("held", "approve-web")
			w.fault(sandbox.Fault{Service: "codepipeline", Operation: "StopPipelineExecution", Kind: kind, Times: 1})
			r.answer(held, runbook.Rollback, "kato")
			r.ends(runbook.ErrRolledBack)
			require.Equal(t, []string{"StartPipelineExecution", "StopPipelineExecution"}, w.made())
			require.Equal(t, 1, struck(w.journal(), "StopPipelineExecution", outcome))
		})
	}
}

// A run that is reset to its start finds what it has released itself. It does nothing twice, asks again, and still knows the way back.
func TestAReleaseThatIsResetKeepsItsWayBack(t *testing.T) {
	t.Parallel()
	w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
	r := w.begin("Release", wanted(t, sandbox.ImageNext))
	first := r.asks("approval", "release")
	r.answer(first, runbook.Approve, "sato")
	r.asks("watch", "watch")
	r.reset(started)
	again := r.asks("approval", "release")
	require.NotEqual(t, first.RunID, again.RunID)
	for i, change := range again.Plan.Changes {
		require.Equal(t, first.Plan.Changes[i].BeforeHash, change.BeforeHash, change.Resource)
	}
	r.answer(again, runbook.Approve, "suzuki")
	r.answer(r.asks("watch", "watch"), runbook.Rollback, "kato")
	r.ends(runbook.ErrRolledBack)
	require.Equal(t, slices.Concat(broughtIn, takenBack), w.made())
	w.isReleased(false)
}

// A refusal for lack of permission is not repeated: the release is held until somebody has given the permission, on each way.
func TestMissingPermissionOfAReleaseIsHeldUntilItIsGiven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ service, operation, into, back string }{
		{"codepipeline", "StartPipelineExecution", "start-web", ""},
		{"codepipeline", "PutApprovalResult", "approve-web", ""},
		{"lambda", "UpdateFunctionCode", "code-index", ""},
		{"lambda", "PublishVersion", "publish-index", ""},
		{"lambda", "UpdateAlias", "alias-index", "undo-alias-index"},
		{"s3", "PutObject", "files-guide", "undo-files-guide"},
		{"s3", "DeleteObject", "", "undo-files-guide"},
		{"cloudfront", "CreateInvalidation", "files-guide", "undo-files-guide"},
		{"ecs", "UpdateService", "", "undo-start-web"},
	} {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			w := releases(t, func(s *system.System) { s.Releases.Watch.Duration = system.Duration(time.Hour) })
			forbid := func() {
				w.fault(sandbox.Fault{Service: c.service, Operation: c.operation, Kind: sandbox.FaultDenied, Times: sandbox.Forever})
			}
			r := w.begin("Release", wanted(t, sandbox.ImageNext))
			s := r.asks("approval", "release")
			held := 0
			if c.into != "" {
				forbid()
				held++
			}
			r.answer(s, runbook.Approve, "sato")
			if c.into != "" {
				r.permit(c.into)
			}
			watch := r.asks("watch", "watch")
			require.Equal(t, broughtIn, w.made())
			if c.back != "" {
				forbid()
				held++
			}
			r.answer(watch, runbook.Rollback, "kato")
			if c.back != "" {
				r.permit(c.back)
			}
			r.ends(runbook.ErrRolledBack)
			require.Equal(t, slices.Concat(broughtIn, takenBack), w.made(), "each effect once")
			w.isReleased(false)
			require.Equal(t, held, r.kinds("held"))
			require.GreaterOrEqual(t, struck(w.journal(), c.operation, "error:"), held, "the fault struck")
		})
	}
}

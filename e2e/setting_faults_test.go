package e2e

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows"
	"tejun/workflows/runbook"
)

// Every write goes wrong once on each way: the change is made in an emergency, and put back because it is rejected.
func TestFaultOfAnyWriteOfAChangeIsMendedWithoutASecondEffect(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, into, back string
		setting             workflows.SettingValue
		also                []string // evaluations that follow the change
	}{
		{"ssm", "PutParameter", "PutParameter", modeOff, nil},
		{"ecs", "UpdateService", "UpdateService", moreTasks, nil},
		{"wafv2", "UpdateIPSet", "UpdateIPSet", settingTo("blocked-networks", `["203.0.113.128/25"]`, `["198.51.100.0/25"]`), nil},
		{"cloudwatch logs", "PutRetentionPolicy", "PutRetentionPolicy", moreDays, []string{"StartConfigRulesEvaluation"}},
		{"cloudwatch logs", "DeleteRetentionPolicy", "PutRetentionPolicy", settingTo("web-log-days", `365`, `0`), []string{"StartConfigRulesEvaluation"}},
		{"cloudwatch", "PutMetricAlarm", "PutMetricAlarm", settingTo("api-error-alarm", `1`, `5`), []string{"StartConfigRulesEvaluation"}},
	} {
		for kind, outcome := range kinds {
			t.Run(c.into+"/"+kind, func(t *testing.T) {
				t.Parallel()
				w := newCabinet(t)
				strike := func(operation string) {
					w.fault(sandbox.Fault{Service: c.service, Operation: operation, Kind: kind, Times: 1})
				}
				strike(c.into)
				r := w.changed(system.ClassEmergency, c.setting)
				asked := r.asks("approval", "afterwards")
				require.Equal(t, 1, struck(w.journal(), c.into, outcome), "the fault struck on the way in")
				strike(c.back)
				r.answer(asked, runbook.Reject, "sato")
				r.ends(runbook.ErrRejected)
				require.Zero(t, r.kinds("held"), "nobody was asked about anything")
				require.Equal(t, slices.Concat([]string{c.into}, c.also, []string{c.back}), w.written(), "each effect once")
				left, err := w.box.Faults()
				require.NoError(t, err)
				require.Empty(t, left, "faults that never struck")
				if c.also == nil { // an evaluation has no way back
					w.asBefore()
				}
				assert.Equal(t, []string{"planned", "running", "applied", "undone"}, r.states())
			})
		}
	}
}

// A shorter retention is no emergency: it is put back because it breaks a rule. Before it, the log group kept its events for ever.
func TestFaultOfTheRemovalOfARetentionOnTheWayBackIsMended(t *testing.T) {
	t.Parallel()
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newCabinet(t)
			group, known := w.system().Setting("web-log-days")
			require.True(t, known)
			_, err := cloudwatchlogs.NewFromConfig(w.aws).DeleteRetentionPolicy(t.Context(), &cloudwatchlogs.DeleteRetentionPolicyInput{LogGroupName: &group.Resource})
			require.NoError(t, err)
			w.before = w.snapshot()
			w.fault(sandbox.Fault{Service: "cloudwatch logs", Operation: "DeleteRetentionPolicy", Kind: kind, Times: 1})
			r := w.changed(system.ClassNormal, settingTo("web-log-days", `0`, `7`))
			r.answer(r.asks("approval", "normal"), runbook.Approve, "sato")
			r.ends(runbook.ErrRolledBack)
			require.Zero(t, r.kinds("held"))
			require.Equal(t, 1, struck(w.journal(), "DeleteRetentionPolicy", outcome), "the fault struck")
			require.Equal(t, []string{"PutRetentionPolicy", "StartConfigRulesEvaluation", "DeleteRetentionPolicy"}, w.written(), "each effect once")
		})
	}
}

// The evaluation by AWS Config goes wrong once. While one is going on AWS begins no second one.
func TestFaultOfTheEvaluationOfAChangeIsMendedWithoutASecondOne(t *testing.T) {
	t.Parallel()
	for kind, outcome := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			w := newCabinet(t)
			require.NoError(t, w.box.SetTimeScale(0.4)) // an evaluation takes seconds
			w.fault(sandbox.Fault{Service: "config service", Operation: "StartConfigRulesEvaluation", Kind: kind, Times: 1})
			r := w.changed(system.ClassNormal, moreDays)
			r.answer(r.asks("approval", "normal"), runbook.Approve, "sato")
			r.done()
			require.Zero(t, r.kinds("held"))
			require.Equal(t, 1, struck(w.journal(), "StartConfigRulesEvaluation", outcome), "the fault struck")
			require.Equal(t, []string{"PutRetentionPolicy", "StartConfigRulesEvaluation"}, w.written(), "each effect once")
		})
	}
}

// A refusal for lack of permission is not repeated: the change is held until somebody has given the permission, on each way.
func TestMissingPermissionOfAChangeIsHeldUntilItIsGiven(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, operation string
		setting            workflows.SettingValue
		evaluated          []string
	}{
		{"ssm", "PutParameter", modeOff, nil},
		{"ecs", "UpdateService", moreTasks, nil},
		{"wafv2", "UpdateIPSet", settingTo("blocked-networks", `["203.0.113.128/25"]`, `["198.51.100.0/25"]`), nil},
		{"cloudwatch logs", "PutRetentionPolicy", moreDays, []string{"StartConfigRulesEvaluation"}},
		{"cloudwatch", "PutMetricAlarm", settingTo("api-error-alarm", `1`, `5`), []string{"StartConfigRulesEvaluation"}},
	} {
		t.Run(c.operation, func(t *testing.T) {
			t.Parallel()
			w := newCabinet(t)
			forbid := func() {
				w.fault(sandbox.Fault{Service: c.service, Operation: c.operation, Kind: sandbox.FaultDenied, Times: sandbox.Forever})
			}
			forbid()
			r := w.changed(system.ClassEmergency, c.setting)
			r.permit("set-" + c.setting.Setting)
			asked := r.asks("approval", "afterwards")
			forbid()
			r.answer(asked, runbook.Reject, "sato")
			r.permit("undo-set-" + c.setting.Setting)
			r.ends(runbook.ErrRejected)
			require.Equal(t, slices.Concat([]string{c.operation}, c.evaluated, []string{c.operation}), w.written(), "each effect once")
			require.GreaterOrEqual(t, struck(w.journal(), c.operation, "error:"), 2, "on each way")
		})
	}
}

// Reads that lag behind show what was there before the last change.
func TestStaleReadsChangeNoSettingTwice(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		service, read string
		setting       workflows.SettingValue
		written       []string
	}{
		{"ssm", "GetParameter", modeOff, []string{"PutParameter", "PutParameter"}},
		{"ecs", "DescribeServices", moreTasks, []string{"UpdateService", "UpdateService"}},
		{"wafv2", "GetIPSet", settingTo("blocked-networks", `["203.0.113.128/25"]`, `["198.51.100.0/25"]`), []string{"UpdateIPSet", "UpdateIPSet"}},
		{"cloudwatch logs", "DescribeLogGroups", moreDays, []string{"PutRetentionPolicy", "StartConfigRulesEvaluation", "PutRetentionPolicy"}},
		{"cloudwatch", "DescribeAlarms", settingTo("api-error-alarm", `1`, `5`), []string{"PutMetricAlarm", "StartConfigRulesEvaluation", "PutMetricAlarm"}},
	} {
		t.Run(c.read, func(t *testing.T) {
			t.Parallel()
			w := newCabinet(t)
			lag := func(times int) {
				w.fault(sandbox.Fault{Service: c.service, Operation: c.read, Kind: sandbox.FaultStaleRead, Times: times})
			}
			lag(4) // the first ones come before the change, and are right
			r := w.changed(system.ClassEmergency, c.setting)
			asked := r.asks("approval", "afterwards")
			require.NoError(t, w.box.ClearFaults())
			lag(2)
			r.answer(asked, runbook.Reject, "sato")
			r.ends(runbook.ErrRejected)
			require.Zero(t, r.kinds("held"))
			require.Equal(t, c.written, w.written())
		})
	}
}

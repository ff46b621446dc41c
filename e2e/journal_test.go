package e2e

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

// effects are the writes that really changed something, mail left out, as "operation resource". Services are stopped and
// started side by side, so neighbours of one operation stand in the order of their names.
func effects(entries []sandbox.Entry) []string {
	var all []string
	begin, last := 0, ""
	for _, e := range entries {
		if !e.Effect || e.Operation == "SendEmail" {
			continue
		}
		if name := operationName(e); name != last {
			slices.Sort(all[begin:])
			begin, last = len(all), name
		}
		all = append(all, last+" "+e.Resource)
	}
	slices.Sort(all[begin:])
	return all
}

// operationName tells a stop from a start, and a pause from a resumption, which are the same operation to AWS.
func operationName(e sandbox.Entry) string {
	var to struct {
		DesiredCount *int32
		State        string
	}
	if err := json.Unmarshal(e.Params, &to); err != nil {
		return e.Operation + " " + err.Error()
	}
	switch {
	case to.DesiredCount != nil:
		return fmt.Sprintf("%s %d", e.Operation, min(*to.DesiredCount, 1))
	case to.State != "":
		return e.Operation + " " + to.State
	}
	return e.Operation
}

// into and back are the effects of an outage in the order that the procedure demands.
func (r *run) into() []string {
	e := r.effectNames()
	return []string{
		"CreateDBClusterSnapshot " + e.snapshot, "DisableAlarmActions " + e.alarms, "UpdateSchedule DISABLED " + e.jobs[0],
		"UpdateSchedule DISABLED " + e.jobs[1], "PutObject " + e.page, "UpdateDistribution " + e.distribution,
		"CreateInvalidation " + e.distribution, "UpdateWebACL " + e.acl, "UpdateService 0 " + e.services[0], "UpdateService 0 " + e.services[1],
	}
}

func (r *run) back() []string {
	e := r.effectNames()
	return []string{
		"UpdateService 1 " + e.services[0], "UpdateService 1 " + e.services[1], "UpdateWebACL " + e.acl,
		"UpdateDistribution " + e.distribution, "CreateInvalidation " + e.distribution, "DeleteObject " + e.page,
		"UpdateSchedule ENABLED " + e.jobs[0], "UpdateSchedule ENABLED " + e.jobs[1], "EnableAlarmActions " + e.alarms,
	}
}

// names are the resources of an outage as the journal has them.
type names struct {
	snapshot, alarms, page, distribution, acl string
	jobs, services                            [2]string
}

func (r *run) effectNames() names {
	sys, key := r.system(), r.operation()
	return names{
		snapshot:     "rds:cluster-snapshot/" + sys.Database.SnapshotPrefix + "-" + key,
		alarms:       "cloudwatch:alarm/" + strings.Join(slices.Sorted(slices.Values(sys.Alarms)), ","),
		page:         "s3:object/" + sys.Maintenance.Bucket + sys.Maintenance.PathPrefix + key + ".html",
		distribution: "cloudfront:distribution/" + sys.Distribution.ID,
		acl:          "wafv2:webacl/" + sys.WAF.WebACLID,
		jobs:         [2]string{"scheduler:schedule/default/gzs-hourly-index", "scheduler:schedule/default/gzs-nightly-import"},
		services:     [2]string{"ecs:service/" + sys.ECS.Cluster + "/gzs-api", "ecs:service/" + sys.ECS.Cluster + "/gzs-batch"},
	}
}

// operation is the stable key of the run's effects, read from the name of its snapshot in the plan.
func (r *run) operation() string {
	r.t.Helper()
	s := r.status()
	require.NotNil(r.t, s.Plan, "there is no plan yet")
	key, found := strings.CutPrefix(s.Plan.Changes[0].Resource, "rds:cluster-snapshot/"+r.system().Database.SnapshotPrefix+"-")
	require.True(r.t, found, s.Plan.Changes[0].Resource)
	return key
}

// onceEach makes sure that every effect of a whole outage took place once, in order.
func (r *run) onceEach() {
	r.t.Helper()
	require.Equal(r.t, slices.Concat(r.into(), r.back()), effects(r.journal()))
}

// told makes sure that the users got the two mails, in order.
func (r *run) told() {
	r.t.Helper()
	require.Equal(r.t, []string{announced, over}, r.mails("users"))
}

// The subjects of the mails to users.
const (
	announced = "【計画停止のお知らせ】データベース更新に伴う計画停止（GZSインフラ（見本））"
	over      = "【計画停止終了のお知らせ】データベース更新に伴う計画停止（GZSインフラ（見本））"
	calledOff = "【計画停止中止のお知らせ】データベース更新に伴う計画停止（GZSインフラ（見本））"
)

// untouched makes sure that the sandbox is as it was when the world was made. What an outage leaves on purpose is the
// snapshot of the database; and CloudFront keeps a list of invalidations.
func (w *world) untouched() {
	w.t.Helper()
	was, err := w.before.Content()
	require.NoError(w.t, err)
	now := w.snapshot()
	is, err := now.Content()
	require.NoError(w.t, err)
	maps.DeleteFunc(is, func(key, _ string) bool {
		_, there := was[key]
		return !there && (strings.HasPrefix(key, "rds:cluster-snapshot/") || strings.HasPrefix(key, "cloudfront:invalidation"))
	})
	require.Equal(w.t, was, is)
	require.Equal(w.t, w.distribution(w.before), w.distribution(now), "byte for byte")
}

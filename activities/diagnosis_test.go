package activities

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sandbox"
)

// sources are those of the example, for the last hour.
func (b *bench) sources() IncidentSources {
	in := IncidentSources{
		Cluster: b.system.ECS.Cluster, Alarms: b.system.Alarms, LogGroups: b.system.Incidents.Evidence.LogGroups, Pattern: b.system.Incidents.Evidence.Pattern,
		From: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Minute),
	}
	for _, s := range b.system.ECS.Services {
		in.Services = append(in.Services, s.Service)
	}
	return in
}

// ring brings an alarm into a state.
func (b *bench) ring(name string, state cwtypes.StateValue) {
	b.t.Helper()
	_, err := cloudwatch.NewFromConfig(b.cfg).SetAlarmState(b.t.Context(), &cloudwatch.SetAlarmStateInput{AlarmName: &name, StateValue: state, StateReason: aws.String("5 of 5 datapoints")})
	require.NoError(b.t, err)
}

// about are the facts of a source, in words.
func about(facts []records.Fact, source string) (words []string) {
	for _, f := range facts {
		if strings.HasPrefix(f.Source, source) {
			words = append(words, fmt.Sprintf("%v %s", f.Bad, f.What))
		}
	}
	return words
}

func TestADiagnosisReadsServicesAlarmsAndErrors(t *testing.T) {
	b := newBench(t)
	b.ring("gzs-api-5xx", cwtypes.StateValueAlarm)
	var lines []sandbox.LogEvent
	for i := range 1203 {
		lines = append(lines, sandbox.LogEvent{At: time.Now(), Message: fmt.Sprintf("ERROR pool exhausted after %d ms for taro@example.jp", i)})
	}
	lines = append(lines, sandbox.LogEvent{At: time.Now(), Message: "ERROR データベースに接続できない 電話 03-1234-5678"}, sandbox.LogEvent{At: time.Now(), Message: "INFO 正常"})
	require.NoError(t, b.box.WriteLog("/ecs/gzs-api", "task", lines...))
	before := len(must(b, b.set.Diagnosis.CollectIncidentFacts, b.sources()).Facts)
	require.Positive(t, before)
	found := must(b, b.set.Diagnosis.CollectIncidentFacts, b.sources())
	require.True(t, found.Facts[0].Bad, "what is wrong comes first")
	require.Contains(t, strings.Join(about(found.Facts, "ecs:gzs-infra/gzs-api"), "\n"), "false 稼働中 2／2、起動中 0 (gzs-api:7) · 2 of 2 tasks run, 0 are starting")
	require.Contains(t, strings.Join(about(found.Facts, "ecs:gzs-infra/gzs-web"), "\n"), "デプロイ PRIMARY gzs-web:7: COMPLETED")
	require.Contains(t, about(found.Facts, "cloudwatch:alarm/gzs-api-5xx")[0], "true ALARM、")
	require.Contains(t, about(found.Facts, "cloudwatch:alarm/gzs-web-unhealthy-hosts")[0], "false OK、")
	logs := about(found.Facts, "logs:/ecs/gzs-api")
	require.Len(t, logs, 3, "two kinds of messages, and how many there are")
	require.Equal(t, "true ERROR pool exhausted after 0 ms for ‹mail›", logs[0], "what may be personal is masked")
	require.Equal(t, "true ERROR データベースに接続できない 電話 ‹number›", logs[1])
	require.Contains(t, logs[2], `"ERROR" を含むログ 1204 件`, "over several pages")
	require.Contains(t, about(found.Facts, "logs:/ecs/gzs-web")[0], `を含むログ 0 件（`)
}

func TestASourceThatCannotBeReadIsAFact(t *testing.T) {
	b := newBench(t)
	b.fault("ecs", "DescribeServices", sandbox.FaultDenied)
	in := b.sources()
	in.Alarms = append(in.Alarms, "gone")
	in.LogGroups = []string{"/none"}
	found := must(b, b.set.Diagnosis.CollectIncidentFacts, in)
	require.Contains(t, about(found.Facts, "ecs:gzs-infra")[0], "true 読み取れません · could not be read: read the services gzs-web, gzs-api, gzs-batch: AccessDeniedException")
	require.Equal(t, []string{"true アラームがありません · there is no such alarm"}, about(found.Facts, "cloudwatch:alarm/gone"))
	require.Contains(t, about(found.Facts, "logs:/none")[0], "true 読み取れません · could not be read: search the log group /none: ResourceNotFoundException")

	b.fault("cloudwatch", "DescribeAlarms", sandbox.FaultThrottle)
	_, err := try(b, b.set.Diagnosis.CollectIncidentFacts, b.sources())
	requireType(t, err, Throttled)
	in.From, in.Until = in.Until, in.From
	_, err = try(b, b.set.Diagnosis.CollectIncidentFacts, in)
	requireType(t, err, InvalidInput)
}

func TestADiagnosisKeepsWhatIsWrongWhenThereIsTooMuch(t *testing.T) {
	c := &factCollector{until: time.Now()}
	for i := range 200 {
		c.add("s", time.Now(), i >= 150, "%d", i)
	}
	found, err := c.result()
	require.NoError(t, err)
	require.Len(t, found.Facts, mostFacts)
	require.Equal(t, 80, found.More)
	require.Equal(t, "150", found.Facts[0].What)
	require.Equal(t, "0", found.Facts[50].What)
}

func TestRecoveryIsSilentAlarmsAndASiteThatAnswers(t *testing.T) {
	b := newBench(t)
	var status atomic.Int64
	status.Store(http.StatusOK)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(int(status.Load())) }))
	defer server.Close()
	b.system.Site.URL = server.URL
	check := RecoveryCheck{Alarms: b.system.Alarms, Since: time.Now().Add(time.Second)}
	require.Empty(t, must(b, b.set.Diagnosis.CheckIncidentRecovery, check).Against)

	b.ring("gzs-api-5xx", cwtypes.StateValueAlarm)
	require.Contains(t, must(b, b.set.Diagnosis.CheckIncidentRecovery, check).Against[0], "the alarm gzs-api-5xx is ALARM since")
	b.ring("gzs-api-5xx", cwtypes.StateValueOk)
	check.Since = time.Now().Add(-time.Minute)
	flapped := must(b, b.set.Diagnosis.CheckIncidentRecovery, RecoveryCheck{Alarms: []string{"gzs-api-5xx"}, Since: check.Since}).Against
	require.Len(t, flapped, 1)
	require.Contains(t, flapped[0], "has rung meanwhile", "it is OK at every look, and rang in between")
	check.Since = time.Now().Add(time.Second)
	require.Empty(t, must(b, b.set.Diagnosis.CheckIncidentRecovery, check).Against)

	status.Store(http.StatusServiceUnavailable)
	require.Contains(t, must(b, b.set.Diagnosis.CheckIncidentRecovery, check).Against[0], "the site shows status 503")
	status.Store(http.StatusOK)
	check.Alarms = []string{"gone"}
	require.Equal(t, []string{"there is no alarm gone any more"}, must(b, b.set.Diagnosis.CheckIncidentRecovery, check).Against)
	b.fault("cloudwatch", "DescribeAlarms", sandbox.Fault500)
	_, err := try(b, b.set.Diagnosis.CheckIncidentRecovery, check)
	requireType(t, err, Unavailable)
}

func TestMaskTakesOutWhatMayBePersonal(t *testing.T) {
	for line, want := range map[string]string{
		"user taro.yamada@example.co.jp failed":           "user ‹mail› failed",
		"電話 03-1234-5678 から":                              "電話 ‹number› から",
		"on 2027-01-18 it broke":                          "on 2027-01-18 it broke",
		"token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3": "token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3",
		"key AKIAIOSFODNN7EXAMPLEwJalrXUtnFEMIK7MDENG":    "key ‹…›",
		"request 42 took 1500 ms":                         "request 42 took 1500 ms",
	} {
		require.Equal(t, want, mask(line))
	}
}

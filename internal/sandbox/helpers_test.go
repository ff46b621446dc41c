package sandbox_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// example is a small system to seed from.
func example() *system.System {
	return &system.System{
		ID: "gzs-test", Environment: "development", Name: system.Name{Ja: "試験システム", En: "Test system"}, TimeZone: "Asia/Tokyo",
		AWS:          system.AWS{Account: "123456789012", Region: "ap-northeast-1", DRRegion: "ap-northeast-3"},
		Distribution: system.Distribution{ID: "E2TEST", Domain: "www.gzs.example.go.jp"},
		Maintenance:  system.Maintenance{Bucket: "gzs-test-maintenance", PathPrefix: "/maintenance/"},
		WAF: system.WAF{
			WebACLID: "acl-1", WebACLName: "gzs-site", OperatorSetID: "set-1", OperatorSet: "gzs-operators",
			OperatorIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")},
		},
		ECS: system.ECS{Cluster: "gzs", Services: []system.Service{
			{Name: "web", Service: "gzs-web", Desired: 3, Path: "/"},
			{Name: "api", Service: "gzs-api", Desired: 2, Path: "/api/"},
			{Name: "batch", Service: "gzs-batch", Desired: 1},
		}},
		Database: system.Database{Cluster: "gzs-db", SnapshotPrefix: "outage"},
		Alarms:   []string{"a-unhealthy", "b-5xx", "c-batch"},
		Settings: []system.Setting{
			{Name: "mode", Kind: system.ParameterSetting, Resource: "/gzs/web/mode", Value: "normal"},
			{Name: "blocked", Kind: system.IPSetSetting, Resource: "gzs-blocked", ID: "set-2", Value: []string{"203.0.113.128/25"}},
			{Name: "days", Kind: system.LogSetting, Resource: "/gzs/web", Value: 365, Rules: []string{"retention"}},
			{Name: "errors", Kind: system.AlarmSetting, Resource: "b-5xx", Value: 1, Rules: []string{"actions"}},
		},
		Jobs: []system.Job{
			{Name: "nightly", Group: "default", Schedule: "gzs-nightly", Cron: "cron(0 2 * * ? *)", Target: "arn:aws:ecs:ap-northeast-1:123456789012:cluster/gzs"},
			{Name: "hourly", Group: "jobs", Schedule: "gzs-hourly", Cron: "cron(15 * * * ? *)", Target: "arn:aws:lambda:ap-northeast-1:123456789012:function:index"},
		},
		Releases: system.Releases{Builds: "gzs-builds", Parts: []system.ReleasePart{
			{Name: "web", Container: &system.ContainerPart{Pipeline: "gzs-web", Service: "web", Container: "web", Repository: "gzs/web"}},
			{Name: "index", Lambda: &system.LambdaPart{Function: "gzs-index", Alias: "live"}},
			{Name: "guide", Static: &system.StaticPart{Bucket: "gzs-static", Prefix: "guide/"}},
		}, Watch: system.ReleaseWatch{ErrorRate: system.ErrorRate{Namespace: "AWS/ApplicationELB", Errors: "5XX", Requests: "RequestCount"}}},
		Mail: system.Mail{From: "運用窓口 <unyo@example.jp>", ConfigurationSet: "gzs"},
	}
}

// open opens a sandbox in dir.
func open(t *testing.T, dir string) *sandbox.Sandbox {
	t.Helper()
	s, err := sandbox.Open(dir)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// seeded is a sandbox filled with the example, in which everything is immediate, and a configuration without retries.
func seeded(t *testing.T) (*sandbox.Sandbox, aws.Config) {
	t.Helper()
	s := open(t, t.TempDir())
	require.NoError(t, s.Seed(t.Context(), example()))
	require.NoError(t, s.SetTimeScale(0))
	return s, config(s)
}

func config(s *sandbox.Sandbox) aws.Config {
	cfg := aws.Config{Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	s.Configure(&cfg)
	return cfg
}

func in(cfg aws.Config, region string) aws.Config {
	cfg = cfg.Copy()
	cfg.Region = region
	return cfg
}

// clock is a clock that tests move.
type clock struct{ now time.Time }

func newClock(s *sandbox.Sandbox) *clock {
	c := &clock{time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)}
	s.Clock = func() time.Time { return c.now }
	return c
}

func (c *clock) move(d time.Duration) { c.now = c.now.Add(d) }

func lastEntry(t *testing.T, s *sandbox.Sandbox) sandbox.Entry {
	t.Helper()
	entries, err := s.Journal()
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	return entries[len(entries)-1]
}

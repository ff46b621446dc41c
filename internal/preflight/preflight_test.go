package preflight

import (
	"net/netip"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// seeded is a sandbox that holds what the example describes.
func seeded(t *testing.T) (*sandbox.Sandbox, aws.Config, func() *system.System) {
	t.Helper()
	box, cfg, load := empty(t)
	require.NoError(t, box.Seed(t.Context(), load()))
	return box, cfg, load
}

// empty is a sandbox that holds nothing yet.
func empty(t *testing.T) (*sandbox.Sandbox, aws.Config, func() *system.System) {
	t.Helper()
	box, err := sandbox.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, box.Close()) })
	load := func() *system.System {
		sys, err := system.Load("../../examples/system.yaml")
		require.NoError(t, err)
		return sys
	}
	var cfg aws.Config
	box.Configure(&cfg)
	return box, cfg, load
}

func TestASeededSandboxIsAsDescribed(t *testing.T) {
	_, cfg, load := seeded(t)
	report := Run(t.Context(), cfg, load(), nil)
	assert.True(t, report.Good(), "%+v", report.Problems())
}

func TestWhatDiffersIsNamedWithARemedy(t *testing.T) {
	_, cfg, load := seeded(t)
	for name, c := range map[string]struct {
		change   func(*system.System)
		resource string
		state    State
	}{
		"account":           {func(s *system.System) { s.AWS.Account = "999999999999" }, "account", Wrong},
		"distribution":      {func(s *system.System) { s.Distribution.ID = "E0" }, "E0", Missing},
		"domain":            {func(s *system.System) { s.Distribution.Domain = "other.example.jp" }, "other.example.jp", Wrong},
		"route to the page": {func(s *system.System) { s.Maintenance.PathPrefix = "/closed/" }, "route to /closed/", Missing},
		"bucket":            {func(s *system.System) { s.Maintenance.Bucket = "no-such-bucket" }, "no-such-bucket", Missing},
		"web ACL":           {func(s *system.System) { s.WAF.WebACLName = "other" }, "other", Missing},
		"rule priority":     {func(s *system.System) { s.WAF.RulePriority = 15 }, "gzs-infra-site", Wrong},
		"operators' IPs": {func(s *system.System) {
			s.WAF.OperatorIPs = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
		}, "gzs-infra-operators", Wrong},
		"cluster":           {func(s *system.System) { s.ECS.Cluster = "other" }, "other", Missing},
		"service":           {func(s *system.System) { s.ECS.Services[1].Service = "gzs-x" }, "gzs-x", Missing},
		"database":          {func(s *system.System) { s.Database.Cluster = "other-db" }, "other-db", Missing},
		"alarm":             {func(s *system.System) { s.Alarms[0] = "no-alarm" }, "no-alarm", Missing},
		"job":               {func(s *system.System) { s.Jobs[0].Schedule = "no-job" }, "default/no-job", Missing},
		"sender":            {func(s *system.System) { s.Mail.From = "unyo@other.example" }, "unyo@other.example", Missing},
		"parameter":         {func(s *system.System) { s.Settings[0].Resource = "/none" }, "web-mode (/none)", Missing},
		"setting's service": {func(s *system.System) { s.Settings[1].Resource = "gzs-y" }, "web-tasks (gzs-y)", Missing},
		"IP set":            {func(s *system.System) { s.Settings[2].ID = "none" }, "blocked-networks (gzs-infra-blocked)", Missing},
		"log group":         {func(s *system.System) { s.Settings[3].Resource = "/gzs" }, "web-log-days (/gzs)", Missing},
		"threshold":         {func(s *system.System) { s.Settings[4].Resource = "none" }, "api-error-alarm (none)", Missing},
		"Config rule":       {func(s *system.System) { s.Settings[4].Rules = []string{"no-rule"} }, "no-rule", Missing},
		"configuration set": {func(s *system.System) { s.Mail.ConfigurationSet = "other-set" }, "other-set", Missing},
	} {
		t.Run(name, func(t *testing.T) {
			sys := load()
			c.change(sys)
			var found []string
			for _, f := range Run(t.Context(), cfg, sys, nil).Problems() {
				found = append(found, string(f.State)+" "+f.Resource)
				assert.NotEmpty(t, f.Problem)
				assert.NotEmpty(t, f.Mend)
			}
			assert.Contains(t, found, string(c.state)+" "+c.resource)
		})
	}
}

func TestDeniedCallsAreFoundBeforeARunNeedsThem(t *testing.T) {
	box, cfg, load := seeded(t)
	require.NoError(t, box.AddFault(sandbox.Fault{Service: "sesv2", Operation: "SendEmail", Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	require.NoError(t, box.AddFault(sandbox.Fault{Service: "rds", Operation: "DescribeDBClusters", Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
	found := map[string]State{}
	for _, f := range Run(t.Context(), cfg, load(), nil).Problems() {
		found[f.Resource] = f.State
	}
	assert.Equal(t, map[string]State{"ses:SendEmail": Denied, "gzs-infra-db": Denied, "rds:DescribeDBClusters": Denied}, found)
}

func TestASecretAmongTheSettingsIsNamed(t *testing.T) {
	_, cfg, load := seeded(t)
	_, err := ssm.NewFromConfig(cfg).PutParameter(t.Context(), &ssm.PutParameterInput{Name: aws.String("/gzs/secret"), Value: aws.String("x"), Type: ssmtypes.ParameterTypeSecureString})
	require.NoError(t, err)
	sys := load()
	sys.Settings[0].Resource = "/gzs/secret"
	problems := Run(t.Context(), cfg, sys, nil).Problems()
	require.NotEmpty(t, problems)
	assert.Equal(t, Wrong, problems[0].State)
	assert.Contains(t, problems[0].Problem, "SecureString")
}

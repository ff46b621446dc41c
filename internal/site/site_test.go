package site_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront"
	cloudfronttypes "github.com/aws/aws-sdk-go-v2/service/cloudfront/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	sestypes "github.com/aws/aws-sdk-go-v2/service/sesv2/types"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
	"tejun/internal/site"
	"tejun/internal/system"
)

const (
	public   = "203.0.113.10"
	operator = "198.51.100.7"
	pageKey  = "maintenance/outage-1.html"
	pageText = "<!doctype html><title>計画停止のお知らせ</title><p>ただいま計画停止中です"
)

func example() *system.System {
	return &system.System{
		ID: "gzs-test", Name: system.Name{Ja: "試験<システム>", En: "Test system"}, TimeZone: "Asia/Tokyo",
		AWS:          system.AWS{Account: "123456789012", Region: "ap-northeast-1"},
		Distribution: system.Distribution{ID: "E2TEST", Domain: "www.gzs.example.go.jp"},
		Maintenance:  system.Maintenance{Bucket: "pages", PathPrefix: "/maintenance/"},
		WAF: system.WAF{WebACLID: "acl-1", WebACLName: "gzs-site", OperatorSetID: "set-1", OperatorSet: "gzs-operators",
			OperatorIPs: []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}},
		ECS: system.ECS{Cluster: "gzs", Services: []system.Service{
			{Name: "web", Service: "gzs-web", Desired: 3, Path: "/"}, {Name: "api", Service: "gzs-api", Desired: 2, Path: "/api/"},
		}},
		Database: system.Database{Cluster: "gzs-db"},
		Alarms:   []string{"a-unhealthy"},
		Jobs:     []system.Job{{Name: "nightly", Group: "default", Schedule: "gzs-nightly", Cron: "cron(0 2 * * ? *)", Target: "arn:aws:lambda:ap-northeast-1:123456789012:function:x"}},
		Mail:     system.Mail{From: "unyo@example.jp", ConfigurationSet: "gzs"},
	}
}

// stand is a sandbox with its site, and the changes of an outage.
type stand struct {
	*testing.T
	sandbox *sandbox.Sandbox
	cfg     aws.Config
	now     time.Time
	server  *httptest.Server
}

func newStand(t *testing.T) *stand {
	t.Helper()
	s, err := sandbox.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	st := &stand{T: t, sandbox: s, now: time.Date(2026, 11, 23, 1, 2, 3, 0, time.UTC)}
	s.Clock = func() time.Time { return st.now }
	sys := example()
	require.NoError(t, s.Seed(t.Context(), sys))
	require.NoError(t, s.SetTimeScale(0))
	st.cfg = aws.Config{Retryer: func() aws.Retryer { return aws.NopRetryer{} }}
	s.Configure(&st.cfg)
	st.server = httptest.NewServer(site.New(s, sys))
	t.Cleanup(st.server.Close)
	return st
}

type seen struct {
	status int
	header http.Header
	body   string
}

func (st *stand) get(from, path string) seen {
	st.Helper()
	req, err := http.NewRequestWithContext(st.Context(), http.MethodGet, st.server.URL+path, nil)
	require.NoError(st, err)
	req.Header.Set("X-Forwarded-For", from+", 10.0.0.1")
	res, err := http.DefaultTransport.RoundTrip(req)
	require.NoError(st, err)
	defer func() { require.NoError(st, res.Body.Close()) }()
	body, err := io.ReadAll(res.Body)
	require.NoError(st, err)
	return seen{res.StatusCode, res.Header, string(body)}
}

func (st *stand) putPage() {
	st.Helper()
	_, err := s3.NewFromConfig(st.cfg).PutObject(st.Context(), &s3.PutObjectInput{
		Bucket: aws.String("pages"), Key: aws.String(pageKey), Body: strings.NewReader(pageText), ContentType: aws.String("text/html; charset=utf-8"),
	})
	require.NoError(st, err)
}

func (st *stand) changeRules(change func([]types.Rule) []types.Rule) {
	st.Helper()
	cfg := st.cfg.Copy()
	cfg.Region = "us-east-1"
	c := wafv2.NewFromConfig(cfg)
	got, err := c.GetWebACL(st.Context(), &wafv2.GetWebACLInput{Id: aws.String("acl-1"), Name: aws.String("gzs-site"), Scope: types.ScopeCloudfront})
	require.NoError(st, err)
	_, err = c.UpdateWebACL(st.Context(), &wafv2.UpdateWebACLInput{
		Id: got.WebACL.Id, Name: got.WebACL.Name, Scope: types.ScopeCloudfront, LockToken: got.LockToken, DefaultAction: got.WebACL.DefaultAction,
		VisibilityConfig: got.WebACL.VisibilityConfig, Rules: change(got.WebACL.Rules),
	})
	require.NoError(st, err)
}

// shut adds a rule that blocks those whom the statement matches.
func (st *stand) shut(name string, priority int32, statement *types.Statement) {
	st.Helper()
	st.changeRules(func(rules []types.Rule) []types.Rule {
		return append(rules, types.Rule{
			Name: aws.String(name), Priority: priority, Statement: statement,
			VisibilityConfig: &types.VisibilityConfig{MetricName: aws.String(name)},
			Action: &types.RuleAction{Block: &types.BlockAction{CustomResponse: &types.CustomResponse{
				ResponseCode: aws.Int32(503), ResponseHeaders: []types.CustomHTTPHeader{{Name: aws.String("Retry-After"), Value: aws.String("3600")}},
			}}},
		})
	})
}

func operators() types.Statement {
	return types.Statement{IPSetReferenceStatement: &types.IPSetReferenceStatement{ARN: aws.String("arn:aws:wafv2:us-east-1:123456789012:global/ipset/gzs-operators/set-1")}}
}

func negated(s types.Statement) *types.Statement {
	return &types.Statement{NotStatement: &types.NotStatement{Statement: &s}}
}

func (st *stand) showErrorPage() {
	st.Helper()
	c := cloudfront.NewFromConfig(st.cfg)
	got, err := c.GetDistributionConfig(st.Context(), &cloudfront.GetDistributionConfigInput{Id: aws.String("E2TEST")})
	require.NoError(st, err)
	got.DistributionConfig.CustomErrorResponses = &cloudfronttypes.CustomErrorResponses{Quantity: aws.Int32(1), Items: []cloudfronttypes.CustomErrorResponse{{
		ErrorCode: aws.Int32(503), ResponseCode: aws.String("503"), ResponsePagePath: aws.String("/" + pageKey), ErrorCachingMinTTL: aws.Int64(0),
	}}}
	_, err = c.UpdateDistribution(st.Context(), &cloudfront.UpdateDistributionInput{Id: aws.String("E2TEST"), DistributionConfig: got.DistributionConfig, IfMatch: got.ETag})
	require.NoError(st, err)
}

func (st *stand) stop(service string) {
	st.Helper()
	_, err := ecs.NewFromConfig(st.cfg).UpdateService(st.Context(), &ecs.UpdateServiceInput{Cluster: aws.String("gzs"), Service: aws.String(service), DesiredCount: aws.Int32(0)})
	require.NoError(st, err)
}

func TestSiteIsServedByTheServiceOfThePath(t *testing.T) {
	st := newStand(t)
	for path, service := range map[string]string{"/": "gzs-web", "/news/1": "gzs-web", "/api/health": "gzs-api", "/api": "gzs-api"} {
		got := st.get(public, path)
		assert.Equal(t, 200, got.status, path)
		assert.Contains(t, got.body, "<title>試験&lt;システム&gt;</title>")
		assert.Contains(t, got.body, service+":7", path)
		assert.Equal(t, "text/html; charset=utf-8", got.header.Get("Content-Type"))
		assert.NotContains(t, got.body, sandbox.OriginSecret)
	}
}

func TestStoppedServiceIsUnavailableAndOthersGoOn(t *testing.T) {
	st := newStand(t)
	st.stop("gzs-web")
	assert.Equal(t, 503, st.get(public, "/").status)
	assert.Equal(t, "awselb/2.0", st.get(public, "/").header.Get("Server"))
	assert.Equal(t, 200, st.get(public, "/api/health").status)
}

func TestMaintenanceShutsThePublicOutAndLetsOperatorsPass(t *testing.T) {
	st := newStand(t)
	st.putPage()
	st.shut("outage", 0, negated(operators()))
	bare := st.get(public, "/")
	assert.Equal(t, 503, bare.status)
	assert.NotContains(t, bare.body, "計画停止", "no error page is set yet")
	assert.Equal(t, "3600", bare.header.Get("Retry-After"))

	st.showErrorPage()
	shut := st.get(public, "/api/health")
	assert.Equal(t, 503, shut.status)
	assert.Equal(t, "3600", shut.header.Get("Retry-After"))
	assert.Equal(t, pageText, shut.body)
	assert.Equal(t, "text/html; charset=utf-8", shut.header.Get("Content-Type"))

	open := st.get(operator, "/")
	assert.Equal(t, 200, open.status)
	assert.Contains(t, open.body, "gzs-web")

	st.stop("gzs-web") // then the load balancer's 503 has the page too
	gone := st.get(operator, "/")
	assert.Equal(t, 503, gone.status)
	assert.Equal(t, pageText, gone.body)
	assert.Empty(t, gone.header.Get("Retry-After"))
}

func TestMissingPageShowsTheErrorItself(t *testing.T) {
	st := newStand(t)
	st.shut("outage", 0, negated(operators()))
	st.showErrorPage()
	got := st.get(public, "/")
	assert.Equal(t, 503, got.status)
	assert.Contains(t, got.body, "CloudFront")
	assert.Equal(t, 403, st.get(operator, "/maintenance/none.html").status)
}

func TestMaintenancePageCanBeFetchedByItsPath(t *testing.T) {
	st := newStand(t)
	st.putPage()
	got := st.get(public, "/"+pageKey)
	assert.Equal(t, 200, got.status)
	assert.Equal(t, pageText, got.body)
}

func TestEdgesAreMixedUntilDeployed(t *testing.T) {
	st := newStand(t)
	st.putPage()
	st.shut("outage", 0, negated(operators()))
	require.NoError(t, st.sandbox.SetTimeScale(1))
	st.showErrorPage()
	pages := map[bool]int{}
	for range 4 {
		pages[st.get(public, "/").body == pageText]++
		st.get(operator, "/") // another client does not disturb the turn
	}
	assert.Equal(t, map[bool]int{true: 2, false: 2}, pages)
	st.now = st.now.Add(4 * time.Minute)
	for range 4 {
		assert.Equal(t, pageText, st.get(public, "/").body)
	}
}

func TestWebACLStatementsAreEvaluated(t *testing.T) {
	path := func(constraint types.PositionalConstraint, text string) types.Statement {
		return types.Statement{ByteMatchStatement: &types.ByteMatchStatement{
			FieldToMatch: &types.FieldToMatch{UriPath: &types.UriPath{}}, PositionalConstraint: constraint, SearchString: []byte(text),
			TextTransformations: []types.TextTransformation{{Type: types.TextTransformationTypeLowercase}},
		}}
	}
	country := types.Statement{GeoMatchStatement: &types.GeoMatchStatement{CountryCodes: []types.CountryCode{types.CountryCodeJp}}}
	for name, tc := range map[string]struct {
		statement types.Statement
		blocked   bool
	}{
		"path starts with":             {path(types.PositionalConstraintStartsWith, "/api"), true},
		"path ends with":               {path(types.PositionalConstraintEndsWith, "/x"), true},
		"path contains":                {path(types.PositionalConstraintContains, "pi/"), true},
		"path is":                      {path(types.PositionalConstraintExactly, "/other"), false},
		"and, one fails":               {types.Statement{AndStatement: &types.AndStatement{Statements: []types.Statement{path("STARTS_WITH", "/api"), operators()}}}, false},
		"or, one fits":                 {types.Statement{OrStatement: &types.OrStatement{Statements: []types.Statement{path("STARTS_WITH", "/api"), operators()}}}, true},
		"country is unknown":           {country, false},
		"not of an unknown":            {*negated(country), false},
		"or with an unknown that fits": {types.Statement{OrStatement: &types.OrStatement{Statements: []types.Statement{country, path("STARTS_WITH", "/api")}}}, true},
		"and with an unknown":          {types.Statement{AndStatement: &types.AndStatement{Statements: []types.Statement{country, path("STARTS_WITH", "/api")}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			st := newStand(t)
			st.shut("rule", 5, &tc.statement)
			want := 200
			if tc.blocked {
				want = 503
			}
			assert.Equal(t, want, st.get(public, "/API/x").status)
		})
	}
}

func TestFirstRuleThatDecidesWins(t *testing.T) {
	st := newStand(t)
	st.shut("block-all", 5, negated(operators()))
	st.changeRules(func(rules []types.Rule) []types.Rule {
		return append(rules, types.Rule{
			Name: aws.String("allow-api"), Priority: 1, Action: &types.RuleAction{Allow: &types.AllowAction{}}, VisibilityConfig: &types.VisibilityConfig{MetricName: aws.String("a")},
			Statement: &types.Statement{ByteMatchStatement: &types.ByteMatchStatement{
				FieldToMatch: &types.FieldToMatch{SingleHeader: &types.SingleHeader{Name: aws.String("x-forwarded-for")}}, PositionalConstraint: "STARTS_WITH", SearchString: []byte("203.0.113.9"),
				TextTransformations: []types.TextTransformation{{Type: types.TextTransformationTypeNone}},
			}},
		})
	})
	assert.Equal(t, 200, st.get("203.0.113.9", "/").status)
	assert.Equal(t, 503, st.get(public, "/").status)
}

func TestBadForwardedAddressIsRefused(t *testing.T) {
	assert.Equal(t, 400, newStand(t).get("nonsense", "/").status)
}

func TestFaultsOfTheAPIDoNotTouchTheSite(t *testing.T) {
	st := newStand(t)
	require.NoError(t, st.sandbox.AddFault(sandbox.Fault{Kind: sandbox.FaultThrottle}))
	assert.Equal(t, 200, st.get(public, "/").status)
	faults, err := st.sandbox.Faults()
	require.NoError(t, err)
	assert.Len(t, faults, 1, "the site is no AWS call")
}

func TestOverviewShowsTheSandboxEscapedAndLockedDown(t *testing.T) {
	st := newStand(t)
	st.stop("gzs-web")
	_, err := sesv2.NewFromConfig(st.cfg).SendEmail(st.Context(), &sesv2.SendEmailInput{
		FromEmailAddress: aws.String("unyo@example.jp"), Destination: &sestypes.Destination{ToAddresses: []string{"users@example.jp"}},
		Content: &sestypes.EmailContent{Simple: &sestypes.Message{
			Subject: &sestypes.Content{Data: aws.String("停止<script>alert(1)</script>")}, Body: &sestypes.Body{Text: &sestypes.Content{Data: aws.String("本文<b>")}},
		}},
	})
	require.NoError(t, err)
	require.NoError(t, st.sandbox.AddFault(sandbox.Fault{Service: "ecs", Operation: "UpdateService", Kind: sandbox.FaultDenied}))
	got := st.get(public, site.OverviewPath)
	require.Equal(t, 200, got.status)
	for _, want := range []string{"Deployed", "managed-common", "0 / 0", "a-unhealthy", "gzs-nightly", "停止&lt;script&gt;", "ecs:UpdateService", "denied", `http-equiv="refresh"`} {
		assert.Contains(t, got.body, want)
	}
	assert.NotContains(t, got.body, "<script")
	assert.NotContains(t, got.body, sandbox.OriginSecret)
	assert.Contains(t, got.header.Get("Content-Security-Policy"), "default-src 'none'")
	assert.Equal(t, "DENY", got.header.Get("X-Frame-Options"))

	mail := st.get(public, site.OverviewPath+"mail/1")
	assert.Equal(t, 200, mail.status)
	assert.Contains(t, mail.body, "本文&lt;b&gt;")
	assert.Equal(t, 404, st.get(public, site.OverviewPath+"mail/2").status)
	assert.Equal(t, 404, st.get(public, site.OverviewPath+"mail/x").status)
	assert.Contains(t, st.get(public, site.OverviewPath+"style.css").header.Get("Content-Type"), "text/css")
}

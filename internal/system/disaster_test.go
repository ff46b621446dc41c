package system

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDisasterIsReadStrictly(t *testing.T) {
	const declarers = "    - {person: ito, wait: 10m}\n    - {person: sato, wait: 10m}\n    - {person: suzuki}\n"
	for name, tc := range map[string]struct{ from, to, path, says string }{
		"unknown key":                  {"  rto: 2h ", "  rtoo: 2h ", "disaster.rtoo", "do you mean rto?"},
		"no target":                    {"  rto: 2h ", "  # ", "disaster.rto", "is missing"},
		"budgets above the target":     {"  rto: 2h ", "  rto: 1h ", "disaster.budgets", "come to 2h, more than rto (1h0m0s)"},
		"a run too short":              {"maxDuration: 24h               # of a run", "maxDuration: 3h               # of a run", "disaster.maxDuration", "together (3h17m)"},
		"the last copy does not fit":   {"lastCopy: 15m, ", "lastCopy: 16m, ", "disaster.budgets", "come to 2h1m, more than rto (2h0m0s)"},
		"a budget left out":            {"smoke: 5m, redirect", "redirect", "disaster.budgets.smoke", "is missing"},
		"loss before the alarm":        {"rpo: 28h ", "rpo: 12h ", "disaster.rpo", "shorter than database.backup.maxAge (26h0m0s)"},
		"unknown list":                 {"mailList: officers             # declared", "mailList: ministers             # declared", "disaster.mailList", `no mail list "ministers"`},
		"public reports":               {"bucket: gzs-infra-disaster,", "bucket: gzs-infra-maintenance,", "disaster.reports.bucket", "which the public reads"},
		"bad prefix":                   {"gzs-infra-disaster, prefix: reports/", "gzs-infra-disaster, prefix: /reports", "disaster.reports.prefix", "a prefix such as reports/"},
		"AWS's own tag":                {"{key: Environment,", `{key: "aws:env",`, "disaster.productionTag.key", "AWS's own"},
		"no tag":                       {"{key: Environment, value: production}", "{key: Environment}", "disaster.productionTag.value", "is missing"},
		"unknown way":                  {"via: snapshot ", "via: snapshots ", "disaster.database.via", "do you mean snapshot?"},
		"no global cluster":            {"via: snapshot ", "via: global-cluster ", "disaster.database.secondary", "is missing"},
		"a secondary for nothing":      {"via: snapshot ", "secondary: x\n    via: snapshot ", "disaster.database.secondary", "has no meaning with via snapshot"},
		"the secondary is the first":   {"via: snapshot ", "globalCluster: g\n    secondary: gzs-infra-db\n    via: global-cluster ", "disaster.database.secondary", "the one that fails"},
		"drills like the real":         {"realPrefix: tejun-dr ", "realPrefix: tejun-drill-real ", "disaster.database.drillPrefix", "cannot be told from disaster.database.realPrefix"},
		"drills like production":       {"drillPrefix: tejun-drill ", "drillPrefix: gzs-infra ", "disaster.database.drillPrefix", "cannot be told from database.cluster"},
		"drills like restore tests":    {"drillPrefix: tejun-drill ", "drillPrefix: tejun-restored-dr ", "disaster.database.drillPrefix", "cannot be told from database.restore.prefix"},
		"prefix too long":              {"drillPrefix: tejun-drill ", "drillPrefix: tejun-drill-tejun-drill-tejun-drill ", "disaster.database.drillPrefix", "longer than 30"},
		"class":                        {"instanceClass: db.serverless\n    minCapacity: 0.5\n    maxCapacity: 4\n    subnetGroup: gzs-infra-dr-db", "instanceClass: serverless\n    subnetGroup: gzs-infra-dr-db", "disaster.database.instanceClass", "such as db.serverless"},
		"no capacity":                  {"maxCapacity: 4\n    subnetGroup: gzs-infra-dr-db", "subnetGroup: gzs-infra-dr-db", "disaster.database", "needs minCapacity"},
		"security group":               {"[sg-0d1e2f30415263748]", "[default]", "disaster.database.securityGroups[0]", "the ID of a security group"},
		"subnet group":                 {"gzs-infra-dr-db", "a/b", "disaster.database.subnetGroup", "DB subnet group"},
		"pipeline":                     {"pipeline: gzs-dr ", "pipeline: gzs dr ", "disaster.pipeline", "a pipeline of CodePipeline"},
		"a service of nothing":         {"{name: web, service: gzs-web-dr", "{name: www, service: gzs-web-dr", "disaster.ecs.services[0].name", `no service "www"`},
		"a service twice":              {"{name: api, service: gzs-api-dr", "{name: api, service: gzs-web-dr", "disaster.ecs.services[1].service", "already taken"},
		"no task at all":               {"gzs-web-dr, desired: 2", "gzs-web-dr, desired: 0", "disaster.ecs.services[0].desired", "0 is impossible"},
		"repository":                   {"desired: 2, repository: gzs/web}", "desired: 2, repository: GZS}", "disaster.ecs.services[0].repository", "ECR repository"},
		"smoke":                        {"url: https://dr.gzs.example.go.jp/", "url: dr.gzs.example.go.jp", "disaster.smoke.url", "absolute address"},
		"smoke with a secret":          {"url: https://dr.gzs.example.go.jp/", "url: https://a:b@dr.gzs.example.go.jp/", "disaster.smoke.url", "no secrets"},
		"smoke path":                   {"url: https://dr.gzs.example.go.jp/\n    paths: [/api/health, /]", "url: https://dr.gzs.example.go.jp/\n    paths: [health]", "disaster.smoke.paths[0]", "starts with /"},
		"zone":                         {"zone: Z0EXAMPLEGZS", "zone: gzs.example.go.jp", "disaster.redirect.zone", "ID of a Route 53 hosted zone"},
		"kind":                         {"kind: weighted ", "kind: latency ", "disaster.redirect.kind", "want weighted, failover"},
		"drills move production":       {"rehearsal: drill.gzs.example.go.jp ", "rehearsal: www.gzs.example.go.jp ", "disaster.redirect.rehearsal", "would move real users"},
		"drills move the front":        {"domain: www.gzs.example.go.jp", "domain: drill.gzs.example.go.jp", "disaster.redirect.rehearsal", "distribution.domain"},
		"one set":                      {"dr: osaka", "dr: tokyo", "disaster.redirect.dr", "the same as primary"},
		"another site":                 {"rehearsalURL: https://drill.gzs.example.go.jp/", "rehearsalURL: https://www.gzs.example.go.jp/", "disaster.outside.rehearsalURL", "would see another site"},
		"header":                       {"header: X-Served-By ", `header: "X Served" `, "disaster.outside.header", "not a name of an HTTP header"},
		"headers":                      {"    header: X-Served-By ", "    rehearsalHeaders: {X-Forwarded-Host: \"a\\nb\"}\n    header: X-Served-By ", "disaster.outside.rehearsalHeaders.X-Forwarded-Host", "line break"},
		"watch":                        {"watch: {duration: 2m, every: 10s}", "watch: {duration: 2m, every: 3m}", "disaster.watch.every", "look more often"},
		"a watch that looks too often": {"watch: {duration: 2m, every: 10s}", "watch: {duration: 2m, every: 100ms}", "disaster.watch.every", "makes 1200 looks in the watch of 2m"},
		"readiness":                    {"readiness: {repeatAfter: 24h}", "readiness: {repeatAfter: 1s}", "disaster.readiness.repeatAfter", "want 1m0s"},
		"nobody declares":              {declarers, "    []\n", "disaster.declare", "name at least one officer"},
		"an operator declares":         {"{person: suzuki}", "{person: tanaka}", "disaster.declare[2].person", "only these may: ito, sato, suzuki"},
		"unknown declarer":             {"{person: suzuki}", "{person: suzuk}", "disaster.declare[2].person", "do you mean suzuki?"},
		"declares twice":               {"{person: suzuki}", "{person: ito}", "disaster.declare[2].person", "already taken"},
		"no wait":                      {"{person: sato, wait: 10m}", "{person: sato}", "disaster.declare[1].wait", "is missing"},
		"a wait for nobody":            {"{person: suzuki}", "{person: suzuki, wait: 1m}", "disaster.declare[2].wait", "nobody comes after"},
		"a turn too late":              {"{person: sato, wait: 10m}", "{person: sato, wait: 2h}", "disaster.declare", "would get a turn after 2h10m, and the gate closes after 2h"},
		"no gate to declare":           {"    gate: declare ", "    gate: begin ", "disaster.declare", "add the gate declare of DisasterRecovery"},
		"no gate to return":            {"    gate: return ", "    gate: back ", "disaster", "add the gate return of DisasterRecovery"},
	} {
		t.Run(name, func(t *testing.T) {
			text := edited(t, tc.from, tc.to)
			problems := problemsOf(t, text)
			i := slices.IndexFunc(problems, func(p Problem) bool { return p.Path == tc.path && strings.Contains(p.Reason, tc.says) })
			require.GreaterOrEqual(t, i, 0, "%v", problems)
			require.Contains(t, inDisaster(text), problems[i].Line, "the line of what is wrong")
		})
	}
}

// inDisaster are the numbers of the lines of the section.
func inDisaster(text string) []int {
	var lines []int
	inside := false
	for i, line := range strings.Split(text, "\n") {
		inside = line == "disaster:" || inside && (line == "" || line[0] == ' ')
		if inside {
			lines = append(lines, i+1)
		}
	}
	return lines
}

func TestTheDisasterSectionMayBeLeftOut(t *testing.T) {
	full := edited(t, "readiness: {repeatAfter: 24h} ", "# ")
	s, err := Parse("system.yaml", []byte(full))
	require.NoError(t, err)
	require.Equal(t, 24*time.Hour, s.Disaster.Readiness.RepeatAfter.D(), "its default")

	begin, end := strings.Index(full, "\ndisaster:\n"), strings.Index(full, "\n# ---- When ----")
	require.Less(t, begin, end)
	s, err = Parse("system.yaml", []byte(full[:begin]+full[end:]))
	require.NoError(t, err)
	require.False(t, s.HasDisaster())
	_, err = s.ResolveDisaster(drill(nil))
	require.ErrorContains(t, err, "the recovery is refused: system.yaml does not say how a disaster is met: add disaster")
}

// Every night the newest copy is a day old when the next backup begins, late by the jitter, and it takes its time: that is no alarm. A
// backup that stays away is one, hours before the target is lost.
func TestTheExampleWarnsOfNoBackupThatIsUnderWay(t *testing.T) {
	s := example(t)
	i := slices.IndexFunc(s.Schedules, func(v Schedule) bool { return v.ID == "daily-backup" })
	require.NotEqual(t, -1, i)
	age := s.Database.Backup.MaxAge.D()
	require.GreaterOrEqual(t, age, 24*time.Hour+s.Schedules[i].Jitter.D()+time.Hour)
	require.GreaterOrEqual(t, s.Disaster.RPO.D(), age+2*time.Hour)
}

func TestAScheduleMayOnlyStartADrill(t *testing.T) {
	const drills = `    input: {mode: drill, `
	for name, to := range map[string]string{"real": `    input: {mode: real, `, "none": `    input: {`} {
		t.Run(name, func(t *testing.T) {
			problems := problemsOf(t, edited(t, drills, to))
			require.Len(t, problems, 1)
			require.Contains(t, problems[0].Path, "].input")
			require.Contains(t, problems[0].Reason, "a schedule may only start a drill")
			require.Positive(t, problems[0].Line)
		})
	}
}

func drill(change func(*DisasterRequest)) DisasterRequest {
	req := DisasterRequest{
		Operation: "op1", Mode: DisasterDrill, Manner: DisasterGraceful, Requester: "takahashi", Operator: "tanaka@example.jp",
		At: time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC),
	}
	if change != nil {
		change(&req)
	}
	return req
}

func TestARequestBecomesARecovery(t *testing.T) {
	s := example(t)
	req := drill(nil)
	on, err := s.ResolveDisaster(req)
	require.NoError(t, err)
	require.Equal(t, "drill.gzs.example.go.jp", on.RecordName)
	require.Equal(t, "tejun-drill-op1", on.Cluster)
	require.Equal(t, ViaSnapshot, on.Via)
	require.Equal(t, "tanaka", on.Operator)
	require.Equal(t, []DeclarerTarget{{"ito", 10 * time.Minute}, {"sato", 10 * time.Minute}, {"suzuki", 0}}, on.Declarers)
	require.Equal(t, 40*time.Minute, on.Budget("database"))
	require.Zero(t, on.Budget("watch"))
	require.Equal(t, req.At.Add(24*time.Hour), on.HoldUntil)
	require.Equal(t, []DisasterServiceTarget{{"web", "gzs-web-dr", 2, "gzs/web"}, {"api", "gzs-api-dr", 1, "gzs/api"}}, on.Services)
	require.Len(t, on.PrimaryServices, 3)
	require.Len(t, on.PrimaryJobs, 2)

	struck := drill(func(r *DisasterRequest) {
		r.Mode, r.Manner, r.Requester, r.DisasterAt = DisasterReal, DisasterUngraceful, "ito", "2027-01-18T09:40:00+09:00"
	})
	on, err = s.ResolveDisaster(struck)
	require.NoError(t, err)
	require.Equal(t, "www.gzs.example.go.jp", on.RecordName)
	require.Equal(t, "tejun-dr-op1", on.Cluster)
	require.Equal(t, req.At.Add(-20*time.Minute), on.DisasterAt)
	require.Equal(t, []DeclarerTarget{{"sato", 10 * time.Minute}, {"suzuki", 0}}, on.Declarers, "whoever asks does not declare")

	s.Disaster.Database.Via, s.Disaster.Database.Secondary = ViaGlobalCluster, "gzs-infra-db-dr"
	on, err = s.ResolveDisaster(struck)
	require.NoError(t, err)
	require.Equal(t, []string{ViaGlobalCluster, "gzs-infra-db-dr"}, []string{on.Via, on.Cluster})
	on, err = s.ResolveDisaster(req)
	require.NoError(t, err)
	require.Equal(t, []string{ViaSnapshot, "tejun-drill-op1"}, []string{on.Via, on.Cluster}, "a drill never touches the global cluster")
}

func TestARecoveryIsRefusedWithAllReasons(t *testing.T) {
	s := example(t)
	for says, change := range map[string]func(*DisasterRequest){
		`mode "test" is unknown: write drill or real`:       func(r *DisasterRequest) { r.Mode = "test" },
		`manner "" is unknown: write graceful or un`:        func(r *DisasterRequest) { r.Manner = "" },
		"a schedule may only start a drill":                 func(r *DisasterRequest) { r.Mode, r.Scheduled = DisasterReal, true },
		`requester "nobody" is unknown`:                     func(r *DisasterRequest) { r.Requester = "nobody" },
		"does not have the role operator":                   func(r *DisasterRequest) { r.Operator = "ito" },
		"disasterAt belongs to mode real":                   func(r *DisasterRequest) { r.DisasterAt = "2027-01-18T09:40:00+09:00" },
		`disasterAt "9:40" is no time`:                      func(r *DisasterRequest) { r.Mode, r.DisasterAt = DisasterReal, "9:40" },
		"disasterAt 2027-01-18 (Mon) 11:00 JST is in the f": func(r *DisasterRequest) { r.Mode, r.DisasterAt = DisasterReal, "2027-01-18T11:00:00+09:00" },
		"is more than 30 days ago":                          func(r *DisasterRequest) { r.Mode, r.DisasterAt = DisasterReal, "2026-01-18T11:00:00+09:00" },
		"would lie in the freeze":                           func(r *DisasterRequest) { r.At = time.Date(2027, 3, 28, 10, 0, 0, 0, time.UTC) },
		"refused for 2 reasons":                             func(r *DisasterRequest) { r.Mode, r.Manner = "", "" },
	} {
		_, err := s.ResolveDisaster(drill(change))
		var refused *OutageRefused
		require.ErrorAs(t, err, &refused)
		require.ErrorContains(t, err, says)
	}
	_, err := s.ResolveDisaster(drill(func(r *DisasterRequest) {
		r.Mode, r.At = DisasterReal, time.Date(2027, 3, 28, 10, 0, 0, 0, time.UTC)
	}))
	require.NoError(t, err, "a disaster asks for no date")
	_, err = s.ResolveDisaster(drill(func(r *DisasterRequest) { r.Scheduled = true }))
	require.NoError(t, err)

	s.Disaster.Declare = s.Disaster.Declare[:1]
	_, err = s.ResolveDisaster(drill(func(r *DisasterRequest) { r.Requester = "ito" }))
	require.ErrorContains(t, err, "nobody could declare it")
}

func TestWhoIsToldOfTheReadiness(t *testing.T) {
	s := example(t)
	req := ReadinessRequest{Requester: "takahashi", Operator: "tanaka"}
	on, err := s.ResolveReadiness(req)
	require.NoError(t, err)
	require.Equal(t, []string{"officers", "operators"}, []string{on.Deciders, on.Operators})
	require.Equal(t, 24*time.Hour, on.RepeatAfter)
	s.Disaster.MailList = "operators"
	on, err = s.ResolveReadiness(req)
	require.NoError(t, err)
	require.Empty(t, on.Operators, "nobody is told twice")
	s.Disaster = Disaster{}
	_, err = s.ResolveReadiness(ReadinessRequest{Requester: "takahashi", Operator: "ito"})
	require.ErrorContains(t, err, "the readiness check is refused for 2 reasons")
	require.ErrorContains(t, err, "add disaster")
}

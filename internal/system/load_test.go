package system

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/strictyaml"
)

const examplePath = "../../examples/system.yaml"

func example(t *testing.T) *System {
	t.Helper()
	s, err := Load(examplePath)
	require.NoError(t, err)
	return s
}

// edited is the example with one text replaced by another; the text must be there exactly once.
func edited(t *testing.T, from, to string) string {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(data), from), "%q in the example", from)
	return strings.Replace(string(data), from, to, 1)
}

func problemsOf(t *testing.T, text string) []Problem {
	t.Helper()
	s, err := Parse("system.yaml", []byte(text))
	require.Error(t, err)
	require.Nil(t, s)
	var invalid *InvalidError
	require.ErrorAs(t, err, &invalid)
	return invalid.Problems
}

func TestTheExampleIsValid(t *testing.T) {
	s := example(t)
	assert.Equal(t, "gzs-infra", s.ID)
	assert.Equal(t, "123456789012", s.AWS.Account)
	assert.Len(t, s.ECS.Services, 3)
	assert.Len(t, s.Alarms, 3)
	assert.Equal(t, "Asia/Tokyo", s.Location().String())
	assert.Equal(t, "198.51.100.0/24", s.WAF.OperatorIPs[0].String())
	assert.Equal(t, map[string]any{"class": "standard"}, s.Schedules[0].Input["notice"])
}

func TestAMissingFileIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(path)
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.ErrorContains(t, err, path)
}

func TestDecideAtDefaultsToSeventyPercent(t *testing.T) {
	s, err := Parse("system.yaml", []byte(edited(t, "  decideAt: 0.7 ", "  # ")))
	require.NoError(t, err)
	assert.InDelta(t, 0.7, s.Outage.DecideAt, 0)
}

// Every refusal points at the line and column of what is wrong, names the path and says why.
func TestWrongDescriptionsAreRefusedWhereTheyAreWrong(t *testing.T) {
	for name, tc := range map[string]struct{ from, to, at, path, says string }{
		// shape
		"unknown key":         {"  drRegion: ap", "  drRegoin: ap", "drRegoin", "aws.drRegoin", "unknown key (do you mean drRegion?)"},
		"unknown top key":     {"alarms:\n", "alarm:\n", "alarm:", "alarm", "unknown key (do you mean alarms?)"},
		"duplicate key":       {"windows: []", "windows: []\nwindows: []", "", "", `mapping key "windows" already defined`},
		"number for text":     {`"123456789012"`, "123456789012", "123456789012", "aws.account", "put it in quotes"},
		"text for number":     {"desired: 3", "desired: three", "three", "ecs.services[0].desired", `want a whole number, got the text "three"`},
		"quoted number":       {"desired: 3", `desired: "3"`, `"3"`, "ecs.services[0].desired", "want a whole number"},
		"fraction":            {"desired: 3", "desired: 1.5", "1.5", "ecs.services[0].desired", "want a whole number, got the bare value 1.5"},
		"too large":           {"desired: 3", "desired: 99999999999", "99999999999", "ecs.services[0].desired", "is too large"},
		"text for list":       {"windows: []", "windows: none", "none", "windows", "want a list"},
		"list for keys":       {"headers: {X-Forwarded-For: 203.0.113.10}", "headers: [a]", "[a]", "site.vantages[0].headers", "want keys and values, got a list"},
		"text for bool":       {"owner: true", "owner: yes", "yes", "organisations[0].owner", "want true or false"},
		"no value":            {"windows: []", "windows:", "", "windows", "has no value"},
		"bare duration":       {"retryAfter: 1h", "retryAfter: 60", "60", "maintenance.retryAfter", "put it in quotes"},
		"unreadable duration": {"retryAfter: 1h", "retryAfter: 1day", "1day", "maintenance.retryAfter", "want a number with a unit"},
		"negative duration":   {"retryAfter: 1h", "retryAfter: -1h", "-1h", "maintenance.retryAfter", "must not be negative"},
		"bad CIDR":            {"[198.51.100.0/24]", "[198.51.100.0/33]", "198.51.100.0/33", "waf.operatorIPs[0]", "198.51.100.0/33"},
		"time without zone":   {"end: 2027-04-03T00:00:00+09:00", "end: 2027-04-03T00:00:00", "2027-04-03T00:00:00", "freezes[0].end", "is not a time with its zone"},
		"date for time":       {"end: 2027-04-03T00:00:00+09:00", "end: 2027-04-03", "2027-04-03", "freezes[0].end", "is not a time with its zone"},
		"anchor":              {"id: gzs-infra ", "id: &x gzs-infra ", "&x", "id", "anchors, aliases and tags"},
		"syntax":              {"windows: []", "windows: [", "", "", ""},
		"second document":     {"windows: []", "windows: []\n---\nid: x", "id: x", "", "second document"},

		// values
		"missing":              {"environment: development ", "# ", "", "environment", "is missing"},
		"empty":                {"id: gzs-infra ", `id: "" `, `""`, "id", "is empty"},
		"blank name":           {"en: Sato}", `en: " "}`, `" "`, "people[1].name.en", "is empty"},
		"environment":          {"environment: development ", "environment: Production ", "Production", "environment", "(do you mean production?)"},
		"unknown zone":         {"timeZone: Asia/Tokyo", "timeZone: Asia/Tokio", "Asia/Tokio", "timeZone", "there is no zone"},
		"odd zone":             {"timeZone: Asia/Tokyo", "timeZone: Local", "Local", "timeZone", "not a full zone name"},
		"account":              {`"123456789012"`, `"12345"`, `"12345"`, "aws.account", "12 digits"},
		"same regions":         {"drRegion: ap-northeast-3", "drRegion: ap-northeast-1", "ap-northeast-1       #", "aws.drRegion", "is the same as aws.region"},
		"relative URL":         {"url: http://127.0.0.1:7280/", "url: /index", "/index", "site.url", "absolute address"},
		"secret in URL":        {"url: http://127.0.0.1:7280/", "url: http://u:p@127.0.0.1/", "http://u:p@", "site.url", "no secrets"},
		"path":                 {"paths: [/, /api/health]", "paths: [/, api]", "api]", "site.paths[1]", "starts with /"},
		"no public vantage":    {"- name: public", "- name: visitor", "", "site.vantages", `no vantage "public"`},
		"operator shut out":    {"X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 192.0.2.7", "192.0.2.7", "site.vantages[1].headers.X-Forwarded-For", "operators would be shut out"},
		"public let in":        {"X-Forwarded-For: 203.0.113.10", "X-Forwarded-For: 198.51.100.8", "198.51.100.8", "site.vantages[0].headers.X-Forwarded-For", "never see the maintenance page"},
		"header":               {"X-Forwarded-For: 203.0.113.10", `X-Real-Name: "a\r\nb"`, `"a\r\nb"`, "site.vantages[0].headers.X-Real-Name", "line break"},
		"prefix is root":       {"pathPrefix: /maintenance/", "pathPrefix: /", "/\n", "maintenance.pathPrefix", "slash at both ends"},
		"prefix climbs":        {"pathPrefix: /maintenance/", "pathPrefix: /a/../b/", "/a/../b/", "maintenance.pathPrefix", "slash at both ends"},
		"open to everybody":    {"[198.51.100.0/24]", "[198.51.100.0/24, 0.0.0.0/0]", "0.0.0.0/0", "waf.operatorIPs[1]", "lets everybody pass"},
		"bits behind mask":     {"[198.51.100.0/24]", "[198.51.100.0/24, 192.0.2.7/24]", "192.0.2.7/24", "waf.operatorIPs[1]", "write 192.0.2.0/24"},
		"desired 0":            {"desired: 3", "desired: 0", "0, path: /}", "ecs.services[0].desired", "want 1 to 5000"},
		"service name twice":   {"{name: batch, ", "{name: web, ", "web, service: gzs-batch", "ecs.services[2].name", "already taken by ecs.services[0]"},
		"job expression":       {"cron: cron(0 2 * * ? *)", "cron: 0 2 * * *", "0 2 * * *", "jobs[0].cron", "cron(…)"},
		"cluster":              {"cluster: gzs-infra-db", "cluster: gzs--db", "gzs--db", "database.cluster", "single hyphens"},
		"mail with line break": {"[users@example.jp]", `["a@example.jp\r\nBcc: b@example.com"]`, `"a@example.jp\r\nBcc`, "mail.lists[0].addresses[0]", "line break"},
		"sender line break":    {"from: GZSインフラ運用窓口 <unyo@example.jp>", `from: "a\nb <unyo@example.jp>"`, `"a\nb`, "mail.from", "line break"},
		"named list address":   {"[users@example.jp]", `["U <users@example.jp>"]`, `"U <`, "mail.lists[0].addresses[0]", "not a bare mail address"},
		"no addresses":         {"[users@example.jp]", "[]", "[]", "mail.lists[0].addresses", "nobody would be told"},
		"two owners":           {"en: Operations vendor (example)}}", "en: Operations vendor (example)}, owner: true}", "", "organisations", "exactly one owns"},
		"organisation":         {"id: watanabe\n    name: {ja: 渡辺, en: Watanabe}\n    organisation: audit", "id: watanabe\n    name: {ja: 渡辺, en: Watanabe}\n    organisation: audti", "audti", "people[6].organisation", `there is no organisation "audti"`},
		"unknown role":         {"roles: [auditor]", "roles: [boss]", "boss]", "people[6].roles[0]", `"boss" is unknown`},
		"auditor with role":    {"roles: [auditor]", "roles: [auditor, officer]", "[auditor", "people[6].roles", "holds no other role"},
		"claimed account":      {"accounts: [suzuki@example.go.jp]", "accounts: [ＭーSATO, \"Ｍ-Sato \"]", `"Ｍ-Sato "`, "people[2].accounts[1]", "already means sato"},
		"claimed ID":           {"accounts: [kato@example.jp]", "accounts: [Tanaka]", "Tanaka]", "people[5].accounts[0]", "already means tanaka"},
		"own account twice":    {"m-sato]", "SATO]", "SATO]", "people[1].accounts[1]", "given twice for sato"},
		"gate's runbook":       {"- runbook: PlannedOutage\n    gate: plan", "- runbook: PlanedOutage\n    gate: plan", "PlanedOutage", "gates[0].runbook", "(do you mean PlannedOutage?)"},
		"quorum 0":             {"quorum: 1                    #", "quorum: 0                    #", "0                    # different", "gates[0].quorum", "want 1 to 20"},
		"quorum out of reach":  {"quorum: 1                    #", "quorum: 4                    #", "4                    # different", "gates[0].quorum", "only 3 can (ito, sato, suzuki)"},
		"auditor's gate":       {"role: officer\n    organisation: meti\n    quorum: 1                    #", "role: auditor\n    organisation: meti\n    quorum: 1                    #", "auditor\n", "gates[0].role", "auditors decide nothing"},
		"gate twice":           {"gate: go ", "gate: plan ", "plan                     # shortly", "gates[1].gate", "already taken"},
		"gate's list":          {"notifyList: officers\n    escalateList: managers\n  - runbook: PlannedOutage", "notifyList: offiers\n    escalateList: managers\n  - runbook: PlannedOutage", "offiers", "gates[0].notifyList", "(do you mean officers?)"},
		"escalation too late":  {"escalateAfter: 24h", "escalateAfter: 120h", "120h\n", "gates[0].escalateAfter", "nobody would be told"},
		"reminders too close":  {"remindEvery: 4h", "remindEvery: 1s", "1s ", "gates[0].remindEvery", "want 1m0s"},
		"last limit too near":  {"deadline: 720h ", "deadline: 200h ", "200h ", "gates[11].deadline", "give at least 360h"},
		"late and no list":     {"    deadline: 720h               # at last the run ends as never approved, and the change stays\n    remindEvery: 6h\n    notifyList: officers\n    escalateList: managers", "    deadline: 720h\n    notifyList: officers", "", "gates[11].escalateList", "is missing"},
		"late":                 {"lateAfter: +1bd 18:15", "lateAfter: tomorrow", "tomorrow", "gates[11].lateAfter", "such as +1bd 18:15"},
		"kind of setting":      {"kind: alarm-threshold, resource", "kind: alarm, resource", "alarm, resource", "settings[4].kind", "want ssm-parameter"},
		"value of a setting":   {"value: 365, ", "value: 366, ", "366, ", "settings[3].value", "no span that CloudWatch Logs takes"},
		"operators' set":       {"id: c3d4e5f6-7890-12ab-cdef-777788889999", "id: b2c3d4e5-6789-01ab-cdef-444455556666", "b2c3d4e5-6789-01ab-cdef-444455556666, value", "settings[2].id", "follows waf.operatorIPs"},
		"listed value":         {"to: [read-only, normal]", "to: [7]", "7]", "changes.standard[1].to[0]", "want a text"},
		"listed setting":       {"setting: web-mode,", "setting: web-moed,", "web-moed", "changes.standard[1].setting", "(do you mean web-mode?)"},
		"no answer":            {"  - {kind: decide, role: officer, organisation: meti, deadline: 30m, notifyList: officers}\n", "", "", "answers", `nobody answers "decide"`},
		"nobody can answer":    {"kind: operate, role: operator, organisation: vendor", "kind: operate, role: operator, organisation: meti", "operator, organisation: meti", "answers[0].role", "nobody can answer"},
		"notice list":          {"businessDays: 5, list: users", "businessDays: 5, list: everyone", "everyone", "notices[0].list", `no mail list "everyone"`},
		"business days":        {"businessDays: 5, ", "businessDays: -1, ", "-1, list", "notices[0].businessDays", "want 0 to 60"},
		"no business days":     {"businessDays: 5, ", "", "", "notices[0].businessDays", "is missing"},
		"weekday":              {"windows: []", "windows: [{weekdays: [Monday], start: \"22:00\", duration: 7h}]", "Monday", "windows[0].weekdays[0]", "want Sun, Mon"},
		"window start":         {"windows: []", "windows: [{weekdays: [Mon], start: \"25:00\", duration: 7h}]", `"25:00"`, "windows[0].start", "00:00 to 23:59"},
		"window too long":      {"windows: []", "windows: [{weekdays: [Mon], start: \"22:00\", duration: 200h}]", "200h", "windows[0].duration", "is impossible"},
		"freeze backwards":     {"end: 2027-04-03T00:00:00+09:00", "end: 2027-03-03T00:00:00+09:00", "2027-03-03", "freezes[0].end", "is not after the start"},
		"freeze without end":   {"    end: 2027-04-03T00:00:00+09:00\n", "", "", "freezes[0].end", "is missing"},
		"decideAt 0":           {"decideAt: 0.7", "decideAt: 0", "0 ", "outage.decideAt", "between 0 and 1"},
		"decideAt 1":           {"decideAt: 0.7", "decideAt: 1", "1 ", "outage.decideAt", "between 0 and 1"},
		"decideAt 70":          {"decideAt: 0.7", "decideAt: 70", "70 ", "outage.decideAt", "between 0 and 1"},
		"business hours":       {`end: "18:15"`, `end: "09:00"`, `"09:00"`, "businessHours.end", "is not after the start"},
		"time of day":          {`start: "09:30", end`, `start: "9:30", end`, `"9:30"`, "businessHours.start", "such as 09:30"},
		"retention":            {"evidenceYears: 5", "evidenceYears: 0", "0, snap", "retention.evidenceYears", "want 1 to 100"},
		"catch-up of days":     {"catchup: 30m", "catchup: 25h", "25h", "schedules[0].catchup", "want 1m0s to 24h0m0s"},
		"catch-up of nothing":  {"catchup: 30m", "catchup: 0s", "0s", "schedules[0].catchup", "is impossible"},
		"bad cron":             {`businessDay: {n: 2, time: "10:00"}`, "cron: 0 25 * * *", "0 25 * * *", "schedules[0].cron", `hour: "25" is not possible`},
		"no time at all":       {`    businessDay: {n: 2, time: "10:00"}` + "\n", "", "", "schedules[0]", "neither cron nor businessDay"},
		"two times":            {`businessDay: {n: 2, time: "10:00"}`, `businessDay: {n: 2, time: "10:00"}` + "\n    cron: 0 2 * * *", "", "schedules[0]", "both cron and businessDay"},
		"business day 0":       {"{n: 2, ", "{n: 0, ", "0, time", "schedules[0].businessDay.n", "1 is the month's first"},
		"month 13":             {"{n: 2, ", "{n: 2, months: [13], ", "13]", "schedules[0].businessDay.months[0]", "want 1 to 12"},
		"schedule's runbook":   {"id: monthly-maintenance\n    runbook: PlannedOutage", "id: monthly-maintenance\n    runbook: Outage", "Outage\n", "schedules[0].runbook", "there is no runbook"},
	} {
		t.Run(name, func(t *testing.T) {
			text := edited(t, tc.from, tc.to)
			problems := problemsOf(t, text)
			require.Len(t, problems, 1, "%v", problems)
			p := problems[0]
			assert.Equal(t, tc.path, p.Path)
			assert.Contains(t, p.Reason, tc.says)
			if tc.at != "" {
				lines := strings.Split(text, "\n")
				require.LessOrEqual(t, p.Line, len(lines))
				runes := []rune(lines[p.Line-1] + "\n")
				require.LessOrEqual(t, p.Column, len(runes))
				assert.True(t, strings.HasPrefix(string(runes[p.Column-1:]), tc.at), "points at %q, want %q", string(runes[p.Column-1:]), tc.at)
			}
		})
	}
}

func TestAllProblemsComeAtOnceInTheOrderOfTheFile(t *testing.T) {
	shape := strings.NewReplacer("desired: 3", "desired: many", "windows: []", "windows: []\nfoo: 1", "owner: true", "ownr: true").Replace(edited(t, "id: gzs-infra ", "id: 7 "))
	var paths []string
	for _, p := range problemsOf(t, shape) {
		paths = append(paths, p.Path)
	}
	assert.Equal(t, []string{"id", "ecs.services[0].desired", "organisations[0].ownr", "foo"}, paths)

	values := strings.NewReplacer("desired: 3", "desired: 0", "decideAt: 0.7", "decideAt: 7", "roles: [auditor]", "roles: [boss]").Replace(edited(t, "timeZone: Asia/Tokyo", "timeZone: Mars/Base"))
	paths = nil
	for _, p := range problemsOf(t, values) {
		paths = append(paths, p.Path)
	}
	assert.Equal(t, []string{"timeZone", "ecs.services[0].desired", "people[6].roles[0]", "outage.decideAt"}, paths)

	_, err := Parse("system.yaml", []byte(values))
	assert.Regexp(t, `^system\.yaml: 4 problems\nsystem\.yaml:10:11: timeZone: there is no zone "Mars/Base"`, err.Error())
}

func TestEmptyAndOversizedFilesAreRefused(t *testing.T) {
	assert.Contains(t, problemsOf(t, "")[0].Reason, "is empty")
	assert.Contains(t, problemsOf(t, "# nothing\n")[0].Reason, "is empty")
	assert.Contains(t, problemsOf(t, "[]")[0].Reason, "want keys and values")
	assert.Contains(t, problemsOf(t, "# "+strings.Repeat("x", strictyaml.MaxSize))[0].Reason, "bytes long")
	assert.Greater(t, len(problemsOf(t, "id: x\n")), 20, "whatever is missing is listed")
}

func FuzzParse(f *testing.F) {
	data, err := os.ReadFile(examplePath)
	require.NoError(f, err)
	f.Add(data)
	for _, seed := range []string{"", "a: &a [*a]", "id: [", "? {a: b}\n: c", "id: !!int x", "<<: {id: x}", "- - -", "id: |\n  x\n---\n", "gates: [{quorum: .nan}]", "{a", "\x00", "id: \"\\x", "aws: {account: 0x1}", "%YAML 1.2\n---\nid: x"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := Parse("fuzz.yaml", data)
		if err == nil {
			require.NotNil(t, s)
			s.Location()
			return
		}
		var invalid *InvalidError
		if !errors.As(err, &invalid) || len(invalid.Problems) == 0 {
			t.Fatalf("not an InvalidError with problems: %v", err)
		}
		for _, p := range invalid.Problems {
			if p.Line < 1 || p.Column < 1 || p.Reason == "" {
				t.Fatalf("problem without a place or a reason: %+v", p)
			}
		}
	})
}

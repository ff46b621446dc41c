// Package system describes the operated system: what AWS resources it consists of, who works on it, when it may be
// touched, and how much notice is due. The description is one YAML file (system.yaml). Runbooks take logical names;
// this package turns them into the resources that are meant.
package system

import (
	"net/netip"
	"time"
)

// Roles that people hold. A gate or an answer names the role that may give it.
const (
	RoleOperator = "operator"           // 運用担当: starts runbooks, answers held steps, reports work as done
	RoleManager  = "operations-manager" // 運用責任者: the operations vendor's manager
	RoleOfficer  = "officer"            // 担当官: an officer of the system's owner, approves and extends
	RoleAuditor  = "auditor"            // 監査人: reads evidence, decides nothing
)

// System is the whole description. Every name in it that refers to another entry has been checked by Load.
type System struct {
	ID            string         `yaml:"id"`          // short permanent identifier, part of every plan digest
	Environment   string         `yaml:"environment"` // "development" or "production"
	Name          Name           `yaml:"name"`
	TimeZone      string         `yaml:"timeZone"` // IANA name; calendars and mail use it
	AWS           AWS            `yaml:"aws"`
	Site          Site           `yaml:"site"`
	Distribution  Distribution   `yaml:"distribution"`
	Maintenance   Maintenance    `yaml:"maintenance"`
	WAF           WAF            `yaml:"waf"`
	ECS           ECS            `yaml:"ecs"`
	Database      Database       `yaml:"database"`
	Alarms        []string       `yaml:"alarms"`   // CloudWatch alarm names, muted during an outage
	Jobs          []Job          `yaml:"jobs"`     // EventBridge Scheduler schedules, paused during an outage
	Repairs       Repairs        `yaml:"repairs"`  // may be left out; then data repairs are refused
	Loads         Loads          `yaml:"loads"`    // may be left out; then data loads are refused
	Settings      []Setting      `yaml:"settings"` // what the runbook SettingChange may change; may be left out
	Changes       Changes        `yaml:"changes"`
	Releases      Releases       `yaml:"releases"`  // may be left out; then releases are refused
	Incidents     Incidents      `yaml:"incidents"` // may be left out; then incidents are refused
	Disaster      Disaster       `yaml:"disaster"`  // may be left out; then the recovery in the DR region is refused
	Mail          Mail           `yaml:"mail"`
	Organisations []Organisation `yaml:"organisations"`
	People        []Person       `yaml:"people"`
	Gates         []Gate         `yaml:"gates"`
	Answers       []Answer       `yaml:"answers"` // who answers a held step, a window decision, or reports work done
	Notices       []Notice       `yaml:"notices"`
	Windows       []Window       `yaml:"windows"` // when outages may be planned; empty means any time
	Freezes       []Freeze       `yaml:"freezes"`
	Outage        Outage         `yaml:"outage"`
	BusinessHours BusinessHours  `yaml:"businessHours"`
	Retention     Retention      `yaml:"retention"`
	Schedules     []Schedule     `yaml:"schedules"` // Temporal Schedules that start runbooks

	Folder string // that the file lies in; folders that it names are relative to it
}

// Name is what people call something, in Japanese and English.
type Name struct {
	Ja string `yaml:"ja"`
	En string `yaml:"en"`
}

// AWS says where the system runs.
type AWS struct {
	Account  string `yaml:"account"`  // 12 digits
	Region   string `yaml:"region"`   // such as ap-northeast-1
	DRRegion string `yaml:"drRegion"` // such as ap-northeast-3
}

// Site is the public face of the system, checked from outside by plain GETs.
type Site struct {
	URL      string    `yaml:"url"`      // absolute, http or https; `worker dev` puts the simulated site's address here
	Vantages []Vantage `yaml:"vantages"` // at least "public" and "operator"
	Paths    []string  `yaml:"paths"`    // paths whose GET must succeed when the site is up, such as "/"
}

// Vantage is a place that the site is looked at from.
type Vantage struct {
	Name    string            `yaml:"name"`
	Headers map[string]string `yaml:"headers"` // sent with the GET; the simulated site reads X-Forwarded-For
}

// Distribution is the CloudFront distribution in front of the site.
type Distribution struct {
	ID     string `yaml:"id"`
	Domain string `yaml:"domain"`
}

// Maintenance says where the maintenance page lives. The distribution must already route PathPrefix to the bucket.
type Maintenance struct {
	Bucket     string   `yaml:"bucket"`
	PathPrefix string   `yaml:"pathPrefix"` // such as "/maintenance/"; also the prefix of the S3 key
	RetryAfter Duration `yaml:"retryAfter"` // sent when the window's end is unknown
}

// WAF is the web ACL (scope CLOUDFRONT, so in us-east-1) in front of the distribution.
type WAF struct {
	WebACLID      string         `yaml:"webACLId"`
	WebACLName    string         `yaml:"webACLName"`
	OperatorSetID string         `yaml:"operatorSetId"`   // IP set of the operators
	OperatorSet   string         `yaml:"operatorSetName"` //
	OperatorIPs   []netip.Prefix `yaml:"operatorIPs"`     // what the IP set holds
	RulePriority  int32          `yaml:"rulePriority"`    // priority of the maintenance rule: free, and before all others
}

// ECS is the cluster and the services that runbooks may stop and start.
type ECS struct {
	Cluster  string    `yaml:"cluster"`
	Services []Service `yaml:"services"`
}

// Service is one ECS service under its logical name.
type Service struct {
	Name    string `yaml:"name"`    // logical, used in runbook inputs
	Service string `yaml:"service"` // ECS service name
	Desired int32  `yaml:"desired"` // the usual desired count; the sandbox is seeded with it
	Path    string `yaml:"path"`    // path prefix that it serves on the site, "" if none
}

// Database is the Aurora cluster.
type Database struct {
	Cluster        string          `yaml:"cluster"`
	SnapshotPrefix string          `yaml:"snapshotPrefix"`
	Backup         DatabaseBackup  `yaml:"backup"`  // may be left out; then the runbooks that need it refuse
	Restore        DatabaseRestore `yaml:"restore"` // likewise
}

// Job is an EventBridge Scheduler schedule.
type Job struct {
	Name     string `yaml:"name"` // logical
	Group    string `yaml:"group"`
	Schedule string `yaml:"schedule"`
	Cron     string `yaml:"cron"`   // as EventBridge writes it: "cron(0 2 * * ? *)"; the sandbox is seeded with it
	Target   string `yaml:"target"` // ARN
}

// Mail names the sender and the lists that notices go to.
type Mail struct {
	From             string `yaml:"from"`
	ConfigurationSet string `yaml:"configurationSet"`
	Lists            []List `yaml:"lists"`
}

// List is a notification list. Runbooks name it; only the mail activity sees the addresses.
type List struct {
	Name      string   `yaml:"name"`
	Addresses []string `yaml:"addresses"`
}

// Organisation employs people. Owner is true for the ministry.
type Organisation struct {
	ID    string `yaml:"id"`
	Name  Name   `yaml:"name"`
	Owner bool   `yaml:"owner"`
}

// Person is somebody who requests, operates, approves or audits.
type Person struct {
	ID           string   `yaml:"id"`
	Name         Name     `yaml:"name"`
	Organisation string   `yaml:"organisation"`
	Roles        []string `yaml:"roles"`
	Mail         string   `yaml:"mail"`
	Accounts     []string `yaml:"accounts"` // other identities that are the same person
}

// Gate is an approval gate of a runbook.
type Gate struct {
	Runbook       string   `yaml:"runbook"`
	Gate          string   `yaml:"gate"` // such as "plan"
	Role          string   `yaml:"role"` // who may answer
	Organisation  string   `yaml:"organisation"`
	Quorum        int      `yaml:"quorum"`        // different people needed; at least 1
	Deadline      Duration `yaml:"deadline"`      // open at most this long; a runbook may end it earlier
	RemindEvery   Duration `yaml:"remindEvery"`   // in business hours only; 0 means never
	EscalateAfter Duration `yaml:"escalateAfter"` // 0 means never
	NotifyList    string   `yaml:"notifyList"`
	EscalateList  string   `yaml:"escalateList"`
	// LateAfter makes it a gate that opens after the effect (事後承認): from that moment, counted from the effect as in the input of a
	// scheduled run ("+1bd 18:15"), its answer is overdue; at Deadline the run ends. "": an ordinary gate.
	LateAfter string `yaml:"lateAfter"`
}

// Answer says which role gives an answer of a kind: "operate" (retry, skip, rollback, done, cancel) or
// "decide" (extend, return).
type Answer struct {
	Kind         string   `yaml:"kind"`
	Role         string   `yaml:"role"`
	Organisation string   `yaml:"organisation"` // "" means any
	Deadline     Duration `yaml:"deadline"`     // after it the declared default is taken
	NotifyList   string   `yaml:"notifyList"`
}

// Notice is a class of announcement.
type Notice struct {
	Class         string `yaml:"class"`         // such as "standard"
	BusinessDays  int    `yaml:"businessDays"`  // full business days between the announcement and the outage's day; 0: none
	Justification bool   `yaml:"justification"` // a reason for the short notice is required
	List          string `yaml:"list"`          // who is told
}

// Window is a weekly time in which outages may lie.
type Window struct {
	Weekdays []string `yaml:"weekdays"` // "Mon" … "Sun", the day the window starts
	Start    string   `yaml:"start"`    // "22:00" in System.TimeZone
	Duration Duration `yaml:"duration"`
}

// Freeze is a time in which nothing may be changed.
type Freeze struct {
	Name   string    `yaml:"name"`
	Start  time.Time `yaml:"start"`
	End    time.Time `yaml:"end"`
	Reason string    `yaml:"reason"`
}

// Outage holds the time limits of planned outages.
type Outage struct {
	GoNoGoBefore Duration `yaml:"goNoGoBefore"` // the go/no-go gate opens this long before the window
	LatestStart  Duration `yaml:"latestStart"`  // after the window's start plus this, the outage is called off
	DecideAt     float64  `yaml:"decideAt"`     // share of the window after which a decision is asked for; default 0.7
	OverrunGrace Duration `yaml:"overrunGrace"` // after the window's end; then the site comes back by itself
	MaxExtension Duration `yaml:"maxExtension"` // one extension adds at most this much
	MaxDuration  Duration `yaml:"maxDuration"`  // longest window that may be asked for
}

// BusinessHours are the hours in which people are reminded.
type BusinessHours struct {
	Start string `yaml:"start"` // "09:30"
	End   string `yaml:"end"`   // "18:15"
}

// Retention says how long things are kept.
type Retention struct {
	EvidenceYears int `yaml:"evidenceYears"`
	SnapshotDays  int `yaml:"snapshotDays"`
	// RunSnapshotDays is how long snapshots stay that runs took before they changed something; 0 means DefaultRunSnapshotDays.
	RunSnapshotDays int `yaml:"runSnapshotDays"`
}

// Schedule starts a runbook by itself. Exactly one of Cron and BusinessDay is set.
type Schedule struct {
	ID          string         `yaml:"id"`
	Runbook     string         `yaml:"runbook"`
	Cron        string         `yaml:"cron"`        // five fields, in System.TimeZone
	BusinessDay *BusinessDay   `yaml:"businessDay"` //
	Catchup     Duration       `yaml:"catchup"`     // how late a missed start may be made up for; minutes, not days
	Jitter      Duration       `yaml:"jitter"`
	Paused      bool           `yaml:"paused"`
	Note        string         `yaml:"note"`
	Input       map[string]any `yaml:"input"`
}

// BusinessDay is "the n-th business day of a month at a time of day", shifted by calendar days.
type BusinessDay struct {
	N      int    `yaml:"n"`      // 1 is the first; -1 the last
	Months []int  `yaml:"months"` // 1–12; empty means every month
	Time   string `yaml:"time"`   // "09:30"
	Shift  int    `yaml:"shift"`  // business days to add, may be negative
}

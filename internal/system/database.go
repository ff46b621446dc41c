package system

import (
	"cmp"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"tejun/internal/strictyaml"
)

// DatabaseBackup says how the cluster is backed up. How long backups are kept is Retention.SnapshotDays.
type DatabaseBackup struct {
	Prefix      string   `yaml:"prefix"`      // snapshots are called this, the day and the run's key
	KeepAtLeast int      `yaml:"keepAtLeast"` // the newest ones that stay in each region, however old they are
	MaxAge      Duration `yaml:"maxAge"`      // without a good one this young there is an alarm
	AlarmList   string   `yaml:"alarmList"`
	DRKMSKey    string   `yaml:"drKmsKey"` // key of the DR region, for the copies
}

// DefaultRunSnapshotDays is how long snapshots that runs took before a change stay. RDS allows 100 manual snapshots in a region,
// and the backups share that number.
const DefaultRunSnapshotDays = 14

// DatabaseRestore says what a temporary cluster needs: AWS restores one without instances and in the default security group.
type DatabaseRestore struct {
	Prefix         string   `yaml:"prefix"`
	InstanceClass  string   `yaml:"instanceClass"`
	MinCapacity    float64  `yaml:"minCapacity"` // of Serverless v2; 0 for other classes
	MaxCapacity    float64  `yaml:"maxCapacity"`
	SubnetGroup    string   `yaml:"subnetGroup"`    // "" for the default one
	SecurityGroups []string `yaml:"securityGroups"` // that let the worker in; none for the default one
}

// Repairs says where approved statement templates lie, and where undo scripts go.
type Repairs struct {
	Templates string `yaml:"templates"` // folder, relative to the description's
	Bucket    string `yaml:"bucket"`
	Prefix    string `yaml:"prefix"` // of the keys, such as "repairs/"
}

// DatabaseRequest asks for work on the database.
type DatabaseRequest struct {
	What      string   `json:"what"`      // such as "the backup", for a refusal
	Requester string   `json:"requester"` // person ID or account
	Operator  string   `json:"operator"`  // person ID or account
	Needs     []string `json:"needs"`     // parts of the description: "backup", "restore"
}

// DatabaseTarget is what the request means on this system. It enters the history and holds no secrets.
type DatabaseTarget struct {
	SystemID    string        `json:"systemId"`
	Environment string        `json:"environment"`
	Requester   string        `json:"requester"` // person ID
	Operator    string        `json:"operator"`  // person ID
	Cluster     string        `json:"cluster"`
	Region      string        `json:"region"`
	DRRegion    string        `json:"drRegion"`
	Prefix      string        `json:"prefix"` // of backups
	KeepAtLeast int           `json:"keepAtLeast"`
	KeepDays    int           `json:"keepDays"`
	MaxAge      time.Duration `json:"maxAge"`
	AlarmList   string        `json:"alarmList"`
	DRKMSKey    string        `json:"drKmsKey"`
	Restored    string        `json:"restored"` // prefix of temporary clusters

	RunSnapshotDays int `json:"runSnapshotDays"` // for snapshots that runs took before a change; 0 in runs of before: they stay
}

// ResolveDatabase turns a request into what it means, or says why not (*OutageRefused).
func (s *System) ResolveDatabase(req DatabaseRequest) (DatabaseTarget, error) {
	c := outageCheck{system: s}
	requester, operator := c.people(OutageRequest{Requester: req.Requester, Operator: req.Operator})
	for _, need := range req.Needs {
		switch {
		case need == "backup" && s.Database.Backup.Prefix == "":
			c.refuse("system.yaml does not say how the database is backed up: add database.backup")
		case need == "restore" && s.Database.Restore.Prefix == "":
			c.refuse("system.yaml does not say what a restored cluster needs: add database.restore")
		}
	}
	if len(c.problems) > 0 {
		return DatabaseTarget{}, &OutageRefused{What: req.What, Problems: c.problems}
	}
	b := s.Database.Backup
	return DatabaseTarget{
		SystemID: s.ID, Environment: s.Environment, Requester: requester.ID, Operator: operator.ID,
		Cluster: s.Database.Cluster, Region: s.AWS.Region, DRRegion: s.AWS.DRRegion,
		Prefix: b.Prefix, KeepAtLeast: b.KeepAtLeast, KeepDays: s.Retention.SnapshotDays, MaxAge: b.MaxAge.D(), AlarmList: b.AlarmList, DRKMSKey: b.DRKMSKey,
		Restored: s.Database.Restore.Prefix, RunSnapshotDays: cmp.Or(s.Retention.RunSnapshotDays, DefaultRunSnapshotDays),
	}, nil
}

var keyPrefixForm = regexp.MustCompile(`^([A-Za-z0-9_-]+/)+$`)

func (r *report) validateRepairs(v Repairs) {
	if !r.Has("repairs") {
		return
	}
	if r.Need("repairs.templates", v.Templates) && (filepath.IsAbs(v.Templates) || !filepath.IsLocal(v.Templates)) {
		r.Add("repairs.templates", "%q: want a folder beside this file, such as repairs", v.Templates)
	}
	r.Form("repairs.bucket", v.Bucket, bucketForm, "the name of an S3 bucket")
	r.Form("repairs.prefix", v.Prefix, keyPrefixForm, "a prefix such as repairs/")
}

// clusterPrefix checks the beginning of the names of clusters and snapshots.
func (r *report) clusterPrefix(path, prefix string) {
	if r.Form(path, prefix, rdsForm, rdsWords) && len(prefix) > 30 {
		r.Add(path, "is longer than 30 characters: the rest of the name would not fit")
	}
}

// instance checks what a restored cluster's instance is.
func (r *report) instance(at, class string, least, most float64) {
	if r.Need(at+".instanceClass", class) && !strings.HasPrefix(class, "db.") {
		r.Add(at+".instanceClass", "%q: want a class such as db.serverless or db.r6g.large", class)
	}
	if class == "db.serverless" && (least < 0.5 || most < least) {
		r.Add(at, "db.serverless needs minCapacity of at least 0.5 and maxCapacity not below it")
	}
}

func (r *report) validateDatabase(s *System) {
	r.validateRepairs(s.Repairs)
	r.validateLoads(s.Loads)
	if b := s.Database.Backup; r.Has("database.backup") {
		const at = "database.backup"
		r.clusterPrefix(at+".prefix", b.Prefix)
		r.Number(at+".keepAtLeast", b.KeepAtLeast, 1, 100)
		r.span(at+".maxAge", b.MaxAge, time.Hour, 31*24*time.Hour)
		r.Refers(at+".alarmList", b.AlarmList, "mail list", strictyaml.NamesOf(s.Mail.Lists, func(l List) string { return l.Name }))
		if r.Form(at+".drKmsKey", b.DRKMSKey, arnForm, "the ARN of a KMS key") && s.AWS.DRRegion != s.AWS.Region && !strings.HasPrefix(b.DRKMSKey, "arn:aws:kms:"+s.AWS.DRRegion+":") {
			r.Add(at+".drKmsKey", "%q is not a key in %s: a copy in another region is encrypted with a key of that region", b.DRKMSKey, s.AWS.DRRegion)
		}
	}
	if v := s.Database.Restore; r.Has("database.restore") {
		const at = "database.restore"
		r.clusterPrefix(at+".prefix", v.Prefix)
		r.instance(at, v.InstanceClass, v.MinCapacity, v.MaxCapacity)
	}
}

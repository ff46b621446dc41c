package activities

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sesv2"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/readiness"
	"tejun/internal/records"
	"tejun/internal/system"
)

// ReadinessCheck asks what stands in the way of a recovery in the DR region.
type ReadinessCheck struct {
	Requester string `json:"requester"` // of a drill; neither they nor the operator could declare it
	Operator  string `json:"operator"`
	InUse     bool   `json:"inUse"` // a run holds the DR environment: what it moves is not as on an ordinary day
}

// ReadinessSeen is what a check has found. Nothing was changed.
type ReadinessSeen struct {
	Findings   []readiness.Finding `json:"findings"`
	Notes      []string            `json:"notes,omitempty"`     // what is worth knowing and stands in nobody's way
	FreshUntil time.Time           `json:"freshUntil,omitzero"` // when the newest data in the DR region will be older than the RPO
}

// ReadinessHold is the run that holds the DR environment; Run is "" when there is none.
type ReadinessHold struct {
	Run      string              `json:"run"` // workflow ID
	Until    time.Time           `json:"until,omitzero"`
	Findings []readiness.Finding `json:"findings"`
}

// readinessStore is what the activities need of the database.
type readinessStore interface {
	AllReservations(ctx context.Context, at time.Time) ([]records.Reservation, error)
	LastReadiness(ctx context.Context, system string) (records.ReadinessTold, error)
	RecordReadiness(ctx context.Context, in records.ReadinessTold) (records.ReadinessTold, error)
}

// Readiness looks whether a disaster could be met. Its checks change nothing. What could not be used in a disaster is a finding; an
// error means only that it could not be looked at.
type Readiness struct {
	elsewhere
	route53  *Route53
	database *DisasterDatabase
	objects  *s3.Client
	mail     *sesv2.Client
	store    readinessStore
	now      func() time.Time
}

func (s *ReadinessSeen) find(code, about string, data map[string]string) {
	s.Findings = append(s.Findings, readiness.Finding{Code: code, About: about, Data: data})
}

func (s *ReadinessSeen) note(format string, args ...any) {
	s.Notes = append(s.Notes, fmt.Sprintf(format, args...))
}

// failSeen is the error of a check that has found something before it failed, and holds that.
func failSeen(seen ReadinessSeen, err error) error {
	var typed *temporal.ApplicationError
	if !errors.As(err, &typed) {
		return err
	}
	return temporal.NewApplicationErrorWithOptions(typed.Message(), typed.Type(), temporal.ApplicationErrorOptions{
		NonRetryable: typed.NonRetryable(), Details: []any{seen},
	})
}

// SeenBefore is what a check had found before it failed.
func SeenBefore(err error) ReadinessSeen {
	var typed *temporal.ApplicationError
	var seen ReadinessSeen
	if !errors.As(err, &typed) || !typed.HasDetails() || typed.Details(&seen) != nil {
		return ReadinessSeen{}
	}
	return seen
}

// recoveryRunbook is the runbook that uses the DR environment.
const recoveryRunbook = "DisasterRecovery"

// FindReadinessHold finds the run that holds the DR environment. One that holds it for longer than it was to is a finding.
func (a *Readiness) FindReadinessHold(ctx context.Context, _ ReadinessCheck) (ReadinessHold, error) {
	hold := ReadinessHold{Findings: []readiness.Finding{}}
	s, err := disasterOf(a.system)
	if err != nil {
		return hold, err
	}
	all, err := a.store.AllReservations(ctx, time.Time{}) // also what was never given back
	if err != nil {
		return hold, recordsError(err, "look who holds the DR environment")
	}
	now := a.now()
	for _, r := range all {
		if r.Resource == system.DisasterHold(s.ID) && !r.From.After(now) {
			hold.Run, hold.Until = r.WorkflowID, r.Until
			break // the one that has held it longest
		}
	}
	if hold.Run != "" && hold.Until.Before(now) {
		hold.Findings = append(hold.Findings, readiness.Finding{Code: "overrun", About: hold.Run, Data: map[string]string{"until": inJapan(hold.Until)}})
	}
	return hold, nil
}

// CheckReadinessData looks how old the newest data in the DR region are, and when they will be too old.
func (a *Readiness) CheckReadinessData(ctx context.Context, _ ReadinessCheck) (ReadinessSeen, error) {
	seen := ReadinessSeen{Findings: []readiness.Finding{}}
	s, cfg, err := a.there()
	if err != nil {
		return seen, err
	}
	copies, err := (&RDS{client: rds.NewFromConfig(cfg)}).ListRDSBackups(ctx, Backups{System: s.ID, Cluster: s.Database.Cluster, Region: s.AWS.DRRegion})
	if err != nil {
		return seen, err
	}
	if i := slices.IndexFunc(copies.Backups, Backup.Good); i >= 0 { // the newest first
		a.age(&seen, s, copies.Backups[i])
	} else {
		seen.find("copy-missing", "", map[string]string{"region": s.AWS.DRRegion, "cluster": s.Database.Cluster})
	}
	if s.Disaster.Database.Via == system.ViaGlobalCluster {
		return seen, a.lag(ctx, &seen, s)
	}
	return seen, nil
}

// age judges the newest copy. It warns when backups stay away, not only when it is too late: database.backup.maxAge is within the RPO.
func (a *Readiness) age(seen *ReadinessSeen, s *system.System, newest Backup) {
	rpo, now := s.Disaster.RPO.D(), a.now()
	seen.FreshUntil = newest.TakenAt.Add(rpo).UTC()
	seen.note("the newest copy in %s is %s, taken at %s", s.AWS.DRRegion, newest.ID, inJapan(newest.TakenAt))
	var code string
	switch age := now.Sub(newest.TakenAt); {
	case age > rpo:
		code = "copy-too-old"
	case age > s.Database.Backup.MaxAge.D():
		code = "copy-ageing"
	default:
		return
	}
	seen.find(code, "", map[string]string{
		"region": s.AWS.DRRegion, "copy": newest.ID, "taken": inJapan(newest.TakenAt), "until": inJapan(seen.FreshUntil), "rpo": s.Disaster.RPO.Words(),
	})
}

// lag judges the replication of a global cluster, which a real disaster uses. How old its data would be shows at the disaster only.
func (a *Readiness) lag(ctx context.Context, seen *ReadinessSeen, s *system.System) error {
	about := s.Disaster.Database.GlobalCluster
	data, err := a.database.ReadDisasterData(ctx, DisasterDataQuery{Mode: system.DisasterReal})
	if isType(err, Refused) || isType(err, NotFound) {
		seen.find("global-unfit", about, map[string]string{"why": wordsOfError(err)})
		return nil
	}
	if err != nil {
		return err
	}
	seen.note("%s", data.Words)
	if lag := a.now().Sub(data.DataAt); lag > s.Disaster.RPO.D() {
		seen.find("global-lagging", about, map[string]string{"lag": system.Duration(lag).Words(), "rpo": s.Disaster.RPO.Words()})
	}
	return nil
}

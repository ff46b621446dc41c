package records

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
)

// The modes and manners of a disaster run.
const (
	ModeDrill        = "drill"
	ModeReal         = "real"
	MannerGraceful   = "graceful"   // the primary is still there: nothing is lost
	MannerUngraceful = "ungraceful" // it is not
)

// The outcomes of a disaster run.
const (
	DisasterReturned = "returned" // everything was done, and the primary serves again
	DisasterStays    = "stays"    // the run is over and the other region goes on serving
	DisasterDeclined = "declined" // never declared: refused, or nobody answered
	DisasterUndone   = "undone"   // begun, given up, and all of it taken back
	DisasterFailed   = "failed"   // ended otherwise: the report says what is left
)

// DisasterOutcomes are all of them.
var DisasterOutcomes = []string{DisasterReturned, DisasterStays, DisasterDeclined, DisasterUndone, DisasterFailed}

// Disaster is the registry's row of a drill or a real disaster. What it is (the fields up to StartedAt) is written when it is
// opened and never changes; the rest is written when it has ended. Spans are whole seconds.
type Disaster struct {
	Operation  string    `json:"operation"`
	WorkflowID string    `json:"workflowId"`
	System     string    `json:"system"` // ID of the operated system
	Mode       string    `json:"mode"`
	Manner     string    `json:"manner"`
	Title      string    `json:"title"`
	StartedAt  time.Time `json:"startedAt"`

	RunID      string         `json:"runId"` // of the newest run, after a Reset too
	DeclaredAt *time.Time     `json:"declaredAt"`
	RestoredAt *time.Time     `json:"restoredAt"`
	DataAt     *time.Time     `json:"dataAt"`
	RTOTarget  int            `json:"rtoTargetSeconds"`
	RPOTarget  int            `json:"rpoTargetSeconds"`
	RTO        *int           `json:"rtoSeconds"`      // measured; nil where it was not restored
	RTOHuman   *int           `json:"rtoHumanSeconds"` // of RTO: waited for people
	RPO        *int           `json:"rpoSeconds"`      // measured; nil where no data came up
	Steps      []DisasterStep `json:"steps"`
	Outcome    string         `json:"outcome"`    // "" while it goes on
	ReportKey  string         `json:"reportKey"`  // s3://bucket/key of the report in HTML
	ReportHash string         `json:"reportHash"` // its SHA-256 in hex
	EndedAt    *time.Time     `json:"endedAt"`
}

// DisasterStep is how long a step of a disaster run took.
type DisasterStep struct {
	Name    string `json:"name"`
	Part    string `json:"part"`
	Machine int    `json:"machineSeconds"`
	Human   int    `json:"humanSeconds"`
	Budget  int    `json:"budgetSeconds"` // 0 for none
	Outcome string `json:"outcome"`
}

// Seconds is how long the step took altogether.
func (s DisasterStep) Seconds() int { return s.Machine + s.Human }

// disasterRow is a Disaster under the names of the table's columns.
type disasterRow struct {
	Operation  string         `json:"operation"`
	WorkflowID string         `json:"workflow_id"`
	System     string         `json:"system"`
	Mode       string         `json:"mode"`
	Manner     string         `json:"manner"`
	Title      string         `json:"title"`
	StartedAt  time.Time      `json:"started_at"`
	RunID      string         `json:"run_id"`
	DeclaredAt *time.Time     `json:"declared_at"`
	RestoredAt *time.Time     `json:"restored_at"`
	DataAt     *time.Time     `json:"data_at"`
	RTOTarget  int            `json:"rto_target_s"`
	RPOTarget  int            `json:"rpo_target_s"`
	RTO        *int           `json:"rto_s"`
	RTOHuman   *int           `json:"rto_human_s"`
	RPO        *int           `json:"rpo_s"`
	Steps      []DisasterStep `json:"steps"`
	Outcome    string         `json:"outcome"`
	ReportKey  string         `json:"report_key"`
	ReportHash string         `json:"report_hash"`
	EndedAt    *time.Time     `json:"ended_at"`
}

const disasterColumns = `operation, workflow_id, system, mode, manner, title, started_at, run_id, declared_at, restored_at, data_at, rto_target_s, rpo_target_s, rto_s, rto_human_s, rpo_s, steps, outcome, report_key, report_hash, ended_at`

// OpenDisaster writes what a run is. The same again changes nothing; the same operation as another run, system, mode or manner
// is ErrInvalid. The row that stands there comes back.
func (s *Store) OpenDisaster(ctx context.Context, d Disaster) (Disaster, error) {
	if err := checkDisaster(d); err != nil {
		return Disaster{}, fmt.Errorf("open a disaster run: %w: %w", ErrInvalid, err)
	}
	row, err := s.writeDisaster(ctx, "open_disaster", d)
	if err != nil {
		return Disaster{}, fmt.Errorf("open the disaster run %s: %w", d.WorkflowID, err)
	}
	if row.WorkflowID != d.WorkflowID || row.System != d.System || row.Mode != d.Mode || row.Manner != d.Manner {
		return Disaster{}, fmt.Errorf("open the disaster run %s as %s, %s: %w: the operation %s is %s, %s, of %s on %s, and what it is never changes",
			d.WorkflowID, d.Mode, d.Manner, ErrInvalid, d.Operation, row.Mode, row.Manner, row.WorkflowID, row.System)
	}
	return row, nil
}

// FinishDisaster writes what was measured, and returns the whole row. A run that ends once more, as after a Reset, ends as it
// says last. What it is was said when it was opened and is not looked at here; one that was never opened is ErrNotFound.
func (s *Store) FinishDisaster(ctx context.Context, d Disaster) (Disaster, error) {
	if err := checkFinished(d); err != nil {
		return Disaster{}, fmt.Errorf("finish a disaster run: %w: %w", ErrInvalid, err)
	}
	row, err := s.writeDisaster(ctx, "finish_disaster", d)
	if err != nil {
		return Disaster{}, fmt.Errorf("finish the disaster run %s: %w", d.WorkflowID, err)
	}
	return row, nil
}

func (s *Store) writeDisaster(ctx context.Context, function string, d Disaster) (Disaster, error) {
	d.StartedAt, d.DeclaredAt, d.RestoredAt, d.DataAt, d.EndedAt = utc(d.StartedAt), utcOf(d.DeclaredAt), utcOf(d.RestoredAt), utcOf(d.DataAt), utcOf(d.EndedAt)
	d.Steps = append([]DisasterStep{}, d.Steps...)
	content, err := json.Marshal(disasterRow(d))
	if err != nil {
		return Disaster{}, err
	}
	list, err := s.disasters(ctx, `SELECT `+disasterColumns+` FROM tejun.`+function+`($1)`, string(content))
	switch {
	case err != nil:
		return Disaster{}, err
	case len(list) == 0:
		return Disaster{}, fmt.Errorf("the operation %s: %w", d.Operation, ErrNotFound)
	}
	return list[0], nil
}

// DisasterMode says whether an operation is a drill or real. One that was never opened is ErrNotFound.
func (s *Store) DisasterMode(ctx context.Context, operation string) (string, error) {
	var mode string
	err := s.pool.QueryRow(ctx, `SELECT mode FROM tejun.disasters WHERE operation = $1`, operation).Scan(&mode)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", fmt.Errorf("the disaster run of operation %s: %w", operation, ErrNotFound)
	case err != nil:
		return "", fmt.Errorf("read the mode of operation %s: %w", operation, explain(err))
	}
	return mode, nil
}

// EarlierDisasters lists what has ended on a system of those that began before a time and were declared, the newest first.
func (s *Store) EarlierDisasters(ctx context.Context, system string, before time.Time, limit int) ([]Disaster, error) {
	list, err := s.disasters(ctx, `SELECT `+disasterColumns+` FROM tejun.disasters
		WHERE system = $1 AND started_at < $2 AND ended_at IS NOT NULL AND declared_at IS NOT NULL
		ORDER BY started_at DESC, operation LIMIT $3`, system, utc(before), limit)
	if err != nil {
		return nil, fmt.Errorf("list earlier disaster runs on %s: %w", system, err)
	}
	return list, nil
}

// DisasterFilter says which disaster runs are listed.
type DisasterFilter struct {
	Mode  string // "" for both
	Limit int    // 0 for all
}

// Disasters lists disaster runs, those that go on first, then the newest.
func (s *Store) Disasters(ctx context.Context, f DisasterFilter) ([]Disaster, error) {
	list, err := s.disasters(ctx, `SELECT `+disasterColumns+` FROM tejun.disasters WHERE $1 = '' OR mode = $1
		ORDER BY ended_at IS NOT NULL, started_at DESC, operation LIMIT nullif($2, 0)`, f.Mode, f.Limit)
	if err != nil {
		return nil, fmt.Errorf("list disaster runs: %w", err)
	}
	return list, nil
}

// Disaster reads one run by its operation, or by the ID of its workflow: then it is that one's newest. None is ErrNotFound.
func (s *Store) Disaster(ctx context.Context, name string) (Disaster, error) {
	list, err := s.disasters(ctx, `SELECT `+disasterColumns+` FROM tejun.disasters WHERE operation = $1 OR workflow_id = $1
		ORDER BY operation = $1 DESC, started_at DESC LIMIT 1`, name)
	switch {
	case err != nil:
		return Disaster{}, fmt.Errorf("read the disaster run %s: %w", name, err)
	case len(list) == 0:
		return Disaster{}, fmt.Errorf("the disaster run %s: %w", name, ErrNotFound)
	}
	return list[0], nil
}

func (s *Store) disasters(ctx context.Context, sql string, args ...any) ([]Disaster, error) {
	return collect(ctx, s, func(r pgx.CollectableRow) (Disaster, error) {
		var d Disaster
		err := r.Scan(&d.Operation, &d.WorkflowID, &d.System, &d.Mode, &d.Manner, &d.Title, &d.StartedAt, &d.RunID, &d.DeclaredAt, &d.RestoredAt, &d.DataAt,
			&d.RTOTarget, &d.RPOTarget, &d.RTO, &d.RTOHuman, &d.RPO, &d.Steps, &d.Outcome, &d.ReportKey, &d.ReportHash, &d.EndedAt)
		d.StartedAt, d.DeclaredAt, d.RestoredAt, d.DataAt, d.EndedAt = utc(d.StartedAt), utcOf(d.DeclaredAt), utcOf(d.RestoredAt), utcOf(d.DataAt), utcOf(d.EndedAt)
		return d, err
	}, sql, args...)
}

func checkDisaster(d Disaster) error {
	problems := plainTexts([]text{
		{"operation", d.Operation, true}, {"workflowId", d.WorkflowID, true}, {"system", d.System, true}, {"title", d.Title, true}, {"runId", d.RunID, false},
	})
	if d.Mode != ModeDrill && d.Mode != ModeReal {
		problems = append(problems, fmt.Errorf("mode is %q: want drill or real", d.Mode))
	}
	if d.Manner != MannerGraceful && d.Manner != MannerUngraceful {
		problems = append(problems, fmt.Errorf("manner is %q: want graceful or ungraceful", d.Manner))
	}
	if d.StartedAt.IsZero() {
		problems = append(problems, errors.New("startedAt is missing"))
	}
	return errors.Join(problems...)
}

func checkFinished(d Disaster) error {
	problems := []error{plainText("operation", d.Operation, true), plainText("reportKey", d.ReportKey, false), plainText("reportHash", d.ReportHash, false)}
	if !slices.Contains(DisasterOutcomes, d.Outcome) {
		problems = append(problems, fmt.Errorf("outcome is %q: want one of %v", d.Outcome, DisasterOutcomes))
	}
	if d.EndedAt == nil || d.EndedAt.IsZero() {
		problems = append(problems, errors.New("endedAt is missing"))
	}
	for what, value := range map[string]*int{"rtoTarget": &d.RTOTarget, "rpoTarget": &d.RPOTarget, "rto": d.RTO, "rtoHuman": d.RTOHuman, "rpo": d.RPO} {
		if value != nil && *value < 0 {
			problems = append(problems, fmt.Errorf("%s is %d: a span is not negative", what, *value))
		}
	}
	if d.RTOHuman != nil && (d.RTO == nil || *d.RTOHuman > *d.RTO) {
		problems = append(problems, errors.New("rtoHuman is a part of rto and cannot be more"))
	}
	for _, s := range d.Steps {
		problems = append(problems, plainText("a step's name", s.Name, true))
	}
	return errors.Join(problems...)
}

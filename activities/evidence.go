package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/temporal"

	"tejun/internal/plan"
	"tejun/internal/records"
)

// evidenceTimeout is how long the row of an attempt may take. It has time of its own: an attempt whose time is over
// must be recorded too.
const evidenceTimeout = 10 * time.Second

// evidenceStore is what the interceptor needs of the database.
type evidenceStore interface {
	AppendEvidence(ctx context.Context, e records.Evidence) (records.Row, error)
}

// attempt is the body of an evidence row about one attempt of an activity.
type attempt struct {
	Activity     string    `json:"activity"`
	Step         string    `json:"step"`
	Attempt      int32     `json:"attempt"`
	InputSHA256  string    `json:"inputSha256"`  // of the canonical JSON
	OutputSHA256 string    `json:"outputSha256"` // "" if it failed
	Calls        []Call    `json:"calls"`        // every call to AWS, in order
	MoreCalls    int       `json:"moreCalls"`    // calls beyond those listed
	Error        string    `json:"error"`
	ErrorType    string    `json:"errorType"`
	StartedAt    time.Time `json:"startedAt"`
	EndedAt      time.Time `json:"endedAt"`
}

// EvidenceInterceptor makes a worker append one evidence row per attempt of every activity, local ones excepted, after
// the activity and before its result goes back. An attempt whose row cannot be written fails and is repeated, which every
// activity withstands; so nothing counts as done without evidence.
type EvidenceInterceptor struct {
	interceptor.WorkerInterceptorBase
	store evidenceStore
}

// NewEvidenceInterceptor makes the interceptor; it goes into worker.Options.Interceptors.
func NewEvidenceInterceptor(store *records.Store) *EvidenceInterceptor {
	return &EvidenceInterceptor{store: store}
}

// InterceptActivity puts the recorder around the activity.
func (e *EvidenceInterceptor) InterceptActivity(_ context.Context, next interceptor.ActivityInboundInterceptor) interceptor.ActivityInboundInterceptor {
	return &evidenceRecorder{ActivityInboundInterceptorBase: interceptor.ActivityInboundInterceptorBase{Next: next}, store: e.store}
}

type evidenceRecorder struct {
	interceptor.ActivityInboundInterceptorBase
	store evidenceStore
}

// ExecuteActivity runs the activity and records the attempt.
func (r *evidenceRecorder) ExecuteActivity(ctx context.Context, in *interceptor.ExecuteActivityInput) (any, error) {
	info := activity.GetInfo(ctx)
	if info.IsLocalActivity {
		return r.Next.ExecuteActivity(ctx, in)
	}
	body := attempt{Activity: info.ActivityType.Name, Step: stepOf(in.Args, info.ActivityType.Name), Attempt: info.Attempt, StartedAt: time.Now().UTC()}
	var hashed error
	if body.InputSHA256, hashed = plan.Hash(in.Args); hashed != nil {
		return nil, fail(InvalidInput, "%s: its input cannot be hashed: %v", body.Activity, hashed)
	}
	collecting, collector := withCollector(ctx)
	out, failure := r.Next.ExecuteActivity(collecting, in)
	body.EndedAt = time.Now().UTC()
	body.Calls, body.MoreCalls = collector.list()
	if failure == nil {
		if body.OutputSHA256, hashed = plan.Hash(out); hashed != nil {
			return nil, fail(InvalidInput, "%s: its output cannot be hashed: %v", body.Activity, hashed)
		}
	} else {
		body.Error, body.ErrorType = wordsOf(failure)
	}
	if err := r.record(ctx, info, body); err != nil {
		if failure != nil {
			return nil, fail(Unavailable, "the attempt is not in the evidence yet, so it is made again: %v; it had failed with: %v", err, failure)
		}
		return nil, fail(Unavailable, "it was done and is not in the evidence yet, so it is looked at again: %v", err)
	}
	return out, failure
}

func (r *evidenceRecorder) record(ctx context.Context, info activity.Info, body attempt) error {
	content, err := json.Marshal(body)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), evidenceTimeout)
	defer cancel()
	row := records.Evidence{
		WorkflowID: info.WorkflowExecution.ID, RunID: info.WorkflowExecution.RunID,
		Key:  fmt.Sprintf("%s/%s/%d", info.WorkflowExecution.RunID, info.ActivityID, info.Attempt),
		Kind: "activity", Step: body.Step, At: body.EndedAt, Body: content,
	}
	_, err = r.store.AppendEvidence(ctx, row)
	var other *records.MismatchError
	if errors.As(err, &other) {
		// The same attempt once more: Temporal's database was restored from a backup. Both really took place.
		row.Key += fmt.Sprintf("/%d", info.StartedTime.UnixNano())
		_, err = r.store.AppendEvidence(ctx, row)
	}
	return err
}

// stepOf is the input's field "step", or else the activity's name.
func stepOf(args []any, name string) string {
	if len(args) == 1 {
		var named struct {
			Step string `json:"step"`
		}
		if raw, err := json.Marshal(args[0]); err == nil && json.Unmarshal(raw, &named) == nil && named.Step != "" {
			return named.Step
		}
	}
	return name
}

func wordsOf(err error) (message, kind string) {
	var typed *temporal.ApplicationError
	if errors.As(err, &typed) {
		return typed.Message(), typed.Type()
	}
	return err.Error(), ""
}

package activities

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"

	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/sandbox"
)

// testWorkflow is the workflow ID of the test environment, so all tests write into one chain.
const testWorkflow = "default-test-workflow-id"

// evidenceOf returns the bodies of all evidence so far.
func evidenceOf(t *testing.T, b *bench) []attempt {
	t.Helper()
	rows, err := database.ListEvidence(t.Context(), testWorkflow)
	require.NoError(t, err)
	all := []attempt{}
	for _, row := range rows {
		var body attempt
		require.NoError(t, json.Unmarshal(row.Body, &body))
		all = append(all, body)
	}
	require.NotEmpty(t, all, b.operation)
	return all
}

func TestEvidenceOfEveryAttempt(t *testing.T) {
	c, b := cloudFrontChanging(), newBench(t)
	change, err := c.plan(b)
	require.NoError(t, err)
	b.intercept = true
	b.fault("cloudfront", "UpdateDistribution", sandbox.FaultThrottle)
	requireType(t, c.apply(b, Ref(change)), Throttled)
	require.NoError(t, c.apply(b, Ref(change)))
	all := evidenceOf(t, b)
	failed, done := all[len(all)-2], all[len(all)-1]

	assert.Equal(t, "ApplyCloudFrontMaintenance", done.Activity)
	assert.Equal(t, "ApplyCloudFrontMaintenance", done.Step)
	assert.Equal(t, Throttled, failed.ErrorType)
	assert.Contains(t, failed.Error, "Rate exceeded")
	assert.Empty(t, failed.OutputSHA256)
	assert.Empty(t, done.Error)
	assert.Equal(t, failed.InputSHA256, done.InputSHA256)
	input := CloudFrontChange{
		Operation: b.operation, Change: Ref(change),
		MaintenanceRouting: MaintenanceRouting{DistributionID: b.system.Distribution.ID, PagePath: b.system.Maintenance.PathPrefix + b.operation + ".html"},
	}
	hash, err := plan.Hash([]any{input})
	require.NoError(t, err)
	assert.Equal(t, hash, done.InputSHA256)
	assert.NotEmpty(t, done.OutputSHA256)
	names := []string{}
	for _, call := range done.Calls {
		names = append(names, call.Service+" "+call.Operation+" "+call.Outcome)
		assert.NotEmpty(t, call.RequestID)
		assert.False(t, call.At.IsZero())
	}
	assert.Equal(t, []string{"CloudFront GetDistributionConfig ok", "CloudFront UpdateDistribution ok", "CloudFront GetDistributionConfig ok"}, names)
	last := failed.Calls[len(failed.Calls)-1]
	assert.Equal(t, "Throttling", last.Outcome)
	assert.NotEmpty(t, last.RequestID)

	entries := b.writes()
	assert.True(t, slices.ContainsFunc(entries, func(e sandbox.Entry) bool { return e.RequestID == done.Calls[1].RequestID }), "the journal knows the request")
}

func TestEvidenceNamesTheStepOfTheInput(t *testing.T) {
	b := newBench(t)
	b.intercept = true
	must(b, b.set.SES.SendSESMail, mailOf(b))
	all := evidenceOf(t, b)
	last := all[len(all)-1]
	assert.Equal(t, "announce", last.Step)
	assert.NotContains(t, asJSON(t, last), "users@example.jp")
}

// brokenStore loses rows.
type brokenStore struct{ asked int }

func (s *brokenStore) AppendEvidence(context.Context, records.Evidence) (records.Row, error) {
	s.asked++
	return records.Row{}, errors.New("connection refused")
}

func TestNothingCountsAsDoneWithoutEvidence(t *testing.T) {
	b := newBench(t)
	store := &brokenStore{}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&EvidenceInterceptor{store: store}}})
	env.RegisterActivity(b.set.SES.SendSESMail)
	_, err := env.ExecuteActivity(b.set.SES.SendSESMail, mailOf(b))
	requireType(t, err, Unavailable)
	assert.Contains(t, err.Error(), "it was done and is not in the evidence yet")

	bad := mailOf(b)
	bad.List = "nobody"
	_, err = env.ExecuteActivity(b.set.SES.SendSESMail, bad)
	requireType(t, err, Unavailable)
	assert.Contains(t, err.Error(), "no notification list")
	assert.Equal(t, 2, store.asked)

	b.intercept = true
	must(b, b.set.SES.SendSESMail, mailOf(b))
	require.Equal(t, []string{"SendEmail"}, b.effects(), "made again without sending again")
}

func TestLocalActivitiesLeaveNoEvidenceOfTheirOwn(t *testing.T) {
	b := newBench(t)
	store := &brokenStore{}
	var suite testsuite.WorkflowTestSuite
	env := suite.NewTestActivityEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&EvidenceInterceptor{store: store}}})
	_, err := env.ExecuteLocalActivity(b.set.Directory.ResolvePerson, Claim{By: "ito"})
	require.NoError(t, err)
	assert.Zero(t, store.asked)
}

func TestSameAttemptAfterARestoreIsRecordedBesideTheFirst(t *testing.T) {
	b := newBench(t)
	b.intercept = true
	must(b, b.set.Directory.ResolvePerson, Claim{By: "ito"})
	before := len(evidenceOf(t, b))
	must(b, b.set.Directory.ResolvePerson, Claim{By: "sato"}) // the test environment counts every attempt as the first
	assert.Len(t, evidenceOf(t, b), before+1)
}

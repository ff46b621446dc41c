package activities

import (
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
)

func TestEveryActivityIsRegisteredUnderItsOwnName(t *testing.T) {
	b := newBench(t)
	var suite testsuite.WorkflowTestSuite
	b.set.Register(suite.NewTestWorkflowEnvironment()) // panics on a duplicate or a wrong signature

	registry := &counting{}
	b.set.Register(registry)
	methods := []string{}
	for _, set := range []reflect.Value{reflect.ValueOf(b.set), reflect.ValueOf(b.set.Releases), reflect.ValueOf(b.set.Disaster)} {
		for i := range set.NumField() {
			for j := range set.Field(i).NumMethod() {
				methods = append(methods, set.Field(i).Type().Method(j).Name)
			}
		}
	}
	assert.Equal(t, len(methods), registry.count, "every exported method is an activity: %s", strings.Join(methods, ", "))
	seen := map[string]bool{}
	for _, name := range methods {
		require.False(t, seen[name], "%s stands twice", name)
		seen[name] = true
	}
}

func TestNewSaysWhatIsMissing(t *testing.T) {
	_, err := New(Deps{})
	require.ErrorContains(t, err, "must all be given")
}

type counting struct {
	worker.ActivityRegistry
	count int
}

func (c *counting) RegisterActivity(any) { c.count++ }

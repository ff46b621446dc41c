package plan

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func change(t *testing.T, after int) Change {
	t.Helper()
	c, err := NewChange("ecs:main/api", "stop api", map[string]int{"desired": 2}, map[string]int{"desired": after}, map[string]int{"desired": 2}, map[string]int{"desired": after})
	require.NoError(t, err)
	return c
}

func TestDigestNamesScopeAndChanges(t *testing.T) {
	scope := map[string]string{"environment": "development", "operation": "a"}
	one, err := New(scope, []Change{change(t, 0)})
	require.NoError(t, err)
	same, err := New(map[string]string{"operation": "a", "environment": "development"}, []Change{change(t, 0)})
	require.NoError(t, err)
	assert.Equal(t, one.Digest, same.Digest, "the order of keys says nothing")
	for name, other := range map[string]func() (Plan, error){
		"another change": func() (Plan, error) { return New(scope, []Change{change(t, 1)}) },
		"one more":       func() (Plan, error) { return New(scope, []Change{change(t, 0), change(t, 0)}) },
		"another environment": func() (Plan, error) {
			return New(map[string]string{"environment": "production", "operation": "a"}, []Change{change(t, 0)})
		},
		"another run": func() (Plan, error) {
			return New(map[string]string{"environment": "development", "operation": "b"}, []Change{change(t, 0)})
		},
	} {
		p, err := other()
		require.NoError(t, err)
		assert.NotEqual(t, one.Digest, p.Digest, name)
	}
}

func TestCanonicalFormDropsWhatAWSAddsOnTheWayBack(t *testing.T) {
	sent, err := Hash(map[string]any{"Name": "x", "Items": []string{"a"}})
	require.NoError(t, err)
	back, err := Hash(map[string]any{"Items": []string{"a"}, "Aliases": []string{}, "Comment": nil, "Nested": map[string]any{"Empty": map[string]any{}}, "Name": "x"})
	require.NoError(t, err)
	assert.Equal(t, sent, back)
	text, err := Canonical(map[string]any{"b": json.Number("10000000000000000001"), "a": "<&>"})
	require.NoError(t, err)
	assert.Equal(t, `{"a":"<&>","b":10000000000000000001}`, string(text), "no number loses digits and nothing is escaped")
}

func TestDiffShowsWhatChanges(t *testing.T) {
	assert.Equal(t, []Line{{' ', "{"}, {'-', `  "desired": 2`}, {'+', `  "desired": 0`}, {' ', "}"}}, change(t, 0).Diff())
	p, err := New(nil, []Change{change(t, 0)})
	require.NoError(t, err)
	assert.Contains(t, p.Markdown(), "-   \"desired\": 2\n+   \"desired\": 0\n")
	assert.Equal(t, []string{"ecs:main/api"}, p.Resources())
	assert.Len(t, Short(p.Digest), 12)
}

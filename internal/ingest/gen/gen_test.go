package gen

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTheSameOptionsGiveTheSameBytes(t *testing.T) {
	o := Options{Rows: 3000, Seed: 7, Broken: 0.02, Duplicate: 0.02, Conflict: 0.01}
	var a, b bytes.Buffer
	facts, err := Write(&a, o)
	require.NoError(t, err)
	again, err := Write(&b, o)
	require.NoError(t, err)
	require.Equal(t, facts, again)
	require.Equal(t, sha256.Sum256(a.Bytes()), sha256.Sum256(b.Bytes()))
	streamed, err := io.ReadAll(Reader(o))
	require.NoError(t, err)
	require.True(t, bytes.Equal(a.Bytes(), streamed))

	require.EqualValues(t, a.Len(), facts.Bytes)
	require.Equal(t, facts.Records, facts.Good+facts.Broken+facts.Duplicates+facts.Conflicts)
	require.Equal(t, 3000, facts.Good+facts.Broken)
	require.Len(t, facts.Breaks, len(breaks))
	require.Greater(t, facts.Conflicts, 10)
}

func TestTheNextEditionDiffersAsAsked(t *testing.T) {
	o := Options{Rows: 2000, Seed: 7}
	var a, b bytes.Buffer
	_, err := Write(&a, o)
	require.NoError(t, err)
	o.Changed, o.Vanished, o.New = 0.05, 0.02, 0.1
	facts, err := Write(&b, o)
	require.NoError(t, err)
	require.Equal(t, 200, facts.New)
	before := map[string]string{}
	for line := range bytes.Lines(a.Bytes()) {
		if id, _, ok := bytes.Cut(line, []byte(",")); ok {
			before[string(id)] = string(line)
		}
	}
	same := 0
	for line := range bytes.Lines(b.Bytes()) {
		if id, _, ok := bytes.Cut(line, []byte(",")); ok && before[string(id)] == string(line) {
			same++
		}
	}
	require.InDelta(t, 2000-facts.Changed-facts.Vanished, same, 100, "all but the changed, the vanished and the continued lines")
	require.Equal(t, 2000-facts.Vanished+200, facts.Records)
}

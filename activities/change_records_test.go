package activities

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

func TestARecordedStateIsOneHoweverOftenItIsTold(t *testing.T) {
	b := newBench(t)
	by := time.Now().UTC().Add(time.Hour).Truncate(time.Microsecond)
	in := ChangeRecord{
		Key: b.operation + "/1", At: time.Now(), Kind: SettingKind, Class: EmergencyChange, Title: "緊急の設定変更", Targets: []string{b.operation},
		Requester: "takahashi", Operator: "tanaka", State: records.ChangeApplied, ReviewBy: &by,
	}
	first := must(b, b.set.Changes.RecordChange, in)
	assert.Equal(t, first, must(b, b.set.Changes.RecordChange, in))

	// A killed worker leaves a row of another moment; the repeated task's row stands beside it.
	in.At = in.At.Add(time.Second)
	second := must(b, b.set.Changes.RecordChange, in)
	assert.Equal(t, first.Seq+1, second.Seq)
	assert.Equal(t, second, must(b, b.set.Changes.RecordChange, in))

	in.State = "finished"
	in.Key = b.operation + "/2"
	_, err := try(b, b.set.Changes.RecordChange, in)
	requireType(t, err, InvalidInput)
	require.ErrorContains(t, err, `state is "finished"`)
}

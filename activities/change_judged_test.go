package activities

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/system"
)

func TestAnIncidentIsFoundOnlyWhileItIsOpen(t *testing.T) {
	b := newBench(t)
	run := "incident-" + b.operation
	told := func(key, state string) records.Incident {
		in := records.Incident{
			ID: "INC-20270118-" + b.operation, Key: b.operation + key, WorkflowID: run, RunID: "r", Event: key, At: time.Now(), Fingerprint: b.operation, State: state,
			Title: "応答遅延", Severity: "major", OpenedAt: incidentDay, DetectedAt: incidentDay,
		}
		_, err := database.RecordIncident(t.Context(), in)
		require.NoError(t, err)
		return in
	}
	find := func(name string) error {
		found, err := try(b, b.set.Incidents.FindOpenIncident, IncidentRef{name})
		if err == nil {
			assert.Equal(t, OpenIncident{"INC-20270118-" + b.operation, run}, found)
		}
		return err
	}
	requireType(t, find(run), Refused)
	in := told("opened", records.IncidentOpen)
	require.NoError(t, find(run))
	require.NoError(t, find(in.ID))
	told("recovered", records.IncidentRecovered)
	require.NoError(t, find(run), "it may be mended until it is closed")
	told("closed", records.IncidentClosed)
	err := find(run)
	requireType(t, err, Refused)
	require.ErrorContains(t, err, "is closed since")
}

func TestWhetherAChangeWasMadeBeforeAReset(t *testing.T) {
	b := newBench(t)
	look := func() MadeChange { return must(b, b.set.Changes.FindMadeChange, struct{}{}) }
	for i, c := range []struct {
		state string
		made  bool
	}{{records.ChangeUndone, false}, {records.ChangePlanned, false}, {records.ChangeRunning, true}, {records.ChangeApplied, true}, {records.ChangeUndone, false}} {
		_, err := try(b, b.set.Changes.RecordChange, ChangeRecord{
			Key: b.operation + "/" + string(rune('a'+i)), At: time.Now(), Kind: SettingKind, Class: NormalChange, Title: "設定変更", Targets: []string{b.operation},
			Requester: "kato", Operator: "tanaka", State: c.state,
		})
		require.NoError(t, err)
		got := look()
		assert.Equal(t, c.made, got.Made, c.state)
		assert.Equal(t, []string{b.operation}, got.Targets)
	}
}

func TestAStandardChangeIsStillOneOrNot(t *testing.T) {
	b := newBench(t)
	s := b.system
	mode, ok := s.Setting("web-mode")
	require.True(t, ok)
	v := system.SettingResolved{Name: mode.Name, Kind: mode.Kind, Resource: mode.Resource, New: json.RawMessage(`"read-only"`)}
	ask := func(v system.SettingResolved) error {
		_, err := try(b, b.set.Directory.CheckStandardChange, StandardQuestion{[]system.SettingResolved{v}})
		return err
	}
	require.Equal(t, StandardFound{[]string{"web-read-only"}}, must(b, b.set.Directory.CheckStandardChange, StandardQuestion{[]system.SettingResolved{v}}))
	other := v
	other.New = json.RawMessage(`"loud"`)
	require.ErrorContains(t, ask(other), `changes.standard does not approve web-mode to "loud" any more`)
	moved := v
	moved.Resource = "/elsewhere"
	err := ask(moved)
	requireType(t, err, Refused)
	require.ErrorContains(t, err, "does not declare the setting web-mode")
}

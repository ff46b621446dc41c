// Package workflows holds the runbooks, one file each. `ls` is the table of contents.
package workflows

import (
	"fmt"
	"slices"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"tejun/internal/calendar"
	"tejun/internal/load"
	"tejun/internal/repair"
	"tejun/internal/system"
	"tejun/workflows/runbook"
)

// TaskQueue is where the runbooks run unless a worker is told otherwise.
const TaskQueue = "tejun"

// Runbook is what a starter needs to know of a runbook.
type Runbook struct {
	runbook.Spec
	Example string // file with an example input, relative to the repository's root
	// Check validates an input, by itself and against the operated system, without any effect. It is the check that the
	// run makes itself, so a starter can refuse before anything is started.
	Check func(raw []byte, sys *system.System, cal *calendar.Calendar, now time.Time) error
	// Workflow is the workflow function.
	Workflow any
}

// All lists the runbooks in the order of the seed's rows.
func All() []Runbook {
	return []Runbook{
		{Spec: backup, Example: "examples/backup.json", Check: checkBackup, Workflow: Backup},
		{Spec: plannedOutage, Example: "examples/planned-outage.json", Check: checkPlannedOutage, Workflow: PlannedOutage},
		{Spec: dataArrival, Example: "examples/data-arrival.json", Check: checkDataArrival, Workflow: DataArrival},
		{Spec: dataLoad, Example: "examples/data-load.json", Check: checkDataLoad, Workflow: DataLoad},
		{Spec: incident, Example: "examples/incident.json", Check: checkIncident, Workflow: Incident},
		{Spec: dataRepair, Example: "examples/data-repair.json", Check: checkDataRepair, Workflow: DataRepair},
		{Spec: settingChange, Example: "examples/setting-change.json", Check: checkSettingChange, Workflow: SettingChange},
		{Spec: release, Example: "examples/release.json", Check: checkRelease, Workflow: Release},
		{Spec: disasterRecovery, Example: "examples/dr-drill.json", Check: checkDisasterRecovery, Workflow: DisasterRecovery},
		{Spec: disasterReadiness, Example: "examples/disaster-readiness.json", Check: checkDisasterReadiness, Workflow: DisasterReadiness},
		{Spec: dataSupport, Example: "examples/data-support.json", Check: checkDataSupport, Workflow: DataSupport},
	}
}

// Lookup finds a runbook by its name.
func Lookup(name string) (Runbook, bool) {
	all := All()
	if i := slices.IndexFunc(all, func(r Runbook) bool { return r.Name == name }); i >= 0 {
		return all[i], true
	}
	return Runbook{}, false
}

// Register makes the runbooks known to a worker.
func Register(w worker.WorkflowRegistry) {
	for _, r := range All() {
		w.RegisterWorkflowWithOptions(r.Workflow, workflow.RegisterOptions{Name: r.Name})
	}
}

// decode reads and validates an input by itself, as runbook.Open does.
func decode(raw []byte, in runbook.Validator) error {
	if err := runbook.DecodeStrict(raw, in); err != nil {
		return err
	}
	return in.Validate()
}

func checkPlannedOutage(raw []byte, sys *system.System, cal *calendar.Calendar, now time.Time) error {
	var in PlannedOutageInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	start, err := sys.Moment(string(in.Window.Start), now, cal)
	if err != nil {
		return fmt.Errorf("window.start: %w", err)
	}
	end, err := sys.Moment(string(in.Window.End), now, cal)
	if err != nil {
		return fmt.Errorf("window.end: %w", err)
	}
	_, err = sys.ResolveOutage(in.request(start, end), cal, now)
	return err
}

func checkRelease(raw []byte, sys *system.System, _ *calendar.Calendar, now time.Time) error {
	var in ReleaseInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := sys.ResolveRelease(in.request(now))
	return err
}

func checkDisasterRecovery(raw []byte, sys *system.System, _ *calendar.Calendar, now time.Time) error {
	var in DisasterRecoveryInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := sys.ResolveDisaster(in.request("", false, now))
	return err
}

func checkIncident(raw []byte, sys *system.System, _ *calendar.Calendar, now time.Time) error {
	var in IncidentInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := sys.ResolveIncident(in.request(now))
	return err
}

func checkBackup(raw []byte, sys *system.System, _ *calendar.Calendar, _ time.Time) error {
	var in BackupInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := sys.ResolveDatabase(in.request())
	return err
}

func checkDataRepair(raw []byte, sys *system.System, _ *calendar.Calendar, now time.Time) error {
	var in DataRepairInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := repair.Resolve(sys, in.request(), now)
	return err
}

func checkDataLoad(raw []byte, sys *system.System, _ *calendar.Calendar, _ time.Time) error {
	var in DataLoadInput
	if err := runbook.DecodeStrict(raw, &in); err != nil {
		return err
	}
	if err := in.Validate(); err != nil {
		return err
	}
	_, err := load.Resolve(sys, in.request())
	return err
}

func checkDataSupport(raw []byte, sys *system.System, cal *calendar.Calendar, now time.Time) error {
	var in DataSupportInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	_, err := load.ResolveSupport(sys, cal, in.request(now))
	return err
}

func checkSettingChange(raw []byte, sys *system.System, cal *calendar.Calendar, now time.Time) error {
	var in SettingChangeInput
	if err := decode(raw, &in); err != nil {
		return err
	}
	var times [2]time.Time
	if in.Window != nil {
		for i, text := range []runbook.Moment{in.Window.Start, in.Window.End} {
			at, err := sys.Moment(string(text), now, cal)
			if err != nil {
				return fmt.Errorf("window: %w", err)
			}
			times[i] = at
		}
	}
	_, err := sys.ResolveSetting(in.request(times[0], times[1]), cal, now)
	return err
}

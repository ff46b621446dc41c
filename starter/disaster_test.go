package main

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

func TestTheRegistryOfDisastersIsAskedForWhatItHas(t *testing.T) {
	for says, args := range map[string][]string{
		"--limit 0: must be at least 1":           {"disaster", "list", "--limit", "0"},
		`--mode "test": write drill or real`:      {"disaster", "list", "--mode", "test"},
		"who says that?":                          {"disaster", "returned", "r", "--reason", "x"},
		"how was it brought back":                 {"disaster", "returned", "r", "--as", "suzuki", "--reason", " "},
		"needs a run's ID":                        {"disaster", "show"},
		"the database of the records is not know": {"disaster", "show", "r"},
	} {
		code, out, problem := newCLI(t).run(t, args...)
		require.Equal(t, exitUsage, code, "%v: %s", args, problem)
		require.Empty(t, out)
		require.Contains(t, problem, says)
	}
}

// aDrill is one that has ended, a figure of which missed its target.
func aDrill() records.Disaster {
	at := func(h, m int) *time.Time { t := time.Date(2026, 11, 20, h, m, 0, 0, japan()); return &t }
	n := func(seconds int) *int { return &seconds }
	return records.Disaster{
		Operation: "op", WorkflowID: "dr-1", RunID: "r", System: "gzs-infra", Mode: records.ModeDrill, Manner: records.MannerUngraceful, Title: "年次訓練",
		StartedAt: *at(10, 0), DeclaredAt: at(10, 9), RestoredAt: at(12, 20), DataAt: at(3, 0), EndedAt: at(13, 0), RTOTarget: 7200, RPOTarget: 90000, RTO: n(7860), RTOHuman: n(292), RPO: n(25740),
		Steps: []records.DisasterStep{
			{Name: "smoke", Part: "recovery", Machine: 144, Human: 292, Budget: 300, Outcome: "done"}, {Name: "watch", Part: "recovery", Outcome: "skipped"},
		},
		Outcome: records.DisasterReturned, ReportKey: "s3://b/drill.html", ReportHash: "abc",
	}
}

func TestDrillsAreListedAndShown(t *testing.T) {
	a, out, _ := newCLI(t).app()
	goesOn := records.Disaster{WorkflowID: "dr-2", Mode: records.ModeReal, Title: "震災", StartedAt: aDrill().StartedAt}
	a.printDisasters([]records.Disaster{goesOn, aDrill()})
	require.Equal(t, `MODE   OUTCOME   STARTED                        RTO       HUMAN  RPO     RUN   TITLE
real   goes on   2026-11-20 (Fri) 10:00:00 JST                           dr-2  震災
drill  returned  2026-11-20 (Fri) 10:00:00 JST  2h11m0s!  4m52s  7h9m0s  dr-1  年次訓練
`, out.String())

	out.Reset()
	a.printDisaster(shownDisaster{aDrill(), "http://ui/run"})
	for _, want := range []string{
		"dr-1  年次訓練\n  drill · ungraceful · returned · system gzs-infra", "Declared  2026-11-20 (Fri) 10:09:00", "RTO  2h11m0s! of 2h0m0s (machine 2h6m8s, human 4m52s)\nRPO  7h9m0s of 25h0m0s\n",
		"  recovery  smoke  2m24s    4m52s  7m16s!  5m0s    done\n", "skipped", "Report       s3://b/drill.html (SHA-256 abc)\nTemporal UI  http://ui/run\n",
	} {
		require.Contains(t, out.String(), want)
	}

	out.Reset()
	a.printDisaster(shownDisaster{Disaster: goesOn})
	require.Contains(t, out.String(), "It goes on")
	require.NotContains(t, out.String(), "RTO")

	out.Reset()
	a.printDisasters(nil)
	require.Contains(t, out.String(), "start DisasterRecovery --input examples/dr-drill.json")

	out.Reset()
	require.NoError(t, a.printJSON(shownDisaster{aDrill(), "u"}))
	var read shownDisaster
	require.NoError(t, json.Unmarshal(out.Bytes(), &read))
	require.Equal(t, 7860, *read.RTO)
	require.Equal(t, "u", read.UI)
}

// Only a real run that left something keeps drills from beginning, and only of that people can say that it is back.
func TestOnlyWhatStaysCanBeBroughtBack(t *testing.T) {
	stays := aDrill()
	stays.Mode, stays.Outcome = records.ModeReal, records.DisasterStays
	require.NoError(t, mayBeReturned(stays))
	for says, change := range map[string]func(*records.Disaster){
		"is a drill": func(d *records.Disaster) { d.Mode = records.ModeDrill }, "goes on": func(d *records.Disaster) { d.EndedAt = nil },
		"ended as undone": func(d *records.Disaster) { d.Outcome = records.DisasterUndone }, "ended as returned": func(d *records.Disaster) { d.Outcome = records.DisasterReturned },
	} {
		d := stays
		change(&d)
		require.ErrorContains(t, mayBeReturned(d), says)
	}
}

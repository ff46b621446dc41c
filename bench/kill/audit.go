package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"tejun/internal/sandbox"
	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/workflows/runbook"
)

// wanted is how many effects a run leaves in the journal for each step that it did and undid: one way, and back.
var wanted = map[string]struct {
	step       string
	into, back int
}{
	"CreateDBClusterSnapshot": {"snapshot", 1, 0},
	"DisableAlarmActions":     {"mute-alarms", 1, 0},
	"EnableAlarmActions":      {"mute-alarms", 0, 1},
	"UpdateSchedule":          {"pause-jobs", 2, 2},
	"PutObject":               {"put-page", 1, 0},
	"DeleteObject":            {"put-page", 0, 1},
	"UpdateDistribution":      {"route-page", 1, 1},
	"CreateInvalidation":      {"route-page", 1, 1},
	"UpdateWebACL":            {"close-site", 1, 1},
	"UpdateService":           {"stop-services", 2, 2},
}

// audit compares what reached AWS with what the runs did, and says so. Any difference is an error.
func audit(ctx context.Context, stack *devstack.Stack, ids []string, before sandbox.Snapshot, kills int) error {
	entries, err := stack.Sandbox.Journal()
	if err != nil {
		return err
	}
	acknowledged := map[string]bool{}
	expected := map[string]int{}
	var problems []string
	states := map[string]int{}
	rows := 0
	for _, id := range ids {
		s, err := scene.Status(ctx, stack.Client, id)
		if err != nil {
			return err
		}
		states[string(s.State)+outcome(s)]++
		count(expected, s)
		chain, err := stack.Records.ReadChain(ctx, id)
		if err != nil {
			return err
		}
		rows += len(chain.Rows)
		for _, finding := range chain.Verify() {
			problems = append(problems, fmt.Sprintf("%s: evidence: %v", id, finding))
		}
		for _, row := range chain.Rows {
			for _, request := range requestIDs(row.Body) {
				acknowledged[request] = true
			}
		}
	}
	effects, unacknowledged, mails := map[string]int{}, 0, map[string]int{}
	for _, e := range entries {
		if !e.Effect {
			continue
		}
		effects[e.Operation]++
		if !acknowledged[e.RequestID] {
			unacknowledged++
		}
	}
	for operation := range wanted {
		if effects[operation] != expected[operation] {
			problems = append(problems, fmt.Sprintf("%s: %d effects, %d expected", operation, effects[operation], expected[operation]))
		}
	}
	sent, err := stack.Sandbox.Mails()
	if err != nil {
		return err
	}
	for _, m := range sent {
		text := m.Text
		for _, id := range ids {
			if strings.Contains(text, id) {
				mails[id+" "+m.Subject]++
			}
		}
	}
	for what, n := range mails {
		if n > 1 && strings.Contains(what, "お知らせ") { // what users are told; operators are told anew at each answer
			problems = append(problems, fmt.Sprintf("mail %q was sent %d times", what, n))
		}
	}
	if changed := untouched(before, stack.Sandbox); changed != nil {
		problems = append(problems, changed.Error())
	}
	total := 0
	for _, n := range effects {
		total += n
	}
	fmt.Printf("runs: %d (%s)\nwrites in the journal: %d, of them %d with an effect; mails: %d; evidence rows: %d\n", len(ids), words(states), len(entries), total, len(sent), rows)
	fmt.Printf("kills: %d; effects whose acknowledgement was lost with the worker, and that a later attempt found again: %d\n", kills, unacknowledged)
	if len(problems) > 0 {
		slices.Sort(problems)
		return errors.New("the audit found:\n  " + strings.Join(problems, "\n  "))
	}
	fmt.Println("audit: 0 effects twice, 0 lost, every evidence chain whole, the sandbox as it was before the first run")
	return nil
}

// count adds what a run must have left, by its own checklist.
func count(expected map[string]int, s runbook.Status) {
	for operation, w := range wanted {
		for _, step := range s.Steps {
			switch {
			case step.Name == w.step && (step.State == runbook.StepDone || step.State == runbook.StepUndone):
				expected[operation] += w.into
			case step.Name == "undo-"+w.step && step.State == runbook.StepDone:
				expected[operation] += w.back
			}
		}
	}
}

func outcome(s runbook.Status) string {
	if s.State == runbook.Done {
		return ""
	}
	return " – " + s.Says
}

func words(states map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(states)) {
		parts = append(parts, fmt.Sprintf("%d %s", states[name], name))
	}
	return strings.Join(parts, ", ")
}

// untouched compares the sandbox, snapshots of the database left out, with what it was.
func untouched(before sandbox.Snapshot, box *sandbox.Sandbox) error {
	after, err := box.Snapshot()
	if err != nil {
		return err
	}
	was, err := before.Content()
	if err != nil {
		return err
	}
	is, err := after.Content()
	if err != nil {
		return err
	}
	maps.DeleteFunc(is, func(name, _ string) bool {
		return strings.Contains(name, "snapshot") || strings.Contains(name, "invalidation")
	})
	maps.DeleteFunc(was, func(name, _ string) bool {
		return strings.Contains(name, "snapshot") || strings.Contains(name, "invalidation")
	})
	if reflect.DeepEqual(was, is) {
		return nil
	}
	var different []string
	for name, content := range is {
		if was[name] != content {
			different = append(different, name)
		}
	}
	for name := range was {
		if _, there := is[name]; !there {
			different = append(different, name+" (gone)")
		}
	}
	slices.Sort(different)
	return fmt.Errorf("the sandbox is not as it was: %v", different)
}

// requestIDs reads the AWS request IDs that an evidence row names.
func requestIDs(body json.RawMessage) []string {
	var attempt struct {
		Calls []struct {
			RequestID string `json:"requestId"`
		} `json:"calls"`
	}
	if json.Unmarshal(body, &attempt) != nil {
		return nil // a row about something else
	}
	var ids []string
	for _, c := range attempt.Calls {
		ids = append(ids, c.RequestID)
	}
	return ids
}

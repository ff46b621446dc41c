package workflows_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"tejun/activities"
	"tejun/internal/system"
)

// shelf is the static files of a world, as far as a release sees them.
type shelf struct {
	*world
	frozen  string                  // why nothing may be released, "" if it may
	asked   []activities.Span       // times that a freeze was looked for in
	ringing func(look int) []string // the alarms that ring at each look, from 1
	looks   []activities.ReleaseLook
	told    []activities.ChangeRecord
}

func withShelf(w *world) *shelf {
	s := &shelf{world: w, ringing: func(int) []string { return nil }}
	stub(w, "ResolveRelease", func(r system.ReleaseRequest) (system.ReleaseTarget, error) {
		return system.ReleaseTarget{
			SystemID: "test", Environment: "development", Requester: r.Requester, Operator: r.Operator, Builder: r.Builder, Builds: "builds",
			Parts:   []system.PartTarget{{Name: r.Parts[0].Name, Kind: "static", Bucket: "site", Prefix: "guide/", Invalidate: []string{"/guide/*"}}},
			StartBy: start.Add(48 * time.Hour), HoldUntil: start.Add(51 * time.Hour), WatchFor: 10 * time.Minute, WatchEvery: time.Minute,
			Alarms: []string{"cpu", "errors"}, MailList: "operators",
		}, nil
	})
	stub(w, "CheckReleaseTime", func(in activities.Span) (struct{}, error) {
		s.asked = append(s.asked, in)
		if s.frozen != "" {
			return struct{}{}, temporal.NewNonRetryableApplicationError(s.frozen, "Refused", nil)
		}
		return struct{}{}, nil
	})
	stub(w, "LookAtRelease", func(in activities.ReleaseLook) (activities.ReleaseSeen, error) {
		s.looks = append(s.looks, in)
		seen := activities.ReleaseSeen{Good: true, Says: "alarms: none rings", Ringing: append([]string{}, s.ringing(len(s.looks))...)}
		for _, name := range seen.Ringing {
			if !slices.Contains(in.Ringing, name) {
				seen.Good, seen.Says = false, "alarms: "+name+" began to ring"
			}
		}
		return seen, nil
	})
	planOf[activities.StaticPlan](w, "PlanS3Static", "s3:site/guide")
	change[activities.StaticChange](w, "PutS3Static")
	change[activities.StaticChange](w, "RevertS3Static")
	stub(w, "CheckS3Static", func(activities.StaticChange) (struct{}, error) { return struct{}{}, nil })
	stub(w, "RecordChange", func(in activities.ChangeRecord) (activities.ChangeRecorded, error) {
		s.told = append(s.told, in)
		return activities.ChangeRecorded{Seq: len(s.told)}, nil
	})
	stub(w, "FindMadeChange", func(struct{}) (activities.MadeChange, error) { return activities.MadeChange{}, nil })
	stub(w, "FindOpenIncident", func(in activities.IncidentRef) (activities.OpenIncident, error) {
		return activities.OpenIncident{Number: "INC-1", WorkflowID: in.Name}, nil
	})
	return s
}

// release runs a release of one part, files of the site.
func (s *shelf) release() error {
	s.env.ExecuteWorkflow("Release", map[string]any{
		"title": "案内の第2版", "reason": "案内の更新", "ticket": "REQ-1", "criteria": "案内が第2版である", "requester": "ito", "operator": "tanaka", "builder": "kato",
		"parts": []map[string]any{{"name": "guide", "source": "guide/next/", "files": map[string]string{"index.html": strings.Repeat("0", 64)}}},
	})
	require.True(s.t, s.env.IsWorkflowCompleted())
	return s.env.GetWorkflowError()
}

func (s *shelf) states() []string {
	states := []string{}
	for _, r := range s.told {
		states = append(states, r.State)
	}
	return states
}

// broughtIn is what has reached the site.
func (s *shelf) broughtIn() []string {
	return slices.DeleteFunc(s.effects(), func(e string) bool { return e != "PutS3Static" && e != "RevertS3Static" })
}

func newShelf(t *testing.T) *shelf { return withShelf(newWorld(t)) }

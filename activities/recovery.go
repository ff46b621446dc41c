package activities

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	cwtypes "github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// RecoveryCheck asks whether the system has been well since a moment.
type RecoveryCheck struct {
	Alarms []string  `json:"alarms"`
	Since  time.Time `json:"since"`
}

// Recovery is the answer: well if there is nothing that speaks against it.
type Recovery struct {
	Against []string `json:"against"` // in words
}

// CheckIncidentRecovery looks at the alarms and at the site, as the public sees it. An alarm that is OK now and has rung since the
// moment speaks against recovery too; so looking now and then is enough.
func (a *Diagnosis) CheckIncidentRecovery(ctx context.Context, in RecoveryCheck) (Recovery, error) {
	r := Recovery{Against: []string{}}
	for group := range slices.Chunk(in.Alarms, mostAlarms) {
		states, err := alarmStates(ctx, a.alarms, group)
		if err != nil {
			return Recovery{}, err
		}
		for _, name := range group {
			i := slices.IndexFunc(states, func(s alarmSeen) bool { return s.name == name })
			switch {
			case i < 0:
				r.Against = append(r.Against, "there is no alarm "+name+" any more")
			case states[i].state != cwtypes.StateValueOk:
				r.Against = append(r.Against, fmt.Sprintf("the alarm %s is %s since %s: %s", name, states[i].state, inJapan(states[i].since), clipText(mask(states[i].reason), longestFact)))
			case states[i].since.After(in.Since):
				r.Against = append(r.Against, fmt.Sprintf("the alarm %s has rung meanwhile: it is OK since %s only", name, inJapan(states[i].since)))
			}
		}
	}
	_, err := a.site.CheckSite(ctx, SiteCheck{Vantage: "public", WantStatus: http.StatusOK})
	switch {
	case isType(err, NotYet):
		message, _ := wordsOf(err)
		r.Against = append(r.Against, message)
	case err != nil:
		return Recovery{}, err
	}
	return r, nil
}

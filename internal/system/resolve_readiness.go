package system

import "time"

// ReadinessRequest asks whether a disaster could be met. Requester and operator are those of a drill: neither could declare it.
type ReadinessRequest struct {
	Requester string `json:"requester"` // person ID or account
	Operator  string `json:"operator"`
}

// ReadinessTarget is what the request means on this system. It enters the history and holds no addresses of people.
type ReadinessTarget struct {
	SystemID    string        `json:"systemId"`
	Environment string        `json:"environment"`
	Requester   string        `json:"requester"` // person ID
	Operator    string        `json:"operator"`
	DRRegion    string        `json:"drRegion"`
	Deciders    string        `json:"deciders"`  // mail list of those who decide in a disaster
	Operators   string        `json:"operators"` // and of those who mend what is found; "" if it is the same
	RepeatAfter time.Duration `json:"repeatAfter"`
}

// ResolveReadiness turns a request into what it means, or says why not (*OutageRefused).
func (s *System) ResolveReadiness(req ReadinessRequest) (ReadinessTarget, error) {
	c := outageCheck{system: s, zone: s.Location()}
	requester, operator := c.people(OutageRequest{Requester: req.Requester, Operator: req.Operator})
	if !s.HasDisaster() {
		c.refuse("system.yaml does not say how a disaster is met: add disaster")
	}
	if len(c.problems) > 0 {
		return ReadinessTarget{}, &OutageRefused{What: "the readiness check", Problems: c.problems}
	}
	operate, _ := s.Answer("operate") // the description is checked to have it
	operators := operate.NotifyList
	if operators == s.Disaster.MailList {
		operators = ""
	}
	return ReadinessTarget{
		SystemID: s.ID, Environment: s.Environment, Requester: requester.ID, Operator: operator.ID, DRRegion: s.AWS.DRRegion,
		Deciders: s.Disaster.MailList, Operators: operators, RepeatAfter: s.Disaster.Readiness.RepeatAfter.D(),
	}, nil
}

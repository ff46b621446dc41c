package scene

import (
	"time"

	"tejun/internal/system"
)

// Hurry lets incidents escalate and recover within seconds.
func Hurry(s *system.System) {
	s.Incidents.StablePeriod = system.Duration(4 * time.Second)
	for i := range s.Incidents.Severities {
		one := &s.Incidents.Severities[i]
		one.Acknowledge, one.FirstReport, one.Recover = system.Duration(3*time.Second), system.Duration(time.Hour), system.Duration(2*time.Hour)
	}
	for i := range s.Incidents.Escalation {
		s.Incidents.Escalation[i].Wait = system.Duration(2 * time.Second)
	}
}

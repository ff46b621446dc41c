package sandbox

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Snapshot is everything that the sandbox holds at one moment.
type Snapshot struct {
	Resources map[string]json.RawMessage // by key such as "ecs:service/cluster/name"; no mail, no faults, no settings
	Mails     []Mail
	Journal   []Entry
}

// Snapshot reads everything at once.
func (s *Sandbox) Snapshot() (Snapshot, error) {
	snap := Snapshot{Resources: map[string]json.RawMessage{}}
	err := s.view(func(c *call) error {
		for kind, named := range c.state.now {
			if kind == mailKind || strings.HasPrefix(kind, "sandbox:") {
				continue
			}
			for name, value := range named {
				snap.Resources[kind+"/"+name] = append(json.RawMessage(nil), value...)
			}
		}
		var err error
		if snap.Mails, err = list[Mail](c, mailKind); err != nil {
			return err
		}
		snap.Journal, err = s.log.entries()
		return err
	})
	return snap, err
}

// Content is the resources as JSON without what moves with every write (ETags, lock tokens, times of change): two
// snapshots between which everything was put back have the same content.
func (s Snapshot) Content() (map[string]string, error) {
	content := make(map[string]string, len(s.Resources))
	for key, value := range s.Resources {
		var fields map[string]json.RawMessage
		if err := json.Unmarshal(value, &fields); err != nil {
			return nil, fmt.Errorf("sandbox: %s: %w", key, err)
		}
		delete(fields, "version")
		stable, err := json.Marshal(fields)
		if err != nil {
			return nil, fmt.Errorf("sandbox: %s: %w", key, err)
		}
		content[key] = string(stable)
	}
	return content, nil
}

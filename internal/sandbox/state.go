package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"sort"
	"strings"
	"time"
)

// state is every resource as JSON, by kind ("cloudfront:distribution") and name ("E123"); a key is kind/name.
type state struct {
	now    map[string]map[string]json.RawMessage
	before map[string]json.RawMessage // what a stale read sees, for resources that have changed; nil: did not exist
	lines  int64                      // lines applied, a counter that all processes agree on
}

func newState() state {
	return state{now: map[string]map[string]json.RawMessage{}, before: map[string]json.RawMessage{}}
}

func splitKey(key string) (kind, name string) {
	kind, name, _ = strings.Cut(key, "/")
	return kind, name
}

func (st *state) apply(rec record) {
	st.lines++
	for key, value := range rec.Put {
		kind, name := splitKey(key)
		if st.now[kind] == nil {
			st.now[kind] = map[string]json.RawMessage{}
		}
		if !rec.Seed && !strings.HasPrefix(kind, "sandbox:") {
			st.before[key] = st.now[kind][name]
		}
		st.now[kind][name] = value
	}
	for _, key := range rec.Del {
		kind, name := splitKey(key)
		if !strings.HasPrefix(kind, "sandbox:") {
			st.before[key] = st.now[kind][name]
		}
		delete(st.now[kind], name)
	}
}

// call is one operation on the state: it sees the state with its own changes, which reach the log together or not at all.
type call struct {
	ctx       context.Context
	databases Databases
	state     *state
	at        time.Time
	region    string // that the client is in
	crowded   bool   // there is no room for a new task
	stale     bool   // see every resource as it was before its last change
	resource  string // what the journal names, when the input does not say it
	puts      map[string]json.RawMessage
	dels      []string
	effect    bool
}

func (s *Sandbox) newCall(ctx context.Context) *call {
	return &call{ctx: ctx, databases: s.databases, state: &s.state, at: s.Clock().UTC(), puts: map[string]json.RawMessage{}}
}

func (c *call) raw(key string) json.RawMessage {
	if v, ok := c.puts[key]; ok {
		return v
	}
	for _, d := range c.dels {
		if d == key {
			return nil
		}
	}
	if c.stale {
		if v, changed := c.state.before[key]; changed {
			return v
		}
	}
	kind, name := splitKey(key)
	return c.state.now[kind][name]
}

// put stores v. Storing what is there already is no effect.
func (c *call) put(key string, v any) error {
	value, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("sandbox: store %s: %w", key, err)
	}
	if bytes.Equal(value, c.raw(key)) {
		return nil
	}
	c.puts[key] = value
	if !strings.HasPrefix(key, "sandbox:") {
		c.effect = true
	}
	return nil
}

func (c *call) remove(key string) {
	if c.raw(key) == nil {
		return
	}
	delete(c.puts, key)
	c.dels = append(c.dels, key)
	if !strings.HasPrefix(key, "sandbox:") {
		c.effect = true
	}
}

// get reads a resource; false when there is none.
func get[T any](c *call, key string) (T, bool, error) {
	var v T
	raw := c.raw(key)
	if raw == nil {
		return v, false, nil
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return v, false, fmt.Errorf("sandbox: read %s: %w", key, err)
	}
	return v, true, nil
}

// list reads all resources of a kind in the order of their names.
func list[T any](c *call, kind string) ([]T, error) { return listUnder[T](c, kind, "") }

// listUnder reads those resources of a kind whose names begin with prefix.
func listUnder[T any](c *call, kind, prefix string) ([]T, error) {
	names := map[string]bool{}
	add := func(name string) {
		if strings.HasPrefix(name, prefix) {
			names[name] = true
		}
	}
	for name := range c.state.now[kind] {
		add(name)
	}
	for key := range c.puts {
		if k, name := splitKey(key); k == kind {
			add(name)
		}
	}
	if c.stale {
		for key := range c.state.before {
			if k, name := splitKey(key); k == kind {
				add(name)
			}
		}
	}
	sorted := make([]string, 0, len(names))
	for name := range names {
		sorted = append(sorted, name)
	}
	sort.Strings(sorted)
	all := make([]T, 0, len(sorted))
	for _, name := range sorted {
		v, ok, err := get[T](c, kind+"/"+name)
		if err != nil {
			return nil, err
		}
		if ok {
			all = append(all, v)
		}
	}
	return all, nil
}

func (c *call) settings() (settings, error) {
	set, ok, err := get[settings](c, settingsKey)
	if !ok {
		set = settings{Region: DefaultRegion, TimeScale: DefaultTimeScale}
	}
	return set, err
}

// elapsed is how far something that began at since and takes the given time on AWS has come: 0 to 1.
func (c *call) elapsed(since time.Time, takes time.Duration) (float64, error) {
	set, err := c.settings()
	if err != nil {
		return 0, err
	}
	scaled := time.Duration(float64(takes) * set.TimeScale)
	passed := c.at.Sub(since)
	if passed >= scaled || scaled <= 0 {
		return 1, nil
	}
	return max(0, float64(passed)/float64(scaled)), nil
}

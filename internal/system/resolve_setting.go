package system

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"tejun/internal/calendar"
	"tejun/internal/strictyaml"
)

// The classes of changes.
const (
	ClassStandard  = "standard"  // approved once and for all (changes.standard), or by the operations manager
	ClassNormal    = "normal"    // approved by the ministry
	ClassEmergency = "emergency" // made first, approved afterwards
)

// Classes lists the classes.
var Classes = []string{ClassStandard, ClassNormal, ClassEmergency}

// SettingRequest asks for a change of settings, in logical names.
type SettingRequest struct {
	Requester string        `json:"requester"` // person ID or account
	Operator  string        `json:"operator"`
	Class     string        `json:"class"`
	Start     time.Time     `json:"start"` // of the window; zero: at once
	End       time.Time     `json:"end"`
	Settings  []SettingWish `json:"settings"`
}

// SettingWish is one setting with the value that it should have now and the one that it should get.
type SettingWish struct {
	Setting string          `json:"setting"`
	Old     json.RawMessage `json:"old"`
	New     json.RawMessage `json:"new"`
}

// SettingTarget is what the request means on this system. It enters the history and holds no secrets.
type SettingTarget struct {
	SystemID    string            `json:"systemId"`
	Environment string            `json:"environment"`
	Requester   string            `json:"requester"` // person ID
	Operator    string            `json:"operator"`  // person ID
	Gate        string            `json:"gate"`      // that the change must pass; "" if it was approved beforehand
	PreApproved []string          `json:"preApproved"`
	GateOpen    time.Duration     `json:"gateOpen"` // how long the gate is open at most
	Start       time.Time         `json:"start"`    // now, if no window was asked for
	End         time.Time         `json:"end"`      // the change must have begun before
	Longest     time.Duration     `json:"longest"`  // that the change may take
	Settings    []SettingResolved `json:"settings"`
}

// SettingResolved is one setting under its names in AWS, with values in the one form of ParseSettingValue.
type SettingResolved struct {
	Name     string          `json:"name"`
	Kind     string          `json:"kind"`
	Resource string          `json:"resource"` // name in AWS
	ID       string          `json:"id,omitempty"`
	Cluster  string          `json:"cluster,omitempty"`
	Old      json.RawMessage `json:"old"`
	New      json.RawMessage `json:"new"`
	Rules    []string        `json:"rules,omitempty"`
}

// Target is the name under which a resource is reserved and planned; a planned outage calls a service the same.
func (v SettingResolved) Target() string {
	switch v.Kind {
	case ServiceSetting:
		return "ecs:" + v.Cluster + "/" + v.Resource
	case IPSetSetting:
		return "wafv2:ipset/" + v.ID
	case LogSetting:
		return "logs:group/" + v.Resource
	case AlarmSetting:
		return "cloudwatch:alarm/" + v.Resource
	}
	return "ssm:parameter/" + v.Resource
}

// The gates of the runbook SettingChange.
const (
	GateNormal     = "normal"
	GateStandard   = "standard"
	GateAfterwards = "afterwards"
)

// ResolveSetting turns a request into what it means, or says why not (*OutageRefused).
func (s *System) ResolveSetting(req SettingRequest, cal *calendar.Calendar, now time.Time) (SettingTarget, error) {
	c := outageCheck{system: s, cal: cal, now: now, zone: s.Location()}
	requester, operator := c.people(OutageRequest{Requester: req.Requester, Operator: req.Operator})
	target := SettingTarget{
		SystemID: s.ID, Environment: s.Environment, Requester: requester.ID, Operator: operator.ID,
		PreApproved: []string{}, Longest: s.Changes.Longest.D(), Settings: []SettingResolved{},
	}
	if len(s.Settings) == 0 {
		c.refuse("system.yaml declares no settings that may be changed: add the section settings")
	}
	for i, wish := range req.Settings {
		if v, ok := c.setting(req, i, wish); ok {
			target.Settings = append(target.Settings, v)
		}
	}
	c.class(req, requester, &target)
	c.changeTime(req, &target)
	if len(c.problems) > 0 {
		return SettingTarget{}, &OutageRefused{What: "the setting change", Problems: c.problems}
	}
	return target, nil
}

func (c *outageCheck) setting(req SettingRequest, i int, wish SettingWish) (SettingResolved, bool) {
	v, known := c.system.Setting(wish.Setting)
	if !known {
		c.refuse("there is no setting %q in system.yaml%s, and only those may be changed: %s", wish.Setting,
			strictyaml.Hint(wish.Setting, strictyaml.NamesOf(c.system.Settings, func(v Setting) string { return v.Name })),
			strictyaml.Listed(strictyaml.NamesOf(c.system.Settings, func(v Setting) string { return v.Name })))
		return SettingResolved{}, false
	}
	if slices.IndexFunc(req.Settings, func(o SettingWish) bool { return o.Setting == wish.Setting }) < i {
		c.refuse("the setting %q is named twice: name it once", wish.Setting)
		return SettingResolved{}, false
	}
	from, err := ParseSettingValue(v.Kind, wish.Old)
	if err != nil {
		c.refuse("setting %s: the old value %v", v.Name, err)
		return SettingResolved{}, false
	}
	to, err := ParseSettingValue(v.Kind, wish.New)
	if err != nil {
		c.refuse("setting %s: the new value %v", v.Name, err)
		return SettingResolved{}, false
	}
	if bytes.Equal(from, to) {
		c.refuse("setting %s: old and new value are both %s: there is nothing to change", v.Name, to)
	}
	if req.Class != ClassNormal && Shortens(v.Kind, from, to) {
		c.refuse("setting %s: to keep logs for a shorter time deletes what is older, for good: the ministry approves that beforehand, as a change of the class normal", v.Name)
	}
	resolved := SettingResolved{Name: v.Name, Kind: v.Kind, Resource: v.Resource, ID: v.ID, Old: from, New: to, Rules: v.Rules}
	if v.Kind == ServiceSetting {
		resolved.Cluster = c.system.ECS.Cluster
	}
	return resolved, true
}

// class finds the gate of the change, and whether it was approved beforehand.
func (c *outageCheck) class(req SettingRequest, requester Person, target *SettingTarget) {
	switch req.Class {
	case ClassNormal:
		target.Gate = GateNormal
	case ClassStandard:
		for _, v := range target.Settings {
			setting, _ := c.system.Setting(v.Name)
			if standard, ok := c.system.preApproved(setting, v.New); ok {
				target.PreApproved = append(target.PreApproved, standard.Name)
			}
		}
		if len(target.PreApproved) < len(target.Settings) { // all of them, or somebody looks at all of them
			target.Gate, target.PreApproved = GateStandard, []string{}
		}
	case ClassEmergency:
		target.Gate = GateAfterwards
		if requester.ID != "" && !requester.Has(RoleManager) && !requester.Has(RoleOfficer) {
			c.refuse("an emergency change is made before anybody approves it, so %s cannot ask for one: let the operations manager or an officer ask", requester.ID)
		}
		if requester.ID != "" && requester.ID == target.Operator {
			c.refuse("an emergency change needs two people: %s cannot both ask for it and carry it out", requester.ID)
		}
	default:
		c.refuse("the class %q is unknown: want one of %s", req.Class, strings.Join(Classes, ", "))
	}
	if target.Gate != "" && len(c.problems) == 0 {
		gate, ok := c.system.Gate("SettingChange", target.Gate)
		target.GateOpen = gate.Deadline.D()
		if !ok {
			c.refuse("system.yaml has no gate %q of the runbook SettingChange: add it under gates", target.Gate)
		}
	}
}

// changeTime finds when the change may be made.
func (c *outageCheck) changeTime(req SettingRequest, target *SettingTarget) {
	longest := c.system.Changes.Longest.D()
	windowed := !req.Start.IsZero() || !req.End.IsZero()
	switch {
	case windowed && req.Class == ClassEmergency:
		c.refuse("an emergency change is made at once: leave the window out, or ask for a change of the class normal")
	case windowed:
		if c.changeWindow(req.Start, req.End, longest) {
			c.allowed(req.Start, req.End)
		}
		target.Start, target.End = req.Start.In(c.zone), req.End.In(c.zone)
	default:
		target.Start, target.End = c.now.In(c.zone), c.now.Add(longest).In(c.zone)
		if req.Class != ClassEmergency {
			c.allowed(target.Start, target.End)
		}
	}
}

// changeWindow checks the times by themselves, and says whether the rest can be judged.
func (c *outageCheck) changeWindow(start, end time.Time, longest time.Duration) bool {
	switch {
	case start.IsZero() || end.IsZero():
		c.refuse("the window has only one of start and end: give both, or neither for a change at once")
		return false
	case !end.After(start):
		c.refuse("the window ends (%s) before it starts (%s), or at the same moment: exchange them, or mend the date", c.at(end), c.at(start))
		return false
	case !start.After(c.now):
		c.refuse("the window starts at %s, and it is %s now: choose a later start, or leave the window out for a change at once", c.at(start), c.at(c.now))
		return false
	}
	if end.Sub(start) > longest {
		c.refuse("the window is %s long, and a change may take %s at most (changes.longest): shorten it", words(end.Sub(start)), words(longest))
	}
	return true
}

// MayChange says why nothing may be changed from a moment until another, or nil: because of a freeze, or outside the allowed
// times. It is asked again right before a change, which people may have approved days after it was asked for.
func (s *System) MayChange(from, until time.Time) error {
	c := outageCheck{system: s, zone: s.Location()}
	c.allowed(from, until)
	if len(c.problems) > 0 {
		return &OutageRefused{What: "the change", Problems: c.problems}
	}
	return nil
}

// String is the change of one setting in a line, without its names in AWS.
func (v SettingResolved) String() string { return fmt.Sprintf("%s: %s → %s", v.Name, v.Old, v.New) }

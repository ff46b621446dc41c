package system

import (
	stdjson "encoding/json"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
)

// retentionDays are the spans that CloudWatch Logs takes; 0 stands for ever.
var retentionDays = []int{0, 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653}

const (
	mostParameter = 4096  // bytes of a parameter's value
	mostNetworks  = 10000 // of an IP set
)

// ParseSettingValue reads the value of a setting strictly and returns the one form in which values are compared: sorted
// networks, numbers without a fraction that is none, objects with all their fields in one order.
func ParseSettingValue(kind string, raw []byte) (stdjson.RawMessage, error) {
	switch kind {
	case ParameterSetting:
		return parsed(raw, "a text", func(v *string) error {
			switch {
			case *v == "":
				return errors.New("is empty: SSM has no empty parameters")
			case len(*v) > mostParameter:
				return fmt.Errorf("has %d bytes; at most %d are allowed", len(*v), mostParameter)
			case !utf8.ValidString(*v) || strings.ContainsRune(*v, 0):
				return errors.New("holds a NUL character")
			}
			return nil
		})
	case ServiceSetting:
		return parsed(raw, `an object such as {"desiredCount": 3, "minimumHealthyPercent": 100, "maximumPercent": 200}`, func(v *serviceValue) error {
			switch {
			case v.DesiredCount < 0 || v.DesiredCount > 5000:
				return fmt.Errorf("desiredCount is %d: want 0 to 5000", v.DesiredCount)
			case v.MinimumHealthyPercent < 0 || v.MinimumHealthyPercent > 100:
				return fmt.Errorf("minimumHealthyPercent is %d: want 0 to 100", v.MinimumHealthyPercent)
			case v.MaximumPercent < 100 || v.MaximumPercent > 200:
				return fmt.Errorf("maximumPercent is %d: want 100 to 200", v.MaximumPercent)
			case v.MinimumHealthyPercent == 100 && v.MaximumPercent == 100:
				return errors.New("minimumHealthyPercent and maximumPercent are both 100: no deployment could ever go on")
			}
			return nil
		}, "desiredCount", "minimumHealthyPercent", "maximumPercent")
	case IPSetSetting:
		return parsed(raw, `a list of networks such as ["198.51.100.0/24"]`, networks)
	case LogSetting:
		return parsed(raw, "a number of days", func(v *int) error {
			if !slices.Contains(retentionDays, *v) {
				return fmt.Errorf("%d days is no span that CloudWatch Logs takes: want one of %v (0: for ever)", *v, retentionDays)
			}
			return nil
		})
	case AlarmSetting:
		return parsed(raw, "a number", func(v *float64) error {
			if math.IsNaN(*v) || math.IsInf(*v, 0) {
				return errors.New("is no number")
			}
			return nil
		})
	}
	return nil, fmt.Errorf("there is no kind of setting %q", kind)
}

// parsed decodes strictly, checks, and writes again. fields must all be given.
func parsed[T any](raw []byte, want string, check func(*T) error, fields ...string) (stdjson.RawMessage, error) {
	var v T
	text := strings.TrimSpace(string(raw))
	if text == "" || text == "null" {
		return nil, fmt.Errorf("is missing: want %s", want)
	}
	if err := json.Unmarshal(raw, &v, json.RejectUnknownMembers(true), json.MatchCaseInsensitiveNames(false)); err != nil {
		return nil, fmt.Errorf("want %s: %w", want, err)
	}
	if len(fields) > 0 {
		var given map[string]stdjson.RawMessage
		if err := json.Unmarshal(raw, &given); err != nil {
			return nil, fmt.Errorf("want %s: %w", want, err)
		}
		for _, name := range fields {
			if _, there := given[name]; !there {
				return nil, fmt.Errorf("%s is missing: want %s", name, want)
			}
		}
	}
	if err := check(&v); err != nil {
		return nil, err
	}
	return json.Marshal(v, json.Deterministic(true))
}

// networks brings a list of networks to its one form: masked, sorted, each once, all of one IP version.
func networks(list *[]string) error {
	if len(*list) > mostNetworks {
		return fmt.Errorf("has %d networks; at most %d are allowed", len(*list), mostNetworks)
	}
	masked := []string{}
	four := 0
	for _, text := range *list {
		p, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			return fmt.Errorf("%q is no network: write it as 198.51.100.0/24", text)
		case p.Bits() == 0:
			return fmt.Errorf("%s is everybody: AWS WAF takes no such network", text)
		case p != p.Masked():
			return fmt.Errorf("%s has bits set behind the mask: write %s", text, p.Masked())
		case slices.Contains(masked, p.String()):
			return fmt.Errorf("%s stands twice", text)
		}
		if p.Addr().Is4() {
			four++
		}
		masked = append(masked, p.String())
	}
	if four > 0 && four < len(masked) {
		return errors.New("holds IPv4 and IPv6 networks: an IP set has one of them")
	}
	slices.Sort(masked)
	*list = masked
	return nil
}

// settingValueOf is ParseSettingValue for a value of the description.
func settingValueOf(kind string, value any) (stdjson.RawMessage, error) {
	raw, err := stdjson.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("cannot be written as JSON: %w", err)
	}
	return ParseSettingValue(kind, raw)
}

// Shortens tells whether a change makes CloudWatch Logs forget sooner: what it has forgotten no undo brings back.
func Shortens(kind string, from, to stdjson.RawMessage) bool {
	var before, after int
	if kind != LogSetting || stdjson.Unmarshal(from, &before) != nil || stdjson.Unmarshal(to, &after) != nil {
		return false
	}
	return after != 0 && (before == 0 || after < before)
}

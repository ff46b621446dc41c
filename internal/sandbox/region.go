package sandbox

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"time"

	"github.com/aws/smithy-go"
)

var regionForm = regexp.MustCompile(`^[a-z]{2}(-[a-z]+)+-[0-9]$`)

// local is the key of a resource in the client's region. Those of the home region have no region in it.
func (c *call) local(key string) string {
	prefix := c.localPrefix()
	if prefix == "" {
		return key
	}
	kind, name := splitKey(key)
	return kind + "/" + prefix + name
}

// localPrefix is what the names of a region's resources begin with: nothing in the home region.
func (c *call) localPrefix() string {
	set, err := c.settings()
	if err != nil || c.region == "" || c.region == set.Region {
		return ""
	}
	return c.region + "/"
}

// listLocal reads those resources of a kind in the client's region whose names begin with prefix.
func listLocal[T any](c *call, kind, prefix string) ([]T, error) {
	return listUnder[T](c, kind, c.localPrefix()+prefix)
}

// in is the call as if its client were in another region. Both write into the same change.
func (c *call) in(region string, do func(*call) error) error {
	was := c.region
	c.region = region
	defer func() { c.region = was }()
	return do(c)
}

// lostKind is of regions that cannot be reached.
const lostKind = "sandbox:lost-region"

// global are the services that live in no region: the edge locations, names and identities. The sandbox's post office is one of them,
// so that what a run says can be read when its region is lost.
var global = map[string]bool{"cloudfront": true, "route 53": true, "iam": true, "sts": true, "wafv2": true, "sesv2": true}

// hungKind is of those lost regions that take connections and answer nothing.
const hungKind = "sandbox:hung-region"

// hangsFor is how long a call to such a region takes, as long as the client that waits for it has no less patience.
const hangsFor = 20 * time.Second

// LoseRegion cuts a region off for all processes, as a disaster does: every call there ends as a lost connection, and its part of the
// simulated site does not answer. What runs there goes on: nobody outside can tell. A region that is lost already stays so.
func (s *Sandbox) LoseRegion(region string) error {
	return s.lose(region, func(c *call) error {
		c.remove(hungKind + "/" + region)
		return nil
	})
}

// HangRegion loses a region in the worse way: connections are taken, and no call is answered, so that each one is noticed only when
// whoever made it waits no longer.
func (s *Sandbox) HangRegion(region string) error {
	return s.lose(region, func(c *call) error { return c.put(hungKind+"/"+region, c.at) })
}

func (s *Sandbox) lose(region string, how func(*call) error) error {
	if !regionForm.MatchString(region) {
		return fmt.Errorf("sandbox: %q is no region: want one such as %s", region, DefaultRegion)
	}
	return s.change(context.Background(), func(c *call) error {
		if err := how(c); err != nil {
			return err
		}
		if _, lost, err := get[time.Time](c, lostKind+"/"+region); err != nil || lost {
			return err
		}
		return c.put(lostKind+"/"+region, c.at)
	})
}

// RestoreRegion lets a region be reached again. One that is not lost is left as it is.
func (s *Sandbox) RestoreRegion(region string) error {
	return s.change(context.Background(), func(c *call) error {
		c.remove(lostKind + "/" + region)
		c.remove(hungKind + "/" + region)
		return nil
	})
}

// LostRegions lists the regions that cannot be reached, and since when.
func (s *Sandbox) LostRegions() (lost map[string]time.Time, err error) {
	err = s.view(func(c *call) error {
		lost, err = c.lostRegions()
		return err
	})
	return lost, err
}

func (c *call) lostRegions() (map[string]time.Time, error) {
	lost := map[string]time.Time{}
	for region := range c.state.now[lostKind] {
		since, _, err := get[time.Time](c, lostKind+"/"+region)
		if err != nil {
			return nil, err
		}
		lost[region] = since
	}
	return lost, nil
}

// lost tells whether a region cannot be reached.
func (c *call) lost(region string) bool { return c.raw(lostKind+"/"+region) != nil }

// unreachable is what a call to a lost region ends with, nil for one that can be reached.
func (c *call) unreachable(service string, target *url.URL) error {
	if global[service] || !c.lost(c.region) {
		return nil
	}
	return connectionReset(target)
}

// hangs tells whether a lost region takes connections.
func (c *call) hangs(region string) bool { return c.raw(hungKind+"/"+region) != nil }

// hang waits for an answer that does not come.
func hang(ctx context.Context, target *url.URL) error {
	select {
	case <-ctx.Done():
		return &smithy.CanceledError{Err: ctx.Err()}
	case <-time.After(hangsFor):
		return timedOut(target)
	}
}

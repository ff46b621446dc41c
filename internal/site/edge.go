package site

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudfront/types"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// edges are the edge locations of the distribution.
type edges struct {
	sandbox *sandbox.Sandbox
	system  *system.System
	mu      sync.Mutex
	visits  map[netip.Addr]uint32 // by client, so that each alternates for itself
}

// serve answers a visit: web ACL, then cache behaviour and origin, then custom error responses.
func (e *edges) serve(v visit) (answer, error) {
	world, err := e.sandbox.World()
	if err != nil {
		return answer{}, err
	}
	region, err := e.place(v)
	if err != nil {
		return answer{}, err
	}
	if region != "" && region == e.system.AWS.DRRegion {
		a := e.fromStandby(world, v)
		if !world.Lost[region] {
			a.header.Set(e.servedBy(), region)
		}
		return a, nil
	}
	d, ok := world.Distributions[e.system.Distribution.ID]
	if !ok {
		return answer{}, fmt.Errorf("the sandbox has no distribution %s: was it seeded from another description?", e.system.Distribution.ID)
	}
	config, edge := e.pick(d, v)
	a, err := e.respond(world, config, v)
	if err != nil {
		return answer{}, err
	}
	if a, err = e.replaceError(world, config, v, a); err != nil {
		return answer{}, err
	}
	a.header.Set("Via", "1.1 "+d.Domain+" (CloudFront)")
	a.header.Set("X-Amz-Cf-Pop", edge)
	if region != "" && !world.Lost[region] {
		a.header.Set(e.servedBy(), region)
	}
	return a, nil
}

// pick chooses the configuration that the visitor's edge uses. While the distribution is in progress every second visit
// of a client reaches an edge that still has the old one.
func (e *edges) pick(d sandbox.Edge, v visit) (types.DistributionConfig, string) {
	if !d.Deployed && e.turn(v.client)%2 == 1 {
		return *d.Version.Previous, "KIX56-OLD"
	}
	return d.Config, "NRT57-NEW"
}

// clientsMax bounds the memory that made-up addresses can take.
const clientsMax = 10_000

func (e *edges) turn(client netip.Addr) uint32 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.visits == nil || len(e.visits) >= clientsMax {
		e.visits = map[netip.Addr]uint32{}
	}
	e.visits[client]++
	return e.visits[client]
}

func (e *edges) respond(world sandbox.World, config types.DistributionConfig, v visit) (answer, error) {
	if !aws.ToBool(config.Enabled) {
		return cloudfrontError(http.StatusForbidden, "The distribution is disabled."), nil
	}
	if id := aws.ToString(config.WebACLId); id != "" {
		acl, ok := world.WebACLs[id]
		if !ok {
			return answer{}, fmt.Errorf("the sandbox has no web ACL %s", id)
		}
		if blocked := filter(world, acl.ACL, v); blocked != nil {
			return *blocked, nil
		}
	}
	return e.fromOrigin(world, config, v)
}

// fromOrigin asks the origin that the first fitting cache behaviour names.
func (e *edges) fromOrigin(world sandbox.World, config types.DistributionConfig, v visit) (answer, error) {
	target := aws.ToString(config.DefaultCacheBehavior.TargetOriginId)
	if config.CacheBehaviors != nil {
		for _, b := range config.CacheBehaviors.Items {
			if fits(aws.ToString(b.PathPattern), v.path) {
				target = aws.ToString(b.TargetOriginId)
				break
			}
		}
	}
	for _, o := range config.Origins.Items {
		if aws.ToString(o.Id) != target {
			continue
		}
		if world.Lost[e.system.AWS.Region] {
			return cloudfrontError(http.StatusGatewayTimeout, "CloudFront cannot reach the origin."), nil
		}
		if o.S3OriginConfig != nil {
			return e.fromBucket(o, v)
		}
		return e.fromServices(world, v), nil
	}
	return answer{}, fmt.Errorf("the distribution has no origin %s", target)
}

// replaceError shows the page that the distribution names for the status. The page comes from its own origin, past the web
// ACL; when it cannot be had, the visitor sees the error itself.
func (e *edges) replaceError(world sandbox.World, config types.DistributionConfig, v visit, a answer) (answer, error) {
	if a.status < 400 || config.CustomErrorResponses == nil {
		return a, nil
	}
	for _, r := range config.CustomErrorResponses.Items {
		path := aws.ToString(r.ResponsePagePath)
		if int(aws.ToInt32(r.ErrorCode)) != a.status || path == "" {
			continue
		}
		page, err := e.fromOrigin(world, config, visit{client: v.client, method: http.MethodGet, path: path, header: http.Header{}})
		if err != nil || page.status != http.StatusOK {
			return a, err
		}
		if page.status, err = strconv.Atoi(aws.ToString(r.ResponseCode)); err != nil {
			return answer{}, fmt.Errorf("response code of the custom error response for %d: %w", a.status, err)
		}
		if retry := a.header.Get("Retry-After"); retry != "" {
			page.header.Set("Retry-After", retry)
		}
		page.header.Set("X-Cache", "Error from cloudfront")
		return page, nil
	}
	return a, nil
}

// fits matches a path pattern of CloudFront: * is any characters, ? is one; a leading slash may be left out.
func fits(pattern, path string) bool {
	if !strings.HasPrefix(pattern, "/") && !strings.HasPrefix(pattern, "*") {
		pattern = "/" + pattern
	}
	return wild(pattern, path)
}

// wild goes back to the last * only, so that it takes at most pattern × text steps.
func wild(pattern, text string) bool {
	p, t, star, mark := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, t
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == text[t]):
			p++
			t++
		case star >= 0:
			p = star + 1
			mark++
			t = mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}

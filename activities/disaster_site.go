package activities

import (
	"context"
	"errors"
	"net/http"
	"time"

	"golang.org/x/sync/errgroup"
)

// DisasterSmoke asks for the smoke test of the DR site.
type DisasterSmoke struct{}

// DisasterSmokeSeen says when the DR site answered well on every path.
type DisasterSmokeSeen struct {
	At    time.Time `json:"at"`
	Title string    `json:"title"` // of the first path's page
}

// DisasterOutsideCheck asks which region answers under a public name.
type DisasterOutsideCheck struct {
	Name string `json:"name"` // disaster.redirect.production or disaster.redirect.rehearsal
	Want string `json:"want"` // region, such as ap-northeast-3
}

// DisasterOutsideSeen says which region answered, and when.
type DisasterOutsideSeen struct {
	AnsweredBy string    `json:"answeredBy"` // region, "" if no answer said so
	At         time.Time `json:"at"`
}

// DisasterSite looks at the site as its visitors do, and at the DR site past the public name.
type DisasterSite struct {
	site *Site
	now  func() time.Time
}

// SmokeDisasterSite makes one GET per path of the DR site itself, all at once. What is not 200 is an error of type NotYet, so that
// the policy looks again.
func (a *DisasterSite) SmokeDisasterSite(ctx context.Context, _ DisasterSmoke) (DisasterSmokeSeen, error) {
	s, err := disasterOf(a.site.system)
	if err != nil {
		return DisasterSmokeSeen{}, err
	}
	smoke := s.Disaster.Smoke
	pages, err := a.lookAll(ctx, smoke.URL, smoke.Paths, smoke.Headers)
	if err != nil {
		return DisasterSmokeSeen{}, err
	}
	for _, p := range pages {
		if p.status != http.StatusOK {
			return DisasterSmokeSeen{}, fail(NotYet, "the DR site shows status %d %q at %s, want 200", p.status, p.title, p.target)
		}
	}
	return DisasterSmokeSeen{At: a.now().UTC(), Title: pages[0].title}, nil
}

// CheckDisasterOutside makes one GET per path under a public name, all at once. Every answer must be 200 and come from the wanted
// region; else the error is NotYet, so that the policy looks again: resolvers may still have the old answer.
func (a *DisasterSite) CheckDisasterOutside(ctx context.Context, in DisasterOutsideCheck) (DisasterOutsideSeen, error) {
	s, err := disasterOf(a.site.system)
	if err != nil {
		return DisasterOutsideSeen{}, err
	}
	out := s.Disaster.Outside
	url, headers := out.RehearsalURL, out.RehearsalHeaders
	switch in.Name {
	case s.Disaster.Redirect.Rehearsal:
	case s.Disaster.Redirect.Production:
		url, headers = out.ProductionURL, out.ProductionHeaders
	default:
		return DisasterOutsideSeen{}, fail(InvalidInput, "look at %q: want %s or %s, as disaster.redirect of system.yaml has them", in.Name, s.Disaster.Redirect.Production, s.Disaster.Redirect.Rehearsal)
	}
	if in.Want != s.AWS.Region && in.Want != s.AWS.DRRegion {
		return DisasterOutsideSeen{}, fail(InvalidInput, "region %q: want %s or %s", in.Want, s.AWS.Region, s.AWS.DRRegion)
	}
	pages, err := a.lookAll(ctx, url, out.Paths, headers)
	if err != nil {
		return DisasterOutsideSeen{}, err
	}
	for _, p := range pages {
		by := p.header.Get(out.Header)
		if p.status != http.StatusOK || by != in.Want {
			return DisasterOutsideSeen{}, fail(NotYet, "%s shows status %d %q at %s, answered by %s; want 200 from %s", in.Name, p.status, p.title, p.target, named(by), in.Want)
		}
	}
	return DisasterOutsideSeen{AnsweredBy: in.Want, At: a.now().UTC()}, nil
}

func named(region string) string {
	if region == "" {
		return "nobody who says where"
	}
	return region
}

// disasterPage is what one GET has shown.
type disasterPage struct {
	target string
	status int
	title  string
	header http.Header
}

// lookAll looks at all paths at once.
func (a *DisasterSite) lookAll(ctx context.Context, base string, paths []string, headers map[string]string) ([]disasterPage, error) {
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	pages := make([]disasterPage, len(paths))
	looks, ctx := errgroup.WithContext(ctx)
	for i, path := range paths {
		looks.Go(func() (err error) {
			pages[i], err = a.lookAt(ctx, base, path, headers)
			return err
		})
	}
	return pages, looks.Wait()
}

func (a *DisasterSite) lookAt(ctx context.Context, base, path string, headers map[string]string) (disasterPage, error) {
	target, err := siteURL(base, path)
	if err != nil {
		return disasterPage{}, err
	}
	got, err := a.site.get(ctx, target, headers)
	if err != nil {
		if errors.Is(err, context.Canceled) || isType(err, InvalidInput) {
			return disasterPage{}, err
		}
		return disasterPage{}, fail(NotYet, "%s cannot be reached (%s), want status 200", target, reason(err))
	}
	return disasterPage{target, got.status, titleOf(got.body), got.header}, nil
}

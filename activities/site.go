package activities

import (
	"context"
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"tejun/internal/system"
)

// SiteCheck looks at the site from outside.
type SiteCheck struct {
	Vantage    string `json:"vantage"` // a vantage of system.yaml, such as "public"
	Path       string `json:"path"`    // such as "/"; "" means every path under site.paths
	WantStatus int    `json:"wantStatus"`
	WantMarker string `json:"wantMarker"` // text that the page holds; "" means any page
}

// SiteSeen is what was seen, of the last path if there were several.
type SiteSeen struct {
	Status     int    `json:"status"`
	RetryAfter string `json:"retryAfter"` // the header, as it came
	Title      string `json:"title"`      // of the page
}

// siteTimeout is how long a visitor would wait at most.
const siteTimeout = 10 * time.Second

// mostOfPage is how much of a page is read.
const mostOfPage = 1 << 20

// Site looks at the site as its visitors do.
type Site struct {
	http   *http.Client
	system func() (*system.System, error)
}

// CheckSite makes one plain GET per path, all at once and without following redirects, and returns what the first path
// shows. What is not as wanted is an error of type NotYet,
// so that the policy looks again.
func (a *Site) CheckSite(ctx context.Context, in SiteCheck) (SiteSeen, error) {
	s, err := describe(a.system)
	if err != nil {
		return SiteSeen{}, err
	}
	from, ok := s.Vantage(in.Vantage)
	if !ok {
		return SiteSeen{}, fail(InvalidInput, "system.yaml has no vantage %q: add it under site.vantages", in.Vantage)
	}
	paths := s.Site.Paths
	if in.Path != "" {
		paths = []string{in.Path}
	}
	if len(paths) == 0 {
		paths = []string{"/"}
	}
	seen := make([]SiteSeen, len(paths))
	looks, ctx := errgroup.WithContext(ctx)
	for i, path := range paths {
		looks.Go(func() (err error) {
			seen[i], err = a.look(ctx, s.Site.URL, path, from, in)
			return err
		})
	}
	err = looks.Wait()
	return seen[0], err
}

func (a *Site) look(ctx context.Context, base, path string, from system.Vantage, in SiteCheck) (SiteSeen, error) {
	target, err := siteURL(base, path)
	if err != nil {
		return SiteSeen{}, err
	}
	got, err := a.get(ctx, target, from.Headers)
	if err != nil {
		if errors.Is(err, context.Canceled) || isType(err, InvalidInput) {
			return SiteSeen{}, err
		}
		return SiteSeen{}, fail(NotYet, "the site cannot be reached as %s at %s (%s), want status %d", in.Vantage, target, reason(err), in.WantStatus)
	}
	seen := SiteSeen{Status: got.status, RetryAfter: got.header.Get("Retry-After"), Title: titleOf(got.body)}
	wanted := fmt.Sprintf("status %d", in.WantStatus)
	marked := true
	if in.WantMarker != "" {
		wanted += fmt.Sprintf(" with %q", in.WantMarker)
		marked = strings.Contains(string(got.body), in.WantMarker)
	}
	if seen.Status != in.WantStatus || !marked {
		return seen, fail(NotYet, "the site shows status %d %q as %s at %s, want %s", seen.Status, seen.Title, in.Vantage, target, wanted)
	}
	return seen, nil
}

// fetched is a page as it came.
type fetched struct {
	status int
	header http.Header
	body   []byte // at most mostOfPage
}

// get makes one plain GET. A cancellation passes unchanged, an address that must not be looked at is InvalidInput, and any other error
// says that nobody answered, or not to the end.
func (a *Site) get(ctx context.Context, target string, headers map[string]string) (fetched, error) {
	ctx, cancel := context.WithTimeout(ctx, siteTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return fetched{}, fail(InvalidInput, "look at %s: %v", target, err)
	}
	request.Header.Set("User-Agent", "tejun-check")
	request.Header.Set("Cache-Control", "no-cache")
	for name, value := range headers {
		request.Header.Set(name, value)
	}
	response, err := a.http.Do(request)
	if err != nil {
		var linkLocal *linkLocalError
		if errors.As(err, &linkLocal) {
			err = fail(InvalidInput, "look at %s: %v", target, linkLocal)
		}
		return fetched{}, err
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	body, err := io.ReadAll(io.LimitReader(response.Body, mostOfPage))
	if err != nil {
		return fetched{}, fmt.Errorf("it breaks off: %w", err)
	}
	return fetched{response.StatusCode, response.Header, body}, nil
}

// siteURL keeps the check on the site: the path cannot lead to another host.
func siteURL(base, path string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", fail(InvalidInput, "site.url is %q: want an absolute http or https address", base)
	}
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n?#") {
		return "", fail(InvalidInput, "path %q: want one that begins with a single / and holds no \\, ? or #", path)
	}
	return u.JoinPath(path).String(), nil
}

var titleElement = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

func titleOf(body []byte) string {
	found := titleElement.FindSubmatch(body)
	if found == nil {
		return ""
	}
	title := []rune(strings.Join(strings.Fields(html.UnescapeString(string(found[1]))), " "))
	if len(title) > 200 {
		title = title[:200]
	}
	return string(title)
}

// siteClient follows no redirects. A client that it makes itself refuses link-local addresses when it connects, that
// is, after the name was resolved: they belong to the machine's own metadata services.
func siteClient(given *http.Client) *http.Client {
	client := &http.Client{}
	if given != nil {
		*client = *given
	} else {
		dialer := &net.Dialer{Timeout: siteTimeout, Control: refuseLinkLocal}
		client.Transport = &http.Transport{DialContext: dialer.DialContext, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	}
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return client
}

type linkLocalError struct{ address string }

func (e *linkLocalError) Error() string {
	return "the site's name leads to " + e.address + ", a link-local address: mend site.url in system.yaml"
}

func refuseLinkLocal(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return err
	}
	if ip := at.Addr().Unmap(); ip.IsLinkLocalUnicast() || ip.IsLinkLocalMulticast() {
		return &linkLocalError{address}
	}
	return nil
}

package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"tejun/internal/ingest/record"
)

// Web fetches over HTTPS. What it fetches is named by people and declarations, so it must not become a way into the
// network that the worker stands in: only hosts of the list are asked, at addresses of the internet, and a redirect is
// not followed. The address is resolved once, checked, and then used, so that a name that changes in between is no way in.
type Web struct {
	Hosts []string // host, or host:port where it is not 443

	client       *http.Client // with another trust, in tests
	resolve      func(context.Context, string) ([]netip.Addr, error)
	allowPrivate bool // in tests, whose servers are local
	idle         time.Duration
}

const (
	dialTimeout   = 10 * time.Second
	headerTimeout = 60 * time.Second
	idleTimeout   = 60 * time.Second // without a byte
)

// Get is the file at an address.
func (w *Web) Get(ctx context.Context, address string, expect Expect) (*Stream, error) {
	target, err := w.allowed(address)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("ask for %s: %w", target.Redacted(), err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := w.pinned().Do(request)
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("ask for %s: %w", target.Redacted(), err)
	}
	if err := acceptable(target, response); err != nil {
		err = errors.Join(err, response.Body.Close())
		cancel(nil)
		return nil, err
	}
	idle := w.idle
	if idle == 0 {
		idle = idleTimeout
	}
	body := &watched{body: response.Body, idle: idle, cancel: cancel}
	body.timer = time.AfterFunc(idle, func() { cancel(fmt.Errorf("%s sent nothing for %s", target.Host, idle)) })
	s, err := newStream(ctx, target.String(), response.ContentLength, body, expect)
	if err != nil {
		return nil, err
	}
	s.Version = response.Header.Get("ETag")
	return s, nil
}

// Check says why an address may not be asked (*record.FileError), without asking.
func (w *Web) Check(address string) error {
	_, err := w.allowed(address)
	return err
}

// allowed is the address, if it may be asked.
func (w *Web) allowed(address string) (*url.URL, error) {
	target, err := url.Parse(address)
	switch {
	case err != nil:
		return nil, &record.FileError{Reason: "the address of the file is none", Cause: err}
	case target.Scheme != "https":
		return nil, record.Refuse("the address %s does not begin with https://", target.Redacted())
	case target.User != nil:
		return nil, record.Refuse("the address %s carries a name or password", target.Redacted())
	}
	host := strings.ToLower(target.Host)
	host = strings.TrimSuffix(host, ":443")
	if host == "" || !slices.ContainsFunc(w.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return nil, record.Refuse("the host %q is not on the list of hosts that files are fetched from (%s)", target.Host, strings.Join(w.Hosts, ", "))
	}
	return target, nil
}

// pinned is a client that connects to checked addresses only.
func (w *Web) pinned() *http.Client {
	transport := &http.Transport{ // no Proxy: one of the environment would resolve names itself
		DialContext:            w.dial,
		TLSHandshakeTimeout:    dialTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		DisableKeepAlives:      true,
		ForceAttemptHTTP2:      true,
	}
	if w.client != nil {
		if t, ok := w.client.Transport.(*http.Transport); ok {
			transport.TLSClientConfig = t.TLSClientConfig.Clone()
		}
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// dial connects to the first address of the host that answers, if all of them are addresses of the internet.
func (w *Web) dial(ctx context.Context, network, address string) (net.Conn, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("take apart the address %q: %w", address, err)
	}
	resolve := w.resolve
	if resolve == nil {
		resolve = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	found, err := resolve(ctx, host)
	if err != nil {
		return nil, fmt.Errorf("resolve %s: %w", host, err)
	}
	for _, ip := range found {
		if why := inside(ip); why != "" && !w.allowPrivate {
			return nil, record.Refuse("%s resolves to %s, which is %s: files are fetched from the internet only", host, ip, why)
		}
	}
	dialer := net.Dialer{Timeout: dialTimeout}
	err = fmt.Errorf("%s has no address", host)
	for _, ip := range found {
		var conn net.Conn
		conn, err = dialer.DialContext(ctx, network, net.JoinHostPort(ip.String(), port))
		if err == nil {
			return conn, nil
		}
	}
	return nil, fmt.Errorf("connect to %s: %w", host, err)
}

// special are the ranges that no file of the internet is at, beyond those that netip names.
var special = []struct{ prefix, what string }{
	{"0.0.0.0/8", "of this network"}, {"100.64.0.0/10", "of a provider's inner network"}, {"192.0.0.0/24", "of a special use"},
	{"192.0.2.0/24", "of documentation"}, {"198.18.0.0/15", "of benchmarks"}, {"198.51.100.0/24", "of documentation"},
	{"203.0.113.0/24", "of documentation"}, {"240.0.0.0/4", "reserved"}, {"64:ff9b::/96", "a way to an IPv4 address"},
	{"64:ff9b:1::/48", "a way to an IPv4 address"}, {"2002::/16", "a way to an IPv4 address"}, {"2001::/23", "of a special use"},
	{"2001:db8::/32", "of documentation"}, {"100::/64", "discarded"}, {"fec0::/10", "of an inner network"},
}

// inside is why an address is none of the internet, in words, or "".
func inside(ip netip.Addr) string {
	ip = ip.Unmap().WithZone("")
	switch {
	case ip.IsLoopback():
		return "this machine"
	case ip.IsPrivate():
		return "of an inner network"
	case ip.IsLinkLocalUnicast(), ip.IsLinkLocalMulticast(), ip.IsInterfaceLocalMulticast():
		return "link-local, where cloud machines find their credentials"
	case ip.IsMulticast(), ip.IsUnspecified(), !ip.IsGlobalUnicast():
		return "no single machine"
	}
	for _, s := range special {
		if netip.MustParsePrefix(s.prefix).Contains(ip) {
			return s.what
		}
	}
	return ""
}

// acceptable refuses answers that are not the file.
func acceptable(target *url.URL, response *http.Response) error {
	code := response.StatusCode
	switch {
	case code >= 300 && code < 400:
		return record.Refuse("%s redirects to %q, which is not followed: declare the address of the file itself", target.Redacted(), response.Header.Get("Location"))
	case code == http.StatusNotFound || code == http.StatusGone:
		return record.Refuse("there is no file at %s (%s)", target.Redacted(), response.Status)
	case code != http.StatusOK:
		return fmt.Errorf("%s answered %s", target.Redacted(), response.Status)
	}
	if encoding := response.Header.Get("Content-Encoding"); encoding != "" && encoding != "identity" {
		return record.Refuse("%s answered with the content encoding %s, which was not asked for", target.Redacted(), encoding)
	}
	return nil
}

// watched is a body that fails when nothing comes.
type watched struct {
	body   io.ReadCloser
	idle   time.Duration
	timer  *time.Timer
	cancel context.CancelCauseFunc
}

func (b *watched) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.timer.Reset(b.idle)
	return n, err //nolint:wrapcheck // Stream says what was being read
}

func (b *watched) Close() error {
	b.timer.Stop()
	b.cancel(nil)
	return b.body.Close() //nolint:wrapcheck // Stream says what was being closed
}

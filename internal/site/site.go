// Package site is the public site of the operated system as the sandbox would show it: by plain HTTP it serves what the
// CloudFront distribution, its web ACL, the maintenance bucket and the ECS services would answer at that moment. Nothing is
// cached; while a distribution is in progress, old and new configuration answer in turn, as different edges would.
package site

import (
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// OverviewPath is where operators see everything at a glance.
const OverviewPath = "/__sandbox/"

// New is the site of sys on the sandbox. The client's address is the first one in X-Forwarded-For, else the connection's.
func New(s *sandbox.Sandbox, sys *system.System) http.Handler {
	e := &edges{sandbox: s, system: sys}
	mux := http.NewServeMux()
	mux.Handle(OverviewPath, overview(s, sys))
	mux.Handle("/", e)
	return mux
}

// visit is a request as the edge sees it.
type visit struct {
	client netip.Addr
	host   string
	method string
	path   string
	query  string
	header http.Header
}

// answer is a response on its way to the visitor.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func newVisit(r *http.Request) (visit, error) {
	text, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		text = r.RemoteAddr
	}
	if forwarded := r.Header.Get("X-Forwarded-For"); forwarded != "" {
		text, _, _ = strings.Cut(forwarded, ",")
	}
	client, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return visit{}, fmt.Errorf("client address %q: %w", text, err)
	}
	return visit{client: client.Unmap().WithZone(""), host: hostOf(r), method: r.Method, path: r.URL.Path, query: r.URL.RawQuery, header: r.Header}, nil
}

// ServeHTTP answers as one of the edges.
func (e *edges) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	v, err := newVisit(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	a, err := e.serve(v)
	if err != nil {
		slog.Error("simulated site", "path", v.path, "error", err)
		http.Error(w, "the sandbox cannot be read; the log of the site says why", http.StatusInternalServerError)
		return
	}
	header := w.Header()
	maps.Copy(header, a.header)
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Length", fmt.Sprint(len(a.body)))
	w.WriteHeader(a.status)
	if r.Method == http.MethodHead {
		return
	}
	if _, err := w.Write(a.body); err != nil {
		slog.Debug("simulated site: the visitor left", "error", err)
	}
}

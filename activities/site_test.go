package activities

import (
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/system"
)

func TestSiteIsSeenAsItIs(t *testing.T) {
	b := newBench(t)
	var gets atomic.Int64 // paths are looked at side by side
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		gets.Add(1)
		switch {
		case r.URL.Path == "/away":
			http.Redirect(w, r, "/", http.StatusFound)
		case r.Header.Get("X-Forwarded-For") == "203.0.113.10":
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = w.Write([]byte("<html><title>メンテナンス中 &amp; 停止</title><body class=tejun-maintenance>"))
		default:
			_, _ = w.Write([]byte("<title>site</title>"))
		}
	}))
	defer server.Close()
	b.system.Site.URL = server.URL

	seen := must(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: "/", WantStatus: 503, WantMarker: "tejun-maintenance"})
	assert.Equal(t, SiteSeen{Status: 503, RetryAfter: "3600", Title: "メンテナンス中 & 停止"}, seen)
	seen = must(b, b.set.Site.CheckSite, SiteCheck{Vantage: "operator", Path: "/", WantStatus: 200})
	assert.Equal(t, "site", seen.Title)

	gets.Store(0)
	must(b, b.set.Site.CheckSite, SiteCheck{Vantage: "operator", WantStatus: 200})
	assert.EqualValues(t, len(b.system.Site.Paths), gets.Load(), "no path means every path")

	gets.Store(0)
	_, err := try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: "/away", WantStatus: 200})
	requireType(t, err, NotYet)
	assert.EqualValues(t, 1, gets.Load(), "redirects are not followed")

	_, err = try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: "/", WantStatus: 200})
	requireType(t, err, NotYet)
	assert.Contains(t, err.Error(), "status 503")
	_, err = try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: "/", WantStatus: 503, WantMarker: "another"})
	requireType(t, err, NotYet)

	server.Close()
	_, err = try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: "/", WantStatus: 503})
	requireType(t, err, NotYet)
}

func TestSiteCheckStaysOnTheSite(t *testing.T) {
	b := newBench(t)
	for _, path := range []string{"http://169.254.169.254/", "//evil.example/", "\\\\evil", "relative", "/a?b", "/a\r\nX: y"} {
		_, err := try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: path, WantStatus: 200})
		requireType(t, err, InvalidInput)
	}
	_, err := try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "moon", Path: "/", WantStatus: 200})
	requireType(t, err, InvalidInput)
	for _, address := range []string{"http://169.254.169.254", "http://[fe80::1]"} {
		b.system.Site.URL = address
		_, err = try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", Path: "/", WantStatus: 200})
		requireType(t, err, InvalidInput)
		assert.Contains(t, err.Error(), "link-local")
	}
	b.system.Site = system.Site{URL: "ftp://site", Vantages: b.system.Site.Vantages}
	_, err = try(b, b.set.Site.CheckSite, SiteCheck{Vantage: "public", WantStatus: 200})
	requireType(t, err, InvalidInput)
	require.NotContains(t, err.Error(), "panic")
}

package e2e

import (
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"
)

// visits is the log that the site itself keeps of who came and what they got.
type visits struct {
	mu   sync.Mutex
	list []visited
}

// visited is one of them.
type visited struct {
	at       time.Time // it came
	path     string
	asked    http.Header
	status   int
	answered http.Header
}

// by writes down what a site answers.
func (v *visits) by(site http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen := visited{at: time.Now().UTC(), path: r.URL.Path, asked: r.Header.Clone()}
		noted := &notedAnswer{ResponseWriter: w, status: http.StatusOK}
		site.ServeHTTP(noted, r)
		seen.status, seen.answered = noted.status, w.Header().Clone()
		v.mu.Lock()
		defer v.mu.Unlock()
		v.list = append(v.list, seen)
	})
}

// first is when the first good answer to a path was asked for, by visitors who send these headers, that carries the header.
func (v *visits) first(path string, headers map[string]string, header, value string) (time.Time, bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	inOrder := slices.SortedFunc(slices.Values(v.list), func(a, b visited) int { return a.at.Compare(b.at) })
	at := slices.IndexFunc(inOrder, func(s visited) bool {
		for name := range maps.Keys(headers) {
			if s.asked.Get(name) != headers[name] {
				return false
			}
		}
		return s.path == path && s.status == http.StatusOK && s.answered.Get(header) == value
	})
	if at < 0 {
		return time.Time{}, false
	}
	return inOrder[at].at, true
}

type notedAnswer struct {
	http.ResponseWriter
	status int
}

func (n *notedAnswer) WriteHeader(status int) {
	n.status = status
	n.ResponseWriter.WriteHeader(status)
}

package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"tejun/internal/site"
	"tejun/internal/system"
)

// productionEnvironment is system.yaml's name of the environment in which nothing is simulated.
const productionEnvironment = "production"

// description is system.yaml as it is at this moment: an edit counts from the next use on, without a restart.
type description struct {
	path    string
	siteURL string // replaces site.url when it is not empty

	mu      sync.Mutex
	read    *system.System
	changed time.Time
	size    int64
}

func newDescription(path string) *description { return &description{path: path} }

// Load returns the description in force. It reads the file again only when its time or size has changed. A file that
// became invalid is an error at every use until it is repaired: going on with the old content would hide it.
func (d *description) Load() (*system.System, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	info, err := os.Stat(d.path)
	if err != nil {
		return nil, fmt.Errorf("system description: %w", err)
	}
	if d.read == nil || !info.ModTime().Equal(d.changed) || info.Size() != d.size {
		d.read = nil
		read, err := system.Load(d.path)
		if err != nil {
			return nil, err
		}
		d.read, d.changed, d.size = read, info.ModTime(), info.Size()
	}
	if d.siteURL == "" {
		return d.read, nil
	}
	with := *d.read
	if with.Environment == productionEnvironment {
		with.Site.URL = d.siteURL
	} else {
		site.Simulate(&with, d.siteURL)
	}
	return &with, nil
}

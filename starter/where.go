package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/envconfig"

	"tejun/internal/operated"
)

// addresses is where everything is. An empty field means that it is not known.
type addresses struct {
	Temporal client.Options
	UI       string
	Postgres string
	AWS      string // "sandbox:DIR" or "real"
	System   string
	Operated string      // the operated system's database
	Dev      *devPointer // the `worker dev` that the addresses come from, nil if none
}

// devPointer is what `worker dev` writes about itself: in its state folder as ready.json, and in the user's cache
// folder as tejun/dev/<Temporal's port>.json.
type devPointer struct {
	Temporal string `json:"temporal"`
	UI       string `json:"ui"`
	Site     string `json:"site"`
	Postgres string `json:"postgres"`
	Metrics  string `json:"metrics"`
	State    string `json:"state"`
	Sandbox  string `json:"sandbox"`  // folder
	System   string `json:"system"`   // file
	Database string `json:"database"` // of the operated system
	PID      int    `json:"pid"`
}

// locate finds the addresses: flags first, then the environment and Temporal's configuration file, then what a
// `worker dev` at the same Temporal address has written down.
func (a *app) locate() (*addresses, error) {
	if a.found != nil {
		return a.found, nil
	}
	options, given, err := a.temporalOptions()
	if err != nil {
		return nil, err
	}
	dev, err := a.pointer(options.HostPort, given)
	if err != nil {
		return nil, err
	}
	w := &addresses{Temporal: options, Dev: dev}
	if dev == nil {
		dev = &devPointer{}
	} else if !given {
		w.Temporal.HostPort = dev.Temporal
	}
	sandbox := ""
	if dev.Sandbox != "" {
		sandbox = "sandbox:" + dev.Sandbox
	}
	w.UI = strings.TrimRight(a.first("", "TEJUN_UI_URL", dev.UI), "/")
	w.Postgres = a.first(a.database, "TEJUN_DATABASE_URL", dev.Postgres)
	w.AWS = a.first(a.aws, "TEJUN_AWS", sandbox)
	w.Operated = a.first("", operated.Variable, dev.Database)
	w.System = a.first(a.system, "TEJUN_SYSTEM", dev.System)
	if w.System == "" {
		w.System = firstFile("system.yaml", filepath.Join("examples", "system.yaml"))
	}
	a.found = w
	return w, nil
}

// temporalOptions reads the connection to Temporal; given tells whether anybody named an address.
func (a *app) temporalOptions() (options client.Options, given bool, err error) {
	options, err = envconfig.LoadClientOptions(envconfig.LoadClientOptionsRequest{
		ConfigFileProfile: a.profile, EnvLookup: a.env,
	})
	if err != nil {
		return options, false, usage("Temporal's configuration: %w", err)
	}
	if a.address != "" {
		options.HostPort = a.address
	}
	if a.namespace != "" { // TEMPORAL_NAMESPACE would win over the profile, but never over a flag
		options.Namespace = a.namespace
	}
	given = options.HostPort != ""
	if a.state != "" && a.address == "" {
		given = false // the folder was asked for by name, so it wins over the environment
	}
	if options.HostPort == "" {
		options.HostPort = client.DefaultHostPort
	}
	return options, given, nil
}

// pointer finds the `worker dev` that belongs to the address.
func (a *app) pointer(address string, given bool) (*devPointer, error) {
	if a.state != "" {
		path := filepath.Join(a.state, "ready.json")
		dev, err := readPointer(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, usage("--state %s: there is no ready.json in it; is `go run ./worker dev --state %s` ready?", a.state, shellWord(a.state))
		}
		return dev, err
	}
	cache, err := a.cacheDir()
	if err != nil {
		return nil, nil //nolint:nilerr // no home, no cache folder: then there is nothing to find in it
	}
	folder := filepath.Join(cache, "tejun", "dev")
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		if given {
			return nil, usage("Temporal's address %q: write host:port", address)
		}
		return nil, nil
	}
	if ip := net.ParseIP(host); host == "localhost" || (ip != nil && ip.IsLoopback()) {
		dev, err := readPointer(filepath.Join(folder, port+".json"))
		if !errors.Is(err, fs.ErrNotExist) {
			return dev, err
		}
	}
	if given {
		return nil, nil
	}
	return onlyLiving(folder), nil
}

// onlyLiving is the one `worker dev` that runs on this machine, nil when there is none or more than one to choose from.
func onlyLiving(folder string) *devPointer {
	paths, _ := filepath.Glob(filepath.Join(folder, "*.json"))
	var living *devPointer
	for _, path := range paths {
		dev, err := readPointer(path)
		if err != nil || !dev.alive() {
			continue
		}
		if living != nil {
			return nil
		}
		living = dev
	}
	return living
}

func readPointer(path string) (*devPointer, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var dev devPointer
	if err := json.Unmarshal(content, &dev); err != nil {
		return nil, fmt.Errorf("%s is damaged (%w): start `go run ./worker dev` again, which writes it anew", path, err)
	}
	return &dev, nil
}

// alive tells whether the process is there. A process of another user counts too.
func (d *devPointer) alive() bool {
	if d.PID <= 0 {
		return false
	}
	err := syscall.Kill(d.PID, 0)
	return err == nil || errors.Is(err, syscall.EPERM)
}

// first is the flag, else the environment variable, else the fallback.
func (a *app) first(flag, name, fallback string) string {
	if flag != "" {
		return flag
	}
	if v, ok := a.env.LookupEnv(name); ok && v != "" {
		return v
	}
	return fallback
}

func firstFile(paths ...string) string {
	for _, p := range paths {
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"tejun/internal/sandbox"
	"tejun/internal/site"
)

// startSite serves the simulated public site, and makes the description name it as the system's site.
func (d *dev) startSite(box *sandbox.Sandbox) error {
	listener, err := net.Listen("tcp", loopback(d.options.Ports.Site))
	if err != nil {
		return fmt.Errorf("serve the simulated site: %w (choose another --site-port)", err)
	}
	d.ready.Site = "http://" + listener.Addr().String() + "/"
	d.system.siteURL = d.ready.Site
	described, err := d.system.Load()
	if err != nil {
		return err
	}
	server := newServer(site.New(box, described), d.log)
	d.started = append(d.started, func() error {
		ending, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		return server.Shutdown(ending)
	})
	go serveOn(server, listener, d.log)
	return nil
}

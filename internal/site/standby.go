package site

import (
	"cmp"
	"net"
	"net/http"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

// DRHost is the host by which the DR site is looked at itself, past the public names.
const DRHost = "dr.sandbox"

// hostHeader carries the host that a visitor asked for, when the address of the simulated site stands in for it.
const hostHeader = "X-Forwarded-Host"

// Simulate makes a description name the simulated site at url as the system's: the site itself, and what is looked at in a disaster.
// Hosts and the visitor's address go along as headers.
func Simulate(sys *system.System, url string) {
	sys.Site.URL = url
	if !sys.HasDisaster() {
		return
	}
	public, _ := sys.Vantage("public")
	as := func(host string) map[string]string {
		headers := map[string]string{hostHeader: host}
		if client := public.Headers["X-Forwarded-For"]; client != "" {
			headers["X-Forwarded-For"] = client
		}
		return headers
	}
	d := &sys.Disaster
	d.Smoke.URL, d.Smoke.Headers = url, as(DRHost)
	d.Outside.ProductionURL, d.Outside.ProductionHeaders = url, as(d.Redirect.Production)
	d.Outside.RehearsalURL, d.Outside.RehearsalHeaders = url, as(d.Redirect.Rehearsal)
}

// hostOf is the host that the request is for, without a port.
func hostOf(r *http.Request) string {
	host := cmp.Or(r.Header.Get(hostHeader), r.Host)
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// place is the region that a visit ends in: that to which its resolver sends the host, or "" when the host is none of those that lead
// to one of two regions.
func (e *edges) place(v visit) (string, error) {
	if !e.system.HasDisaster() {
		return "", nil
	}
	switch v.host {
	case DRHost:
		return e.system.AWS.DRRegion, nil
	case e.system.Disaster.Redirect.Production, e.system.Disaster.Redirect.Rehearsal:
		to, err := e.sandbox.Resolve(v.host, v.client.String())
		return to.Region, err
	}
	return "", nil
}

// fromStandby is the DR site: a load balancer with the services of the DR region behind it. A service answers when any of its tasks
// runs and the database that the pipeline has given it takes writes.
func (e *edges) fromStandby(world sandbox.World, v visit) answer {
	region := e.system.AWS.DRRegion
	if world.Lost[region] {
		return balancerError(http.StatusGatewayTimeout, "The region cannot be reached.")
	}
	main, ok := route(e.system.ECS.Services, v.path)
	svc, stands := e.system.Disaster.ECS.Service(main.Name)
	if !ok || !stands {
		return balancerError(http.StatusNotFound, "No service is registered for this path.")
	}
	running := world.Services[region+"/"+e.system.Disaster.ECS.Cluster+"/"+svc.Service]
	switch {
	case running.Count == 0:
		return balancerError(http.StatusServiceUnavailable, "No task of the service is running.")
	case running.Environment["DATABASE"] == "":
		return balancerError(http.StatusServiceUnavailable, "The service was not told where its database is.")
	case world.Databases[running.Environment["DATABASE"]] != region:
		return balancerError(http.StatusServiceUnavailable, "The service cannot reach its database.")
	}
	return page(http.StatusOK, "service.html.tmpl", map[string]any{
		"System": e.system.Name, "Service": svc.Name, "ECS": svc.Service, "Version": version(running.TaskDefinition), "Count": running.Count,
		"Desired": running.Desired, "Path": v.path, "Client": v.client.String(), "Now": inZone(world.At, e.system), "Overview": OverviewPath,
	})
}

// servedBy is the header that names the region that answers.
func (e *edges) servedBy() string { return cmp.Or(e.system.Disaster.Outside.Header, "X-Served-By") }

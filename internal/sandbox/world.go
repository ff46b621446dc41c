package sandbox

import (
	"time"
)

// World is what can be seen from outside at one moment, for the simulated site. Reading it is no AWS call: no fault
// strikes and nothing is journalled.
type World struct {
	At            time.Time
	Distributions map[string]Edge    // by ID
	WebACLs       map[string]WebACL  // by ARN
	IPSets        map[string]IPSet   // by ARN
	Services      map[string]Running // by "cluster/service"; those of another region than the home one by "region/cluster/service"
	Databases     map[string]string  // region of the clusters that take writes, by endpoint as "host:port"
	Lost          map[string]bool    // regions that cannot be reached
	Alarms        []Alarm            //
	Schedules     []Schedule         //
	Snapshots     map[string]string  // status by ID
}

// Edge is a distribution and how far its newest configuration has come.
type Edge struct {
	Distribution
	Deployed bool // false: some edges still use Version.Previous
}

// Running is a service, how many of its tasks run, and with what.
type Running struct {
	Service
	Count       int32
	Environment map[string]string // of its tasks, as a pipeline has set it
}

// World reads the state.
func (s *Sandbox) World() (World, error) {
	w := World{
		Distributions: map[string]Edge{}, WebACLs: map[string]WebACL{}, IPSets: map[string]IPSet{}, Services: map[string]Running{}, Databases: map[string]string{}, Lost: map[string]bool{}, Snapshots: map[string]string{},
	}
	err := s.view(func(c *call) error {
		w.At = c.at
		for _, read := range []func(*call) error{w.readEdge, w.readServices, w.readDatabases, w.readRest} {
			if err := read(c); err != nil {
				return err
			}
		}
		return nil
	})
	return w, err
}

func (w *World) readEdge(c *call) error {
	distributions, err := list[Distribution](c, distributionKind)
	if err != nil {
		return err
	}
	for _, d := range distributions {
		deployed, err := c.deployed(d)
		if err != nil {
			return err
		}
		w.Distributions[d.ID] = Edge{d, deployed}
	}
	acls, err := list[WebACL](c, webACLKind)
	if err != nil {
		return err
	}
	for _, a := range acls {
		w.WebACLs[val(a.ACL.ARN)] = a
	}
	sets, err := list[IPSet](c, ipSetKind)
	for _, set := range sets {
		w.IPSets[val(set.Set.ARN)] = set
	}
	return err
}

func (w *World) readServices(c *call) error {
	services, err := list[Service](c, serviceKind)
	if err != nil {
		return err
	}
	for _, svc := range services {
		if svc, err = c.settled(svc); err != nil {
			return err
		}
		running, err := c.running(svc)
		if err != nil {
			return err
		}
		err = c.in(svc.Region, func(c *call) error {
			d, _, err := c.definition(&svc.TaskDefinition)
			w.Services[c.localPrefix()+svc.Cluster+"/"+svc.Name] = Running{svc, running, d.Environment}
			return err
		})
		if err != nil {
			return err
		}
	}
	lost, err := c.lostRegions()
	for region := range lost {
		w.Lost[region] = true
	}
	return err
}

func (w *World) readRest(c *call) (err error) {
	if w.Alarms, err = list[Alarm](c, alarmKind); err != nil {
		return err
	}
	if w.Schedules, err = list[Schedule](c, scheduleKind); err != nil {
		return err
	}
	snapshots, err := list[DBSnapshot](c, snapshotKind)
	if err != nil {
		return err
	}
	for _, snap := range snapshots {
		shown, err := c.showSnapshot(snap)
		if err != nil {
			return err
		}
		w.Snapshots[snap.ID] = val(shown.Status)
	}
	return nil
}

// Object reads an S3 object for the simulated site; false when there is none.
func (s *Sandbox) Object(bucket, key string) (o Object, found bool, err error) {
	err = s.view(func(c *call) error {
		o, found, err = get[Object](c, objectKey(&bucket, &key))
		return err
	})
	return o, found, err
}

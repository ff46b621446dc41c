package sandbox

import "strconv"

// readDatabases finds where the clusters answer and take writes.
func (w *World) readDatabases(c *call) error {
	clusters, err := list[DBCluster](c, dbClusterKind)
	if err != nil {
		return err
	}
	for _, d := range clusters {
		if c.lost(d.Region) {
			continue
		}
		err := c.in(d.Region, func(c *call) error {
			d, there, err := c.lookDBCluster(d.Region, d.ID)
			if err != nil || !there {
				return err
			}
			answers, err := c.answers(d)
			if err != nil || !answers {
				return err
			}
			shown, err := c.showDBCluster(d)
			if err == nil {
				w.Databases[val(shown.Endpoint)+":"+strconv.Itoa(int(val(shown.Port)))] = d.Region
			}
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// answers tells whether a cluster takes writes: it is available, is no mere reader, and so is one of its instances.
func (c *call) answers(d DBCluster) (bool, error) {
	status, err := c.dbClusterStatus(d)
	if err != nil || status != "available" {
		return false, err
	}
	if writer, err := c.writes(d.ARN); err != nil || !writer {
		return false, err
	}
	instances, err := c.instancesOf(d)
	if err != nil {
		return false, err
	}
	for _, i := range instances {
		shown, err := c.showDBInstance(i)
		if err != nil {
			return false, err
		}
		if val(shown.DBInstanceStatus) == "available" {
			return true, nil
		}
	}
	return false, nil
}

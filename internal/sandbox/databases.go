package sandbox

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/rds/types"
)

// Databases are real servers behind the sandbox's Aurora. Every method begins the work if nobody has yet, does not wait for it,
// and says whether it is done; so asking again is how the sandbox waits, and how it goes on after a crash. Names of clusters
// and backups are unique and fit for files.
type Databases interface {
	// Backup backs the cluster's running server up.
	Backup(cluster, backup string) (done bool, err error)
	// CopyBackup makes a backup that outlives the one it is copied from.
	CopyBackup(backup, to string) (done bool, err error)
	// DropBackup forgets a backup; there may be none.
	DropBackup(backup string) error
	// Restore lays a new cluster in place. Nothing runs yet.
	Restore(cluster string, from Restoration) (done bool, err error)
	// Serve runs the cluster's server, and says where once it answers.
	Serve(cluster string) (host string, port int32, done bool, err error)
	// Halt stops the cluster's server; there may be none.
	Halt(cluster string) error
	// Drop forgets a restored cluster, its server included; there may be none.
	Drop(cluster string) error
	// Restorable says to which moments the cluster can be restored. The times are zero when it is not backed up.
	Restorable(cluster string) (from, until time.Time)
}

// Restoration is what a cluster is restored from: a backup, or another cluster as it was at a moment.
type Restoration struct {
	Backup  string
	Cluster string
	At      time.Time
}

// UseDatabases puts real servers behind the clusters of this process's sandbox, from now on. Without them, RDS is a state
// machine: what was made without them has no data, and cannot be restored with them.
func (s *Sandbox) UseDatabases(d Databases) error {
	return s.locked(func() error {
		s.databases = d
		c := s.newCall(context.Background())
		c.region = DefaultRegion
		instances, err := list[DBInstance](c, dbInstanceKind)
		if err != nil {
			return err
		}
		for _, i := range instances { // servers that ran when the last process ended run again
			d, ok, err := c.lookDBCluster(i.Region, i.Cluster)
			if err == nil && ok && d.Real && i.Deleted == nil {
				_, _, _, err = s.databases.Serve(d.server())
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// ServerName is what Databases know a cluster by.
func ServerName(region, cluster string) string { return region + "." + strings.ToLower(cluster) }

func (d DBCluster) server() string { return ServerName(d.Region, d.ID) }

// backup is the name of what a snapshot holds. A later one of the same name is another one.
func (s DBSnapshot) backup() string {
	return s.Region + "." + s.ID + "." + s.Created.UTC().Format("20060102T150405.000000000Z")
}

// lasting is the state of something that takes time on AWS, and whose server takes time too.
func (c *call) lasting(since time.Time, takes time.Duration, isReal bool, work func() (bool, error)) (percent int32, failed, err error) {
	share, err := c.elapsed(since, takes)
	if err != nil {
		return 0, nil, err
	}
	if !isReal || c.databases == nil {
		return int32(share * 100), nil, nil
	}
	done, failed := work()
	if failed != nil || done {
		return int32(share * 100), failed, nil
	}
	return min(99, int32(share*100)), nil, nil
}

// gone tells whether something that is being deleted has gone.
func (c *call) gone(since *time.Time, takes time.Duration) (bool, error) {
	if since == nil {
		return false, nil
	}
	share, err := c.elapsed(*since, takes)
	return share == 1, err
}

// regional is the key of a resource. Those of the home region have no region in it.
func (c *call) regional(kind, region, id string) string {
	id = strings.ToLower(id)
	set, err := c.settings()
	if err != nil || region == set.Region {
		return kind + "/" + id
	}
	return kind + "/" + region + "/" + id
}

func invalidRDS(code, words string) error { return fail(http.StatusBadRequest, generic(code, words)) }

func noCluster(id string) error {
	return fail(http.StatusNotFound, &types.DBClusterNotFoundFault{Message: ptr("DBCluster " + id + " not found.")})
}

func badClusterState(words string) error {
	return fail(http.StatusBadRequest, &types.InvalidDBClusterStateFault{Message: ptr(words)})
}

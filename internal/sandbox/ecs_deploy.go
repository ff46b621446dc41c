package sandbox

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
)

// rolloutTime is how long ECS takes at time scale 1 to replace a service's tasks, or to give up and roll back.
const rolloutTime = 4 * time.Minute

// Rollout is the replacing of a service's tasks by those of another task definition.
type Rollout struct {
	Old   string // task definition that the tasks had before
	Began time.Time
	Fails bool // the new tasks never get healthy, so the circuit breaker brings the old ones back
}

// service reads a service as it is now: a rollout that has failed is rolled back, and looks as if it had never been.
func (c *call) service(key string) (Service, bool, error) {
	s, ok, err := get[Service](c, key)
	if err != nil || !ok {
		return s, ok, err
	}
	s, err = c.settled(s)
	return s, true, err
}

func (c *call) settled(s Service) (Service, error) {
	r := s.Version.Rollout
	if r == nil {
		return s, nil
	}
	done, err := c.elapsed(r.Began, rolloutTime)
	if err != nil || done < 1 {
		return s, err
	}
	if r.Fails {
		s.TaskDefinition = r.Old
		s.Version.Deployed++
	}
	s.Version.Rollout = nil
	return s, nil
}

// deploy begins to replace the service's tasks.
func (c *call) deploy(key string, s Service, to definition) error {
	fails := false
	if repository, digest, ok := splitImage(to.Image); ok {
		image, err := c.image(repository, ecrtypes.ImageIdentifier{ImageDigest: &digest})
		if err != nil && !isCode(err, "ImageNotFoundException") {
			return err
		}
		fails = err != nil || image.Unhealthy
	}
	s.Version.Rollout = &Rollout{Old: s.TaskDefinition, Began: c.at, Fails: fails}
	s.Version.Deployed++
	s.TaskDefinition = to.ARN
	return c.put(key, s)
}

// splitImage takes apart an image that is named by its digest.
func splitImage(image string) (repository, digest string, ok bool) {
	name, digest, ok := strings.Cut(image, "@")
	_, repository, slash := strings.Cut(name, "/")
	return repository, digest, ok && slash
}

// register makes a new revision of a family.
func (c *call) register(d definition) (definition, error) {
	d.Revision++
	set, err := c.settings()
	if err != nil {
		return d, err
	}
	d.ARN = arn("ecs", d.Region, set.Account, fmt.Sprintf("task-definition/%s:%d", d.Family, d.Revision))
	if err := c.put(c.local(revisionKey(d.Family, d.Revision)), d); err != nil {
		return d, err
	}
	return d, c.put(c.local(definitionKind+"/"+d.Family), d)
}

// revisionKey is of one revision; the family's own key holds the latest.
func revisionKey(family string, revision int) string {
	return fmt.Sprintf("%s/%s:%d", definitionKind, family, revision)
}

// spread is how many of the running tasks are new during a rollout.
func (c *call) spread(s Service, running int32) (fresh int32, err error) {
	if s.Version.Rollout == nil {
		return running, nil
	}
	done, err := c.elapsed(s.Version.Rollout.Began, rolloutTime)
	if s.Version.Rollout.Fails {
		return 0, err // none passes its health check
	}
	return int32(math.Trunc(float64(running) * done)), err
}

// showDeployments lists the deployments of a service: the newest, and while it is under way the one before.
func (c *call) showDeployments(s Service, running, pending int32) ([]types.Deployment, error) {
	deployment := func(n int, status, definition string, running, pending int32, rollout types.DeploymentRolloutState) types.Deployment {
		return types.Deployment{
			Id: ptr(fmt.Sprintf("ecs-svc/%019d", n)), Status: ptr(status), TaskDefinition: ptr(definition), DesiredCount: s.Desired, RunningCount: running, PendingCount: pending,
			RolloutState: rollout, CreatedAt: ptr(s.Created), UpdatedAt: ptr(s.Version.Changed), LaunchType: types.LaunchTypeFargate,
		}
	}
	state := types.DeploymentRolloutStateCompleted
	if running != s.Desired || s.Version.Rollout != nil {
		state = types.DeploymentRolloutStateInProgress
	}
	fresh, err := c.spread(s, running)
	if err != nil {
		return nil, err
	}
	deployments := []types.Deployment{deployment(s.Version.Deployed, "PRIMARY", s.TaskDefinition, fresh, pending+running-fresh, state)}
	if r := s.Version.Rollout; r != nil {
		deployments = append(deployments, deployment(s.Version.Deployed-1, "ACTIVE", r.Old, running-fresh, 0, types.DeploymentRolloutStateCompleted))
	}
	return deployments, nil
}

// serviceTasks are the tasks that run for a service at this moment.
func (c *call) serviceTasks(cl cluster, s Service) ([]types.Task, error) {
	running, err := c.running(s)
	if err != nil {
		return nil, err
	}
	fresh, err := c.spread(s, running)
	if err != nil {
		return nil, err
	}
	var tasks []types.Task
	for i := range running {
		definition, deployed := s.TaskDefinition, s.Version.Deployed
		if i >= fresh && s.Version.Rollout != nil {
			definition, deployed = s.Version.Rollout.Old, deployed-1
		}
		id := strings.ToLower(hashID("", fmt.Sprintf("%s\x00%d\x00%d", s.ARN, deployed, i)))
		task := types.Task{
			TaskArn: ptr(cl.taskARN(id)), ClusterArn: ptr(cl.ARN), TaskDefinitionArn: ptr(definition), LastStatus: ptr("RUNNING"), DesiredStatus: ptr("RUNNING"),
			LaunchType: types.LaunchTypeFargate, Group: ptr("service:" + s.Name), StartedBy: ptr(fmt.Sprintf("ecs-svc/%019d", deployed)), HealthStatus: types.HealthStatusHealthy,
		}
		d, ok, err := c.definition(&definition)
		if err != nil {
			return nil, err
		}
		if ok {
			container := types.Container{Name: ptr(d.Container), LastStatus: ptr("RUNNING"), TaskArn: task.TaskArn, Image: ptrUnlessEmpty(d.Image), HealthStatus: types.HealthStatusHealthy}
			if _, digest, pinned := splitImage(d.Image); pinned {
				container.ImageDigest = ptr(digest)
			}
			task.Containers = []types.Container{container}
		}
		tasks = append(tasks, task)
	}
	return tasks, nil
}

func (cl cluster) taskARN(id string) string {
	return strings.Replace(cl.ARN, ":cluster/", ":task/", 1) + "/" + id
}

// tasksOf lists the tasks of one service.
func (c *call) tasksOf(cl cluster, service *string) ([]types.Task, error) {
	s, ok, err := c.service(c.local(serviceKey(&cl.Name, service)))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusBadRequest, &types.ServiceNotFoundException{Message: ptr("Service not found.")})
	}
	return c.serviceTasks(cl, s)
}

// serviceTask finds a running task of any service of the cluster.
func (c *call) serviceTask(cl cluster, id string) (types.Task, bool, error) {
	services, err := listLocal[Service](c, serviceKind, cl.Name+"/")
	if err != nil {
		return types.Task{}, false, err
	}
	for _, s := range services {
		if s, err = c.settled(s); err != nil {
			return types.Task{}, false, err
		}
		tasks, err := c.serviceTasks(cl, s)
		if err != nil {
			return types.Task{}, false, err
		}
		for _, task := range tasks {
			if lastPart(val(task.TaskArn)) == id {
				return task, true, nil
			}
		}
	}
	return types.Task{}, false, nil
}

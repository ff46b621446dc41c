package sandbox

import (
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// How long ECS takes at time scale 1 to bring the running tasks to the desired count.
const (
	startTime = 90 * time.Second
	stopTime  = 40 * time.Second
)

const (
	clusterKind = "ecs:cluster"
	serviceKind = "ecs:service"
)

type cluster struct {
	Name   string
	ARN    string
	Region string
}

// Service is an ECS service.
type Service struct {
	Cluster        string
	Name           string
	ARN            string
	Region         string
	TaskDefinition string
	Desired        int32
	Created        time.Time
	MinHealthy     *int32         `json:",omitempty"` // percent; nil: 100, as with AWS
	MaxPercent     *int32         `json:",omitempty"` // nil: 200
	Tags           []types.Tag    `json:",omitempty"`
	Version        ServiceVersion `json:"version"`
}

// ServiceVersion is what moves with every update: tasks go from From to Desired since Changed.
type ServiceVersion struct {
	From     int32
	Changed  time.Time
	Deployed int        // counts deployments
	Limited  *time.Time `json:",omitempty"` // when the limits of deployments were changed last
	Rollout  *Rollout   `json:",omitempty"` // under way, or failed and not looked at since
}

func ecsOperations() map[string]operation {
	return byName(append(ecsTaskOperations(),
		handle(reads, "Clusters Include", func(*ecs.DescribeClustersInput) about { return about{} }, describeClusters),
		handle(reads, "Cluster Services Include", func(in *ecs.DescribeServicesInput) about {
			if len(in.Services) != 1 {
				return about{}
			}
			return about{serviceKey(in.Cluster, &in.Services[0]), ""}
		}, describeServices),
		handle(writes, "Cluster Service DesiredCount TaskDefinition ForceNewDeployment DeploymentConfiguration", func(in *ecs.UpdateServiceInput) about {
			return about{serviceKey(in.Cluster, in.Service), ""}
		}, updateService),
	)...)
}

func clusterName(name *string) string { return orElse(lastPart(val(name)), "default") }

func serviceKey(cluster, service *string) string {
	return serviceKind + "/" + clusterName(cluster) + "/" + lastPart(val(service))
}

func (c *call) cluster(name *string) (cluster, error) {
	cl, ok, err := get[cluster](c, c.local(clusterKind+"/"+clusterName(name)))
	if err == nil && (!ok || cl.Region != c.region) {
		err = fail(http.StatusBadRequest, &types.ClusterNotFoundException{Message: ptr("Cluster not found.")})
	}
	return cl, err
}

func describeClusters(c *call, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	names := in.Clusters
	if len(names) == 0 {
		names = []string{"default"}
	}
	out := &ecs.DescribeClustersOutput{}
	for _, name := range names {
		cl, err := c.cluster(&name)
		if isCode(err, "ClusterNotFoundException") {
			out.Failures = append(out.Failures, types.Failure{Arn: ptr(c.missingARN("cluster/" + clusterName(&name))), Reason: ptr("MISSING")})
			continue
		}
		if err != nil {
			return nil, err
		}
		services, err := listLocal[Service](c, serviceKind, cl.Name+"/")
		if err != nil {
			return nil, err
		}
		shown := types.Cluster{ClusterName: ptr(cl.Name), ClusterArn: ptr(cl.ARN), Status: ptr("ACTIVE"), ActiveServicesCount: *count(services)}
		for _, s := range services {
			running, err := c.running(s)
			if err != nil {
				return nil, err
			}
			shown.RunningTasksCount += running
			shown.PendingTasksCount += max(0, s.Desired-running)
		}
		out.Clusters = append(out.Clusters, shown)
	}
	return out, nil
}

// missingARN is the ARN that AWS names when it does not find something.
func (c *call) missingARN(resource string) string {
	account := ""
	if set, err := c.settings(); err == nil {
		account = set.Account
	}
	return arn("ecs", c.region, account, resource)
}

func describeServices(c *call, in *ecs.DescribeServicesInput) (*ecs.DescribeServicesOutput, error) {
	cl, err := c.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	if len(in.Services) == 0 || len(in.Services) > 10 {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("Services must have 1 to 10 entries.")})
	}
	out := &ecs.DescribeServicesOutput{}
	for _, name := range in.Services {
		s, ok, err := c.service(c.local(serviceKey(in.Cluster, &name)))
		if err != nil {
			return nil, err
		}
		if !ok {
			out.Failures = append(out.Failures, types.Failure{Arn: ptr(c.missingARN("service/" + cl.Name + "/" + lastPart(name))), Reason: ptr("MISSING")})
			continue
		}
		shown, err := c.showService(cl, s)
		if err != nil {
			return nil, err
		}
		if slices.Contains(in.Include, types.ServiceFieldTags) {
			shown.Tags = s.Tags
		}
		out.Services = append(out.Services, shown)
	}
	return out, nil
}

// running is how many tasks run now: tasks start and stop one after another.
func (c *call) running(s Service) (int32, error) {
	takes := startTime
	if s.Desired < s.Version.From {
		takes = stopTime
	}
	done, err := c.elapsed(s.Version.Changed, takes)
	moved := math.Trunc(float64(s.Desired-s.Version.From) * done)
	return s.Version.From + int32(moved), err
}

func (c *call) showService(cl cluster, s Service) (types.Service, error) {
	running, err := c.running(s)
	pending := max(0, s.Desired-running)
	event := "(service " + s.Name + ") has reached a steady state."
	if running != s.Desired || s.Version.Rollout != nil {
		event = fmt.Sprintf("(service %s) is moving to %d tasks of %s.", s.Name, s.Desired, lastPart(s.TaskDefinition))
	}
	if err != nil {
		return types.Service{}, err
	}
	deployments, err := c.showDeployments(s, running, pending)
	return types.Service{
		ServiceName: ptr(s.Name), ServiceArn: ptr(s.ARN), ClusterArn: ptr(cl.ARN), Status: ptr("ACTIVE"), TaskDefinition: ptr(s.TaskDefinition),
		DesiredCount: s.Desired, RunningCount: running, PendingCount: pending, LaunchType: types.LaunchTypeFargate,
		SchedulingStrategy: types.SchedulingStrategyReplica, CreatedAt: ptr(s.Created), DeploymentConfiguration: s.limits(), Deployments: deployments,
		Events: []types.ServiceEvent{{Id: ptr(fmt.Sprintf("ecs-svc/%019d", s.Version.Deployed)), CreatedAt: ptr(s.Version.Changed), Message: ptr(event)}},
	}, err
}

// updateService changes the desired count and the task definition. Nothing to change is a success without effect.
func updateService(c *call, in *ecs.UpdateServiceInput) (*ecs.UpdateServiceOutput, error) {
	cl, err := c.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	s, ok, err := c.service(c.local(serviceKey(in.Cluster, in.Service)))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusBadRequest, &types.ServiceNotFoundException{Message: ptr("Service not found.")})
	}
	changed := in.ForceNewDeployment
	var other *definition
	if name := val(in.TaskDefinition); name != "" && name != lastPart(s.TaskDefinition) && name != s.TaskDefinition {
		d, known, err := c.definition(&name)
		if err != nil {
			return nil, err
		}
		if !known {
			return nil, fail(http.StatusBadRequest, &types.ClientException{Message: ptr("TaskDefinition not found.")})
		}
		if d.ARN != s.TaskDefinition {
			other = &d
		}
	}
	running, err := c.running(s)
	if err != nil {
		return nil, err
	}
	if in.DesiredCount != nil && *in.DesiredCount != s.Desired {
		if *in.DesiredCount < 0 {
			return nil, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("desiredCount cannot be less than 0.")})
		}
		s.Desired, changed = *in.DesiredCount, true
	}
	limited, err := s.limit(in.DeploymentConfiguration)
	if err != nil {
		return nil, err
	}
	if changed {
		s.Version = ServiceVersion{From: running, Changed: c.at, Deployed: s.Version.Deployed + 1, Limited: s.Version.Limited, Rollout: s.Version.Rollout}
	}
	if limited {
		s.Version.Limited = ptr(c.at)
	}
	if changed || limited {
		if err := c.put(c.local(serviceKey(in.Cluster, in.Service)), s); err != nil {
			return nil, err
		}
	}
	if other != nil {
		if err := c.deploy(c.local(serviceKey(in.Cluster, in.Service)), s, *other); err != nil {
			return nil, err
		}
		if s, _, err = c.service(c.local(serviceKey(in.Cluster, in.Service))); err != nil {
			return nil, err
		}
	}
	shown, err := c.showService(cl, s)
	return &ecs.UpdateServiceOutput{Service: &shown}, err
}

func arn(service, region, account, resource string) string {
	return "arn:aws:" + service + ":" + region + ":" + account + ":" + resource
}

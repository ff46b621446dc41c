package sandbox

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	definitionKind = "ecs:task-definition"
	taskTokenKind  = "sandbox:ecs-token" //nolint:gosec // an idempotency token, no credential
)

// definition is a revision of a task definition with one container.
type definition struct {
	Family        string
	Revision      int
	ARN           string // with the revision
	Region        string
	Container     string
	Image         string `json:",omitempty"` // "" in those of loads, whose image nobody asks for
	TaskRole      string
	ExecutionRole string
	Environment   map[string]string `json:",omitempty"` // that a pipeline has set
}

// usedToken is what a client token of RunTask was used for.
type usedToken struct {
	Request string // fingerprint
	Task    string // ID
}

// definition finds what a family, family:revision or ARN names.
func (c *call) definition(name *string) (definition, bool, error) {
	family, revision, _ := strings.Cut(lastPart(val(name)), ":")
	if n, err := strconv.Atoi(revision); err == nil {
		if d, ok, err := get[definition](c, c.local(revisionKey(family, n))); err != nil || ok {
			return d, ok && d.Region == c.region, err
		}
	}
	d, ok, err := get[definition](c, c.local(definitionKind+"/"+family))
	return d, ok && d.Region == c.region && (revision == "" || revision == strconv.Itoa(d.Revision)), err
}

func describeTaskDefinition(c *call, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	d, ok, err := c.definition(in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusBadRequest, &types.ClientException{Message: ptr("Unable to describe task definition.")})
	}
	return &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &types.TaskDefinition{
		Family: ptr(d.Family), Revision: int32(d.Revision), TaskDefinitionArn: ptr(d.ARN), Status: types.TaskDefinitionStatusActive,
		NetworkMode: types.NetworkModeAwsvpc, RequiresCompatibilities: []types.Compatibility{types.CompatibilityFargate},
		Compatibilities: []types.Compatibility{types.CompatibilityEc2, types.CompatibilityFargate}, Cpu: ptr("1024"), Memory: ptr("2048"),
		TaskRoleArn: ptr(d.TaskRole), ExecutionRoleArn: ptr(d.ExecutionRole),
		ContainerDefinitions: []types.ContainerDefinition{{Name: ptr(d.Container), Image: ptr(orElse(d.Image, "tejun")), Essential: ptr(true), Environment: d.environment()}},
	}}, nil
}

var (
	startedByForm   = regexp.MustCompile(`^[A-Za-z0-9_/-]{0,128}$`)
	clientTokenForm = regexp.MustCompile(`^[\x21-\x7e]{0,64}$`)
)

// checkRunTask refuses what AWS refuses.
func checkRunTask(in *ecs.RunTaskInput, d definition) error {
	switch {
	case in.LaunchType != types.LaunchTypeFargate:
		return fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox runs tasks on Fargate only: give LaunchType FARGATE"))
	case in.NetworkConfiguration == nil || in.NetworkConfiguration.AwsvpcConfiguration == nil:
		return invalidECS("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
	case len(in.NetworkConfiguration.AwsvpcConfiguration.Subnets) == 0:
		return invalidECS("subnets can not be empty.")
	case !startedByForm.MatchString(val(in.StartedBy)):
		return invalidECS("startedBy must be at most 128 letters, numbers, hyphens, slashes and underscores.")
	case !clientTokenForm.MatchString(val(in.ClientToken)):
		return invalidECS("clientToken must be at most 64 printable characters.")
	case in.Overrides == nil || len(in.Overrides.ContainerOverrides) != 1:
		return fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox runs tasks of one container, whose command is overridden"))
	case val(in.Overrides.ContainerOverrides[0].Name) != d.Container:
		return invalidECS("Override for container named " + val(in.Overrides.ContainerOverrides[0].Name) + " is not a container in the TaskDefinition.")
	}
	return nil
}

// runTask starts one task. The same client token with the same input again finds the task that it started, whatever has become
// of it; with another input it is a conflict.
func runTask(c *call, in *ecs.RunTaskInput) (*ecs.RunTaskOutput, error) {
	cl, err := c.cluster(in.Cluster)
	if err != nil {
		return nil, err
	}
	d, ok, err := c.definition(in.TaskDefinition)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, invalidECS("TaskDefinition not found.")
	}
	if err := checkRunTask(in, d); err != nil {
		return nil, err
	}
	t, found, err := c.taskOf(cl, in)
	if err != nil {
		return nil, err
	}
	if !found {
		if c.crowded {
			return &ecs.RunTaskOutput{Failures: []types.Failure{{
				Arn: ptr(cl.ARN), Reason: ptr("Capacity is unavailable at this time. Please try again later or in a different availability zone"),
			}}}, nil
		}
		if t, err = c.newTask(cl, d, in); err != nil {
			return nil, err
		}
	}
	c.resource = taskKey(&cl.Name, &t.ID)
	shown, err := t.show(c)
	return &ecs.RunTaskOutput{Tasks: []types.Task{shown}}, err
}

func tokenKey(cl cluster, in *ecs.RunTaskInput) string {
	return taskTokenKind + "/" + cl.Name + "/" + val(in.ClientToken)
}

func fingerprintOf(in *ecs.RunTaskInput) (string, error) {
	body, err := json.Marshal(in) //nolint:gosec // the token is an idempotency token, no secret
	return hashID("", string(body)), err
}

// taskOf finds the task that the request's token has started already.
func (c *call) taskOf(cl cluster, in *ecs.RunTaskInput) (Task, bool, error) {
	used, replay, err := get[usedToken](c, tokenKey(cl, in))
	if err != nil || !replay {
		return Task{}, false, err
	}
	t, _, err := get[Task](c, taskKey(&cl.Name, &used.Task))
	if err != nil {
		return Task{}, false, err
	}
	fingerprint, err := fingerprintOf(in)
	if err == nil && used.Request != fingerprint {
		err = fail(http.StatusBadRequest, &types.ConflictException{
			Message: ptr("The provided clientToken is already in use with a different RunTask request."), ResourceIds: []string{t.ARN},
		})
	}
	return t, true, err
}

func (c *call) newTask(cl cluster, d definition, in *ecs.RunTaskInput) (Task, error) {
	set, err := c.settings()
	if err != nil {
		return Task{}, err
	}
	fingerprint, err := fingerprintOf(in)
	if err != nil {
		return Task{}, err
	}
	override := in.Overrides.ContainerOverrides[0]
	id := strings.ToLower(hashID("", tokenKey(cl, in)+fingerprint+c.at.String()))
	t := Task{
		ID: id, ARN: arn("ecs", c.region, set.Account, "task/"+cl.Name+"/"+id), Cluster: cl.Name, ClusterARN: cl.ARN, Region: c.region, Definition: d.ARN,
		Container: val(override.Name), Command: slices.Clone(override.Command), StartedBy: val(in.StartedBy), Tags: in.Tags, Created: c.at, Real: set.RealTasks,
	}
	if err := c.put(taskKey(&cl.Name, &id), t); err != nil {
		return Task{}, err
	}
	return t, c.put(tokenKey(cl, in), usedToken{fingerprint, id})
}

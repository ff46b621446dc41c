package preflight

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"tejun/internal/system"
)

// loadTask: the task definition in which loads run is there, for Fargate, and has the container. The roles that it hands to its
// task are noted: whoever starts the task must be allowed to pass them.
func (c *checker) loadTask(ctx context.Context) {
	const area = "ecs"
	task := c.sys.Loads.Task
	if task == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	client := ecs.NewFromConfig(c.cfg)
	clusters, err := client.DescribeClusters(ctx, &ecs.DescribeClustersInput{Clusters: []string{task.Cluster}})
	switch {
	case err != nil:
		c.failed(err, area, task.Cluster, "ecs:DescribeClusters")
	case len(clusters.Clusters) == 0 || aws.ToString(clusters.Clusters[0].Status) != "ACTIVE":
		c.bad(Missing, area, task.Cluster, "there is no active cluster of this name", "create it, or mend loads.task.cluster")
	}
	out, err := client.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &task.TaskDefinition})
	var none *types.ClientException // how ECS says that there is none
	if errors.As(err, &none) {
		c.bad(Missing, area, task.TaskDefinition, "there is no such task definition: "+none.ErrorMessage(), "register it, or mend loads.task.taskDefinition")
		return
	}
	if err != nil {
		c.failed(err, area, task.TaskDefinition, "ecs:DescribeTaskDefinition")
		return
	}
	d := out.TaskDefinition
	for _, role := range []*string{d.TaskRoleArn, d.ExecutionRoleArn} {
		if arn := aws.ToString(role); arn != "" && !slices.Contains(c.passed, arn) {
			c.passed = append(c.passed, arn)
		}
	}
	const mend = "register a revision that has it, or mend loads.task"
	containers := []string{}
	for _, v := range d.ContainerDefinitions {
		containers = append(containers, aws.ToString(v.Name))
	}
	switch {
	case d.Status != types.TaskDefinitionStatusActive:
		c.bad(Wrong, area, task.TaskDefinition, fmt.Sprintf("the task definition is %s, not ACTIVE", d.Status), "register it anew, or mend loads.task.taskDefinition")
	case !slices.Contains(d.Compatibilities, types.CompatibilityFargate):
		c.bad(Wrong, area, task.TaskDefinition, "the task definition is not for Fargate", mend)
	case !slices.Contains(containers, task.Container):
		c.bad(Wrong, area, task.TaskDefinition, fmt.Sprintf("the task definition has no container %s, only %s", task.Container, strings.Join(containers, ", ")), mend)
	case aws.ToString(d.TaskRoleArn) == "":
		c.bad(Wrong, area, task.TaskDefinition, "the task definition has no task role, so the task could read no file", mend)
	default:
		c.ok(area, task.TaskDefinition)
	}
}

// taskGrants are what the worker needs to run the task of a load.
func taskGrants(sys *system.System) []grant {
	task := sys.Loads.Task
	if task == nil {
		return nil
	}
	family, _, _ := strings.Cut(task.TaskDefinition[strings.LastIndex(task.TaskDefinition, "/")+1:], ":")
	arn := func(rest string) string {
		return fmt.Sprintf("arn:aws:ecs:%s:%s:%s", sys.AWS.Region, sys.AWS.Account, rest)
	}
	tasks := arn("task/" + task.Cluster + "/*")
	return []grant{
		{[]string{"ecs:RunTask"}, []string{arn("task-definition/" + family + ":*")}},
		{[]string{"ecs:DescribeTasks", "ecs:StopTask", "ecs:TagResource"}, []string{tasks}},
		{[]string{"ecs:ListTasks"}, []string{"*"}}, // it knows container instances alone
	}
}

package system

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// withTask is the example with its task no longer commented out, and with texts replaced.
func withTask(t *testing.T, replace ...string) string {
	t.Helper()
	data, err := os.ReadFile(examplePath)
	require.NoError(t, err)
	before, rest, found := strings.Cut(string(data), "  # task:\n")
	require.True(t, found, "the example shows a task")
	task, after, found := strings.Cut(rest, "\n\n")
	require.True(t, found)
	task = strings.ReplaceAll("  task:\n"+task, "  #   ", "    ")
	return before + strings.NewReplacer(replace...).Replace(task) + "\n\n" + after
}

func TestTheExamplesLoadTaskIsValid(t *testing.T) {
	require.Nil(t, example(t).Loads.Task, "it is commented out")
	s, err := Parse("system.yaml", []byte(withTask(t)))
	require.NoError(t, err)
	require.Equal(t, &LoadTask{
		Cluster: "gzs-infra", TaskDefinition: "gzs-tejun-load", Container: "worker",
		Subnets: []string{"subnet-0a1b2c3d4e5f60718", "subnet-0b1c2d3e4f5061728"}, SecurityGroups: []string{"sg-0c1d2e3f405162738"},
	}, s.Loads.Task)
	for _, definition := range []string{"gzs-tejun-load:7", "arn:aws:ecs:ap-northeast-1:123456789012:task-definition/gzs-tejun-load:7"} {
		_, err := Parse("system.yaml", []byte(withTask(t, "gzs-tejun-load ", definition+" ")))
		require.NoError(t, err, definition)
	}
}

func TestWrongLoadTasksAreRefusedWhereTheyAreWrong(t *testing.T) {
	const subnets = "[subnet-0a1b2c3d4e5f60718, subnet-0b1c2d3e4f5061728]"
	for name, tc := range map[string]struct{ from, to, path, says string }{
		"unknown key":         {"container:", "containr:", "loads.task.containr", "do you mean container?"},
		"no cluster":          {"cluster: gzs-infra", "cluster: \"\"", "loads.task.cluster", "is empty"},
		"revision 0":          {"gzs-tejun-load ", "gzs-tejun-load:0 ", "loads.task.taskDefinition", "family, family:revision or ARN"},
		"ARN of a task":       {"gzs-tejun-load ", "arn:aws:ecs:ap-northeast-1:123456789012:task/x ", "loads.task.taskDefinition", "family, family:revision or ARN"},
		"container":           {"container: worker", "container: my worker", "loads.task.container", "name of the container"},
		"no subnet":           {subnets, "[]", "loads.task.subnets", "at least one subnet"},
		"no ID of a subnet":   {subnets, "[private-a]", "loads.task.subnets[0]", "ID of a subnet"},
		"subnet twice":        {subnets, "[subnet-0a1b2c3d4e5f60718, subnet-0a1b2c3d4e5f60718]", "loads.task.subnets[1]", "already"},
		"no group":            {"[sg-0c1d2e3f405162738]", "[]", "loads.task.securityGroups", "at least one security group"},
		"too many groups":     {"[sg-0c1d2e3f405162738]", "[sg-00000001, sg-00000002, sg-00000003, sg-00000004, sg-00000005, sg-00000006]", "loads.task.securityGroups", "at most 5"},
		"text for true/false": {"container: worker", "container: worker\n    assignPublicIp: yes", "loads.task.assignPublicIp", "want true or false"},
	} {
		t.Run(name, func(t *testing.T) {
			var found []string
			for _, p := range problemsOf(t, withTask(t, tc.from, tc.to)) {
				found = append(found, p.Path+": "+p.Reason)
				if p.Path == tc.path {
					assert.Contains(t, p.Reason, tc.says)
				}
			}
			assert.Contains(t, strings.Join(found, "\n"), tc.path+": ")
		})
	}
}

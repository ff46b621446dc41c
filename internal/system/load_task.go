package system

import (
	"regexp"

	"tejun/internal/strictyaml"
)

// LoadTask names the Fargate task in which the heavy part of data loads runs, away from the worker. It enters the history.
type LoadTask struct {
	Cluster        string   `yaml:"cluster" json:"cluster"`               // name of the ECS cluster
	TaskDefinition string   `yaml:"taskDefinition" json:"taskDefinition"` // family, family:revision or ARN
	Container      string   `yaml:"container" json:"container"`           // that runs `worker`; its command is replaced
	Subnets        []string `yaml:"subnets" json:"subnets"`
	SecurityGroups []string `yaml:"securityGroups" json:"securityGroups"` // that let it reach Temporal and the databases
	AssignPublicIP bool     `yaml:"assignPublicIp" json:"assignPublicIp"` // only in subnets without a NAT gateway or endpoints
}

// AWS takes at most so many of them for one task.
const (
	mostSubnets        = 16
	mostSecurityGroups = 5
)

var (
	definitionForm    = regexp.MustCompile(`^(arn:aws[a-z-]*:ecs:[a-z0-9-]+:[0-9]{12}:task-definition/)?[A-Za-z0-9_-]{1,255}(:[1-9][0-9]*)?$`)
	subnetForm        = regexp.MustCompile(`^subnet-[0-9a-f]{8,17}$`)
	securityGroupForm = regexp.MustCompile(`^sg-[0-9a-f]{8,17}$`)
)

func (r *report) validateLoadTask(v *LoadTask) {
	if v == nil {
		return
	}
	const at = "loads.task"
	r.Form(at+".cluster", v.Cluster, ecsForm, "the name of an ECS cluster")
	r.Form(at+".taskDefinition", v.TaskDefinition, definitionForm, "a task definition: family, family:revision or ARN")
	r.Form(at+".container", v.Container, ecsForm, "the name of the container of the task definition that runs `worker`")
	r.each(at+".subnets", v.Subnets, subnetForm, mostSubnets, "subnet")
	r.each(at+".securityGroups", v.SecurityGroups, securityGroupForm, mostSecurityGroups, "security group")
}

// each checks a list of IDs that must have at least one.
func (r *report) each(path string, ids []string, form *regexp.Regexp, most int, what string) {
	r.Some(path, len(ids), "name at least one "+what)
	if len(ids) > most {
		r.Add(path, "has %d entries: a task takes at most %d", len(ids), most)
	}
	for i, id := range ids {
		r.Form(strictyaml.Index(path, i), id, form, "the ID of a "+what)
	}
	strictyaml.Unique(r.Report, path, ids, what, func(id string) (string, string) { return id, "" })
}

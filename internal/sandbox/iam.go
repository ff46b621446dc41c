package sandbox

import (
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

const roleKind = "iam:role"

type role struct {
	Name    string
	ARN     string
	Created time.Time
	Allow   []string // actions, with * as in IAM policies
}

// iamPrefix is how IAM actions call services that the SDK calls otherwise.
var iamPrefix = map[string]string{"ses": "sesv2", "logs": "cloudwatch logs", "config": "config service", "route53": "route 53"}

func iamOperations() map[string]operation {
	return byName(
		handle(reads, "RoleName", func(in *iam.GetRoleInput) about { return about{roleKind + "/" + val(in.RoleName), ""} }, getRole),
		handle(reads, "ActionNames PolicySourceArn ResourceArns Marker MaxItems", func(in *iam.SimulatePrincipalPolicyInput) about {
			return about{roleKind + "/" + lastPart(val(in.PolicySourceArn)), ""}
		}, simulatePrincipalPolicy),
	)
}

func noSuchRole(name string) error {
	return fail(http.StatusNotFound, &types.NoSuchEntityException{Message: ptr("The role with name " + name + " cannot be found.")})
}

func getRole(c *call, in *iam.GetRoleInput) (*iam.GetRoleOutput, error) {
	r, ok, err := get[role](c, roleKind+"/"+val(in.RoleName))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, noSuchRole(val(in.RoleName))
	}
	return &iam.GetRoleOutput{Role: &types.Role{
		RoleName: ptr(r.Name), Arn: ptr(r.ARN), CreateDate: ptr(r.Created), Path: ptr("/"), RoleId: ptr("AROASANDBOXSANDBOX000"), MaxSessionDuration: ptr(int32(3600)),
	}}, nil
}

var roleARN = regexp.MustCompile(`^arn:aws:iam::[0-9]{12}:role/[^/]+$`)

// simulatePrincipalPolicy tells what the role's policy allows. An action that a standing `denied` fault hits is denied, so
// that a preflight finds missing permissions before a run does.
func simulatePrincipalPolicy(c *call, in *iam.SimulatePrincipalPolicyInput) (*iam.SimulatePrincipalPolicyOutput, error) {
	source := val(in.PolicySourceArn)
	if !roleARN.MatchString(source) {
		return nil, fail(http.StatusBadRequest, &types.InvalidInputException{Message: ptr("Invalid Entity Arn: " + source + ". Name the IAM role, not its session.")})
	}
	r, ok, err := get[role](c, roleKind+"/"+lastPart(source))
	if err != nil {
		return nil, err
	}
	if !ok || r.ARN != source {
		return nil, noSuchRole(lastPart(source))
	}
	faults, err := list[Fault](c, faultKind)
	if err != nil {
		return nil, err
	}
	resources := in.ResourceArns
	if len(resources) == 0 {
		resources = []string{"*"}
	}
	var results []types.EvaluationResult
	for _, action := range in.ActionNames {
		decision := types.PolicyEvaluationDecisionTypeImplicitDeny
		if allows(r.Allow, action) {
			decision = types.PolicyEvaluationDecisionTypeAllowed
		}
		if denies(faults, action) {
			decision = types.PolicyEvaluationDecisionTypeExplicitDeny
		}
		for _, resource := range resources {
			results = append(results, types.EvaluationResult{EvalActionName: ptr(action), EvalResourceName: ptr(resource), EvalDecision: decision})
		}
	}
	items, next, err := page(results, val(in.Marker), int(val(in.MaxItems)), 1000, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidInputException{Message: ptr(words)})
	})
	return &iam.SimulatePrincipalPolicyOutput{EvaluationResults: items, IsTruncated: next != "", Marker: ptrUnlessEmpty(next)}, err
}

func allows(patterns []string, action string) bool {
	for _, p := range patterns {
		prefix, wild := strings.CutSuffix(p, "*")
		if strings.EqualFold(p, action) || wild && len(action) >= len(prefix) && strings.EqualFold(action[:len(prefix)], prefix) {
			return true
		}
	}
	return false
}

func denies(faults []Fault, action string) bool {
	service, name, _ := strings.Cut(action, ":")
	service = strings.ToLower(orElse(iamPrefix[strings.ToLower(service)], service))
	for _, f := range faults {
		if f.Kind == FaultDenied && (f.Service == "" || f.Service == service) && (f.Operation == "" || strings.EqualFold(f.Operation, name)) && f.Resource == "" {
			return true
		}
	}
	return false
}

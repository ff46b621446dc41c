package preflight

import (
	"errors"
	"strings"

	"github.com/aws/smithy-go"
)

// failed reports a call that did not succeed: the object is missing, the call is denied, or nothing is known.
func (c *checker) failed(err error, area, resource, action string) {
	var api smithy.APIError
	if !errors.As(err, &api) {
		c.bad(Unknown, area, resource, "AWS could not be asked: "+err.Error(), "check the network and the credentials")
		return
	}
	code := api.ErrorCode()
	switch {
	case isMissing(code):
		c.bad(Missing, area, resource, "AWS does not have it", "create it, or mend its name in system.yaml")
	case isDenied(code):
		c.bad(Denied, area, resource, "the caller may not look at it ("+code+")", "allow "+action)
	default:
		c.bad(Unknown, area, resource, "AWS answered "+code+": "+api.ErrorMessage(), "see the message; if it is about load, try again")
	}
}

func isMissing(code string) bool {
	switch code {
	case "PipelineNotFoundException", "RepositoryNotFoundException", "NoSuchHostedZone", "GlobalClusterNotFoundFault":
		return true
	case "NoSuchDistribution", "NoSuchBucket", "NotFound", "WAFNonexistentItemException", "ClusterNotFoundException",
		"ServiceNotFoundException", "DBClusterNotFoundFault", "ResourceNotFoundException", "NotFoundException",
		"NoSuchEntity", "NoSuchEntityException", "ParameterNotFound", "NoSuchConfigRuleException":
		return true
	}
	return false
}

func isDenied(code string) bool {
	return strings.HasPrefix(code, "AccessDenied") || code == "UnauthorizedOperation" || code == "Forbidden" ||
		code == "NotAuthorized" || code == "WAFAccessDeniedException"
}

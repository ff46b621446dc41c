package sandbox

import (
	"net/http"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// limits are how far a deployment may go below and above the desired count.
func (s *Service) limits() *types.DeploymentConfiguration {
	shown := &types.DeploymentConfiguration{
		MinimumHealthyPercent: ptr(int32(100)), MaximumPercent: ptr(int32(200)), Strategy: types.DeploymentStrategyRolling,
		DeploymentCircuitBreaker: &types.DeploymentCircuitBreaker{},
	}
	if s.MinHealthy != nil {
		shown.MinimumHealthyPercent = s.MinHealthy
	}
	if s.MaxPercent != nil {
		shown.MaximumPercent = s.MaxPercent
	}
	return shown
}

// limit sets them, and says whether they changed. To change them starts no deployment.
func (s *Service) limit(to *types.DeploymentConfiguration) (changed bool, err error) {
	if to == nil {
		return false, nil
	}
	before := s.limits()
	switch {
	case to.Alarms != nil, to.BakeTimeInMinutes != nil, to.LifecycleHooks != nil, to.Strategy != "" && to.Strategy != types.DeploymentStrategyRolling,
		to.DeploymentCircuitBreaker != nil && *to.DeploymentCircuitBreaker != (types.DeploymentCircuitBreaker{}):
		return false, fail(http.StatusBadRequest, generic("SandboxNotModelled", "the sandbox models the percentages of a deployment configuration only"))
	case val(to.MinimumHealthyPercent) < 0 || to.MinimumHealthyPercent != nil && to.MaximumPercent != nil && *to.MaximumPercent <= *to.MinimumHealthyPercent && *to.MaximumPercent <= 100:
		return false, fail(http.StatusBadRequest, &types.InvalidParameterException{Message: ptr("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")})
	}
	if to.MinimumHealthyPercent != nil {
		s.MinHealthy = to.MinimumHealthyPercent
	}
	if to.MaximumPercent != nil {
		s.MaxPercent = to.MaximumPercent
	}
	after := s.limits()
	return *before.MinimumHealthyPercent != *after.MinimumHealthyPercent || *before.MaximumPercent != *after.MaximumPercent, nil
}

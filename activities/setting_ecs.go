package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"tejun/internal/system"
)

// serviceSettings is what a change may alter of a service, and what must stay as it is meanwhile. The deployment configuration
// is written as a whole: what is left out of it would get its default.
type serviceSettings struct {
	DesiredCount   int32                          `json:"desiredCount"`
	TaskDefinition string                         `json:"taskDefinition"`
	Deployment     *types.DeploymentConfiguration `json:"deployment"`
}

// serviceValue is the setting, as system.yaml and requests have it.
type serviceValue struct {
	DesiredCount          int32 `json:"desiredCount"`
	MinimumHealthyPercent int32 `json:"minimumHealthyPercent"`
	MaximumPercent        int32 `json:"maximumPercent"`
}

func (a *Settings) service(in system.SettingResolved) changeable {
	ref := ServiceRef{Cluster: in.Cluster, Service: in.Resource}
	return newSetting(a, in, fmt.Sprintf("ECS サービス %s/%s: タスク数とデプロイ設定を変更", in.Cluster, in.Resource),
		func(s serviceSettings) any {
			return serviceValue{s.DesiredCount, aws.ToInt32(s.Deployment.MinimumHealthyPercent), aws.ToInt32(s.Deployment.MaximumPercent)}
		},
		func(s *serviceSettings, to json.RawMessage) error {
			var v serviceValue
			if err := json.Unmarshal(to, &v); err != nil {
				return err
			}
			s.DesiredCount, s.Deployment.MinimumHealthyPercent, s.Deployment.MaximumPercent = v.DesiredCount, &v.MinimumHealthyPercent, &v.MaximumPercent
			return nil
		},
		func(ctx context.Context) (serviceSettings, string, error) {
			s, err := (&ECS{client: a.ecs}).describe(ctx, ref)
			if err != nil {
				return serviceSettings{}, "", err
			}
			if s.DeploymentConfiguration == nil {
				return serviceSettings{}, "", fail(Refused, "the service %s/%s has no deployment configuration to change: it is deployed by something else than ECS", in.Cluster, in.Resource)
			}
			return serviceSettings{s.DesiredCount, aws.ToString(s.TaskDefinition), s.DeploymentConfiguration}, "", nil
		},
		// UpdateService has no precondition; the fence before it keeps old attempts out.
		func(ctx context.Context, s serviceSettings, _ string) error {
			_, err := a.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{
				Cluster: &in.Cluster, Service: &in.Resource, DesiredCount: &s.DesiredCount, DeploymentConfiguration: s.Deployment,
			})
			return Classify(err, "change the service "+in.Cluster+"/"+in.Resource)
		}, nil)
}

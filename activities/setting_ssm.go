package activities

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"tejun/internal/system"
)

// parameterState is a parameter as PutParameter takes it: what is left out of a new version is not carried over from the last.
type parameterState struct {
	Value          string              `json:"value"`
	Type           types.ParameterType `json:"type"`
	DataType       *string             `json:"dataType"`
	Description    *string             `json:"description"`
	AllowedPattern *string             `json:"allowedPattern"`
	Tier           types.ParameterTier `json:"tier"`
}

// parameter is an SSM parameter. A SecureString is refused: its value would stand in plans, histories and evidence.
func (a *Settings) parameter(in system.SettingResolved) changeable {
	return newSetting(a, in, fmt.Sprintf("SSM パラメータ %s: 値を変更", in.Resource),
		func(s parameterState) any { return s.Value },
		func(s *parameterState, to json.RawMessage) error { return json.Unmarshal(to, &s.Value) },
		func(ctx context.Context) (parameterState, string, error) {
			s, err := a.readParameter(ctx, in.Resource)
			return s, "", err
		},
		// There is no precondition; the fence before it keeps old attempts out.
		func(ctx context.Context, s parameterState, _ string) error {
			_, err := a.ssm.PutParameter(ctx, &ssm.PutParameterInput{
				Name: &in.Resource, Value: &s.Value, Overwrite: aws.Bool(true), Type: s.Type, DataType: s.DataType, Description: s.Description,
				AllowedPattern: s.AllowedPattern, Tier: s.Tier,
			})
			return Classify(err, "change the parameter "+in.Resource)
		}, nil)
}

func (a *Settings) readParameter(ctx context.Context, name string) (parameterState, error) {
	doing := "read the parameter " + name
	out, err := a.ssm.GetParameter(ctx, &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(false)})
	if err != nil {
		return parameterState{}, Classify(err, doing)
	}
	p := out.Parameter
	if p.Type == types.ParameterTypeSecureString {
		return parameterState{}, fail(Refused, "the parameter %s is a SecureString, and its value must stand in no plan and no history: change secrets where they are kept, not by this runbook", name)
	}
	pages := ssm.NewGetParameterHistoryPaginator(a.ssm, &ssm.GetParameterHistoryInput{Name: &name, WithDecryption: aws.Bool(false)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return parameterState{}, Classify(err, doing)
		}
		for _, v := range page.Parameters {
			if v.Version != p.Version {
				continue
			}
			if len(v.Policies) > 0 {
				return parameterState{}, fail(Refused, "the parameter %s has policies (expiration or notification), which a new version would lose: change it by hand", name)
			}
			return parameterState{
				Value: aws.ToString(p.Value), Type: p.Type, DataType: p.DataType, Description: v.Description, AllowedPattern: v.AllowedPattern, Tier: v.Tier,
			}, nil
		}
	}
	return parameterState{}, fail(NotYet, "%s: version %d is not in its history yet", doing, p.Version)
}

package sandbox

import (
	"fmt"
	"net/http"
	"regexp"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

const (
	parameterKind = "ssm:parameter"
	mostVersions  = 100 // then the oldest one goes
	standardBytes = 4096
)

// Parameter is an SSM parameter with its versions, the newest last.
type Parameter struct {
	Name    string
	Region  string
	ARN     string
	Value   string
	Type    types.ParameterType
	Version ParameterVersions `json:"version"`
}

// ParameterVersions are what every write adds to.
type ParameterVersions struct{ All []types.ParameterHistory }

func ssmOperations() map[string]operation {
	return byName(
		handle(reads, "Name WithDecryption", func(in *ssm.GetParameterInput) about { return about{parameterKey(in.Name), ""} }, getParameter),
		handle(reads, "Name WithDecryption MaxResults NextToken", func(in *ssm.GetParameterHistoryInput) about { return about{parameterKey(in.Name), ""} }, getParameterHistory),
		handle(writes, "Name Value Type Overwrite AllowedPattern DataType Description KeyId Tier", func(in *ssm.PutParameterInput) about {
			return about{parameterKey(in.Name), ""}
		}, putParameter).showing(func(in any) any {
			shown := *in.(*ssm.PutParameterInput)
			if shown.Type == types.ParameterTypeSecureString {
				shown.Value = ptr("(hidden)")
			}
			return shown
		}),
	)
}

func parameterKey(name *string) string { return parameterKind + "/" + val(name) }

func (c *call) parameter(name *string) (Parameter, error) {
	p, ok, err := get[Parameter](c, parameterKey(name))
	if err == nil && (!ok || p.Region != c.region) {
		err = fail(http.StatusBadRequest, &types.ParameterNotFound{Message: ptr("")})
	}
	return p, err
}

// sealed hides the value of a SecureString that is read without decryption.
func sealed(v types.ParameterHistory, decrypt *bool) types.ParameterHistory {
	if v.Type == types.ParameterTypeSecureString && !val(decrypt) {
		v.Value = ptr(hashID("AQICAH", val(v.Value)))
	}
	return v
}

func getParameter(c *call, in *ssm.GetParameterInput) (*ssm.GetParameterOutput, error) {
	p, err := c.parameter(in.Name)
	if err != nil {
		return nil, err
	}
	v := sealed(p.Version.All[len(p.Version.All)-1], in.WithDecryption)
	return &ssm.GetParameterOutput{Parameter: &types.Parameter{
		Name: ptr(p.Name), ARN: ptr(p.ARN), Type: v.Type, Value: v.Value, Version: v.Version, DataType: v.DataType, LastModifiedDate: v.LastModifiedDate,
	}}, nil
}

func getParameterHistory(c *call, in *ssm.GetParameterHistoryInput) (*ssm.GetParameterHistoryOutput, error) {
	p, err := c.parameter(in.Name)
	if err != nil {
		return nil, err
	}
	items, next, err := page(p.Version.All, val(in.NextToken), int(val(in.MaxResults)), 50, func(words string) error {
		return fail(http.StatusBadRequest, &types.InvalidNextToken{Message: ptr(words)})
	})
	out := &ssm.GetParameterHistoryOutput{NextToken: ptrUnlessEmpty(next)}
	for _, v := range items {
		out.Parameters = append(out.Parameters, sealed(v, in.WithDecryption))
	}
	return out, err
}

// putParameter makes a new version. What is left out is not carried over from the version before, but for the type.
func putParameter(c *call, in *ssm.PutParameterInput) (*ssm.PutParameterOutput, error) {
	p, there, err := get[Parameter](c, parameterKey(in.Name))
	if err != nil {
		return nil, err
	}
	there = there && p.Region == c.region
	v := types.ParameterHistory{
		Name: in.Name, Value: in.Value, Type: in.Type, Description: in.Description, AllowedPattern: in.AllowedPattern, KeyId: in.KeyId,
		Tier: in.Tier, DataType: in.DataType, LastModifiedDate: ptr(c.at), Version: 1,
	}
	switch {
	case there && !val(in.Overwrite):
		return nil, fail(http.StatusBadRequest, &types.ParameterAlreadyExists{Message: ptr("The parameter already exists. To overwrite this value, set the overwrite option in the request to true.")})
	case there:
		last := p.Version.All[len(p.Version.All)-1]
		if v.Type == "" {
			v.Type = last.Type
		}
		if v.Type != last.Type {
			return nil, fail(http.StatusBadRequest, &types.HierarchyTypeMismatchException{Message: ptr("The parameter type cannot be changed from " + string(last.Type))})
		}
		v.Version = last.Version + 1
	default:
		set, err := c.settings()
		if err != nil {
			return nil, err
		}
		p = Parameter{Name: *in.Name, Region: c.region, ARN: arn("ssm", c.region, set.Account, "parameter"+slashed(*in.Name))}
	}
	if err := checkParameter(&v); err != nil {
		return nil, err
	}
	if p.Version.All = append(p.Version.All, v); len(p.Version.All) > mostVersions {
		p.Version.All = p.Version.All[1:]
	}
	p.Value, p.Type = *v.Value, v.Type
	return &ssm.PutParameterOutput{Version: v.Version, Tier: v.Tier}, c.put(parameterKey(in.Name), p)
}

func checkParameter(v *types.ParameterHistory) error {
	if v.Tier == "" {
		v.Tier = types.ParameterTierStandard
	}
	if v.DataType == nil {
		v.DataType = ptr("text")
	}
	switch {
	case v.Type == "":
		return fail(http.StatusBadRequest, generic("ValidationException", "A parameter type is required when you create a parameter."))
	case val(v.Value) == "":
		return fail(http.StatusBadRequest, generic("ValidationException", "1 validation error detected: Value at 'value' failed to satisfy constraint: Member must have length greater than or equal to 1"))
	case v.Tier == types.ParameterTierStandard && len(val(v.Value)) > standardBytes:
		return fail(http.StatusBadRequest, generic("ValidationException", fmt.Sprintf("Standard tier parameters support a maximum parameter value of %d characters.", standardBytes)))
	}
	if pattern := val(v.AllowedPattern); pattern != "" {
		form, err := regexp.Compile(pattern)
		if err != nil {
			return fail(http.StatusBadRequest, &types.InvalidAllowedPatternException{Message: ptr("The request contains an invalid regular expression in the allowed pattern.")})
		}
		if !form.MatchString(*v.Value) {
			return fail(http.StatusBadRequest, &types.ParameterPatternMismatchException{Message: ptr("Parameter value, cannot be validated against allowedPattern: " + pattern)})
		}
	}
	return nil
}

func slashed(name string) string {
	if name != "" && name[0] == '/' {
		return name
	}
	return "/" + name
}

func seedParameter(c *call, account, region, name, value string) error {
	return c.put(parameterKey(&name), Parameter{Name: name, Region: region, ARN: arn("ssm", region, account, "parameter"+slashed(name)), Value: value, Type: types.ParameterTypeString, Version: ParameterVersions{[]types.ParameterHistory{{
		Name: ptr(name), Value: ptr(value), Type: types.ParameterTypeString, Tier: types.ParameterTierStandard, DataType: ptr("text"),
		Description: ptr("Seeded from system.yaml"), LastModifiedDate: ptr(c.at.Add(-24 * time.Hour)), Version: 1,
	}}}})
}

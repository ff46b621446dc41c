package sandbox

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/google/uuid"
)

// codeTime is how long Lambda takes at time scale 1 to have new code ready.
const codeTime = 15 * time.Second

const functionKind = "lambda:function"

// latest is the qualifier of the code that can be changed.
const latest = "$LATEST"

// Function is a Lambda function with all its versions and aliases.
type Function struct {
	Name      string
	ARN       string
	Region    string
	Code      Code
	Published []Code            // version 1 first
	Aliases   map[string]string // version by name
	Version   FunctionVersion   `json:"version"`
}

// Code is what a version of a function runs.
type Code struct {
	SHA256 string // in base64, as Lambda writes it
	Size   int64
}

// FunctionVersion is what moves with every change.
type FunctionVersion struct {
	Revision string            // of $LATEST
	Alias    map[string]string // revisions of the aliases
	Changed  time.Time
}

func lambdaOperations() map[string]operation {
	function := func(name *string) about { return about{functionKind + "/" + lastPart(val(name)), ""} }
	return byName(
		handle(reads, "FunctionName Qualifier", func(in *lambda.GetFunctionConfigurationInput) about { return function(in.FunctionName) }, getFunctionConfiguration),
		handle(reads, "FunctionName Name", func(in *lambda.GetAliasInput) about { return function(in.FunctionName) }, getAlias),
		handle(writes, "FunctionName S3Bucket S3Key S3ObjectVersion RevisionId", func(in *lambda.UpdateFunctionCodeInput) about {
			return about{functionKind + "/" + lastPart(val(in.FunctionName)), val(in.RevisionId)}
		}, updateFunctionCode),
		handle(writes, "FunctionName CodeSha256 RevisionId Description", func(in *lambda.PublishVersionInput) about {
			return about{functionKind + "/" + lastPart(val(in.FunctionName)), val(in.RevisionId)}
		}, publishVersion),
		handle(writes, "FunctionName Name FunctionVersion RevisionId", func(in *lambda.UpdateAliasInput) about {
			return about{functionKind + "/" + lastPart(val(in.FunctionName)), val(in.RevisionId)}
		}, updateAlias),
	)
}

func codeOf(body []byte) Code {
	sum := sha256.Sum256(body)
	return Code{SHA256: base64.StdEncoding.EncodeToString(sum[:]), Size: int64(len(body))}
}

func noSuchLambda(what string) error {
	return fail(http.StatusNotFound, &types.ResourceNotFoundException{Message: ptr(what + " not found")})
}

func (c *call) function(name *string) (Function, error) {
	f, ok, err := get[Function](c, functionKind+"/"+lastPart(val(name)))
	if err == nil && (!ok || f.Region != c.region) {
		err = noSuchLambda("Function " + val(name))
	}
	return f, err
}

// revision is a new one for f.
func (c *call) revision(f Function, of string) string {
	return uuid.NewSHA1(uuid.NameSpaceOID, fmt.Appendf(nil, "%s\x00%s\x00%d", f.ARN, of, c.state.lines)).String()
}

// code is what a qualifier means: a version, an alias, or the code that can be changed.
func (f Function) code(qualifier string) (code Code, version string, err error) {
	if qualifier == "" || qualifier == latest {
		return f.Code, latest, nil
	}
	if target, ok := f.Aliases[qualifier]; ok {
		qualifier = target
	}
	n, err := strconv.Atoi(qualifier)
	if err != nil || n < 1 || n > len(f.Published) {
		return Code{}, "", noSuchLambda("Function " + f.ARN + ":" + qualifier)
	}
	return f.Published[n-1], qualifier, nil
}

func (c *call) ready(f Function) (bool, error) {
	done, err := c.elapsed(f.Version.Changed, codeTime)
	return done == 1, err
}

func (c *call) updateStatus(f Function, version string) (types.LastUpdateStatus, error) {
	ready, err := c.ready(f)
	if version == latest && !ready {
		return types.LastUpdateStatusInProgress, err
	}
	return types.LastUpdateStatusSuccessful, err
}

func getFunctionConfiguration(c *call, in *lambda.GetFunctionConfigurationInput) (*lambda.GetFunctionConfigurationOutput, error) {
	f, err := c.function(in.FunctionName)
	if err != nil {
		return nil, err
	}
	code, version, err := f.code(val(in.Qualifier))
	if err != nil {
		return nil, err
	}
	status, err := c.updateStatus(f, version)
	return &lambda.GetFunctionConfigurationOutput{
		FunctionName: ptr(f.Name), FunctionArn: ptr(f.ARN), Version: ptr(version), CodeSha256: ptr(code.SHA256), CodeSize: code.Size,
		RevisionId: ptr(f.Version.Revision), LastUpdateStatus: status, State: types.StateActive, PackageType: types.PackageTypeZip,
	}, err
}

func staleRevision(given *string, is string) error {
	if given == nil || *given == is {
		return nil
	}
	return fail(http.StatusPreconditionFailed, &types.PreconditionFailedException{
		Message: ptr("The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve the latest Revision Id"),
	})
}

func (c *call) stillUpdating(f Function) error {
	ready, err := c.ready(f)
	if err == nil && !ready {
		err = fail(http.StatusConflict, &types.ResourceConflictException{Message: ptr("The operation cannot be performed at this time. An update is in progress for resource: " + f.ARN)})
	}
	return err
}

// updateFunctionCode takes the code from S3. The same code again is an update all the same.
func updateFunctionCode(c *call, in *lambda.UpdateFunctionCodeInput) (*lambda.UpdateFunctionCodeOutput, error) {
	f, err := c.function(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := c.stillUpdating(f); err != nil {
		return nil, err
	}
	if err := staleRevision(in.RevisionId, f.Version.Revision); err != nil {
		return nil, err
	}
	o, ok, err := c.objectVersion(in.S3Bucket, in.S3Key, in.S3ObjectVersion)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterValueException{Message: ptr("Error occurred while GetObject. S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist.")})
	}
	f.Code = codeOf(o.Body)
	f.Version.Revision, f.Version.Changed = c.revision(f, latest), c.at
	status, err := c.updateStatus(f, latest)
	if err != nil {
		return nil, err
	}
	return &lambda.UpdateFunctionCodeOutput{
		FunctionName: ptr(f.Name), FunctionArn: ptr(f.ARN), Version: ptr(latest), CodeSha256: ptr(f.Code.SHA256), CodeSize: f.Code.Size,
		RevisionId: ptr(f.Version.Revision), LastUpdateStatus: status,
	}, c.put(functionKind+"/"+f.Name, f)
}

// publishVersion makes a version of the code, unless the newest version has the same code.
func publishVersion(c *call, in *lambda.PublishVersionInput) (*lambda.PublishVersionOutput, error) {
	f, err := c.function(in.FunctionName)
	if err != nil {
		return nil, err
	}
	if err := c.stillUpdating(f); err != nil {
		return nil, err
	}
	if err := staleRevision(in.RevisionId, f.Version.Revision); err != nil {
		return nil, err
	}
	if in.CodeSha256 != nil && *in.CodeSha256 != f.Code.SHA256 {
		return nil, fail(http.StatusBadRequest, &types.InvalidParameterValueException{Message: ptr("CodeSHA256 (" + *in.CodeSha256 + ") is different from current CodeSHA256 in $LATEST (" + f.Code.SHA256 + "). Please try again with the CodeSHA256 in $LATEST.")})
	}
	if n := len(f.Published); n == 0 || f.Published[n-1] != f.Code {
		f.Published = append(f.Published, f.Code)
		f.Version.Revision = c.revision(f, latest)
		if err := c.put(functionKind+"/"+f.Name, f); err != nil {
			return nil, err
		}
	}
	return &lambda.PublishVersionOutput{
		FunctionName: ptr(f.Name), FunctionArn: ptr(f.ARN), Version: ptr(strconv.Itoa(len(f.Published))), CodeSha256: ptr(f.Code.SHA256), CodeSize: f.Code.Size,
	}, nil
}

func getAlias(c *call, in *lambda.GetAliasInput) (*lambda.GetAliasOutput, error) {
	f, err := c.function(in.FunctionName)
	if err != nil {
		return nil, err
	}
	version, ok := f.Aliases[val(in.Name)]
	if !ok {
		return nil, noSuchLambda("Alias " + f.ARN + ":" + val(in.Name))
	}
	return &lambda.GetAliasOutput{
		Name: in.Name, AliasArn: ptr(f.ARN + ":" + val(in.Name)), FunctionVersion: ptr(version), RevisionId: ptr(f.Version.Alias[val(in.Name)]),
	}, nil
}

func updateAlias(c *call, in *lambda.UpdateAliasInput) (*lambda.UpdateAliasOutput, error) {
	f, err := c.function(in.FunctionName)
	if err != nil {
		return nil, err
	}
	name := val(in.Name)
	if _, ok := f.Aliases[name]; !ok {
		return nil, noSuchLambda("Alias " + f.ARN + ":" + name)
	}
	if err := staleRevision(in.RevisionId, f.Version.Alias[name]); err != nil {
		return nil, err
	}
	if in.FunctionVersion != nil && f.Aliases[name] != *in.FunctionVersion {
		if _, _, err := f.code(*in.FunctionVersion); err != nil {
			return nil, err
		}
		f.Aliases[name], f.Version.Alias[name] = *in.FunctionVersion, c.revision(f, name)
		if err := c.put(functionKind+"/"+f.Name, f); err != nil {
			return nil, err
		}
	}
	return &lambda.UpdateAliasOutput{
		Name: in.Name, AliasArn: ptr(f.ARN + ":" + name), FunctionVersion: ptr(f.Aliases[name]), RevisionId: ptr(f.Version.Alias[name]),
	}, nil
}

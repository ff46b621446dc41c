package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sort"
	"strings"
)

// Whether an operation changes anything: only writes are journalled.
const (
	reads  = false
	writes = true
)

// operation is one AWS operation that the sandbox knows.
type operation struct {
	name   string
	writes bool
	about  func(in any) about
	params func(in any) any // what the journal shows of the input
	run    func(c *call, in any) (any, error)
}

// about is what the journal and the faults need to know of an input.
type about struct {
	resource string // key of the resource
	token    string // precondition or idempotency token, "" if none
}

// handle makes an operation out of a function of the SDK's own input and output types; the operation's name is that of
// the input type. modelled names the members of the input, separated by spaces, that the function takes into account: any
// other one that is set is refused.
func handle[I, O any](write bool, modelled string, tell func(*I) about, run func(*call, *I) (*O, error)) operation {
	name := strings.TrimSuffix(reflect.TypeFor[I]().Name(), "Input")
	known := strings.Fields(modelled)
	return operation{
		name:   name,
		writes: write,
		about:  func(in any) about { return tell(in.(*I)) },
		params: func(in any) any { return in },
		run: func(c *call, in any) (any, error) {
			if err := refuseUnmodelled(name, in, known); err != nil {
				return nil, err
			}
			out, err := run(c, in.(*I))
			if err != nil {
				return nil, err
			}
			return out, nil
		},
	}
}

// showing replaces what the journal shows of the input.
func (o operation) showing(params func(in any) any) operation {
	o.params = params
	return o
}

func refuseUnmodelled(name string, in any, known []string) error {
	v := reflect.ValueOf(in).Elem()
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if field.IsExported() && !v.Field(i).IsZero() && !slices.Contains(known, field.Name) {
			return fail(400, generic("SandboxNotModelled", fmt.Sprintf("the sandbox does not model %s of %s: leave it out, or teach the sandbox", field.Name, name)))
		}
	}
	return nil
}

func byName(ops ...operation) map[string]operation {
	m := make(map[string]operation, len(ops))
	for _, op := range ops {
		m[op.name] = op
	}
	return m
}

// services is every operation that the sandbox knows, by service and name.
var services = map[string]map[string]operation{
	"cloudfront":      cloudfrontOperations(),
	"cloudwatch":      cloudwatchOperations(),
	"cloudwatch logs": byName(append(logGroupOperations(), logEventOperations()...)...),
	"codepipeline":    codepipelineOperations(),
	"config service":  configOperations(),
	"ecr":             ecrOperations(),
	"ecs":             ecsOperations(),
	"iam":             iamOperations(),
	"lambda":          lambdaOperations(),
	"rds":             rdsOperations(),
	"route 53":        route53Operations(),
	"s3":              s3Operations(),
	"scheduler":       schedulerOperations(),
	"sesv2":           sesv2Operations(),
	"ssm":             ssmOperations(),
	"sts":             stsOperations(),
	"wafv2":           wafv2Operations(),
}

// Services lists the services that the sandbox knows.
func Services() []string {
	var names []string
	for name := range services {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// Operations lists the operations of a service that the sandbox knows; nil for a service that it does not know.
func Operations(service string) []string { return operationNames(services[service]) }

func operationNames(ops map[string]operation) []string {
	var names []string
	for name := range ops {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

// journalParams is the input as JSON without members that are not set.
func journalParams(op operation, in any) (json.RawMessage, error) {
	raw, err := json.Marshal(op.params(in))
	if err != nil {
		return nil, fmt.Errorf("sandbox: journal of %s: %w", op.name, err)
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // a number keeps its digits
	var tree any
	if err := dec.Decode(&tree); err != nil {
		return nil, fmt.Errorf("sandbox: journal of %s: %w", op.name, err)
	}
	return json.Marshal(withoutUnset(tree))
}

func withoutUnset(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, child := range v {
			if child == nil || child == "" {
				delete(v, k)
			} else {
				v[k] = withoutUnset(child)
			}
		}
	case []any:
		for i := range v {
			v[i] = withoutUnset(v[i])
		}
	}
	return v
}

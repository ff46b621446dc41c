package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"github.com/google/uuid"
)

// Caller is the identity that calls to the sandbox are made under: an assumed role, as a worker on Fargate has.
const (
	CallerRole    = "tejun-worker"
	callerSession = "sandbox"
)

// Configure makes all clients that are built from cfg talk to the sandbox. It sets credentials that mean nothing
// elsewhere, a region if cfg has none, and an HTTP client that refuses to send anything, so that no call can leave the
// process by mistake.
func (s *Sandbox) Configure(cfg *aws.Config) {
	cfg.Credentials = aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{AccessKeyID: "AKIASANDBOXSANDBOX00", SecretAccessKey: "sandbox", Source: "sandbox"}, nil
	}))
	if cfg.Region == "" {
		cfg.Region = s.region()
	}
	cfg.HTTPClient = noWire{}
	cfg.APIOptions = append(cfg.APIOptions, func(stack *middleware.Stack) error {
		// Last, so that it sees the idempotency token that the SDK fills in.
		if err := stack.Initialize.Add(middleware.InitializeMiddlewareFunc("SandboxInput", keepInput), middleware.After); err != nil { //nolint:misspell // smithy spells it so
			return err
		}
		if _, sends := stack.Deserialize.Get("OperationDeserializer"); !sends { // it only signs, for a call within a call
			return nil
		}
		return stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("SandboxAnswer", s.answer), "OperationDeserializer", middleware.Before)
	})
}

func (s *Sandbox) region() string {
	region := DefaultRegion
	err := s.view(func(c *call) error {
		set, err := c.settings()
		region = set.Region
		return err
	})
	if err != nil {
		return DefaultRegion // the first call will report the broken state
	}
	return region
}

type noWire struct{}

func (noWire) Do(req *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("sandbox: %s %s would leave the process; this way of calling AWS is not supported", req.Method, req.URL.Host)
}

type inputKey struct{}

// keptInput is the typed input and, for a body that can be read again, where it starts.
type keptInput struct {
	params any
	body   int64
}

func keepInput(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
	kept := keptInput{params: in.Parameters}
	if seeker, ok := bodyOf(in.Parameters).(io.Seeker); ok {
		at, err := seeker.Seek(0, io.SeekCurrent)
		if err != nil {
			return middleware.InitializeOutput{}, middleware.Metadata{}, fmt.Errorf("sandbox: body: %w", err)
		}
		kept.body = at
	}
	return next.HandleInitialize(middleware.WithStackValue(ctx, inputKey{}, kept), in)
}

// answer takes the place of the wire: it never calls next.
func (s *Sandbox) answer(ctx context.Context, in middleware.DeserializeInput, _ middleware.DeserializeHandler) (out middleware.DeserializeOutput, md middleware.Metadata, err error) {
	kept, ok := middleware.GetStackValue(ctx, inputKey{}).(keptInput)
	if !ok {
		return out, md, errors.New("sandbox: the call has no typed input")
	}
	if err := ctx.Err(); err != nil {
		return out, md, &smithy.CanceledError{Err: err}
	}
	req := request{
		ctx: ctx, id: uuid.NewString(), input: kept,
		service:   strings.ToLower(middleware.GetServiceID(ctx)),
		operation: middleware.GetOperationName(ctx),
		region:    awsmiddleware.GetRegion(ctx),
	}
	if sent, ok := in.Request.(*smithyhttp.Request); ok {
		req.url = sent.URL
	}
	result, err := s.serve(req)
	status := http.StatusOK
	var answered *answeredError
	switch {
	case errors.As(err, &answered):
		status, err = answered.status, answered.err
	case err != nil:
		return out, md, err
	}
	// The raw response carries the request ID; the SDK's own middleware takes it from there into the result's metadata
	// and wraps errors with status and ID.
	header := http.Header{}
	header.Set("X-Amzn-Requestid", req.id)
	header.Set("X-Amz-Request-Id", req.id)
	out.RawResponse = &smithyhttp.Response{Response: &http.Response{
		StatusCode: status, Status: fmt.Sprintf("%d %s", status, http.StatusText(status)),
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Body: http.NoBody,
	}}
	if err == nil {
		out.Result = result
	}
	return out, md, err
}

// request is one attempt of a call.
type request struct {
	ctx                        context.Context
	id                         string
	service, operation, region string
	input                      keptInput
	url                        *url.URL
}

// serve executes one attempt: it decides about faults, runs the operation, and appends what changed together with the
// journal entry in one line.
func (s *Sandbox) serve(req request) (result any, err error) {
	op, known := services[req.service][req.operation]
	if !known {
		return nil, fail(http.StatusBadRequest, generic("UnknownOperationException",
			fmt.Sprintf("the sandbox does not know %s:%s; it knows %s", req.service, req.operation, strings.Join(Operations(req.service), ", "))))
	}
	in, err := withBody(req.input)
	if err != nil {
		return nil, err
	}
	tells := op.about(in)
	rec, hangs := record{}, false
	lockErr := s.locked(func() error {
		c := s.newCall(req.ctx)
		c.region = req.region
		var words string
		if err = c.unreachable(req.service, req.url); err != nil {
			words, hangs = OutcomeLost, c.hangs(req.region)
		} else {
			kind, strikeErr := c.strike(req.service, op, tells.resource)
			if strikeErr != nil {
				return strikeErr
			}
			result, words, err = s.run(c, req, op, in, kind)
			if c.effect && op.writes {
				if armErr := c.arm(op.name); armErr != nil {
					return armErr
				}
			}
		}
		if err != nil {
			result = nil
		}
		if op.writes {
			params, jerr := journalParams(op, in)
			if jerr != nil {
				return jerr
			}
			rec.Entry = &Entry{
				At: c.at, Service: req.service, Region: req.region, Operation: op.name, Resource: orElse(c.resource, tells.resource),
				Token: tells.token, Params: params, Outcome: words, Effect: c.effect, RequestID: req.id,
			}
		}
		return s.commit(c, rec)
	})
	if lockErr != nil {
		return nil, lockErr
	}
	if hangs { // others need not wait
		return nil, hang(req.ctx, req.url)
	}
	return result, err
}

// run executes the operation unless a fault of the kind prevents it. Changes of an operation that failed are dropped.
func (s *Sandbox) run(c *call, req request, op operation, in any, kind string) (result any, words string, err error) {
	switch kind {
	case FaultThrottle:
		return nil, OutcomeThrottled, throttled(req.service)
	case FaultLostRequest:
		return nil, OutcomeLost, connectionReset(req.url)
	case Fault500:
		err = internalError(req.service)
		return nil, outcome(err), err
	case FaultDenied:
		err = c.denied(req.service, op.name)
		return nil, outcome(err), err
	}
	c.stale, c.crowded = kind == FaultStaleRead, kind == FaultNoCapacity
	used := c.puts // the fault's own count
	spent := c.dels
	c.puts, c.dels = map[string]json.RawMessage{}, nil
	result, err = op.run(c, in)
	if err != nil {
		c.puts, c.dels, c.effect = map[string]json.RawMessage{}, nil, false
	}
	for key, value := range used {
		c.puts[key] = value
	}
	c.dels = append(c.dels, spent...)
	words = outcome(err)
	if kind == FaultExecutedThenTimeout {
		if err == nil {
			words = OutcomeTimedOut
		}
		return nil, words, timedOut(req.url)
	}
	return result, words, err
}

func (c *call) denied(service, operation string) error {
	set, err := c.settings()
	if err != nil {
		return err
	}
	return denied(service, operation, callerARN(set.Account))
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

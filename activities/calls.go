package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Call is one call to AWS that an activity made. It holds no parameters: they may hold secrets, and AWS CloudTrail has
// them under the request ID.
type Call struct {
	Service   string    `json:"service"`   // such as "CloudFront"
	Operation string    `json:"operation"` // such as "UpdateDistribution"
	RequestID string    `json:"requestId"` // "" if no answer came
	Outcome   string    `json:"outcome"`   // "ok", AWS's error code, or "no answer"
	At        time.Time `json:"at"`
	Millis    int64     `json:"millis"`
}

// mostCalls is how many calls of one attempt are kept: a wait of half an hour makes hundreds of the same kind.
const mostCalls = 200

// callCollector gathers the calls of one attempt. It is safe for concurrent use.
type callCollector struct {
	mu    sync.Mutex
	calls []Call
	more  int // calls beyond mostCalls
}

func (c *callCollector) add(call Call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.calls) >= mostCalls {
		c.more++
		return
	}
	c.calls = append(c.calls, call)
}

func (c *callCollector) list() (calls []Call, more int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Call{}, c.calls...), c.more
}

type collectorKey struct{}

// withCollector makes the clients report the calls that are made under the returned context.
func withCollector(ctx context.Context) (context.Context, *callCollector) {
	collector := &callCollector{}
	return context.WithValue(ctx, collectorKey{}, collector), collector
}

// collectCalls reports each call to the collector of its context, if there is one.
func collectCalls(stack *middleware.Stack) error {
	return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("TejunCollectCalls", //nolint:misspell // the name of the SDK's step
		func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
			collector, ok := ctx.Value(collectorKey{}).(*callCollector)
			if !ok {
				return next.HandleInitialize(ctx, in)
			}
			call := Call{Service: awsmiddleware.GetServiceID(ctx), Operation: awsmiddleware.GetOperationName(ctx), At: time.Now().UTC(), Outcome: "ok"}
			out, metadata, err := next.HandleInitialize(ctx, in)
			call.Millis = time.Since(call.At).Milliseconds()
			call.RequestID, _ = awsmiddleware.GetRequestIDMetadata(metadata)
			if err != nil {
				if call.Outcome = errorCode(err); call.Outcome == "" {
					call.Outcome = "no answer"
				}
				var answered *awshttp.ResponseError
				if call.RequestID == "" && errors.As(err, &answered) {
					call.RequestID = answered.ServiceRequestID()
				}
			}
			collector.add(call)
			return out, metadata, err
		}), middleware.After)
}

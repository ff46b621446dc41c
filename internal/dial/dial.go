// Package dial connects to Temporal. Everything that talks to the server does it through here.
package dial

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"go.temporal.io/sdk/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Temporal connects and checks that the server answers. Workflow IDs may hold any characters, Japanese ones too.
func Temporal(ctx context.Context, options client.Options) (client.Client, error) {
	options.ConnectionOptions.DialOptions = append(slices.Clone(options.ConnectionOptions.DialOptions), grpc.WithChainUnaryInterceptor(asciiHeaders))
	return client.DialContext(ctx, options)
}

// asciiHeaders writes the values of headers in printable ASCII, percent-encoded where they are not: HTTP/2 carries nothing
// else. The SDK names the workflow in a header, as a hint for routing; a worker that cannot send the answer to a workflow
// task would leave the run hanging without a word.
func asciiHeaders(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoker grpc.UnaryInvoker, opts ...grpc.CallOption) error {
	if headers, ok := metadata.FromOutgoingContext(ctx); ok { // a copy
		changed := false
		for name, values := range headers {
			for i, v := range values {
				if !printable(v) && !strings.HasSuffix(name, "-bin") { // those are binary, and gRPC encodes them
					values[i], changed = url.PathEscape(v), true
				}
			}
		}
		if changed {
			ctx = metadata.NewOutgoingContext(ctx, headers)
		}
	}
	return invoker(ctx, method, req, reply, cc, opts...)
}

func printable(s string) bool {
	return !slices.ContainsFunc([]byte(s), func(b byte) bool { return b < 0x20 || b > 0x7e })
}

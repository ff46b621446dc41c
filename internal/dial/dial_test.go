package dial

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

func TestHeadersThatAreNotASCIIArePercentEncoded(t *testing.T) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "temporal-resource-id", "workflow:計画停止", "temporal-namespace", "default", "trace-bin", "\x00\xff")
	var sent metadata.MD
	err := asciiHeaders(ctx, "m", nil, nil, nil, func(ctx context.Context, _ string, _, _ any, _ *grpc.ClientConn, _ ...grpc.CallOption) error {
		sent, _ = metadata.FromOutgoingContext(ctx)
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"workflow:%E8%A8%88%E7%94%BB%E5%81%9C%E6%AD%A2"}, sent["temporal-resource-id"])
	require.Equal(t, []string{"default"}, sent["temporal-namespace"])
	require.Equal(t, []string{"\x00\xff"}, sent["trace-bin"])
	given, _ := metadata.FromOutgoingContext(ctx)
	require.Equal(t, []string{"workflow:計画停止"}, given["temporal-resource-id"], "the caller's context is left alone")
}

package fetch

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSpoolOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64k"); err != nil {
		t.Skipf("a small disk cannot be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	s, err := S3(context.Background(), &store{body: content, etag: `"v1"`, breaks: 1 << 30}, "in", "a.csv", Expect{})
	require.NoError(t, err)
	_, err = Spool(s, dir)
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "keep s3://in/a.csv on disk after")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "again"), make([]byte, 32<<10), 0o600), "its space is free again")
}

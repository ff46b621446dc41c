package main

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/spf13/cobra"

	"tejun/internal/sandbox"
)

func (a *app) putCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "put FILE s3://BUCKET/KEY",
		Short: "Put a file into a bucket of the sandbox, as its sender would",
		Long: `Puts a file into a bucket of the sandbox, by PutObject, so that a runbook can fetch it. A key that ends in / takes the file's name.
The sandbox takes objects of 8 MB at most.`,
		Example: "  starter sandbox put ken_all.zip s3://gzs-incoming/postal-codes/",
		Args:    exactArgs(2, "a file and where it goes, such as s3://gzs-incoming/postal-codes/"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSandbox(func(box *sandbox.Sandbox) error { return a.putObject(cmd.Context(), box, args[0], args[1]) })
		},
	}
}

func (a *app) putObject(ctx context.Context, box *sandbox.Sandbox, file, target string) error {
	rest, isS3 := strings.CutPrefix(target, "s3://")
	bucket, key, _ := strings.Cut(rest, "/")
	if !isS3 || bucket == "" || key == "" {
		return usage("%q is no place in S3: write s3://BUCKET/KEY, or s3://BUCKET/FOLDER/ for the file's own name", target)
	}
	if strings.HasSuffix(key, "/") {
		key += filepath.Base(file)
	}
	content, err := readLimited(file, 16<<20) // the sandbox itself refuses what is too large
	if err != nil {
		return usage("%w", err)
	}
	sys, err := a.loadSystem()
	if err != nil {
		return err
	}
	cfg := aws.Config{Region: sys.AWS.Region}
	box.Configure(&cfg)
	put, err := s3.NewFromConfig(cfg).PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)})
	if err != nil {
		return fmt.Errorf("put s3://%s/%s: %w", bucket, key, err)
	}
	if a.json {
		return a.printJSON(map[string]any{"bucket": bucket, "key": key, "bytes": len(content), "etag": aws.ToString(put.ETag)})
	}
	a.printf("%s s3://%s/%s, %d bytes\n", a.paint(green, "put"), bucket, key, len(content))
	return nil
}

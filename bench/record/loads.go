package main

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"go.temporal.io/sdk/client"
	"golang.org/x/text/encoding/japanese"

	"tejun/workflows"
	"tejun/workflows/runbook"
)

// Postal codes as Japan Post delivers them: two rows, the first one changed in the second edition, and a broken file.
const (
	firstEdition = `01101,"060  ","0600000","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｲｶﾆｹｲｻｲｶﾞﾅｲﾊﾞｱｲ","北海道","札幌市中央区","以下に掲載がない場合",0,0,0,0,0,0` + "\r\n" +
		`01101,"064  ","0640941","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｱｻﾋｶﾞｵｶ","北海道","札幌市中央区","旭ケ丘",0,0,1,0,0,0` + "\r\n"
	brokenEdition = `01101,"060  ","060000X","ﾎｯｶｲﾄﾞｳ","ｻｯﾎﾟﾛｼﾁｭｳｵｳｸ","ｱ","北海道","札幌市中央区","旭ケ丘",0,0,1,0,0,0` + "\r\n"
)

// deliver puts a file where the dataset expects it.
func (s *stage) deliver(ctx context.Context, name, text string) error {
	encoded, err := japanese.ShiftJIS.NewEncoder().String(text)
	if err != nil {
		return err
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	member, err := z.Create("KEN_ALL.CSV")
	if err != nil {
		return err
	}
	if _, err := member.Write([]byte(encoded)); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	cfg, err := s.AWS()
	if err != nil {
		return err
	}
	bucket, key := "gzs-incoming", "postal-codes/"+name
	_, err = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).
		PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(archive.Bytes())})
	return err
}

// load delivers a file and starts its load.
func (s *stage) load(ctx context.Context, name, text string) error {
	if err := s.deliver(ctx, name, text); err != nil {
		return fmt.Errorf("deliver %s: %w", name, err)
	}
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: s.id, TaskQueue: workflows.TaskQueue}, "DataLoad", workflows.DataLoadInput{
		Dataset: "postal-codes", File: name, Reason: "郵便番号データの月次更新", Requester: "ito", Operator: "tanaka",
	})
	return err
}

// dataLoad's takes build on one another: each finds the table as the one before has left it.
var dataLoad = []take{
	{"reject", func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "first.zip", firstEdition), s.play(ctx, act{"content", runbook.Reject, "sato"}), s.ended(ctx, runbook.Failed))
	}},
	{"approve", func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "first.zip", firstEdition), s.play(ctx, act{"content", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"already-loaded", func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "first.zip", firstEdition), s.ended(ctx, runbook.Done))
	}},
	{"bad-file", func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "broken.zip", brokenEdition), s.play(ctx, act{"stage", runbook.Rollback, "kato"}), s.ended(ctx, runbook.Failed))
	}},
}

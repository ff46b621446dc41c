package main

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

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
	_, err := s.delivered(ctx, name, text)
	return err
}

// delivered puts it there and returns its SHA-256.
func (s *stage) delivered(ctx context.Context, name, text string) (string, error) {
	encoded, err := japanese.ShiftJIS.NewEncoder().String(text)
	if err != nil {
		return "", err
	}
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	member, err := z.Create("KEN_ALL.CSV")
	if err != nil {
		return "", err
	}
	if _, err := member.Write([]byte(encoded)); err != nil {
		return "", err
	}
	if err := z.Close(); err != nil {
		return "", err
	}
	cfg, err := s.AWS()
	if err != nil {
		return "", err
	}
	bucket, key := "gzs-incoming", "postal-codes/"+name
	sum := sha256.Sum256(archive.Bytes())
	_, err = s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).
		PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(archive.Bytes())})
	return hex.EncodeToString(sum[:]), err
}

// load delivers a file and starts its load.
func (s *stage) load(ctx context.Context, name, text string, hands ...string) error {
	if err := s.deliver(ctx, name, text); err != nil {
		return fmt.Errorf("deliver %s: %w", name, err)
	}
	_, err := s.Client.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: s.id, TaskQueue: workflows.TaskQueue}, "DataLoad", workflows.DataLoadInput{
		Dataset: "postal-codes", File: name, Reason: "郵便番号データの月次更新", Requester: "ito", Operator: "tanaka", Hands: hands,
	})
	return err
}

// loseStaging empties what is staged, as PostgreSQL does when it crashes.
func (s *stage) loseStaging(ctx context.Context) error {
	pool, err := s.Operated.Pool(ctx)
	if err != nil {
		return err
	}
	var tables string
	err = pool.QueryRow(ctx, `SELECT string_agg(c.oid::regclass::text, ', ') FROM pg_class c
		WHERE c.relnamespace = 'tejun_load'::regnamespace AND c.relkind = 'r' AND c.relname ~ '^[scr]_'`).Scan(&tables)
	if err != nil {
		return fmt.Errorf("list the staging tables: %w", err)
	}
	_, err = pool.Exec(ctx, "TRUNCATE "+tables)
	return err
}

// dataArrival comes last: the load that it starts holds its table.
var dataArrival = []take{
	{"starts", func(ctx context.Context, s *stage) error {
		err := errors.Join(s.deliver(ctx, "arrived.zip", firstEdition), s.start(ctx, "DataArrival", workflows.DataArrivalInput{Reason: "記録", Requester: "ito", Operator: "tanaka"}))
		return errors.Join(err, s.ended(ctx, runbook.Done))
	}},
	{"problem", func(ctx context.Context, s *stage) error { // no load takes a file of such a name
		err := errors.Join(s.deliver(ctx, "/odd.zip", firstEdition), s.start(ctx, "DataArrival", workflows.DataArrivalInput{Reason: "記録", Requester: "ito", Operator: "tanaka"}))
		return errors.Join(err, s.ended(ctx, runbook.Done))
	}},
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
	{"staged-again", func(ctx context.Context, s *stage) error {
		if err := s.load(ctx, "second.zip", strings.Replace(firstEdition, "旭ケ丘", "旭ヶ丘", 1)); err != nil {
			return err
		}
		if _, err := s.until(ctx, func(st runbook.Status) bool { return st.WaitingFor != nil && st.WaitingFor.Gate == "content" }); err != nil {
			return err
		}
		return errors.Join(s.loseStaging(ctx), s.play(ctx, act{"content", runbook.Approve, "sato"}), s.ended(ctx, runbook.Done))
	}},
	{"made-by-hand", func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "made.zip", strings.Replace(firstEdition, "旭ケ丘", "旭が丘", 1), "kato"), s.play(ctx, act{"content", runbook.Reject, "sato"}), s.ended(ctx, runbook.Failed))
	}},
	{"bad-file", func(ctx context.Context, s *stage) error {
		return errors.Join(s.load(ctx, "broken.zip", brokenEdition), s.play(ctx, act{"stage", runbook.Rollback, "kato"}), s.ended(ctx, runbook.Failed))
	}},
}

package activities

import (
	"bytes"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
)

// reportMail tells of a report that has been stored.
func (b *bench) reportMail(step string, attach ...records.Document) Mail {
	return Mail{Operation: b.operation, Step: step, Template: "disaster-report", List: "officers", Attach: attach, Data: map[string]string{
		"mode": "drill", "title": "年次訓練", "detail": "RTO 1時間", "runId": "r",
	}}
}

func TestAReportIsSentAsItWasStored(t *testing.T) {
	b := newBench(t)
	kept := must(b, b.set.Reports.PutS3DisasterReport, b.drillReport())
	must(b, b.set.SES.SendSESMail, b.reportMail("report", kept.HTML, kept.XLSX))
	mails, err := b.box.Mails()
	require.NoError(t, err)
	require.Len(t, mails, 1)
	sent := mails[0]
	require.Equal(t, "【訓練】【災害対応・報告書】年次訓練", sent.Subject)
	require.Len(t, sent.Attachments, 2)
	for i, want := range []records.Document{kept.HTML, kept.XLSX} {
		require.Equal(t, want.SHA256, sum(sent.Attachments[i].Content))
		require.True(t, strings.HasSuffix(want.Location, "/"+sent.Attachments[i].Name))
	}
	require.Equal(t, htmlType, sent.Attachments[0].Type)
	require.Equal(t, sheetType, sent.Attachments[1].Type)

	must(b, b.set.SES.SendSESMail, b.reportMail("report", kept.HTML, kept.XLSX))
	mails, err = b.box.Mails()
	require.NoError(t, err)
	require.Len(t, mails, 1, "once")
}

func TestWhatIsNoReportOrHasChangedIsNotSent(t *testing.T) {
	b := newBench(t)
	kept := must(b, b.set.Reports.PutS3DisasterReport, b.drillReport())
	for step, d := range map[string]records.Document{
		"another-bucket": {Location: "s3://gzs-infra-repairs/reports/a.html"}, "outside": {Location: "s3://" + reportBucket + "/a.html"}, "up": {Location: "s3://" + reportBucket + "/reports/../a.html"},
		"another-kind": {Location: "s3://" + reportBucket + "/reports/a.sh"}, "no-place": {Location: "/etc/passwd"}, "empty": {},
	} {
		_, err := try(b, b.set.SES.SendSESMail, b.reportMail(step, d))
		requireType(t, err, InvalidInput)
		require.ErrorContains(t, err, "is not attached to mail", step)
	}
	_, err := try(b, b.set.SES.SendSESMail, b.reportMail("missing", records.Document{Location: "s3://" + reportBucket + "/reports/none.html"}))
	requireType(t, err, Drifted)

	bucket, key := reportBucket, strings.TrimPrefix(kept.XLSX.Location, "s3://"+reportBucket+"/")
	_, err = s3.NewFromConfig(b.cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("theirs")), ContentLength: aws.Int64(6)}, bucketRegion(b.system.AWS.DRRegion))
	require.NoError(t, err)
	_, err = try(b, b.set.SES.SendSESMail, b.reportMail("changed", kept.HTML, kept.XLSX))
	requireType(t, err, Drifted)
	require.ErrorContains(t, err, "is not as it was stored")
	mails, err := b.box.Mails()
	require.NoError(t, err)
	require.Empty(t, mails)
}

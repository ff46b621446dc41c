package activities

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"

	"tejun/internal/drillreport"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

const reportBucket = "gzs-infra-disaster"

// drillReport is that of a drill of ninety minutes in the early morning of 18 January in Japan.
func (b *bench) drillReport() DisasterReport {
	at := func(minutes int) *time.Time {
		t := incidentDay.Add(-2*time.Hour + time.Duration(minutes)*time.Minute)
		return &t
	}
	return DisasterReport{Operation: b.operation, Report: drillreport.Report{
		WorkflowID: "dr-" + b.operation, RunID: "r", System: b.system.ID, Title: "年次訓練", Mode: records.ModeDrill, Manner: records.MannerGraceful, Via: "snapshot",
		Requester: "takahashi", Operator: "tanaka", StartedAt: *at(0), Declared: &drillreport.Declared{By: []string{"ito"}, At: *at(5)}, DataAt: at(-300), RestoredAt: at(65), EndedAt: *at(90),
		RTOTarget: 2 * time.Hour, RPOTarget: 25 * time.Hour, Outcome: records.DisasterReturned,
		Steps: []drillreport.Step{{Name: "declare", Part: drillreport.PartRecovery, Begin: at(0), End: at(5), Human: []drillreport.Span{{From: *at(1), To: at(5), Who: "ito"}}, Outcome: drillreport.StepDone}},
	}}
}

func (b *bench) object(key string) []byte {
	b.t.Helper()
	object, found, err := b.box.Object(reportBucket, key)
	require.NoError(b.t, err)
	require.True(b.t, found, key)
	return object.Body
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func TestTheReportOfADrillIsKeptOnceUnderEveryFault(t *testing.T) {
	for _, fault := range []string{"", sandbox.FaultThrottle, sandbox.Fault500, sandbox.FaultLostRequest, sandbox.FaultExecutedThenTimeout} {
		b := newBench(t)
		b.since()
		if fault != "" {
			b.fault("s3", "PutObject", fault)
			_, err := try(b, b.set.Reports.PutS3DisasterReport, b.drillReport())
			require.Error(t, err, fault)
		}
		kept := must(b, b.set.Reports.PutS3DisasterReport, b.drillReport())
		require.Equal(t, kept, must(b, b.set.Reports.PutS3DisasterReport, b.drillReport()), "the same once more is what is there")
		require.Equal(t, 2, b.putReports(), fault)
		stem := "reports/drill-20270118-" + b.operation
		require.Equal(t, "s3://"+reportBucket+"/"+stem+".html", kept.HTML.Location)
		require.Equal(t, "s3://"+reportBucket+"/"+stem+".xlsx", kept.XLSX.Location)
		page := b.object(stem + ".html")
		require.Equal(t, sum(page), kept.HTML.SHA256)
		require.Equal(t, len(page), kept.HTML.Bytes)
		require.Contains(t, string(page), "伊藤")
		require.Contains(t, string(page), b.system.Name.Ja)
		sheets := b.object(stem + ".xlsx")
		require.Equal(t, sum(sheets), kept.XLSX.SHA256)
		f, err := excelize.OpenReader(bytes.NewReader(sheets))
		require.NoError(t, err)
		title, err := f.GetCellValue("概要", "B3")
		require.NoError(t, err)
		require.Equal(t, "年次訓練", title)
		require.NoError(t, f.Close())
	}
}

func TestTheReportOfADrillReplacesItsOwnAndNobodyElses(t *testing.T) {
	b := newBench(t)
	first := must(b, b.set.Reports.PutS3DisasterReport, b.drillReport())
	changed := b.drillReport()
	changed.Report.Note = "証跡を追加"
	second := must(b, b.set.Reports.PutS3DisasterReport, changed)
	require.NotEqual(t, first.HTML.SHA256, second.HTML.SHA256)
	require.NotEqual(t, first.XLSX.SHA256, second.XLSX.SHA256)

	bucket, key := reportBucket, strings.TrimPrefix(second.XLSX.Location, "s3://"+reportBucket+"/")
	_, err := s3.NewFromConfig(b.cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("theirs")), ContentLength: aws.Int64(6)}, bucketRegion(b.system.AWS.DRRegion))
	require.NoError(t, err)
	_, err = try(b, b.set.Reports.PutS3DisasterReport, changed)
	requireType(t, err, Drifted)
	require.Equal(t, "theirs", string(b.object(key)))
}

func TestAReportOfADrillIsRefusedBeforeAnythingIsWritten(t *testing.T) {
	b := newBench(t)
	b.since()
	in := b.drillReport()
	in.Report.Mode = "rehearsal"
	_, err := try(b, b.set.Reports.PutS3DisasterReport, in)
	requireType(t, err, InvalidInput)
	require.ErrorContains(t, err, `mode is "rehearsal"`)
	in = b.drillReport()
	in.Operation = "x"
	_, err = try(b, b.set.Reports.PutS3DisasterReport, in)
	requireType(t, err, InvalidInput)
	b.system.Disaster = system.Disaster{}
	_, err = try(b, b.set.Reports.PutS3DisasterReport, b.drillReport())
	requireType(t, err, InvalidInput)
	require.ErrorContains(t, err, "add disaster.reports")
	require.Zero(t, b.putReports())
}

func TestDrillsAreRegisteredByTheirRun(t *testing.T) {
	b := newBench(t)
	b.system.ID = "system-" + b.operation
	in := b.drillReport()
	row := in.Report.Record(b.operation, nil)
	opened := must(b, b.set.Disasters.OpenDisaster, row)
	require.Equal(t, opened, must(b, b.set.Disasters.OpenDisaster, row), "telling it again changes nothing")
	require.Equal(t, "default-test-workflow-id", opened.WorkflowID, "whose run it is says Temporal")
	mode, err := database.DisasterMode(t.Context(), b.operation)
	require.NoError(t, err)
	require.Equal(t, records.ModeDrill, mode)
	other := row
	other.Manner = records.MannerUngraceful
	_, err = try(b, b.set.Disasters.OpenDisaster, other)
	requireType(t, err, InvalidInput)

	question := EarlierQuestion{System: b.system.ID, Before: in.Report.StartedAt.Add(time.Hour)}
	require.Empty(t, must(b, b.set.Disasters.ListEarlierDisasters, question).Earlier, "it goes on")
	kept := must(b, b.set.Reports.PutS3DisasterReport, in)
	end := in.Report.Record(b.operation, &kept.HTML)
	finished := must(b, b.set.Disasters.FinishDisaster, end)
	require.Equal(t, finished, must(b, b.set.Disasters.FinishDisaster, end))
	require.Equal(t, kept.HTML.SHA256, finished.ReportHash)
	require.Equal(t, 3600, *finished.RTO)
	require.Equal(t, []records.Disaster{finished}, must(b, b.set.Disasters.ListEarlierDisasters, question).Earlier)

	for _, wrong := range []func() error{
		func() error { _, err := try(b, b.set.Disasters.ListEarlierDisasters, EarlierQuestion{}); return err },
		func() error { _, err := try(b, b.set.Disasters.OpenDisaster, records.Disaster{}); return err },
		func() error { _, err := try(b, b.set.Disasters.FinishDisaster, records.Disaster{}); return err },
		func() error {
			b.operation = "neveropened1"
			end.Operation = b.operation
			_, err := try(b, b.set.Disasters.FinishDisaster, end)
			return err
		},
	} {
		requireType(t, wrong(), InvalidInput)
	}
}

func TestMailOfADrillIsNeverTakenForARealOne(t *testing.T) {
	b := newBench(t)
	for _, name := range []string{"disaster-declared", "disaster-at-risk", "disaster-doubt", "disaster-redirected", "disaster-return-doubt", "disaster-again-doubt", "disaster-serves-again", "disaster-data-back", "disaster-returned", "disaster-report"} {
		for mode, want := range map[string]string{records.ModeDrill: "【訓練】", records.ModeReal: "【実災害】"} {
			subject, body, err := renderMail(b.system, Mail{Template: name, Data: map[string]string{
				"mode": mode, "title": "件名", "step": "データベースの起動", "until": "18:00", "detail": "RTO 1時間", "error": "応答なし", "reason": "計画", "runId": "r", "uiUrl": "https://x.example/",
			}})
			require.NoError(t, err)
			require.True(t, strings.HasPrefix(subject, want), subject)
			require.Contains(t, body, "件名")
			require.NotContains(t, body, "<no value>")
			require.Equal(t, mode == records.ModeDrill, strings.Contains(body, "本件は訓練です。"), "%s of a %s: %s", name, mode, body)
			require.Equal(t, mode == records.ModeReal, strings.Contains(body, "本件は実災害への対応です。"), "%s of a %s: %s", name, mode, body)
		}
	}
	subject, _, err := renderMail(b.system, Mail{Template: "approval-request", Data: map[string]string{"mode": "drill", "title": "件名", "gate": "declare", "plan": "p", "until": "18:00", "runId": "r"}})
	require.NoError(t, err)
	require.Equal(t, "【訓練】【承認のお願い】件名（大規模災害時対応の宣言）", subject)
}

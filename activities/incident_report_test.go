package activities

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/stretchr/testify/require"

	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/sla"
	"tejun/internal/system"
)

var incidentDay = time.Date(2027, 1, 18, 1, 0, 0, 0, time.UTC)

func (b *bench) report() IncidentReport {
	return IncidentReport{
		Operation: b.operation, Now: incidentDay,
		Incident: records.Incident{ID: "INC-20270118-" + b.operation, WorkflowID: "w", Title: "応答遅延", Symptom: "遅い", Severity: "major", Operator: "tanaka", DetectedAt: incidentDay, OpenedAt: incidentDay},
		Problem:  records.Problem{ID: "PRB-1", RootCause: "枯渇", Actions: []records.ProblemAction{{What: "監視", Owner: "takahashi", Due: "2027-02-26"}}},
	}
}

// putReports counts what was written into S3.
func (b *bench) putReports() (n int) {
	b.t.Helper()
	entries, err := b.box.Journal()
	require.NoError(b.t, err)
	for _, e := range entries[b.mark:] {
		if e.Operation == "PutObject" && e.Effect {
			n++
		}
	}
	return n
}

func TestTheReportIsKeptOnceUnderEveryFault(t *testing.T) {
	for _, fault := range []string{"", sandbox.FaultThrottle, sandbox.Fault500, sandbox.FaultLostRequest, sandbox.FaultExecutedThenTimeout} {
		b := newBench(t)
		b.since()
		if fault != "" {
			b.fault("s3", "PutObject", fault)
			_, err := try(b, b.set.Reports.PutS3IncidentReport, b.report())
			require.Error(t, err, fault)
		}
		kept := must(b, b.set.Reports.PutS3IncidentReport, b.report())
		require.Equal(t, kept, must(b, b.set.Reports.PutS3IncidentReport, b.report()), "the same once more is what is there")
		require.Equal(t, 1, b.putReports(), fault)
		require.Equal(t, "s3://gzs-infra-incidents/reports/INC-20270118-"+b.operation+".docx", kept.Location)
		object, found, err := b.box.Object("gzs-infra-incidents", "reports/INC-20270118-"+b.operation+".docx")
		require.NoError(t, err)
		require.True(t, found)
		sum := sha256.Sum256(object.Body)
		require.Equal(t, hex.EncodeToString(sum[:]), kept.SHA256)
		require.Equal(t, []byte("PK"), object.Body[:2])
	}
}

func TestTheReportOfAnotherContentReplacesOurOwnAndNobodyElses(t *testing.T) {
	b := newBench(t)
	first := must(b, b.set.Reports.PutS3IncidentReport, b.report())
	changed := b.report()
	changed.Problem.RootCause = "上限の見直し漏れ"
	second := must(b, b.set.Reports.PutS3IncidentReport, changed)
	require.NotEqual(t, first.SHA256, second.SHA256)

	bucket, key := "gzs-infra-incidents", "reports/INC-20270118-"+b.operation+".docx"
	_, err := s3.NewFromConfig(b.cfg).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte("theirs")), ContentLength: aws.Int64(6)})
	require.NoError(t, err)
	_, err = try(b, b.set.Reports.PutS3IncidentReport, changed)
	requireType(t, err, Drifted)

	b.system.Incidents = system.Incidents{}
	_, err = try(b, b.set.Reports.PutS3IncidentReport, b.report())
	requireType(t, err, InvalidInput)
	b.operation = "x"
	_, err = try(b, b.set.Reports.PutS3IncidentReport, b.report())
	requireType(t, err, InvalidInput)
}

func TestIncidentsAreRecordedByTheirRun(t *testing.T) {
	b := newBench(t)
	in := b.report().Incident
	in.Key, in.Event, in.State, in.Fingerprint, in.At = "1", "opened", records.IncidentOpen, b.operation, incidentDay
	require.Equal(t, 1, must(b, b.set.Incidents.RecordIncident, in).Seq)
	require.Equal(t, 1, must(b, b.set.Incidents.RecordIncident, in).Seq, "telling it again changes nothing")
	in.Event = "acknowledge"
	require.Equal(t, 2, must(b, b.set.Incidents.RecordIncident, in).Seq, "another state under the same key stands beside it")
	require.Equal(t, 2, must(b, b.set.Incidents.RecordIncident, in).Seq)
	history, err := database.IncidentHistory(t.Context(), in.ID)
	require.NoError(t, err)
	require.Len(t, history, 2)
	in.State = "lost"
	_, err = try(b, b.set.Incidents.RecordIncident, in)
	requireType(t, err, InvalidInput)

	p := b.report().Problem
	p.ID, p.Key, p.Incident, p.Title, p.State, p.At = "PRB-"+b.operation, "1", in.ID, "応答遅延", records.ProblemKnown, incidentDay
	require.Equal(t, 1, must(b, b.set.Incidents.RecordProblem, p).Seq)
	p.RootCause, p.Key = "", "2"
	_, err = try(b, b.set.Incidents.RecordProblem, p)
	requireType(t, err, InvalidInput)

	other := in
	other.ID, other.State = "INC-other-"+b.operation, records.IncidentOpen
	found := must(b, b.set.Incidents.FindSimilarIncidents, other).Similar
	require.Equal(t, in.ID, found[0].Incident)
	require.Equal(t, "枯渇", found[0].RootCause)
}

func TestClocksBeyondTheKnownYearsAreDueTooEarlyRatherThanNever(t *testing.T) {
	b := newBench(t)
	far := time.Date(2060, 1, 5, 1, 0, 0, 0, time.UTC)
	read := must(b, b.set.Directory.ReadIncidentClocks, ClockQuestion{At: far.Add(time.Hour), Clocks: []sla.Clock{
		{Name: "recovery", Kind: sla.Business, Limit: 3 * time.Hour, From: far}, {Name: "acknowledge", Kind: sla.Business, Limit: time.Hour, From: incidentDay, Met: aws.Time(incidentDay.Add(time.Minute))},
	}}).Clocks
	require.Equal(t, far.Add(3*time.Hour), read[0].Due.UTC())
	require.Contains(t, read[0].Note, "holidays are not known")
	require.Empty(t, read[1].Note)
	_, err := try(b, b.set.Directory.ReadIncidentClocks, ClockQuestion{At: far, Clocks: []sla.Clock{{Name: "x"}}})
	requireType(t, err, InvalidInput)
}

func TestActionsAgainstAProblemAreReadStrictly(t *testing.T) {
	b := newBench(t)
	actions := func(text string) ActionsQuestion { return ActionsQuestion{Text: text, From: incidentDay} }
	found := must(b, b.set.Directory.ResolveProblemActions, actions(`[{"what":"監視","owner":"tanaka@example.jp","due":"2027-01-18"}]`))
	require.Equal(t, []records.ProblemAction{{What: "監視", Owner: "tanaka", Due: "2027-01-18"}}, found.Actions)
	for text, says := range map[string]string{
		`later`: "write them as", `[]`: "there are 0", `[{"what":"a","owner":"tanaka","due":"2027-02-26"}] x`: "write them as",
		`[{"what":"a","owner":"tanaka","due":"2027-02-26","done":true}]`: "done",
		`[{"what":"a","what":"b","owner":"tanaka","due":"2027-02-26"}]`:  "duplicate",
		`[{"what":" ","owner":"tanaka","due":"2027-02-26"}]`:             "action 1 does not say what is done",
		`[{"what":"a","owner":"nobody","due":"2027-02-26"}]`:             `its owner "nobody" is nobody`,
		`[{"what":"a","owner":"tanaka","due":"26.2.2027"}]`:              "write it as 2027-01-29",
		`[{"what":"a","owner":"tanaka","due":"2027-01-17"}]`:             "is past",
		`[{"what":"a","owner":"tanaka","due":"2031-01-17"}]`:             "more than two years away",
	} {
		_, err := try(b, b.set.Directory.ResolveProblemActions, actions(text))
		requireType(t, err, Refused)
		require.ErrorContains(t, err, says)
	}
}

func TestAReportIsResolvedOrRefused(t *testing.T) {
	b := newBench(t)
	on := must(b, b.set.Directory.ResolveIncident, system.IncidentRequest{Requester: "ito", Operator: "tanaka", From: incidentDay})
	require.Equal(t, "officers", on.Officers)
	_, err := try(b, b.set.Directory.ResolveIncident, system.IncidentRequest{Requester: "nobody", Operator: "tanaka", From: incidentDay})
	requireType(t, err, Refused)
}

func TestMailGoesToAPersonOfTheChain(t *testing.T) {
	b := newBench(t)
	must(b, b.set.SES.SendSESMail, Mail{Operation: b.operation, Step: "e", Template: "incident-escalation", List: "person:takahashi", Data: map[string]string{"title": "t", "error": "e", "detail": "d", "runId": "r"}})
	mails, err := b.box.Mails()
	require.NoError(t, err)
	require.Equal(t, []string{"takahashi@example.jp"}, mails[len(mails)-1].To)
	require.Equal(t, "【至急・障害エスカレーション】t", mails[len(mails)-1].Subject)
}

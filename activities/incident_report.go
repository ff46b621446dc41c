package activities

import (
	"context"
	"time"

	"tejun/internal/incidentreport"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
)

// IncidentReport is what a report is made of.
type IncidentReport struct {
	Operation string           `json:"operation"`
	Incident  records.Incident `json:"incident"`
	Problem   records.Problem  `json:"problem"`
	Now       time.Time        `json:"now"`
}

// PutS3IncidentReport writes 障害報告書 and puts it into the bucket of the description, under the incident's number. A report of
// the same content that this run has put there before is taken as it is; something that somebody else has put there stays.
func (a *Reports) PutS3IncidentReport(ctx context.Context, in IncidentReport) (records.Document, error) {
	if err := checkOperation(in.Operation); err != nil {
		return records.Document{}, err
	}
	s, err := describe(a.system)
	if err != nil {
		return records.Document{}, err
	}
	if s.Incidents.Bucket == "" {
		return records.Document{}, fail(InvalidInput, "system.yaml does not say where reports are kept: add incidents.bucket")
	}
	content, err := plan.Hash(in)
	if err != nil {
		return records.Document{}, fail(InvalidInput, "the report cannot be hashed: %v", err)
	}
	return a.keep(ctx, reportFile{
		operation: in.Operation, bucket: s.Incidents.Bucket, key: s.Incidents.Prefix + in.Incident.ID + ".docx", content: content, mediaType: wordType,
		write: func() ([]byte, error) { return incidentreport.Write(reportOf(s, in)) },
	})
}

// reportOf looks up the names that a reader needs.
func reportOf(s *system.System, in IncidentReport) incidentreport.Report {
	r := incidentreport.Report{
		System: s.Name.Ja, Severity: in.Incident.Severity, Incident: in.Incident, Problem: in.Problem, Now: in.Now,
		Person: personName(s),
	}
	for _, v := range s.Incidents.Severities {
		if v.Name == in.Incident.Severity {
			r.Severity = v.Title.Ja
		}
	}
	return r
}

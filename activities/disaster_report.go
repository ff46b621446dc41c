package activities

import (
	"context"
	"slices"

	"go.temporal.io/sdk/activity"

	"tejun/internal/dial"
	"tejun/internal/drillreport"
	"tejun/internal/plan"
	"tejun/internal/records"
	"tejun/internal/system"
)

// DisasterReport is what the report of a drill, or of a real disaster, is made of.
type DisasterReport struct {
	Operation string             `json:"operation"`
	Report    drillreport.Report `json:"report"`
}

// DisasterReportKept says where the report lies.
type DisasterReportKept struct {
	HTML records.Document `json:"html"`
	XLSX records.Document `json:"xlsx"`
}

// PutS3DisasterReport writes the report in HTML and as a workbook, and puts both into the bucket of the description, under the
// mode, the day in Japan and the run's key. Files of the same content that this run has put there before are taken as they are;
// something that somebody else has put there stays.
func (a *Reports) PutS3DisasterReport(ctx context.Context, in DisasterReport) (kept DisasterReportKept, err error) {
	if err := checkOperation(in.Operation); err != nil {
		return kept, err
	}
	s, err := describe(a.system)
	if err != nil {
		return kept, err
	}
	at := s.Disaster.Reports
	if at.Bucket == "" {
		return kept, fail(InvalidInput, "system.yaml does not say where reports of disasters are kept: add disaster.reports")
	}
	if err := in.Report.Check(); err != nil {
		return kept, fail(InvalidInput, "the report cannot be written: %v", err)
	}
	content, err := plan.Hash(in)
	if err != nil {
		return kept, fail(InvalidInput, "the report cannot be hashed: %v", err)
	}
	names := a.namesFor(s, activity.GetInfo(ctx))
	stem := at.Prefix + in.Report.Mode + "-" + drillreport.Day(in.Report.StartedAt) + "-" + in.Operation
	for _, f := range []struct {
		kept      *records.Document
		ending    string
		mediaType string
		write     func(drillreport.Report, drillreport.Names) ([]byte, error)
	}{{&kept.HTML, ".html", htmlType, drillreport.HTML}, {&kept.XLSX, ".xlsx", sheetType, drillreport.XLSX}} {
		*f.kept, err = a.keep(ctx, reportFile{
			operation: in.Operation, region: s.AWS.DRRegion, bucket: at.Bucket, key: stem + f.ending, content: content, mediaType: f.mediaType,
			write: func() ([]byte, error) { return f.write(in.Report, names) },
		})
		if err != nil {
			return DisasterReportKept{}, err
		}
	}
	return kept, nil
}

func (a *Reports) namesFor(s *system.System, info activity.Info) drillreport.Names {
	var owner string
	if i := slices.IndexFunc(s.Organisations, func(o system.Organisation) bool { return o.Owner }); i >= 0 {
		owner = s.Organisations[i].Name.Ja
	}
	return drillreport.Names{
		System: s.Name.Ja, Owner: owner, Person: personName(s), URL: dial.RunPage(a.ui, info.Namespace, info.WorkflowExecution.ID, info.WorkflowExecution.RunID),
	}
}

package activities

import (
	"context"
	"path"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sesv2/types"

	"tejun/internal/records"
	"tejun/internal/system"
)

// reportTypes are the files that may be attached, by their ending.
var reportTypes = map[string]string{".docx": wordType, ".html": htmlType, ".xlsx": sheetType}

// attachments reads the reports that a message carries. Only what lies where system.yaml keeps reports goes out by mail, and only
// as it was stored: another SHA-256 is an error.
func (a *SES) attachments(ctx context.Context, list []records.Document) ([]types.Attachment, error) {
	if len(list) == 0 {
		return nil, nil
	}
	s, err := describe(a.system)
	if err != nil {
		return nil, err
	}
	var all []types.Attachment
	for _, d := range list {
		file, kept := keptReport(s, d.Location)
		kind := reportTypes[path.Ext(file.key)]
		if !kept || kind == "" {
			return nil, fail(InvalidInput, "%q is not attached to mail: it is no report (.docx, .html, .xlsx) in a place that system.yaml gives to reports", d.Location)
		}
		there, etag, err := a.reports.read(ctx, file)
		switch {
		case err != nil:
			return nil, err
		case etag == "":
			return nil, fail(Drifted, "%s was to be sent by mail and is not there any more: put it back, or send it by hand", d.Location)
		case there.document(d.Location).SHA256 != d.SHA256:
			return nil, fail(Drifted, "%s is not as it was stored, so it is not sent: compare it with the evidence, then send the right one by hand", d.Location)
		}
		all = append(all, types.Attachment{
			FileName: aws.String(path.Base(file.key)), ContentType: aws.String(kind), RawContent: there.body,
			ContentDisposition: types.AttachmentContentDispositionAttachment, ContentTransferEncoding: types.AttachmentContentTransferEncodingBase64,
		})
	}
	return all, nil
}

// keptReport is the file of a location, and whether that lies where the description keeps reports.
func keptReport(s *system.System, location string) (file reportFile, kept bool) {
	bucket, key, _ := strings.Cut(strings.TrimPrefix(location, "s3://"), "/")
	for region, place := range map[string]system.DisasterReports{s.AWS.DRRegion: s.Disaster.Reports, "": {Bucket: s.Incidents.Bucket, Prefix: s.Incidents.Prefix}} {
		file = reportFile{region: region, bucket: bucket, key: key}
		if place.Bucket != "" && location == file.place() && bucket == place.Bucket && strings.HasPrefix(key, place.Prefix) && path.Clean(key) == key {
			return file, true
		}
	}
	return file, false
}

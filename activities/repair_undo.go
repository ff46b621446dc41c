package activities

import (
	"context"
	"fmt"

	"tejun/internal/system"
)

// undoKey is where a run's undo script lies.
func undoKey(s *system.System, operation string) string { return s.Repairs.Prefix + operation + ".sql" }

// RepairUndo names the undo script of a run.
type RepairUndo struct {
	Operation string `json:"operation"`
	SHA256    string `json:"sha256"` // as planned
}

// RepairUndoKept says where the script lies.
type RepairUndoKept struct {
	Location string `json:"location"` // s3://bucket/key
	SHA256   string `json:"sha256"`
}

// PutS3RepairUndo keeps the undo script in S3, before the repair. It never overwrites: another script under its name is an
// error, the same one is done.
func (a *S3) PutS3RepairUndo(ctx context.Context, in RepairUndo) (RepairUndoKept, error) {
	if err := checkOperation(in.Operation); err != nil {
		return RepairUndoKept{}, err
	}
	s, err := describe(a.system)
	if err != nil {
		return RepairUndoKept{}, err
	}
	script, err := a.changes.records.LoadState(ctx, in.Operation, repairUndoState)
	if err != nil {
		return RepairUndoKept{}, recordsError(err, "read the undo script of the preview")
	}
	if hashText(string(script)) != in.SHA256 {
		return RepairUndoKept{}, fail(Drifted, "the undo script that was kept is not the one of the approved plan: start a new run")
	}
	bucket, key := s.Repairs.Bucket, undoKey(s, in.Operation)
	kept := RepairUndoKept{Location: fmt.Sprintf("s3://%s/%s", bucket, key), SHA256: in.SHA256}
	if err := fence(ctx, a.changes.records, in.Operation+"/"+kept.Location); err != nil {
		return RepairUndoKept{}, err
	}
	there, _, err := a.readUpTo(ctx, bucket, key, largestUndo)
	if err != nil {
		return RepairUndoKept{}, Classify(err, "read "+kept.Location)
	}
	if !there.Exists {
		err := a.write(ctx, bucket, key, page{Exists: true, Body: script, ContentType: "application/sql; charset=utf-8", Metadata: map[string]string{ownerKey: in.Operation}}, "")
		if err != nil {
			return RepairUndoKept{}, Classify(err, "write "+kept.Location)
		}
		if there, _, err = a.readUpTo(ctx, bucket, key, largestUndo); err != nil {
			return RepairUndoKept{}, Classify(err, "read "+kept.Location+" back")
		}
		if !there.Exists {
			return RepairUndoKept{}, fail(NotYet, "%s was accepted and does not show yet; it is looked at again", kept.Location)
		}
	}
	if hashText(string(there.Body)) != in.SHA256 {
		return RepairUndoKept{}, fail(Drifted, "%s holds another script than this run's: it was left alone", kept.Location)
	}
	return kept, nil
}

// largestUndo is the largest script that is read back: 10,000 rows of several kilobytes.
const largestUndo = 256 << 20

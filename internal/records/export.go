package records

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// exportFormat is the value of Manifest.Format that this program writes and reads.
const exportFormat = hashVersion

// Manifest is the first line of an export.
type Manifest struct {
	Format     string    `json:"format"` // "tejun-evidence-1"
	WorkflowID string    `json:"workflowId"`
	Count      int       `json:"count"` // rows that follow
	Head       string    `json:"head"`  // hash of the last one, "" if there is none
	ExportedAt time.Time `json:"exportedAt"`
}

// Export writes a workflow's evidence as JSON Lines in UTF-8: a Manifest, then one Row a line in order. Bodies are
// written byte for byte as they were hashed. An export is written whatever its state, as a broken chain is evidence
// too; VerifyChain finds what is wrong with it.
func (s *Store) Export(ctx context.Context, workflowID string, w io.Writer) error {
	chain, err := s.ReadChain(ctx, workflowID)
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if chain.Count == 0 && len(chain.Rows) == 0 {
		return fmt.Errorf("export: evidence of %s: %w", workflowID, ErrNotFound)
	}
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false) // it would change the bytes of bodies
	manifest := Manifest{Format: exportFormat, WorkflowID: workflowID, Count: chain.Count, Head: chain.Head, ExportedAt: utc(time.Now())}
	if err := enc.Encode(manifest); err != nil {
		return fmt.Errorf("export the evidence of %s: %w", workflowID, err)
	}
	for _, row := range chain.Rows {
		if err := enc.Encode(row); err != nil {
			return fmt.Errorf("export row %d of the evidence of %s: %w", row.Seq, workflowID, err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("export the evidence of %s: %w", workflowID, err)
	}
	return nil
}

// ReadExport reads what Export wrote. It refuses what is not an export; whether the rows are whole is for
// VerifyChain(rows, manifest.Count, manifest.Head) to say, and whether the manifest is the true one for the count and
// head in the workflow's history.
func ReadExport(r io.Reader) (Manifest, []Row, error) {
	in := bufio.NewReader(r)
	var manifest Manifest
	line, err := nextLine(in)
	if err == nil {
		err = strict(line, &manifest)
	}
	switch {
	case errors.Is(err, io.EOF) && len(line) == 0:
		return Manifest{}, nil, errors.New("read the export: it is empty")
	case err != nil:
		return Manifest{}, nil, fmt.Errorf("read the export: line 1 is no manifest of %s: %w", exportFormat, err)
	case manifest.Format != exportFormat:
		return Manifest{}, nil, fmt.Errorf("read the export: its format is %q, this program reads %q", manifest.Format, exportFormat)
	}
	var rows []Row
	for number := 2; ; number++ {
		line, err := nextLine(in)
		if errors.Is(err, io.EOF) {
			return manifest, rows, nil
		}
		if err != nil {
			return manifest, nil, fmt.Errorf("read the export: line %d: %w", number, err)
		}
		var row Row
		if err := strict(line, &row); err != nil {
			return manifest, nil, fmt.Errorf("read the export: line %d is no row of evidence, so the file is cut off or damaged there: %w", number, err)
		}
		if row.WorkflowID != manifest.WorkflowID {
			return manifest, nil, fmt.Errorf("read the export: line %d is evidence of %s, the export is of %s", number, row.WorkflowID, manifest.WorkflowID)
		}
		rows = append(rows, row)
	}
}

// nextLine returns a line without its end, io.EOF after the last one. Bodies may be long, so no bufio.Scanner.
func nextLine(in *bufio.Reader) ([]byte, error) {
	line, err := in.ReadBytes('\n')
	if err != nil && (!errors.Is(err, io.EOF) || len(line) == 0) {
		return nil, err
	}
	return bytes.TrimRight(line, "\r\n"), nil
}

func strict(line []byte, into any) error {
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return err
	}
	if dec.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

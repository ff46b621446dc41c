package records

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
)

// hashVersion begins what is hashed, so that another way to hash can never be mistaken for this one.
const hashVersion = "tejun-evidence-1"

// FindingKind sorts findings for programs; people read the text.
type FindingKind string

// What can be wrong with a chain.
const (
	Changed   FindingKind = "changed"   // a row's content does not give its hash, or another row took its place
	Missing   FindingKind = "missing"   // rows between two others, or before the first
	Reordered FindingKind = "reordered" // rows stand in another order than they were written
	Repeated  FindingKind = "repeated"  // a number stands twice
	Cut       FindingKind = "cut"       // rows after the last
	Added     FindingKind = "added"     // rows that the head does not know
	Foreign   FindingKind = "foreign"   // a row of another workflow
	WrongHead FindingKind = "head"      // the head names another last row
)

// Finding is one thing that is wrong.
type Finding struct {
	Kind FindingKind `json:"kind"`
	Seq  int         `json:"seq"`  // the row it is about; the first one when several are missing
	Text string      `json:"text"` // for people
}

// VerifyChain checks the rows of one workflow, in the order given, against each other and against the head, without a
// database. No findings means that the chain is whole.
//
// A row's hash is the SHA-256 over these fields in UTF-8, each behind its length in 8 bytes, big-endian: the text
// "tejun-evidence-1", prevHash, workflowId, seq, runId, key, kind, step, at in microseconds since 1970, body.
//
// Someone who may write to every table can replace the whole chain together with its head. So compare with a count and
// head that were kept elsewhere: each append returns them into the workflow's history, and exports carry them.
func VerifyChain(rows []Row, count int, head string) []Finding {
	var found []Finding
	report := func(kind FindingKind, seq int, format string, args ...any) {
		found = append(found, Finding{Kind: kind, Seq: seq, Text: fmt.Sprintf(format, args...)})
	}
	var before Row // the row that the next one must follow; Seq 0 before the first
	sound := true  // whether before's content gives its hash
	for i, row := range rows {
		ok := rowHash(row, row.Seq) == row.Hash
		if row.WorkflowID != rows[0].WorkflowID {
			report(Foreign, row.Seq, "row %d belongs to another workflow: %s instead of %s", row.Seq, row.WorkflowID, rows[0].WorkflowID)
		}
		if !ok {
			if was := writtenAs(row, max(count, len(rows))); was > 0 {
				report(Reordered, row.Seq, "row %d was reordered: it was written as row %d", row.Seq, was)
			} else {
				report(Changed, row.Seq, "row %d was changed: its content does not give its hash", row.Seq)
			}
		}
		switch {
		case row.Seq <= 0:
			report(Changed, row.Seq, "row at place %d was changed: its number is %d", i+1, row.Seq)
		case row.Seq == before.Seq:
			report(Repeated, row.Seq, "row %d stands twice", row.Seq)
		case row.Seq < before.Seq:
			report(Reordered, row.Seq, "rows were reordered: row %d stands after row %d", row.Seq, before.Seq)
		case row.Seq > before.Seq+1:
			report(Missing, before.Seq+1, "%s", missing(before.Seq, row.Seq))
		case row.PrevHash != before.Hash && ok && sound:
			if before.Seq == 0 {
				report(Changed, row.Seq, "row %d was changed or replaced: it is the first, yet it names a row before it", row.Seq)
			} else {
				report(Changed, before.Seq, "row %d was changed or replaced together with its hash: row %d names another hash", before.Seq, row.Seq)
			}
		}
		if row.Seq > before.Seq {
			before, sound = row, ok
		}
	}
	switch {
	case before.Seq < count:
		report(Cut, before.Seq+1, "the tail was cut: the head says %s, found %d", plural(count), before.Seq)
	case before.Seq > count:
		report(Added, count+1, "rows were added past the head: the head says %s, found %d", plural(count), before.Seq)
	case before.Hash != head && sound:
		report(WrongHead, count, "the head does not belong to row %d: the head says %s, the row has %s; the row was replaced together with its hash, or the head was changed",
			count, short(head), short(before.Hash))
	}
	return found
}

// rowHash must give the same as tejun.evidence_hash in the database.
func rowHash(r Row, seq int) string {
	h := sha256.New()
	for _, field := range []string{
		hashVersion, r.PrevHash, r.WorkflowID, strconv.Itoa(seq), r.RunID, r.Key, r.Kind, r.Step,
		strconv.FormatInt(r.At.UnixMicro(), 10), string(r.Body),
	} {
		var length [8]byte
		binary.BigEndian.PutUint64(length[:], uint64(len(field)))
		h.Write(length[:])
		h.Write([]byte(field))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// writtenAs finds the number under which the row's content gives its hash, 0 if there is none: then only its number
// was changed.
func writtenAs(r Row, most int) int {
	for seq := 1; seq <= most; seq++ {
		if seq != r.Seq && rowHash(r, seq) == r.Hash {
			return seq
		}
	}
	return 0
}

func missing(before, after int) string {
	rows := fmt.Sprintf("rows %d to %d are missing", before+1, after-1)
	if before+2 == after {
		rows = fmt.Sprintf("row %d is missing", before+1)
	}
	if before == 0 {
		return fmt.Sprintf("%s before row %d", rows, after)
	}
	return fmt.Sprintf("%s between rows %d and %d", rows, before, after)
}

func plural(n int) string {
	if n == 1 {
		return "1 row"
	}
	return fmt.Sprintf("%d rows", n)
}

func short(hash string) string {
	if hash == "" {
		return "no hash"
	}
	return hash[:min(12, len(hash))] + "…"
}

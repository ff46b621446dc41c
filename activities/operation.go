package activities

import (
	"crypto/sha256"
	"encoding/hex"
)

// OperationOf is the stable key of a run's effects: 12 hex digits. It survives retries and Reset, which keep the ID of the first
// run, and differs for a new run under an old workflow ID.
func OperationOf(workflowID, firstRunID string) string {
	sum := sha256.Sum256([]byte(workflowID + "\x00" + firstRunID))
	return hex.EncodeToString(sum[:6])
}

package activities

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"tejun/internal/plan"
)

// How much of a difference a message shows; a history keeps every message.
const (
	driftLines = 40
	driftWidth = 200 // characters
)

// driftError says that an object is neither as planned nor as this run left it, and how it differs. expected and now
// are excerpts without secrets.
func driftError(resource string, expected, now map[string]any) error {
	difference := "the planned state is not at hand to compare with"
	if len(expected) > 0 {
		difference = diffText(resource, expected, now)
	}
	return fail(Drifted, "%s was changed by somebody else. Nothing was overwritten. What differs (- expected, + found):\n%s\n"+
		"Find out who changed it and why. Then put it back and answer retry, or answer rollback.", resource, difference)
}

// diffText shows the changed lines of two excerpts, with the heading that each stands under.
func diffText(resource string, expected, now map[string]any) string {
	c, err := plan.NewChange(resource, "", expected, now, nil, nil)
	if err != nil {
		return "the difference cannot be shown: " + err.Error()
	}
	var shown []string
	context := ""
	for _, line := range c.Diff() {
		if line.Op == ' ' {
			context = line.Text
			continue
		}
		if context != "" && strings.HasSuffix(strings.TrimSpace(context), "{") {
			shown = append(shown, "  "+context)
		}
		context = ""
		text := []rune(line.Text)
		if len(text) > driftWidth {
			text = append(text[:driftWidth:driftWidth], '…')
		}
		shown = append(shown, fmt.Sprintf("%c %s", line.Op, string(text)))
	}
	if len(shown) == 0 {
		return "only values that are not shown here"
	}
	if len(shown) > driftLines {
		shown = append(shown[:driftLines], fmt.Sprintf("… and %d more lines", len(shown)-driftLines))
	}
	return strings.Join(shown, "\n")
}

// hidden stands for a secret: two of them can be told apart, and neither can be read.
func hidden(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return "(hidden, sha256 " + hex.EncodeToString(sum[:6]) + ")"
}

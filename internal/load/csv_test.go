package load

import (
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

// FuzzHarmless makes sure that no cell is calculated, ends its line, or says something else.
func FuzzHarmless(f *testing.F) {
	for _, text := range []string{"=1+1", " +1", "　@SUM(A1)", "\t=1", "-2", "＝1", "a\r\n=1", "\x00=1", "|cmd", "'=1", "北海道", "\u200b=1", "\ufeff=1"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		text := readable(raw)
		cell := harmless(text)
		require.NotContains(t, cell, "\n")
		require.NotContains(t, cell, "\r")
		bare := strings.TrimLeft(cell, " \t\u3000\u00a0\u200b\ufeff")
		require.False(t, bare != "" && strings.ContainsAny(bare[:1], "=+-@|"), "%q would be calculated", cell)
		if !strings.ContainsFunc(text, unicode.IsControl) && !strings.ContainsAny(text, "\u2028\u2029") {
			require.Contains(t, []string{text, "'" + text}, cell)
		}
	})
}

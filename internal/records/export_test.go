package records

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func exported(t *testing.T) []byte {
	t.Helper()
	s := openStore(t)
	appendFacts(t, s, t.Name(), 3)
	_, err := s.AppendEvidence(t.Context(), fact(t.Name(), "angle", `"<b>&\u2028 停止"`))
	require.NoError(t, err)
	var out bytes.Buffer
	require.NoError(t, s.Export(t.Context(), t.Name(), &out))
	return out.Bytes()
}

func TestAnExportVerifiesOffline(t *testing.T) {
	before := time.Now()
	file := exported(t)
	manifest, rows, err := ReadExport(bytes.NewReader(file))
	require.NoError(t, err)
	assert.Equal(t, "tejun-evidence-1", manifest.Format)
	assert.Equal(t, t.Name(), manifest.WorkflowID)
	assert.Equal(t, 4, manifest.Count)
	assert.WithinDuration(t, before, manifest.ExportedAt, time.Minute)
	assert.Empty(t, VerifyChain(rows, manifest.Count, manifest.Head))
	assert.Equal(t, 5, bytes.Count(file, []byte("\n")), "a line each")

	stored, err := openStore(t).ListEvidence(t.Context(), t.Name())
	require.NoError(t, err)
	assert.Equal(t, stored, rows)
}

func TestAChangedExportIsFoundOut(t *testing.T) {
	file := exported(t)
	manifest, rows, err := ReadExport(bytes.NewReader(bytes.Replace(file, []byte(`{"n":2}`), []byte(`{"n":9}`), 1)))
	require.NoError(t, err)
	found := VerifyChain(rows, manifest.Count, manifest.Head)
	require.Len(t, found, 1)
	assert.Equal(t, Changed, found[0].Kind)

	lines := bytes.SplitAfter(file, []byte("\n"))
	manifest, rows, err = ReadExport(bytes.NewReader(bytes.Join(lines[:3], nil)))
	require.NoError(t, err)
	assert.Equal(t, []Finding{{Cut, 3, "the tail was cut: the head says 4 rows, found 2"}}, VerifyChain(rows, manifest.Count, manifest.Head))
}

func TestReadExportRefusesWhatIsNoExport(t *testing.T) {
	file := string(exported(t))
	lines := strings.SplitAfter(file, "\n")
	for want, text := range map[string]string{
		"it is empty":                               "",
		"line 1 is no manifest":                     "hello\n",
		`its format is "other"`:                     strings.Replace(file, "tejun-evidence-1", "other", 1),
		"line 5 is no row of evidence, so the file": file[:len(file)-30],
		"unknown field":                             strings.Replace(file, `"seq":2`, `"sequence":2`, 1),
		"more than one JSON value":                  strings.TrimSuffix(lines[0], "\n") + "{}\n",
		"line 2 is evidence of other":               lines[0] + strings.Replace(lines[1], t.Name(), "other", 1),
	} {
		_, _, err := ReadExport(strings.NewReader(text))
		assert.ErrorContains(t, err, want)
	}
	_, _, err := ReadExport(&brokenReader{text: lines[0]})
	assert.ErrorContains(t, err, "line 2: disk")
}

type brokenReader struct{ text string }

func (b *brokenReader) Read(p []byte) (int, error) {
	if b.text == "" {
		return 0, errors.New("disk")
	}
	n := copy(p, b.text)
	b.text = b.text[n:]
	return n, nil
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk full") }

func TestExportReportsWhatGoesWrong(t *testing.T) {
	s := openStore(t)
	assert.ErrorIs(t, s.Export(t.Context(), t.Name(), &bytes.Buffer{}), ErrNotFound)
	_, err := s.AppendEvidence(t.Context(), fact(t.Name(), "k", `"`+strings.Repeat("x", 10000)+`"`))
	require.NoError(t, err)
	assert.ErrorContains(t, s.Export(t.Context(), t.Name(), fullDisk{}), "disk full")
}

func FuzzReadExport(f *testing.F) {
	f.Add([]byte(`{"format":"tejun-evidence-1","workflowId":"w","count":1,"head":"","exportedAt":"2026-04-01T00:00:00Z"}` + "\n" + `{"seq":1,"workflowId":"w","body":{}}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		manifest, rows, err := ReadExport(bytes.NewReader(file))
		if err == nil {
			VerifyChain(rows, manifest.Count, manifest.Head)
		}
	})
}

package e2e

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/xuri/excelize/v2"
	"golang.org/x/net/html"

	"tejun/activities"
	"tejun/internal/drillreport"
	"tejun/internal/plan"
	"tejun/internal/sandbox"
	"tejun/internal/system"
	"tejun/workflows"
)

// whole is the span between two moments in whole seconds, as a person reads it off their clocks.
func whole(later, earlier time.Time) int {
	return int(later.Truncate(time.Second).Sub(earlier.Truncate(time.Second)).Seconds())
}

// firstFromOutside is when the DR site first answered well on every path under the rehearsal's name, by the site's own log.
func (w *world) firstFromOutside() (at time.Time) {
	w.t.Helper()
	out := w.system().Disaster.Outside
	for _, path := range out.Paths {
		good, ok := w.visits.first(path, out.RehearsalHeaders, out.Header, w.system().AWS.DRRegion)
		require.True(w.t, ok, path)
		if good.After(at) {
			at = good
		}
	}
	return at
}

// sawFromOutside is the evidence of the look from outside that was answered well: when it ended, and the hash of what it saw.
func (r *run) sawFromOutside() (ended time.Time, hash string) {
	r.t.Helper()
	for _, row := range r.evidence() {
		var look struct {
			Activity, OutputSHA256, Error string
			EndedAt                       time.Time
		}
		if row.Kind != "activity" {
			continue
		}
		require.NoError(r.t, json.Unmarshal(row.Body, &look))
		if look.Activity == "CheckDisasterOutside" && look.Error == "" {
			return look.EndedAt, look.OutputSHA256
		}
	}
	require.FailNow(r.t, "nobody has looked from outside")
	return ended, hash
}

// declared is when the drill was declared, by its evidence.
func (r *run) declared() (at time.Time) {
	r.t.Helper()
	for _, a := range r.decisions() {
		if a.Gate == "declare" && a.Accepted {
			at = a.At
		}
	}
	require.NotZero(r.t, at)
	return at
}

// measuredAlike makes sure that RTO and RPO are, to the second, what the site's log, the evidence, AWS's journal and the copy say that
// came up, and that the run's result, the register, the report and its workbook say the same.
func (r *run) measuredAlike(out workflows.DisasterRecoveryResult) {
	t := r.t
	t.Helper()
	declared, row := r.declared(), r.registered()
	looked, hash := r.sawFromOutside()
	saw, err := plan.Hash(activities.DisasterOutsideSeen{AnsweredBy: r.system().AWS.DRRegion, At: *out.RestoredAt})
	require.NoError(t, err)
	require.Equal(t, hash, saw, "the moment is that of the evidence")
	answered := r.firstFromOutside()
	require.False(t, out.RestoredAt.Before(answered), "the site was asked at %s, and the answer seen at %s", answered, out.RestoredAt)
	require.False(t, out.RestoredAt.After(looked), "the look ended at %s, and the answer was seen at %s", looked, out.RestoredAt)
	redirected, ttl := r.redirects()
	require.False(t, answered.Before(redirected[0].At.Add(ttl)), "the old answers had run out: asked at %s, redirected at %s", answered, redirected[0].At)
	require.False(t, out.ReturnedAt.Before(redirected[1].At.Add(ttl)))

	rto, rpo := whole(*out.RestoredAt, declared), whole(declared, r.copied)
	require.GreaterOrEqual(t, rto, whole(answered, declared))
	require.LessOrEqual(t, rto, whole(looked, declared))
	require.True(t, r.copied.Equal(*out.DataAt), "the data are of %s, not of %s", r.copied, out.DataAt)
	require.Equal(t, declared.Truncate(time.Second), out.DeclaredAt.Truncate(time.Second))
	require.Equal(t, []int{rto, rpo}, []int{*out.RTO, *out.RPO})
	require.Equal(t, []int{rto, rpo, *out.RTOHuman}, []int{*row.RTO, *row.RPO, *row.RTOHuman})

	page, book := r.reportOf(out), r.workbookOf(out)
	for name, seconds := range map[string]int{"復旧時間（RTO）": rto, "復旧時点（RPO）": rpo} {
		require.Equal(t, drillreport.InWords(time.Duration(seconds)*time.Second), tileOf(page)[name], name)
	}
	require.Equal(t, []int{rto, rpo, *out.RTOHuman}, []int{book["RTO実績"], book["RPO実績"], book["（うち人）"]})
}

// redirects are the two changes of the rehearsal's records, and how long the old answers may be given afterwards.
func (r *run) redirects() (made []sandbox.Entry, ttl time.Duration) {
	r.t.Helper()
	for _, e := range r.journal() {
		if e.Operation == "ChangeResourceRecordSets" && e.Effect {
			made = append(made, e)
		}
	}
	require.Len(r.t, made, 2)
	return made, 5 * time.Second
}

// tileOf reads the tiles of the report: what stands large under each name.
func tileOf(page string) map[string]string {
	tiles := map[string]string{}
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		return tiles
	}
	name := ""
	for n := range document.Descendants() {
		switch {
		case n.Type != html.ElementNode:
		case classOf(n) == "name":
			name = textOf(n.FirstChild)
		case classOf(n) == "value" && name != "":
			tiles[name] = textOf(n)
			name = ""
		}
	}
	return tiles
}

func classOf(n *html.Node) string {
	for _, a := range n.Attr {
		if a.Key == "class" {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) (text string) {
	for in := range n.Descendants() {
		if in.Type == html.TextNode {
			text += in.Data
		}
	}
	return strings.TrimSpace(text)
}

// workbookOf reads the spans of the workbook's first sheet, in seconds. Of rows of the same name it is the first.
func (w *world) workbookOf(out workflows.DisasterRecoveryResult) map[string]int {
	w.t.Helper()
	out.Report = strings.TrimSuffix(out.Report, ".html") + ".xlsx"
	book, err := excelize.OpenReader(bytes.NewReader([]byte(w.reportOf(out))))
	require.NoError(w.t, err)
	rows, err := book.GetRows("概要", excelize.Options{RawCellValue: true})
	require.NoError(w.t, err)
	spans := map[string]int{}
	for _, row := range rows {
		if len(row) < 2 {
			continue
		}
		days, err := strconv.ParseFloat(row[1], 64)
		if _, known := spans[row[0]]; err == nil && !known {
			spans[row[0]] = int(math.Round(days * 24 * 60 * 60))
		}
	}
	require.NoError(w.t, book.Close())
	return spans
}

// seedCopy puts a copy of the data into the DR region, taken some time ago.
func (w *world) seedCopy(s *system.System, ago time.Duration) {
	w.t.Helper()
	w.copied = time.Now().Add(-ago).UTC()
	require.NoError(w.t, w.box.SeedCopy(w.t.Context(), s, w.copied))
}

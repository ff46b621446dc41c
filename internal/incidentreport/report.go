// Package incidentreport writes 障害報告書, the report of an incident, as a Word document: the ministry passes such reports on
// and adds to them, which a PDF would not allow. The text stands in a template; this package knows its form only.
package incidentreport

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"time"

	"tejun/internal/records"
	"tejun/internal/sla"
)

//go:embed report.txt.tmpl
var text string

// mostFacts is how many facts of a diagnosis a report shows: those that are not as they should be come first.
const mostFacts = 30

// Report is what a report says.
type Report struct {
	System   string // the operated system's name in Japanese
	Severity string // its title in Japanese
	Incident records.Incident
	Problem  records.Problem
	Now      time.Time
	Person   func(id string) string // name in Japanese

	parts
}

// parts are sorted out of the incident.
type parts struct {
	Facts       []records.Fact
	Workarounds []records.IncidentNote
	Pauses      []sla.Pause
	Timeline    []moment
}

// moment is a line of the report's course of events.
type moment struct {
	At   time.Time
	What string
}

// Write makes the document. Two documents of the same report read the same, and may differ in their bytes.
func Write(r Report) ([]byte, error) {
	r.parts = sortOut(r.Incident, r.Person)
	t, err := template.New("report").Funcs(words(r.Person)).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("report of %s: %w", r.Incident.ID, err)
	}
	var lines bytes.Buffer
	if err := t.Execute(&lines, r); err != nil {
		return nil, fmt.Errorf("report of %s: %w", r.Incident.ID, err)
	}
	return document("障害報告書 "+r.Incident.ID, r.System, lines.String())
}

// noteWords say in Japanese what a note is, in the course of events.
var noteWords = map[string]string{
	"note": "記録", "workaround": "暫定対応", "pause": "時計の停止（報告者への確認待ち）", "resume": "時計の再開", "severity": "重要度の変更", "recovery": "復旧の報告",
	"report": "第一報（別の手段）", "diagnose": "再調査", "unstable": "復旧の未確認", "stable": "復旧の確認", "rejected": "終結の差戻し",
	"relapse": "復旧していないとの報告", "cause-dropped": "原因の記録の取下げ",
}

func sortOut(in records.Incident, person func(string) string) parts {
	p := parts{}
	shown := 0
	for _, f := range in.Facts {
		if f.Source == records.DiagnosisSource {
			shown = -1
		}
		if shown++; shown <= mostFacts {
			p.Facts = append(p.Facts, f)
		}
	}
	add := func(at time.Time, format string, args ...any) {
		p.Timeline = append(p.Timeline, moment{at, fmt.Sprintf(format, args...)})
	}
	add(in.DetectedAt, "検知：%s", in.Title)
	if in.AcknowledgedAt != nil {
		add(*in.AcknowledgedAt, "対応開始：%s", person(in.AcknowledgedBy))
	}
	if in.ReportedAt != nil {
		add(*in.ReportedAt, "第一報の送付")
	}
	for _, e := range in.Escalations {
		add(e.At, "エスカレーション：%s（%s）", recipient(e.To, person), e.Why)
	}
	for _, n := range in.Notes {
		if n.Kind == "workaround" {
			p.Workarounds = append(p.Workarounds, n)
		}
		by := ""
		if n.By != "" {
			by = "（" + person(n.By) + "）"
		}
		what := noteWords[n.Kind]
		if what == "" {
			what = n.Kind
		}
		add(n.At, "%s：%s%s", what, n.Text, by)
	}
	for _, f := range in.Fixes {
		add(f.StartedAt, "%s を開始：%s（%s）", f.Runbook, f.Why, person(f.By))
		if f.EndedAt != nil {
			add(*f.EndedAt, "%s が終了：%s", f.Runbook, outcome(f.Outcome))
		}
	}
	if in.ClosedAt != nil {
		add(*in.ClosedAt, "終結")
	}
	slices.SortStableFunc(p.Timeline, func(a, b moment) int { return a.At.Compare(b.At) })
	for _, c := range in.Clocks {
		if len(c.Pauses) > len(p.Pauses) {
			p.Pauses = c.Pauses
		}
	}
	return p
}

// recipient is who was told: a person's name, or the name of a mail list.
func recipient(to string, person func(string) string) string {
	if id, isPerson := strings.CutPrefix(to, "person:"); isPerson {
		return person(id)
	}
	return "通知先 " + to
}

var (
	jst     = time.FixedZone("JST", 9*60*60)
	levels  = map[string]string{"high": "高", "medium": "中", "low": "低"}
	sources = map[string]string{"monitoring": "システム監視", "ministry": "経済産業省", "inquiry": "問い合わせ", "operator": "運用担当"}
	clocks  = map[string]string{"acknowledge": "対応開始", "first-report": "第一報", "recovery": "復旧"}
	kinds   = map[sla.Kind]string{sla.Always: "24時間365日", sla.Business: "業務時間"}
)

// words are the functions of the template.
func words(person func(string) string) template.FuncMap {
	named := func(names map[string]string) func(string) string {
		return func(key string) string {
			if name, ok := names[key]; ok {
				return name
			}
			return cell(key)
		}
	}
	one := func(id string) string { return cell(person(id)) }
	return template.FuncMap{
		"jst": inJapan, "maybe": maybe, "cell": cell, "list": list, "span": span, "outcome": func(s string) string { return cell(outcome(s)) },
		"level": named(levels), "source": named(sources), "clock": named(clocks), "kind": func(k sla.Kind) string { return kinds[k] },
		"person": one,
		"people": func(ids []string) string {
			var names []string
			for _, id := range ids {
				names = append(names, one(id))
			}
			return strings.Join(names, "、")
		},
	}
}

func inJapan(t time.Time) string { return t.In(jst).Format("2006年1月2日 15:04") }

func maybe(t *time.Time) string {
	if t == nil {
		return "―"
	}
	return inJapan(*t)
}

func list(names []string) string {
	if len(names) == 0 {
		return "―"
	}
	return cell(strings.Join(names, "、"))
}

func outcome(s string) string {
	switch s {
	case "":
		return "実行中"
	case "succeeded":
		return "成功"
	}
	return s
}

// span writes a time span in Japanese: 1時間30分, 45秒.
func span(d time.Duration) string {
	sign := ""
	if d < 0 {
		sign, d = "-", -d
	}
	d = d.Round(time.Second)
	h, m, s := int(d.Hours()), int(d.Minutes())%60, int(d.Seconds())%60
	text := ""
	if h > 0 {
		text += fmt.Sprintf("%d時間", h)
	}
	if m > 0 {
		text += fmt.Sprintf("%d分", m)
	}
	if h == 0 && s > 0 || text == "" {
		text += fmt.Sprintf("%d秒", s)
	}
	return sign + text
}

// cell keeps what people wrote within its cell.
func cell(s string) string {
	return strings.NewReplacer("\r", "", "\n", " ／ ", "|", "｜").Replace(strings.TrimSpace(s))
}

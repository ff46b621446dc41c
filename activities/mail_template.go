package activities

import (
	"embed"
	"slices"
	"strings"
	"text/template"
	"unicode"

	"tejun/internal/system"
)

//go:embed templates/*.tmpl
var mailFiles embed.FS

// MailKeys are the keys of Mail.Data that templates know. All values are text, times already in words.
var MailKeys = []string{
	"title", "reason", "start", "end", "services", "runId", "runbook", "gate", "plan", "until", "requester", "step", "error", "uiUrl", "detail", "mode", "gone",
	"outcome", "left", "skipped", "seen", "answers",
}

// mailNeeds lists, for each template, the keys without which its message would make no sense.
var mailNeeds = map[string][]string{
	"outage-announcement":   {"title", "start", "end", "runId"},
	"outage-end":            {"title", "runId"},
	"outage-cancelled":      {"title", "start", "end", "runId"},
	"approval-request":      {"title", "gate", "plan", "until", "runId"},
	"approval-reminder":     {"title", "gate", "plan", "until", "runId"},
	"approval-escalation":   {"title", "gate", "plan", "until", "runId"},
	"after-request":         {"title", "plan", "until", "runId"},
	"after-overdue":         {"title", "plan", "until", "runId"},
	"after-never":           {"title", "plan", "until", "runId"},
	"step-held":             {"step", "error", "runId"},
	"undo-failed":           {"step", "error", "runId"},
	"arrival-problem":       {"detail", "runId"},
	"backup-missing":        {"error", "detail", "start", "runId"},
	"support-request":       {"title", "requester", "until", "detail", "runId"},
	"support-create":        {"title", "until", "detail", "runId"},
	"support-returned":      {"title", "error", "until", "runId"},
	"support-done":          {"title", "detail", "runId"},
	"support-ended":         {"title", "error", "runId"},
	"release-done":          {"title", "detail", "runId"},
	"release-rolled-back":   {"title", "error", "detail", "runId"},
	"release-unclear":       {"title", "error", "detail", "runId"},
	"setting-done":          {"title", "detail", "runId"},
	"setting-undone":        {"title", "error", "detail", "runId"},
	"setting-not-made":      {"title", "error", "detail", "runId"},
	"setting-stays":         {"title", "error", "detail", "runId"},
	"setting-unclear":       {"title", "error", "detail", "runId"},
	"window-decision":       {"title", "end", "until", "runId"},
	"window-overrun":        {"title", "end", "until", "runId"},
	"incident-opened":       {"title", "detail", "runId"},
	"incident-escalation":   {"title", "error", "detail", "runId"},
	"incident-first-report": {"title", "reason", "start", "detail", "runId"},
	"incident-unstable":     {"title", "error", "runId"},
	"incident-fix":          {"title", "step", "error", "runId"},
	"incident-closed":       {"title", "end", "detail", "runId"},
	"incident-withdrawn":    {"title", "error", "runId"},
	"disaster-declared":     {"title", "mode", "runId"},
	"disaster-at-risk":      {"title", "mode", "step", "until", "runId"},
	"disaster-doubt":        {"title", "mode", "error", "runId"},
	"disaster-redirected":   {"title", "mode", "runId"},
	"disaster-return-doubt": {"title", "mode", "error", "runId"},
	"disaster-again-doubt":  {"title", "mode", "error", "runId"},
	"disaster-serves-again": {"title", "mode", "runId"},
	"disaster-data-back":    {"title", "mode", "until", "runId"},
	"disaster-returned":     {"title", "mode", "runId"},
	"disaster-report":       {"title", "mode", "detail", "runId"},
	"readiness-warning":     {"error", "detail", "runId"},
	"readiness-repeated":    {"error", "detail", "runId"},
	"readiness-well":        {"runId"},
}

// mailTemplate is a message's subject and body.
type mailTemplate struct{ subject, body *template.Template }

// mailFuncs are what templates can call. takes tells whether an answer is among those that the question takes; mail that does not say
// what it takes is of an earlier edition, which always named all.
var mailFuncs = template.FuncMap{"takes": func(answers, answer string) bool {
	return answers == "" || slices.Contains(strings.Fields(answers), answer)
}}

// mailTemplates are parsed once; a template that does not parse stops the program at its start, and its tests.
var mailTemplates = mustParseMails()

func mustParseMails() map[string]mailTemplate {
	all := map[string]mailTemplate{}
	for name := range mailNeeds {
		text, err := mailFiles.ReadFile("templates/" + name + ".txt.tmpl")
		if err != nil {
			panic(err)
		}
		first, rest, _ := strings.Cut(string(text), "\n")
		subject, found := strings.CutPrefix(first, "Subject: ")
		if !found {
			panic("templates/" + name + ".txt.tmpl does not begin with Subject:")
		}
		all[name] = mailTemplate{
			subject: withShared(name, subject),
			body:    withShared(name, strings.TrimLeft(rest, "\n")),
		}
	}
	return all
}

// withShared parses a text that may use what footer.tmpl defines.
func withShared(name, text string) *template.Template {
	return template.Must(template.Must(template.New(name).Funcs(mailFuncs).ParseFS(mailFiles, "templates/footer.tmpl")).Parse(text))
}

// renderMail makes subject and body. The subject is rendered by itself, so that a line break in the data is found
// instead of becoming a header.
func renderMail(s *system.System, in Mail) (subject, body string, err error) {
	t, ok := mailTemplates[in.Template]
	if !ok {
		return "", "", fail(InvalidInput, "there is no mail template %q", in.Template)
	}
	data := map[string]string{"system": s.Name.Ja}
	for _, key := range MailKeys {
		data[key] = ""
	}
	for key, value := range in.Data {
		if !slices.Contains(MailKeys, key) {
			return "", "", fail(InvalidInput, "mail %s: no template uses the key %q; the keys are %s", in.Template, key, strings.Join(MailKeys, ", "))
		}
		data[key] = strings.TrimRight(value, " \r\n")
	}
	for _, key := range mailNeeds[in.Template] {
		if strings.TrimSpace(data[key]) == "" {
			return "", "", fail(InvalidInput, "mail %s: %q is missing", in.Template, key)
		}
	}
	var head, text strings.Builder
	if err := t.subject.Execute(&head, data); err != nil {
		return "", "", fail(InvalidInput, "mail %s: %v", in.Template, err)
	}
	if hasControl(head.String()) {
		return "", "", fail(InvalidInput, "mail %s: the subject would hold a line break or another control character: take it out of the title", in.Template)
	}
	if err := t.body.Execute(&text, data); err != nil {
		return "", "", fail(InvalidInput, "mail %s: %v", in.Template, err)
	}
	return head.String(), text.String(), nil
}

func hasControl(text string) bool { return strings.ContainsFunc(text, unicode.IsControl) }

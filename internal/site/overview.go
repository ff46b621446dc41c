package site

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sort"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/wafv2/types"

	"tejun/internal/sandbox"
	"tejun/internal/system"
)

const (
	journalShown = 20
	mailsShown   = 20
)

// overviewPolicy allows the stylesheet beside the page, and nothing else.
const overviewPolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; style-src 'self'"

func overview(s *sandbox.Sandbox, sys *system.System) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+OverviewPath+"{$}", func(w http.ResponseWriter, _ *http.Request) {
		data, err := gather(s, sys)
		render(w, "overview.html.tmpl", data, err)
	})
	mux.HandleFunc("GET "+OverviewPath+"mail/{number}", func(w http.ResponseWriter, r *http.Request) {
		mail, found, err := findMail(s, r.PathValue("number"))
		if err == nil && !found {
			http.NotFound(w, r)
			return
		}
		render(w, "mail.html.tmpl", map[string]any{"System": sys.Name, "Mail": mail, "At": inZone(mail.At, sys), "Overview": OverviewPath}, err)
	})
	mux.HandleFunc("GET "+OverviewPath+"style.css", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		if _, err := w.Write([]byte(style)); err != nil {
			slog.Debug("sandbox overview: the visitor left", "error", err)
		}
	})
	return mux
}

func render(w http.ResponseWriter, name string, data map[string]any, err error) {
	var b bytes.Buffer
	if err == nil {
		err = pages.ExecuteTemplate(&b, name, data)
	}
	if err != nil {
		slog.Error("sandbox overview", "error", err)
		http.Error(w, "the sandbox cannot be read; the log of the site says why", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", overviewPolicy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	if _, err := w.Write(b.Bytes()); err != nil {
		slog.Debug("sandbox overview: the visitor left", "error", err)
	}
}

func findMail(s *sandbox.Sandbox, number string) (sandbox.Mail, bool, error) {
	n, err := strconv.Atoi(number)
	if err != nil {
		return sandbox.Mail{}, false, nil //nolint:nilerr // not a number: no such mail
	}
	mails, err := s.Mails()
	if err != nil || n < 1 || n > len(mails) {
		return sandbox.Mail{}, false, err
	}
	return mails[n-1], true, nil
}

// ruleRow is a rule of the web ACL in words.
type ruleRow struct {
	Priority                int32
	Name, Action, Statement string
}

// serviceRow is a service in numbers.
type serviceRow struct {
	Name, ECS, Version string
	Running, Desired   int32
}

// alarmRow is an alarm and whether it would ring.
type alarmRow struct {
	Name    string
	Enabled bool
}

// entryRow is a journal entry as a line.
type entryRow struct {
	At    string
	Entry sandbox.Entry
	Token string
}

// mailRow is a mail as a line.
type mailRow struct {
	At   string
	Mail sandbox.Mail
}

// errorRow is a custom error response of the distribution.
type errorRow struct {
	Code     int32
	Page     string
	Response string
}

func gather(s *sandbox.Sandbox, sys *system.System) (map[string]any, error) {
	world, err := s.World()
	if err != nil {
		return nil, err
	}
	mails, err := s.Mails()
	if err != nil {
		return nil, err
	}
	entries, err := s.RecentJournal(journalShown)
	if err != nil {
		return nil, err
	}
	faults, err := s.Faults()
	if err != nil {
		return nil, err
	}
	d := world.Distributions[sys.Distribution.ID]
	data := map[string]any{
		"System": sys.Name, "Now": inZone(world.At, sys), "Distribution": d, "Errors": errorRows(d),
		"Rules": ruleRows(world, aws.ToString(d.Config.WebACLId)), "Services": serviceRows(world, sys), "Alarms": alarmRows(world),
		"Schedules": world.Schedules, "Snapshots": world.Snapshots, "Faults": faults, "MailCount": len(mails), "Overview": OverviewPath,
	}
	var mailRows []mailRow
	for _, m := range mails[max(0, len(mails)-mailsShown):] {
		mailRows = append(mailRows, mailRow{inZone(m.At, sys), m})
	}
	slices.Reverse(mailRows)
	data["Mails"] = mailRows
	var journal []entryRow
	for _, e := range entries {
		journal = append(journal, entryRow{inZone(e.At, sys), e, shorten(e.Token)})
	}
	slices.Reverse(journal)
	data["Journal"] = journal
	return data, nil
}

func errorRows(d sandbox.Edge) []errorRow {
	var rows []errorRow
	if d.Config.CustomErrorResponses == nil {
		return nil
	}
	for _, r := range d.Config.CustomErrorResponses.Items {
		rows = append(rows, errorRow{aws.ToInt32(r.ErrorCode), aws.ToString(r.ResponsePagePath), aws.ToString(r.ResponseCode)})
	}
	return rows
}

func ruleRows(world sandbox.World, aclARN string) []ruleRow {
	var rows []ruleRow
	for _, r := range world.WebACLs[aclARN].ACL.Rules {
		rows = append(rows, ruleRow{r.Priority, aws.ToString(r.Name), actionWords(r), statementWords(r.Statement)})
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Priority < rows[j].Priority })
	return rows
}

func actionWords(r types.Rule) string {
	switch {
	case r.Action == nil:
		return "group"
	case r.Action.Allow != nil:
		return "Allow"
	case r.Action.Block != nil && r.Action.Block.CustomResponse != nil:
		return fmt.Sprintf("Block %d", aws.ToInt32(r.Action.Block.CustomResponse.ResponseCode))
	case r.Action.Block != nil:
		return "Block"
	}
	return "Count"
}

// statementWords is the statement as JSON without what is not set, which is short and says everything.
func statementWords(s *types.Statement) string {
	raw, err := json.Marshal(s)
	if err != nil {
		return err.Error()
	}
	var tree any
	if err := json.Unmarshal(raw, &tree); err != nil {
		return err.Error()
	}
	raw, err = json.Marshal(withoutNull(tree))
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func withoutNull(v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for k, child := range m {
		if child == nil {
			delete(m, k)
		} else {
			m[k] = withoutNull(child)
		}
	}
	return m
}

func alarmRows(world sandbox.World) []alarmRow {
	var rows []alarmRow
	for _, a := range world.Alarms {
		rows = append(rows, alarmRow{aws.ToString(a.Metric.AlarmName), aws.ToBool(a.Metric.ActionsEnabled)})
	}
	return rows
}

func serviceRows(world sandbox.World, sys *system.System) []serviceRow {
	var rows []serviceRow
	for _, svc := range sys.ECS.Services {
		r := world.Services[sys.ECS.Cluster+"/"+svc.Service]
		rows = append(rows, serviceRow{svc.Name, svc.Service, version(r.TaskDefinition), r.Count, r.Desired})
	}
	return rows
}

// shorten keeps tokens from filling the table.
func shorten(s string) string {
	if len(s) > 16 {
		return s[:16] + "…"
	}
	return s
}

// inZone is the time as the system's people write it.
func inZone(at time.Time, sys *system.System) string {
	zone, err := time.LoadLocation(sys.TimeZone)
	if err != nil {
		zone = time.UTC
	}
	return at.In(zone).Format("2006-01-02 15:04:05 MST")
}

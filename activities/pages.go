package activities

import (
	"bytes"
	"embed"
	"html/template"
	"time"

	"tejun/internal/system"
)

//go:embed pages/*.tmpl
var pageFiles embed.FS

var maintenancePage = template.Must(template.ParseFS(pageFiles, "pages/maintenance.html.tmpl"))

var weekdays = [...]string{"日", "月", "火", "水", "木", "金", "土"}

// japaneseTime is a moment as the public reads it: "2027年1月23日(土) 22:00".
func japaneseTime(t time.Time, location *time.Location) string {
	t = t.In(location)
	return t.Format("2006年1月2日") + "(" + weekdays[t.Weekday()] + ") " + t.Format("15:04")
}

// renderPage makes the maintenance page. All text is escaped by html/template.
func renderPage(s *system.System, in MaintenancePage) ([]byte, error) {
	if in.Title == "" || in.Start.IsZero() || in.End.IsZero() {
		return nil, fail(InvalidInput, "the maintenance page needs a title, a start and an end")
	}
	var out bytes.Buffer
	err := maintenancePage.Execute(&out, map[string]string{
		"System":   s.Name.Ja,
		"Title":    in.Title,
		"Reason":   in.Reason,
		"Start":    japaneseTime(in.Start, s.Location()),
		"End":      japaneseTime(in.End, s.Location()),
		"StartISO": in.Start.In(s.Location()).Format(time.RFC3339),
		"EndISO":   in.End.In(s.Location()).Format(time.RFC3339),
	})
	if err != nil {
		return nil, fail(InvalidInput, "make the maintenance page: %v", err)
	}
	return out.Bytes(), nil
}

// describe reads the description of the operated system that is in force.
func describe(load func() (*system.System, error)) (*system.System, error) {
	s, err := load()
	if err != nil {
		return nil, fail(InvalidInput, "read the description of the system: %v", err)
	}
	return s, nil
}

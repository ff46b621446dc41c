package repair

import (
	"path/filepath"
	"time"

	"tejun/internal/system"
)

// Request asks for a repair.
type Request struct {
	Template   string            `json:"template"`
	Parameters map[string]string `json:"parameters"`
	Expected   int               `json:"expected"`  // rows
	At         string            `json:"at"`        // moment of the copy that the preview runs on; "" means the latest
	Requester  string            `json:"requester"` // person ID or account
	Operator   string            `json:"operator"`  // person ID or account
}

// Target is what the request means on this system.
type Target struct {
	system.DatabaseTarget
	TemplateHash string `json:"templateHash"`
	Title        string `json:"title"` // the template's names
	Table        string `json:"table"`
	Action       string `json:"action"`
}

// Resolve finds the template and checks the request against it and against the description, at the moment now. What speaks
// against it comes back as a *system.OutageRefused.
func Resolve(s *system.System, req Request, now time.Time) (Target, error) {
	on, err := s.ResolveDatabase(system.DatabaseRequest{What: "the repair", Requester: req.Requester, Operator: req.Operator, Needs: []string{"restore"}})
	if err != nil {
		return Target{}, err
	}
	refuse := func(why string) (Target, error) {
		return Target{}, &system.OutageRefused{What: "the repair", Problems: []string{why}}
	}
	t, err := Find(s, req.Template)
	if err != nil {
		return refuse(err.Error())
	}
	if err := t.Check(req.Parameters); err != nil {
		return refuse(err.Error())
	}
	if req.Expected > t.MaxRows {
		return refuse("the template " + t.ID + " repairs fewer rows at once than are expected: narrow the parameters, and repair the rest in further runs")
	}
	if at, err := time.Parse(time.RFC3339, req.At); req.At != "" && (err != nil || at.After(now)) {
		return refuse("at is " + req.At + ": give a moment in the past as RFC 3339 with a zone, or leave it out for the latest")
	}
	review, ok := s.Gate("DataRepair", "review")
	owner, too := s.Gate("DataRepair", "owner")
	if !ok || !too || review.Organisation == "" || review.Organisation == owner.Organisation {
		return refuse("system.yaml must have the gates review and owner of DataRepair with different organisations, so that nobody can pass both")
	}
	return Target{DatabaseTarget: on, TemplateHash: t.Hash(), Title: t.Name.Ja + " · " + t.Name.En, Table: t.Table, Action: t.Action()}, nil
}

// Find loads a template from the folder that the description names.
func Find(s *system.System, id string) (*Template, error) {
	if s.Repairs.Templates == "" {
		return nil, errNoTemplates
	}
	return Load(filepath.Join(s.Folder, s.Repairs.Templates), id)
}

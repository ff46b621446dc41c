package load

import (
	"fmt"
	"time"

	"tejun/internal/calendar"
	"tejun/internal/dataset"
	"tejun/internal/system"
)

// longestSupport is how far away the deadline of a request may lie: what is asked for a quarter ahead has been forgotten.
const longestSupport = 90 * 24 * time.Hour

// SupportRequest asks for a file of a dataset that is to be created and loaded.
type SupportRequest struct {
	Dataset   string    `json:"dataset"`
	Requester string    `json:"requester"`
	Operator  string    `json:"operator"`
	Deadline  string    `json:"deadline"` // a day, RFC 3339, or terms that count from From
	From      time.Time `json:"from"`
}

// SupportTarget is what the request means on this system. It enters the history and holds no secrets.
type SupportTarget struct {
	system.DatabaseTarget
	Title       string    `json:"title"`       // the dataset's names
	Table       string    `json:"table"`       // schema.name
	Declaration string    `json:"declaration"` // SHA-256 of the dataset's declaration
	Place       string    `json:"place"`       // where the file goes: s3://bucket/prefix
	Match       string    `json:"match"`       // what its name must look like; "" for any
	Deadline    time.Time `json:"deadline"`
	Operators   string    `json:"operators"` // mail list of those who create
	Officers    string    `json:"officers"`  // mail list of those who ask
}

// ResolveSupport finds the dataset, the people and the deadline, or says why not (*system.OutageRefused).
func ResolveSupport(s *system.System, cal *calendar.Calendar, req SupportRequest) (SupportTarget, error) {
	const what = "the request"
	on, err := s.ResolveDatabase(system.DatabaseRequest{What: what, Requester: req.Requester, Operator: req.Operator})
	if err != nil {
		return SupportTarget{}, err
	}
	problems := supportPeople(s, on)
	d, err := Find(s, req.Dataset)
	if err != nil {
		problems = append(problems, err.Error())
	} else {
		problems = append(problems, createdFiles(s, d)...)
		problems = append(problems, keepsSnapshot(s, d, on)...)
	}
	deadline, err := s.Deadline(req.Deadline, req.From, cal)
	switch {
	case err != nil:
		problems = append(problems, "deadline: "+err.Error())
	case !deadline.After(req.From):
		problems = append(problems, fmt.Sprintf("the deadline %s is past: give a later one", inZone(s, deadline)))
	case deadline.After(req.From.Add(longestSupport)):
		problems = append(problems, fmt.Sprintf("the deadline %s is more than %d days away: give an earlier one", inZone(s, deadline), int(longestSupport.Hours())/24))
	}
	if len(problems) > 0 {
		return SupportTarget{}, &system.OutageRefused{What: what, Problems: problems}
	}
	operate, _ := s.Answer("operate")
	decide, _ := s.Answer("decide") // the description is checked to have both
	return SupportTarget{
		DatabaseTarget: on, Title: d.Name.Ja + " · " + d.Name.En, Table: d.Table, Declaration: d.Digest(),
		Place: "s3://" + d.Source.S3.Bucket + "/" + d.Source.S3.Prefix, Match: d.Source.Match, Deadline: deadline.UTC(),
		Operators: operate.NotifyList, Officers: decide.NotifyList,
	}, nil
}

// supportPeople says what speaks against the people: the owner asks and accepts, the vendor creates, and nobody does both.
func supportPeople(s *system.System, on system.DatabaseTarget) (problems []string) {
	owner := func(p system.Person) bool { o, _ := s.Organisation(p.Organisation); return o.Owner }
	requester, _ := s.Person(on.Requester)
	operator, _ := s.Person(on.Operator)
	if !owner(requester) || !requester.Has(system.RoleOfficer) {
		problems = append(problems, fmt.Sprintf("requester %s is no officer of the system's owner: the work is asked for, and accepted, by one", on.Requester))
	}
	if owner(operator) {
		problems = append(problems, fmt.Sprintf("operator %s belongs to the system's owner, who asks for the work: let somebody of the vendor do it", on.Operator))
	}
	return problems
}

// Resource is the name under which a dataset is held: by a run that has files of it created, so that none is loaded before its
// double check, and by every load of it.
func Resource(dataset string) string { return "dataset:" + dataset }

// createdFiles says why files of a dataset cannot be created by people.
func createdFiles(s *system.System, d *dataset.Dataset) (problems []string) {
	if d.Source.S3 == nil {
		return append(problems, fmt.Sprintf("files of the dataset %s do not come from a place in S3, so none can be put there: take a dataset with source.s3", d.ID))
	}
	if problem := BucketProblem(s, d); problem != "" {
		problems = append(problems, problem)
	}
	return problems
}

// toPutBack is how long the snapshot before a load stays at least after the ministry has said that it does not accept what was
// loaded. While the run goes on the snapshot is kept anyway; the run ends with that answer.
const toPutBack = 3 * 24 * time.Hour

// keepsSnapshot says why the way back might be gone when the ministry decides.
func keepsSnapshot(s *system.System, d *dataset.Dataset, on system.DatabaseTarget) (problems []string) {
	g, ok := s.Gate("DataSupport", "acceptance")
	if !ok || d.Backup == dataset.BackupNone { // without a gate the run is refused anyway
		return nil
	}
	kept, needed := time.Duration(on.RunSnapshotDays)*24*time.Hour, g.Deadline.D()+toPutBack
	if kept < needed {
		problems = append(problems, fmt.Sprintf("snapshots from before a load are deleted after %d days (retention.runSnapshotDays), and the ministry may take %s to accept, with %s to put the rows back: keep them for at least %d days",
			on.RunSnapshotDays, g.Deadline, system.Duration(toPutBack), int((needed+24*time.Hour-1)/(24*time.Hour))))
	}
	return problems
}

func inZone(s *system.System, t time.Time) string {
	return t.In(s.Location()).Format("2006-01-02 15:04 MST")
}

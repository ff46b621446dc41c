package load

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"tejun/internal/dataset"
	"tejun/internal/system"
)

// Request asks for a load.
type Request struct {
	Dataset   string `json:"dataset"`
	File      string `json:"file"` // key below the dataset's prefix, or name in its folder; "" for a source that is one address
	Requester string `json:"requester"`
	Operator  string `json:"operator"`
}

// Target is what the request means on this system. It enters the history and holds no secrets.
type Target struct {
	system.DatabaseTarget
	Title       string `json:"title"` // the dataset's names
	Table       string `json:"table"` // schema.name
	Mode        Mode   `json:"mode"`
	Declaration string `json:"declaration"` // SHA-256 of the dataset's declaration
	Source      string `json:"source"`      // of the file, in words
	Backup      bool   `json:"backup"`      // a snapshot is taken before the import

	Task *system.LoadTask `json:"task,omitempty"` // in which the heavy part runs; nil: in the worker
}

// Resolve finds the dataset and the file, or says why not (*system.OutageRefused).
func Resolve(s *system.System, req Request) (Target, error) {
	on, err := s.ResolveDatabase(system.DatabaseRequest{What: "the load", Requester: req.Requester, Operator: req.Operator})
	if err != nil {
		return Target{}, err
	}
	d, err := Find(s, req.Dataset)
	var source string
	if err == nil {
		source, err = locate(s, d, req.File)
	}
	if err != nil {
		return Target{}, &system.OutageRefused{What: "the load", Problems: []string{err.Error()}}
	}
	return Target{
		DatabaseTarget: on, Title: d.Name.Ja + " · " + d.Name.En, Table: d.Table, Mode: Mode(d.Mode), Declaration: d.Digest(),
		Source: source, Backup: d.Backup != dataset.BackupNone, Task: s.Loads.Task,
	}, nil
}

// Find loads the declaration of a dataset from the folder that the description names. Mistakes in the declarations of other
// datasets do not matter to it.
func Find(s *system.System, id string) (*dataset.Dataset, error) {
	if s.Loads.Datasets == "" {
		return nil, fmt.Errorf("system.yaml does not say where the datasets are declared: add loads")
	}
	all, wrong, err := dataset.LoadEach(filepath.Join(s.Folder, s.Loads.Datasets))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range all {
		if d.ID == id {
			return d, nil
		}
		names = append(names, d.ID)
	}
	errs := []error{fmt.Errorf("there is no dataset %q; declared are %s", id, strings.Join(names, ", "))}
	for _, w := range wrong {
		errs = append(errs, fmt.Errorf("%s cannot be used: %w", w.File, w.Err))
	}
	return nil, errors.Join(errs...)
}

// FileProblem says why a load of a file would be refused before it is read, or "".
func FileProblem(s *system.System, d *dataset.Dataset, file string) string {
	if _, err := locate(s, d, file); err != nil {
		return err.Error()
	}
	return ""
}

// locate says where a file is, in words, and refuses one that is not of the dataset.
func locate(s *system.System, d *dataset.Dataset, file string) (string, error) {
	source := d.Source
	if source.HTTP != nil {
		if file != "" {
			return "", fmt.Errorf("the dataset %s is one address, so no file can be named", d.ID)
		}
		return source.HTTP.URL, nil
	}
	if file == "" || path.Clean("/"+file) != "/"+file {
		return "", fmt.Errorf("file %q: name a file of the dataset %s, with no step up or aside in its path", file, d.ID)
	}
	if !source.Matches(file) {
		return "", fmt.Errorf("file %q does not match %s, as the dataset %s wants", file, source.Match, d.ID)
	}
	if source.S3 != nil {
		if problem := BucketProblem(s, d); problem != "" {
			return "", errors.New(problem)
		}
		return "s3://" + source.S3.Bucket + "/" + source.S3.Prefix + file, nil
	}
	if s.Environment == "production" {
		return "", fmt.Errorf("the dataset %s reads files of this machine, which is for development only", d.ID)
	}
	return filepath.Join(source.File.Dir, file), nil
}

// BucketProblem says why a dataset's bucket is not read, or "".
func BucketProblem(s *system.System, d *dataset.Dataset) string {
	if slices.Contains(s.Loads.Buckets, d.Source.S3.Bucket) {
		return ""
	}
	return fmt.Sprintf("the dataset %s reads from the bucket %s, which is not among loads.buckets of system.yaml", d.ID, d.Source.S3.Bucket)
}

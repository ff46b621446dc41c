package load

// Counts are what became of the rows of a file. Records is the sum of the next six, and Rows of the last three.
type Counts struct {
	Records    int64 `json:"records"`    // rows of the file
	Rows       int64 `json:"rows"`       // that can be loaded
	Rejected   int64 `json:"rejected"`   // for a rule that one row breaks by itself
	Joined     int64 `json:"joined"`     // that continued the row before them
	Duplicates int64 `json:"duplicates"` // exact copies of another row
	Superseded int64 `json:"superseded"` // another row of the same key stands
	Dangling   int64 `json:"dangling"`   // rejected: a value is not where it must be found
	Conflicts  int64 `json:"conflicts"`  // rejected: the key comes with different content

	New       int64 `json:"new"`
	Changed   int64 `json:"changed"`
	Unchanged int64 `json:"unchanged"`
	Vanished  int64 `json:"vanished"` // rows of the table that are not in the file; only mode replace deletes them
}

// AllRejected are the rejected rows, for whatever reason.
func (c Counts) AllRejected() int64 { return c.Rejected + c.Dangling + c.Conflicts }

// checkInput makes sure that every row of the file is accounted for.
func (c Counts) checkInput() error {
	if sum := c.Rows + c.Joined + c.Duplicates + c.Superseded + c.AllRejected(); sum != c.Records {
		return refuse("the file has %d rows, and %d are accounted for (%d to load, %d joined, %d duplicates, %d superseded, %d rejected): nothing was loaded, report this",
			c.Records, sum, c.Rows, c.Joined, c.Duplicates, c.Superseded, c.AllRejected())
	}
	return nil
}

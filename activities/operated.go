package activities

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"tejun/internal/operated"
	"tejun/internal/records"
)

// RowCount asks for the number of rows of every table of the operated database, to be kept under a name.
type RowCount struct {
	Operation string `json:"operation"`
	Name      string `json:"name"` // such as "before"; the first count under it stays
}

// TableRows is a table and its number of rows.
type TableRows struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// RowCounts is every table, or why they are not counted.
type RowCounts struct {
	Tables  []TableRows `json:"tables"`
	Unknown string      `json:"unknown,omitempty"`
}

// RowComparison asks how a restored copy compares with what was counted when its backup was taken.
type RowComparison struct {
	Cluster         string `json:"cluster"`         // the restored one
	BackupOperation string `json:"backupOperation"` // of the run that took the backup
}

// The verdicts on a table of a restored copy. The last four count as differences.
const (
	RowsSame       = "same"
	RowsMoving     = "moving"      // it was written to while the backup was taken, so its number cannot be told
	RowsNew        = "new"         // it was made while the backup was taken
	RowsDropped    = "dropped"     // it was dropped while the backup was taken
	RowsNotCounted = "not counted" // there is nothing to compare with
	RowsMissing    = "missing"     // it was there before and after, and the copy does not have it
	RowsEmpty      = "empty"       // it had rows before and after, and the copy has none of them
	RowsUnknown    = "unknown"     // only the copy has it
	RowsDiffer     = "differs"
)

// RowsCompared is what was found. Tables that were written to while the backup was taken cannot be compared exactly and say so.
type RowsCompared struct {
	Tables  []TableCompared `json:"tables"`
	Differs int             `json:"differs"`           // tables that should be the same and are not
	Unknown string          `json:"unknown,omitempty"` // why nothing could be compared; the rows of the copy are there all the same
}

// TableCompared is one table. Before and After are the source's counts around the backup; -1 where there is none.
type TableCompared struct {
	Table    string `json:"table"`
	Before   int64  `json:"before"`
	After    int64  `json:"after"`
	Restored int64  `json:"restored"`
	Verdict  string `json:"verdict"` // one of the verdicts
}

// operatedStore is what these activities need of the records.
type operatedStore interface {
	SaveState(ctx context.Context, operation, resource string, content []byte) (string, error)
	LoadState(ctx context.Context, operation, resource string) ([]byte, error)
	fenceStore
}

// clusterFinder is the calls used.
type clusterFinder interface {
	DescribeDBClusters(context.Context, *rds.DescribeDBClustersInput, ...func(*rds.Options)) (*rds.DescribeDBClustersOutput, error)
}

// Operated works on the data of the operated system, and on that of restored copies.
type Operated struct {
	database *operated.Database
	client   clusterFinder
	records  operatedStore
}

// pool connects to the operated system's database.
func (a *Operated) pool(ctx context.Context) (*pgxpool.Pool, error) {
	pool, err := a.database.Pool(ctx)
	if errors.Is(err, operated.ErrNotGiven) {
		return nil, fail(Refused, "%v", err)
	}
	return pool, Classify(err, "connect to the operated system's database")
}

// copyPool connects to a restored copy, at the address that RDS gives. Close it.
func (a *Operated) copyPool(ctx context.Context, cluster string) (*pgxpool.Pool, error) {
	out, err := a.client.DescribeDBClusters(ctx, &rds.DescribeDBClustersInput{DBClusterIdentifier: &cluster})
	if err != nil {
		return nil, Classify(err, "read the address of the cluster "+cluster)
	}
	if len(out.DBClusters) == 0 || len(out.DBClusters[0].DBClusterMembers) == 0 {
		return nil, fail(NotYet, "the cluster %s has no instance to connect to yet", cluster)
	}
	c := out.DBClusters[0]
	pool, err := a.database.At(ctx, aws.ToString(c.Endpoint), aws.ToInt32(c.Port))
	if errors.Is(err, operated.ErrNotGiven) {
		return nil, fail(Refused, "%v", err)
	}
	return pool, Classify(err, "connect to the cluster "+cluster)
}

// countRows counts all tables as they are at one moment. Unlogged ones are left out: no backup has their rows.
func countRows(ctx context.Context, pool *pgxpool.Pool) ([]TableRows, error) {
	counts := []TableRows{}
	err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, `SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence = 'p'
			AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%' ORDER BY 1, 2`)
		if err != nil {
			return err
		}
		tables, err := pgx.CollectRows(rows, pgx.RowToStructByPos[struct{ Schema, Name string }])
		if err != nil {
			return err
		}
		for _, t := range tables {
			n := TableRows{Table: t.Schema + "." + t.Name}
			if err := tx.QueryRow(ctx, "SELECT count(*) FROM "+pgx.Identifier{t.Schema, t.Name}.Sanitize()).Scan(&n.Rows); err != nil { //nolint:misspell // pgx spells it so
				return fmt.Errorf("count %s: %w", n.Table, err)
			}
			counts = append(counts, n)
		}
		return nil
	})
	return counts, err
}

// CountOperatedRows counts and keeps the numbers for a later comparison. A worker that does not know the database says so; a
// backup does not depend on it.
func (a *Operated) CountOperatedRows(ctx context.Context, in RowCount) (RowCounts, error) {
	if err := checkOperation(in.Operation); err != nil {
		return RowCounts{}, err
	}
	kept, err := a.kept(ctx, in.Operation, in.Name)
	if err != nil || kept != nil {
		return RowCounts{Tables: kept}, err
	}
	pool, err := a.pool(ctx)
	if isType(err, Refused) {
		return RowCounts{Tables: []TableRows{}, Unknown: wordsOfError(err)}, nil
	}
	if err != nil {
		return RowCounts{}, err
	}
	counts, err := countRows(ctx, pool)
	if err != nil {
		return RowCounts{}, Classify(err, "count the rows of the operated system's database")
	}
	content, err := json.Marshal(counts)
	if err != nil {
		return RowCounts{}, fail(InvalidInput, "keep the counts: %v", err)
	}
	_, err = a.records.SaveState(ctx, in.Operation, rowsState(in.Name), content)
	return RowCounts{Tables: counts}, recordsError(err, "keep the counts")
}

func rowsState(name string) string { return "rows/" + name }

func (a *Operated) kept(ctx context.Context, operation, name string) ([]TableRows, error) {
	content, err := a.records.LoadState(ctx, operation, rowsState(name))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, recordsError(err, "read the counts")
	}
	counts := []TableRows{}
	if err := json.Unmarshal(content, &counts); err != nil {
		return nil, fail(InvalidInput, "the counts that were kept cannot be read: %v", err)
	}
	return counts, nil
}

// CompareRestoredRows counts the rows of a restored copy and compares them with the counts right before and right after its
// backup. Only a table whose two counts agree can be expected to agree with the copy.
func (a *Operated) CompareRestoredRows(ctx context.Context, in RowComparison) (RowsCompared, error) {
	pool, err := a.copyPool(ctx, in.Cluster)
	if err != nil {
		return RowsCompared{}, err
	}
	defer pool.Close()
	restored, err := countRows(ctx, pool)
	if err != nil {
		return RowsCompared{}, Classify(err, "count the rows of the cluster "+in.Cluster)
	}
	before, err := a.kept(ctx, in.BackupOperation, "before")
	if err != nil {
		return RowsCompared{}, err
	}
	after, err := a.kept(ctx, in.BackupOperation, "after")
	if err != nil {
		return RowsCompared{}, err
	}
	return compareRows(before, after, restored), nil
}

func compareRows(before, after, restored []TableRows) RowsCompared {
	out := RowsCompared{Tables: []TableCompared{}}
	if before == nil || after == nil {
		out.Unknown = "the rows were not counted when the backup was taken"
	}
	const none = -1
	at := map[string]int{}
	line := func(table string) *TableCompared {
		i, ok := at[table]
		if !ok {
			i = len(out.Tables)
			at[table] = i
			out.Tables = append(out.Tables, TableCompared{Table: table, Before: none, After: none, Restored: none})
		}
		return &out.Tables[i]
	}
	for _, t := range before {
		line(t.Table).Before = t.Rows
	}
	for _, t := range after {
		line(t.Table).After = t.Rows
	}
	for _, t := range restored {
		line(t.Table).Restored = t.Rows
	}
	for i := range out.Tables {
		t := &out.Tables[i]
		if t.Verdict = RowsNotCounted; out.Unknown == "" {
			t.Verdict = t.verdict()
		}
		if t.Wrong() {
			out.Differs++
		}
	}
	return out
}

// Wrong tells whether the copy is not as it must be.
func (t TableCompared) Wrong() bool {
	return slices.Contains([]string{RowsMissing, RowsEmpty, RowsUnknown, RowsDiffer}, t.Verdict)
}

// verdict says what the three numbers mean.
func (t TableCompared) verdict() string {
	switch before, after, restored := t.Before, t.After, t.Restored; {
	case before < 0 && after < 0:
		return RowsUnknown
	case before < 0:
		return RowsNew
	case after < 0:
		return RowsDropped
	case restored < 0:
		return RowsMissing
	case before == after && restored == before:
		return RowsSame
	case restored == 0 && before > 0 && after > 0:
		return RowsEmpty
	case before != after:
		return RowsMoving
	}
	return RowsDiffer
}

// Words says what is wrong with the tables, for people.
func (r RowsCompared) Words() string {
	var wrong []string
	for _, t := range r.Tables {
		if !t.Wrong() {
			continue
		}
		switch t.Verdict {
		case RowsMissing:
			wrong = append(wrong, t.Table+" is missing")
		case RowsUnknown:
			wrong = append(wrong, fmt.Sprintf("%s is there with %d rows, and the source did not have it", t.Table, t.Restored))
		default:
			wrong = append(wrong, fmt.Sprintf("%s has %d rows; the source had %d before and %d after the backup", t.Table, t.Restored, t.Before, t.After))
		}
	}
	return strings.Join(wrong, "; ")
}

func wordsOfError(err error) string {
	message, _ := wordsOf(err)
	return message
}

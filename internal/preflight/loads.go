package preflight

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"tejun/internal/dataset"
	"tejun/internal/ingest/fetch"
	"tejun/internal/load"
	"tejun/internal/system"
)

// loads: the datasets can be read and come from where files may come from, and the buckets are there. It returns the datasets.
func (c *checker) loads(ctx context.Context) []*dataset.Dataset {
	const area = "loads"
	if c.sys.Loads.Datasets == "" {
		return nil
	}
	for _, bucket := range append(slices.Clone(c.sys.Loads.Buckets), c.sys.Loads.Bucket) {
		c.head(ctx, bucket)
	}
	folder := filepath.Join(c.sys.Folder, c.sys.Loads.Datasets)
	all, err := dataset.LoadDir(folder)
	if err != nil {
		c.bad(Wrong, area, "datasets", err.Error(), "mend the declarations; `starter dataset check` shows all that is wrong with its places")
		return nil
	}
	if len(all) == 0 {
		c.bad(Missing, area, "datasets", "the folder "+folder+" declares none", "add one (`starter dataset infer FILE` proposes it), or leave loads out")
		return nil
	}
	for _, d := range all {
		if problem, mend := c.source(d); problem != "" {
			c.bad(Wrong, area, d.ID, problem, mend)
		} else {
			c.ok(area, d.ID)
		}
	}
	return all
}

// source says why a dataset's files may not be fetched, as a load would.
func (c *checker) source(d *dataset.Dataset) (problem, mend string) {
	switch s := d.Source; {
	case s.S3 != nil:
		return load.BucketProblem(c.sys, d), "add the bucket to loads.buckets, or mend the dataset"
	case s.HTTP != nil:
		web := fetch.Web{Hosts: c.sys.Loads.Hosts}
		if err := web.Check(s.HTTP.URL); err != nil {
			return err.Error(), "add the host to loads.hosts, or mend the dataset"
		}
	case c.sys.Environment == "production":
		return "it reads files of the worker's machine, which is for development only", "name a bucket or an address as its source"
	}
	return "", ""
}

// head looks whether a bucket is there and may be listed.
func (c *checker) head(ctx context.Context, bucket string) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	if _, err := s3.NewFromConfig(c.cfg).HeadBucket(ctx, &s3.HeadBucketInput{Bucket: &bucket}); err != nil {
		c.failed(err, "s3", bucket, "s3:ListBucket on the bucket")
		return
	}
	c.ok("s3", bucket)
}

// loadGrants are those of data loads: to read the files that are delivered, and to keep the rows that are rejected.
func loadGrants(sys *system.System, all []*dataset.Dataset) []grant {
	var grants []grant
	for _, bucket := range sys.Loads.Buckets {
		var objects []string
		for _, d := range all {
			if d.Source.S3 != nil && d.Source.S3.Bucket == bucket {
				objects = append(objects, "arn:aws:s3:::"+bucket+"/"+d.Source.S3.Prefix+"*")
			}
		}
		grants = append(grants, grant{[]string{"s3:ListBucket"}, []string{"arn:aws:s3:::" + bucket}}, grant{[]string{"s3:GetObject"}, objects})
	}
	if len(all) > 0 {
		grants = append(grants,
			grant{[]string{"s3:ListBucket"}, []string{"arn:aws:s3:::" + sys.Loads.Bucket}},
			grant{[]string{"s3:GetObject", "s3:PutObject"}, []string{"arn:aws:s3:::" + sys.Loads.Bucket + "/" + sys.Loads.Prefix + "*"}})
	}
	return grants
}

// tables: the operated system's database answers, and its user may load each dataset.
func (c *checker) tables(ctx context.Context, all []*dataset.Dataset) {
	const area = "database"
	if len(all) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 3*callTimeout)
	defer cancel()
	pool, err := c.data.Pool(ctx)
	if err != nil {
		c.bad(Skipped, area, "operated system", err.Error(), "give this command the address that the worker has, in the same variable")
		return
	}
	var user, problem string
	if err := pool.QueryRow(ctx, `SELECT current_user`).Scan(&user); err != nil {
		c.bad(Unknown, area, "operated system", "it does not answer: "+err.Error(), "check the address, the network and the password")
		return
	}
	c.ok(area, "operated system")
	// What a load makes once and then uses.
	err = pool.QueryRow(ctx, `SELECT CASE
		WHEN to_regnamespace('tejun_load') IS NULL THEN CASE WHEN NOT has_database_privilege(current_database(), 'CREATE') THEN 'may not make it' ELSE '' END
		WHEN NOT has_schema_privilege('tejun_load', 'USAGE') OR NOT has_schema_privilege('tejun_load', 'CREATE') THEN 'may not use it and make tables in it'
		ELSE '' END`).Scan(&problem)
	switch {
	case err != nil:
		c.bad(Unknown, area, "schema tejun_load", err.Error(), "see the message")
	case problem != "":
		c.bad(Denied, area, "schema tejun_load", user+" "+problem, "let an administrator run CREATE SCHEMA tejun_load AUTHORIZATION "+user)
	default:
		c.ok(area, "schema tejun_load")
	}
	for _, d := range all {
		state, problem, mend := loadable(ctx, pool, d, user)
		if state != OK {
			c.bad(state, area, d.Table, problem, mend)
			continue
		}
		c.ok(area, d.Table)
	}
}

// loadable looks whether a dataset's table is fit for it and may be written to, or made.
func loadable(ctx context.Context, pool database, d *dataset.Dataset, user string) (state State, problem, mend string) {
	schema, name := d.TableName()
	rights := []string{"SELECT", "INSERT", "UPDATE"} // UPDATE also for the lock that keeps other writers away
	if d.Mode == dataset.Replace {
		rights = append(rights, "DELETE")
	}
	var there, schemaThere, mayMake bool
	var lacks, columns []string
	err := pool.QueryRow(ctx, `SELECT n.oid IS NOT NULL, coalesce(has_schema_privilege(n.oid, 'CREATE'), false), c.oid IS NOT NULL,
			ARRAY(SELECT r FROM unnest($3::text[]) r WHERE c.oid IS NOT NULL AND NOT has_table_privilege(c.oid, r)),
			ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
		FROM (SELECT 1) one LEFT JOIN pg_namespace n ON n.nspname = $1 LEFT JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = $2`,
		schema, name, rights).Scan(&schemaThere, &mayMake, &there, &lacks, &columns)
	var missing []string
	for _, want := range d.Columns {
		if !slices.Contains(columns, want.Name) {
			missing = append(missing, want.Name)
		}
	}
	switch {
	case err != nil:
		return Unknown, err.Error(), "see the message"
	case !schemaThere:
		return Missing, "there is no schema " + schema, "have it made, or mend the dataset " + d.ID
	case !there && !mayMake:
		return Denied, "the table is not there yet, and " + user + " may not make it", fmt.Sprintf("GRANT CREATE ON SCHEMA %s TO %s, or have the table made: `starter dataset sql`", schema, user)
	case !there:
		return OK, "", ""
	case len(missing) > 0:
		return Wrong, "it has no column " + strings.Join(missing, ", ") + ", which the dataset " + d.ID + " has", "`starter dataset sql` prints what to run, or mend the dataset"
	case len(lacks) > 0:
		return Denied, user + " may not " + strings.Join(lacks, ", "), fmt.Sprintf("GRANT %s ON %s TO %s", strings.Join(lacks, ", "), d.Table, user)
	}
	return unreadable(ctx, pool, d, user)
}

// unreadable looks whether the tables that a dataset refers to can be read.
func unreadable(ctx context.Context, pool database, d *dataset.Dataset, user string) (state State, problem, mend string) {
	for _, column := range d.Columns {
		if column.References == nil {
			continue
		}
		table := column.References.Table
		var there, may bool
		err := pool.QueryRow(ctx, `SELECT to_regclass($1) IS NOT NULL, coalesce(has_table_privilege(to_regclass($1), 'SELECT'), false)`, table).Scan(&there, &may)
		switch {
		case err != nil:
			return Unknown, err.Error(), "see the message"
		case !there:
			return Missing, "its column " + column.Name + " refers to " + table + ", which is not there", "load that dataset first, or mend " + d.ID
		case !may:
			return Denied, user + " may not read " + table + ", to which its column " + column.Name + " refers", fmt.Sprintf("GRANT SELECT ON %s TO %s", table, user)
		}
	}
	return OK, "", ""
}

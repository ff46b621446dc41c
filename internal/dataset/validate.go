package dataset

import (
	"math"
	"net/netip"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"tejun/internal/strictyaml"
)

var (
	idForm     = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)
	bucketForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$`)
	prefixForm = regexp.MustCompile(`^([A-Za-z0-9_-][A-Za-z0-9._-]*/)+$`)
)

// report checks the values of a declaration whose types are right.
type report struct{ *strictyaml.Report }

func (r *report) validate(d *Dataset) {
	r.Form("id", d.ID, idForm, "a short permanent name of small letters, digits and hyphens, such as postal-codes")
	r.Line("name.ja", d.Name.Ja)
	r.Line("name.en", d.Name.En)
	r.source(d.Source)
	r.packing(d)
	r.format(d)
	r.table("table", d.Table)
	r.columns(d)
	r.key(d)
	r.duplicates(d)
	r.continuation(d)
	r.OneOf("mode", d.Mode, Replace, Merge, Append)
	r.limits(d)
	r.OneOf("approval.when", d.Approval.When, OverLimits, Always)
	r.OneOf("backup", d.Backup, BackupSnapshot, BackupNone)
}

func (r *report) source(s Source) {
	given := 0
	for _, is := range []bool{s.S3 != nil, s.HTTP != nil, s.File != nil} {
		if is {
			given++
		}
	}
	if given != 1 {
		r.Add("source", "names %d sources: give exactly one of s3, http and file", given)
	}
	if s.S3 != nil {
		if r.Form("source.s3.bucket", s.S3.Bucket, bucketForm, "the name of an S3 bucket: 3 to 63 small letters, digits, dots and hyphens") && strings.Contains(s.S3.Bucket, "..") {
			r.Add("source.s3.bucket", "%q has two dots together: S3 has no such bucket", s.S3.Bucket)
		}
		r.Form("source.s3.prefix", s.S3.Prefix, prefixForm, "a folder such as postal-codes/, with a slash at the end and none at the start, of letters, digits, . _ and -")
	}
	if s.HTTP != nil && r.Need("source.http.url", s.HTTP.URL) {
		r.url("source.http.url", s.HTTP.URL)
	}
	if s.File != nil {
		r.Line("source.file.dir", s.File.Dir)
	}
	r.glob("source.match", s.Match)
	if s.MaxBytes < 1 {
		r.Add("source.maxBytes", "%d is impossible: want at least 1", s.MaxBytes)
	}
}

func (r *report) url(at, text string) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		r.Add(at, "is not a URL: %v", err)
	case u.Scheme != "https" || u.Hostname() == "":
		r.Add(at, "%q: want an absolute address that starts with https://", text)
	case u.User != nil:
		r.Add(at, "holds a user name or a password: remove it, as this file holds no secrets")
	case u.Fragment != "":
		r.Add(at, "has a fragment (#): remove it, servers never see it")
	case u.Port() != "" && u.Port() != "443":
		r.Add(at, "names the port %s: files are fetched from port 443 only", u.Port())
	default:
		if _, err := netip.ParseAddr(u.Hostname()); err == nil {
			r.Add(at, "names an IP address: write the host's name, which must be on the list of allowed hosts")
		}
	}
}

func (r *report) glob(at, pattern string) {
	if pattern == "" {
		return
	}
	if _, err := path.Match(pattern, ""); err != nil {
		r.Add(at, "%q is not a pattern: use * for any signs, ? for one, [a-z] for one of some", pattern)
	}
}

func (r *report) packing(d *Dataset) {
	if r.OneOf("packing.kind", d.Packing.Kind, PackingNone, PackingZip, PackingGzip) && d.Packing.Kind != PackingZip && d.Packing.Member != "" {
		r.Add("packing.member", "is only for kind zip: remove it")
	}
	r.glob("packing.member", d.Packing.Member)
	if d.Packing.Kind != PackingNone && d.Format.Kind == Parquet {
		r.Add("packing.kind", "a Parquet file is packed by itself: take kind none")
	}
}

func (r *report) format(d *Dataset) {
	f := d.Format
	if !r.OneOf("format.kind", f.Kind, CSV, TSV, XLSX, JSONL, Parquet) {
		return
	}
	delimited := f.Kind == CSV || f.Kind == TSV
	if delimited {
		r.OneOf("encoding", d.Encoding, "cp932", "utf-8", "euc-jp", "detect")
		if len(f.Delimiter) != 1 || f.Delimiter[0] >= 0x80 || strings.ContainsAny(f.Delimiter, "\"\r\n\x00\x1A") {
			r.Add("format.delimiter", "%q cannot separate fields: want one ASCII sign, such as \",\" or \"\\t\", and no quote or line end", f.Delimiter)
		}
		if r.Has("format.fields") {
			r.Number("format.fields", f.Fields, 1, mostFields)
		}
	} else {
		if d.Encoding != "" {
			r.Add("encoding", "is not for %s, which is always Unicode: remove it", f.Kind)
		}
		if f.Delimiter != "" {
			r.Add("format.delimiter", "is only for csv and tsv: remove it")
		}
		if r.Has("format.fields") {
			r.Add("format.fields", "is only for csv and tsv: remove it")
		}
	}
	if f.Kind != XLSX && f.Sheet != "" {
		r.Add("format.sheet", "is only for xlsx: remove it")
	}
	if (f.Kind == JSONL || f.Kind == Parquet) && !f.Header {
		r.Add("format.header", "%s names its fields: remove the key, or write true", f.Kind)
	}
}

// table checks a name such as public.postal_codes.
func (r *report) table(at, name string) bool {
	if !r.Need(at, name) {
		return false
	}
	schema, table, ok := strings.Cut(name, ".")
	switch {
	case !ok:
		r.Add(at, "%q has no schema: write schema.name, such as public.%s", name, name)
		return false
	case strings.HasPrefix(schema, "pg_") || schema == "information_schema" || schema == "tejun_load":
		r.Add(at, "the schema %s belongs to PostgreSQL or to tejun: choose another", schema)
		return false
	}
	return r.identifier(at, schema) && r.identifier(at, table)
}

// identifier reports what cannot be a name in SQL without quotes.
func (r *report) identifier(at, name string) bool {
	reason := Identifier(name)
	if reason != "" {
		r.Add(at, "%q %s", name, reason)
	}
	return reason == ""
}

func (r *report) key(d *Dataset) {
	if len(d.Key) == 0 {
		if d.Mode != Append {
			r.Some("key", 0, "name the columns that tell rows apart, or take mode append")
		}
		return
	}
	for i, name := range d.Key {
		at := strictyaml.Index("key", i)
		if !r.Refers(at, name, "column", d.columnNames()) {
			continue
		}
		if c, _ := d.Column(name); !c.Required {
			r.Add(at, "the column %s may be empty, and rows without a key cannot be told apart: write required: true at the column", name)
		}
	}
	strictyaml.Unique(r.Report, "key", d.Key, "column", func(s string) (string, string) { return s, "" })
}

func (r *report) duplicates(d *Dataset) {
	r.OneOf("duplicates.exact", d.Duplicates.Exact, Drop, Reject)
	if !r.OneOf("duplicates.sameKey", d.Duplicates.SameKey, Reject, First, Last, Where) {
		return
	}
	w := d.Duplicates.Where
	switch {
	case d.Duplicates.SameKey == Where && w == nil:
		r.Add("duplicates.sameKey", "where needs the column that marks the row that stands: add where: {column: …, equals: \"…\"}")
	case d.Duplicates.SameKey != Where && w != nil:
		r.Add("duplicates.where", "counts only with sameKey: where")
	case w != nil:
		if r.Refers("duplicates.where.column", w.Column, "column", d.columnNames()) && r.Need("duplicates.where.equals", w.Equals) {
			c, _ := d.Column(w.Column)
			r.value("duplicates.where.equals", c, w.Equals)
		}
	}
	if len(d.Key) == 0 && d.Duplicates.SameKey != Reject {
		r.Add("duplicates.sameKey", "there is no key: remove it")
	}
}

func (r *report) continuation(d *Dataset) {
	c := d.Continuation
	if c == nil {
		return
	}
	const at = "continuation"
	names := d.columnNames()
	r.Refers(at+".column", c.Column, "column", names)
	if r.Need(at+".open", c.Open) && r.Need(at+".close", c.Close) && c.Open == c.Close {
		r.Add(at+".close", "is the same as open: give two different signs")
	}
	r.Some(at+".same", len(c.Same), "name the columns that are equal in all rows of one, or any two rows would be joined")
	r.Some(at+".join", len(c.Join), "name the columns whose texts are put together")
	for i, name := range c.Same {
		r.Refers(strictyaml.Index(at+".same", i), name, "column", names)
	}
	for i, name := range c.Join {
		if r.Refers(strictyaml.Index(at+".join", i), name, "column", names) {
			if joined, _ := d.Column(name); joined.Type != Text {
				r.Add(strictyaml.Index(at+".join", i), "the column %s is of type %s: only texts can be put together", name, joined.Type)
			}
		}
	}
	if len(c.Join) > 0 && !slices.Contains(c.Join, c.Column) {
		r.Add(at+".join", "lacks %s, whose text opens and closes: add it", c.Column)
	}
}

func (r *report) limits(d *Dataset) {
	l := d.Limits
	if l.RejectRows < 0 && r.Has("limits.rejectRows") {
		r.Add("limits.rejectRows", "%d is impossible: want 0 or more, or only rejectShare", l.RejectRows)
	}
	if r.Has("limits.rejectShare") && (l.RejectShare <= 0 || l.RejectShare > 1 || math.IsNaN(l.RejectShare)) {
		r.Add("limits.rejectShare", "%g is impossible: want more than 0 and at most 1 (0.01 is one row in a hundred); to allow none write rejectRows: 0", l.RejectShare)
	}
	for at, share := range map[string]float64{"limits.changeShare": l.ChangeShare, "limits.vanishShare": l.VanishShare} {
		if !(share >= 0 && share <= 1) {
			r.Add(at, "%g is impossible: want 0 (always ask) to 1 (never ask); 0.05 is one row in twenty", share)
		}
	}
	if r.Has("limits.vanishShare") && d.Mode != Replace {
		r.Add("limits.vanishShare", "rows vanish only in mode replace: remove it")
	}
	r.Number("limits.maxLine", l.MaxLine, 256, 64<<20)
	if l.MaxRows < 0 {
		r.Add("limits.maxRows", "%d is impossible: want 0 (no limit) or more", l.MaxRows)
	}
}

func (d *Dataset) columnNames() []string {
	return strictyaml.NamesOf(d.Columns, func(c Column) string { return c.Name })
}

// Package dataset describes the files that an operator loads: where they come from, how they are written, what must be
// true of their rows, and which table they fill. A dataset is one YAML file in a folder beside system.yaml.
package dataset

import "path"

// Dataset is one declaration. Load has checked all of it, and has filled in the defaults.
type Dataset struct {
	ID           string        `yaml:"id" json:"id"` // short permanent name, as used in inputs of runbooks
	Name         Name          `yaml:"name" json:"name"`
	Notes        string        `yaml:"notes" json:"notes,omitempty"` // origin, licence, whom to ask; becomes the table's comment
	Source       Source        `yaml:"source" json:"source"`
	Packing      Packing       `yaml:"packing" json:"packing"`
	Format       Format        `yaml:"format" json:"format"`
	Encoding     string        `yaml:"encoding" json:"encoding"` // cp932, utf-8, euc-jp or detect; "" for xlsx, jsonl and parquet
	Table        string        `yaml:"table" json:"table"`       // schema.name; see TableName
	Columns      []Column      `yaml:"columns" json:"columns"`
	Key          []string      `yaml:"key" json:"key"` // names of columns; empty only with mode append
	Duplicates   Duplicates    `yaml:"duplicates" json:"duplicates"`
	Continuation *Continuation `yaml:"continuation" json:"continuation,omitempty"` // nil if each record is a row
	Mode         string        `yaml:"mode" json:"mode"`
	Limits       Limits        `yaml:"limits" json:"limits"`
	Approval     Approval      `yaml:"approval" json:"approval"`
	Backup       string        `yaml:"backup" json:"backup"` // snapshot or none, before the import; default snapshot
}

// Name is what people call something, in Japanese and English.
type Name struct {
	Ja string `yaml:"ja" json:"ja"`
	En string `yaml:"en" json:"en"`
}

// Source is where files come from: exactly one of S3, HTTP and File.
type Source struct {
	S3       *S3    `yaml:"s3" json:"s3,omitempty"`
	HTTP     *HTTP  `yaml:"http" json:"http,omitempty"`
	File     *File  `yaml:"file" json:"file,omitempty"`
	Match    string `yaml:"match" json:"match,omitempty"` // of path.Match, on the last part of a key or name; "" for any
	MaxBytes int64  `yaml:"maxBytes" json:"maxBytes"`     // of the file as it arrives, and of what it unpacks to; default 5 GiB
}

// Matches tells whether a key or name is that of a file of the dataset.
func (s Source) Matches(file string) bool {
	ok, err := path.Match(s.Match, path.Base(file))
	return s.Match == "" || err == nil && ok
}

// S3 is a folder of a bucket.
type S3 struct {
	Bucket string `yaml:"bucket" json:"bucket"`
	Prefix string `yaml:"prefix" json:"prefix"` // ends with /
}

// HTTP is one address. Its host must be on the operated system's list of allowed hosts when a file is fetched.
type HTTP struct {
	URL string `yaml:"url" json:"url"` // https
}

// File is a folder of this machine, for development only.
type File struct {
	Dir string `yaml:"dir" json:"dir"` // relative to the folder that the program runs in
}

// Kinds of packing.
const (
	PackingNone = "none"
	PackingZip  = "zip"
	PackingGzip = "gzip"
)

// Packing is what a file is wrapped in.
type Packing struct {
	Kind   string `yaml:"kind" json:"kind"`               // default none
	Member string `yaml:"member" json:"member,omitempty"` // of zip: a pattern of path.Match; "" if the archive holds one file
}

// Kinds of format.
const (
	CSV     = "csv"
	TSV     = "tsv"
	XLSX    = "xlsx"
	JSONL   = "jsonl"
	Parquet = "parquet"
)

// Format is how records are written.
type Format struct {
	Kind      string `yaml:"kind" json:"kind"`
	Header    bool   `yaml:"header" json:"header"`                 // the first record names the fields; always true for jsonl and parquet
	Fields    int    `yaml:"fields" json:"fields,omitempty"`       // of each record of csv, tsv; 0 means as many as the first
	Delimiter string `yaml:"delimiter" json:"delimiter,omitempty"` // one ASCII sign; default a comma for csv and a tab for tsv
	Sheet     string `yaml:"sheet" json:"sheet,omitempty"`         // of xlsx; "" means the only one
}

// Types of columns, and what they are in PostgreSQL.
const (
	Text      = "text"      // text
	Integer   = "integer"   // bigint
	Numeric   = "numeric"   // numeric
	Boolean   = "boolean"   // boolean
	Date      = "date"      // date
	Timestamp = "timestamp" // timestamp with time zone; a time without a zone is Japan's
)

// Column is a column of the table, and the field of the file that it comes from: exactly one of Field and Header.
type Column struct {
	Name       string     `yaml:"name" json:"name"`
	Title      string     `yaml:"title" json:"title,omitempty"`   // what people call it; becomes the column's comment
	Field      int        `yaml:"field" json:"field,omitempty"`   // its number, from 1
	Header     string     `yaml:"header" json:"header,omitempty"` // its header, or its key in jsonl and parquet
	Type       string     `yaml:"type" json:"type"`
	Layouts    []string   `yaml:"layouts" json:"layouts,omitempty"` // of dates and times, see ingest/dates; the first that fits counts
	Required   bool       `yaml:"required" json:"required"`
	Pattern    string     `yaml:"pattern" json:"pattern,omitempty"`     // a regular expression (RE2) for the whole text
	Min        string     `yaml:"min" json:"min,omitempty"`             // written like a value of the type
	Max        string     `yaml:"max" json:"max,omitempty"`             //
	MaxLength  int        `yaml:"maxLength" json:"maxLength,omitempty"` // characters; 0 means no limit
	Codes      []string   `yaml:"codes" json:"codes,omitempty"`         // every value is one of these
	References *Reference `yaml:"references" json:"references,omitempty"`
	Normalise  []string   `yaml:"normalise" json:"normalise,omitempty"` // of trim, nfkc, kana-width
	Personal   bool       `yaml:"personal" json:"personal,omitempty"`   // values are never shown in plans and mails
}

// Reference is where every value of a column must be found.
type Reference struct {
	Table  string `yaml:"table" json:"table"` // schema.name
	Column string `yaml:"column" json:"column"`
}

// What becomes of rows that come twice in a file.
const (
	Drop   = "drop"   // exact copies: one row stands
	Reject = "reject" // none is loaded, each is reported
	First  = "first"
	Last   = "last"
	Where  = "where" // the one with a value in a column; if it is not exactly one, none
)

// Duplicates says what becomes of rows that come twice in a file.
type Duplicates struct {
	Exact   string  `yaml:"exact" json:"exact"`     // drop or reject; default drop
	SameKey string  `yaml:"sameKey" json:"sameKey"` // other content: reject, first, last or where; default reject
	Where   *Winner `yaml:"where" json:"where,omitempty"`
}

// Winner marks the row that stands.
type Winner struct {
	Column string `yaml:"column" json:"column"`
	Equals string `yaml:"equals" json:"equals"` // as PostgreSQL reads a value of the column's type
}

// Continuation says that a row goes on in the rows after it while a column's text has more opening signs than closing ones.
type Continuation struct {
	Column string   `yaml:"column" json:"column"`
	Open   string   `yaml:"open" json:"open"`
	Close  string   `yaml:"close" json:"close"`
	Same   []string `yaml:"same" json:"same"` // columns that are equal in all rows of one
	Join   []string `yaml:"join" json:"join"` // columns whose texts are put together; a text that is repeated is not
}

// What a file means for the table.
const (
	Replace = "replace" // the file is the whole: what is not in it vanishes
	Merge   = "merge"   // rows of the file are put in or changed, by the key
	Append  = "append"  // rows of the file are added
)

// Limits are where a load stops, or stops and asks.
type Limits struct {
	RejectRows  int64   `yaml:"rejectRows" json:"rejectRows"`   // rejects that are allowed; default 0, or -1 (any number) if RejectShare is given
	RejectShare float64 `yaml:"rejectShare" json:"rejectShare"` // of the file's rows; 0 means that only RejectRows counts
	ChangeShare float64 `yaml:"changeShare" json:"changeShare"` // of the table's rows that may change without asking; default 0.05
	VanishShare float64 `yaml:"vanishShare" json:"vanishShare"` // of the table's rows that may vanish without asking; default 0.05
	MaxLine     int     `yaml:"maxLine" json:"maxLine"`         // bytes of a record; default 1 MiB
	MaxRows     int64   `yaml:"maxRows" json:"maxRows"`         // of a file; 0 means no limit
}

// What is kept of the database before an import.
const (
	BackupSnapshot = "snapshot"
	BackupNone     = "none" // for tables that can be loaded anew from their files at any time
)

// When a load asks.
const (
	Always     = "always"
	OverLimits = "over-limits" // when more changes or vanishes than Limits allow, when rows are rejected, and at the first load
)

// Approval says when people have to agree to a load.
type Approval struct {
	When string `yaml:"when" json:"when"` // default over-limits
}

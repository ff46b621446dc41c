package ingest

// Spec is what the conversion has to know of a dataset.
type Spec struct {
	Format       string // csv, tsv, xlsx, jsonl or parquet
	Header       bool   // the first record names the fields
	Delimiter    byte   // of csv and tsv; 0 means a comma or a tab
	Encoding     string // cp932, utf-8, euc-jp or detect
	Fields       int    // that each record of a file without header has; 0 means as many as the first
	Sheet        string // of xlsx; "" means the only one
	Columns      []Column
	Continuation *Continuation // nil if each record is a row
	MaxLine      int           // bytes of a record; 0 means 1 MiB
	MaxRows      int64         // 0 means no limit
	RejectRows   int64         // how many rejects are allowed; negative means any number
	RejectShare  float64       // and which share of the rows; 0 means any
}

// Column is a column of the table, and the field that it comes from.
type Column struct {
	Name      string
	Number    int      // of the field, from 1; 0 if Header says which
	Header    string   // of the field, or its key in JSON
	Type      string   // text, integer, numeric, boolean, date or timestamp
	Layouts   []string // of a date or timestamp, see package dates; the first that fits counts
	Required  bool
	Pattern   string // a regular expression for the whole text
	Min, Max  string // written like a value of the type
	MaxLength int    // characters of a text
	Codes     []string
	Normalise []string // of trim, nfkc, kana-width; they are done as kana-width, nfkc, trim
}

// Continuation says that a row goes on in the rows after it while a column's text has more opening signs than closing ones,
// as the town in Japan Post's file does: its name is cut where the field is full, and the rest stands in the next row.
type Continuation struct {
	Column      string // whose text opens and closes
	Open, Close string
	Same        []string // columns that are equal in the continued row, or it is no continuation
	Join        []string // columns whose texts are put together; a text that is repeated is not
}

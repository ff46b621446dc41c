package ingest

// Chunk is some rows of a file, converted.
type Chunk struct {
	// Tuples are PostgreSQL binary COPY tuples, without the header and the trailer of the stream (see Header and Trailer).
	// Each has line bigint, hash bytea (16 bytes, of the typed content of the columns, so the same content has the same
	// hash in every file and every run), then the dataset's columns in order.
	Tuples      []byte
	Rows        int   // tuples
	SourceBytes int64 // bytes of the unpacked file that this chunk comes from
	Number      int   // from 0, in the order of the file
	FirstLine   int64 // the line where its first row starts, from 1
	Rejects     []Reject

	pool chan []byte
}

// Release gives the memory of Tuples back for the next chunk. The receiver of a chunk calls it when the tuples are
// written; calling it is not needed, and after it Tuples must not be read.
func (c *Chunk) Release() {
	if c.pool == nil {
		return
	}
	keep(c.pool, c.Tuples[:0])
	c.Tuples, c.pool = nil, nil
}

// Reject is one row that was not converted.
type Reject struct {
	Line   int64
	Column string // the dataset's name of the column; "" if it is the row as a whole
	Reason string // in words: what is wrong, and what was expected
	Raw    []byte // the row as it stands in the file, without its line end; at most RawLimit bytes of it
	Size   int64  // bytes of the row
}

// RawLimit is how much of a rejected row is kept.
const RawLimit = 16 << 10

// Totals are the sums over a file.
type Totals struct {
	Bytes     int64 // of the unpacked file
	Lines     int64 // line ends, and a last line without one
	Records   int64 // rows of data: Rows + Rejects + Joined
	Rows      int64 // tuples
	Rejects   int64
	Joined    int64  // rows that continued the row before them (see the dataset's continuation)
	Encoding  string // what the file was read as: "cp932", "utf-8" or "euc-jp"
	Header    []string
	Blank     int64 // lines without anything in them, skipped
	Undecoded int64 // those of the rejects that are not of the encoding
	Ragged    int64 // those of the rejects that have another number of fields
}

// Options are what does not belong to the dataset.
type Options struct {
	Workers   int   // that convert side by side; 0 means as many as there are processors
	NoHashes  bool  // rows have no hash, only zeros in its place: their key tells them apart
	Unordered bool  // chunks may come in any order, and emit is called by several workers at once
	MaxBytes  int64 // of the unpacked file; 0 means no limit
	BlockSize int   // bytes of the file in one chunk, about; 0 means 256 KiB; for tests

	// Progress is told after each chunk how much has been converted; nil means nobody asks. It must be quick, and is called
	// by one worker at a time.
	Progress func(Totals)
}

// Header and Trailer begin and end a stream of tuples for COPY … FROM STDIN (FORMAT binary).
var (
	Header  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	Trailer = []byte{0xff, 0xff}
)

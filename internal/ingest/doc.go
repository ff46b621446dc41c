// Package ingest turns the bytes of a file that somebody delivered into checked PostgreSQL binary COPY tuples.
//
// The way of the bytes: fetch (subpackage fetch) → unpack (subpackage unpack) → records → values → tuples. CSV and TSV are
// cut into blocks on record boundaries, and the blocks are decoded, checked and converted side by side; the result is the
// same for any number of workers. XLSX, JSON Lines and Parquet are read by a record.Source of their own and share the
// conversion. A row that breaks a rule is a Reject, never a guess; a file that cannot be trusted as a whole is an error.
package ingest

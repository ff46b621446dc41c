// Package load brings converted rows into a table of the operated system's database: it stages them, settles duplicates,
// compares them with the table, imports them in one transaction together with a row of the ledger, and checks the result.
//
// The ledger and the staging tables are in the schema tejun_load of that same database, since only then a load and its row
// in the ledger are one. Whatever is killed, and whenever: a table holds either nothing of a file or all of it, and the
// ledger says which. An attempt that a later one has overtaken writes nothing more; see fence.
package load

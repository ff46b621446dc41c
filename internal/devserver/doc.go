// Package devserver starts PostgreSQL and Temporal as child processes, for `worker dev` and for tests. Everything that
// they keep is under one folder, so that a second start goes on where the first one stopped.
//
// The children are in process groups of their own: Ctrl-C reaches only the parent, which stops them in its own order.
// On Linux the kernel stops them when the parent is killed. Elsewhere they live on then, and the next start with the same
// folder stops them first. Only one process at a time may use a folder; the system releases its lock however it ends.
package devserver

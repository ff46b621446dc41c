//go:build unix && !linux

package devserver

import "syscall"

// dieWithParent does nothing: only Linux can. A child that outlives its parent is stopped by the next start.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}

package devserver

import (
	"bytes"
	"fmt"
	"os"
)

// commandLine is the command line of a process, "" if there is none (a process that has ended but was not waited for
// has none either).
func commandLine(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		return ""
	}
	return string(bytes.ReplaceAll(text, []byte{0}, []byte{' '}))
}

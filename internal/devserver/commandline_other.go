//go:build unix && !linux

package devserver

import (
	"os/exec"
	"strconv"
	"strings"
)

// commandLine is the command line of a process, "" if there is none.
func commandLine(pid int) string {
	out, err := exec.Command("ps", "-ww", "-o", "stat=,command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil || strings.HasPrefix(strings.TrimSpace(string(out)), "Z") {
		return ""
	}
	return string(out)
}

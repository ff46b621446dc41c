package main

import (
	"context"
	"os"
	"strconv"
	"strings"
	"time"
)

// parentCheck is how often it is looked at whether `go run` still lives.
const parentCheck = 500 * time.Millisecond

// goRunGone is closed when this process was started by `go run` and that has ended; without `go run`, or where the
// system does not tell, it is never closed.
func goRunGone(ctx context.Context) <-chan struct{} {
	gone := make(chan struct{})
	parent := os.Getppid()
	name, err := os.ReadFile("/proc/" + strconv.Itoa(parent) + "/comm")
	if err != nil || strings.TrimSpace(string(name)) != "go" {
		return gone
	}
	go func() {
		ticks := time.NewTicker(parentCheck)
		defer ticks.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-ticks.C:
				if os.Getppid() != parent {
					close(gone)
					return
				}
			}
		}
	}()
	return gone
}

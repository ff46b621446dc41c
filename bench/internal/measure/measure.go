// Package measure has what the programs that measure share.
package measure

import (
	"fmt"
	"runtime"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

// Each does n things, some at a time.
func Each(n, atATime int, do func(int) error) error {
	var all errgroup.Group
	all.SetLimit(atATime)
	for i := range n {
		all.Go(func() error { return do(i) })
	}
	return all.Wait()
}

// Memory is what this process uses, in MB, after what is garbage has gone.
func Memory() float64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return float64(m.HeapAlloc+m.StackInuse) / (1 << 20)
}

// Report prints how long something took.
func Report(name string, d []time.Duration) {
	slices.Sort(d)
	at := func(q float64) time.Duration { return d[min(len(d)-1, int(q*float64(len(d))))].Round(time.Millisecond) }
	fmt.Printf("%-36s p50 %s, p95 %s, p99 %s, max %s\n", name, at(0.50), at(0.95), at(0.99), d[len(d)-1].Round(time.Millisecond))
}

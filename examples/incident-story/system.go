package main

import (
	"fmt"
	"strings"
)

// limits are those of examples/system.yaml that nobody wants to wait for in a story: what stands there, and instead of it.
var limits = [][2]string{
	{"acknowledge: 15m", "acknowledge: 8s"},
	{"{list: operators, wait: 10m}", "{list: operators, wait: 4s}"},
	{"{person: takahashi, wait: 10m}", "{person: takahashi, wait: 1h}"},
	{"stablePeriod: 2m", "stablePeriod: 8s"},
	{"    duration: 30m                # nobody", "    duration: 20s                # nobody"},
	{"    every: 1m", "    every: 1s"},
}

// hurry is the description with limits of seconds. Everything else stays as it is.
func hurry(text string) (string, error) {
	for _, l := range limits {
		if strings.Count(text, l[0]) != 1 {
			return "", fmt.Errorf("%q does not stand exactly once in the description: mend the list in examples/incident-story/system.go", l[0])
		}
		text = strings.Replace(text, l[0], l[1], 1)
	}
	return text, nil
}

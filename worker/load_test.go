package main

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoadRefusesAQueueThatIsNotALoadsAndHastyIdling(t *testing.T) {
	for says, args := range map[string][]string{
		`the task queue "" is not that of a load: want tejun-load-OPERATION`: {},
		`the task queue "tejun" is not that of a load`:                       {"--task-queue", "tejun"},
		"--idle 1s: want at least 10s":                                       {"--task-queue", "tejun-load-0123456789ab", "--idle", "1s"},
		"settings are missing or wrong":                                      {"--task-queue", "tejun-load-0123456789ab"},
	} {
		root := newRoot(surroundings{out: io.Discard, err: io.Discard, env: environment{}})
		root.SetArgs(append([]string{"load"}, args...))
		require.ErrorContains(t, root.ExecuteContext(t.Context()), says)
	}
}

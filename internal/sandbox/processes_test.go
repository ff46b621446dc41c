package sandbox_test

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/wafv2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/sandbox"
)

// childFolder tells the test binary to be a writer on that folder.
const childFolder = "TEJUN_SANDBOX_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		if err := writeForever(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

// writeForever puts numbered objects, and says each number once it is acknowledged.
func writeForever(dir string) error {
	s, err := sandbox.Open(dir)
	if err != nil {
		return err
	}
	cfg := aws.Config{}
	s.Configure(&cfg)
	c := s3.NewFromConfig(cfg)
	body := strings.Repeat("計画停止のお知らせ ", 2000)
	for i := 0; ; i++ {
		key := fmt.Sprintf("%d/%d", os.Getpid(), i)
		if _, err := c.PutObject(context.Background(), &s3.PutObjectInput{Bucket: bucket, Key: aws.String(key), Body: strings.NewReader(body)}); err != nil {
			return err
		}
		fmt.Println(key)
	}
}

func TestKilledWritersLoseNothingThatWasAcknowledged(t *testing.T) {
	s, cfg := seeded(t)
	acknowledged := map[string]bool{}
	for range 8 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), childFolder+"="+s.Dir())
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, child.Start())
		lines := bufio.NewScanner(out)
		require.True(t, lines.Scan(), "the writer writes")
		acknowledged[lines.Text()] = true
		time.AfterFunc(time.Duration(rand.IntN(60))*time.Millisecond, func() { _ = child.Process.Kill() }) // SIGKILL, in the middle of anything
		for lines.Scan() {
			if strings.Count(lines.Text(), "/") == 1 {
				acknowledged[lines.Text()] = true
			}
		}
		require.Error(t, child.Wait(), "it was killed")
	}
	entries, err := s.Journal()
	require.NoError(t, err)
	snap, err := s.Snapshot()
	require.NoError(t, err)
	journalled := map[string]int{}
	for _, e := range entries {
		journalled[strings.TrimPrefix(e.Resource, "s3:object/"+*bucket+"/")]++
	}
	for key := range acknowledged {
		assert.Equal(t, 1, journalled[key], key)
	}
	objects := 0
	for key := range snap.Resources {
		if name, ok := strings.CutPrefix(key, "s3:object/"+*bucket+"/"); ok {
			objects++
			assert.Equal(t, 1, journalled[name], "state and journal agree on %s", name)
		}
	}
	assert.Len(t, journalled, objects)
	assert.LessOrEqual(t, len(journalled)-len(acknowledged), 8, "at most the last of each writer was not acknowledged")
	stopWeb(t, cfg, 0) // the survivors go on
}

func TestHandlesOnOneFolderSeeEachOther(t *testing.T) {
	s, cfg := seeded(t)
	other := open(t, s.Dir())
	otherConfig := config(other)
	stopWeb(t, cfg, 1)
	assert.EqualValues(t, 1, describe(t, ecs.NewFromConfig(otherConfig), "gzs-web").DesiredCount)
	require.NoError(t, other.AddFault(sandbox.Fault{Service: "ecs", Operation: "UpdateService", Kind: sandbox.FaultThrottle}))
	require.Error(t, stop(t.Context(), cfg), "a fault from one process strikes in another")
	faults, err := other.Faults()
	require.NoError(t, err)
	assert.Empty(t, faults)
	a, err := s.Journal()
	require.NoError(t, err)
	b, err := other.Journal()
	require.NoError(t, err)
	assert.Equal(t, a, b)
}

func TestLockTokensLetOneOfManyWritersThrough(t *testing.T) {
	s, cfg := seeded(t)
	configs := []aws.Config{in(cfg, "us-east-1"), in(config(open(t, s.Dir())), "us-east-1")}
	got := webACL(t, wafv2.NewFromConfig(configs[0]))
	var wait sync.WaitGroup
	results := make(chan error, 16)
	for i := range 16 {
		wait.Go(func() {
			_, err := wafv2.NewFromConfig(configs[i%2]).UpdateWebACL(t.Context(), update(got, blockRule("outage", 0, "gzs-operators/set-1")))
			results <- err
		})
	}
	wait.Wait()
	close(results)
	through := 0
	for err := range results {
		if err == nil {
			through++
		} else {
			require.ErrorContains(t, err, "WAFOptimisticLockException")
		}
	}
	assert.Equal(t, 1, through)
	entries, err := s.Journal()
	require.NoError(t, err)
	assert.Len(t, entries, 16)
}

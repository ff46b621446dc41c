package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"tejun/internal/operated"
	"tejun/internal/records"
	"tejun/internal/sandbox"
	"tejun/internal/site"
	"tejun/internal/system"
	"tejun/worker/devstack"
	"tejun/worker/devstack/scene"
	"tejun/worker/serve"
	"tejun/workflows"
)

// world is an operated system of its own: a sandbox, the site that it shows, and a worker.
type world struct {
	t       *testing.T
	client  client.Client
	records *records.Store
	box     *sandbox.Sandbox
	source  *system.Source
	aws     aws.Config         // for people who change AWS without a runbook
	data    *operated.Database // the operated system's own; the stack's unless a test has one of its own
	queue   string
	before  sandbox.Snapshot
	visits  *visits   // of its site
	copied  time.Time // the data in the DR region
}

var worlds atomic.Int64

// newWorld makes a world on the shared stack. The changes are made to its description.
func newWorld(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	return settle(unsettled(t, changes...))
}

// unsettled is a world without a worker.
func unsettled(t *testing.T, changes ...func(*system.System)) *world {
	t.Helper()
	n := worlds.Add(1)
	box, err := sandbox.Open(t.TempDir())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, box.Close()) })
	require.NoError(t, box.SetTimeScale(0))
	page := httptest.NewUnstartedServer(nil)
	url := "http://" + page.Listener.Addr().String() + "/"
	file, err := scene.SystemFile()
	require.NoError(t, err)
	source := system.NewSource(file, func(s *system.System) {
		s.Site.URL = url
		s.Distribution.ID = fmt.Sprintf("E2E%010d", n)
		s.WAF.WebACLID = fmt.Sprintf("a1b2c3d4-5678-90ab-cdef-%012d", n)
		s.ECS.Cluster = fmt.Sprintf("gzs-infra-%d", n)
		for _, change := range changes {
			change(s)
		}
	})
	sys, err := source.System()
	require.NoError(t, err)
	require.NoError(t, box.Seed(t.Context(), sys))
	log := &visits{}
	page.Config.Handler = log.by(site.New(box, sys))
	page.Start()
	t.Cleanup(page.Close)
	return &world{
		t: t, client: shared.Client, records: shared.Records, box: box, source: source, data: shared.Operated, queue: fmt.Sprintf("e2e-%d", n), visits: log,
	}
}

// worldOf is the world that a stack brings along.
func worldOf(t *testing.T, stack *devstack.Stack) *world {
	t.Helper()
	return settle(&world{t: t, client: stack.Client, records: stack.Records, box: stack.Sandbox, source: stack.Source, data: stack.Operated, queue: workflows.TaskQueue})
}

// settle starts the worker and notes what the sandbox holds.
func settle(w *world) *world {
	w.t.Helper()
	var err error
	w.aws.Region = w.system().AWS.Region
	w.box.Configure(&w.aws)
	w.before, err = w.box.Snapshot()
	require.NoError(w.t, err)
	worker, err := serve.New(serve.Options{Client: w.client, AWS: w.aws, System: w.source.System, Records: w.records, Operated: w.data, TaskQueue: w.queue})
	require.NoError(w.t, err)
	require.NoError(w.t, worker.Start())
	w.t.Cleanup(worker.Stop)
	return w
}

func (w *world) system() *system.System {
	w.t.Helper()
	s, err := w.source.System()
	require.NoError(w.t, err)
	return s
}

// fault makes calls go wrong.
func (w *world) fault(f sandbox.Fault) {
	w.t.Helper()
	require.NoError(w.t, w.box.AddFault(f))
}

// journal lists the writes since the world was made.
func (w *world) journal() []sandbox.Entry {
	w.t.Helper()
	entries, err := w.box.Journal()
	require.NoError(w.t, err)
	return entries[len(w.before.Journal):]
}

// mails are the subjects that a list has been sent, in order.
func (w *world) mails(list string) []string {
	w.t.Helper()
	to, ok := w.system().Recipients(list)
	require.True(w.t, ok, "list %s", list)
	all, err := w.box.Mails()
	require.NoError(w.t, err)
	subjects := []string{}
	for _, m := range all[len(w.before.Mails):] {
		if m.To[0] == to[0] {
			subjects = append(subjects, m.Subject)
		}
	}
	return subjects
}

// seen is what a visitor gets.
type seen struct {
	status     int
	retryAfter string
	language   string
	body       string
}

// look visits the site by a plain GET.
func (w *world) look(vantage string) seen {
	w.t.Helper()
	sys := w.system()
	from, ok := sys.Vantage(vantage)
	require.True(w.t, ok)
	request, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, sys.Site.URL, nil)
	require.NoError(w.t, err)
	for name, value := range from.Headers {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(w.t, err)
	body, err := io.ReadAll(response.Body)
	require.NoError(w.t, err)
	require.NoError(w.t, response.Body.Close())
	return seen{response.StatusCode, response.Header.Get("Retry-After"), response.Header.Get("Content-Type"), string(body)}
}

// distribution is the configuration of the distribution, byte for byte.
func (w *world) distribution(s sandbox.Snapshot) string {
	w.t.Helper()
	var d struct{ Config json.RawMessage }
	require.NoError(w.t, json.Unmarshal(s.Resources["cloudfront:distribution/"+w.system().Distribution.ID], &d))
	require.NotEmpty(w.t, d.Config)
	return string(d.Config)
}

func (w *world) snapshot() sandbox.Snapshot {
	w.t.Helper()
	s, err := w.box.Snapshot()
	require.NoError(w.t, err)
	return s
}

// patience is how long a test waits for what should take a moment: the machine may be busy.
const patience = 10 * time.Minute

// eventually waits until check returns nil. It ends the test with the last error.
func eventually(t *testing.T, what string, check func() error) {
	t.Helper()
	var err error
	for limit := time.Now().Add(patience); time.Now().Before(limit); time.Sleep(100 * time.Millisecond) {
		if err = check(); err == nil {
			return
		}
	}
	require.FailNow(t, "waited in vain for "+what, "%v", err)
}

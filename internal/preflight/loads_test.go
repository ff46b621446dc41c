package preflight

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"tejun/internal/dataset"
	"tejun/internal/devserver"
	"tejun/internal/operated"
	"tejun/internal/sandbox"
	"tejun/internal/system"
)

func states(r Report) map[string]State {
	found := map[string]State{}
	for _, f := range r.Findings {
		if f.State != OK {
			found[f.Area+" "+f.Resource] = f.State
		}
	}
	return found
}

func TestWhatALoadNeedsIsChecked(t *testing.T) {
	box, cfg, load := seeded(t)
	require.Equal(t, map[string]State{"database operated system": Skipped}, states(Run(t.Context(), cfg, load(), nil)))
	for name, c := range map[string]struct {
		change   func(*system.System)
		resource string
		state    State
	}{
		"bucket of files":    {func(s *system.System) { s.Loads.Buckets = append(s.Loads.Buckets, "no-such-bucket") }, "s3 no-such-bucket", Missing},
		"bucket of rejects":  {func(s *system.System) { s.Loads.Bucket = "no-rejects" }, "s3 no-rejects", Missing},
		"bucket not allowed": {func(s *system.System) { s.Loads.Buckets = nil }, "loads postal-codes", Wrong},
		"no folder":          {func(s *system.System) { s.Loads.Datasets = "none" }, "loads datasets", Wrong},
	} {
		t.Run(name, func(t *testing.T) {
			sys := load()
			c.change(sys)
			assert.Equal(t, c.state, states(Run(t.Context(), cfg, sys, nil))[c.resource])
		})
	}
	t.Run("declarations", func(t *testing.T) {
		sys := load()
		sys.Folder = t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(sys.Folder, "datasets"), 0o755))
		assert.Equal(t, Missing, states(Run(t.Context(), cfg, sys, nil))["loads datasets"])
		write := func(text string) {
			require.NoError(t, os.WriteFile(filepath.Join(sys.Folder, "datasets", "shops.yaml"), []byte(text), 0o644))
		}
		const rest = "encoding: utf-8\nformat: {kind: csv}\ntable: public.shops\nkey: [id]\nmode: merge\ncolumns:\n  - {name: id, field: 1, type: integer, required: true}\n"
		write("id: shops\nname: {ja: 店, en: Shops}\nsource: {http: {url: \"https://other.example.jp/shops.csv\"}}\n" + rest)
		assert.Equal(t, Wrong, states(Run(t.Context(), cfg, sys, nil))["loads shops"])
		sys.Loads.Hosts = append(sys.Loads.Hosts, "other.example.jp")
		assert.NotContains(t, states(Run(t.Context(), cfg, sys, nil)), "loads shops")
		write("id: shops\nname: {ja: 店, en: Shops}\nsource: {file: {dir: /tmp}}\n" + rest)
		sys.Environment = "production"
		assert.Equal(t, Wrong, states(Run(t.Context(), cfg, sys, nil))["loads shops"])
		write("id: shops\n")
		assert.Equal(t, Wrong, states(Run(t.Context(), cfg, sys, nil))["loads datasets"])
	})
	t.Run("rights in AWS", func(t *testing.T) {
		require.NoError(t, box.AddFault(sandbox.Fault{Service: "s3", Operation: "GetObject", Kind: sandbox.FaultDenied, Times: sandbox.Forever}))
		sys := load()
		denied := []string{}
		for _, f := range Run(t.Context(), cfg, sys, nil).Problems() {
			if f.Resource == "s3:GetObject" {
				denied = append(denied, f.Problem)
			}
		}
		assert.Contains(t, denied, "not allowed on arn:aws:s3:::gzs-incoming/corporate-numbers/*, arn:aws:s3:::gzs-incoming/postal-codes/*")
	})
}

// The database is asked as the user that loads.
func TestTheDatabaseOfLoadsIsChecked(t *testing.T) {
	_, cfg, load := seeded(t)
	server, err := devserver.StartDatabase(t.Context(), devserver.PostgresOptions{Dir: t.TempDir(), Tests: true})
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, server.Stop()) })
	conn, err := pgx.Connect(t.Context(), server.DSN())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	exec := func(sql string) {
		_, err := conn.Exec(t.Context(), sql)
		require.NoError(t, err, sql)
	}
	sys := load()
	look := func(dsn string) map[string]State {
		data, err := operated.Open(dsn)
		require.NoError(t, err)
		defer data.Close()
		return states(Run(t.Context(), cfg, sys, data))
	}
	require.Empty(t, look(server.DSN()), "an owner may make everything")

	exec("CREATE ROLE loader LOGIN PASSWORD 'secret'")
	config := conn.Config()
	dsn := "postgres://loader:secret@" + hostOf(config) + "/" + config.Database
	require.Equal(t, map[string]State{
		"database schema tejun_load": Denied, "database public.postal_codes": Denied, "database public.corporate_numbers": Denied,
	}, look(dsn))

	exec("CREATE SCHEMA tejun_load AUTHORIZATION loader; CREATE TABLE public.postal_codes (code text)")
	exec("GRANT CREATE ON SCHEMA public TO loader")
	require.Equal(t, map[string]State{"database public.postal_codes": Wrong}, look(dsn), "columns are missing")

	for _, d := range datasetsOf(t, sys) {
		if d.ID == "postal-codes" {
			exec("DROP TABLE public.postal_codes")
			for _, sql := range d.DDL() {
				exec(sql)
			}
		}
	}
	exec("GRANT SELECT, INSERT, UPDATE ON public.postal_codes TO loader")
	require.Equal(t, map[string]State{"database public.postal_codes": Denied}, look(dsn), "the file is the whole, so it deletes")
	exec("GRANT DELETE ON public.postal_codes TO loader")
	require.Empty(t, look(dsn))
	require.Equal(t, map[string]State{"database operated system": Unknown}, look("postgres://loader:wrong@127.0.0.1:1/none"))
}

func hostOf(c *pgx.ConnConfig) string { return net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port))) }

func datasetsOf(t *testing.T, sys *system.System) []*dataset.Dataset {
	t.Helper()
	all, err := dataset.LoadDir(filepath.Join(sys.Folder, sys.Loads.Datasets))
	require.NoError(t, err)
	return all
}

package devserver

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"

	embeddedpostgres "github.com/fergusstrange/embedded-postgres"
)

// binaries are the programs of one PostgreSQL installation.
type binaries struct {
	dir   string
	major int
}

func (b binaries) initdb() string   { return filepath.Join(b.dir, "initdb") }
func (b binaries) postgres() string { return filepath.Join(b.dir, "postgres") }

// minMajor is the oldest PostgreSQL that the records work with: its extract() of a time is exact.
const minMajor = 14

// findBinaries looks for initdb and postgres: on PATH, where packages put them (newest first), and last in what
// embedded-postgres fetches into this user's cache. A cluster can be opened only by the major version that made it, so
// wantMajor restricts the choice; 0 takes any.
func findBinaries(wantMajor int, log func(string)) (binaries, error) {
	var seen []string
	for _, dir := range installations() {
		b, err := inspect(dir)
		if err != nil {
			continue // not an installation, or a broken one: the next may do
		}
		if b.major >= minMajor && (wantMajor == 0 || wantMajor == b.major) {
			return b, nil
		}
		seen = append(seen, fmt.Sprintf("%d in %s", b.major, b.dir))
	}
	b, err := fetchBinaries(wantMajor, log)
	if err == nil {
		return b, nil
	}
	want := fmt.Sprintf("PostgreSQL %d or newer", minMajor)
	if wantMajor != 0 {
		want = fmt.Sprintf("PostgreSQL %d, which made this cluster,", wantMajor)
	}
	has := "none"
	if len(seen) > 0 {
		has = strings.Join(seen, ", ")
	}
	return binaries{}, fmt.Errorf("%s is not on this machine (found: %s) and cannot be fetched: install it (Debian: apt-get install postgresql, macOS: brew install postgresql), or give the address of a running one: %w", want, has, err)
}

// installations lists folders that may hold PostgreSQL's programs.
func installations() []string {
	var dirs []string
	if path, err := exec.LookPath("initdb"); err == nil {
		// On PATH it is often a link; its siblings are where it points to.
		if target, err := filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(target))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin",          // Debian, Ubuntu
		"/usr/pgsql-*/bin",                   // PostgreSQL's own RPMs
		"/opt/homebrew/opt/postgresql*/bin",  // Homebrew on Apple silicon
		"/usr/local/opt/postgresql*/bin",     // Homebrew on Intel
		"/Applications/Postgres.app/*/*/bin", // Postgres.app
		"/usr/libexec/postgresql*",           // Alpine
	} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			continue // only a malformed pattern gives an error
		}
		sort.Slice(found, func(i, j int) bool { return lastNumber(found[i]) > lastNumber(found[j]) })
		dirs = append(dirs, found...)
	}
	return dirs
}

var numbers = regexp.MustCompile(`\d+`)

func lastNumber(s string) int {
	all := numbers.FindAllString(s, -1)
	if len(all) == 0 {
		return 0
	}
	n, err := strconv.Atoi(all[len(all)-1])
	if err != nil {
		return 0
	}
	return n
}

// inspect asks the programs in dir for their version.
func inspect(dir string) (binaries, error) {
	b := binaries{dir: dir}
	if _, err := os.Stat(b.initdb()); err != nil {
		return b, err
	}
	out, err := exec.Command(b.postgres(), "--version").Output()
	if err != nil {
		return b, fmt.Errorf("%s --version: %w", b.postgres(), err)
	}
	if b.major, err = strconv.Atoi(numbers.FindString(string(out))); err != nil {
		return b, fmt.Errorf("%s --version said %q", b.postgres(), out)
	}
	return b, nil
}

// fetchBinaries has embedded-postgres download and unpack its programs into this user's cache. It can only do so by
// starting a server, which fails for root; the programs are there all the same, and that is all that is wanted.
func fetchBinaries(wantMajor int, log func(string)) (b binaries, err error) {
	cache, err := cacheFolder()
	if err != nil {
		return b, err
	}
	version := embeddedpostgres.V17
	if wantMajor != 0 {
		known := map[int]embeddedpostgres.PostgresVersion{
			14: embeddedpostgres.V14, 15: embeddedpostgres.V15, 16: embeddedpostgres.V16, 17: embeddedpostgres.V17, 18: embeddedpostgres.V18,
		}
		var ok bool
		if version, ok = known[wantMajor]; !ok {
			return b, fmt.Errorf("there is nothing to fetch for PostgreSQL %d", wantMajor)
		}
	}
	lock, err := lockFile(filepath.Join(cache, "postgresql.lock"), syscall.LOCK_EX)
	if err != nil {
		return b, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	into := filepath.Join(cache, "postgresql-"+string(version))
	if b, err := inspect(filepath.Join(into, "bin")); err == nil {
		return b, nil
	}

	log("PostgreSQL is not on this machine: fetching " + string(version))
	scratch, err := os.MkdirTemp("", "tejun-postgresql-")
	if err != nil {
		return b, fmt.Errorf("make a folder to try PostgreSQL in: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	port, err := checkPort("PostgreSQL", 0)
	if err != nil {
		return b, err
	}
	server := embeddedpostgres.NewDatabase(embeddedpostgres.DefaultConfig().Version(version).Port(uint32(port)).
		CachePath(cache).BinariesPath(into).RuntimePath(filepath.Join(scratch, "run")).DataPath(filepath.Join(scratch, "data")).
		Logger(io.Discard))
	started := server.Start()
	if started == nil {
		if err := server.Stop(); err != nil {
			return b, fmt.Errorf("stop the fetched PostgreSQL after trying it: %w", err)
		}
	}
	b, err = inspect(filepath.Join(into, "bin"))
	if err != nil {
		return b, fmt.Errorf("fetch PostgreSQL %s: %w", version, errors.Join(started, err))
	}
	return b, nil
}

// cacheFolder is where programs that were built or fetched are kept for all state folders.
func cacheFolder() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find this user's cache folder (set HOME or XDG_CACHE_HOME): %w", err)
	}
	dir := filepath.Join(base, "tejun")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the cache folder: %w", err)
	}
	return dir, nil
}

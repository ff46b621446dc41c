package devserver

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	mainModule = "tejun"
	cliModule  = "github.com/temporalio/cli"
	cliPackage = cliModule + "/cmd/temporal"
	toolsFile  = "tools/go.mod"
)

// minServer is the oldest server in a CLI on PATH that is used: the one that the tools module builds.
var minServer = [2]int{1, 29}

// temporalCLI is a usable CLI. Its own version says little (a built one says 0.0.0), so the server's counts.
type temporalCLI struct{ path, server string }

// findTemporal returns, in this order: the given one; "temporal" on PATH if its server is new enough; the one built from
// the repository's tools module, kept in this user's cache.
func findTemporal(ctx context.Context, given string, log func(string)) (temporalCLI, error) {
	if given != "" {
		cli, err := inspectTemporal(ctx, given)
		if err != nil {
			return cli, fmt.Errorf("the temporal CLI that was given cannot be used: %w", err)
		}
		return cli, nil
	}
	var onPath error
	if path, err := exec.LookPath("temporal"); err == nil {
		cli, err := inspectTemporal(ctx, path)
		if err == nil {
			return cli, nil
		}
		onPath = err
		log(fmt.Sprintf("the temporal CLI on PATH is passed over: %v", err))
	}
	cli, err := builtTemporal(ctx, log)
	if err != nil {
		return cli, fmt.Errorf("there is no usable temporal CLI: put one on PATH (server %d.%d or newer), or run this inside the repository so that it can be built, or give the address of a running Temporal: %w",
			minServer[0], minServer[1], errors.Join(onPath, err))
	}
	return cli, nil
}

var serverVersion = regexp.MustCompile(`Server (\d+)\.(\d+)\.(\d+)`)

func inspectTemporal(ctx context.Context, path string) (temporalCLI, error) {
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Env = withoutTemporal(os.Environ())
	out, err := cmd.Output()
	if err != nil {
		return temporalCLI{}, fmt.Errorf("%s --version: %w", path, err)
	}
	v := serverVersion.FindStringSubmatch(string(out))
	if v == nil {
		return temporalCLI{}, fmt.Errorf("%s --version said %q, not which server it has", path, strings.TrimSpace(string(out)))
	}
	major, err1 := strconv.Atoi(v[1])
	minor, err2 := strconv.Atoi(v[2])
	if err := errors.Join(err1, err2); err != nil {
		return temporalCLI{}, fmt.Errorf("%s --version said %q: %w", path, out, err)
	}
	if major < minServer[0] || major == minServer[0] && minor < minServer[1] {
		return temporalCLI{}, fmt.Errorf("%s has server %d.%d, it must be %d.%d or newer", path, major, minor, minServer[0], minServer[1])
	}
	return temporalCLI{path: path, server: strings.TrimPrefix(v[0], "Server ")}, nil
}

// builtTemporal returns the CLI of the version that the tools module names, and builds it the first time.
func builtTemporal(ctx context.Context, log func(string)) (cli temporalCLI, err error) {
	root, err := repositoryRoot()
	if err != nil {
		return cli, err
	}
	version, err := toolVersion(filepath.Join(root, toolsFile))
	if err != nil {
		return cli, err
	}
	cache, err := cacheFolder()
	if err != nil {
		return cli, err
	}
	path := filepath.Join(cache, "temporal-"+version)
	// Without the lock first: a whole binary is there, or none, as it is moved into place.
	if cli, err := inspectTemporal(ctx, path); err == nil {
		return cli, nil
	}
	lock, err := waitForLock(ctx, path+".lock", func() { log("waiting for another process that builds the temporal CLI") })
	if err != nil {
		return cli, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if cli, err := inspectTemporal(ctx, path); err == nil {
		return cli, nil
	}
	if err := buildTemporal(ctx, root, path, version, log); err != nil {
		return cli, err
	}
	return inspectTemporal(ctx, path)
}

func buildTemporal(ctx context.Context, root, path, version string, log func(string)) error {
	if _, err := exec.LookPath("go"); err != nil {
		return fmt.Errorf("the temporal CLI must be built, which needs Go: %w", err)
	}
	log(fmt.Sprintf("building the temporal CLI %s (once, about 2 minutes)", version))
	began := time.Now()
	aside := fmt.Sprintf("%s.%d", path, os.Getpid())
	cmd := exec.Command("go", "build", "-modfile="+filepath.FromSlash(toolsFile), "-o", aside,
		"-ldflags=-s -w -X "+cliModule+"/temporalcli.Version="+strings.TrimPrefix(version, "v"), cliPackage)
	cmd.Dir = root
	build, err := startProcess("the build of the temporal CLI", cmd, path+".log", "", syscall.SIGTERM)
	if err != nil {
		return err
	}
	for !build.waitFor(5 * time.Second) {
		if ctx.Err() != nil {
			return errors.Join(fmt.Errorf("build the temporal CLI: %w", ctx.Err()), build.stop(syscall.SIGTERM), removeIfThere(aside))
		}
		log(fmt.Sprintf("still building the temporal CLI (%s so far)", time.Since(began).Round(time.Second)))
	}
	if build.err != nil {
		return errors.Join(fmt.Errorf("build the temporal CLI from %s (%s): %w: %s", filepath.Join(root, toolsFile), path+".log", build.err, build.logTail()),
			build.stop(), removeIfThere(aside))
	}
	if err := errors.Join(build.stop(), os.Rename(aside, path)); err != nil {
		return fmt.Errorf("put the temporal CLI into place: %w", err)
	}
	log(fmt.Sprintf("built the temporal CLI in %s", time.Since(began).Round(time.Second)))
	return nil
}

// repositoryRoot is the folder, at or above the current one, whose go.mod is this module's.
func repositoryRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && moduleOf(string(text)) == mainModule {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("%s is not inside the repository (no go.mod of module %s at or above it)", start, mainModule)
		}
	}
}

func moduleOf(goMod string) string {
	for line := range strings.Lines(goMod) {
		if name, found := strings.CutPrefix(strings.TrimSpace(line), "module "); found {
			return strings.TrimSpace(name)
		}
	}
	return ""
}

// toolVersion is the version of the CLI's module that the tools module requires.
func toolVersion(file string) (string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read which temporal CLI to build: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(words) >= 2 && words[0] == cliModule {
			return words[1], nil
		}
	}
	return "", fmt.Errorf("%s does not require %s", file, cliModule)
}

// waitForLock locks path; onWait is called once if somebody else has it.
func waitForLock(ctx context.Context, path string, onWait func()) (*os.File, error) {
	for waited := false; ; waited = true {
		file, err := lockFile(path, syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) {
			return file, err
		}
		if !waited {
			onWait()
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for the lock %s: %w", path, ctx.Err())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

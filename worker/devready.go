package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
)

// addresses is where everything of a `worker dev` is. It is written to the state folder (ready.json), to the user's
// cache folder (tejun/dev/<Temporal's port>.json, so that the CLI finds the rest from Temporal's address alone), and to
// --ready-file. All of them are for the user alone (0600): the DSNs have passwords.
type addresses struct {
	Temporal string `json:"temporal"` // host:port
	UI       string `json:"ui"`       // URL of the Temporal UI
	Site     string `json:"site"`     // URL of the simulated public site
	Postgres string `json:"postgres"` // DSN with password
	Database string `json:"database"` // DSN of the operated system's own database, with password
	Metrics  string `json:"metrics"`  // URL
	State    string `json:"state"`    // folder
	Sandbox  string `json:"sandbox"`  // folder
	System   string `json:"system"`   // file
	PID      int    `json:"pid"`
}

// checkReadyFile makes the path absolute, makes sure before the start that a file can be there, and removes an old one:
// whoever waits for the file must not see the one of an earlier start.
func checkReadyFile(path *string) error {
	if *path == "" {
		return nil
	}
	full, err := filepath.Abs(*path)
	if err != nil {
		return fmt.Errorf("--ready-file %s: %w", *path, err)
	}
	*path = full
	if info, err := os.Stat(filepath.Dir(full)); err != nil || !info.IsDir() {
		return fmt.Errorf("--ready-file %s: there is no folder %s: make it first", full, filepath.Dir(full))
	}
	if err := os.Remove(full); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("--ready-file %s: remove the old one: %w", full, err)
	}
	return nil
}

// publish writes the addresses everywhere; forget removes them again, as far as they are still this process's.
func (a addresses) publish(cacheDir func() (string, error), readyFile string) (forget func() error, err error) {
	var written []string
	forget = func() error {
		var problems error
		for _, path := range written {
			if a.owns(path) {
				problems = errors.Join(problems, os.Remove(path))
			}
		}
		return problems
	}
	content, err := json.MarshalIndent(a, "", "  ")
	if err != nil {
		return forget, err
	}
	paths := []string{filepath.Join(a.State, "ready.json")}
	if cache, err := cacheDir(); err == nil { // without a home there is no cache folder, and the CLI asks for none
		_, port, err := net.SplitHostPort(a.Temporal)
		if err != nil {
			return forget, fmt.Errorf("the address of Temporal %q: %w", a.Temporal, err)
		}
		folder := filepath.Join(cache, "tejun", "dev")
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return forget, fmt.Errorf("make the folder in which the CLI looks: %w", err)
		}
		if err := a.forgetEarlier(folder); err != nil {
			return forget, err
		}
		paths = append(paths, filepath.Join(folder, port+".json"))
	}
	if readyFile != "" {
		paths = append(paths, readyFile) // last, so that everything else is there when it appears
	}
	for _, path := range paths {
		if err := writeWhole(path, append(content, '\n')); err != nil {
			return forget, fmt.Errorf("write the addresses to %s: %w", path, err)
		}
		written = append(written, path)
	}
	return forget, nil
}

// forgetEarlier removes what an earlier process with the same state folder left when it was killed. This process holds the
// folder, so that one is gone.
func (a addresses) forgetEarlier(folder string) error {
	paths, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if there, ok := readAddresses(path); ok && there.State == a.State && there.PID != a.PID {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove the addresses of an earlier start: %w", err)
			}
		}
	}
	return nil
}

func (a addresses) owns(path string) bool {
	there, ok := readAddresses(path)
	return ok && there.PID == a.PID && there.State == a.State
}

func readAddresses(path string) (there addresses, ok bool) {
	content, err := os.ReadFile(path)
	return there, err == nil && json.Unmarshal(content, &there) == nil
}

// writeWhole writes a file that nobody sees half-written.
func writeWhole(path string, content []byte) (err error) {
	file, err := os.CreateTemp(filepath.Dir(path), ".tejun-*") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file.Name()))
		}
	}()
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err != nil {
		return err
	}
	return os.Rename(file.Name(), path)
}

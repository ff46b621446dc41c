package system

import (
	"os"
	"sync"
	"time"
)

// Source reads a description anew when its file has changed. It is for processes that live longer than one edition of
// the file: an edit counts from the next question on, and a broken edit is an error, never the old description.
type Source struct {
	path string
	edit func(*System) // applied to every edition, may be nil

	mu     sync.Mutex
	read   time.Time // modification time and size of the edition that was read
	size   int64
	system *System
}

// NewSource reads from path. The function edit, if given, is applied to every edition: `worker dev` puts the address of its
// simulated site in.
func NewSource(path string, edit func(*System)) *Source { return &Source{path: path, edit: edit} }

// System is the description in force. The caller must not change it.
func (s *Source) System() (*System, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, err
	}
	if s.system != nil && info.ModTime().Equal(s.read) && info.Size() == s.size {
		return s.system, nil
	}
	loaded, err := Load(s.path)
	if err != nil {
		return nil, err
	}
	if s.edit != nil {
		s.edit(loaded)
	}
	s.system, s.read, s.size = loaded, info.ModTime(), info.Size()
	return loaded, nil
}

package fetch

import (
	"errors"
	"fmt"
	"io"
	"os"
)

// Spooled is a file that has been written to disk to be read at any place, as zip archives, XLSX and Parquet need. It has
// no name any more: when it is closed, or the process dies, its space is free.
type Spooled struct {
	*os.File
	Size   int64
	SHA256 string
}

// Spool reads a stream to its end, into a file in dir ("" for the system's). The stream is closed.
func Spool(s *Stream, dir string) (*Spooled, error) {
	file, err := os.CreateTemp(dir, "tejun-spool-*")
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a file for %s: %w", s.Name, err), s.Close())
	}
	err = os.Remove(file.Name()) // from here on it lives as long as it is open
	if err == nil {
		_, err = io.Copy(file, s)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	err = errors.Join(err, s.Close())
	if err != nil {
		return nil, errors.Join(fmt.Errorf("keep %s on disk after %d bytes: %w", s.Name, s.Size(), err), file.Close())
	}
	return &Spooled{File: file, Size: s.Size(), SHA256: s.SHA256()}, nil
}

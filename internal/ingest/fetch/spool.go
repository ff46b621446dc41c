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
	file, size, err := Keep(s, s.Name, dir)
	if closing := s.Close(); closing != nil && err == nil {
		err = errors.Join(closing, file.Close())
	}
	if err != nil {
		return nil, err
	}
	return &Spooled{File: file, Size: size, SHA256: s.SHA256()}, nil
}

// Keep reads to the end, into a file without a name in dir ("" for the system's), whose beginning is read next. The name
// is that of the source, in words.
func Keep(source io.Reader, name, dir string) (*os.File, int64, error) {
	file, err := os.CreateTemp(dir, "tejun-spool-*")
	if err != nil {
		return nil, 0, fmt.Errorf("make a file for %s: %w", name, err)
	}
	err = os.Remove(file.Name()) // from here on it lives as long as it is open
	var size int64
	if err == nil {
		size, err = io.Copy(file, source)
	}
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("keep %s on disk after %d bytes: %w", name, size, err), file.Close())
	}
	return file, size, nil
}

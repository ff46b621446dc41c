package fetch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"tejun/internal/ingest/record"
)

// Local is a file below a folder. Neither .. nor a symbolic link leads out of the folder.
func Local(ctx context.Context, dir, name string, expect Expect) (*Stream, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the folder of the dataset: %w", err)
	}
	shown := filepath.Join(dir, filepath.Base(name))
	if !filepath.IsLocal(name) {
		return nil, errors.Join(record.Refuse("%q leads out of the folder %s", name, dir), root.Close())
	}
	file, err := root.Open(name)
	if closing := root.Close(); err == nil {
		err = closing
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &record.FileError{Reason: fmt.Sprintf("there is no file %s", shown), Cause: err}
	case err != nil:
		return nil, &record.FileError{Reason: fmt.Sprintf("%s cannot be opened below %s (a link out of the folder is not followed)", name, dir), Cause: err}
	}
	before, err := file.Stat()
	if err == nil && !before.Mode().IsRegular() {
		err = record.Refuse("%s is no plain file", shown)
	}
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	s, err := newStream(ctx, shown, before.Size(), file, expect)
	if err != nil {
		return nil, err
	}
	s.check = func() error {
		after, err := file.Stat()
		if err != nil {
			return fmt.Errorf("look at %s again: %w", shown, err)
		}
		if after.Size() != before.Size() || !after.ModTime().Equal(before.ModTime()) {
			return fmt.Errorf("%s changed while it was read: wait until it is written completely", shown)
		}
		return nil
	}
	return s, nil
}

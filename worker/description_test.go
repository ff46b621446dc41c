package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func replaceOnce(t *testing.T, content []byte, before, after string) []byte {
	t.Helper()
	require.Equal(t, 1, bytes.Count(content, []byte(before)), "%q must be there once", before)
	return bytes.Replace(content, []byte(before), []byte(after), 1)
}

func TestDescriptionFollowsTheFile(t *testing.T) {
	example, err := os.ReadFile(exampleSystem)
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "system.yaml")
	write := func(content []byte, at time.Time) {
		require.NoError(t, os.WriteFile(path, content, 0o600))
		require.NoError(t, os.Chtimes(path, at, at))
	}
	now := time.Now()
	write(example, now)
	d := newDescription(path)

	first, err := d.Load()
	require.NoError(t, err)
	again, err := d.Load()
	require.NoError(t, err)
	assert.Same(t, first, again, "an unchanged file is read once")

	write(replaceOnce(t, example, "id: gzs-infra ", "id: gzs-other "), now.Add(time.Second))
	edited, err := d.Load()
	require.NoError(t, err)
	assert.Equal(t, "gzs-other", edited.ID)

	write([]byte("id: [broken"), now.Add(2*time.Second))
	for range 2 {
		_, err = d.Load()
		require.Error(t, err, "a broken file is an error until it is repaired")
	}
	write(example, now.Add(3*time.Second))
	_, err = d.Load()
	assert.NoError(t, err)
}

func TestDescriptionNamesAnotherSiteWithoutTouchingTheFilesOwn(t *testing.T) {
	d := newDescription(exampleSystem)
	plain, err := d.Load()
	require.NoError(t, err)
	d.siteURL = "http://127.0.0.1:1/"
	with, err := d.Load()
	require.NoError(t, err)
	assert.Equal(t, "http://127.0.0.1:1/", with.Site.URL)
	assert.NotEqual(t, with.Site.URL, plain.Site.URL)
}

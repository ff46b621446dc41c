package unpack

import (
	"archive/zip"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode/utf8"

	"github.com/klauspost/compress/flate"

	"tejun/internal/ingest/charset"
	"tejun/internal/ingest/record"
)

// mostMembers is how many members an archive may list.
const mostMembers = 10_000

// Member is a file in an archive.
type Member struct {
	Name string // as UTF-8; archives made in Japan often name members in CP932
	Size int64  // unpacked, as the archive says
}

// Zip is the content of one member of a zip archive of some bytes. The pattern (of path.Match, on the name or its last
// part) says which; without one the archive must hold one file.
func Zip(source io.ReaderAt, size int64, pattern string, limits Limits) (io.ReadCloser, Member, error) {
	archive, err := zip.NewReader(source, size)
	if err != nil {
		return nil, Member{}, explainZip(err)
	}
	archive.RegisterDecompressor(zip.Deflate, flate.NewReader)
	file, err := choose(archive.File, pattern)
	if err != nil {
		return nil, Member{}, err
	}
	member := Member{Name: nameOf(file), Size: int64(file.UncompressedSize64)}
	what := "member " + member.Name + " of the zip archive"
	switch {
	case file.Flags&1 != 0:
		return nil, member, record.Refuse("the %s is encrypted: have it sent without a password, over a protected way", what)
	case file.Method != zip.Store && file.Method != zip.Deflate:
		return nil, member, record.Refuse("the %s is packed by method %d; only stored and deflated members can be read", what, file.Method)
	case limits.Bytes > 0 && file.UncompressedSize64 > uint64(limits.Bytes):
		return nil, member, record.Refuse("the %s has %d bytes unpacked, more than the %d that are allowed: if it is right, raise source.maxBytes of the dataset", what, file.UncompressedSize64, limits.Bytes)
	case file.UncompressedSize64 > small && float64(file.UncompressedSize64) > limits.ratio()*float64(file.CompressedSize64):
		return nil, member, bomb(what, limits.ratio())
	case file.CompressedSize64 > uint64(size):
		return nil, member, record.Refuse("the %s claims %d packed bytes, the archive has %d: it is damaged", what, file.CompressedSize64, size)
	}
	content, err := file.Open()
	if err != nil {
		return nil, member, explainZip(err)
	}
	packed := int64(file.CompressedSize64)
	return &guarded{source: content, what: what, limits: limits, packed: func() int64 { return packed }}, member, nil
}

// choose is the member that the pattern names, or the only file.
func choose(files []*zip.File, pattern string) (*zip.File, error) {
	if len(files) > mostMembers {
		return nil, record.Refuse("the zip archive lists %d members, more than the %d that are looked at", len(files), mostMembers)
	}
	var found []*zip.File
	var all, names []string
	for _, f := range files {
		name := nameOf(f)
		if f.FileInfo().IsDir() || strings.HasPrefix(name, "__MACOSX/") || path.Base(name) == ".DS_Store" {
			continue
		}
		all = append(all, name)
		if pattern != "" && !matches(pattern, name) {
			continue
		}
		found, names = append(found, f), append(names, name)
	}
	switch {
	case len(all) == 0:
		return nil, record.Refuse("the zip archive holds no file")
	case len(found) == 0:
		return nil, record.Refuse("no member of the zip archive matches %q; it holds %s", pattern, list(all))
	case len(found) > 1 && pattern == "":
		return nil, record.Refuse("the zip archive holds %d files: name one by the dataset's member; it holds %s", len(found), list(names))
	case len(found) > 1:
		return nil, record.Refuse("%d members of the zip archive match %q: %s", len(found), pattern, list(names))
	}
	if err := checkName(names[0]); err != nil {
		return nil, err
	}
	return found[0], nil
}

func matches(pattern, name string) bool {
	whole, err := path.Match(pattern, name)
	if err != nil {
		return name == pattern
	}
	last, _ := path.Match(pattern, path.Base(name)) // the pattern is a good one
	return whole || last
}

// checkName refuses names that lead out of the archive, which an honest packer never writes.
func checkName(name string) error {
	odd := strings.ContainsFunc(name, func(r rune) bool { return r < 0x20 || r == 0x7F })
	if odd || strings.HasPrefix(name, "/") || strings.Contains(name, `\`) || len(name) > 1 && name[1] == ':' || path.Clean(name) != name || strings.HasPrefix(name, "..") {
		return record.Refuse("the zip archive names its member %q, which is no plain path inside it", name)
	}
	return nil
}

// nameOf is the name of a member as UTF-8.
func nameOf(f *zip.File) string {
	if !f.NonUTF8 && utf8.ValidString(f.Name) {
		return f.Name
	}
	raw := append([]byte(f.Name), make([]byte, charset.Slack)...)
	out := make([]byte, charset.Growth*len(raw)+charset.Slack)
	decoder := charset.NewDecoder(charset.CP932)
	n, bad := decoder.Decode(out, 0, raw, 0, len(f.Name))
	if bad >= 0 {
		return fmt.Sprintf("%x", f.Name)
	}
	return string(out[:n])
}

func list(names []string) string {
	const most = 20
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func explainZip(err error) error {
	if errors.Is(err, zip.ErrFormat) {
		return &record.FileError{Reason: "the file is no zip archive, or is cut off: its table of contents is missing; have it sent again", Cause: err}
	}
	return explain("zip archive", err)
}

func isZipChecksum(err error) bool { return errors.Is(err, zip.ErrChecksum) }

func isKlauspostCorrupt(err error) bool {
	var corrupt flate.CorruptInputError
	var internal flate.InternalError
	return errors.As(err, &corrupt) || errors.As(err, &internal)
}

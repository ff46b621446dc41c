package unpack

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/japanese"

	stdflate "compress/flate"

	"github.com/klauspost/compress/flate"

	"tejun/internal/ingest/record"
)

var content = strings.Repeat("01101,\"060  \",\"0600000\",\"北海道\"\r\n", 1000)

func zipped(t testing.TB, files map[string]string, change func(*zip.FileHeader)) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, text := range files {
		h := &zip.FileHeader{Name: name, Method: zip.Deflate}
		if change != nil {
			change(h)
		}
		f, err := w.CreateHeader(h)
		require.NoError(t, err)
		_, err = f.Write([]byte(text))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return b.Bytes()
}

func gzipped(t testing.TB, text string) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, err := w.Write([]byte(text))
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

func unzip(archive []byte, pattern string, limits Limits) (string, Member, error) {
	r, member, err := Zip(bytes.NewReader(archive), int64(len(archive)), pattern, limits)
	if err != nil {
		return "", member, err
	}
	text, err := io.ReadAll(r)
	return string(text), member, errors.Join(err, r.Close())
}

func gunzip(stream io.Reader, limits Limits) (string, error) {
	r, err := Gzip(stream, limits)
	if err != nil {
		return "", err
	}
	text, err := io.ReadAll(r)
	return string(text), errors.Join(err, r.Close())
}

func refused(t *testing.T, err error, words string) {
	t.Helper()
	var file *record.FileError
	require.ErrorAs(t, err, &file)
	require.ErrorContains(t, err, words)
}

func TestTheOnlyMember(t *testing.T) {
	got, member, err := unzip(zipped(t, map[string]string{"utf_ken_all.csv": content, "__MACOSX/._x": "x", "folder/": ""}, nil), "", Limits{})
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Equal(t, Member{"utf_ken_all.csv", int64(len(content))}, member)
}

func TestANamedMember(t *testing.T) {
	archive := zipped(t, map[string]string{"2024/data.csv": content, "readme.txt": "x"}, nil)
	for _, pattern := range []string{"data.csv", "*.csv", "2024/*.csv", "2024/data.csv"} {
		got, _, err := unzip(archive, pattern, Limits{})
		require.NoError(t, err, pattern)
		require.Equal(t, content, got)
	}
	_, _, err := unzip(archive, "", Limits{})
	refused(t, err, "holds 2 files: name one by the dataset's member")
	refused(t, err, "2024/data.csv")
	_, _, err = unzip(archive, "*.tsv", Limits{})
	refused(t, err, `matches "*.tsv"`)
	_, _, err = unzip(archive, "*", Limits{})
	refused(t, err, "2 members of the zip archive match")
}

func TestNamesInCP932(t *testing.T) {
	name, err := japanese.ShiftJIS.NewEncoder().String("表示_ソフト.csv")
	require.NoError(t, err)
	archive := zipped(t, map[string]string{name: "a"}, func(h *zip.FileHeader) { h.NonUTF8 = true })
	_, member, err := unzip(archive, "表示*.csv", Limits{})
	require.NoError(t, err)
	require.Equal(t, "表示_ソフト.csv", member.Name)
}

func TestBadArchives(t *testing.T) {
	good := zipped(t, map[string]string{"a.csv": content}, nil)
	_, _, err := unzip(good[:len(good)/2], "", Limits{})
	refused(t, err, "no zip archive, or is cut off")
	_, _, err = unzip(nil, "", Limits{})
	refused(t, err, "no zip archive, or is cut off")
	_, _, err = unzip(zipped(t, nil, nil), "", Limits{})
	refused(t, err, "holds no file")

	crc := bytes.Clone(good)
	at := bytes.LastIndex(crc, []byte("PK\x01\x02")) // the entry of the table of contents; its CRC stands 16 bytes behind
	binary.LittleEndian.PutUint32(crc[at+16:], 12345)
	_, _, err = unzip(crc, "", Limits{})
	refused(t, err, "checksum (CRC-32)")

	for flip := 40; flip < len(good)-120; flip++ { // whatever bit is wrong in the content, it is noticed
		bad := bytes.Clone(good)
		bad[flip] ^= 0x10
		_, _, err = unzip(bad, "", Limits{})
		require.Error(t, err, "byte %d", flip)
	}

	encrypted := bytes.Clone(good)
	encrypted[at+8] |= 1
	_, _, err = unzip(encrypted, "", Limits{})
	refused(t, err, "is encrypted")
	method := bytes.Clone(good)
	method[at+10] = 12
	_, _, err = unzip(method, "", Limits{})
	refused(t, err, "packed by method 12")
	large := bytes.Clone(good)
	binary.LittleEndian.PutUint32(large[at+20:], 1<<30)
	_, _, err = unzip(large, "", Limits{})
	refused(t, err, "it is damaged")
	short := bytes.Clone(good)
	binary.LittleEndian.PutUint32(short[at+20:], 20)
	_, _, err = unzip(short, "", Limits{})
	refused(t, err, "is cut off")
}

func TestPathTricks(t *testing.T) {
	for _, name := range []string{"../a.csv", "/etc/a.csv", `..\a.csv`, `C:\a.csv`, "C:a.csv", "x/../../a.csv", "a\x00.csv", "./a.csv", "a\n.csv"} {
		_, _, err := unzip(zipped(t, map[string]string{name: "x"}, nil), "", Limits{})
		refused(t, err, "no plain path")
	}
}

func TestBombs(t *testing.T) {
	zeros := strings.Repeat("0", 20<<20)
	_, _, err := unzip(zipped(t, map[string]string{"a.csv": zeros}, nil), "", Limits{})
	refused(t, err, "zip bomb")
	_, _, err = unzip(zipped(t, map[string]string{"a.csv": content}, nil), "", Limits{Bytes: 1000})
	refused(t, err, "more than the 1000 that are allowed")
	_, err = gunzip(bytes.NewReader(gzipped(t, zeros)), Limits{})
	refused(t, err, "zip bomb")
	_, err = gunzip(bytes.NewReader(gzipped(t, content)), Limits{Bytes: 1000})
	refused(t, err, "more than the 1000 bytes that are allowed")

	lying := zipped(t, map[string]string{"a.csv": zeros}, nil)
	at := bytes.LastIndex(lying, []byte("PK\x01\x02"))
	binary.LittleEndian.PutUint32(lying[at+24:], 1000) // says that it unpacks to 1,000 bytes
	got, _, err := unzip(lying, "", Limits{Bytes: 5000})
	require.Error(t, err)
	require.LessOrEqual(t, len(got), 5000)
}

func TestGzip(t *testing.T) {
	packed := gzipped(t, content)
	got, err := gunzip(iotest.OneByteReader(bytes.NewReader(packed)), Limits{})
	require.NoError(t, err)
	require.Equal(t, content, got)
	got, err = gunzip(bytes.NewReader(append(bytes.Clone(packed), packed...)), Limits{})
	require.NoError(t, err)
	require.Equal(t, content+content, got, "streams after one another are one file")
	for cut := range len(packed) {
		_, err = gunzip(bytes.NewReader(packed[:cut]), Limits{})
		refused(t, err, "is cut off")
	}
	_, err = gunzip(bytes.NewReader(append(bytes.Clone(packed), "junk after it"...)), Limits{})
	refused(t, err, "something stands after its end")
	_, err = gunzip(strings.NewReader("id,name\n1,a\n"), Limits{})
	refused(t, err, "does not begin like gzip")
	bad := bytes.Clone(packed)
	bad[len(bad)-8] ^= 1
	_, err = gunzip(bytes.NewReader(bad), Limits{})
	refused(t, err, "checksum (CRC-32)")
	_, err = gunzip(io.MultiReader(bytes.NewReader(packed[:50]), iotest.ErrReader(errors.New("line is dead"))), Limits{})
	require.ErrorContains(t, err, "line is dead")
	var file *record.FileError
	require.False(t, errors.As(err, &file), "the source may work the next time")
}

// FuzzUnpack reads archives, and whole archives around a content that is none: it ends within its limits.
func FuzzUnpack(f *testing.F) {
	f.Add(zipped(f, map[string]string{"a.csv": content}, nil), "")
	f.Add(zipped(f, map[string]string{"a.csv": "a", "b/": "", "..\\c.CSV": "c"}, nil), "*.CSV")
	f.Add(gzipped(f, content), "")
	f.Add(gzipped(f, content)[10:], "[")
	f.Fuzz(func(t *testing.T, in []byte, pattern string) {
		limits := Limits{Bytes: 1 << 20}
		for _, archive := range [][]byte{in, around(t, in)} {
			text, _, err := unzip(archive, pattern, limits)
			require.True(t, err != nil || len(text) <= 1<<20)
		}
		_, _ = gunzip(bytes.NewReader(in), limits)
		_, _ = gunzip(io.MultiReader(bytes.NewReader([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff")), bytes.NewReader(in)), limits)
	})
}

// around is a zip archive whose one member claims to be packed.
func around(t *testing.T, packed []byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateRaw(&zip.FileHeader{Name: "a.csv", Method: zip.Deflate, CompressedSize64: uint64(len(packed)), UncompressedSize64: 1000})
	require.NoError(t, err)
	_, err = f.Write(packed)
	require.NoError(t, errors.Join(err, w.Close()))
	return b.Bytes()
}

func BenchmarkInflate(b *testing.B) {
	text, err := os.ReadFile("../../../../shared/data/ingest/houjin_diff_20250130.csv")
	if err != nil {
		text = []byte(content)
	}
	var packed bytes.Buffer
	w, _ := stdflate.NewWriter(&packed, 6)
	_, _ = w.Write(text)
	_ = w.Close()
	for name, open := range map[string]func(io.Reader) io.ReadCloser{"standard": stdflate.NewReader, "klauspost": flate.NewReader} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				n, err := io.Copy(io.Discard, open(bytes.NewReader(packed.Bytes())))
				if err != nil || n != int64(len(text)) {
					b.Fatal(fmt.Sprint(n, err))
				}
			}
		})
	}
}

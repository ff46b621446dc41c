package fetch

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/stretchr/testify/require"

	"tejun/internal/ingest/record"
)

var content = []byte(strings.Repeat("01101,0600000,HOKKAIDO\r\n", 5000))

func sum(b []byte) string { h := sha256.Sum256(b); return hex.EncodeToString(h[:]) }

func readAll(s *Stream, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	got, err := io.ReadAll(s)
	return got, errors.Join(err, s.Close())
}

func refused(t *testing.T, err error, words string) {
	t.Helper()
	var file *record.FileError
	require.ErrorAs(t, err, &file)
	require.ErrorContains(t, err, words)
}

func TestLocal(t *testing.T) {
	dir, outside := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "a.csv"), content, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(outside, "secret"), content, 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "out")))
	require.NoError(t, os.Symlink("a.csv", filepath.Join(dir, "within")))
	ctx := context.Background()

	s, err := Local(ctx, dir, "a.csv", Expect{Size: int64(len(content)), SHA256: strings.ToUpper(sum(content))})
	require.NoError(t, err)
	got, err := io.ReadAll(s)
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Equal(t, sum(content), s.SHA256())
	require.True(t, s.Ended())
	require.NoError(t, s.Close())
	_, err = readAll(Local(ctx, dir, "within", Expect{}))
	require.NoError(t, err)

	for name, words := range map[string]string{
		"../a.csv": "leads out", "/etc/passwd": "leads out", "out": "link out of the folder is not followed", "none": "there is no file", ".": "no plain file",
		"x/../../a.csv": "leads out",
	} {
		_, err = readAll(Local(ctx, dir, name, Expect{}))
		refused(t, err, words)
	}
	_, err = readAll(Local(ctx, dir, "a.csv", Expect{Size: 5}))
	refused(t, err, "not the expected 5")
	_, err = readAll(Local(ctx, dir, "a.csv", Expect{MaxBytes: 5}))
	refused(t, err, "more than the 5 that are allowed")
	_, err = readAll(Local(ctx, dir, "a.csv", Expect{SHA256: strings.Repeat("0", 64)}))
	refused(t, err, "another file")
}

func TestLocalFileThatChanges(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.csv")
	require.NoError(t, os.WriteFile(path, content, 0o600))
	s, err := Local(context.Background(), dir, "a.csv", Expect{})
	require.NoError(t, err)
	_, err = io.ReadFull(s, make([]byte, 10))
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	require.NoError(t, os.Chtimes(path, later, later))
	_, err = io.ReadAll(s)
	require.ErrorContains(t, err, "changed while it was read")
	require.False(t, s.Ended())

	s, err = Local(context.Background(), dir, "a.csv", Expect{})
	require.NoError(t, err)
	require.NoError(t, os.Truncate(path, 100))
	_, err = io.ReadAll(s)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.ErrorContains(t, err, "ended after 100 of")
}

// store is an S3 with one object, whose streams break off after some bytes.
type store struct {
	body    []byte
	etag    string
	breaks  int
	calls   []string
	answer  error                     // to the second call
	between func(*store)              // before the second call
	change  func(*s3.GetObjectOutput) // of the second answer
}

func (s *store) GetObject(_ context.Context, in *s3.GetObjectInput, _ ...func(*s3.Options)) (*s3.GetObjectOutput, error) {
	s.calls = append(s.calls, aws.ToString(in.Range))
	second := len(s.calls) > 1
	if second && s.between != nil {
		s.between(s)
	}
	if second && s.answer != nil {
		return nil, s.answer
	}
	from := 0
	out := &s3.GetObjectOutput{ETag: aws.String(s.etag)}
	if in.Range != nil {
		if aws.ToString(in.IfMatch) != s.etag {
			return nil, &smithy.GenericAPIError{Code: "PreconditionFailed", Message: "no"}
		}
		var err error
		from, err = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(*in.Range, "bytes="), "-"))
		if err != nil {
			return nil, err
		}
		out.ContentRange = aws.String(fmt.Sprintf("bytes %d-%d/%d", from, len(s.body)-1, len(s.body)))
	}
	rest := s.body[from:]
	out.ContentLength = aws.Int64(int64(len(rest)))
	out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(rest[:min(s.breaks, len(rest))]), failing{errors.New("connection reset")}))
	if s.breaks >= len(rest) {
		out.Body = io.NopCloser(bytes.NewReader(rest))
	}
	if second && s.change != nil {
		s.change(out)
	}
	return out, nil
}

func TestS3IsTakenUpAgain(t *testing.T) {
	resumePause = time.Millisecond
	s := &store{body: content, etag: `"v1"`, breaks: 50_000}
	got, err := readAll(S3(context.Background(), s, "in", "a.csv", Expect{SHA256: sum(content)}))
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Equal(t, []string{"", "bytes=50000-", "bytes=100000-"}, s.calls)

	s = &store{body: content, etag: `"v1"`, breaks: 0}
	_, err = readAll(S3(context.Background(), s, "in", "a.csv", Expect{}))
	require.ErrorContains(t, err, "connection reset")
	require.Len(t, s.calls, 1+resumes)
}

func TestS3ObjectThatChanges(t *testing.T) {
	resumePause = time.Millisecond
	for name, s := range map[string]*store{
		"overwritten":      {between: func(s *store) { s.etag = `"v2"` }},
		"answers anew":     {change: func(out *s3.GetObjectOutput) { out.ETag = aws.String(`"v2"`) }},
		"ignores the mark": {answer: &smithy.GenericAPIError{Code: "PreconditionFailed"}},
	} {
		s.body, s.breaks = content, 1000
		if s.etag == "" {
			s.etag = `"v1"`
		}
		_, err := readAll(S3(context.Background(), s, "in", "a.csv", Expect{}))
		refused(t, err, "was overwritten while it was read")
		require.Len(t, s.calls, 2, name)
	}
	s := &store{body: content, etag: `"v1"`, breaks: 1000, change: func(out *s3.GetObjectOutput) { out.ContentRange = aws.String("bytes 0-9/10") }}
	_, err := readAll(S3(context.Background(), s, "in", "a.csv", Expect{}))
	require.ErrorContains(t, err, `answered the range "bytes 0-9/10"`)
	s = &store{body: content, etag: `"v1"`, breaks: 1 << 30}
	_, err = readAll(S3(context.Background(), s, "in", "a.csv", Expect{Size: 7}))
	refused(t, err, "not the expected 7")
}

func TestACancelledFetchEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s, err := S3(ctx, &store{body: content, etag: `"v1"`, breaks: 1 << 30}, "in", "a.csv", Expect{})
	require.NoError(t, err)
	cancel()
	_, err = io.ReadAll(s)
	require.ErrorIs(t, err, context.Canceled)
}

// site is a server and a Web that may ask it.
func site(t *testing.T, h http.HandlerFunc) (*Web, string) {
	server := httptest.NewTLSServer(h)
	t.Cleanup(server.Close)
	address := strings.Replace(server.URL, "127.0.0.1", "example.com", 1)
	host := strings.TrimPrefix(address, "https://")
	return &Web{Hosts: []string{host}, client: server.Client(), allowPrivate: true, resolve: func(context.Context, string) ([]netip.Addr, error) {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}}, address
}

func TestHTTPS(t *testing.T) {
	web, address := site(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/file":
			w.Header().Set("ETag", `"7"`)
			_, _ = w.Write(content)
		case "/away":
			http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
		case "/broken":
			w.WriteHeader(http.StatusBadGateway)
		case "/short":
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write(content[:10])
		case "/packed":
			w.Header().Set("Content-Encoding", "gzip")
		case "/endless":
			for r.Context().Err() == nil {
				if _, err := w.Write(content); err != nil {
					return
				}
			}
		case "/silent":
			_, _ = w.Write(content[:10])
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		default:
			http.NotFound(w, r)
		}
	})
	ctx := context.Background()
	s, err := web.Get(ctx, address+"/file", Expect{SHA256: sum(content)})
	require.NoError(t, err)
	require.Equal(t, `"7"`, s.Version)
	got, err := readAll(s, nil)
	require.NoError(t, err)
	require.Equal(t, content, got)

	_, err = readAll(web.Get(ctx, address+"/away", Expect{}))
	refused(t, err, `redirects to "http://169.254.169.254/latest/meta-data", which is not followed`)
	_, err = readAll(web.Get(ctx, address+"/none", Expect{}))
	refused(t, err, "there is no file at")
	_, err = readAll(web.Get(ctx, address+"/broken", Expect{}))
	require.ErrorContains(t, err, "502 Bad Gateway")
	_, err = readAll(web.Get(ctx, address+"/short", Expect{}))
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	_, err = readAll(web.Get(ctx, address+"/packed", Expect{}))
	refused(t, err, "content encoding gzip")
	_, err = readAll(web.Get(ctx, address+"/endless", Expect{MaxBytes: 1 << 20}))
	refused(t, err, "sends more than the 1048576 bytes that are allowed")
	web.idle = 50 * time.Millisecond
	_, err = readAll(web.Get(ctx, address+"/silent", Expect{}))
	require.ErrorContains(t, err, "sent nothing for 50ms")
}

func TestOnlyHostsOfTheList(t *testing.T) {
	web := &Web{Hosts: []string{"www.post.japanpost.jp"}}
	for address, words := range map[string]string{
		"http://www.post.japanpost.jp/a":         "does not begin with https://",
		"file:///etc/passwd":                     "does not begin with https://",
		"https://evil.example/a":                 "not on the list",
		"https://www.post.japanpost.jp.evil.jp/": "not on the list",
		"https://user:pw@www.post.japanpost.jp/": "carries a name or password",
		"https://www.post.japanpost.jp:8443/":    "not on the list",
		"https://www.post.japanpost.jp@evil.jp/": "carries a name or password",
		"https://169.254.169.254/":               "not on the list",
		"https://[::1]/":                         "not on the list",
		"https:///a":                             "not on the list",
		"https://%zz/":                           "is none",
		"":                                       "does not begin with https://",
	} {
		_, err := web.Get(context.Background(), address, Expect{})
		refused(t, err, words)
		require.NotContains(t, err.Error(), "pw@")
	}
	_, err := web.allowed("https://WWW.post.japanpost.jp:443/a")
	require.NoError(t, err)
}

func TestInnerAddressesAreNotAsked(t *testing.T) {
	for _, ip := range []string{
		"127.0.0.1", "127.8.8.8", "10.0.0.1", "172.16.5.5", "192.168.1.1", "169.254.169.254", "100.64.1.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255",
		"198.18.0.1", "192.0.0.170", "240.1.1.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "2001::1", "fec0::1", "2001:db8::1",
	} {
		asked := false
		web := &Web{Hosts: []string{"files.example"}, resolve: func(_ context.Context, host string) ([]netip.Addr, error) {
			asked = host == "files.example"
			return []netip.Addr{netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr(ip)}, nil
		}}
		_, err := web.Get(context.Background(), "https://files.example/a", Expect{})
		refused(t, err, "files are fetched from the internet only")
		require.True(t, asked)
	}
	for _, ip := range []string{"8.8.8.8", "93.184.216.34", "2606:4700::1111", "2404:6800::1"} {
		require.Empty(t, inside(netip.MustParseAddr(ip)), ip)
	}
}

func TestSpool(t *testing.T) {
	dir := t.TempDir()
	s, err := S3(context.Background(), &store{body: content, etag: `"v1"`, breaks: 1 << 30}, "in", "a.csv", Expect{})
	require.NoError(t, err)
	file, err := Spool(s, dir)
	require.NoError(t, err)
	got, err := io.ReadAll(file)
	require.NoError(t, err)
	require.Equal(t, content, got)
	require.Equal(t, sum(content), file.SHA256)
	require.EqualValues(t, len(content), file.Size)
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left, "a killed process leaves nothing behind")
	require.NoError(t, file.Close())

	s, err = S3(context.Background(), &store{body: content, etag: `"v1"`, breaks: 1 << 30}, "in", "a.csv", Expect{SHA256: strings.Repeat("1", 64)})
	require.NoError(t, err)
	_, err = Spool(s, dir)
	refused(t, err, "another file")
	_, err = Spool(&Stream{Name: "x", body: io.NopCloser(nil), ctx: context.Background()}, filepath.Join(dir, "none"))
	require.ErrorContains(t, err, "make a file for x")
}

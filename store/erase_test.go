package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
	"github.com/versity/versitygw/s3api"
)

func TestErase(t *testing.T) {
	o := open(t, nil)
	for i := range 25 {
		put(t, o, fmt.Sprintf("rec/1/t1/seg/%06d.age", i), "segment")
	}
	for _, key := range []string{"rec/1/t1/manifest.json", "rec/1/t10/meta.age", "rec/2/t1/meta.age", "keys/e1/1/t1-audio.age", "keys/e2/2/t1-audio.age"} {
		put(t, o, key, "other")
	}
	if n := keptVersions(t, o, "rec/1/t1/"); n != 26 {
		t.Errorf("the store lists %d versions of 26", n)
	}
	for range 2 { // the second finds nothing to do
		if err := o.Erase(t.Context(), "rec/1/t1/"); err != nil {
			t.Error(err)
		}
	}
	if err := o.Erase(t.Context(), "keys/e2/2/t1-audio.age"); err != nil {
		t.Error(err)
	}
	want := []string{"keys/e1/1/t1-audio.age", "rec/1/t10/meta.age", "rec/2/t1/meta.age"}
	if keys, err := o.List(t.Context(), ""); err != nil || !slices.Equal(keys, want) {
		t.Errorf("%q are left, error %v", keys, err)
	}
}

func TestFolders(t *testing.T) {
	o := open(t, nil)
	for _, key := range []string{"keys/e2/a/x", "keys/e1/a/x", "keys/e1/b/x", "keys/list", "other/e3/x"} {
		put(t, o, key, "")
	}
	for prefix, want := range map[string][]string{"keys/": {"e1", "e2"}, "keys/e1/": {"a", "b"}, "none/": nil} {
		if got, err := o.Folders(t.Context(), prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("folders of %q: %q, error %v", prefix, got, err)
		}
	}
}

// A slip must not empty the bucket.
func TestErasePrefixes(t *testing.T) {
	o := open(t, nil)
	put(t, o, "key", "body")
	for _, prefix := range []string{"", "/", "//", "..", "../", "a//", "./"} {
		if err := o.Erase(t.Context(), prefix); err == nil {
			t.Errorf("erases %q", prefix)
		}
		if _, err := o.Folders(t.Context(), prefix); err == nil {
			t.Errorf("lists %q", prefix)
		}
	}
	if _, err := o.Get(t.Context(), "key"); err != nil {
		t.Error(err)
	}
}

// versionedKeys are those of the server of serveVersions.
var versionedKeys = credentialPair{AccessKeyID: "versioned", SecretAccessKey: "versioned-secret"}

// versionedEnv names, in a child process, the folder of its server.
const versionedEnv = "SIDETONE_TEST_VERSIONED_DIR"

// init makes this test binary a server before TestMain starts another: there may
// be one in a process.
func init() {
	if dir := os.Getenv(versionedEnv); dir != "" {
		if err := serveVersions(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

// serveVersions serves a stock versitygw that can keep versions until its
// standard input ends. It stays in another working directory.
func serveVersions(dir string) error {
	for _, name := range []string{"buckets", "versions"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil {
			return err
		}
	}
	files, err := posix.New(filepath.Join(dir, "buckets"), meta.XattrMeta{}, posix.PosixOpts{VersioningDir: filepath.Join(dir, "versions")})
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	return embedgw.RunVersityGW(ctx, files, &embedgw.Config{
		RootUserAccess: versionedKeys.AccessKeyID, RootUserSecret: versionedKeys.SecretAccessKey,
		IAMService: newAccount(versionedKeys), Ports: []string{filepath.Join(dir, "s3.sock")}, SocketPerm: "0600",
		MaxConnections: 64, MaxRequests: 64, MultipartMaxParts: 10000, KeepAlive: true, Quiet: true,
		S3Options: []s3api.Option{s3api.WithOnListen(func() { fmt.Println("ready") })},
	})
}

// versionedStore runs a real server that can keep versions, and returns how to reach it.
func versionedStore(t *testing.T) S3Options {
	t.Helper()
	// In builtinDir: it lies on a file system that has extended attributes.
	dir, err := os.MkdirTemp(builtinDir, "v")
	if err != nil {
		t.Fatal(err)
	}
	server := exec.Command(os.Args[0])
	server.Env = append(os.Environ(), versionedEnv+"="+dir)
	server.Stderr = os.Stderr
	stdin, err := server.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := server.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stdin.Close()
		if err := server.Wait(); err != nil {
			t.Error("the server ended with ", err)
		}
	})
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && lines.Text() != "ready" {
	}
	return S3Options{
		Endpoint: "http://versioned.invalid", Bucket: "versioned", Prefix: "pre/fix", PathStyle: true, CreateBucket: true,
		AccessKeyID: versionedKeys.AccessKeyID, SecretAccessKey: versionedKeys.SecretAccessKey,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			path, done, err := socketPath(filepath.Join(dir, "s3.sock"))
			if err != nil {
				return nil, err
			}
			defer done()
			return new(net.Dialer).DialContext(ctx, "unix", path)
		},
	}
}

// openVersioned returns a bucket that keeps versions, of a real server.
func openVersioned(t *testing.T) *Objects {
	t.Helper()
	o, err := OpenS3(t.Context(), versionedStore(t))
	if err != nil {
		t.Fatal(err)
	}
	keepVersions(t, o)
	return o
}

// keepVersions has a bucket keep versions from now on.
func keepVersions(t *testing.T, o *Objects) {
	t.Helper()
	if _, err := o.client.PutBucketVersioning(t.Context(), &s3.PutBucketVersioningInput{Bucket: &o.bucket,
		VersioningConfiguration: &types.VersioningConfiguration{Status: types.BucketVersioningStatusEnabled}}); err != nil {
		t.Fatal(err)
	}
}

// keptVersions is how many versions and markers the bucket has.
func keptVersions(t *testing.T, o *Objects, prefix string) int {
	t.Helper()
	page, err := o.client.ListObjectVersions(t.Context(), &s3.ListObjectVersionsInput{Bucket: &o.bucket, Prefix: aws.String(o.prefix + prefix)})
	if err != nil {
		t.Fatal(err)
	}
	return len(page.Versions) + len(page.DeleteMarkers)
}

// On a bucket with versions, Delete leaves what it deletes; Erase does not.
func TestEraseTakesEveryVersion(t *testing.T) {
	o := openVersioned(t)
	ctx := t.Context()
	for i := range 3 { // no more than Put would do, but for the marker that is there
		_, err := o.client.PutObject(ctx, &s3.PutObjectInput{Bucket: &o.bucket, Key: aws.String(o.prefix + "keys/e1/c/t1-audio.age"),
			Body: strings.NewReader(fmt.Sprint("version ", i))})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Delete(ctx, "keys/e1/c/t1-audio.age"); err != nil {
			t.Fatal(err)
		}
	}
	put(t, o, "keys/e2/c/t1-audio.age", "current")
	put(t, o, "keys/e2/d/t1-audio.age", "another's")
	if n := keptVersions(t, o, "keys/e1/c/"); n < 4 {
		t.Fatalf("after three deletions the bucket keeps %d versions: no test", n)
	}
	if folders, err := o.Folders(ctx, "keys/"); err != nil || !slices.Equal(folders, []string{"e1", "e2"}) {
		t.Errorf("folders %q, error %v", folders, err)
	}
	for _, prefix := range []string{"keys/e1/c/t1-", "keys/e2/c/t1-"} {
		if err := o.Erase(ctx, prefix); err != nil {
			t.Error(err)
		}
		if n := keptVersions(t, o, prefix); n != 0 {
			t.Errorf("%d versions of %s are left", n, prefix)
		}
	}
	if got, err := o.Get(ctx, "keys/e2/d/t1-audio.age"); err != nil || string(got) != "another's" {
		t.Errorf("%q, error %v", got, err)
	}
}

// bucketOf is a scripted bucket: lists of versions, and what is deleted.
type bucketOf struct {
	pages   []string // the answers to lists, in turn; the last for ever
	mu      sync.Mutex
	deleted []string // key and version
}

func (b *bucketOf) trip(r *http.Request) (*http.Response, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	q := r.URL.Query()
	if r.Method == http.MethodDelete {
		b.deleted = append(b.deleted, strings.TrimPrefix(r.URL.Path, "/bucket/")+" "+q.Get("versionId"))
		return response(r, 204, ""), nil
	}
	page := b.pages[0]
	if len(b.pages) > 1 {
		b.pages = b.pages[1:]
	}
	if strings.HasPrefix(page, "<Error") {
		return response(r, 501, page), nil
	}
	return response(r, 200, page), nil
}

const (
	emptyVersions = `<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>`
	emptyList     = `<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>`
	noVersions    = `<Error><Code>NotImplemented</Code><Message>no</Message></Error>`
)

func versionXML(kind, key, id string) string {
	return "<" + kind + "><Key>" + key + "</Key><VersionId>" + id + "</VersionId></" + kind + ">"
}

// No older version comes to light while the newer ones are removed.
func TestEraseBeginsWithTheOldest(t *testing.T) {
	b := &bucketOf{pages: []string{`<ListVersionsResult><IsTruncated>true</IsTruncated>` +
		versionXML("DeleteMarker", "rec/a", "5") + versionXML("Version", "rec/a", "4") + versionXML("DeleteMarker", "rec/a", "3") +
		versionXML("Version", "rec/a", "2") + `</ListVersionsResult>`,
		`<ListVersionsResult><IsTruncated>false</IsTruncated>` + versionXML("Version", "rec/a", "1") + `</ListVersionsResult>`, emptyVersions}}
	if err := scripted(t, b.trip).Erase(t.Context(), "rec/"); err != nil {
		t.Fatal(err)
	}
	if want := []string{"rec/a 2", "rec/a 4", "rec/a 3", "rec/a 5", "rec/a 1"}; !slices.Equal(b.deleted, want) {
		t.Errorf("deleted %q, want %q", b.deleted, want)
	}
}

func TestEraseWithoutVersions(t *testing.T) {
	b := &bucketOf{pages: []string{noVersions, `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>rec/a</Key></Contents></ListBucketResult>`,
		noVersions, emptyList}}
	if err := scripted(t, b.trip).Erase(t.Context(), "rec/"); err != nil || !slices.Equal(b.deleted, []string{"rec/a "}) {
		t.Errorf("deleted %q, error %v", b.deleted, err)
	}
	b = &bucketOf{pages: []string{noVersions,
		`<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>keys/e1/</Prefix></CommonPrefixes></ListBucketResult>`}}
	if got, err := scripted(t, b.trip).Folders(t.Context(), "keys/"); err != nil || !slices.Equal(got, []string{"e1"}) {
		t.Errorf("folders %q, error %v", got, err)
	}
}

// A store that confirms and deletes nothing is not believed.
func TestEraseLooksAgain(t *testing.T) {
	b := &bucketOf{pages: []string{`<ListVersionsResult><IsTruncated>false</IsTruncated>` + versionXML("Version", "rec/a", "1") + `</ListVersionsResult>`}}
	if err := scripted(t, b.trip).Erase(t.Context(), "rec/"); !errors.Is(err, errStays) {
		t.Error(err)
	}
}

func TestEraseFails(t *testing.T) {
	list := `<ListVersionsResult><IsTruncated>false</IsTruncated>` + versionXML("Version", "rec/a", "1") + `</ListVersionsResult>`
	for name, test := range map[string]struct {
		list, remove fault
		want         error // nil: any
	}{
		"may not list":   {answer(403, "AccessDenied"), pass, ErrDenied},
		"may not delete": {func(r *http.Request, _ http.RoundTripper) (*http.Response, error) { return response(r, 200, list), nil }, answer(403, "AccessDenied"), ErrDenied},
		"locked":         {func(r *http.Request, _ http.RoundTripper) (*http.Response, error) { return response(r, 200, list), nil }, answer(400, "ObjectLocked"), nil},
		"no bucket":      {answer(404, "NoSuchBucket"), pass, ErrNotFound},
	} {
		o := scripted(t, func(r *http.Request) (*http.Response, error) {
			if r.Method == http.MethodDelete {
				return test.remove(r, nil)
			}
			return test.list(r, nil)
		})
		if err := o.Erase(t.Context(), "rec/"); err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestEraseWaitsForSync(t *testing.T) {
	failure := errors.New("disk on fire")
	o := open(t, func(s *S3Options) {
		s.Sync = func(context.Context) error { return failure }
		s.CreateBucket = false
	})
	for range 2 { // the second finds nothing, not knowing whether that is on disk
		if err := o.Erase(t.Context(), "rec/"); !errors.Is(err, failure) {
			t.Error(err)
		}
	}
}

package store

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// overTLS puts TLS before a store, with a certificate that only the returned file
// vouches for.
func overTLS(t *testing.T, o S3Options) S3Options {
	t.Helper()
	front := httptest.NewUnstartedServer(&httputil.ReverseProxy{Transport: newTransport(o.DialContext), Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", r.In.Host, r.In.Host // the host is signed
	}})
	front.Config.ErrorLog = log.New(io.Discard, "", 0) // somebody will not trust it
	front.StartTLS()
	t.Cleanup(front.Close)
	o.Endpoint, o.DialContext, o.CAFile = front.URL, nil, filepath.Join(t.TempDir(), "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: front.Certificate().Raw})
	if err := os.WriteFile(o.CAFile, ca, 0o600); err != nil {
		t.Fatal(err)
	}
	return o
}

// summary is what was found, and what is wrong with it.
func (f Findings) summary() string {
	var all []string
	for _, one := range f {
		text := one.Bucket + " " + one.What + "=" + one.Found
		if one.Verdict != Fine {
			text += " (" + string(one.Verdict) + ")"
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

// clean drops what differs from run to run.
func clean(f Findings) string {
	for i := range f {
		if f[i].What == "clock" && f[i].Verdict == Fine {
			f[i].Found = "near"
		}
	}
	return f.summary()
}

// TestPreflight asks real servers, over TLS with an authority of their own, what their
// buckets can do.
func TestPreflight(t *testing.T) {
	o := overTLS(t, versionedStore(t))
	open := func(bucket, keys string) *Objects {
		t.Helper()
		o.Bucket, o.KeysBucket = bucket, keys
		objects, err := OpenS3(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		return objects
	}
	open("plain", "bare")
	keepVersions(t, open("versioned", ""))
	lock := open("plain", "")
	if _, err := lock.client.CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String("locked"), ObjectLockEnabledForBucket: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	const able = " clock=near\n%[1]s conditional_put=yes\n%[1]s checksum=yes\n%[1]s encryption=none\n%[1]s list=yes\n%[1]s erase=yes\n"
	for _, test := range []struct {
		bucket, keys string
		want         string
		refused      bool
	}{
		{"plain", "", "plain versioning=off\nplain lock=off", false},
		{"plain", "bare", "bare versioning=off\nbare lock=off\nplain versioning=off\nplain lock=off", false},
		{"versioned", "bare", "bare versioning=off\nbare lock=off\nversioned versioning=enabled (warning)\nversioned lock=off", false},
		{"locked", "bare", "bare versioning=off\nbare lock=off\nlocked versioning=enabled (warning)\nlocked lock=enabled (warning)", false},
		{"versioned", "", "versioned versioning=enabled (refused)\nversioned lock=off", true},
		{"locked", "", "locked versioning=enabled (refused)\nlocked lock=enabled (refused)", true},
		{"plain", "locked", "locked versioning=enabled (refused)\nlocked lock=enabled (refused)\nplain versioning=off\nplain lock=off", true},
	} {
		t.Run(test.bucket+" "+test.keys, func(t *testing.T) {
			objects := open(test.bucket, test.keys)
			found, err := objects.Preflight(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got, want := clean(found), test.bucket+fmt.Sprintf(able, test.bucket)+test.want; got != want {
				t.Errorf("found\n%s\nand not\n%s", got, want)
			}
			if err := found.Err(); errors.Is(err, ErrKeptKeys) != test.refused || err != nil && !strings.Contains(err.Error(), "storage.s3.keys_bucket") {
				t.Errorf("%v", err)
			}
			if n := keptVersions(t, objects, ""); n != 0 {
				t.Errorf("it leaves %d objects", n)
			}
		})
	}
	o.CAFile = ""
	objects := unmade(t, o)
	if _, err := objects.Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
	o.CAFile = "preflight_test.go"
	if _, err := OpenS3(t.Context(), o); err == nil || !strings.Contains(err.Error(), "no certificate") {
		t.Errorf("a file without a certificate: %v", err)
	}
}

// unmade opens a bucket without making it.
func unmade(t *testing.T, o S3Options) *Objects {
	t.Helper()
	o.CreateBucket = false
	objects, err := OpenS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// answers is a store that answers as Amazon S3 does, but for what a test has it answer
// otherwise: by method, or by the name of the setting that is asked for.
type answers map[string]func(*http.Request) *http.Response

// date is a header of all answers of S3.
func date(r *http.Response, ahead time.Duration) *http.Response {
	r.Header.Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
	return r
}

func (a answers) trip() trip {
	puts := 0
	first := ""
	return func(r *http.Request) (*http.Response, error) {
		q := r.URL.Query()
		what := r.Method
		for _, setting := range []string{"versioning", "object-lock", "versions", "list-type"} {
			if q.Has(setting) {
				what = setting
			}
		}
		if what == "PUT" {
			puts++
			if puts > 1 {
				what = "PUT again"
			} else {
				first = r.Header.Get("X-Amz-Checksum-Sha256")
			}
		}
		if own := a[what]; own != nil {
			return date(own(r), 0), nil
		}
		switch what {
		case "PUT again":
			return date(response(r, 412, "<Error><Code>PreconditionFailed</Code></Error>"), 0), nil
		case "HEAD":
			head := date(response(r, 200, ""), 0)
			head.Header.Set("X-Amz-Checksum-Sha256", first)
			head.Header.Set("X-Amz-Server-Side-Encryption", "AES256")
			return head, nil
		case "list-type":
			return date(response(r, 200, "<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>"+q.Get("prefix")+"</Key></Contents></ListBucketResult>"), 0), nil
		case "versions":
			return date(response(r, 200, emptyVersions), 0), nil
		case "versioning":
			return date(response(r, 200, `<VersioningConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"/>`), 0), nil
		case "object-lock":
			return date(response(r, 404, "<Error><Code>ObjectLockConfigurationNotFoundError</Code><Message>Object Lock configuration does not exist for this bucket</Message></Error>"), 0), nil
		}
		return date(response(r, 200, ""), 0), nil
	}
}

// errorOf is an answer with an error.
func errorOf(status int, code string) func(*http.Request) *http.Response {
	return func(r *http.Request) *http.Response {
		return response(r, status, "<Error><Code>"+code+"</Code><Message>no</Message></Error>")
	}
}

// TestPreflightOfOthers holds what is found out of stores that can do less, or are not
// asked all.
func TestPreflightOfOthers(t *testing.T) {
	late := func(r *http.Request) *http.Response { return response(r, 200, "") }
	for name, test := range map[string]struct {
		answers answers
		want    []string // that are not as of S3, of what was found
		refused bool
	}{
		"Amazon S3":        {nil, nil, false},
		"no conditions":    {answers{"PUT again": late}, []string{"conditional_put=no (warning)"}, false},
		"no sums":          {answers{"HEAD": late}, []string{"checksum=no (warning)", "encryption=none"}, false},
		"no listing":       {answers{"list-type": errorOf(403, "AccessDenied"), "versions": errorOf(403, "AccessDenied")}, []string{"list=no (warning)", "erase=no (warning)"}, false},
		"no asking":        {answers{"versioning": errorOf(403, "AccessDenied"), "object-lock": errorOf(403, "AccessDenied")}, []string{"versioning=unknown (warning)", "lock=unknown (warning)"}, false},
		"no such settings": {answers{"versioning": errorOf(501, "NotImplemented"), "object-lock": errorOf(400, "MalformedXML")}, nil, false},
		"suspended": {answers{"versioning": func(r *http.Request) *http.Response {
			return response(r, 200, "<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>")
		}}, []string{"versioning=suspended (warning)"}, false},
		"versions": {answers{"versioning": func(r *http.Request) *http.Response {
			return response(r, 200, "<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>")
		}}, []string{"versioning=enabled (refused)"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			found, err := scripted(t, test.answers.trip()).Preflight(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Split(strings.ReplaceAll(clean(found), "bucket ", ""), "\n")
			usual := []string{"clock=near", "conditional_put=yes", "checksum=yes", "encryption=AES256", "list=yes", "erase=yes", "versioning=off", "lock=off"}
			if got = slices.DeleteFunc(got, func(one string) bool { return slices.Contains(usual, one) }); !slices.Equal(got, test.want) || len(found) != len(usual) {
				t.Errorf("found %q, want %q, of %d", got, test.want, len(found))
			}
			if errors.Is(found.Err(), ErrKeptKeys) != test.refused {
				t.Error(found.Err())
			}
		})
	}
}

// TestPreflightIsNotGuessed: of a store that is away, or lets nobody in, nothing is
// said.
func TestPreflightIsNotGuessed(t *testing.T) {
	for name, test := range map[string]struct {
		answers answers
		want    error
	}{
		"denied":    {answers{"PUT": errorOf(403, "AccessDenied")}, ErrDenied},
		"no bucket": {answers{"PUT": errorOf(404, "NoSuchBucket")}, ErrNotFound},
		"broken":    {answers{"versioning": errorOf(404, "NoSuchBucket")}, ErrNotFound},
	} {
		if found, err := scripted(t, test.answers.trip()).Preflight(t.Context()); !errors.Is(err, test.want) || found != nil {
			t.Errorf("%s: %v, %v", name, found, err)
		}
	}
	skewed := scripted(t, func(r *http.Request) (*http.Response, error) {
		return date(response(r, 403, "<Error><Code>AccessDenied</Code></Error>"), -20*time.Minute), nil
	})
	if _, err := skewed.Preflight(t.Context()); err == nil || !strings.Contains(err.Error(), "differs from ours by -") {
		t.Errorf("refused by a clock that differs: %v", err)
	}
	ahead := scripted(t, func(r *http.Request) (*http.Response, error) {
		resp, err := answers(nil).trip()(r)
		if r.Header.Get("X-Amz-Checksum-Sha256") == "" {
			return resp, err
		}
		return date(resp, 5*time.Minute), err
	})
	found, err := ahead.Preflight(t.Context())
	if err != nil || !strings.Contains(found.summary(), "clock=+") || !strings.Contains(found.summary(), "s (warning)") {
		t.Errorf("%v\n%s", err, found.summary())
	}
}

// TestKeysInABucketOfTheirOwn: what opens recordings lies in the one bucket, all else
// in the other, by each operation.
func TestKeysInABucketOfTheirOwn(t *testing.T) {
	o := open(t, func(s *S3Options) { s.KeysBucket = "keys-apart" })
	ctx, key, rec := t.Context(), "keys/epoch-1/c/t1-audio.age", "rec/c/t1/meta.age"
	put(t, o, key, "key")
	put(t, o, rec, "meta")
	other := open(t, nil)
	apart := open(t, func(s *S3Options) { s.Bucket = "keys-apart" })
	for _, one := range []struct {
		in   *Objects
		want []string
	}{{other, []string{rec}}, {apart, []string{key}}} {
		if keys, err := one.in.List(ctx, ""); err != nil || !slices.Equal(keys, one.want) {
			t.Errorf("%s has %q, %v", one.in.bucket, keys, err)
		}
	}
	for k, body := range map[string]string{key: "key", rec: "meta"} {
		got, err := o.Get(ctx, k)
		part, again := o.GetRange(ctx, k, 1, 2)
		size, sum, third := o.Head(ctx, k)
		if errors.Join(err, again, third) != nil || string(got) != body || string(part) != body[1:3] || size != int64(len(body)) || sum != sha256.Sum256([]byte(body)) {
			t.Errorf("%s: %q, %q, %d, %v %v %v", k, got, part, size, err, again, third)
		}
		if n, bytes, err := o.Usage(ctx, k); err != nil || n != 1 || bytes != int64(len(body)) {
			t.Errorf("usage of %s: %d, %d, %v", k, n, bytes, err)
		}
		if keys, err := o.List(ctx, k[:5]); err != nil || !slices.Equal(keys, []string{k}) {
			t.Errorf("lists %q, %v", keys, err)
		}
	}
	if folders, err := o.Folders(ctx, "keys/"); err != nil || !slices.Equal(folders, []string{"epoch-1"}) {
		t.Errorf("folders %q, %v", folders, err)
	}
	if err := errors.Join(o.Check(ctx), o.Erase(ctx, "keys/epoch-1/c/"), o.Delete(ctx, rec)); err != nil {
		t.Error(err)
	}
	for _, in := range []*Objects{other, apart} {
		if keys, err := in.List(ctx, ""); err != nil || len(keys) > 0 {
			t.Errorf("%s still has %q, %v", in.bucket, keys, err)
		}
	}
}

// TestEncryptionIsAskedFor by headers of each object that is put, and of no other
// request.
func TestEncryptionIsAskedFor(t *testing.T) {
	for _, test := range []struct{ sse, key string }{{"", ""}, {"AES256", ""}, {"aws:kms", ""}, {"aws:kms", "alias/recordings"}} {
		o := scripted(t, func(r *http.Request) (*http.Response, error) {
			sse, key := r.Header.Get("X-Amz-Server-Side-Encryption"), r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")
			if r.Method == http.MethodPut && (sse != test.sse || key != test.key) || r.Method != http.MethodPut && sse+key != "" {
				t.Errorf("%s asks for %q by %q, want %q by %q", r.Method, sse, key, test.sse, test.key)
			}
			resp := response(r, 200, "")
			sum := sha256.Sum256([]byte("body"))
			resp.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(sum[:]))
			return resp, nil
		}, func(s *S3Options) { s.SSE, s.SSEKeyID = test.sse, test.key })
		put(t, o, "rec/c/t1/meta.age", "body")
		put(t, o, "keys/epoch-1/c/t1-audio.age", "body")
		if _, _, err := o.Head(t.Context(), "rec/c/t1/meta.age"); err != nil {
			t.Error(err)
		}
	}
}

package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// trip is a transport as a function.
type trip func(*http.Request) (*http.Response, error)

func (f trip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// fault answers a request in place of the store, or passes it on to next.
type fault func(r *http.Request, next http.RoundTripper) (*http.Response, error)

// answer returns a fault that answers with a status and an S3 error code.
func answer(status int, code string) fault {
	return func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
		return response(r, status, "<Error><Code>"+code+"</Code><Message>no</Message></Error>"), nil
	}
}

func response(r *http.Request, status int, body string) *http.Response {
	if r.Body != nil {
		io.Copy(io.Discard, r.Body)
		r.Body.Close()
	}
	return &http.Response{
		StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Request: r,
		Header:        http.Header{"Content-Type": {"application/xml"}},
		Body:          io.NopCloser(strings.NewReader(body)),
		ContentLength: int64(len(body)),
	}
}

// The faults of the network.
func reset(*http.Request, http.RoundTripper) (*http.Response, error) {
	return nil, syscall.ECONNRESET
}

func refused(*http.Request, http.RoundTripper) (*http.Response, error) {
	return nil, syscall.ECONNREFUSED
}

// lostAnswer lets the store do its work and loses what it says.
func lostAnswer(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body.Close()
	return nil, syscall.ECONNRESET
}

// cutBody ends the answer's body before its length.
func cutBody(r *http.Request, next http.RoundTripper) (*http.Response, error) {
	resp, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(io.MultiReader(bytes.NewReader(text[:len(text)/2]), failing{}))
	return resp, err
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }

// sum returns a fault that has the store claim another SHA-256, or none.
func sum(claimed string) fault {
	return func(r *http.Request, next http.RoundTripper) (*http.Response, error) {
		resp, err := next.RoundTrip(r)
		if err == nil {
			resp.Header.Del("X-Amz-Checksum-Sha256")
			if claimed != "" {
				resp.Header.Set("X-Amz-Checksum-Sha256", claimed)
			}
		}
		return resp, err
	}
}

func pass(r *http.Request, next http.RoundTripper) (*http.Response, error) { return next.RoundTrip(r) }

// faulty puts one fault before each request in turn; after the last, requests
// pass. It counts the requests.
func faulty(next http.RoundTripper, count *atomic.Int32, faults ...fault) http.RoundTripper {
	return trip(func(r *http.Request) (*http.Response, error) {
		if n := int(count.Add(1)); n <= len(faults) {
			return faults[n-1](r, next)
		}
		return next.RoundTrip(r)
	})
}

func TestFaults(t *testing.T) {
	const body = "a sealed segment"
	other := sha256.Sum256([]byte("other"))
	put := func(o *Objects) error {
		return o.Put(t.Context(), "key", []byte(body), sha256.Sum256([]byte(body)))
	}
	get := func(o *Objects) error {
		got, err := o.Get(t.Context(), "there")
		if err == nil && string(got) != "what is there" {
			return errors.New("got something else: " + string(got))
		}
		return err
	}
	head := func(o *Objects) error {
		size, got, err := o.Head(t.Context(), "there")
		if err == nil && (size != 13 || got != sha256.Sum256([]byte("what is there"))) {
			return errors.New("got something else")
		}
		return err
	}
	remove := func(o *Objects) error { return o.Delete(t.Context(), "there") }
	unavailable := answer(503, "SlowDown")
	for _, test := range []struct {
		name     string
		op       func(*Objects) error
		faults   []fault
		want     error // nil: success
		result   string
		requests int32
	}{
		{"put, no fault", put, nil, nil, "ok", 1},
		{"put, unavailable once", put, []fault{unavailable}, nil, "ok", 2},
		{"put, reset once", put, []fault{reset}, nil, "ok", 2},
		{"put, refused once", put, []fault{refused}, nil, "ok", 2},
		{"put, conflict of requests once", put, []fault{answer(409, "ConditionalRequestConflict")}, nil, "ok", 2},
		{"put, answer lost", put, []fault{lostAnswer}, nil, "ok", 3},
		{"put, answer lost, then another sum claimed", put,
			[]fault{lostAnswer, pass, sum(base64.StdEncoding.EncodeToString(other[:]))}, ErrConflict, "conflict", 3},
		{"put, answer lost, then no sum kept", put, []fault{lostAnswer, pass, sum("")}, nil, "ok", 4},
		{"put, denied", put, []fault{answer(403, "SignatureDoesNotMatch")}, ErrDenied, "denied", 1},
		{"put, no bucket", put, []fault{answer(404, "NoSuchBucket")}, ErrNotFound, "not_found", 1},
		{"get, reset once", get, []fault{reset}, nil, "ok", 2},
		{"get, body cut once", get, []fault{cutBody}, nil, "ok", 2},
		{"get, body cut always", get, []fault{cutBody, cutBody, cutBody}, io.ErrUnexpectedEOF, "error", 3},
		{"get, denied", get, []fault{answer(403, "AccessDenied")}, ErrDenied, "denied", 1},
		{"head, unavailable once", head, []fault{unavailable}, nil, "ok", 2},
		{"head, no sum kept", head, []fault{sum("")}, nil, "ok", 2},
		{"head, sum of parts", head, []fault{sum("47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=-2")}, nil, "ok", 2},
		{"delete, answer lost", remove, []fault{lostAnswer}, nil, "ok", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			var requests atomic.Int32
			registry := prometheus.NewRegistry()
			o := open(t, func(s *S3Options) {
				s.Transport = faulty(newTransport(builtin.DialContext), &requests, test.faults...)
				s.CreateBucket = false
				s.Metrics = NewMetrics(registry)
				s.Prefix = "faults/" + strings.NewReplacer(" ", "-", ",", "").Replace(test.name)
			})
			direct := open(t, func(s *S3Options) { s.Prefix = o.prefix })
			body := []byte("what is there")
			if err := direct.Put(t.Context(), "there", body, sha256.Sum256(body)); err != nil {
				t.Fatal(err)
			}
			err := test.op(o)
			if !errors.Is(err, test.want) || test.want == nil && err != nil {
				t.Errorf("error %v, wanted %v", err, test.want)
			}
			if got := requests.Load(); got != test.requests {
				t.Errorf("%d requests, wanted %d", got, test.requests)
			}
			if err != nil && (strings.Contains(err.Error(), builtin.keys.SecretAccessKey) ||
				strings.Contains(err.Error(), builtin.keys.AccessKeyID)) {
				t.Errorf("the error holds credentials: %v", err)
			}
			op, _, _ := strings.Cut(test.name, ",")
			if n := testutil.CollectAndCount(o.metrics.s3.MustCurryWith(prometheus.Labels{"op": op}).WithLabelValues(test.result).(prometheus.Collector)); n != 1 {
				t.Errorf("%d figures for %s, %s", n, op, test.result)
			}
			if n := testutil.CollectAndCount(o.metrics.s3); n != 1 {
				t.Errorf("%d figures, wanted that one alone", n)
			}
		})
	}
}

// scripted opens a bucket that exists only in f.
func scripted(t *testing.T, f trip, change ...func(*S3Options)) *Objects {
	t.Helper()
	options := S3Options{
		Endpoint: "http://s3.example", Bucket: "bucket", PathStyle: true,
		AccessKeyID: "KEYID", SecretAccessKey: "SECRET", Transport: f,
	}
	for _, c := range change {
		c(&options)
	}
	o, err := OpenS3(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func TestOutage(t *testing.T) {
	for _, test := range []struct {
		name    string
		answer  fault
		result  string
		atLeast time.Duration
		atMost  time.Duration
	}{
		{"unavailable", answer(503, "SlowDown"), "unavailable", 0, 4 * time.Second},
		{"throttled", answer(429, "TooManyRequests"), "unavailable", 0, 4 * time.Second},
		{"internal error", answer(500, "InternalError"), "unavailable", 0, 4 * time.Second},
		{"reset", reset, "error", 0, 4 * time.Second},
		{"no answer", func(r *http.Request, _ http.RoundTripper) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		}, "timeout", attempts * attemptTimeout, attempts*attemptTimeout + 4*time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var requests int
				o := scripted(t, func(r *http.Request) (*http.Response, error) {
					requests++
					return test.answer(r, nil)
				})
				// Again and again, as an uploader does: no quota of the SDK runs out.
				for range 200 {
					requests = 0
					start := time.Now()
					err := o.Put(t.Context(), "key", []byte("body"), sha256.Sum256([]byte("body")))
					if err == nil || result(err) != test.result || requests != attempts {
						t.Fatalf("%d requests, result %s, error %v", requests, result(err), err)
					}
					if took := time.Since(start); took < test.atLeast || took > test.atMost {
						t.Fatalf("took %v", took)
					}
				}
			})
		})
	}
}

func TestCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := scripted(t, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		start := time.Now()
		if _, err := o.Get(ctx, "key"); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != 3*time.Second {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
	})
}

// What goes over the wire: the sum in a header, verified before the object
// exists, and no trailer, which older compatible stores refuse.
func TestPutOnTheWire(t *testing.T) {
	body := []byte("body")
	digest := sha256.Sum256(body)
	for _, whenRequired := range []bool{false, true} {
		var got *http.Request
		var sent []byte
		o, err := OpenS3(t.Context(), S3Options{
			Endpoint: "https://s3.example", Bucket: "bucket", Prefix: "/pre/fix/", PathStyle: true,
			AccessKeyID: "KEYID", SecretAccessKey: "SECRET", ChecksumWhenRequired: whenRequired,
			Transport: trip(func(r *http.Request) (*http.Response, error) {
				got = r
				sent, _ = io.ReadAll(r.Body)
				return response(r, 200, ""), nil
			}),
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := o.Put(t.Context(), "key", body, digest); err != nil {
			t.Fatal(err)
		}
		for header, want := range map[string]string{
			"If-None-Match":         "*",
			"X-Amz-Checksum-Sha256": base64.StdEncoding.EncodeToString(digest[:]),
			"X-Amz-Trailer":         "",
			"Content-Encoding":      "",
		} {
			if v := got.Header.Get(header); v != want {
				t.Errorf("%s is %q, wanted %q", header, v, want)
			}
		}
		if got.URL.Path != "/bucket/pre/fix/key" || got.ContentLength != 4 || !bytes.Equal(sent, body) {
			t.Errorf("%s with %d bytes, %q", got.URL, got.ContentLength, sent)
		}
	}
}

func TestListFollowsPages(t *testing.T) {
	o := scripted(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Query().Get("continuation-token") == "more" {
			return response(r, 200, `<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>c</Key></Contents></ListBucketResult>`), nil
		}
		return response(r, 200, `<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>more</NextContinuationToken>
			<Contents><Key>a</Key></Contents><Contents><Key>b</Key></Contents></ListBucketResult>`), nil
	})
	if keys, err := o.List(t.Context(), ""); err != nil || !slices.Equal(keys, []string{"a", "b", "c"}) {
		t.Errorf("%q, error %v", keys, err)
	}
}

func TestTooLargeIsNotKept(t *testing.T) {
	o := scripted(t, func(r *http.Request) (*http.Response, error) {
		resp := response(r, 200, "")
		resp.ContentLength = -1
		resp.Body = io.NopCloser(io.LimitReader(zeros{}, 10*MaxObject))
		return resp, nil
	})
	if _, err := o.Get(t.Context(), "key"); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// A signed request is not carried elsewhere.
func TestRedirectsAreNotFollowed(t *testing.T) {
	o := scripted(t, func(r *http.Request) (*http.Response, error) {
		if r.URL.Host != "s3.example" {
			t.Errorf("went to %s", r.URL.Host)
		}
		resp := response(r, 307, "")
		resp.Header.Set("Location", "http://elsewhere.example/")
		return resp, nil
	})
	if _, err := o.Get(t.Context(), "key"); err == nil {
		t.Error("no error")
	}
}

package app_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/internal/app"
	"sidetone/media"
	"sidetone/store"
)

// TestNothingIsHandedOutUnread: a gateway that can not read its tombstones takes calls,
// and says why it hands out no recording.
func TestNothingIsHandedOutUnread(t *testing.T) {
	config := configure(t)
	config.Erasures.Location = "s3://graves/of/calls"
	config.Storage.S3 = configs.S3{Endpoint: "http://127.0.0.1:9", Region: "us-east-1", Bucket: "b", AccessKeyID: "a", SecretAccessKey: "s", PathStyle: true}
	g := start(t, config)
	g.shelve(t, "one", 2*time.Second)
	for _, part := range []string{"recording", "transcript", "snippets/000001", "clip?from=0&to=1"} {
		if status, body := g.get(t, "/api/v1/calls/one/"+part); status != http.StatusServiceUnavailable || !strings.Contains(body, "tombstones") {
			t.Errorf("%s answers %d: %s", part, status, body)
		}
	}
	if status, body := g.get(t, "/readyz"); status != http.StatusOK {
		t.Errorf("/readyz answers %d: %s", status, body)
	}
	if !strings.Contains(g.logs.String(), "no recording is handed out until the tombstones can be read") {
		t.Error("the log does not say so")
	}
}

// TestTombstonesInABucket keeps the tombstones in a bucket of their own: they are
// there before anything goes, stay as they were first written, and while they can not
// be written nothing is erased.
func TestTombstonesInABucket(t *testing.T) {
	a := newArchive(t)
	a.record("one", media.Tone(8000, 440, time.Second, -10))
	a.record("two", media.Tone(8000, 440, time.Second, -10))
	a.drain()
	a.close()
	front := httptest.NewServer(&httputil.ReverseProxy{Transport: base(), Rewrite: func(r *httputil.ProxyRequest) {
		r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = "http", r.In.Host, r.In.Host // the host is signed
	}})
	defer front.Close()
	graves := builtin.S3("graves")
	bucket, err := store.OpenS3(t.Context(), graves)
	if err != nil {
		t.Fatal(err)
	}
	a.config.Storage.S3 = configs.S3{Endpoint: front.URL, Region: graves.Region, Bucket: a.s3.Bucket, AccessKeyID: graves.AccessKeyID,
		SecretAccessKey: configs.Secret(graves.SecretAccessKey), PathStyle: true}
	a.config.Erasures.Location = "s3://graves/of/calls"
	erase := func(call string) app.ErasureResult {
		t.Helper()
		x, err := app.OpenErasingIn(t.Context(), a.config, a.s3, quiet)
		if err != nil {
			t.Fatal(err)
		}
		done, err := x.Erase(t.Context(), app.ErasureRequest{Call: call})
		if err := errors.Join(err, x.Close()); err != nil {
			t.Fatal(err)
		}
		return done
	}
	if done := erase("one"); states(done) != "one erased" {
		t.Errorf("%+v", done)
	}
	keys, err := bucket.List(t.Context(), "")
	if err != nil || strings.Join(keys, " ") != "of/calls/calls/one.json" {
		t.Errorf("tombstones %v, %v", keys, err)
	}
	a.config.Erasures.Location = "s3://no-such-bucket/of/calls"
	before, err := a.objects.List(t.Context(), "rec/two/")
	if err != nil {
		t.Fatal(err)
	}
	if done := erase("two"); states(done) != "two queued" || done.Calls[0].Why == "" || done.Receipt != "" {
		t.Errorf("without a place for tombstones: %+v", done)
	}
	if after, err := a.objects.List(t.Context(), "rec/two/"); err != nil || len(after) != len(before) || len(after) == 0 {
		t.Errorf("without a tombstone %d objects became %d, %v", len(before), len(after), err)
	}
}

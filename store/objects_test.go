package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestObjects(t *testing.T) {
	o := open(t, nil)
	ctx := t.Context()
	body := make([]byte, 160<<10)
	rand.Read(body)
	sum := sha256.Sum256(body)
	if err := o.Put(ctx, "rec/1/seg/000001.age", body, sum); err != nil {
		t.Fatal(err)
	}
	put(t, o, "rec/1/meta.age", "meta")
	put(t, o, "rec/2/meta.age", "")

	if size, got, err := o.Head(ctx, "rec/1/seg/000001.age"); err != nil || size != int64(len(body)) || got != sum {
		t.Errorf("head: %d bytes, sum %x, error %v", size, got, err)
	}
	if got, err := o.Get(ctx, "rec/1/seg/000001.age"); err != nil || !bytes.Equal(got, body) {
		t.Errorf("get: %d bytes, error %v", len(got), err)
	}
	if got, err := o.Get(ctx, "rec/2/meta.age"); err != nil || len(got) != 0 {
		t.Errorf("get empty: %d bytes, error %v", len(got), err)
	}
	for _, span := range [][2]int64{{0, 1}, {1000, 500}, {int64(len(body)) - 10, 10}, {int64(len(body)) - 10, 100}} {
		want := body[span[0]:min(span[0]+span[1], int64(len(body)))]
		if got, err := o.GetRange(ctx, "rec/1/seg/000001.age", span[0], span[1]); err != nil || !bytes.Equal(got, want) {
			t.Errorf("range %v: %d bytes, error %v", span, len(got), err)
		}
	}
	for prefix, want := range map[string][]string{
		"":       {"rec/1/meta.age", "rec/1/seg/000001.age", "rec/2/meta.age"},
		"rec/1/": {"rec/1/meta.age", "rec/1/seg/000001.age"},
		"rec/3/": nil,
	} {
		if got, err := o.List(ctx, prefix); err != nil || !slices.Equal(got, want) {
			t.Errorf("list %q: %q, error %v", prefix, got, err)
		}
	}
	for page, err := range o.Pages(ctx, "rec/") {
		if err != nil || len(page) != 3 {
			t.Errorf("a page: %q, %v", page, err)
		}
		break
	}
	for range 2 { // the second finds nothing to do
		if err := o.Delete(ctx, "rec/1/meta.age"); err != nil {
			t.Error(err)
		}
	}
	if _, err := o.Get(ctx, "rec/1/meta.age"); !errors.Is(err, ErrNotFound) {
		t.Errorf("get deleted: %v", err)
	}
	if _, _, err := o.Head(ctx, "rec/1/meta.age"); !errors.Is(err, ErrNotFound) {
		t.Errorf("head deleted: %v", err)
	}
	if err := o.Check(ctx); err != nil {
		t.Error(err)
	}
}

func TestPutIsOnceAndForAll(t *testing.T) {
	o := open(t, nil)
	put(t, o, "key", "first")
	put(t, o, "key", "first") // again, as after an answer that was lost
	other := []byte("other")
	if err := o.Put(t.Context(), "key", other, sha256.Sum256(other)); !errors.Is(err, ErrConflict) {
		t.Errorf("other content: %v", err)
	}
	if got, err := o.Get(t.Context(), "key"); err != nil || string(got) != "first" {
		t.Errorf("holds %q, error %v", got, err)
	}
}

func TestOnePutWins(t *testing.T) {
	o := open(t, nil)
	var won, lost atomic.Int32
	var writers sync.WaitGroup
	for i := range 16 {
		writers.Go(func() {
			body := fmt.Appendf(nil, "writer %d", i)
			switch err := o.Put(t.Context(), "key", body, sha256.Sum256(body)); {
			case err == nil:
				won.Add(1)
			case errors.Is(err, ErrConflict):
				lost.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	writers.Wait()
	if won.Load() != 1 || lost.Load() != 15 {
		t.Errorf("%d won, %d lost", won.Load(), lost.Load())
	}
}

func TestWrongSumIsRefused(t *testing.T) {
	o := open(t, nil)
	if err := o.Put(t.Context(), "key", []byte("body"), sha256.Sum256([]byte("other"))); err == nil {
		t.Error("was taken")
	}
	if _, _, err := o.Head(t.Context(), "key"); !errors.Is(err, ErrNotFound) {
		t.Errorf("left something behind: %v", err)
	}
}

func TestKeys(t *testing.T) {
	o := open(t, nil)
	for _, key := range []string{"", ".", "/", "/a", "a/", "a//b", "../a", "a/../b", "a/./b", "a\xff", strings.Repeat("k", 1001)} {
		ctx := t.Context()
		_, errGet := o.Get(ctx, key)
		_, _, errHead := o.Head(ctx, key)
		_, errRange := o.GetRange(ctx, key, 0, 1)
		for op, err := range map[string]error{
			"put": o.Put(ctx, key, nil, sha256.Sum256(nil)), "delete": o.Delete(ctx, key),
			"get": errGet, "head": errHead, "get range": errRange,
		} {
			if err == nil || !strings.Contains(err.Error(), "invalid key") {
				t.Errorf("%s %q: %v", op, key, err)
			}
		}
	}
	put(t, o, "a b/ä+c%20&=d.age", "body")
	if keys, err := o.List(t.Context(), ""); err != nil || !slices.Equal(keys, []string{"a b/ä+c%20&=d.age"}) {
		t.Errorf("list: %q, error %v", keys, err)
	}
	if got, err := o.Get(t.Context(), "a b/ä+c%20&=d.age"); err != nil || string(got) != "body" {
		t.Errorf("get: %q, error %v", got, err)
	}
}

func TestTooLargeIsNotSent(t *testing.T) {
	o := open(t, nil)
	if err := o.Put(t.Context(), "key", make([]byte, MaxObject+1), [32]byte{}); !errors.Is(err, ErrTooLarge) {
		t.Errorf("put: %v", err)
	}
}

// An object is stored when it is on disk, and deleted when that is on disk.
func TestSuccessWaitsForSync(t *testing.T) {
	var calls int
	failure := errors.New("disk on fire")
	o := open(t, func(s *S3Options) {
		s.Sync = func(context.Context) error {
			calls++
			return failure
		}
		s.CreateBucket = false
	})
	body := []byte("body")
	// The second finds the object there, not knowing whether it is on disk.
	for range 2 {
		if err := o.Put(t.Context(), "key", body, sha256.Sum256(body)); !errors.Is(err, failure) {
			t.Errorf("put: %v", err)
		}
	}
	for range 2 {
		if err := o.Delete(t.Context(), "key"); !errors.Is(err, failure) {
			t.Errorf("delete: %v", err)
		}
	}
	if calls != 4 {
		t.Errorf("%d syncs, wanted 4", calls)
	}
}

func TestOpenS3Mistakes(t *testing.T) {
	for _, o := range []S3Options{
		{},
		{Bucket: "b", Endpoint: "example.com"},
		{Bucket: "b", Endpoint: "ftp://example.com"},
		{Bucket: "b", Endpoint: "https://key:hunter2@example.com"},
		{Bucket: "b", Endpoint: "https://"},
		{Bucket: "b", Endpoint: "://hunter2"},
	} {
		if _, err := OpenS3(t.Context(), o); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v", o, err)
		}
	}
}

func TestBuiltinConnectionsUseNoProxy(t *testing.T) {
	if newTransport(builtin.DialContext).Proxy != nil {
		t.Error("a proxy would get what is meant for the socket")
	}
	if newTransport(nil).Proxy == nil {
		t.Error("the network is reached past the proxy")
	}
}

func BenchmarkPut(b *testing.B) {
	o := open(b, nil)
	body := make([]byte, 160<<10)
	sum := sha256.Sum256(body)
	var n atomic.Int64
	b.SetBytes(int64(len(body)))
	b.SetParallelism(8)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if err := o.Put(b.Context(), fmt.Sprintf("seg/%d-%d", b.N, n.Add(1)), body, sum); err != nil {
				b.Error(err)
			}
		}
	})
}

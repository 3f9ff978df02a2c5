package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// TestStorageCheck: a bucket for keys that keeps versions is named, and no gateway
// starts over it; with keys elsewhere one may.
func TestStorageCheck(t *testing.T) {
	b := newBucket(t, t.TempDir())
	s := newSite(t, b.env...)
	printed := s.run(t, "storage", "check")
	for _, want := range []string{"conditional_put  yes      ok", "sidetone-keys  versioning       off      ok", "sidetone       versioning       enabled  warning"} {
		if !strings.Contains(printed, want) {
			t.Errorf("storage check does not print %q:\n%s", want, printed)
		}
	}
	var found []struct{ What, Bucket, Found, Verdict string }
	if err := json.Unmarshal([]byte(s.run(t, "storage", "check", "--json")), &found); err != nil || len(found) != 10 {
		t.Errorf("%v: %+v", err, found)
	}
	s.env = append(s.env, "SIDETONE_STORAGE_S3_KEYS_BUCKET=")
	for _, args := range [][]string{{"storage", "check"}, {"storage", "check", "--json"}, {"serve"}} {
		s.fails(t, "versioning of sidetone is enabled: wrapped keys must go when they are deleted: name another bucket in storage.s3.keys_bucket", args...)
	}
	s.env = append(s.env, "SIDETONE_STORAGE_S3_BUCKET=no-such-bucket", "SIDETONE_STORAGE_S3_KEYS_BUCKET=")
	s.fails(t, "not found", "storage", "check")
	if left := b.kept(t); len(left) > 0 {
		t.Errorf("the buckets have %v", left)
	}
}

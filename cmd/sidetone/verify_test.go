package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// verified has the command verify a call beside the running gateway, by all of the
// ways that there are, and harms the bucket then.
func (s *site) verified(t *testing.T, call string) {
	t.Helper()
	if printed := s.run(t, "recordings", "verify", call); !strings.HasSuffix(printed, "right: it is what was recorded\n") {
		t.Errorf("recordings verify prints %q", printed)
	}
	if printed := s.run(t, "recordings", "verify", "--all"); !strings.HasPrefix(printed, "1 calls, 1 takes, ") || !strings.HasSuffix(printed, ": 0 wrong, 0 not stored yet\n") {
		t.Errorf("recordings verify --all prints %q", printed)
	}
	if printed := s.run(t, "nodes", "list"); !strings.Contains(printed, "  certified\n") {
		t.Errorf("nodes list prints %q", printed)
	}
	data := ""
	for _, e := range s.env {
		if dir, ok := strings.CutPrefix(e, "SIDETONE_DATA_DIR="); ok {
			data = dir
		}
	}
	public := filepath.Join(data, "keys", "operator-sign.pub.pem")
	if printed := s.run(t, "recordings", "verify", call, "--without-ledger", "--operator", public); !strings.Contains(printed, "right: ") {
		t.Errorf("by the operator's key alone it prints %q", printed)
	}
	segments, err := filepath.Glob(filepath.Join(data, "s3", "buckets", "sidetone", "rec", call, "t1", "seg", "*.age"))
	if err != nil || len(segments) < 2 {
		t.Fatal(segments, err)
	}
	b, err := os.ReadFile(segments[0])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)/2] ^= 1
	if err := errors.Join(os.WriteFile(segments[0], b, 0o600), os.Remove(segments[1])); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := s.command(t.Context(), "recordings", "verify", call, "--json")
	cmd.Stdout = &out
	var failed *exec.ExitError
	if err := cmd.Run(); !errors.As(err, &failed) || failed.ExitCode() != 1 {
		t.Errorf("of a call that is harmed: %v", err)
	}
	var verdict struct {
		Wrong []struct {
			Faults []struct{ Kind, Object string }
		}
	}
	if err := json.Unmarshal(out.Bytes(), &verdict); err != nil || len(verdict.Wrong) != 1 {
		t.Fatalf("%v\n%s", err, out.String())
	}
	faults := verdict.Wrong[0].Faults
	if len(faults) != 2 || faults[0].Kind != "content" || faults[1].Kind != "missing" || !strings.HasSuffix(faults[1].Object, "000002.age") {
		t.Errorf("the faults are %v", faults)
	}
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sidetone/media"
)

// clipped holds that the snippet of an answer is listed, and can be written.
func (s *site) clipped(t *testing.T, call, id string) {
	t.Helper()
	if list := s.run(t, "recordings", "snippet", call); !strings.HasPrefix(list, id+" ") || !strings.HasSuffix(list, "caller  answer\n") || strings.Count(list, "\n") != 1 {
		t.Errorf("recordings snippet lists %q", list)
	}
	path := filepath.Join(t.TempDir(), "answer.wav")
	if printed := s.run(t, "recordings", "snippet", call, id, "-o", path); !strings.HasPrefix(printed, path+": answer of the caller, ") {
		t.Errorf("recordings snippet prints %q", printed)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := media.DecodeWAV(b); err != nil || a.Rate != 8000 || len(a.PCM) < 8000/2 {
		t.Errorf("the snippet has %d bytes, %d samples: %v", len(b), len(a.PCM), err)
	}
}

package onnx

import (
	"errors"
	"sync"
	"testing"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
)

// inMemory is how many networks are.
func inMemory() int {
	held.Lock()
	defer held.Unlock()
	return len(held.networks)
}

// All who open a network at once get the same, which is there until the last of them
// has closed it, and loaded anew after that.
func TestNetworksAreShared(t *testing.T) {
	for range 2 {
		before := inMemory()
		sessions := make([]*Session, 4)
		var all sync.WaitGroup
		for i := range sessions {
			all.Go(func() {
				var err error
				if sessions[i], err = Open(modelstest.Dir(t), models.Silero); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if t.Failed() {
			t.FailNow()
		}
		for i, s := range sessions {
			if s.session != sessions[0].session || inMemory() != before+1 {
				t.Errorf("%d networks are in memory, want %d that all share", inMemory(), before+1)
			}
			binding, err := s.Bind()
			if err != nil {
				t.Errorf("once %d of %d are closed: %v", i, len(sessions), err)
				continue
			}
			if err := errors.Join(binding.Close(), s.Close(), s.Close()); err != nil {
				t.Error(err)
			}
		}
		if n := inMemory(); n != before {
			t.Errorf("%d networks are in memory when all are closed, want %d", n, before)
		}
	}
}

// A function is of its inputs and its output, and no network that cannot be loaded
// is kept.
func TestNetworksThatAreNotShared(t *testing.T) {
	before := inMemory()
	f, err := OpenFunction(modelstest.Dir(t), models.Silero, "stateN", "input", "state", "sr")
	if err != nil {
		t.Fatal(err)
	}
	g, err := OpenFunction(modelstest.Dir(t), models.Silero, "output", "input", "state", "sr")
	if err != nil {
		t.Fatal(err)
	}
	if f.session == g.session {
		t.Error("functions of other outputs share a network")
	}
	if _, err := Open(modelstest.Dir(t), models.Flite); err == nil {
		t.Error("what is no network was loaded")
	}
	if _, err := Open(t.TempDir(), models.Silero); !errors.Is(err, models.ErrMissing) {
		t.Errorf("a network that is elsewhere in memory, and not in the folder: %v", err)
	}
	if err := errors.Join(f.Close(), g.Close()); err != nil {
		t.Error(err)
	}
	if n := inMemory(); n != before {
		t.Errorf("%d networks are in memory, want %d", n, before)
	}
}

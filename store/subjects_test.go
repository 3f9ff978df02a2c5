package store

import (
	"bytes"
	"errors"
	"sync"
	"testing"
)

func TestSubject(t *testing.T) { onEachEngine(t, testSubject) }

func testSubject(t *testing.T, location string) {
	nodes := []*DB{openDB(t, location), openDB(t, location)}
	var mu sync.Mutex
	ids := make(map[string]map[string]bool) // by lookup
	var callers sync.WaitGroup
	for i := range 40 {
		callers.Go(func() {
			lookup := bytes.Repeat([]byte{byte(i / 10), 0xff}, 16)
			id, err := nodes[i%2].Subject(t.Context(), lookup)
			if err != nil || len(id) < 26 {
				t.Errorf("id %q, error %v", id, err)
			}
			mu.Lock()
			defer mu.Unlock()
			if ids[string(lookup)] == nil {
				ids[string(lookup)] = make(map[string]bool)
			}
			ids[string(lookup)][id] = true
		})
	}
	callers.Wait()
	seen := make(map[string]bool)
	for lookup, of := range ids {
		if len(of) != 1 {
			t.Errorf("caller %x has ids %v", lookup[0], of)
		}
		for id := range of {
			seen[id] = true
		}
	}
	if len(seen) != 4 {
		t.Errorf("%d ids of 4 callers", len(seen))
	}
	for lookup, of := range ids {
		if id, err := nodes[1].KnownSubject(t.Context(), []byte(lookup)); err != nil || !of[id] {
			t.Errorf("caller %x is known as %q, error %v", lookup[0], id, err)
		}
	}
	if id, err := nodes[0].KnownSubject(t.Context(), bytes.Repeat([]byte{9}, 32)); !errors.Is(err, ErrNotFound) {
		t.Errorf("one who never called is known as %q, error %v", id, err)
	}
	if _, err := nodes[0].Subject(t.Context(), []byte("+14155550100")); err == nil {
		t.Error("a number was taken for a keyed hash")
	}
}

package recorder_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"sidetone/recorder"
)

var errDown = errors.New("store is down")

// memStore is an object store in memory with fault switches.
type memStore struct {
	mu      sync.Mutex
	objects map[string][]byte
	order   []string      // keys, in the order in which they were created
	fault   error         // returned by Put and Head
	lose    bool          // Put stores, and answers with an error
	cut     bool          // Put stores half, and says that it is stored
	delay   time.Duration // of Put
	puts    int
	running int
	most    int // Puts at once
	erased  []string
	erases  int // how many erasures succeed before erasing fails
}

func newMemStore() *memStore { return &memStore{objects: make(map[string][]byte), erases: 1 << 30} }

func (m *memStore) set(f func(*memStore)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f(m)
}

func (m *memStore) Put(ctx context.Context, key string, body []byte, sum [32]byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.puts++
	m.running++
	m.most = max(m.most, m.running)
	defer func() { m.running-- }()
	if d := m.delay; d > 0 {
		m.mu.Unlock()
		time.Sleep(d)
		m.mu.Lock()
	}
	switch old, ok := m.objects[key]; {
	case m.fault != nil:
		return m.fault
	case sha256.Sum256(body) != sum:
		return errors.New("bad digest")
	case ok && string(old) == string(body):
		return nil
	case ok:
		return fmt.Errorf("%s: %w", key, recorder.ErrConflict)
	}
	if m.cut {
		body = body[:len(body)/2]
	}
	m.objects[key] = append([]byte(nil), body...)
	m.order = append(m.order, key)
	if m.lose {
		return errors.New("connection reset")
	}
	return ctx.Err()
}

func (m *memStore) Head(_ context.Context, key string) (int64, [32]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[key]
	if m.fault != nil || !ok {
		return 0, [32]byte{}, errors.Join(m.fault, fs.ErrNotExist)
	}
	return int64(len(b)), sha256.Sum256(b), nil
}

func (m *memStore) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	b, ok := m.objects[key]
	if !ok {
		return nil, fmt.Errorf("%s: %w", key, fs.ErrNotExist)
	}
	return append([]byte(nil), b...), nil
}

// keys lists the objects with a prefix, in the order of their creation.
func (m *memStore) keys(prefix string) (keys []string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, k := range m.order {
		if strings.HasPrefix(k, prefix) {
			keys = append(keys, k)
		}
	}
	return keys
}

func (m *memStore) Folders(_ context.Context, prefix string) (names []string, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil {
		return nil, m.fault
	}
	for k := range m.objects {
		if rest, ok := strings.CutPrefix(k, prefix); ok && strings.Contains(rest, "/") {
			name, _, _ := strings.Cut(rest, "/")
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names), nil
}

func (m *memStore) Erase(_ context.Context, prefix string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fault != nil || m.erases == 0 {
		return errors.Join(m.fault, errDown)
	}
	m.erases--
	gone := func(k string) bool { return strings.HasPrefix(k, prefix) }
	for _, k := range m.order {
		if gone(k) {
			m.erased = append(m.erased, k)
		}
	}
	m.order = slices.DeleteFunc(m.order, gone)
	maps.DeleteFunc(m.objects, func(k string, _ []byte) bool { return gone(k) })
	return nil
}

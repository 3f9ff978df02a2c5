package app

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// memory is an object store in memory, of names and sizes.
type memory struct {
	mu      sync.Mutex
	folders map[string]map[string]int // by the first parts of a key, up to the call
}

// split parts a key into the folder of its call and the rest.
func split(key string) (folder, rest string) {
	parts := strings.SplitAfterN(key, "/", 4)
	n := 2 // rec/CALL/
	if parts[0] == keysPrefix {
		n = 3
	}
	n = min(n, len(parts))
	return strings.Join(parts[:n], ""), strings.Join(parts[n:], "")
}

func (m *memory) put(key string, size int) {
	folder, rest := split(key)
	if m.folders[folder] == nil {
		m.folders[folder] = make(map[string]int)
	}
	m.folders[folder][rest] = size
}

func (m *memory) Erase(_ context.Context, prefix string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	folder, rest := split(prefix)
	for key := range m.folders[folder] {
		if strings.HasPrefix(key, rest) {
			delete(m.folders[folder], key)
		}
	}
	if len(m.folders[folder]) == 0 {
		delete(m.folders, folder)
	}
	return nil
}

func (m *memory) Usage(_ context.Context, prefix string) (objects int, bytes int64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, size := range m.folders[prefix] {
		objects, bytes = objects+1, bytes+int64(size)
	}
	return objects, bytes, nil
}

func (m *memory) Folders(_ context.Context, prefix string) ([]string, error) {
	if prefix == keysPrefix {
		return []string{"epoch-1"}, nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.folders[prefix]) == 0 {
		return nil, nil
	}
	return []string{"t1"}, nil
}

func (m *memory) Put(context.Context, string, []byte, [32]byte) error { return nil }
func (m *memory) Head(context.Context, string) (int64, [32]byte, error) {
	return 0, [32]byte{}, store.ErrNotFound
}

// BenchmarkErase erases all of 10,000 calls of one caller: database, ledger and
// tombstones on the disk, ten objects each in memory.
func BenchmarkErase(b *testing.B) {
	const calls = 10_000
	for b.Loop() {
		b.StopTimer()
		e, objects := benchEraser(b, calls)
		b.StartTimer()
		began := time.Now()
		done, err := e.erase(b.Context(), ErasureRequest{Caller: "+14155550199"})
		if err != nil || len(done.Calls) != calls || done.Receipt == "" || len(objects.folders) > 0 {
			b.Fatalf("%d calls, receipt %q, %d folders left, %v", len(done.Calls), done.Receipt, len(objects.folders), err)
		}
		took := time.Since(began)
		b.ReportMetric(took.Seconds(), "s/10000-calls")
		b.ReportMetric(float64(calls)/took.Seconds(), "calls/s")
	}
}

// benchEraser leaves calls of one caller, in stores that only the eraser has.
func benchEraser(b *testing.B, calls int) (*eraser, *memory) {
	b.Helper()
	must := func(err error) {
		if err != nil {
			b.Fatal(err)
		}
	}
	objects := &memory{folders: make(map[string]map[string]int)}
	e := newTestEraser(b, b.TempDir(), objects)
	e.log = slog.New(slog.DiscardHandler)
	subject, err := e.db.Subject(b.Context(), hashOf(e.lookup, "+14155550199"))
	must(err)
	must(each(calls, func(i int) error {
		return e.db.InsertCall(b.Context(), store.Call{ID: fmt.Sprintf("call%05d", i), CarrierID: hex.EncodeToString(fmt.Append(nil, i)), Agent: "a", Kind: "phone",
			Direction: "inbound", Subject: subject, Started: time.Now(), Consent: "granted", Recording: "stored", Takes: 1})
	}))
	for i := range calls {
		id := fmt.Sprintf("call%05d", i)
		for _, class := range seal.Classes {
			objects.put(recorder.KeyObject("epoch-1", id, "t1", class), 400)
		}
		for seq := range 5 {
			objects.put(recorder.SegmentObject(id, "t1", seq+1), 4096)
		}
		objects.put(recorder.MetaObject(id, "t1"), 600)
		objects.put(recorder.ManifestObject(id, "t1"), 2000)
	}
	return e, objects
}

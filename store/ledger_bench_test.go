package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// BenchmarkLedgerAppend prints how long calls wait for a row of 500 bytes when so
// many ask one after another, alone and beside one who writes 1 MiB after another
// with an fsync each to the same disk.
func BenchmarkLedgerAppend(b *testing.B) {
	for _, engine := range []string{"SQLite", "PostgreSQL"} {
		for _, callers := range []int{1, 50, 500} {
			for _, beside := range []string{"alone", "beside"} {
				b.Run(fmt.Sprintf("%s/%d-callers/%s", engine, callers, beside), func(b *testing.B) {
					location := filepath.Join(b.TempDir(), "ledger.db")
					if engine == "PostgreSQL" {
						location = postgresDatabase(b)
					}
					l := openLedger(b, location, signed(1))
					if beside == "beside" {
						defer bulkWriter(b)()
					}
					benchAppend(b, l, callers)
				})
			}
		}
	}
}

func benchAppend(b *testing.B, l *Ledger, callers int) {
	body := bytes.Repeat([]byte("x"), 500)
	var left atomic.Int64
	left.Store(int64(b.N))
	waits := make([][]time.Duration, callers)
	var group sync.WaitGroup
	b.ReportAllocs()
	b.ResetTimer()
	for i := range callers {
		group.Go(func() {
			for left.Add(-1) >= 0 {
				start := time.Now()
				if _, err := l.Append(b.Context(), "call", "granted", body); err != nil {
					b.Error(err)
					return
				}
				waits[i] = append(waits[i], time.Since(start))
			}
		})
	}
	group.Wait()
	b.StopTimer()
	all := slices.Concat(waits...)
	slices.Sort(all)
	at := func(share float64) float64 {
		return all[int(share*float64(len(all)-1))].Seconds() * 1e3
	}
	b.ReportMetric(at(.5), "p50-ms")
	b.ReportMetric(at(.99), "p99-ms")
	b.ReportMetric(at(1), "max-ms")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// bulkWriter writes as a busy recorder does, and reports how much, until stop.
func bulkWriter(b *testing.B) (stop func()) {
	f, err := os.Create(filepath.Join(b.TempDir(), "bulk"))
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	var work sync.WaitGroup
	var written int64
	start := time.Now()
	work.Go(func() {
		piece := bytes.Repeat([]byte("recorded"), 1<<17)
		for ; ctx.Err() == nil; written += int64(len(piece)) {
			if _, err := f.WriteAt(piece, written%(256<<20)); err != nil {
				b.Error(err)
				return
			}
			if err := f.Sync(); err != nil {
				b.Error(err)
				return
			}
		}
	})
	return func() {
		cancel()
		work.Wait()
		b.ReportMetric(float64(written)/1e6/time.Since(start).Seconds(), "bulk-MB/s")
		f.Close()
	}
}

package store

import (
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// cause is why a ledger is failing; the causes of a ledger are a set.
type cause uint8

const (
	rowsFail        cause = 1 << iota // rows cannot be written
	checkpointsFail                   // checkpoints cannot be written
	stalled                           // a write goes on and on
)

// stallAfter is when a write that goes on counts as failing: a call waits no
// longer for its row.
const stallAfter = 2 * time.Second

// health knows whether a ledger is failing, and tells so when that changes.
type health struct {
	notify func(failing bool) // nil: nobody asks
	gauge  prometheus.Gauge
	log    *slog.Logger

	mu     sync.Mutex
	causes cause
	write  int // counts writes, so that a late timer knows that its own is over
}

// has reports whether c is a cause at present.
func (h *health) has(c cause) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.causes&c != 0
}

// watch begins a write; done ends it and notes whether it failed, for c. One
// write is watched at a time.
func (h *health) watch(c cause, err *error) (done func()) {
	h.mu.Lock()
	h.write++
	write := h.write
	h.mu.Unlock()
	timer := time.AfterFunc(stallAfter, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.write == write {
			h.set(h.causes|stalled, nil)
		}
	})
	return func() {
		timer.Stop()
		h.mu.Lock()
		defer h.mu.Unlock()
		h.write++
		causes := h.causes &^ (stalled | c)
		if *err != nil {
			causes |= c
		}
		h.set(causes, *err)
	}
}

// set takes the causes and tells if that makes a difference. Its caller holds
// the lock, so that those told hear one thing after another.
func (h *health) set(causes cause, err error) {
	before, after := h.causes != 0, causes != 0
	h.causes = causes
	if before == after {
		return
	}
	if after {
		h.gauge.Set(1)
		h.log.Error("the ledger cannot be written", "stalled", causes&stalled != 0, "err", err)
	} else {
		h.gauge.Set(0)
		h.log.Info("the ledger can be written again")
	}
	if h.notify != nil {
		h.notify(after)
	}
}

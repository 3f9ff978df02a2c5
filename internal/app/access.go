package app

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"sidetone/store"
)

// accessed is the event of rows that say who has read what of a call. They are no
// rows of consent.
const accessed = "accessed"

// what is a part of a call that is read.
type what string

// The parts.
const (
	theRecording  what = "recording"
	theTranscript what = "transcript"
	theSnippet    what = "snippet" // one or more of a take
	theClip       what = "clip"    // a part of a recording, made for who asks
	theLiveText   what = "live"    // words of a call that runs
)

// reader is who reads.
type reader string

// The readers.
const (
	byOperator reader = "operator" // who has reached the operator's listener, and has its token
	byLink     reader = "link"     // who has a signed link
	byVisitor  reader = "visitor"  // whose own call it is, with their session token
	byCLI      reader = "cli"      // a command on a machine that has keys
	byExport   reader = "export"   // who has an export of the call made, for whom it is about
)

// access is somebody's reading of a part of a call. It names nobody.
type access struct {
	call string
	What what   `json:"what"`
	Take string `json:"take,omitempty"`
	By   reader `json:"by"`
	Link string `json:"link,omitempty"` // the number of the link
}

// noteAccess writes the row of an access. Nothing is read without it.
func noteAccess(ctx context.Context, l *store.Ledger, x access) error {
	body, err := json.Marshal(x)
	if err == nil {
		_, err = l.Append(ctx, x.call, accessed, body)
	}
	if err != nil {
		return fmt.Errorf("app: nothing is read without a row of it: %w", err)
	}
	return nil
}

// Limits of accesses.
const (
	accessPause  = time.Minute // after such a pause it is another access
	accessesKept = 256         // above it those that have paused are forgotten
	accessWait   = 5 * time.Second
)

// accesses writes one row for each access, however many requests it takes: the
// first, and again when a minute has passed without one.
type accesses struct {
	ledger *store.Ledger
	count  *prometheus.CounterVec

	mu   sync.Mutex
	open map[access]*openAccess
}

// openAccess is an access that has its row. The mutex is held while that is
// written.
type openAccess struct {
	mu   sync.Mutex
	last atomic.Int64 // time of its newest request, in Unix nanoseconds; 0: no row yet
}

func newAccesses(l *store.Ledger, registry prometheus.Registerer) *accesses {
	s := &accesses{ledger: l, open: map[access]*openAccess{}, count: prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "sidetone_accesses_total", Help: "Accesses to recordings, transcripts and live words, by part and reader."}, []string{"what", "by"})}
	for _, w := range []what{theRecording, theTranscript, theSnippet, theClip} {
		for _, by := range []reader{byOperator, byLink} {
			s.count.WithLabelValues(string(w), string(by))
		}
	}
	s.count.WithLabelValues(string(theRecording), string(byVisitor))
	s.count.WithLabelValues(string(theLiveText), string(byOperator))
	registry.MustRegister(s.count)
	return s
}

// note returns once there is a row for an access, which may have been written for
// an earlier request.
func (s *accesses) note(ctx context.Context, x access) error {
	o := s.of(x)
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	if last := o.last.Load(); last > 0 && now.Sub(time.Unix(0, last)) < accessPause {
		o.last.Store(now.UnixNano())
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, accessWait)
	defer cancel()
	if err := noteAccess(ctx, s.ledger, x); err != nil {
		return err
	}
	s.count.WithLabelValues(string(x.What), string(x.By)).Inc()
	o.last.Store(time.Now().UnixNano())
	return nil
}

// of returns what is known of an access, and forgets others that are over.
func (s *accesses) of(x access) *openAccess {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.open[x]
	if o == nil {
		o = &openAccess{}
		if len(s.open) >= accessesKept {
			over := time.Now().Add(-accessPause).UnixNano()
			for x, o := range s.open {
				if o.last.Load() < over {
					delete(s.open, x)
				}
			}
		}
		s.open[x] = o
	}
	return o
}

// Package breaker keeps calls from engines that do not work, so that nobody waits
// for them: those of speech recognition, of language and of voices alike. What
// counts as a failure is the engines' own affair.
//
// It refuses to wait or to try again itself. It has no goroutines.
package breaker

import (
	"log/slog"
	"sync"
	"time"
)

// Limits of a breaker.
const (
	Tolerated    = 3 // failures in a row that open it
	OpenAtFirst  = 10 * time.Second
	OpenAtLast   = 2 * time.Minute
	OpenOnDemand = 5 * time.Minute // the longest wait that an engine asks for and is believed
	probeWithin  = time.Minute     // a probe of which nothing is heard for so long is not waited for
)

// State is what a breaker lets through.
type State uint8

// The states.
const (
	Closed   State = iota // everything
	HalfOpen              // one request, to see whether the engine is back
	Open                  // nothing
)

// Verdict is what a request says of its engine.
type Verdict uint8

// The verdicts.
const (
	Neutral  Verdict = iota // nothing: it was given up, or refused for its own sake
	Good                    // the engine works
	Bad                     // it does not
	Hopeless                // it does not, and will not in a moment
)

// Options are what a breaker is of. Without a log nothing is logged.
type Options struct {
	Kind    Kind
	Engine  string // a metric label
	Metrics *Metrics
	Log     *slog.Logger
}

// Breaker is what is known of one engine, by all calls. It is safe for use by all
// of them at once.
type Breaker struct {
	o Options

	mu       sync.Mutex
	failures int           // in a row
	until    time.Time     // open until then; zero: closed
	length   time.Duration // of the newest opening
	probe    uint64        // number of the newest probe
	probing  bool
	probed   time.Time // when it began
}

// New returns a closed breaker.
func New(o Options) *Breaker {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	b := &Breaker{o: o}
	o.Metrics.state(o, Closed)
	return b
}

// Ready reports whether a request would be let through.
func (b *Breaker) Ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.ready()
}

func (b *Breaker) ready() bool {
	now := time.Now()
	return b.until.IsZero() || !now.Before(b.until) && (!b.probing || now.Sub(b.probed) >= probeWithin)
}

// Wait returns how long it takes until a request may be let through, as far as that
// is known; 0 when it would be now.
func (b *Breaker) Wait() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ready() {
		return 0
	}
	return max(time.Until(b.until), time.Second) // a probe is under way
}

// Enter asks to make a request. Where that is granted, the Pass tells how it went,
// once or more often.
func (b *Breaker) Enter() (Pass, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.ready() {
		return Pass{}, false
	}
	p := Pass{of: b}
	if !b.until.IsZero() {
		b.probe++
		b.probing, b.probed, p.probe = true, time.Now(), b.probe
	}
	b.o.Metrics.state(b.o, b.state())
	return p, true
}

// Pass is a request that was let through.
type Pass struct {
	of    *Breaker
	probe uint64 // its number; 0 for none
}

// Leave tells how the request went, or goes. wait is what the engine asked for, and
// err is logged when the breaker opens: it holds no words and no key.
func (p Pass) Leave(v Verdict, wait time.Duration, err error) {
	b := p.of
	b.mu.Lock()
	before := b.state()
	b.leave(v, wait, b.probing && p.probe == b.probe)
	now := b.state()
	b.o.Metrics.state(b.o, now)
	b.mu.Unlock()
	switch {
	case now == Open && before != Open:
		b.o.Log.Warn("engine left out", "kind", b.o.Kind, "engine", b.o.Engine, "err", err)
	case now == Closed && before != Closed:
		b.o.Log.Info("engine is back", "kind", b.o.Kind, "engine", b.o.Engine)
	}
}

func (b *Breaker) leave(v Verdict, wait time.Duration, probe bool) {
	closed := b.until.IsZero()
	switch {
	case v == Good && (closed || probe):
		b.failures, b.until, b.length, b.probing = 0, time.Time{}, 0, false
		return
	case v == Good:
		return // of a request that began before it opened
	case v == Neutral:
		b.probing = b.probing && !probe
		return
	case v == Hopeless || probe:
		b.failures = Tolerated
	default:
		b.failures++
	}
	if b.failures < Tolerated || !closed && !probe {
		return
	}
	b.length = min(max(OpenAtFirst, 2*b.length), OpenAtLast)
	b.until, b.probing = time.Now().Add(max(b.length, min(wait, OpenOnDemand))), false
}

// State returns the state as it is now.
func (b *Breaker) State() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state()
}

func (b *Breaker) state() State {
	switch {
	case b.until.IsZero():
		return Closed
	case b.probing || !time.Now().Before(b.until):
		return HalfOpen
	}
	return Open
}

// TookOver counts that this engine took over from one before it: within what that
// one had begun, or before.
func (b *Breaker) TookOver(within bool) { b.o.Metrics.tookOver(b.o, within) }

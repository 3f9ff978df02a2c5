package llm

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Limits of a breaker.
const (
	tolerated    = 3 // failures in a row that open it
	openAtFirst  = 10 * time.Second
	openAtLast   = 2 * time.Minute
	openOnDemand = 5 * time.Minute // the longest Retry-After that is believed
)

// State is what a breaker lets through.
type State uint8

// The states.
const (
	Closed   State = iota // everything
	HalfOpen              // one request, to see whether the engine is back
	Open                  // nothing
)

// breaker keeps calls from an engine that does not work, so that nobody waits
// for it. It is safe for use by all calls at once.
type breaker struct {
	mu       sync.Mutex
	failures int           // in a row
	until    time.Time     // open until then; zero: closed
	length   time.Duration // of the newest opening
	probing  bool
}

// verdict is what a request says of its engine.
type verdict uint8

const (
	neutral verdict = iota // nothing: it was given up, or refused for its own sake
	good
	bad
	hopeless // it will be no better in a moment
)

// ready reports whether a request would be let through.
func (b *breaker) ready() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.until.IsZero() || !b.probing && !time.Now().Before(b.until)
}

// enter asks to make a request, which leave must follow when it is granted.
func (b *breaker) enter() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.until.IsZero() {
		return true
	}
	if b.probing || time.Now().Before(b.until) {
		return false
	}
	b.probing = true
	return true
}

// leave tells how a request went. wait is what the engine asked for.
func (b *breaker) leave(v verdict, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	probe := b.probing && !b.until.IsZero()
	switch {
	case v == good:
		b.failures, b.until, b.length, b.probing = 0, time.Time{}, 0, false
		return
	case v == neutral:
		b.probing = b.probing && !probe
		return
	case v == hopeless || probe:
		b.failures = tolerated
	default:
		b.failures++
	}
	if b.failures < tolerated || !b.until.IsZero() && !probe {
		return // of a request that began before it opened
	}
	b.length = min(max(openAtFirst, 2*b.length), openAtLast)
	b.until, b.probing = time.Now().Add(max(b.length, min(wait, openOnDemand))), false
}

// state returns the state as it is now.
func (b *breaker) state() State {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.until.IsZero():
		return Closed
	case b.probing || !time.Now().Before(b.until):
		return HalfOpen
	}
	return Open
}

// judge says what the end of a request says of its engine. begun is whether any
// of the answer had come.
func judge(err error, begun, gone bool) (v verdict, wait time.Duration) {
	var vendor *VendorError
	switch {
	case err == nil && begun:
		return good, 0
	case err == nil, gone, errors.Is(err, context.Canceled), errors.Is(err, ErrTooSlow):
		return neutral, 0
	case !errors.As(err, &vendor):
		return bad, 0
	}
	switch vendor.Status {
	case http.StatusUnauthorized, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound:
		return hopeless, 0
	case http.StatusTooManyRequests:
		if vendor.RetryAfter > 0 {
			return hopeless, vendor.RetryAfter
		}
		return bad, 0
	}
	if vendor.Status >= 400 && vendor.Status < 500 {
		return neutral, 0 // this request's own fault
	}
	return bad, vendor.RetryAfter
}

// Package remote is what recognition engines elsewhere have in common: the audio
// of the open turn, which is sent again when a connection breaks; a connection
// that is opened while nobody may be heard yet, watched, and opened anew; and the
// way from what an engine counts to the call's clock. What a vendor's messages
// look like is a Dialect, in the vendor's own package.
//
// It refuses to send anything that no gate has let through, to follow a
// redirect, and to repeat what a vendor says: an error has a class and a code. A
// session's goroutines are those of its Run.
package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
)

// ErrMalformed says that a message is none of the dialect's.
var ErrMalformed = errors.New("remote: not a message of this protocol")

// Options say how engines elsewhere are reached. Zero fields take the defaults.
type Options struct {
	Connect time.Duration // for one attempt to connect: 5 s
	Result  time.Duration // without a word about audio that was sent: 4 s
	Settle  time.Duration // after Finalize, for an engine that has heard all and says nothing: 800 ms
	Silence time.Duration // without any sign of life: 12 s
	Retries int           // attempts after the first to bring a turn to its end: 2; negative for none

	Metrics *Metrics // nil for none
	// DialContext is net.Dialer's; the environment's proxy is not used then.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// WithDefaults returns the options with the defaults in place of zeros.
func (o Options) WithDefaults() Options {
	for _, d := range []struct {
		field *time.Duration
		value time.Duration
	}{{&o.Connect, 5 * time.Second}, {&o.Result, 4 * time.Second}, {&o.Settle, 800 * time.Millisecond}, {&o.Silence, 12 * time.Second}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Retries == 0 {
		o.Retries = 2
	}
	o.Retries = max(0, o.Retries)
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return o
}

// Line says where and how one session is connected.
type Line struct {
	Engine string // a label
	Rate   int    // Hz
	URL    string // ws or wss, with its query
	Header http.Header
	Secret string // never repeated, not even as part of a code
	Chunk  media.Tick
	// Steady engines say something about all audio they get, also about silence.
	Steady bool
	// Gated engines get only what lies between the onset of speech, less 300 ms,
	// and the end of the turn.
	Gated bool
	// Dialect makes the protocol of a new connection.
	Dialect func() Dialect
}

// OnThisMachine reports whether a URL names this machine, by localhost or a
// loopback address.
func OnThisMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// SocketURL makes the URL of a WebSocket from a base URL (http or https), a path
// below it and a query.
func SocketURL(base, path string, query url.Values) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil {
		return "", errors.New("remote: the base URL is not one of scheme, host and path") // it is not repeated
	}
	switch u.Scheme {
	case "https", "wss":
		u.Scheme = "wss"
	case "http", "ws":
		u.Scheme = "ws"
	default:
		return "", errors.New("remote: the base URL is not one of http or https")
	}
	u = u.JoinPath(path)
	u.RawQuery, u.Fragment = query.Encode(), ""
	return u.String(), nil
}

// classOf says what an HTTP status other than the one hoped for means.
func classOf(status int) transcribe.Class {
	switch {
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusPaymentRequired:
		return transcribe.Denied
	case status == http.StatusTooManyRequests:
		return transcribe.Limited
	case status == http.StatusRequestTimeout:
		return transcribe.TimedOut
	case status >= 500:
		return transcribe.Busy
	}
	return transcribe.Rejected
}

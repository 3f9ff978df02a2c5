package webrtc

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"time"
)

// Incoming is a call that a browser asks for, with a token that is ours.
type Incoming struct {
	Session  string // id of the session, derived from the token
	Agent    string
	Origin   string     // that the token is for; empty for none
	Address  netip.Addr // of the browser, as far as it is known
	Metadata map[string]string
}

// Admission is the answer to an Incoming.
type Admission struct {
	Accepted bool
	CallID   string // accepted: our id of the call, safe to log
	Hello    Hello  // accepted: what the page is told first

	Refusal Refusal // not accepted
}

// Hello is what the page is told first.
type Hello struct {
	Agent struct {
		Name        string `json:"name"`
		Description string `json:"description"`
	} `json:"agent"`
	Language string   `json:"language"`
	Ask      []string `json:"ask"`      // of "name", "email"
	MayHear  bool     `json:"may_hear"` // the visitor may fetch the recording afterwards
}

// Refusal is why a session can not be had: a problem document (RFC 9457).
type Refusal struct {
	Status     int           // HTTP status, 4xx or 503
	Code       string        // closed set; a metric label
	Detail     string        // a sentence that helps
	RetryAfter time.Duration // 0 for none
}

// Once remembers what was used. It is shared by all nodes.
type Once interface {
	// Use records nonce and reports whether this was its first use. The record
	// may be forgotten after expires.
	Use(ctx context.Context, nonce string, expires time.Time) (bool, error)
}

// TURN is the relays that browsers are told of, with credentials that coturn's
// use-auth-secret understands.
type TURN struct {
	URLs   []string // such as turn:turn.example.com:3478?transport=udp
	Secret string
	TTL    time.Duration // of the credentials
}

// Opus is how audio for the browser is coded.
type Opus struct {
	Bitrate    int // bit/s
	Complexity int // 0 to 10
}

// Options are the parts and settings of a Server.
type Options struct {
	Listen       string       // address of the UDP and TCP port of media
	Announce     []netip.Addr // addresses that browsers are told instead of our own
	PrivatePeers bool         // take candidates in loopback, link-local and private ranges
	TURN         TURN
	Opus         Opus
	// Secret seals session tokens; the same on all nodes, 32 random bytes.
	Secret []byte
	// Once remembers used session tokens.
	Once Once
	// Origins are the web origins whose pages may use the signalling, such as
	// https://www.example.com; the gateway's own is Own.
	Origins []string
	Own     string
	// Address tells the browser's address of a request; nil means its peer's.
	Address func(*http.Request) netip.Addr
	// Admit decides on a call. It must answer within ten seconds.
	Admit func(context.Context, Incoming) (Admission, error)
	// Serve runs an accepted call whose media is connected; it must Run or End the
	// leg. Its context ends when the Server closes.
	Serve func(context.Context, *Leg)
	// Unanswered is told the CallID of an accepted call that never connected, so
	// that what Admit reserved can be released.
	Unanswered func(callID string)
	// Recording answers GET {session}/recording, once the token has been checked, or
	// returns why it does not.
	Recording func(w http.ResponseWriter, r *http.Request, session string) *Refusal
	// Now is the wall clock; nil means time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
	// Metrics may be nil.
	Metrics *Metrics
}

// Grant is what a session token permits: one session with an agent.
type Grant struct {
	Agent    string
	Origin   string            // page that may use it; empty for any
	Metadata map[string]string // at most 2 KB in all; personal data
	Expires  time.Time         // at most 5 minutes ahead
}

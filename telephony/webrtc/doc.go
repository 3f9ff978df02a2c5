// Package webrtc is the browser's side of a call: WHIP-style HTTP signalling
// (after RFC 9725, with audio both ways), one pion peer connection a session,
// and a leg that speaks Opus or PCMU and a data channel of events.
//
// All callers share one UDP port, and the TCP port of the same number. The
// package refuses to decide who may call: Options.Admit does, and a session
// token, which only the operator's side can mint, must come before it.
//
// The goroutines of a peer connection are pion's and end with it; those of a
// leg are its Run's; the server's own end with Close.
package webrtc

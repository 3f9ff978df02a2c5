package twilio

import (
	"context"
	"errors"
	"net/http"
	"time"

	"sidetone/telephony"
)

// maxEarly bounds the messages before a stream's start.
const maxEarly = 100

// stream upgrades a Media Streams connection and hands it to its call.
func (s *Server) stream(w http.ResponseWriter, r *http.Request) {
	if !s.enter() {
		s.refuseStream(w, refusedClosed, http.StatusServiceUnavailable)
		return
	}
	defer s.running.Done()
	if r.Method != http.MethodGet {
		w.Header().Set("Allow", http.MethodGet)
		s.refuseStream(w, refusedMethod, http.StatusMethodNotAllowed)
		return
	}
	if !s.signed(r, signedStreamURLs(s.opts.PublicURL, target(r)), nil) {
		s.refuseStream(w, refusedSignature, http.StatusForbidden)
		return
	}
	conn, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil { // answered by the upgrader
		s.metrics.streams.WithLabelValues(refusedUpgrade).Inc()
		return
	}
	sock := newSocket(conn, s.metrics)
	if reason := s.receive(sock); reason != "" {
		s.metrics.streams.WithLabelValues(reason).Inc()
		s.warn("stream refused", "reason", reason)
		sock.bye()
	}
}

func (s *Server) refuseStream(w http.ResponseWriter, reason string, code int) {
	s.metrics.streams.WithLabelValues(reason).Inc()
	s.warn("stream refused", "reason", reason)
	http.Error(w, http.StatusText(code), code)
}

// receive waits for the stream's start and hands the socket to its leg. It
// returns why the socket is refused; then the socket is still the caller's.
func (s *Server) receive(sock *socket) (refused string) {
	unhook := context.AfterFunc(s.ctx, func() { sock.conn.Close() })
	defer unhook()
	if err := sock.conn.SetReadDeadline(time.Now().Add(startWait)); err != nil {
		return refusedNoStart
	}
	for range maxEarly {
		ok, err := sock.read()
		if err != nil {
			return refusedNoStart
		}
		if ok && sock.frame.kind == kindStart {
			return s.start(sock, sock.frame.start)
		}
	}
	return refusedEarly
}

// start checks the start message and its token.
func (s *Server) start(sock *socket, start startFrame) (refused string) {
	f := start.Format
	if !validSid(start.StreamSid) || f.Encoding != "audio/x-mulaw" || f.SampleRate != rate || f.Channels != 1 {
		return refusedStart
	}
	sock.sid, sock.started = start.StreamSid, time.Now()
	text := start.Params["token"]
	if text == "" {
		return refusedNoToken
	}
	token, err := openToken(s.opts.Secret, text, s.opts.Now())
	switch {
	case errors.Is(err, ErrTokenExpired):
		return refusedExpired
	case err != nil:
		return refusedForged
	case token.CallSid != start.CallSid:
		return refusedOtherCall
	}
	ctx, cancel := context.WithTimeout(s.ctx, startWait)
	defer cancel()
	first, err := s.opts.Once.Use(ctx, token.nonce(s.opts.Secret), s.opts.Now().Add(onceMemory))
	if err != nil {
		s.opts.Log.Error("stream token not checked", "call", token.CallID, "err", err)
		return refusedOnceError
	}
	if !first {
		return refusedUsed
	}
	return s.join(sock, token)
}

// join gives the socket to its leg: a new one for the first stream of a call,
// the one that waits for every other.
func (s *Server) join(sock *socket, token claims) (refused string) {
	c := s.calls.get(token.CallSid)
	if c == nil && token.Stream == 0 {
		// Another node answered the webhook; the numbers stayed there.
		in := Incoming{CallSid: token.CallSid, Direction: telephony.Inbound}
		c = &call{incoming: in, id: token.CallID, agent: token.Agent}
		s.calls.add(c, s.expire)
	}
	if c == nil || c.id != token.CallID {
		return refusedNotWaiting
	}
	leg, refused := s.calls.start(c, token.Stream, func() *Leg {
		return newLeg(telephony.Info{
			ID:        c.id,
			CarrierID: c.incoming.CallSid,
			Kind:      telephony.Phone,
			Direction: c.incoming.Direction,
			Rate:      rate,
			Lead:      lead,
			From:      c.incoming.From,
			To:        c.incoming.To,
			Agent:     c.agent,
			Started:   s.opts.Now(),
		}, sock, s.metrics)
	})
	switch {
	case refused != "":
		return refused
	case token.Stream > 0:
		if !leg.attach(sock) {
			return refusedNotWaiting
		}
	default:
		s.running.Go(func() { s.serve(c, leg) })
	}
	return ""
}

// serve runs one call and sees it off.
func (s *Server) serve(c *call, leg *Leg) {
	s.opts.Serve(s.ctx, leg)
	ctx, cancel := context.WithTimeout(context.Background(), 2*closeWait)
	defer cancel()
	if err := leg.End(ctx, telephony.Next{}); err != nil {
		s.opts.Log.Error("leg did not end with its call", "call", c.id, "err", err)
	}
	s.calls.finish(c)
}

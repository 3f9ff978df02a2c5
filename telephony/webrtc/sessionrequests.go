package webrtc

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"
)

// restartWait is how long an ICE restart may take us.
const restartWait = 5 * time.Second

// restart answers PATCH: an ICE restart (RFC 9725, section 4.3.3) by which the
// call goes on, perhaps over another network.
func (s *Server) restart(w http.ResponseWriter, r *http.Request) *Refusal {
	if _, refusal := s.authorizeSession(r); refusal != nil {
		return refusal
	}
	x := s.sessions.get(r.PathValue("id"))
	if x == nil {
		return &refuseGone
	}
	text, refusal := s.body(w, r, typeFragment)
	if refusal != nil {
		return refusal
	}
	switch strings.TrimSpace(r.Header.Get("If-Match")) {
	case "":
		return &refuseNoIfMatch
	case "*", `"*"`, x.etag():
	default:
		return &refuseIfMatch
	}
	f, refusal := scanFragment(text)
	if refusal != nil {
		return refusal
	}
	return s.renegotiate(w, r, x, f)
}

// renegotiate does the restart. It goes to its end even if the browser has given
// up on the request, since pion can not go back.
func (s *Server) renegotiate(w http.ResponseWriter, r *http.Request, x *session, f fragment) *Refusal {
	if !x.negotiating.TryLock() {
		return &refuseRestarting
	}
	defer x.negotiating.Unlock()
	if f.ice == (credentials{}) || f.ice == x.theirs {
		return &refuseTrickle
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), restartWait)
	defer cancel()
	ours, err := x.peer.negotiate(ctx, f.ice, s.pick(f.candidates))
	if err != nil {
		s.metrics.iceRestarts.WithLabelValues(restartFailed).Inc()
		s.warn("ICE restart failed", "call", x.callID, "err", err)
		return &refuseGone
	}
	s.metrics.iceRestarts.WithLabelValues(restartDone).Inc()
	x.theirs = f.ice
	x.mu.Lock()
	x.ours = ours
	x.mu.Unlock()
	h := w.Header()
	h.Set("ETag", x.etag())
	h.Set("Content-Type", typeFragment)
	h.Set("Cache-Control", "no-store")
	s.opts.TURN.links(h, x.id, s.opts.Now())
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, answer{offer: x.peer.offer, ice: ours, candidates: s.ownCandidates()}.fragment())
	return nil
}

// hangUp answers DELETE. A session that is over, or that another node knows, is
// no mistake of the browser's.
func (s *Server) hangUp(w http.ResponseWriter, r *http.Request) *Refusal {
	if _, refusal := s.authorizeSession(r); refusal != nil {
		return refusal
	}
	if x := s.sessions.get(r.PathValue("id")); x != nil {
		x.hangUp()
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

package webrtc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"time"
)

const (
	maxBody   = 64 << 10
	bodyWait  = 5 * time.Second
	admitWait = 10 * time.Second

	typeOffer    = "application/sdp"
	typeFragment = "application/trickle-ice-sdpfrag"
)

// handle is the way into all requests: it refuses pages of other origins, and
// writes the refusal that answer returns.
func (s *Server) handle(answer func(http.ResponseWriter, *http.Request) *Refusal) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.cors(w, r) {
			s.refuse(w, refuseOrigin)
			return
		}
		if !s.enter() {
			s.refuse(w, refuseClosed)
			return
		}
		defer s.running.Done()
		if refusal := answer(w, r); refusal != nil {
			s.refuse(w, *refusal)
		}
	}
}

// collection answers requests to the path under which sessions are made.
func (s *Server) collection(w http.ResponseWriter, r *http.Request) *Refusal {
	switch r.Method {
	case http.MethodPost:
		return s.begin(w, r)
	case http.MethodOptions:
		w.Header().Set("Accept-Post", typeOffer)
		return s.options(w, r, "POST, OPTIONS")
	default:
		w.Header().Set("Allow", "POST, OPTIONS")
		return &refuseMethod
	}
}

// resource answers requests to a session.
func (s *Server) resource(w http.ResponseWriter, r *http.Request) *Refusal {
	switch r.Method {
	case http.MethodPatch:
		return s.restart(w, r)
	case http.MethodDelete:
		return s.hangUp(w, r)
	case http.MethodOptions:
		w.Header().Set("Accept-Patch", typeFragment)
		return s.options(w, r, "PATCH, DELETE, OPTIONS")
	default:
		w.Header().Set("Allow", "PATCH, DELETE, OPTIONS")
		return &refuseMethod
	}
}

// recording answers requests for a session's recording.
func (s *Server) recording(w http.ResponseWriter, r *http.Request) *Refusal {
	switch r.Method {
	case http.MethodGet:
		if _, refusal := s.authorizeSession(r); refusal != nil {
			return refusal
		}
		if s.opts.Recording == nil {
			return &refuseNoRecording
		}
		return s.opts.Recording(w, r, r.PathValue("id"))
	case http.MethodOptions:
		return s.options(w, r, "GET, OPTIONS")
	default:
		w.Header().Set("Allow", "GET, OPTIONS")
		return &refuseMethod
	}
}

// options answers a preflight (Fetch, 3.2), which never has a token, and tells
// whoever has one of the TURN servers.
func (s *Server) options(w http.ResponseWriter, r *http.Request, methods string) *Refusal {
	if r.Header.Get("Authorization") != "" {
		c, refusal := s.authorize(r)
		if refusal != nil {
			return refusal
		}
		s.opts.TURN.links(w.Header(), c.session(s.opts.Secret), s.opts.Now())
	}
	h := w.Header()
	h.Set("Allow", methods)
	if r.Header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Methods", methods)
		h.Set("Access-Control-Allow-Headers", corsAllow)
		h.Set("Access-Control-Max-Age", corsMaxAge)
	}
	w.WriteHeader(http.StatusOK)
	return nil
}

// authorize checks the request's token, which may have been used, and may have
// expired for a new session.
func (s *Server) authorize(r *http.Request) (claims, *Refusal) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return claims{}, &refuseToken
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return claims{}, &refuseToken
	}
	c, err := openToken(s.opts.Secret, strings.TrimSpace(token))
	if err != nil {
		return claims{}, &refuseToken
	}
	origin := r.Header.Get("Origin")
	if origin == "" && r.Method == http.MethodGet && (c.Origin == s.own || ownPage(c.Origin, r)) {
		origin = c.Origin // a page does not name itself when it gets from its own origin
	}
	switch {
	case c.Origin != "" && c.Origin != origin:
		return claims{}, &refuseTokenOrigin
	case !c.alive(s.opts.Now()):
		return claims{}, &refuseExpired
	}
	return c, nil
}

// authorizeSession checks that the request's token is that of the session it is
// about, wherever that began.
func (s *Server) authorizeSession(r *http.Request) (claims, *Refusal) {
	c, refusal := s.authorize(r)
	if refusal == nil && c.session(s.opts.Secret) != r.PathValue("id") {
		refusal = &refuseSession
	}
	return c, refusal
}

// body reads a body of the type want, without letting the sender take its time.
func (s *Server) body(w http.ResponseWriter, r *http.Request, want string) ([]byte, *Refusal) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != want {
		return nil, unsupported(want)
	}
	control := http.NewResponseController(w)
	if control.SetReadDeadline(time.Now().Add(bodyWait)) == nil {
		defer func() { _ = control.SetReadDeadline(time.Time{}) }()
	}
	var b bytes.Buffer
	_, err := io.Copy(&b, http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &refuseTooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refuseSlow
	case err != nil:
		return nil, malformed("The body could not be read.")
	}
	return b.Bytes(), nil
}

// begin answers POST: it makes a session.
func (s *Server) begin(w http.ResponseWriter, r *http.Request) *Refusal {
	c, refusal := s.authorize(r)
	switch now := s.opts.Now(); {
	case refusal != nil:
		return refusal
	case !c.fresh(now):
		return &refuseExpired
	}
	if agent := r.URL.Query().Get("agent"); agent != "" && agent != c.Agent {
		return &refuseAgent
	}
	text, refusal := s.body(w, r, typeOffer)
	if refusal != nil {
		return refusal
	}
	o, refusal := scanOffer(text)
	if refusal != nil {
		return refusal
	}
	address := s.opts.Address(r)
	refusal = s.sessions.reserve(address)
	if refusal != nil {
		return refusal
	}
	x, refusal := s.admit(r.Context(), c, o, address)
	if refusal != nil {
		s.sessions.release(address)
		return refusal
	}
	h := w.Header()
	s.opts.TURN.links(h, x.id, s.opts.Now())
	h.Set("Location", SessionsPath+"/"+x.id)
	h.Set("ETag", x.etag())
	h.Set("Accept-Patch", typeFragment)
	h.Set("Content-Type", typeOffer)
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusCreated)
	_, _ = io.WriteString(w, x.answer) // if this is lost, the session is abandoned
	return nil
}

// admit uses up the token, asks whether there may be a call, and starts it.
func (s *Server) admit(ctx context.Context, c claims, o *offer, address netip.Addr) (*session, *Refusal) {
	first, err := s.opts.Once.Use(ctx, c.once(), c.Expires)
	if err != nil {
		s.opts.Log.Error("session token not checked", "err", err)
		return nil, &refuseFailed
	}
	if !first {
		return nil, &refuseUsed
	}
	ctx, cancel := context.WithTimeout(ctx, admitWait)
	defer cancel()
	in := Incoming{Session: c.session(s.opts.Secret), Agent: c.Agent, Origin: c.Origin, Address: address, Metadata: c.Metadata}
	admission, err := s.opts.Admit(ctx, in)
	switch {
	case err != nil:
		s.opts.Log.Error("browser call not decided on", "err", err)
		return nil, &refuseFailed
	case !admission.Accepted:
		return nil, &admission.Refusal
	}
	x, err := s.open(ctx, in, admission, o)
	if err != nil {
		s.unanswered(admission.CallID)
		s.opts.Log.Error("browser call not set up", "call", admission.CallID, "err", err)
		return nil, &refuseFailed
	}
	return x, nil
}

package webrtc

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// Codes of refusals; metric labels. Options.Admit has its own besides.
const (
	codeMethod      = "method"
	codeContentType = "content_type"
	codeTooLarge    = "too_large"
	codeSlow        = "slow"
	codeMalformed   = "malformed"

	codeToken   = "token"
	codeExpired = "expired"
	codeUsed    = "used"
	codeOrigin  = "origin"
	codeAgent   = "agent"
	codeSession = "session"
	codeGone    = "gone"

	codeSections    = "sections"
	codeCandidates  = "candidates"
	codeMid         = "mid"
	codeBundle      = "bundle"
	codeDirection   = "direction"
	codeCodec       = "codec"
	codeCredentials = "credentials"
	codeFingerprint = "fingerprint"

	codeNoIfMatch  = "no_if_match"
	codeIfMatch    = "if_match"
	codeTrickle    = "trickle"
	codeRestarting = "restarting"

	codePending        = "pending"
	codePendingAddress = "pending_address"
	codeClosed         = "closed"
	codeFailed         = "failed"
	codeNoRecording    = "no_recording"
)

// codes is the closed set of the package's own codes.
var codes = []string{
	codeMethod, codeContentType, codeTooLarge, codeSlow, codeMalformed,
	codeToken, codeExpired, codeUsed, codeOrigin, codeAgent, codeSession, codeGone,
	codeSections, codeCandidates, codeMid, codeBundle, codeDirection, codeCodec, codeCredentials, codeFingerprint,
	codeNoIfMatch, codeIfMatch, codeTrickle, codeRestarting,
	codePending, codePendingAddress, codeClosed, codeFailed, codeNoRecording,
}

// Refusals that do not depend on the request.
var (
	refuseMethod      = Refusal{Status: http.StatusMethodNotAllowed, Code: codeMethod, Detail: "This resource does not take that method."}
	refuseTooLarge    = Refusal{Status: http.StatusRequestEntityTooLarge, Code: codeTooLarge, Detail: "The body is longer than 64 KiB."}
	refuseSlow        = Refusal{Status: http.StatusRequestTimeout, Code: codeSlow, Detail: "The body did not arrive in time."}
	refuseToken       = Refusal{Status: http.StatusUnauthorized, Code: codeToken, Detail: "A session token of this gateway is needed: Authorization: Bearer TOKEN."}
	refuseExpired     = Refusal{Status: http.StatusUnauthorized, Code: codeExpired, Detail: "The session token has expired. Get another one."}
	refuseUsed        = Refusal{Status: http.StatusConflict, Code: codeUsed, Detail: "The session token has been used. Get another one."}
	refuseOrigin      = Refusal{Status: http.StatusForbidden, Code: codeOrigin, Detail: "Pages of this origin may not place calls here."}
	refuseTokenOrigin = Refusal{Status: http.StatusForbidden, Code: codeOrigin, Detail: "The session token is for pages of another origin."}
	refuseAgent       = Refusal{Status: http.StatusForbidden, Code: codeAgent, Detail: "The session token is for another agent."}
	refuseSession     = Refusal{Status: http.StatusForbidden, Code: codeSession, Detail: "The session token is for another session."}
	refuseGone        = Refusal{Status: http.StatusNotFound, Code: codeGone, Detail: "There is no such session, or it has ended."}
	refuseNoIfMatch   = Refusal{Status: http.StatusPreconditionRequired, Code: codeNoIfMatch, Detail: `An ICE restart needs the header If-Match: "*".`}
	refuseIfMatch     = Refusal{Status: http.StatusPreconditionFailed, Code: codeIfMatch, Detail: "If-Match names another ICE session than the present one."}
	refuseTrickle     = Refusal{Status: http.StatusUnprocessableEntity, Code: codeTrickle, Detail: "Candidates can not be trickled. Send all of them with the offer, or with an ICE restart."}
	refuseRestarting  = Refusal{Status: http.StatusTooManyRequests, Code: codeRestarting, Detail: "Another ICE restart of the session is under way.", RetryAfter: time.Second}
	refusePending     = Refusal{Status: http.StatusServiceUnavailable, Code: codePending, Detail: "Too many sessions are connecting. Try again shortly.", RetryAfter: 5 * time.Second}
	refuseNeighbour   = Refusal{Status: http.StatusTooManyRequests, Code: codePendingAddress, Detail: "Too many sessions of this address are connecting.", RetryAfter: connectWait}
	refuseClosed      = Refusal{Status: http.StatusServiceUnavailable, Code: codeClosed, Detail: "The gateway is closing. Try again shortly.", RetryAfter: 10 * time.Second}
	refuseFailed      = Refusal{Status: http.StatusServiceUnavailable, Code: codeFailed, Detail: "The call could not be set up. Try again shortly.", RetryAfter: 10 * time.Second}
	refuseNoRecording = Refusal{Status: http.StatusNotFound, Code: codeNoRecording, Detail: "There is no recording."}
)

// unprocessable is the refusal of an offer or a fragment that is SDP, but not
// such as can be served.
func unprocessable(code, detail string) *Refusal {
	return &Refusal{Status: http.StatusUnprocessableEntity, Code: code, Detail: detail}
}

// malformed is the refusal of what is no SDP.
func malformed(detail string) *Refusal {
	return &Refusal{Status: http.StatusBadRequest, Code: codeMalformed, Detail: detail}
}

// unsupported is the refusal of a body of another type than want.
func unsupported(want string) *Refusal {
	return &Refusal{Status: http.StatusUnsupportedMediaType, Code: codeContentType, Detail: "The body must be of type " + want + "."}
}

// refuse writes a problem document (RFC 9457) and counts it.
func (s *Server) refuse(w http.ResponseWriter, r Refusal) {
	s.metrics.refusals.WithLabelValues(r.Code).Inc()
	h := w.Header()
	if r.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int(math.Ceil(r.RetryAfter.Seconds()))))
	}
	switch r.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", "Bearer")
	case http.StatusRequestTimeout, http.StatusRequestEntityTooLarge:
		h.Set("Connection", "close") // the rest of the body is not read
	}
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(r.Status)
	_ = json.NewEncoder(w).Encode(struct { // a client that is gone needs no answer
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(r.Status), r.Status, r.Detail, r.Code})
}

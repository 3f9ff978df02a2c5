package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"time"

	"sidetone/telephony/webrtc"
)

// demoToken lets the demo page call an agent.
func (a *App) demoToken(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	if u, err := url.Parse(origin); err != nil || u.Host != r.Host || !a.publicName(r.Host) {
		http.Error(w, "only for the page at "+a.PublicURL()+"/demo", http.StatusForbidden)
		return
	}
	a.mint(w, http.StatusOK, webrtc.Grant{Agent: r.URL.Query().Get("agent"), Origin: origin, Expires: time.Now().Add(2 * time.Minute)})
}

// publicName reports whether a Host header names the public listener: as
// public_url does, or by loopback. So no page reaches the demo by rebinding DNS.
func (a *App) publicName(host string) bool {
	u, err := url.Parse(a.PublicURL())
	return err == nil && u.Host == host || isLoopback(host)
}

// Limits of a request for a session token.
const (
	maxGrant   = 8 << 10 // bytes
	grantLives = 5 * time.Minute
)

// TokenRequest is what POST /api/v1/session-tokens takes.
type TokenRequest struct {
	Agent    string            `json:"agent"`
	Origin   string            `json:"origin,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
	Seconds  int               `json:"expires_in,omitempty"` // at most, and by default, 300
}

// Token is what it answers.
type Token struct {
	Token   string    `json:"token"`
	Expires time.Time `json:"expires"`
	Gateway string    `json:"gateway"`
}

// sessionToken mints a token for a site's own backend.
func (a *App) sessionToken(w http.ResponseWriter, r *http.Request) {
	var in TokenRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxGrant))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil {
		http.Error(w, "not understood: "+err.Error(), http.StatusBadRequest)
		return
	}
	lives := time.Duration(in.Seconds) * time.Second
	if lives == 0 {
		lives = grantLives
	}
	if lives < 0 || lives > grantLives {
		http.Error(w, "expires_in must be 1 to 300 seconds", http.StatusBadRequest)
		return
	}
	a.mint(w, http.StatusCreated, webrtc.Grant{Agent: in.Agent, Origin: in.Origin, Metadata: in.Metadata, Expires: time.Now().Add(lives)})
}

// mint answers with a token for a session.
func (a *App) mint(w http.ResponseWriter, status int, g webrtc.Grant) {
	if a.agents[g.Agent] == nil {
		http.Error(w, "no such agent, or it can not answer", http.StatusNotFound)
		return
	}
	token, expires, err := a.webrtc.Mint(g)
	if errors.Is(err, webrtc.ErrGrant) {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if err == nil && status != http.StatusOK {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
	}
	a.answer(w, Token{token, expires.UTC(), a.PublicURL()}, err)
}

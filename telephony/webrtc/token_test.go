package webrtc

import (
	"encoding/base64"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"
)

var (
	tokenSecret = []byte("thirty-two bytes that nobody has")
	tokenTime   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func mustClaim(t testing.TB, g Grant) claims {
	t.Helper()
	c, err := newClaims(g, tokenTime)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func exampleGrant() Grant {
	return Grant{Agent: "support", Origin: shop, Metadata: map[string]string{"plan": "gold", "customer": "4711", "note": ""}, Expires: tokenTime.Add(time.Minute)}
}

func TestTokenRoundTrip(t *testing.T) {
	for name, g := range map[string]Grant{
		"all":   exampleGrant(),
		"least": {Agent: "a"},
		"most": {Agent: strings.Repeat("a", 63), Origin: "https://" + strings.Repeat("x", 240), Metadata: map[string]string{
			"k": strings.Repeat("v", maxMetadata-1)}, Expires: tokenTime.Add(grantLife)},
	} {
		t.Run(name, func(t *testing.T) {
			want := mustClaim(t, g)
			text := want.mint(tokenSecret)
			got, err := openToken(tokenSecret, text)
			if err != nil {
				t.Fatalf("token of %d characters: %v", len(text), err)
			}
			if got.Agent != want.Agent || got.Origin != want.Origin || !maps.Equal(got.Metadata, want.Metadata) || got.Nonce != want.Nonce ||
				!got.Expires.Equal(want.Expires) || !got.Minted.Equal(tokenTime) {
				t.Errorf("token says %+v, want %+v", got, want)
			}
		})
	}
}

func TestGrantRefused(t *testing.T) {
	for name, change := range map[string]func(*Grant){
		"no agent":        func(g *Grant) { g.Agent = "" },
		"agent's name":    func(g *Grant) { g.Agent = "../secrets" },
		"long name":       func(g *Grant) { g.Agent = strings.Repeat("a", 64) },
		"origin":          func(g *Grant) { g.Origin = "shop.example.com" },
		"origin's path":   func(g *Grant) { g.Origin = "https://shop.example.com/cart" },
		"scheme":          func(g *Grant) { g.Origin = "file://shop.example.com" },
		"null":            func(g *Grant) { g.Origin = "null" },
		"long origin":     func(g *Grant) { g.Origin = "https://" + strings.Repeat("x", maxOrigin) },
		"too long a life": func(g *Grant) { g.Expires = tokenTime.Add(grantLife + time.Second) },
		"expired":         func(g *Grant) { g.Expires = tokenTime },
		"much metadata":   func(g *Grant) { g.Metadata = map[string]string{"k": strings.Repeat("v", maxMetadata)} },
		"nameless":        func(g *Grant) { g.Metadata = map[string]string{"": "v"} },
		"no text":         func(g *Grant) { g.Metadata = map[string]string{"k": "\xff"} },
		"many": func(g *Grant) {
			g.Metadata = make(map[string]string)
			for i := range maxMetadataEntries + 1 {
				g.Metadata[strings.Repeat("k", i+1)] = ""
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := exampleGrant()
			change(&g)
			if c, err := newClaims(g, tokenTime); !errors.Is(err, ErrGrant) {
				t.Errorf("granted %+v, %v", c, err)
			}
		})
	}
}

func TestTokenForged(t *testing.T) {
	text := mustClaim(t, exampleGrant()).mint(tokenSecret)
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	flip := func(i int) string {
		b := append([]byte(nil), raw...)
		b[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	tests := map[string]struct {
		secret []byte
		text   string
	}{
		"empty":          {tokenSecret, ""},
		"not base64":     {tokenSecret, "%" + text},
		"short":          {tokenSecret, "AAAA"},
		"long":           {tokenSecret, strings.Repeat("A", 1<<20)},
		"cut":            {tokenSecret, text[:len(text)-4]},
		"longer":         {tokenSecret, text + "AAAA"},
		"other nonce":    {tokenSecret, flip(0)},
		"other expiry":   {tokenSecret, flip(nonceBytes + 5)},
		"other agent":    {tokenSecret, flip(nonceBytes + 12)},
		"other mac":      {tokenSecret, flip(len(raw) - 1)},
		"another secret": {[]byte("thirty-two bytes that someone has"), text},
		"of a stream":    {tokenSecret, base64.RawURLEncoding.EncodeToString(append(raw[:len(raw)-32:len(raw)-32], seal(tokenSecret, "session", raw[:len(raw)-32])...))},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if c, err := openToken(test.secret, test.text); !errors.Is(err, ErrTokenForged) {
				t.Errorf("opened as %+v, %v", c, err)
			}
		})
	}
}

func TestTokenLife(t *testing.T) {
	c := mustClaim(t, exampleGrant())
	for _, test := range []struct {
		after        time.Duration
		fresh, alive bool
	}{{0, true, true}, {time.Minute, true, true}, {time.Minute + time.Second, false, true}, {tokenLife, false, true}, {tokenLife + time.Second, false, false}} {
		now := tokenTime.Add(test.after)
		if c.fresh(now) != test.fresh || c.alive(now) != test.alive {
			t.Errorf("after %v: fresh %v, alive %v", test.after, c.fresh(now), c.alive(now))
		}
	}
}

func TestSessionFollowsFromToken(t *testing.T) {
	a, b := mustClaim(t, exampleGrant()), mustClaim(t, exampleGrant())
	again, err := openToken(tokenSecret, a.mint(tokenSecret))
	if err != nil {
		t.Fatal(err)
	}
	id := a.session(tokenSecret)
	if again.session(tokenSecret) != id {
		t.Error("another node knows the session by another id")
	}
	if b.session(tokenSecret) == id || a.session([]byte("another secret")) == id || a.once() == b.once() {
		t.Error("two tokens share a session")
	}
	if strings.Contains(a.once(), id) {
		t.Error("the session's id tells the nonce")
	}
}

func FuzzOpenToken(f *testing.F) {
	f.Add(mustClaim(f, exampleGrant()).mint(tokenSecret))
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := openToken(tokenSecret, s)
		if err == nil && c.mint(tokenSecret) != s {
			t.Errorf("%q was accepted but is written as %q", s, c.mint(tokenSecret))
		}
	})
}

// What stands behind the HMAC is read with care as well.
func FuzzParseClaims(f *testing.F) {
	for _, g := range []Grant{exampleGrant(), {Agent: "a"}} {
		raw, _ := base64.RawURLEncoding.DecodeString(mustClaim(f, g).mint(tokenSecret))
		f.Add(raw[:len(raw)-32])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, ok := parseClaims(body)
		if !ok {
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(c.mint(tokenSecret))
		if err != nil || string(raw[:len(raw)-32]) != string(body) {
			t.Errorf("%x was accepted but is written as %x", body, raw[:len(raw)-32])
		}
	})
}

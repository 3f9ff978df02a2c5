package twilio

import (
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	tokenSecret = []byte("thirty-two bytes that nobody has")
	tokenTime   = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
)

func exampleClaims() claims {
	return claims{CallID: "01JD8Z3Y9W7Q5T4R2P0N8M6K4H", CallSid: callSid, Agent: "support", Stream: 3, Expires: tokenTime.Add(time.Minute)}
}

func mustMint(t *testing.T, c claims) string {
	t.Helper()
	text, err := c.mint(tokenSecret)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestTokenRoundTrip(t *testing.T) {
	want := exampleClaims()
	got, err := openToken(tokenSecret, mustMint(t, want), tokenTime)
	if err != nil {
		t.Fatal(err)
	}
	if !got.Expires.Equal(want.Expires) {
		t.Errorf("expires %v, want %v", got.Expires, want.Expires)
	}
	got.Expires = want.Expires
	if got != want {
		t.Errorf("token says %+v, want %+v", got, want)
	}
}

func TestTokenFitsAParameter(t *testing.T) {
	c := exampleClaims()
	c.CallID, c.Agent = strings.Repeat("c", 64), strings.Repeat("a", 64)
	if n := len(mustMint(t, c)); n >= 400 {
		t.Errorf("token of %d characters", n)
	}
	c.Agent = strings.Repeat("a", 400)
	if text, err := c.mint(tokenSecret); err == nil {
		t.Errorf("token of %d characters was made", len(text))
	}
}

func TestTokenRefused(t *testing.T) {
	text := mustMint(t, exampleClaims())
	raw, _ := base64.RawURLEncoding.DecodeString(text)
	flip := func(i int) string {
		b := append([]byte(nil), raw...)
		b[i] ^= 1
		return base64.RawURLEncoding.EncodeToString(b)
	}
	tests := map[string]struct {
		secret []byte
		text   string
		at     time.Time
		want   error
	}{
		"empty":           {tokenSecret, "", tokenTime, ErrTokenForged},
		"not base64":      {tokenSecret, "%" + text, tokenTime, ErrTokenForged},
		"short":           {tokenSecret, "AAAA", tokenTime, ErrTokenForged},
		"long":            {tokenSecret, strings.Repeat("A", 1<<20), tokenTime, ErrTokenForged},
		"cut":             {tokenSecret, text[:len(text)-4], tokenTime, ErrTokenForged},
		"other expiry":    {tokenSecret, flip(0), tokenTime, ErrTokenForged},
		"other stream":    {tokenSecret, flip(5), tokenTime, ErrTokenForged},
		"other call":      {tokenSecret, flip(10), tokenTime, ErrTokenForged},
		"other mac":       {tokenSecret, flip(len(raw) - 1), tokenTime, ErrTokenForged},
		"another secret":  {[]byte("x"), text, tokenTime, ErrTokenForged},
		"expired":         {tokenSecret, text, tokenTime.Add(61 * time.Second), ErrTokenExpired},
		"forged, expired": {tokenSecret, flip(3), tokenTime.Add(time.Hour), ErrTokenForged},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if _, err := openToken(test.secret, test.text, test.at); !errors.Is(err, test.want) {
				t.Errorf("error %v, want %v", err, test.want)
			}
		})
	}
}

func TestNonce(t *testing.T) {
	a, later := exampleClaims(), exampleClaims()
	later.Expires, later.CallID = later.Expires.Add(time.Hour), "another id for the same call"
	if a.nonce(tokenSecret) != later.nonce(tokenSecret) {
		t.Error("a second token for the same stream can be used as well")
	}
	otherStream, otherCall := exampleClaims(), exampleClaims()
	otherStream.Stream++
	otherCall.CallSid += "0"
	for name, c := range map[string]claims{"stream": otherStream, "call": otherCall} {
		if a.nonce(tokenSecret) == c.nonce(tokenSecret) {
			t.Errorf("another %s has the same nonce", name)
		}
	}
}

func FuzzOpenToken(f *testing.F) {
	text, err := exampleClaims().mint(tokenSecret)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add("")
	f.Fuzz(func(t *testing.T, s string) {
		c, err := openToken(tokenSecret, s, tokenTime)
		if err != nil {
			return
		}
		if again, err := c.mint(tokenSecret); err != nil || again != s {
			t.Errorf("%q was accepted but is written as %q, %v", s, again, err)
		}
	})
}

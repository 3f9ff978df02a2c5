package webrtc

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
	"unicode/utf8"
)

// Errors of a session token and of a Grant.
var (
	ErrTokenForged  = errors.New("webrtc: session token is not ours")
	ErrTokenExpired = errors.New("webrtc: session token has expired")
	ErrGrant        = errors.New("webrtc: grant not possible")
)

const (
	// grantLife is how long a token can be waiting for its POST.
	grantLife = 5 * time.Minute
	// tokenLife is how long after it was minted a token still speaks for its
	// session. The calls' length is capped below that.
	tokenLife = 2 * time.Hour

	maxMetadata        = 2 << 10 // bytes of all keys and values
	maxMetadataEntries = 32
	maxToken           = 4 << 10 // characters; a full one is shorter
	maxOrigin          = 256     // bytes
	nonceBytes         = 16
)

// agentName is the form of an agent's name, as configs has it.
var agentName = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{0,62}$`)

// claims is what a session token says: what it permits and when it was minted.
type claims struct {
	Grant
	Minted time.Time // to the second, as Expires is
	Nonce  [nonceBytes]byte
}

// newClaims checks a grant and gives it a nonce. The error wraps ErrGrant.
func newClaims(g Grant, now time.Time) (claims, error) {
	now = now.Truncate(time.Second)
	if g.Expires.IsZero() {
		g.Expires = now.Add(grantLife)
	}
	g.Expires = g.Expires.Truncate(time.Second)
	c := claims{Grant: g, Minted: now}
	if !agentName.MatchString(g.Agent) {
		return claims{}, fmt.Errorf("%w: %q is not an agent's name", ErrGrant, g.Agent)
	}
	if g.Origin != "" {
		var ok bool
		if c.Origin, ok = canonicalOrigin(g.Origin); !ok || len(c.Origin) > maxOrigin {
			return claims{}, fmt.Errorf("%w: %q is not an origin, such as https://www.example.com", ErrGrant, g.Origin)
		}
	}
	if !g.Expires.After(now) || g.Expires.Sub(now) > grantLife {
		return claims{}, fmt.Errorf("%w: it must expire within %v from now", ErrGrant, grantLife)
	}
	size := 0
	for k, v := range g.Metadata {
		if k == "" || !utf8.ValidString(k) || !utf8.ValidString(v) {
			return claims{}, fmt.Errorf("%w: metadata must be text under names", ErrGrant)
		}
		size += len(k) + len(v)
	}
	if size > maxMetadata || len(g.Metadata) > maxMetadataEntries {
		return claims{}, fmt.Errorf("%w: metadata of %d bytes in %d entries, at most %d in %d", ErrGrant,
			size, len(g.Metadata), maxMetadata, maxMetadataEntries)
	}
	_, err := rand.Read(c.Nonce[:])
	return c, err
}

// mint returns the token's text: its fields and their HMAC-SHA256, in URL-safe
// base64. Whoever holds secret can check it, so any node can take any request.
func (c claims) mint(secret []byte) string {
	body := append([]byte(nil), c.Nonce[:]...)
	body = binary.AppendUvarint(body, uint64(c.Minted.Unix()))
	body = binary.AppendUvarint(body, uint64(c.Expires.Unix()))
	body = appendText(body, c.Agent)
	body = appendText(body, c.Origin)
	body = binary.AppendUvarint(body, uint64(len(c.Metadata)))
	for _, k := range slices.Sorted(maps.Keys(c.Metadata)) {
		body = appendText(appendText(body, k), c.Metadata[k])
	}
	body = append(body, seal(secret, "token", body)...)
	return base64.RawURLEncoding.EncodeToString(body)
}

// openToken checks the text of a token and returns what it says; whether it can
// still be used is for fresh and alive to tell. The error is ErrTokenForged.
func openToken(secret []byte, text string) (claims, error) {
	if len(text) > maxToken {
		return claims{}, ErrTokenForged
	}
	body, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(body) < sha256.Size {
		return claims{}, ErrTokenForged
	}
	body, mac := body[:len(body)-sha256.Size], body[len(body)-sha256.Size:]
	if !hmac.Equal(mac, seal(secret, "token", body)) {
		return claims{}, ErrTokenForged
	}
	c, ok := parseClaims(body)
	if !ok {
		return claims{}, ErrTokenForged
	}
	return c, nil
}

// fresh reports whether the token can begin a session.
func (c claims) fresh(now time.Time) bool { return !now.After(c.Expires) }

// alive reports whether the token still speaks for the session it began.
func (c claims) alive(now time.Time) bool { return now.Sub(c.Minted) <= tokenLife }

// session is the id of the session that the token begins. It follows from the
// nonce, so that any node can tell whether a token belongs to a session.
func (c claims) session(secret []byte) string {
	return base64.RawURLEncoding.EncodeToString(seal(secret, "session", c.Nonce[:])[:nonceBytes])
}

// once is what Options.Once is asked about.
func (c claims) once() string { return "webrtc:" + base64.RawURLEncoding.EncodeToString(c.Nonce[:]) }

// seal is the HMAC-SHA256 of b for one purpose.
func seal(secret []byte, purpose string, b []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("sidetone webrtc session " + purpose + "\x00"))
	mac.Write(b)
	return mac.Sum(nil)
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// parseClaims reads what mint wrote. It reports false for anything else.
func parseClaims(body []byte) (claims, bool) {
	var c claims
	if len(body) < nonceBytes {
		return c, false
	}
	p := claimsParser{rest: body[copy(c.Nonce[:], body):]}
	c.Minted = time.Unix(p.number(1<<40), 0)
	c.Expires = time.Unix(p.number(1<<40), 0)
	c.Agent = p.text()
	c.Origin = p.text()
	if n := p.number(maxMetadataEntries); n > 0 {
		c.Metadata = make(map[string]string, n)
		for last := ""; n > 0; n-- {
			key := p.text()
			p.bad = p.bad || key <= last
			c.Metadata[key] = p.text()
			last = key
		}
	}
	return c, !p.bad && len(p.rest) == 0
}

// claimsParser takes fields off the front of rest; bad says that one was not
// there, or not as mint writes it.
type claimsParser struct {
	rest []byte
	bad  bool
}

func (p *claimsParser) number(most uint64) int64 {
	v, n := binary.Uvarint(p.rest)
	if n <= 0 || v > most || n != len(binary.AppendUvarint(nil, v)) {
		p.bad, p.rest = true, nil
		return 0
	}
	p.rest = p.rest[n:]
	return int64(v)
}

func (p *claimsParser) text() string {
	n := p.number(maxToken)
	if n > int64(len(p.rest)) {
		p.bad, p.rest = true, nil
		return ""
	}
	s := string(p.rest[:n])
	p.rest = p.rest[n:]
	return s
}

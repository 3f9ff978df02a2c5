package twilio

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"time"
)

// Errors of a stream token.
var (
	ErrTokenForged  = errors.New("twilio: stream token is not ours")
	ErrTokenExpired = errors.New("twilio: stream token has expired")
)

const (
	// maxToken keeps a token well under the 500 characters of a <Parameter>.
	maxToken = 400
	// onceMemory is how long a used nonce must stay known. A signed webhook has
	// no expiry of its own, so this is far longer than a token lives.
	onceMemory = 30 * 24 * time.Hour
)

// Once remembers what was used. It is shared by all nodes.
type Once interface {
	// Use records nonce and reports whether this was its first use. The record
	// may be forgotten after expires.
	Use(ctx context.Context, nonce string, expires time.Time) (bool, error)
}

// claims is what a stream token says: which call the stream belongs to, and
// which of the call's streams it is, 0 being the first.
type claims struct {
	CallID  string
	CallSid string
	Agent   string
	Stream  uint32
	Expires time.Time // to the second
}

// mint returns the token's text: its fields and their HMAC-SHA256, in URL-safe
// base64. Whoever holds secret can check it, so any node can take any stream.
func (c claims) mint(secret []byte) (string, error) {
	body := binary.AppendUvarint(nil, uint64(c.Expires.Unix()))
	body = binary.AppendUvarint(body, uint64(c.Stream))
	for _, s := range []string{c.CallID, c.CallSid, c.Agent} {
		body = binary.AppendUvarint(body, uint64(len(s)))
		body = append(body, s...)
	}
	body = append(body, seal(secret, "token", body)...)
	text := base64.RawURLEncoding.EncodeToString(body)
	if len(text) > maxToken {
		return "", fmt.Errorf("twilio: stream token of %d characters: the names of call and agent are too long", len(text))
	}
	return text, nil
}

// openToken checks the text of a token and returns what it says. The error is
// ErrTokenForged or ErrTokenExpired.
func openToken(secret []byte, text string, now time.Time) (claims, error) {
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
	expires, body := takeUvarint(body)
	stream, body := takeUvarint(body)
	c := claims{Stream: uint32(stream), Expires: time.Unix(int64(expires), 0)}
	for _, s := range []*string{&c.CallID, &c.CallSid, &c.Agent} {
		var n uint64
		n, body = takeUvarint(body)
		*s, body = string(body[:n]), body[n:]
	}
	if now.After(c.Expires) {
		return claims{}, ErrTokenExpired
	}
	return c, nil
}

// nonce is what may be used once. It follows from the call and the stream's
// number, not from the token: two tokens for the same stream share it, so a
// replayed webhook cannot start a second call.
func (c claims) nonce(secret []byte) string {
	b := binary.AppendUvarint([]byte(c.CallSid), uint64(c.Stream))
	return base64.RawURLEncoding.EncodeToString(seal(secret, "nonce", b)[:16])
}

// seal is the HMAC-SHA256 of b for one purpose.
func seal(secret []byte, purpose string, b []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte("sidetone twilio stream " + purpose + "\x00"))
	mac.Write(b)
	return mac.Sum(nil)
}

// takeUvarint splits a number off b, which our own HMAC has vouched for.
func takeUvarint(b []byte) (uint64, []byte) {
	v, n := binary.Uvarint(b)
	return v, b[n:]
}

package seal

import (
	"bytes"
	"errors"
	"fmt"
)

// ErrLength means a file whose length no age file has, or that does not begin as
// one.
var ErrLength = errors.New("seal: no whole age file")

// HeaderMost is how much of an age file PlainLength has to see: more than the
// header of any file of ours has.
const HeaderMost = 64 << 10

// The payload of an age file: a nonce, then chunks with a tag each.
// https://c2sp.org/age#payload
const (
	ageNonce = 16
	ageChunk = 64 << 10
	ageTag   = 16
)

// PlainLength returns how many bytes an age file holds, from its beginning and its
// size in bytes. It needs no key, and verifies nothing but the form.
func PlainLength(begin []byte, size int64) (int64, error) {
	if !bytes.HasPrefix(begin, []byte("age-encryption.org/v1\n")) {
		return 0, fmt.Errorf("%w: it does not begin as one", ErrLength)
	}
	at := bytes.Index(begin, []byte("\n---"))
	end := -1
	if at >= 0 {
		end = bytes.IndexByte(begin[at+1:], '\n')
	}
	if end < 0 {
		return 0, fmt.Errorf("%w: its header has no end", ErrLength)
	}
	payload := size - int64(at+1+end+1) - ageNonce
	chunks := (payload + ageChunk + ageTag - 1) / (ageChunk + ageTag)
	plain := payload - chunks*ageTag
	if payload < ageTag || plain < (chunks-1)*ageChunk || chunks > 1 && plain == (chunks-1)*ageChunk {
		return 0, fmt.Errorf("%w: %d bytes end within a chunk", ErrLength, size)
	}
	return plain, nil
}

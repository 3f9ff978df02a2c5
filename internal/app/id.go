package app

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"time"
)

// crockford is the alphabet of ULIDs (https://github.com/ulid/spec): it sorts as
// its values do, and has no letters that are taken for digits.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newID returns the id of a call: 48 bits of time, then 80 of chance, so that
// ids sort by time and can not be guessed.
func newID(now time.Time) string {
	var raw [18]byte // 2 of padding, so that the 26 characters begin at a digit
	binary.BigEndian.PutUint64(raw[2:10], uint64(now.UnixMilli())<<16)
	rand.Read(raw[8:])
	return crockford.EncodeToString(raw[:])[3:]
}

package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"
)

// Row is one row of the ledger.
type Row struct {
	Seq   int64 // 1 for the first, without gaps
	At    time.Time
	Call  string
	Event string
	Body  []byte
	Hash  [32]byte // over the hash of the row before and this row
}

// chainLabel keeps hashes of this layout apart from any other.
const chainLabel = "sidetone ledger row 1\n"

// link returns the hash of a row that follows one with the hash prev, or 32
// zeros: SHA-256 over the label, prev, seq and at (Unix microseconds) as 64-bit
// big-endian numbers, then call, event and body, each after its length in
// bytes as a 64-bit big-endian number.
func link(prev [32]byte, r Row) [32]byte {
	b := make([]byte, 0, len(chainLabel)+len(prev)+5*8+len(r.Call)+len(r.Event)+len(r.Body))
	b = append(b, chainLabel...)
	b = append(b, prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.UnixMicro()))
	for _, part := range [][]byte{[]byte(r.Call), []byte(r.Event), r.Body} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// follow checks that r is the row after prev, the zero Row before the first.
func follow(prev, r Row) error {
	if r.Seq != prev.Seq+1 {
		return fmt.Errorf("%w: row %d is missing", ErrTampered, prev.Seq+1)
	}
	if want := link(prev.Hash, r); !bytes.Equal(want[:], r.Hash[:]) {
		return fmt.Errorf("%w: row %d does not have its hash", ErrTampered, r.Seq)
	}
	return nil
}

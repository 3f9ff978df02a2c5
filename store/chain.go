package store

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Row is one row of the ledger.
type Row struct {
	Chain string // 32 hexadecimal digits; empty for rows from before chains had names
	Seq   int64  // 1 for the first of its chain, without gaps
	At    time.Time
	Call  string
	Event string
	Body  []byte
	Hash  [32]byte // over the hash of the row before and this row
}

// The labels keep what is hashed or signed for one end apart from all others.
// A changed layout has another label.
const (
	oldLabel     = "sidetone ledger row 1\n"
	contentLabel = "sidetone ledger row 2\n"
	linkLabel    = "sidetone ledger link 2\n"
)

// timeLayout writes times in what is hashed and signed: UTC, microseconds.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// chainDigits is the length of a chain's name.
const chainDigits = 32

// newChain returns a name that no other process has.
func newChain() string {
	var b [chainDigits / 2]byte
	rand.Read(b[:])
	return hex.EncodeToString(b[:])
}

// validChain reports whether a name is one that this package gives, so that it
// may stand in what is signed.
func validChain(name string) bool {
	return name == "" || len(name) == chainDigits && strings.Trim(name, "0123456789abcdef") == ""
}

// asHash returns what a column holds, and zeros if that is no hash.
func asHash(b []byte) (h [32]byte) {
	if len(b) == len(h) {
		copy(h[:], b)
	}
	return h
}

// content is the text that a row is hashed as. A value that could hold any
// character stands after its length in bytes, and the body is what follows the
// last line:
//
//	sidetone ledger row 2
//	chain 32 0f1e2d3c4b5a69788796a5b4c3d2e1f0
//	seq 7
//	at 2026-11-21T10:00:00.000001Z
//	call 2 c1
//	event 7 granted
//	body 2
//	{}
func (r Row) content() []byte {
	b := make([]byte, 0, 160+len(r.Chain)+len(r.Call)+len(r.Event)+len(r.Body))
	b = fmt.Appendf(b, contentLabel+"chain %d %s\nseq %d\nat ", len(r.Chain), r.Chain, r.Seq)
	b = r.At.UTC().AppendFormat(b, timeLayout)
	b = fmt.Appendf(b, "\ncall %d %s\nevent %d %s\nbody %d\n", len(r.Call), r.Call, len(r.Event), r.Event, len(r.Body))
	return append(b, r.Body...)
}

// link returns the hash of a row that follows one with the hash prev, or 32
// zeros before the first. It needs of a row only the SHA-256 of its content, so
// that a stretch of a chain can be shown without what its rows say.
func link(prev [32]byte, r Row) [32]byte {
	if r.Chain == "" {
		return sha256.Sum256(oldContent(prev, r))
	}
	return join(prev, sha256.Sum256(r.content()))
}

// join hashes the label and a line of two hashes in hexadecimal digits.
func join(prev, digest [32]byte) [32]byte {
	return sha256.Sum256(fmt.Appendf(nil, linkLabel+"%x %x\n", prev, digest))
}

// oldContent is what the rows of the chain without a name are hashed as: the
// label, prev, seq and at (Unix microseconds) as 64-bit big-endian numbers, then
// call, event and body, each after its length in bytes as a 64-bit big-endian
// number.
func oldContent(prev [32]byte, r Row) []byte {
	b := make([]byte, 0, len(oldLabel)+len(prev)+5*8+len(r.Call)+len(r.Event)+len(r.Body))
	b = append(b, oldLabel...)
	b = append(b, prev[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Seq))
	b = binary.BigEndian.AppendUint64(b, uint64(r.At.UnixMicro()))
	for _, part := range [][]byte{[]byte(r.Call), []byte(r.Event), r.Body} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	return b
}

// follow checks that r is the row after prev, which is of the same chain, or
// before the first has that chain's name alone.
func follow(prev, r Row) error {
	switch {
	case !validChain(r.Chain):
		return &Fault{Chain: r.Chain, Seq: r.Seq, Call: r.Call, What: "is of no chain of ours"}
	case r.Seq == prev.Seq:
		return &Fault{Chain: r.Chain, Seq: r.Seq, Call: r.Call, What: "stands there twice"}
	case r.Seq != prev.Seq+1:
		return &Fault{Chain: r.Chain, Seq: prev.Seq + 1, What: "is missing"}
	}
	if link(prev.Hash, r) != r.Hash {
		return &Fault{Chain: r.Chain, Seq: r.Seq, Call: r.Call, What: "does not have its hash"}
	}
	return nil
}

// Fault is the first place where a ledger does not verify. It wraps ErrTampered.
type Fault struct {
	Chain      string `json:"chain,omitempty"`
	Seq        int64  `json:"seq,omitempty"`        // 0: not a row
	Call       string `json:"call,omitempty"`       // of the row, if it is there
	Checkpoint int64  `json:"checkpoint,omitempty"` // 0: not a checkpoint
	What       string `json:"what"`                 // what is wrong, as the end of a sentence
}

// Error names the row or checkpoint, and what is wrong with it.
func (f *Fault) Error() string {
	if f.Seq == 0 {
		return fmt.Sprintf("%v: checkpoint %d %s", ErrTampered, f.Checkpoint, f.What)
	}
	name := fmt.Sprintf("row %d", f.Seq)
	if f.Chain != "" {
		name += " of chain " + f.Chain
	}
	if f.Call != "" {
		name += fmt.Sprintf(" (call %q)", f.Call)
	}
	return fmt.Sprintf("%v: %s %s", ErrTampered, name, f.What)
}

// Unwrap returns ErrTampered.
func (f *Fault) Unwrap() error { return ErrTampered }

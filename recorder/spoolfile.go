package recorder

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"sidetone/seal"
)

// A spool file is a head and records. Head: 8 bytes magic, 2 bytes length, the
// file's key as an age file. Record: 4 bytes length of what follows; sealed
// with the file's key and the record's number: 1 byte kind, 8 bytes position,
// data. Integers are big endian. The file is only ever appended to, until its
// segment is sealed: then the head is overwritten and the file removed.
const (
	spoolMagic  = "SDTSPL1\n"
	recordHead  = 4
	recordMeta  = 9 // kind and position
	recordLimit = 128 << 10
	headLimit   = 1 << 10
)

// The kinds of record; a Track is its own kind.
const (
	kindNote   = byte(tracks) + iota // a JSON line; the position is not used
	kindAnchor                       // a JSON Anchor; the position is not used
	kindWish                         // a JSON wish; the position is not used
)

// ErrSpoolFile means that a spool file, or a part of it, is not what was
// written.
var ErrSpoolFile = errors.New("recorder: damaged spool file")

// errTorn means a file that ends inside a record of ordinary size. It wraps
// ErrSpoolFile; after a crash it is what a write that was cut short leaves, and
// no damage.
var errTorn = fmt.Errorf("%w: cut short", ErrSpoolFile)

// torn is how much of a record a cut write may leave: more than 100 ms of audio.
const torn = 8 << 10

// spoolFile is a spool file that is being written. It belongs to one goroutine.
type spoolFile struct {
	file   *os.File
	path   string
	key    seal.SpoolKey
	cipher *seal.Cipher
	next   uint64 // number of the next record
	end    int64  // length of the file up to the last whole write
	out    []byte // sealed records that are not written yet
}

// unwritten bounds what a spoolFile holds while the disk refuses to take it: more
// than the queue of a recorder holds.
const unwritten = 1 << 20

// createSpoolFile makes a file whose key any one of the recipients opens. The
// head is written by the first flush.
func createSpoolFile(path string, to ...seal.Recipient) (*spoolFile, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("recorder: spool: %w", err)
	}
	s := &spoolFile{file: f, path: path}
	if err := s.lockTo(to); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return s, nil
}

// lockTo makes the key of the file and its head.
func (s *spoolFile) lockTo(to []seal.Recipient) error {
	key, wrapped, err := seal.NewSpoolKey(to...)
	if err != nil {
		return err
	}
	if s.out = appendSpoolHead(nil, wrapped); len(s.out) > headLimit {
		return fmt.Errorf("recorder: spool: head of %d bytes", len(s.out))
	}
	s.key = key
	s.cipher, err = seal.NewCipher(key)
	return err
}

func appendSpoolHead(dst, wrapped []byte) []byte {
	dst = append(dst, spoolMagic...)
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(wrapped)))
	return append(dst, wrapped...)
}

// add seals a record for the next flush, without copying it twice. It reports
// false, and takes nothing, while too much is waiting.
func (s *spoolFile) add(kind byte, pos int64, data []byte) bool {
	n := recordMeta + len(data)
	if n > recordLimit || len(s.out)+n > unwritten {
		return false
	}
	s.out = binary.BigEndian.AppendUint32(s.out, uint32(n+seal.CipherOverhead))
	at := len(s.out)
	s.out = append(s.out, kind)
	s.out = binary.BigEndian.AppendUint64(s.out, uint64(pos))
	s.out = append(s.out, data...)
	s.out = s.cipher.Seal(s.out[:at], s.out[at:], s.next)
	s.next++
	return true
}

// flush writes what was added and returns how many bytes that were. After an
// error nothing is lost: the next flush writes the same bytes at the same
// place, so that a number never seals two contents.
func (s *spoolFile) flush() (int, error) {
	if len(s.out) == 0 {
		return 0, nil
	}
	n, err := s.file.WriteAt(s.out, s.end)
	if err != nil {
		return 0, fmt.Errorf("recorder: spool: %w", err)
	}
	s.end += int64(n)
	if s.out = s.out[:0]; cap(s.out) > 16<<10 {
		s.out = nil
	}
	return n, nil
}

// openSpoolFile opens a file that a crash left, with an identity that it was
// made for. What follows the last whole record is not of interest to it.
func openSpoolFile(path string, ids ...seal.Identity) (*spoolFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("recorder: spool: %w", err)
	}
	s := &spoolFile{file: f, path: path}
	if err := s.unlock(ids); err != nil {
		f.Close()
		return nil, err
	}
	return s, nil
}

func (s *spoolFile) unlock(ids []seal.Identity) error {
	info, err := s.file.Stat()
	if err != nil {
		return fmt.Errorf("recorder: spool: %w", err)
	}
	s.end = info.Size()
	b := make([]byte, min(s.end, headLimit))
	if _, err := s.file.ReadAt(b, 0); err != nil {
		return fmt.Errorf("recorder: spool: %w", err)
	}
	wrapped, _, err := parseSpoolHead(b)
	if err != nil {
		return err
	}
	if s.key, err = seal.OpenSpoolKey(wrapped, ids...); err != nil {
		return fmt.Errorf("%w: head: %w", ErrSpoolFile, err)
	}
	s.cipher, err = seal.NewCipher(s.key)
	return err
}

// read gives all records that are in the file to keep, using buf's memory where
// that is large enough, and returns what it used. damage wraps ErrSpoolFile and
// says what could not be read; err means that the file could not be.
func (s *spoolFile) read(buf []byte, keep func(kind byte, pos int64, data []byte)) (_ []byte, damage, err error) {
	buf = slices.Grow(buf[:0], int(s.end))[:s.end]
	if _, err := s.file.ReadAt(buf, 0); err != nil {
		return buf, nil, fmt.Errorf("recorder: spool: %w", err)
	}
	_, records, err := parseSpoolHead(buf)
	if err != nil {
		return buf, err, nil
	}
	return buf, parseSpoolRecords(records, s.cipher, keep), nil
}

// wipe overwrites the head of the file, with it the only copy of the key, and
// removes the file. It goes on after an error, so that what can be done is.
func (s *spoolFile) wipe() error { return wipe(s.file, s.path, headLimit) }

// wipe overwrites the first n bytes of f.
func wipe(f *os.File, path string, n int64) error {
	var err error
	zeros := make([]byte, min(n, 64<<10))
	for at := int64(0); at < n && err == nil; at += int64(len(zeros)) {
		_, err = f.WriteAt(zeros, at)
	}
	err = errors.Join(err, f.Sync(), f.Close())
	if gone := os.Remove(path); !errors.Is(gone, fs.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	if err != nil {
		return fmt.Errorf("recorder: wipe: %w", err)
	}
	return nil
}

// wipePath overwrites all of the file at path, and removes it, if there is one.
func wipePath(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recorder: wipe: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("recorder: wipe: %w", err), f.Close())
	}
	return wipe(f, path, info.Size())
}

// parseSpoolHead returns the wrapped key of a spool file and its records.
func parseSpoolHead(b []byte) (wrapped, records []byte, err error) {
	const fixed = len(spoolMagic) + 2
	if len(b) < fixed || string(b[:len(spoolMagic)]) != spoolMagic {
		return nil, nil, fmt.Errorf("%w: no head", ErrSpoolFile)
	}
	n := int(binary.BigEndian.Uint16(b[len(spoolMagic):]))
	if len(b) < fixed+n {
		return nil, nil, fmt.Errorf("%w: head is cut short", ErrSpoolFile)
	}
	return b[fixed : fixed+n], b[fixed+n:], nil
}

// parseSpoolRecords opens records in place and gives each to keep. A record
// that does not open is left out; after a length that cannot be, so is the
// rest. Either makes an error that wraps ErrSpoolFile and says where.
func parseSpoolRecords(b []byte, c *seal.Cipher, keep func(kind byte, pos int64, data []byte)) (damage error) {
	whole := len(b)
	for n := uint64(0); len(b) > 0; n++ {
		at := whole - len(b)
		sealed, rest, err := nextRecord(b)
		if err != nil {
			return cmp.Or(damage, fmt.Errorf("%w at byte %d of its records", err, at))
		}
		b = rest
		plain, err := c.Open(sealed[:0], sealed, n)
		if err != nil {
			damage = cmp.Or(damage, fmt.Errorf("%w: record %d at byte %d does not open", ErrSpoolFile, n, at))
			continue
		}
		keep(plain[0], int64(binary.BigEndian.Uint64(plain[1:recordMeta])), plain[recordMeta:])
	}
	return damage
}

// nextRecord cuts the first record, still sealed, off b.
func nextRecord(b []byte) (sealed, rest []byte, err error) {
	if len(b) < recordHead {
		return nil, nil, errTorn
	}
	size := int64(binary.BigEndian.Uint32(b))
	switch b = b[recordHead:]; {
	case size < recordMeta+seal.CipherOverhead || size > recordLimit+seal.CipherOverhead:
		return nil, nil, fmt.Errorf("%w: no record", ErrSpoolFile)
	case size <= int64(len(b)):
		return b[:size], b[size:], nil
	case len(b) > torn:
		return nil, nil, fmt.Errorf("%w: a record longer than the file", ErrSpoolFile)
	}
	return nil, nil, errTorn
}

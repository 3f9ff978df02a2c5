package recorder

import (
	"errors"

	"sidetone/seal"
)

// SpoolPlaintext is what a spool file holds, for whoever has one of ids; nil if
// none opens it.
func SpoolPlaintext(path string, ids ...seal.Identity) (plain []byte) {
	f, err := openSpoolFile(path, ids...)
	if err != nil {
		return nil
	}
	_, _, err = f.read(nil, func(_ byte, _ int64, data []byte) { plain = append(plain, data...) })
	if err = errors.Join(err, f.file.Close()); err != nil {
		return nil
	}
	return plain
}

// Queued is how many frames wait for the next flush.
func (r *Recorder) Queued() int { return len(r.queue) }

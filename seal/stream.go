package seal

import (
	"fmt"
	"io"

	"filippo.io/age"
)

// SealTo returns a writer whose plaintext goes to w as one age file that the identity
// of any one recipient opens. It holds 64 KiB of it. The file is whole only after
// Close, which does not close w.
func SealTo(w io.Writer, to ...Recipient) (io.WriteCloser, error) {
	if len(to) == 0 {
		return nil, ErrNoRecipient
	}
	recipients := make([]age.Recipient, len(to))
	for i, r := range to {
		if r.age == nil {
			return nil, ErrNoRecipient
		}
		recipients[i] = r.age
	}
	return stream(w, recipients...)
}

// SealPassphraseTo is SealTo with a passphrase, as SealPassphrase has it.
func SealPassphraseTo(w io.Writer, passphrase string) (io.WriteCloser, error) {
	r, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return stream(w, r)
}

func stream(w io.Writer, to ...age.Recipient) (io.WriteCloser, error) {
	out, err := age.Encrypt(w, to...)
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return out, nil
}

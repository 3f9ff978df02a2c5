package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sidetone/seal"
	"sidetone/store"
)

// erasedEvent is the event of rows that say that a call is erased, and name the
// receipt.
const erasedEvent = "erased"

// erasedRow is the body of such a row.
type erasedRow struct {
	Receipt string `json:"receipt"` // id
	SHA256  string `json:"sha256"`  // of the receipt, as it is handed out
}

// receiptFormat is the form of receipts.
const receiptFormat = "sidetone-erasure/1"

// Receipt says, signed by a node, that calls were erased. It names nobody.
type Receipt struct {
	Format     string    `json:"format"`
	ID         string    `json:"id"`
	Made       time.Time `json:"made_at"`
	Unreadable time.Time `json:"unreadable_at"` // from then on nothing here opens any of it
	// Irrecoverable is when backups open none of it any more either; nil while a key
	// lives that opens what backups of the bucket may hold.
	Irrecoverable *time.Time   `json:"irrecoverable_after"`
	Because       string       `json:"irrecoverable_because,omitempty"` // why it is nil
	Epochs        []string     `json:"epochs"`                          // in which keys of the calls may have been wrapped
	Takes         int          `json:"takes"`
	Objects       int          `json:"objects"`
	Bytes         int64        `json:"bytes"`
	Calls         []ErasedCall `json:"calls"`
	Held          []string     `json:"held"` // calls of the same request that a legal hold keeps
	Node          string       `json:"node"` // fingerprint of the key that signs
	Signature     string       `json:"signature"`
}

// ErasedCall is a call in a receipt.
type ErasedCall struct {
	Call       string    `json:"call"`
	Unreadable time.Time `json:"unreadable_at"`
	Takes      int       `json:"takes"`
	Objects    int       `json:"objects"`
	Bytes      int64     `json:"bytes"`
}

// sign makes a receipt of the calls that are erased and have none, keeps it, and has
// its hash noted in the ledger for each of them. It returns its id; none if there is
// nothing to sign. asked are the calls of the request.
func (e *eraser) sign(ctx context.Context, asked []ErasureOf) (id string, err error) {
	erased, err := e.db.ErasuresOf(ctx, "")
	if err != nil || len(erased) == 0 {
		return "", err
	}
	var held []string
	for _, of := range asked {
		if of.State == ErasureHeld {
			held = append(held, of.Call)
		}
	}
	return e.issue(ctx, erased, held)
}

// issue makes and keeps a receipt of erased calls.
func (e *eraser) issue(ctx context.Context, erased []store.Erasure, held []string) (id string, err error) {
	r, err := e.receiptOf(ctx, erased, held)
	if err != nil {
		return "", err
	}
	body, err := seal.SignDocument(r, e.node.Sign)
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(body)
	row, err := json.Marshal(erasedRow{r.ID, hex.EncodeToString(sum[:])})
	if err != nil {
		return "", err
	}
	calls := make([]string, len(erased))
	if err := each(len(erased), func(i int) error {
		calls[i] = erased[i].Call
		_, err := e.ledger.Append(ctx, erased[i].Call, erasedEvent, row)
		return err
	}); err != nil {
		return "", fmt.Errorf("app: a receipt waits for the ledger: %w", err)
	}
	return r.ID, e.db.SaveReceipt(ctx, r.ID, body, calls)
}

// receiptOf returns a receipt that is not signed.
func (e *eraser) receiptOf(ctx context.Context, erased []store.Erasure, held []string) (Receipt, error) {
	now := time.Now().UTC().Truncate(time.Millisecond)
	r := Receipt{Format: receiptFormat, ID: newID(now), Made: now, Epochs: []string{}, Calls: []ErasedCall{}, Held: append([]string{}, held...),
		Node: seal.Fingerprint(e.node.PublicKey())}
	epochs, err := e.epochs()
	if err != nil {
		return r, err
	}
	end, living := time.Time{}, []string{}
	for _, was := range erased {
		c, err := e.db.Call(ctx, was.Call)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return r, err
		}
		r.Calls = append(r.Calls, ErasedCall{was.Call, was.Done, was.Takes, was.Objects, was.Bytes})
		r.Takes, r.Objects, r.Bytes = r.Takes+was.Takes, r.Objects+was.Objects, r.Bytes+was.Bytes
		r.Unreadable = later(r.Unreadable, was.Done)
		end = later(end, was.Done)
		if was.Takes == 0 && was.Objects == 0 {
			continue // nothing was wrapped
		}
		for _, epoch := range epochsBetween(epochs, c.Started, was.Done) {
			r.Epochs = append(r.Epochs, epoch.ID)
			if at, over := epoch.Irrecoverable(time.Duration(e.config.Keys.BackupsKept)); over {
				end = later(end, at)
			} else {
				living = append(living, epoch.ID)
			}
		}
	}
	slices.Sort(r.Epochs)
	r.Epochs = slices.Compact(r.Epochs)
	slices.Sort(living)
	if living = slices.Compact(living); len(living) > 0 {
		r.Because = fmt.Sprintf("%s can still open what backups of the bucket hold: rotate the keys, then destroy-epoch", strings.Join(living, ", "))
	} else {
		r.Irrecoverable = &end
	}
	return r, nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// epochsBetween returns the epochs in which the keys of a call may have been wrapped
// that began and was erased at some time: that of its beginning, and all to which it
// was rewrapped since. Backups may hold any of them.
func epochsBetween(all []seal.Epoch, began, erased time.Time) (between []seal.Epoch) {
	for i, e := range all {
		over := i+1 < len(all) && all[i+1].Created.Add(seal.Grace).Before(began)
		if !over && !e.Created.After(erased.Add(seal.Grace)) {
			between = append(between, e)
		}
	}
	return between
}

// receipt returns the newest receipt of a call, or one by its id. Where it has
// changed since what backups can still open, another is made.
func (e *eraser) receipt(ctx context.Context, id string) ([]byte, error) {
	leave, err := e.enter(ctx)
	if err != nil {
		return nil, err
	}
	defer leave()
	if c, err := e.db.Call(ctx, id); err == nil {
		id = c.ID
	}
	was, err := e.db.Erasure(ctx, id)
	if err != nil {
		return nil, err
	}
	if was.Receipt != "" {
		id = was.Receipt
	}
	body, err := e.db.Receipt(ctx, id)
	if err != nil {
		return nil, err
	}
	var old Receipt
	if _, _, err := seal.ReadDocument(body, &old); err != nil {
		return nil, err
	}
	erased, err := e.db.ErasuresOf(ctx, id)
	if err != nil || len(erased) == 0 {
		return body, err
	}
	now, err := e.receiptOf(ctx, erased, nil)
	if err != nil || len(erased) != len(old.Calls) || sameTime(now.Irrecoverable, old.Irrecoverable) && now.Because == old.Because {
		return body, err
	}
	if id, err = e.issue(ctx, erased, old.Held); err != nil {
		return nil, err
	}
	return e.db.Receipt(ctx, id)
}

func sameTime(a, b *time.Time) bool {
	return a == b || a != nil && b != nil && a.Equal(*b)
}

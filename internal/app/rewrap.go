package app

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"sidetone/recorder"
	"sidetone/seal"
	"sidetone/store"
)

// keysPrefix is what the keys of wrapped identities begin with.
const keysPrefix = "keys/"

const (
	rewrapBatch    = 64 // identities that are under way together
	rewrapParallel = 8  // of them at once
)

// Rewrapped says what a rotation has come to.
type Rewrapped struct {
	Epoch   string         `json:"epoch"`             // the current one
	Total   int            `json:"total"`             // wrapped identities of earlier epochs, when it began
	Moved   int            `json:"moved"`             // wrapped to the current epoch now
	Erased  int            `json:"erased"`            // destroyed by others meanwhile
	Left    []string       `json:"left,omitempty"`    // objects that could not be rewrapped, with the reason
	Spooled map[string]int `json:"spooled,omitempty"` // takes on the spool that are wrapped to earlier epochs
	// Remaining are recipients who also open earlier epochs that are not destroyed.
	Remaining []string `json:"remaining,omitempty"`
}

// Rotation says what a rotation is to do.
type Rotation struct {
	Plan       KeyPlan // of the next epoch; empty: as the current one
	Resume     bool    // begin no epoch, rewrap what is wrapped to earlier ones
	NoRewrap   bool    // begin an epoch, rewrap nothing: the private half of the old ones is elsewhere
	Identities []string
	Progress   func(done, total int) // told as it goes on; may be nil
}

// Rotate begins the next epoch and wraps the identities of all takes to it. The
// takes themselves are not touched. It may be cut off at any moment, and is gone
// on with by Resume. Nothing is begun that could not be ended for want of a key.
func (k *KeyAdmin) Rotate(ctx context.Context, r Rotation) (Rewrapped, error) {
	unlock, err := k.keys.LockRewrap()
	if err != nil {
		return Rewrapped{}, err
	}
	defer unlock()
	extra, err := identitiesIn(r.Identities...)
	if err != nil {
		return Rewrapped{}, err
	}
	w := &rewrap{KeyAdmin: k, extra: extra, progress: r.Progress}
	if !r.Resume {
		if err := k.beginEpoch(ctx, r, w); err != nil {
			return Rewrapped{}, err
		}
	}
	w.done.Epoch = k.keys.Current().ID
	w.done.Remaining = k.remaining()
	if !r.NoRewrap {
		if err := w.run(ctx); err != nil {
			return w.done, err
		}
	}
	w.done.Spooled, err = recorder.SpooledEpochs(k.config.Recorder.SpoolDir)
	delete(w.done.Spooled, w.done.Epoch)
	return w.done, err
}

// beginEpoch begins the next epoch.
func (k *KeyAdmin) beginEpoch(ctx context.Context, r Rotation, w *rewrap) error {
	if left, err := loadRewrapJournal(k.config.Keys.Dir); err != nil || left != nil {
		return errors.Join(err, errors.New("an earlier rotation has not come to its end: run sidetone keys rotate --resume"))
	}
	p := r.Plan
	if p.isEmpty() {
		p.KMSKey = k.config.Keys.KMSKeyID
	}
	if p.isEmpty() {
		if !k.keys.Serving() {
			return fmt.Errorf("%w: the private half of %s is not here, so say where that of the next goes", seal.ErrPlan, k.keys.Current().ID)
		}
		p.Here = true
	}
	if p.Here || p.File != "" {
		p.Recipients = append(p.Recipients, k.config.Keys.EscrowRecipients...)
	}
	plan, err := p.parse(ctx, k.config)
	if err != nil {
		return err
	}
	if !r.NoRewrap {
		if err := w.canOpen(ctx); err != nil {
			return err
		}
	}
	_, err = k.keys.Rotate(plan)
	return err
}

// remaining lists the recipients of the current epoch who open earlier ones.
func (k *KeyAdmin) remaining() (list []string) {
	all := k.keys.Epochs()
	for _, r := range all[len(all)-1].Recipients {
		for _, e := range all[:len(all)-1] {
			if r.In(e.Openers()) {
				list = append(list, r.String())
				break
			}
		}
	}
	return list
}

// rewrap wraps identities to the current epoch.
type rewrap struct {
	*KeyAdmin
	extra    seal.Identities // beside those of the keyring
	progress func(done, total int)

	mu   sync.Mutex
	done Rewrapped
}

// rewrapItem is an identity on its way from one object to another.
type rewrapItem struct {
	From    string `json:"from"`
	To      string `json:"to"`
	Wrapped []byte `json:"wrapped"` // what To is to hold
	ok      bool   // To holds it, and From was there after that
}

// unwrap opens what is wrapped to an epoch, with the keyring or the identities
// that were named.
func (w *rewrap) unwrap(ctx context.Context, epoch string, wrapped []byte) (seal.Identity, error) {
	id, err := w.keys.Unwrap(ctx, epoch, wrapped)
	if err == nil || len(w.extra) == 0 {
		return id, err
	}
	id, again := w.extra.Unwrap(ctx, epoch, wrapped)
	if again != nil {
		return seal.Identity{}, errors.Join(err, again)
	}
	return id, nil
}

// earlier lists the epochs of the store from which keys are to be rewrapped: not
// the current one, nor those that are destroyed, of which a backup may have brought
// something back.
func (w *rewrap) earlier(ctx context.Context) ([]string, error) {
	epochs, err := w.objects.Folders(ctx, keysPrefix)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(epochs, func(id string) bool {
		e, err := w.keys.Epoch(id)
		return err == nil && (!e.Destroyed.IsZero() || id == w.done.Epoch)
	}), nil
}

// canOpen tries to open one identity of each epoch that the store has.
func (w *rewrap) canOpen(ctx context.Context) error {
	epochs, err := w.earlier(ctx)
	if err != nil {
		return err
	}
	for _, epoch := range epochs {
		wrapped, err := w.one(ctx, epoch)
		if err != nil {
			return err
		}
		if wrapped == nil {
			continue
		}
		_, err = w.unwrap(ctx, epoch, wrapped)
		if errors.Is(err, seal.ErrNoIdentity) || errors.Is(err, seal.ErrUnknownEpoch) {
			return fmt.Errorf("what is wrapped to %s can not be opened here: %w", epoch, err)
		}
	}
	return nil
}

// one returns a wrapped identity of an epoch, nil if there is none.
func (w *rewrap) one(ctx context.Context, epoch string) ([]byte, error) {
	for page, err := range w.objects.Pages(ctx, keysPrefix+epoch+"/") {
		if err != nil || len(page) == 0 {
			return nil, err
		}
		b, err := w.objects.Get(ctx, page[0])
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil // just destroyed
		}
		return b, err
	}
	return nil, nil
}

// run goes on with what was left, then walks through all earlier epochs.
func (w *rewrap) run(ctx context.Context) error {
	left, err := loadRewrapJournal(w.config.Keys.Dir)
	if err != nil {
		return err
	}
	if left != nil {
		if err := w.finish(ctx, left); err != nil {
			return err
		}
	}
	epochs, err := w.earlier(ctx)
	if err != nil {
		return err
	}
	w.done.Total = w.done.Moved + w.done.Erased + len(w.done.Left)
	for _, epoch := range epochs {
		n, err := w.count(ctx, epoch)
		if err != nil {
			return err
		}
		w.done.Total += n
	}
	w.tell()
	for _, epoch := range epochs {
		for page, err := range w.objects.Pages(ctx, keysPrefix+epoch+"/") {
			if err != nil {
				return err
			}
			for ; len(page) > 0; page = page[min(rewrapBatch, len(page)):] {
				if err := w.batch(ctx, epoch, page[:min(rewrapBatch, len(page))]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (w *rewrap) tell() {
	if w.progress != nil {
		w.progress(w.done.Moved+w.done.Erased+len(w.done.Left), w.done.Total)
	}
}

// batch rewraps some identities of an epoch.
func (w *rewrap) batch(ctx context.Context, epoch string, keys []string) error {
	items := make([]*rewrapItem, len(keys))
	if err := each(len(keys), func(i int) (err error) {
		items[i], err = w.prepare(ctx, epoch, keys[i])
		return err
	}); err != nil {
		return err
	}
	j := &rewrapJournal{Stage: stagePut}
	for _, item := range items {
		if item != nil {
			j.Items = append(j.Items, item)
		}
	}
	if len(j.Items) == 0 {
		return nil
	}
	if err := j.save(w.config.Keys.Dir); err != nil {
		return err
	}
	return w.finish(ctx, j)
}

// prepare opens an identity and wraps it to the current epoch. It returns nil for
// one that is gone, or can not be opened.
func (w *rewrap) prepare(ctx context.Context, epoch, key string) (*rewrapItem, error) {
	b, err := w.objects.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		w.note(func(d *Rewrapped) { d.Erased++ })
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	id, err := w.unwrap(ctx, epoch, b)
	if err != nil {
		w.note(func(d *Rewrapped) { d.Left = append(d.Left, fmt.Sprintf("%s: %v", key, err)) })
		return nil, nil
	}
	current, wrapped, err := w.keys.Wrap(ctx, id)
	if err != nil {
		return nil, err
	}
	return &rewrapItem{From: key, To: keysPrefix + current + strings.TrimPrefix(key, keysPrefix+epoch), Wrapped: wrapped}, nil
}

func (w *rewrap) note(do func(*Rewrapped)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	do(&w.done)
}

// finish does what a journal lists: it puts each identity under the current epoch,
// has the store confirm it, and removes it from the old one.
//
// A take may be destroyed meanwhile. Its old key is gone then when the new one is
// stored, and the new one is erased again; where the old key was still there, the
// destruction finds the new one by itself (recorder.Spool.Destroy). The journal
// makes that hold over a crash: what it lists as put may have to be erased again.
func (w *rewrap) finish(ctx context.Context, j *rewrapJournal) error {
	if j.Stage == stagePut {
		if err := each(len(j.Items), func(i int) error { return w.move(ctx, j.Items[i]) }); err != nil {
			return err
		}
		erase := &rewrapJournal{Stage: stageErase}
		for _, item := range j.Items {
			if item.ok {
				erase.Items = append(erase.Items, item)
			}
		}
		if err := erase.save(w.config.Keys.Dir); err != nil {
			return err
		}
		j = erase
	}
	if err := each(len(j.Items), func(i int) error { return w.objects.Erase(ctx, j.Items[i].From) }); err != nil {
		return err
	}
	w.done.Moved += len(j.Items)
	w.tell()
	return removeRewrapJournal(w.config.Keys.Dir)
}

// move stores an identity under the current epoch.
func (w *rewrap) move(ctx context.Context, item *rewrapItem) error {
	sum := sha256.Sum256(item.Wrapped)
	err := w.objects.Put(ctx, item.To, item.Wrapped, sum)
	if errors.Is(err, store.ErrConflict) {
		w.note(func(d *Rewrapped) {
			d.Left = append(d.Left, item.From+": "+item.To+" is there already, by another rotation")
		})
		return nil
	}
	if err != nil {
		return err
	}
	size, got, err := w.objects.Head(ctx, item.To)
	if err != nil {
		return err
	}
	if size != int64(len(item.Wrapped)) || got != sum {
		return fmt.Errorf("%s: the store has something else than was put there", item.To)
	}
	_, _, err = w.objects.Head(ctx, item.From)
	if errors.Is(err, store.ErrNotFound) {
		w.note(func(d *Rewrapped) { d.Erased++ })
		return w.objects.Erase(ctx, item.To)
	}
	item.ok = err == nil
	return err
}

// each calls f for 0 to n-1, several at once, and returns the first error.
func each(n int, f func(i int) error) error {
	var (
		workers sync.WaitGroup
		mu      sync.Mutex
		first   error
		next    int
	)
	for range min(rewrapParallel, n) {
		workers.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				stop := first != nil || i >= n
				mu.Unlock()
				if stop {
					return
				}
				if err := f(i); err != nil {
					mu.Lock()
					first = errors.Join(first, err)
					mu.Unlock()
				}
			}
		})
	}
	workers.Wait()
	return first
}

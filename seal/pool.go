package seal

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// ErrPoolEmpty means that no keys are ready: nothing may be recorded now.
var ErrPoolEmpty = errors.New("seal: no keys ready")

// Class is a kind of content of a take. Each has a key of its own, so that it
// can be erased and kept for a time of its own.
type Class string

// The classes.
const (
	Audio    Class = "audio"
	Snippets Class = "snippets"
	Text     Class = "text"
)

// Classes lists the classes in the order in which their keys are stored.
var Classes = [...]Class{Audio, Snippets, Text}

// ClassKey is the key of one class of one take: its public half, to seal to,
// and its identity, wrapped to the operator's epoch key.
type ClassKey struct {
	Recipient Recipient
	Wrapped   []byte
}

// TakeKeys are the keys of one take. No private half is among them.
type TakeKeys struct {
	Epoch                 string
	Audio, Snippets, Text ClassKey
}

// Class returns the key of class c, the zero ClassKey for an unknown one.
func (k TakeKeys) Class(c Class) ClassKey {
	switch c {
	case Audio:
		return k.Audio
	case Snippets:
		return k.Snippets
	case Text:
		return k.Text
	}
	return ClassKey{}
}

// NewTakeKeys makes the keys of one take and forgets their private halves.
func NewTakeKeys(ctx context.Context, keys Keys) (TakeKeys, error) {
	var t TakeKeys
	for _, k := range [...]*ClassKey{&t.Audio, &t.Snippets, &t.Text} {
		id, err := GenerateIdentity()
		if err != nil {
			return TakeKeys{}, err
		}
		epoch, wrapped, err := keys.Wrap(ctx, id)
		if err != nil {
			return TakeKeys{}, err
		}
		if t.Epoch != "" && t.Epoch != epoch {
			return NewTakeKeys(ctx, keys) // rotated in between: all keys of a take share an epoch
		}
		t.Epoch = epoch
		*k = ClassKey{id.Recipient(), wrapped}
	}
	return t, nil
}

// PoolOptions configure a Pool.
type PoolOptions struct {
	Keys    Keys
	Size    int          // takes kept ready; 64 if 0
	Metrics *Metrics     // none if nil
	Log     *slog.Logger // discarded if nil
}

// Pool keeps keys for takes ready, so that no call waits for the key service.
type Pool struct {
	keys    Keys
	size    int
	wake    chan struct{} // of capacity 1: a take was taken
	metrics *Metrics
	log     *slog.Logger

	mu    sync.Mutex
	ready []TakeKeys // those of earlier epochs first
	epoch string     // the current one
	since time.Time  // when it was first seen to be the current one
}

const (
	// overlap is for how long keys of the epoch before are handed out after a
	// rotation, as long as there are none of the new one.
	overlap = 30 * time.Second
	// lookAround is how often a full pool looks whether there was a rotation.
	lookAround = time.Second
)

// Grace is for how long after a rotation takes may begin that are wrapped to the
// epoch before: until a gateway has seen it, and the overlap in its pool.
const Grace = ReloadEvery + lookAround + overlap

// ReloadEvery is how often a gateway looks whether another process has rotated
// its keyring.
const ReloadEvery = 10 * time.Second

// NewPool makes an empty pool; Run fills it.
func NewPool(o PoolOptions) *Pool {
	if o.Size <= 0 {
		o.Size = 64
	}
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Pool{keys: o.Keys, size: o.Size, wake: make(chan struct{}, 1), metrics: o.Metrics, log: o.Log}
}

// Run keeps the pool filled with keys of the current epoch until ctx ends. A key
// service that fails is asked again, after 0.2 to 30 s.
func (p *Pool) Run(ctx context.Context) error {
	const first, longest = 200 * time.Millisecond, 30 * time.Second
	wait := first
	look := time.NewTicker(lookAround)
	defer look.Stop()
	for {
		if p.full() {
			select {
			case <-p.wake:
			case <-look.C:
			case <-ctx.Done():
				return nil
			}
			continue
		}
		keys, err := NewTakeKeys(ctx, p.keys)
		if ctx.Err() != nil {
			return nil
		}
		if err == nil {
			wait = first
			p.put(keys)
			continue
		}
		p.metrics.wrapErrors.Inc()
		if wait == first {
			p.log.Error("keys for recordings cannot be made; the pool covers for now", "ready", p.Ready(), "err", err)
		}
		select {
		case <-time.After(wait/2 + rand.N(wait/2)):
		case <-ctx.Done():
			return nil
		}
		wait = min(2*wait, longest)
	}
}

// full reports whether there are as many keys of the current epoch as there
// should be. Those of earlier ones are dropped then.
func (p *Pool) full() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookLocked()
	old := p.oldLocked()
	if len(p.ready)-old < p.size {
		return false
	}
	p.dropLocked(old)
	return true
}

// put adds the keys of one take.
func (p *Pool) put(keys TakeKeys) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ready = append(p.ready, keys)
	p.metrics.ready.Set(float64(len(p.ready)))
}

// lookLocked notices a rotation, and drops what is too old since.
func (p *Pool) lookLocked() {
	if current := p.keys.Current().ID; current != p.epoch {
		p.epoch, p.since = current, time.Now()
	}
	if time.Since(p.since) >= overlap {
		p.dropLocked(p.oldLocked())
	}
}

// oldLocked returns how many keys are of earlier epochs.
func (p *Pool) oldLocked() (n int) {
	for n < len(p.ready) && p.ready[n].Epoch != p.epoch {
		n++
	}
	return n
}

func (p *Pool) dropLocked(n int) {
	p.ready = slices.Delete(p.ready, 0, n)
	p.metrics.ready.Set(float64(len(p.ready)))
}

// Take takes the keys of one take out of the pool. It never blocks: it returns
// ErrPoolEmpty where none are ready. They are of the current epoch, or for 30 s
// after a rotation of the one before, where none of the current one are ready.
func (p *Pool) Take() (TakeKeys, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookLocked()
	n := len(p.ready)
	if n == 0 {
		p.metrics.empty.Inc()
		return TakeKeys{}, ErrPoolEmpty
	}
	keys := p.ready[n-1] // the newest
	p.ready[n-1] = TakeKeys{}
	p.ready = p.ready[:n-1]
	p.metrics.ready.Set(float64(n - 1))
	select {
	case p.wake <- struct{}{}:
	default:
	}
	return keys, nil
}

// Ready returns how many takes can be had now without waiting.
func (p *Pool) Ready() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lookLocked()
	return len(p.ready)
}

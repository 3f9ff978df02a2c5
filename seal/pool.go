package seal

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
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
	ready   chan TakeKeys
	metrics *Metrics
	log     *slog.Logger
}

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
	return &Pool{keys: o.Keys, ready: make(chan TakeKeys, o.Size), metrics: o.Metrics, log: o.Log}
}

// Run keeps the pool filled until ctx ends. A key service that fails is asked
// again, after 0.2 to 30 s.
func (p *Pool) Run(ctx context.Context) error {
	const first, longest = 200 * time.Millisecond, 30 * time.Second
	wait := first
	for {
		keys, err := NewTakeKeys(ctx, p.keys)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			p.metrics.wrapErrors.Inc()
			if wait == first {
				p.log.Error("keys for recordings cannot be made; the pool covers for now",
					"ready", len(p.ready), "err", err)
			}
			select {
			case <-time.After(wait/2 + rand.N(wait/2)):
			case <-ctx.Done():
				return nil
			}
			wait = min(2*wait, longest)
			continue
		}
		wait = first
		select {
		case p.ready <- keys:
			p.metrics.ready.Set(float64(len(p.ready)))
		case <-ctx.Done():
			return nil
		}
	}
}

// Take takes the keys of one take out of the pool. It never blocks: it returns
// ErrPoolEmpty where none of the current epoch is ready.
func (p *Pool) Take() (TakeKeys, error) {
	current := p.keys.Current().ID
	for {
		select {
		case keys := <-p.ready:
			p.metrics.ready.Set(float64(len(p.ready)))
			if keys.Epoch == current {
				return keys, nil
			}
		default:
			p.metrics.empty.Inc()
			return TakeKeys{}, ErrPoolEmpty
		}
	}
}

// Ready returns how many takes can be had now without waiting.
func (p *Pool) Ready() int { return len(p.ready) }

package tts

import (
	"container/list"
	"context"
	"hash/maphash"
	"iter"
	"slices"
	"sync"

	"sidetone/dialog"
)

// CacheOptions bounds a Cache.
type CacheOptions struct {
	Bytes   int // of audio; 32 MiB when 0
	Metrics *Metrics
}

// Cache is a Speaker that keeps the audio of sentences which are spoken again
// and again, such as the questions of a script, so that they can be heard at
// once. What is said only once is not kept, because it may repeat the caller's
// words: a sentence is kept from the second time on. The least recently spoken
// goes first. It is safe for use by all calls at once.
type Cache struct {
	next    dialog.Speaker
	metrics *Metrics
	seed    maphash.Seed

	mu     sync.Mutex
	budget int
	seen   map[uint64]struct{} // hashes of sentences that were said once
	kept   map[key]*list.Element
	recent list.List // of entry, the most recent first
}

var _ dialog.Speaker = (*Cache)(nil)

type key struct {
	text string
	rate int
}

type entry struct {
	key key
	pcm []int16
}

// seenMax bounds the hashes, of 8 bytes each.
const seenMax = 4096

// NewCache returns a cache before next, which must always be the same voice.
func NewCache(next dialog.Speaker, o CacheOptions) *Cache {
	if o.Bytes <= 0 {
		o.Bytes = 32 << 20
	}
	return &Cache{
		next: next, metrics: o.Metrics, seed: maphash.MakeSeed(), budget: o.Bytes,
		seen: map[uint64]struct{}{}, kept: map[key]*list.Element{},
	}
}

// Name returns the name of the voice behind the cache.
func (c *Cache) Name() string { return c.next.Name() }

// Local tells whether the words stay on this machine.
func (c *Cache) Local() bool { return c.next.Local() }

// Speak yields the kept audio in one chunk, or what the voice makes.
func (c *Cache) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		k := key{text, rate}
		pcm, keep := c.lookup(k)
		c.metrics.cached(pcm != nil)
		if pcm != nil {
			yield(slices.Clone(pcm), nil) // chunks belong to the receiver
			return
		}
		for chunk, err := range c.next.Speak(ctx, text, rate) {
			if keep && err == nil {
				pcm = append(pcm, chunk...)
			}
			if !yield(chunk, err) || err != nil {
				return // a part of a sentence is not kept
			}
		}
		if keep && len(pcm) > 0 {
			c.keep(entry{k, slices.Clip(pcm)})
		}
	}
}

// lookup returns the kept audio, or nil and whether to keep what is made now.
func (c *Cache) lookup(k key) (pcm []int16, keep bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.kept[k]; ok {
		c.recent.MoveToFront(e)
		return e.Value.(entry).pcm, false
	}
	hash := maphash.Comparable(c.seed, k)
	if _, ok := c.seen[hash]; ok {
		return nil, true
	}
	if len(c.seen) >= seenMax {
		clear(c.seen)
	}
	c.seen[hash] = struct{}{}
	return nil, false
}

// keep adds e and drops the least recent beyond the budget.
func (c *Cache) keep(e entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.kept[e.key]; ok || e.cost() > c.budget {
		return
	}
	c.kept[e.key] = c.recent.PushFront(e)
	c.budget -= e.cost()
	for c.budget < 0 {
		last := c.recent.Remove(c.recent.Back()).(entry)
		delete(c.kept, last.key)
		c.budget += last.cost()
	}
}

func (e entry) cost() int { return 2*len(e.pcm) + len(e.key.text) }

package app

import (
	"sync"

	"sidetone/dialog/llm"
	"sidetone/store"
)

// bills count what language models take for the calls that live.
type bills struct {
	mu   sync.Mutex
	open map[string]store.Spent
}

// add takes what a piece of an answer took.
func (b *bills) add(call string, s llm.Spending) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.open == nil {
		b.open = map[string]store.Spent{}
	}
	all := b.open[call]
	all.Input, all.Cached = all.Input+s.Input, all.Cached+s.Cached
	all.Written, all.Output = all.Written+s.Written, all.Output+s.Output
	all.Cost += s.Cost
	b.open[call] = all
}

// close forgets a call that has ended, and returns what was taken for it.
func (b *bills) close(call string) store.Spent {
	b.mu.Lock()
	defer b.mu.Unlock()
	all := b.open[call]
	delete(b.open, call)
	return all
}

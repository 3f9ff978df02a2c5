package twilio

import (
	"context"
	"sync"
	"time"
)

const (
	answerLife = 10 * time.Minute
	maxAnswers = 4096
)

// answers remembers what a webhook was answered, so that a repeated webhook
// gets the same answer, also while the first is still being worked on.
type answers struct {
	now func() time.Time

	mu    sync.Mutex
	byKey map[string]*answer
	order []string // keys by age, oldest first
}

type answer struct {
	ready   chan struct{} // closed when body and err are set
	body    string
	err     error
	expires time.Time
}

func newAnswers(now func() time.Time) *answers {
	return &answers{now: now, byKey: make(map[string]*answer)}
}

// get returns the answer for key, from make if there is none yet. An error is
// shared by all who wait for it and then forgotten.
func (as *answers) get(ctx context.Context, key string, make func() (string, error)) (string, error) {
	as.mu.Lock()
	as.forget()
	a, found := as.byKey[key]
	if !found {
		a = as.add(key)
	}
	as.mu.Unlock()
	if !found {
		a.body, a.err = make()
		close(a.ready)
		if a.err != nil {
			as.remove(key, a)
		}
		return a.body, a.err
	}
	select {
	case <-a.ready:
		return a.body, a.err
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

func (as *answers) add(key string) *answer {
	a := &answer{ready: make(chan struct{}), expires: as.now().Add(answerLife)}
	as.byKey[key] = a
	as.order = append(as.order, key)
	return a
}

// forget drops what has expired, and the oldest beyond the bound.
func (as *answers) forget() {
	now := as.now()
	for len(as.order) > 0 {
		a, found := as.byKey[as.order[0]]
		if found && len(as.order) < maxAnswers && now.Before(a.expires) {
			return
		}
		delete(as.byKey, as.order[0])
		as.order = as.order[1:]
	}
}

// remove leaves the key in order; forget skips it.
func (as *answers) remove(key string, a *answer) {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.byKey[key] == a {
		delete(as.byKey, key)
	}
}

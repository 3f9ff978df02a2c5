package llm

import (
	"cmp"
	"errors"
	"log/slog"
)

// ErrUnavailable says that every engine was left out, since none has worked of late.
var ErrUnavailable = errors.New("llm: no engine is there to be asked")

// Engine is a chat, and what there is to know of it.
type Engine struct {
	Name   string // a metric label
	Chat   Chat
	Prices Prices
}

// Prices are those of a million tokens, in whatever currency. Cached and Written
// are as Input when 0.
type Prices struct{ Input, Cached, Written, Output float64 }

// of returns what a usage costs.
func (p Prices) of(u Usage) float64 {
	cached, written := cmp.Or(p.Cached, p.Input), cmp.Or(p.Written, p.Input)
	return (p.Input*float64(u.Input) + cached*float64(u.Cached) + written*float64(u.Written) + p.Output*float64(u.Output)) / 1e6
}

// Engines are the chats that answer, in the order in which they are asked: each
// takes over from those before it, also in the middle of a turn. They are shared
// by all calls, and so is what is known of who works. They start no goroutine.
type Engines struct {
	list    []*engine
	metrics *Metrics
	log     *slog.Logger
}

type engine struct {
	Engine
	breaker breaker
}

// NewEngines returns engines; there must be one at least. Without a log nothing is
// logged.
func NewEngines(log *slog.Logger, m *Metrics, first Engine, others ...Engine) *Engines {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	all := &Engines{metrics: m, log: log}
	for _, e := range append([]Engine{first}, others...) {
		all.list = append(all.list, &engine{Engine: e})
		m.breaker(e.Name, Closed)
	}
	return all
}

// another reports whether an engine after the one with number i would be asked.
func (all *Engines) another(i int) bool {
	for _, e := range all.list[i+1:] {
		if e.breaker.ready() {
			return true
		}
	}
	return false
}

// enter asks for an engine, and leave says how it did.
func (all *Engines) enter(e *engine) bool {
	if !e.breaker.enter() {
		return false
	}
	all.metrics.breaker(e.Name, e.breaker.state())
	return true
}

func (all *Engines) leave(e *engine, err error, begun, gone bool) {
	before := e.breaker.state()
	e.breaker.leave(judge(err, begun, gone))
	now := e.breaker.state()
	all.metrics.breaker(e.Name, now)
	switch {
	case now == Open && before != Open:
		all.log.Warn("llm: engine left out", "engine", e.Name, "err", err)
	case now == Closed && before != Closed:
		all.log.Info("llm: engine is back", "engine", e.Name)
	}
}

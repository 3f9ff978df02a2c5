package llm

import (
	"cmp"
	"errors"
	"log/slog"

	"sidetone/internal/breaker"
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
}

type engine struct {
	Engine
	breaker *breaker.Breaker
}

// EnginesOptions is what Engines need beside the chats. All may be nil: then nothing
// is counted or logged.
type EnginesOptions struct {
	Metrics  *Metrics
	Breakers *breaker.Metrics
	Log      *slog.Logger
}

// NewEngines returns engines; there must be one at least.
func NewEngines(o EnginesOptions, first Engine, others ...Engine) *Engines {
	all := &Engines{metrics: o.Metrics}
	for _, e := range append([]Engine{first}, others...) {
		b := breaker.New(breaker.Options{Kind: breaker.LLM, Engine: e.Name, Metrics: o.Breakers, Log: o.Log})
		all.list = append(all.list, &engine{Engine: e, breaker: b})
	}
	return all
}

// another reports whether an engine after the one with number i would be asked.
func (all *Engines) another(i int) bool {
	for _, e := range all.list[i+1:] {
		if e.breaker.Ready() {
			return true
		}
	}
	return false
}

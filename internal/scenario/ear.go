package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe/moonshine"
)

// What of the agent's sound is recognised at once.
const (
	phraseGap  = 400 * time.Millisecond  // silence that parts two phrases
	fullPhrase = 2500 * time.Millisecond // a shorter silence parts it
	breathGap  = 150 * time.Millisecond
	longPhrase = 9 * time.Second
	fewWords   = 0.8                    // a second: the model has stopped too early
	aroundIt   = 200 * time.Millisecond // of hiss, with which recognition finds words best
	hiss       = 30.0                   // standard deviation: -60 dBFS
)

// ears recognise what callers hear. All calls share them.
type ears struct{ engine *moonshine.Engine }

func newEars(dir string) *ears {
	return &ears{moonshine.New(moonshine.Options{Dir: dir, Decodes: 1})}
}

func (e *ears) close() error { return e.engine.Close() }

// phrase is what was heard between two pauses.
type phrase struct {
	sim.Span
	text string
}

// hearing is what one caller has heard so far.
type hearing struct {
	ears    *ears
	rate    int
	phrases []phrase // recognised, in order
}

// listen recognises the phrases that have ended by a tick; at the end of the call all
// have.
func (h *hearing) listen(ctx context.Context, heard []int16, all []sim.Span, by media.Tick) error {
	for len(h.phrases) < len(all) {
		next := all[len(h.phrases)]
		if next.To+media.TicksIn(phraseGap) > by {
			return nil
		}
		text, err := h.recognise(ctx, heard, next)
		if err != nil {
			return err
		}
		h.phrases = append(h.phrases, phrase{next, text})
	}
	return nil
}

// unfinished is what was heard of a phrase that has not ended by a tick.
func (h *hearing) unfinished(ctx context.Context, heard []int16, all []sim.Span, by media.Tick) (string, error) {
	if len(h.phrases) == len(all) {
		return "", nil
	}
	open := all[len(h.phrases)]
	return h.recognise(ctx, heard, sim.Span{From: open.From, To: min(open.To, by)})
}

// parted joins what was heard of the agent to phrases. What begins after the caller
// has done something is another one, and a phrase that gets long is parted where the
// agent drew breath.
func (p *player) parted(spans []sim.Span) (all []sim.Span) {
	acts := p.acts
	for _, s := range spans {
		fresh := len(all) == 0
		if !fresh {
			last := all[len(all)-1]
			gap, length := (s.From - last.To).Duration(), (last.To - last.From).Duration()
			fresh = gap >= phraseGap || gap >= breathGap && length >= fullPhrase || (s.To-last.From).Duration() >= longPhrase
		}
		for ; len(acts) > 0 && acts[0].from <= s.From; acts = acts[1:] {
			fresh = fresh || p.Steps[acts[0].step].Noise == "" && p.Steps[acts[0].step].WaitFor == ""
		}
		if !fresh {
			all[len(all)-1].To = s.To
			continue
		}
		for s.To-s.From > media.TicksIn(longPhrase) {
			all = append(all, sim.Span{From: s.From, To: s.From + media.TicksIn(longPhrase)})
			s.From += media.TicksIn(longPhrase)
		}
		all = append(all, s)
	}
	return all
}

func (h *hearing) recognise(ctx context.Context, heard []int16, s sim.Span) (string, error) {
	n := int64(len(heard))
	from, to := min(s.From.Sample(h.rate), n), min(s.To.Sample(h.rate)+int64(h.rate/50), n)
	if to-from < int64(h.rate/20) {
		return "", nil
	}
	random := rand.New(rand.NewPCG(1, 1))
	around := len(silence(h.rate, aroundIt))
	clip := make([]int16, around+int(to-from)+around)
	for i := range clip {
		clip[i] = int16(hiss * random.NormFloat64())
	}
	copy(clip[around:], heard[from:to])
	text, _, err := h.ears.engine.Recognise(ctx, clip, h.rate)
	if err != nil {
		return "", fmt.Errorf("scenario: what was heard: %w", err)
	}
	if length := (s.To - s.From).Duration(); length > fullPhrase && float64(len(strings.Fields(text))) < fewWords*length.Seconds() {
		return h.halves(ctx, heard, s)
	}
	return strings.TrimSpace(text), nil
}

// halves recognises a phrase in two parts.
func (h *hearing) halves(ctx context.Context, heard []int16, s sim.Span) (string, error) {
	middle := (s.From + s.To) / 2
	first, err := h.recognise(ctx, heard, sim.Span{From: s.From, To: middle})
	if err != nil {
		return "", err
	}
	second, err := h.recognise(ctx, heard, sim.Span{From: middle, To: s.To})
	return strings.TrimSpace(first + " " + second), err
}

// text is what was heard in phrases that are wanted.
func (h *hearing) text(want func(sim.Span) bool) string {
	var texts []string
	for _, p := range h.phrases {
		if p.text != "" && want(p.Span) {
			texts = append(texts, p.text)
		}
	}
	return strings.Join(texts, " ")
}

// everything is wanted.
func everything(sim.Span) bool { return true }

// since wants phrases that begin at or after a tick.
func since(at media.Tick) func(sim.Span) bool { return func(s sim.Span) bool { return s.From >= at } }

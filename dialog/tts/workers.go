package tts

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"unicode/utf8"

	"sidetone/media"
)

// MaxText is the most that Workers take at once, in characters.
const MaxText = 1000

// Errors of Workers.
var (
	ErrTooLong = fmt.Errorf("tts: text is longer than %d characters", MaxText)
	ErrClosed  = errors.New("tts: voice is closed")
)

// Worker synthesises on this machine. It belongs to one goroutine.
type Worker interface {
	// Prepare makes ready for the next piece, while nobody waits for it.
	Prepare()
	// Say returns how a normalised piece of text sounds, mono at its rate in Hz. It may
	// give up when ctx ends.
	Say(ctx context.Context, piece string) (pcm []int16, rate int, err error)
	Close()
}

// Workers are the voice of engines on this machine, for all calls at once: they
// normalise texts, cut them into pieces, and synthesise those. A first piece goes
// before all others, which have audio that is played while they wait. The workers'
// goroutines are started by NewWorkers and waited for by Close.
type Workers struct {
	pieces        Cutter
	gain          float64
	first, others chan job
	closed        chan struct{}
	close         sync.Once
	running       sync.WaitGroup
}

// job is one piece of text on its way to a worker, which answers once.
type job struct {
	ctx  context.Context
	text string
	done chan<- result
}

type result struct {
	pcm  []int16
	rate int
	err  error
}

// NewWorkers starts workers. gain brings them to about -20 dBFS of active speech.
func NewWorkers(pieces Cutter, gain float64, workers ...Worker) *Workers {
	w := &Workers{pieces: pieces, gain: gain, first: make(chan job), others: make(chan job), closed: make(chan struct{})}
	for _, one := range workers {
		w.running.Go(func() { w.work(one) })
	}
	return w
}

// Close ends the workers and waits for them, at most the synthesis of one piece. It
// is idempotent.
func (w *Workers) Close() {
	w.close.Do(func() { close(w.closed) })
	w.running.Wait()
}

// Speak yields text as mono PCM at rate Hz, a chunk for each piece, the silence
// after it 100 ms long. It returns at once when ctx ends. It yields ErrTooLong,
// ErrClosed, ctx's error, or that of the synthesis. Text without words yields
// nothing.
func (w *Workers) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		if utf8.RuneCountInString(text) > MaxText {
			yield(nil, ErrTooLong)
			return
		}
		queue := w.first
		for _, piece := range w.pieces.Pieces(Normalize(text)) {
			pcm, err := w.speak(ctx, queue, piece, rate)
			if !yield(pcm, err) || err != nil {
				return
			}
			queue = w.others
		}
	}
}

// speak has one piece synthesised by the next free worker.
func (w *Workers) speak(ctx context.Context, queue chan<- job, piece string, rate int) ([]int16, error) {
	done := make(chan result, 1) // a worker never waits for who has gone
	select {
	case queue <- job{ctx, piece, done}:
	case <-w.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case r := <-done:
		if r.err != nil {
			return nil, r.err
		}
		pcm, err := media.Resample(Polish(r.pcm, r.rate, w.gain), r.rate, rate)
		if err != nil {
			return nil, fmt.Errorf("tts: resample: %w", err)
		}
		return pcm, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// work has one worker do one job after another until the voice is closed.
func (w *Workers) work(one Worker) {
	defer one.Close()
	for {
		one.Prepare()
		var j job
		select {
		case <-w.closed:
			return
		case j = <-w.first:
		default:
			select {
			case <-w.closed:
				return
			case j = <-w.first:
			case j = <-w.others:
			}
		}
		var r result
		if r.err = context.Cause(j.ctx); r.err == nil {
			r.pcm, r.rate, r.err = one.Say(j.ctx, j.text)
		}
		j.done <- r
	}
}

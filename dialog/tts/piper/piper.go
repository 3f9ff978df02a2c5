// Package piper is the built-in neural voice: a network of the Piper family, run
// by the ONNX Runtime on this machine, to which the program espeak-ng says how
// words are pronounced. It speaks English.
//
// It refuses text of more than MaxText characters, and never writes text or audio
// to a disk. espeak-ng gets the words by its standard input, without a shell, and
// is started again when it fails. A Voice owns the goroutines that synthesise,
// each with an espeak-ng of its own; New starts them and Close waits for them. At
// most one synthesis fewer than there are processors runs at a time, so that audio
// keeps its share.
package piper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"os/exec"
	"runtime"
	"sync"
	"unicode/utf8"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/media"
)

// MaxText is the most that Speak takes at once, in characters.
const MaxText = 1000

// Joe is the name of the voice.
const Joe = "joe"

// gain brings the voice to about -20 dBFS of active speech.
const gain = 1

// pieces are cut so that the first can be heard soon, and that none holds up the
// others for long.
var pieces = tts.Cutter{Min: 12, First: 36, Max: 100}

// Errors of this package.
var (
	ErrUnavailable = errors.New("piper: voice is not available")
	ErrTooLong     = fmt.Errorf("piper: text is longer than %d characters", MaxText)
	ErrClosed      = errors.New("piper: voice is closed")
)

// Options says what a Voice is made of. Zero fields take the defaults.
type Options struct {
	ModelsDir string // holds models.Joe, whose sum is checked before it is loaded
	Espeak    string // the program; espeak-ng, as found in PATH, when empty
	Parallel  int    // syntheses at once; the number of processors less one, at least 1
}

// Voice speaks. It is safe for use by all calls at once.
type Voice struct {
	network       *network
	first, others chan job // the first pieces of replies, which are waited for, and all others
	closed        chan struct{}
	close         sync.Once
	workers       sync.WaitGroup
}

var _ dialog.Speaker = (*Voice)(nil)

// job is one piece of text on its way to a worker, which answers once.
type job struct {
	ctx  context.Context
	text string
	done chan<- result
}

type result struct {
	pcm []int16 // at the voice's rate
	err error
}

// New loads the network, which takes about a second, and starts the workers. Its
// errors wrap ErrUnavailable and why there can be no voice, such as
// models.ErrMissing, or that there is no espeak-ng.
func New(o Options) (*Voice, error) {
	program, err := exec.LookPath(cmp.Or(o.Espeak, "espeak-ng"))
	if err != nil {
		return nil, fmt.Errorf("%w: %w (Debian: apt-get install espeak-ng)", ErrUnavailable, err)
	}
	n, err := load(o.ModelsDir)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	process, err := start(program, n.Espeak.Voice, patience)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, errors.Join(err, n.function.Close()))
	}
	v := &Voice{network: n, first: make(chan job), others: make(chan job), closed: make(chan struct{})}
	for range cmp.Or(max(0, o.Parallel), max(1, runtime.GOMAXPROCS(0)-1)) {
		p := &phonemizer{program, n.Espeak.Voice, patience, process}
		process = nil // the others start their own when they are needed
		v.workers.Go(func() { v.work(p) })
	}
	return v, nil
}

// Close ends the workers and their programs, waits for them (at most the synthesis
// of one piece) and frees the network. It is idempotent.
func (v *Voice) Close() error {
	var err error
	v.close.Do(func() {
		close(v.closed)
		v.workers.Wait()
		err = v.network.function.Close()
	})
	return err
}

// Name returns "piper".
func (v *Voice) Name() string { return "piper" }

// Local returns true: the words stay on this machine.
func (v *Voice) Local() bool { return true }

// Speak yields text as mono PCM at rate Hz, a chunk for each clause or two, at
// about -20 dBFS, the silence after it 100 ms long. It returns at once when ctx
// ends. It yields ErrTooLong, ErrClosed, ctx's error, or that of the synthesis.
// Text without words yields nothing. The same words never sound quite the same.
func (v *Voice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		if utf8.RuneCountInString(text) > MaxText {
			yield(nil, ErrTooLong)
			return
		}
		queue := v.first
		for _, piece := range pieces.Pieces(tts.Normalize(text)) {
			pcm, err := v.speak(ctx, queue, piece, rate)
			if !yield(pcm, err) || err != nil {
				return
			}
			queue = v.others
		}
	}
}

// speak has one piece synthesised by the next free worker.
func (v *Voice) speak(ctx context.Context, queue chan<- job, piece string, rate int) ([]int16, error) {
	done := make(chan result, 1) // a worker never waits for who has gone
	select {
	case queue <- job{ctx, piece, done}:
	case <-v.closed:
		return nil, ErrClosed
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case r := <-done:
		if r.err != nil {
			return nil, r.err
		}
		pcm, err := media.Resample(tts.Polish(r.pcm, v.network.Audio.Rate, gain), v.network.Audio.Rate, rate)
		if err != nil {
			return nil, fmt.Errorf("piper: resample: %w", err)
		}
		return pcm, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// work synthesises one job after another until the voice is closed. A first piece
// goes before all others: those have audio that is played while they wait.
func (v *Voice) work(p *phonemizer) {
	defer p.close()
	for {
		var j job
		select {
		case <-v.closed:
			return
		case j = <-v.first:
		default:
			select {
			case <-v.closed:
				return
			case j = <-v.first:
			case j = <-v.others:
			}
		}
		pcm, err := v.synthesise(j, p)
		j.done <- result{pcm, err}
	}
}

func (v *Voice) synthesise(j job, p *phonemizer) ([]int16, error) {
	if j.ctx.Err() != nil {
		return nil, context.Cause(j.ctx)
	}
	parts := clauses(j.text)
	words := make([]string, len(parts))
	for i, c := range parts {
		words[i] = c.words
	}
	said, err := p.say(words)
	if err != nil {
		return nil, fmt.Errorf("piper: pronounce: %w", err)
	}
	pcm, err := v.network.speak(j.ctx, written(parts, said))
	if err != nil {
		return nil, fmt.Errorf("piper: synthesise: %w", err)
	}
	return pcm, nil
}

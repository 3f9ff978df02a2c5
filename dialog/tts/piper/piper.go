// Package piper is the built-in neural voice: a network of the Piper family, run
// by the ONNX Runtime on this machine, to which the program espeak-ng says how
// words are pronounced. It speaks English.
//
// It refuses text of more than tts.MaxText characters, and never writes text or audio
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

	"sidetone/dialog"
	"sidetone/dialog/tts"
)

// Joe is the name of the voice.
const Joe = "joe"

// gain brings the voice to about -20 dBFS of active speech.
const gain = 1

// pieces are cut so that the first can be heard soon, and that none holds up the
// others for long.
var pieces = tts.Cutter{Min: 12, First: 36, Max: 100}

// ErrUnavailable says that there can be no voice.
var ErrUnavailable = errors.New("piper: voice is not available")

// Options says what a Voice is made of. Zero fields take the defaults.
type Options struct {
	ModelsDir string // holds models.Joe, whose sum is checked before it is loaded
	Espeak    string // the program; espeak-ng, as found in PATH, when empty
	Parallel  int    // syntheses at once; the number of processors less one, at least 1
}

// Voice speaks. It is safe for use by all calls at once.
type Voice struct {
	network *network
	workers *tts.Workers
	close   sync.Once
}

var _ dialog.Speaker = (*Voice)(nil)

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
	var workers []tts.Worker
	for range cmp.Or(max(0, o.Parallel), max(1, runtime.GOMAXPROCS(0)-1)) {
		workers = append(workers, &worker{n, &phonemizer{program, n.Espeak.Voice, patience, process}})
		process = nil // the others start their own when they are needed
	}
	return &Voice{network: n, workers: tts.NewWorkers(pieces, gain, workers...)}, nil
}

// Close ends the workers and their programs, waits for them (at most the synthesis
// of one piece) and frees the network. It is idempotent.
func (v *Voice) Close() error {
	var err error
	v.close.Do(func() {
		v.workers.Close()
		err = v.network.function.Close()
	})
	return err
}

// Name returns "piper".
func (v *Voice) Name() string { return "piper" }

// Local returns true: the words stay on this machine.
func (v *Voice) Local() bool { return true }

// Speak yields text as tts.Workers do, a chunk for each clause or two. The same
// words never sound quite the same.
func (v *Voice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return v.workers.Speak(ctx, text, rate)
}

// worker is the network, and an espeak-ng of its own.
type worker struct {
	network    *network
	phonemizer *phonemizer
}

// Prepare implements tts.Worker: there is nothing to be done ahead.
func (*worker) Prepare() {}

// Close implements tts.Worker.
func (w *worker) Close() { w.phonemizer.close() }

// Say implements tts.Worker.
func (w *worker) Say(ctx context.Context, piece string) ([]int16, int, error) {
	parts := clauses(piece)
	words := make([]string, len(parts))
	for i, c := range parts {
		words[i] = c.words
	}
	said, err := w.phonemizer.say(words)
	if err != nil {
		return nil, 0, fmt.Errorf("piper: pronounce: %w", err)
	}
	pcm, err := w.network.speak(ctx, written(parts, said))
	if err != nil {
		return nil, 0, fmt.Errorf("piper: synthesise: %w", err)
	}
	return pcm, w.network.Audio.Rate, nil
}

// Package flite is the built-in voice: CMU Flite, compiled to WebAssembly and
// run by wazero inside this process, with no cgo, no subprocess and no network.
// It speaks English.
//
// It refuses text of more than tts.MaxText characters and never writes text or
// audio to a disk. A Voice owns the goroutines that synthesise, started by New
// and waited for by Close.
package flite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/models"
)

// pieces are cut at clauses, of which the first is the shortest.
var pieces = tts.Cutter{Min: 12, First: 160, Max: 160}

// memoryPages bounds the memory of one instance: 48 MiB in pages of 64 KiB. A
// piece of the longest size needs half of it.
const memoryPages = 768

// Errors of this package.
var (
	ErrUnavailable  = errors.New("flite: voice is not available")
	ErrUnknownVoice = errors.New("flite: unknown voice")
)

// Options says which voice to load, and from where.
type Options struct {
	ModelsDir string // holds models.Flite, whose sum is checked before it is run
	Voice     string // one of Voices; "rms" when empty
	CacheDir  string // keeps the compiled code from start to start; none when empty
	Parallel  int    // syntheses at once; the number of cores, at most 4, when 0
}

// gains bring each voice to about -20 dBFS of active speech.
var gains = map[string]float64{"rms": 1, "slt": 0.55, "awb": 1, "kal16": 2, "kal": 0.75}

// Voices returns the names that Options.Voice may have, sorted.
func Voices() []string {
	names := make([]string, 0, len(gains))
	for name := range gains {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Voice speaks. It is safe for use by all calls at once.
type Voice struct {
	name     string
	runtime  wazero.Runtime
	compiled wazero.CompiledModule
	workers  *tts.Workers
}

var _ dialog.Speaker = (*Voice)(nil)

// New compiles the module (a quarter of a second, much less from CacheDir) and
// starts the workers. Its errors wrap ErrUnknownVoice, or ErrUnavailable and why
// the module cannot be run, such as models.ErrMissing.
func New(ctx context.Context, o Options) (*Voice, error) {
	if o.Voice == "" {
		o.Voice = "rms"
	}
	if _, ok := gains[o.Voice]; !ok {
		return nil, fmt.Errorf("%w %q (known: %s)", ErrUnknownVoice, o.Voice, strings.Join(Voices(), ", "))
	}
	wasm, err := models.Read(o.ModelsDir, models.Flite)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if o.Parallel <= 0 {
		o.Parallel = min(4, runtime.GOMAXPROCS(0))
	}
	// Letting a context stop the code from outside would make it run six times
	// slower. Pieces are short instead, and nobody waits for a cancelled one.
	config := wazero.NewRuntimeConfig().WithMemoryLimitPages(memoryPages)
	if o.CacheDir != "" {
		cache, err := wazero.NewCompilationCacheWithDir(o.CacheDir)
		if err != nil {
			return nil, fmt.Errorf("flite: open compilation cache: %w", err)
		}
		config = config.WithCompilationCache(cache)
	}
	v := &Voice{name: o.Voice, runtime: wazero.NewRuntimeWithConfig(ctx, config)}
	if err := v.load(ctx, wasm); err != nil {
		return nil, errors.Join(err, v.runtime.Close(context.WithoutCancel(ctx)))
	}
	var workers []tts.Worker
	for range o.Parallel {
		workers = append(workers, &worker{voice: v})
	}
	v.workers = tts.NewWorkers(pieces, gains[v.name], workers...)
	return v, nil
}

func (v *Voice) load(ctx context.Context, wasm []byte) error {
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, v.runtime); err != nil {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	compiled, err := v.runtime.CompileModule(ctx, wasm)
	if err != nil {
		return fmt.Errorf("%w: compile: %w", ErrUnavailable, err)
	}
	v.compiled = compiled
	return nil
}

// Close ends the workers, waits for them (at most the synthesis of one piece)
// and frees the module. It is idempotent.
func (v *Voice) Close() error {
	v.workers.Close()
	return v.runtime.Close(context.Background())
}

// Name returns "flite".
func (v *Voice) Name() string { return "flite" }

// Local returns true: the words stay in this process.
func (v *Voice) Local() bool { return true }

// Speak yields text as tts.Workers do, clause by clause.
func (v *Voice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return v.workers.Speak(ctx, text, rate)
}

// worker runs one instance after another. A fresh one for every piece makes the
// same text the same audio; it is made ahead.
type worker struct {
	voice *Voice
	next  *instance
	err   error // of making it
}

// Prepare implements tts.Worker.
func (w *worker) Prepare() {
	w.Close()
	w.next, w.err = w.voice.instantiate()
}

// Close implements tts.Worker.
func (w *worker) Close() {
	if w.next != nil {
		w.next.close()
	}
}

// Say implements tts.Worker.
func (w *worker) Say(_ context.Context, piece string) ([]int16, int, error) {
	if w.err != nil {
		return nil, 0, w.err
	}
	wave, err := w.next.run(piece)
	return wave.pcm, wave.rate, err
}

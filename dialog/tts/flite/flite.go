// Package flite is the built-in voice: CMU Flite, compiled to WebAssembly and
// run by wazero inside this process, with no cgo, no subprocess and no network.
// It speaks English.
//
// It refuses text of more than MaxText characters and never writes text or
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
	"sync"
	"unicode/utf8"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/internal/models"
	"sidetone/media"
)

// MaxText is the most that Speak takes at once, in characters.
const MaxText = 1000

// pieces are cut at clauses, of which the first is the shortest.
var pieces = tts.Cutter{Min: 12, First: 160, Max: 160}

// memoryPages bounds the memory of one instance: 48 MiB in pages of 64 KiB. A
// piece of the longest size needs half of it.
const memoryPages = 768

// Errors of this package.
var (
	ErrUnavailable  = errors.New("flite: voice is not available")
	ErrUnknownVoice = errors.New("flite: unknown voice")
	ErrTooLong      = fmt.Errorf("flite: text is longer than %d characters", MaxText)
	ErrClosed       = errors.New("flite: voice is closed")
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
	jobs     chan job
	closed   chan struct{}
	close    sync.Once
	workers  sync.WaitGroup
}

var _ dialog.Speaker = (*Voice)(nil)

// job is one piece of text on its way to a worker, which answers once.
type job struct {
	ctx  context.Context
	text string
	done chan<- result
}

type result struct {
	wave wave
	err  error
}

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
	v := &Voice{
		name:    o.Voice,
		runtime: wazero.NewRuntimeWithConfig(ctx, config),
		jobs:    make(chan job),
		closed:  make(chan struct{}),
	}
	if err := v.load(ctx, wasm); err != nil {
		return nil, errors.Join(err, v.runtime.Close(context.WithoutCancel(ctx)))
	}
	for range o.Parallel {
		v.workers.Go(v.work)
	}
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
	v.close.Do(func() { close(v.closed) })
	v.workers.Wait()
	return v.runtime.Close(context.Background())
}

// Name returns "flite".
func (v *Voice) Name() string { return "flite" }

// Local returns true: the words stay in this process.
func (v *Voice) Local() bool { return true }

// Speak yields text as mono PCM at rate Hz, clause by clause: one chunk each,
// levelled to about -20 dBFS, the silence after it 100 ms long. It returns at
// once when ctx ends. It yields ErrTooLong, ErrClosed, ctx's error, or that of
// the module. Text without words yields nothing.
func (v *Voice) Speak(ctx context.Context, text string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		if utf8.RuneCountInString(text) > MaxText {
			yield(nil, ErrTooLong)
			return
		}
		for _, piece := range pieces.Pieces(tts.Normalize(text)) {
			pcm, err := v.speak(ctx, piece, rate)
			if !yield(pcm, err) || err != nil {
				return
			}
		}
	}
}

// speak has one piece synthesised by the next free worker.
func (v *Voice) speak(ctx context.Context, piece string, rate int) ([]int16, error) {
	done := make(chan result, 1) // a worker never waits for who has gone
	select {
	case v.jobs <- job{ctx, piece, done}:
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
		pcm, err := media.Resample(tts.Polish(r.wave.pcm, r.wave.rate, gains[v.name]), r.wave.rate, rate)
		if err != nil {
			return nil, fmt.Errorf("flite: resample: %w", err)
		}
		return pcm, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// work synthesises one job after another until the voice is closed. A fresh
// instance for every job makes the same text the same audio; it is made ahead,
// while nobody waits.
func (v *Voice) work() {
	next, err := v.instantiate()
	for {
		select {
		case <-v.closed:
			next.close()
			return
		case j := <-v.jobs:
			if j.ctx.Err() != nil {
				j.done <- result{err: context.Cause(j.ctx)}
				continue
			}
			var w wave
			if err == nil {
				w, err = next.run(j.text)
			}
			j.done <- result{w, err}
			next.close()
			next, err = v.instantiate()
		}
	}
}

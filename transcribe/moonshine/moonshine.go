// Package moonshine is the built-in speech recognition: Moonshine tiny for
// English (Useful Sensors, MIT), decoded on this machine. One model in memory
// serves all calls.
//
// It hears only what Speech delimits, and refuses to guess where words are: an
// Engine needs voice activity detection beside it. A session's goroutine is
// that of its Run; the Engine has none. At most one decode fewer than there are
// processors runs at a time, so that audio keeps its share.
package moonshine

import (
	"cmp"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"

	"sidetone/internal/models"
	"sidetone/transcribe"
)

// ErrLanguage says that a session was asked for a language the model does not
// know.
var ErrLanguage = errors.New("moonshine: only English is built in")

// Options says how an Engine works. Zero fields take the defaults.
type Options struct {
	Dir     string   // the models folder
	Decodes int      // decodes at once; the number of processors less one, at least 1
	Metrics *Metrics // nil for none
}

// Engine holds the model and shares it out among the sessions.
type Engine struct {
	options   Options
	loading   sync.Mutex
	model     *model
	scheduler *scheduler
}

// New returns an Engine that loads the model when it is first needed.
func New(o Options) *Engine {
	o.Decodes = cmp.Or(o.Decodes, max(1, runtime.GOMAXPROCS(0)-1))
	if o.Metrics == nil {
		o.Metrics = NewMetrics(nil)
	}
	return &Engine{options: o}
}

// Name implements transcribe.Engine.
func (*Engine) Name() string { return "moonshine" }

// Local implements transcribe.Engine.
func (*Engine) Local() bool { return true }

// Load loads the model, which takes about a second, so that the first call
// needs not wait for it. It may be called again. The error wraps
// transcribe.ErrUnavailable when model files are missing or wrong, and names
// the remedy.
func (e *Engine) Load() error {
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.model != nil {
		return nil
	}
	m, err := load(e.options.Dir)
	if errors.Is(err, models.ErrMissing) || errors.Is(err, models.ErrTampered) {
		return fmt.Errorf("%w: %w", transcribe.ErrUnavailable, err)
	}
	if err != nil {
		return err
	}
	s, err := newScheduler(m, e.options.Decodes)
	if err != nil {
		return errors.Join(err, m.close())
	}
	e.model, e.scheduler = m, s
	return nil
}

// Loaded reports whether the model is there.
func (e *Engine) Loaded() bool {
	e.loading.Lock()
	defer e.loading.Unlock()
	return e.model != nil
}

// Open implements transcribe.Engine. Its sessions make no word times, and
// ignore key terms.
func (e *Engine) Open(o transcribe.Options) (transcribe.Session, error) {
	if lang, _, _ := strings.Cut(o.Language, "-"); lang != "" && !strings.EqualFold(lang, "en") {
		return nil, fmt.Errorf("%w, not %q", ErrLanguage, o.Language)
	}
	if err := checkRate(o.Rate); err != nil {
		return nil, err
	}
	if err := e.Load(); err != nil {
		return nil, err
	}
	return newSession(e, o.Rate), nil
}

func checkRate(rate int) error {
	if rate != 8000 && rate != sampleRate {
		return fmt.Errorf("moonshine: a rate of %d Hz is neither 8000 nor 16000", rate)
	}
	return nil
}

// Close frees the model. All sessions must have ended.
func (e *Engine) Close() error {
	e.loading.Lock()
	defer e.loading.Unlock()
	if e.model == nil {
		return nil
	}
	err := errors.Join(e.scheduler.close(), e.model.close())
	e.model, e.scheduler = nil, nil
	return err
}

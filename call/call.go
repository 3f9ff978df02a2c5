// Package call is one call: it owns every goroutine of it and is the only
// place where its life can be read. Registry admits calls and lets them drain.
//
// It refuses to know a protocol, a vendor or a file format: it joins a leg, the
// consent machine, the turn machine, speech recognition, a voice and a
// recorder, and carries each frame and event to those that may have it.
//
// Run starts, besides its own loop, one goroutine each for the leg, the
// recognition session, the replier, the speaker, the clerk (ledger) and, once
// consent is given, the recorder; it returns when all have ended. All state of
// a call belongs to the loop; the others talk to it by channels.
package call

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/recorder"
	"sidetone/telephony"
	"sidetone/transcribe"
	"sidetone/transcribe/vad"
)

// ErrShuttingDown is the cause with which a call's context ends when the
// gateway wants the call to say goodbye.
var ErrShuttingDown = errors.New("call: shutting down")

// Ledger is where rows of proof go. Append returns when the row is on disk.
type Ledger interface {
	Append(ctx context.Context, call, event string, body []byte) (int64, error)
}

// Options is what a call is made of.
type Options struct {
	Leg      telephony.Leg
	Consent  *consent.Machine
	Message  consent.Message // the one that Consent plays
	Dialog   *dialog.Machine // whose clips start at FirstClip(Message)
	Replier  dialog.Replier
	Speaker  dialog.Speaker
	Engine   transcribe.Engine // nil: the caller can only press keys
	Detector vad.Detector
	Language string
	KeyTerms []string
	Ledger   Ledger
	// Begin opens the recording; it returns when the keys are on disk. nil keeps
	// nothing.
	Begin func(origin media.Tick) (*recorder.Recorder, error)
	Limit time.Duration // of the call; 0 is none
	// Unrecorded lets a caller with a screen choose to go on without a recording.
	Unrecorded bool
	Farewell   Farewell
	Watch      func(Update) // sees what the call may show; must not block; may be nil
	Metrics    *Metrics
	Log        *slog.Logger
}

// Farewell is what a caller hears when the gateway ends the call.
type Farewell struct {
	Duration     string // the call has reached its limit
	ShuttingDown string // the gateway stops
	Unprovable   string // the ledger fails: nobody can agree to anything
	Unanswered   string // the question of consent was not answered
	Unrecorded   string // the caller wants no recording, and the agent goes on with none but recorded ones
}

// FirstClip is the number of the first clip that is not part of a message.
func FirstClip(m consent.Message) media.ClipID { return media.ClipID(len(m.Parts) + 1) }

// Call is one call. Make it with New, run it once.
type Call struct {
	Options
	info    telephony.Info
	session transcribe.Session

	// What belongs to the loop.
	began      time.Time
	heardUs    bool // a frame has been sent
	lost       bool // the far end is gone for now
	clock      media.Clock
	playout    *media.Playout
	echo       *media.Echo
	gate       *consent.Gate
	recorder   *recorder.Recorder
	heard      hearing
	spoken     speaking
	asked      asking
	screen     screen
	ending     *ending
	outcome    consent.Outcome // empty until settled
	anchored   media.Tick      // the newest anchor
	leadIn     []media.Span    // the announcement as played, until the grant
	waiting    []media.Frame   // caller audio since a grant that is not on disk yet
	result     Result
	turn       stopwatch
	due        time.Time // when the playout wants to be stepped
	unfinished int       // Finalizes that no final has answered

	// How the other goroutines reach the loop, and how they end.
	written chan written
	replied chan replied
	speech  chan speech
	rows    chan consent.Append
	inputs  chan input
	says    chan say
	wg      sync.WaitGroup
	run     context.Context // of all goroutines
	fault   chan error      // a panic of one of the goroutines
}

// New returns a call that has not begun.
func New(o Options) (*Call, error) {
	c := &Call{
		Options: o,
		info:    o.Leg.Info(),
		gate:    o.Consent.Gate(),
		written: make(chan written, 16),
		replied: make(chan replied, 16),
		speech:  make(chan speech, 4),
		rows:    make(chan consent.Append, 16),
		inputs:  make(chan input, 1),
		says:    make(chan say, 1),
		fault:   make(chan error, 8),
	}
	if leg, ok := o.Leg.(telephony.Screen); ok {
		c.screen.leg = leg
		c.Consent.OnScreen()
	}
	c.echo = media.NewEcho(c.info.Rate)
	c.playout = media.NewPlayout(media.PlayoutOptions{Rate: c.info.Rate, Lead: c.info.Lead}, sink{c})
	if o.Engine == nil {
		return c, nil
	}
	session, err := o.Engine.Open(transcribe.Options{Rate: c.info.Rate, Language: o.Language, KeyTerms: o.KeyTerms})
	if err != nil {
		return nil, err
	}
	c.session = session
	return c, nil
}

// sink is the leg as the playout sees it; what is sent is remembered by the
// echo detector.
type sink struct{ *Call }

func (s sink) Send(f media.Frame) error {
	now := time.Now()
	if !s.heardUs {
		s.heardUs = true
		s.Metrics.firstAudio.Observe(now.Sub(s.began).Seconds())
	}
	s.echo.Sent(f.PCM)
	s.turn.sent(now, s.Metrics)
	return s.Leg.Send(f)
}
func (s sink) Mark(id media.MarkID) error { return s.Leg.Mark(id) }
func (s sink) Clear() error               { return s.Leg.Clear() }

// Run runs the call to its end. When ctx ends with ErrShuttingDown the call
// says goodbye first; when it ends otherwise, the leg is ended at once.
func (c *Call) Run(ctx context.Context) Result {
	c.began = time.Now()
	c.Metrics.began(c.info)
	c.Log.Info("call started", "call", c.info.ID, "kind", c.info.Kind, "agent", c.info.Agent)

	var stop context.CancelFunc
	c.run, stop = context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	c.start(c.run)
	c.loop(ctx)

	c.windUp()
	stop()
	c.wg.Wait()

	c.Metrics.finished(c.info, c.result, time.Since(c.began))
	c.Log.Info("call ended", "call", c.info.ID, "outcome", c.result.Outcome, "reason", c.result.Reason,
		"consent", c.outcome, "seconds", time.Since(c.began).Seconds())
	c.watch(Update{Kind: CallEnded, Result: c.result})
	return c.result
}

// start starts the goroutines that a call has from its beginning.
func (c *Call) start(ctx context.Context) {
	c.spawn("leg", func() error { return legError(c.Leg.Run(ctx)) })
	c.spawn("clerk", func() error { return c.clerk(ctx) })
	c.spawn("replier", func() error { return c.reply(ctx) })
	c.spawn("speaker", func() error { return c.speak(ctx) })
	if c.session != nil {
		c.spawn("session", func() error { return c.session.Run(ctx) })
	}
}

// spawn runs one goroutine of the call. Its error is logged; its panic ends
// this call and no other.
func (c *Call) spawn(name string, run func() error) {
	c.wg.Go(func() {
		defer func() {
			if p := recover(); p != nil {
				c.fault <- panicked(name, p)
			}
		}()
		if err := run(); err != nil && !errors.Is(err, context.Canceled) {
			c.Log.Warn("call: part failed", "call", c.info.ID, "part", name, "err", err)
		}
	})
}

// legError returns what is worth logging of a leg's end.
func legError(err error) error {
	var end *telephony.EndError
	if errors.As(err, &end) && end.Err == nil {
		return nil
	}
	return err
}

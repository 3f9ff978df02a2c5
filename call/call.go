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

// Persona is who answers a call.
type Persona struct {
	Agent    string
	Consent  *consent.Machine
	Matcher  Matcher // of spoken answers; nil where the question is not answered by voice
	Dialog   *dialog.Machine
	Replier  dialog.Replier
	Speaker  dialog.Speaker
	Engine   transcribe.Engine // nil: the caller can only press keys
	Language string
	KeyTerms []string
	Snippets dialog.Snippets
	Beep     []int16           // laid over the call every 15 s while it is recorded; nil for none
	Announce map[string]string // what is said to those to whom callers are handed on, by their number, before that
	HandOn   string            // number for callers with whom the conversation can not go on; may be empty
	// Unrecorded lets a caller with a screen choose to go on without a recording.
	Unrecorded bool
}

// Languages lets the caller choose who answers, before anything else.
type Languages struct {
	Options []consent.LanguageOption
	Become  func(option int) (Persona, error)
}

// Options is what a call is made of.
type Options struct {
	Persona
	Languages *Languages // nil: there is no choice
	// Colleague makes the named agent one that may go on with the call, on the terms
	// that it was begun on; nil where there is none.
	Colleague func(agent string, standing consent.Terms) (Persona, error)
	Leg       telephony.Leg
	Detector  vad.Detector
	Ledger    Ledger
	// Begin opens the recording of the call's next take, which may have snippets; it
	// returns when the keys are on disk. nil keeps nothing.
	Begin func(origin media.Tick, snippets bool) (*recorder.Recorder, error)
	// Destroy destroys all takes of the call, or reports that it is queued; both with
	// an error that says why it could not be done at once.
	Destroy  func(context.Context) (queued bool, err error)
	Limit    time.Duration // of the call; 0 is none
	Farewell Farewell
	Watch    func(Update) // sees what the call may show; must not block; may be nil
	Metrics  *Metrics
	Log      *slog.Logger
}

// Farewell is what a caller hears when the gateway ends the call.
type Farewell struct {
	Duration     string // the call has reached its limit
	ShuttingDown string // the gateway stops
	Unanswered   string // the question of consent was not answered
}

// Call is one call. Make it with New, run it once.
type Call struct {
	Options
	info    telephony.Info
	session transcribe.Session
	words   <-chan transcribe.Event // of the session; nil once it has ended
	unhear  context.CancelFunc      // ends the session
	chooser *consent.Chooser        // nil once the caller's language is known

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
	audit      consent.Audit
	notice     notices
	yesno      answering
	pausing    pausing
	conversing bool       // the conversation has begun
	successor  *Persona   // goes on once the caller has answered; nil for none
	anchored   media.Tick // the newest anchor
	voiced     voiced
	beeped     media.Tick  // the newest tone
	answered   consent.How // by what the question was answered
	tones      media.ClipID
	clips      media.ClipID // the newest of the playout
	sources    map[media.ClipID]source
	destroying int
	waiting    []media.Frame // caller audio since a grant that is not on disk yet
	own        []media.Frame // the agent's voice that is not in the recording yet
	result     Result
	turn       stopwatch
	timing     timing
	due        time.Time // when the playout wants to be stepped
	passed     time.Time // the newest beat
	awake      time.Time // since when beats have come without a pause
	finals     []bool    // Finalizes that no final has answered, and whether anybody wants it
	hearer     string    // the engine that heard the newest final

	// How the other goroutines reach the loop, and how they end.
	written chan written
	replied chan replied
	speech  chan speech
	rows    chan row
	inputs  chan input
	says    chan say

	matched   chan matched
	destroyed chan bool
	commands  chan Command
	handovers chan handover
	deaf      chan struct{} // closed when the loop takes no more commands

	wg    sync.WaitGroup
	run   context.Context // of all goroutines
	fault chan error      // a panic of one of the goroutines
}

// New returns a call that has not begun.
func New(o Options) (*Call, error) {
	c := &Call{
		Options: o,
		info:    o.Leg.Info(),
		written: make(chan written, 16),
		replied: make(chan replied, 16),
		speech:  make(chan speech, 4),
		rows:    make(chan row, 16),
		inputs:  make(chan input, 1),
		says:    make(chan say, 1),
		fault:   make(chan error, 8),

		matched: make(chan matched, 4), destroyed: make(chan bool, 1), commands: make(chan Command, 16), handovers: make(chan handover), deaf: make(chan struct{}),
	}
	if leg, ok := o.Leg.(telephony.Screen); ok {
		c.screen.leg = leg
	}
	c.heard.settled = true
	c.echo = media.NewEcho(c.info.Rate)
	c.playout = media.NewPlayout(media.PlayoutOptions{Rate: c.info.Rate, Lead: c.info.Lead}, sink{c})
	if o.Languages != nil {
		c.chooser = consent.NewChooser(o.Languages.Options)
	}
	return c, c.become(o.Persona)
}

// become makes the call answer as p.
func (c *Call) become(p Persona) error {
	c.gate, c.audit = p.Consent.Gate(), consent.Audit{}
	return c.engage(p)
}

// engage lets p hear and speak; recognise starts the hearing.
func (c *Call) engage(p Persona) error {
	c.Persona = p
	if c.session = nil; p.Engine == nil {
		return nil
	}
	session, err := p.Engine.Open(transcribe.Options{Rate: c.info.Rate, Language: p.Language, KeyTerms: p.KeyTerms})
	if err != nil {
		return err
	}
	c.session = session
	return nil
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
	s.turn.sent(now, s.Call)
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
	close(c.deaf)

	c.windUp()
	stop()
	c.wg.Wait()

	c.endPause()
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
	if c.chooser == nil {
		c.recognise()
	}
}

// recognise starts recognition.
func (c *Call) recognise() {
	if session := c.session; session != nil {
		var run context.Context
		run, c.unhear = context.WithCancel(c.run)
		c.words = session.Events()
		c.spawn("session", func() error { return session.Run(run) })
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

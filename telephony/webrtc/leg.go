package webrtc

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"

	"sidetone/media"
	"sidetone/telephony"
)

const (
	recvFrames = 50 // one second
	maxEvents  = 64
	// returnWait is how long a leg waits for a far end that is lost.
	returnWait = 10 * time.Second
)

// Problems that End shows, since a browser has no carrier that could do what is
// asked for: the page is to offer what follows.
const (
	problemSay      = "say"      // the text is what would have been said
	problemTransfer = "transfer" // the text is the number or address to call
)

var (
	errNotBack = errors.New("webrtc: far end lost and not back")
	errFailed  = errors.New("webrtc: connection failed")
	errFlood   = errors.New("webrtc: more messages than a page has reason to send")
)

var _ telephony.Screen = (*Leg)(nil)

// Leg is the browser's side of a call, over one peer connection. It implements
// telephony.Screen. It has two goroutines, both within Run: one reads the
// caller's packets, the other does everything else.
type Leg struct {
	info    telephony.Info
	metrics *legMetrics
	wire    wire
	recv    chan media.Frame
	events  chan telephony.Event
	out     *outbound
	quality *quality

	// What belongs to the reader.
	in       *inbound
	assessed time.Time // when reception was last asked

	// What belongs to the writer.
	code   *coder
	header rtp.Header
	meter  meter
	giveUp time.Time // when to stop waiting for a lost far end; zero if it is there

	mu      sync.Mutex  // guards what follows, and the order of events
	clock   media.Clock // of the caller's sound as it arrives
	reached media.Tick  // end of the sound that has arrived
	newest  media.Tick  // end of the newest frame handed on
	last    media.Tick  // of the newest event

	show    sync.Mutex // orders what is shown
	running atomic.Bool
	done    chan struct{} // closed when the leg has ended, with cause and err set
	once    sync.Once
	cause   telephony.Cause
	err     error
	told    chan struct{} // closed when the far end knows
}

// newLeg returns a leg over w that has not been run, and greets the page.
// info.CarrierID is the session's id. The wire is the leg's from now on, unless
// an error is returned.
func newLeg(info telephony.Info, hello Hello, w wire, o Opus, m *Metrics) (*Leg, error) {
	code, err := newCoder(w.Codec(), o)
	if err != nil {
		return nil, fmt.Errorf("webrtc: new leg: %w", err)
	}
	q := newQuality(code.delay)
	l := &Leg{
		info:    info,
		metrics: &m.legMetrics,
		wire:    w,
		recv:    make(chan media.Frame, recvFrames),
		events:  make(chan telephony.Event, maxEvents),
		out:     newOutbound(code.clock, q.latency()),
		quality: q,
		code:    code,
		header:  rtp.Header{Version: 2, PayloadType: w.Codec().Payload, SequenceNumber: firstSequence()},
		done:    make(chan struct{}),
		told:    make(chan struct{}),
	}
	if l.in, err = newInbound(w.Codec(), l, m); err != nil {
		return nil, fmt.Errorf("webrtc: new leg: %w", err)
	}
	greeting, err := marshalHello(info, hello)
	if err == nil {
		err = w.WriteMessage(greeting)
	}
	if err != nil {
		return nil, fmt.Errorf("webrtc: greet: %w", err)
	}
	return l, nil
}

// Info implements telephony.Leg.
func (l *Leg) Info() telephony.Info { return l.info }

// Recv implements telephony.Leg.
func (l *Leg) Recv() <-chan media.Frame { return l.recv }

// Events implements telephony.Leg. The At of Played and Flushed is the tick of
// the sound that the caller made when they heard the mark, or fell silent to it,
// less half a frame, by which the newest inbound tick is old on average and which
// media.Playout adds. For the other kinds it is the newest inbound tick. It never
// goes backwards.
func (l *Leg) Events() <-chan telephony.Event { return l.events }

// Cause implements telephony.Leg. It is empty before the leg has ended.
func (l *Leg) Cause() telephony.Cause {
	if !l.over() {
		return ""
	}
	return l.cause
}

// Delay implements telephony.Screen.
func (l *Leg) Delay() string {
	if l.quality.known() {
		return "stats"
	}
	return "estimate"
}

// Send implements telephony.Leg. The frame must hold 320 samples. A frame leaves
// at once, unless it comes before the one ahead of it has been played: then it
// waits for its time.
func (l *Leg) Send(f media.Frame) error {
	if n := media.FrameSamples(webRate); len(f.PCM) != n {
		return fmt.Errorf("webrtc: send: frame of %d samples, want %d", len(f.PCM), n)
	}
	if l.over() {
		return telephony.ErrEnded
	}
	waiting, err := l.out.send(f.PCM)
	switch {
	case errors.Is(err, errGone):
		l.metrics.drop(lostUnsent, 1)
	case err != nil:
		l.end(telephony.Stalled, err)
		return telephony.ErrEnded
	case waiting > laggingFrames:
		l.metrics.lagging.Inc()
	}
	return nil
}

// Mark implements telephony.Leg.
func (l *Leg) Mark(id media.MarkID) error {
	if l.over() {
		return telephony.ErrEnded
	}
	if err := l.out.mark(id, time.Now()); err != nil {
		l.end(telephony.Stalled, err)
		return telephony.ErrEnded
	}
	return nil
}

// Clear implements telephony.Leg. What has left can not be called back from the
// network and the browser's jitter buffer, but the page is told not to let it be
// heard. If it can not do that, a mark before such sound may still come back as
// played, and the others are flushed when it has been played.
func (l *Leg) Clear() error {
	if l.over() {
		return telephony.ErrEnded
	}
	before, audible := l.out.clear(time.Now())
	if !audible {
		return nil
	}
	if m, err := marshalHush(before); err == nil {
		_ = l.write(m) // a page that can not be told plays to the end
	}
	return nil
}

// Show implements telephony.Screen. What is longer than a message may be is
// refused, and the leg goes on. So it does without a page that has closed its
// data channel; if the connection is ending, the wire tells.
func (l *Leg) Show(s telephony.Show) error {
	m, err := marshalShow(s)
	if errors.Is(err, errShowTooLong) {
		l.metrics.unshown.WithLabelValues(unshownTooLong).Inc()
	}
	if err != nil {
		return fmt.Errorf("webrtc: show: %w", err)
	}
	if l.over() {
		return telephony.ErrEnded
	}
	err = l.write(m)
	if errors.Is(err, errUnsent) {
		l.end(telephony.Stalled, err)
		return telephony.ErrEnded
	}
	if err != nil {
		l.metrics.unshown.WithLabelValues(unshownClosed).Inc()
	}
	return nil
}

func (l *Leg) write(m []byte) error {
	l.show.Lock()
	defer l.show.Unlock()
	return l.wire.WriteMessage(m)
}

// End implements telephony.Leg. A browser can neither be connected to another
// number nor be spoken to by its carrier: Dial and Say are shown as a Problem of
// code "transfer" or "say". The far end has been told once the connection is
// closed, which waits for what was shown. A leg may be ended instead of run.
func (l *Leg) End(ctx context.Context, next telephony.Next) error {
	l.once.Do(func() {
		l.cause = telephony.Ended
		l.showNext(next)
		close(l.done)
	})
	if l.running.CompareAndSwap(false, true) {
		l.close()
		l.finish()
	}
	select {
	case <-l.told:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("webrtc: end: %w", ctx.Err())
	}
}

// showNext shows what comes after the leg. A page that does not take it learns
// of the end all the same.
func (l *Leg) showNext(next telephony.Next) {
	var p telephony.Problem
	switch next.Kind {
	case telephony.Say:
		p = telephony.Problem{Code: problemSay, Text: next.Text}
	case telephony.Dial:
		p = telephony.Problem{Code: problemTransfer, Text: next.Target}
	default:
		return
	}
	if m, err := marshalShow(p); err == nil {
		_ = l.write(m)
	}
}

// Run implements telephony.Leg. When ctx ends, the leg ends as if by End with
// HangUp.
func (l *Leg) Run(ctx context.Context) error {
	if l.running.CompareAndSwap(false, true) {
		var reader sync.WaitGroup
		reader.Go(l.read)
		l.pump(ctx)
		l.close()
		reader.Wait()
		l.finish()
	}
	<-l.told // ended before it ran, or already run
	switch l.cause {
	case telephony.HungUp, telephony.Ended:
		return nil
	default:
		return &telephony.EndError{Cause: l.cause, Err: l.err}
	}
}

// end ends the leg; the first cause stays.
func (l *Leg) end(cause telephony.Cause, err error) {
	l.once.Do(func() {
		l.cause, l.err = cause, err
		close(l.done)
	})
}

func (l *Leg) over() bool {
	select {
	case <-l.done:
		return true
	default:
		return false
	}
}

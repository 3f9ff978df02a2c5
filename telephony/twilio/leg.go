package twilio

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"sidetone/media"
	"sidetone/telephony"
)

const (
	recvFrames = 50 // one second
	maxEvents  = 64
	// resumeWait is how long a leg outlives its socket.
	resumeWait = 10 * time.Second
)

var (
	errNotResumed = errors.New("twilio: stream lost and not resumed")
	errBacklog    = errors.New("twilio: far end does not take the audio sent")
	errNoEcho     = errors.New("twilio: far end does not echo marks")
)

var _ telephony.Leg = (*Leg)(nil)

// Leg is the phone's side of a call, over one Media Streams socket after
// another. It implements telephony.Leg.
type Leg struct {
	info    telephony.Info
	metrics *Metrics

	recv   chan media.Frame
	events chan telephony.Event
	out    *outbound
	in     inbound
	resume chan *socket // a new stream for a leg that runs
	first  *socket

	running atomic.Bool
	done    chan struct{} // closed when the leg has ended, with cause, err and next set
	once    sync.Once
	cause   telephony.Cause
	err     error
	next    telephony.Next
	told    chan struct{} // closed when the far end knows
	tell    func()
}

func newLeg(info telephony.Info, s *socket, m *Metrics) *Leg {
	told := make(chan struct{})
	return &Leg{
		info:    info,
		metrics: m,
		recv:    make(chan media.Frame, recvFrames),
		events:  make(chan telephony.Event, maxEvents),
		out:     newOutbound(),
		resume:  make(chan *socket),
		first:   s,
		done:    make(chan struct{}),
		told:    told,
		tell:    sync.OnceFunc(func() { close(told) }),
	}
}

// Info implements telephony.Leg.
func (l *Leg) Info() telephony.Info { return l.info }

// Recv implements telephony.Leg.
func (l *Leg) Recv() <-chan media.Frame { return l.recv }

// Events implements telephony.Leg.
func (l *Leg) Events() <-chan telephony.Event { return l.events }

// Cause implements telephony.Leg. It is empty before the leg has ended.
func (l *Leg) Cause() telephony.Cause {
	if !l.over() {
		return ""
	}
	return l.cause
}

// Send implements telephony.Leg. The frame must hold 160 samples.
func (l *Leg) Send(f media.Frame) error {
	if len(f.PCM) != frameSamples {
		return fmt.Errorf("twilio: send: frame of %d samples, want %d", len(f.PCM), frameSamples)
	}
	if l.over() {
		return telephony.ErrEnded
	}
	waiting, ok := l.out.send(f.PCM)
	if !ok {
		l.end(telephony.Stalled, errBacklog)
		return telephony.ErrEnded
	}
	if waiting > laggingFrames {
		l.metrics.lagging.Inc()
	}
	return nil
}

// Mark implements telephony.Leg.
func (l *Leg) Mark(id media.MarkID) error {
	if l.over() {
		return telephony.ErrEnded
	}
	if !l.out.mark(id) {
		l.end(telephony.Stalled, errNoEcho)
		return telephony.ErrEnded
	}
	return nil
}

// Clear implements telephony.Leg.
func (l *Leg) Clear() error {
	if l.over() {
		return telephony.ErrEnded
	}
	l.out.clear()
	return nil
}

// End implements telephony.Leg. Closing the socket is what makes the carrier
// ask /twilio/next what comes now; the answer is next. The far end has been told
// once the close frame is written. A leg may be ended instead of run.
func (l *Leg) End(ctx context.Context, next telephony.Next) error {
	l.once.Do(func() {
		l.next = next
		l.cause = telephony.Ended
		close(l.done)
	})
	if l.running.CompareAndSwap(false, true) {
		l.first.bye()
		l.finish()
	}
	select {
	case <-l.told:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("twilio: end: %w", ctx.Err())
	}
}

// Run implements telephony.Leg. When ctx ends, the leg ends as if by End with
// HangUp.
func (l *Leg) Run(ctx context.Context) error {
	if l.running.CompareAndSwap(false, true) {
		for s := l.first; s != nil; {
			next, err := s.run(ctx, l)
			l.judge(ctx, err)
			s = l.await(ctx, next)
		}
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

// judge ends the leg if the end of a socket is the end of the leg.
func (l *Leg) judge(ctx context.Context, err error) {
	var end *telephony.EndError
	switch {
	case errors.As(err, &end):
		l.end(end.Cause, end.Err)
	case ctx.Err() != nil:
		l.end(telephony.Ended, nil)
	}
}

// await bridges the time without a socket. It returns the socket to go on with,
// or nil if the leg has ended. What the call sends meanwhile is not heard: its
// audio is dropped and its marks come back flushed.
func (l *Leg) await(ctx context.Context, next *socket) *socket {
	if l.over() {
		if next != nil {
			next.bye()
		}
		return nil
	}
	l.emit(telephony.Event{Kind: telephony.Lost})
	l.lose()
	if next != nil {
		return l.resumed(next)
	}
	timeout := time.NewTimer(resumeWait)
	defer timeout.Stop()
	for {
		select {
		case next := <-l.resume:
			return l.resumed(next)
		case <-l.out.wake:
			l.lose()
		case <-timeout.C:
			l.metrics.resumes.WithLabelValues(resumeTimedOut).Inc()
			l.end(telephony.Dropped, errNotResumed)
			return nil
		case <-l.done:
			l.metrics.resumes.WithLabelValues(resumeEnded).Inc()
			return nil
		case <-ctx.Done():
			l.metrics.resumes.WithLabelValues(resumeEnded).Inc()
			l.end(telephony.Ended, nil)
			return nil
		}
	}
}

func (l *Leg) resumed(s *socket) *socket {
	l.countLost(l.in.resume(s.started))
	l.metrics.resumes.WithLabelValues(resumeDone).Inc()
	l.emit(telephony.Event{Kind: telephony.Resumed})
	return s
}

func (l *Leg) lose() {
	frames, marks := l.out.lose()
	l.metrics.drop(lostUnsent, frames)
	for _, m := range marks {
		l.emit(telephony.Event{Kind: telephony.Flushed, Mark: m.id})
	}
}

// attach gives a running leg its next socket. It reports false if the leg has
// ended; the socket then still belongs to the caller.
func (l *Leg) attach(s *socket) bool {
	select {
	case l.resume <- s:
		return true
	case <-l.done:
		return false
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

func (l *Leg) finish() {
	close(l.recv)
	close(l.events)
	l.tell()
}

// deliver hands a frame to the call; when the call is a second behind, the
// oldest frame makes room.
func (l *Leg) deliver(f media.Frame) {
	for {
		select {
		case l.recv <- f:
			return
		default:
		}
		select {
		case <-l.recv:
			l.metrics.drop(lostRecv, 1)
		default:
		}
	}
}

// emit hands an event to the call, stamped with the newest inbound tick.
func (l *Leg) emit(e telephony.Event) {
	e.At = l.in.newest
	select {
	case l.events <- e:
	default:
		l.end(telephony.Overloaded, nil)
	}
}

func (l *Leg) countLost(queue string) {
	if queue != "" {
		l.metrics.drop(queue, 1)
	}
}

package sim

import (
	"context"
	"errors"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
)

// What a caller, a script or a test can do to a call.

// SID returns the CallSid.
func (c *Call) SID() string { return c.sid }

// Rate returns the rate of the audio that Say takes, in Hz.
func (c *Call) Rate() int { return sampleRate }

// Done is closed when the call has ended, its callbacks included.
func (c *Call) Done() <-chan struct{} { return c.done }

// Wait waits for the end of the call and reports on it. The error is that of
// ctx, or the Report's.
func (c *Call) Wait(ctx context.Context) (Report, error) {
	select {
	case <-c.done:
		return c.report, c.report.Err
	case <-ctx.Done():
		return Report{}, ctx.Err()
	}
}

// do runs f on the line.
func (c *Call) do(f func(*line)) error {
	select {
	case <-c.started:
		return c.line.do(func() { f(c.line) })
	case <-c.done:
		return ErrEnded
	}
}

// Now returns where the media clock stands.
func (c *Call) Now() (at media.Tick, err error) {
	err = c.do(func(l *line) { at = tickOf(l.pos) })
	return at, err
}

// Say queues 8 kHz audio to be said now, or after what is being said. When the
// call has ended, it returns a Spoken whose Wait fails.
func (c *Call) Say(pcm []int16) *Spoken { return c.SayULaw(media.AppendULaw(nil, pcm)) }

// SayULaw is Say with exact bytes.
func (c *Call) SayULaw(audio []byte) *Spoken {
	var s *Spoken
	err := c.do(func(l *line) {
		s = l.mouth.say(audio, l.pos, l.done)
		if bounds, ok := loudBounds(audio, s.from); ok {
			l.stats.turns = append(l.stats.turns, Turn{Span: bounds})
			l.log.add(s.From, EventCallerSpeaks, "")
		}
	})
	if err != nil {
		return &Spoken{ended: c.done}
	}
	return s
}

// Press presses keys (0-9, *, #, A-D), 160 ms apart.
func (c *Call) Press(digits string) error {
	return c.do(func(l *line) {
		l.acted = l.pos
		l.keys = append(l.keys, digits...)
		if l.keyAt == never && len(l.keys) > 0 {
			l.keyAt = l.pos + 1
		}
	})
}

// Hangup is the caller hanging up: a stop frame, then the close handshake.
func (c *Call) Hangup() {
	c.hangUp.Do(func() { close(c.hungUp) })
	select {
	case <-c.started:
		c.line.do(c.line.hangUp) // ErrEnded: it is over already
	default:
	}
}

// DropSocket cuts the socket without a close frame. After outage, the carrier
// asks the action URL as it does whenever a stream ends.
func (c *Call) DropSocket(outage time.Duration) error {
	return c.do(func(l *line) { l.detach(streamEnd{dropped: true, outage: outage}) })
}

// Stall stops reading from the socket, or goes on with it.
func (c *Call) Stall(on bool) error { return c.do(func(l *line) { l.stalled = on }) }

// HalfOpen makes the carrier deaf and dumb without closing the socket, until
// the call hangs up.
func (c *Call) HalfOpen() error {
	return c.do(func(l *line) { l.stalled, l.mute = true, true })
}

// SendRaw sends one WebSocket message as it is. The type is TextMessage or
// BinaryMessage.
func (c *Call) SendRaw(messageType int, data []byte) error {
	var sendErr error
	err := c.do(func(l *line) {
		if l.sock == nil {
			sendErr = errors.New("sim: no stream")
			return
		}
		sendErr = l.sock.write(messageType, data)
	})
	return errors.Join(err, sendErr)
}

// WaitAgent waits until the agent has spoken since the caller's last sound or
// key, or since the start, and has then been silent for quiet.
func (c *Call) WaitAgent(ctx context.Context, quiet time.Duration) error {
	return c.await(ctx, func(l *line) bool {
		since := l.acted
		if n := len(l.stats.turns); n > 0 {
			since = max(since, l.stats.turns[n-1].To.Sample(sampleRate))
		}
		return l.ear.lastLoud > since && l.pos-l.ear.lastLoud > samplesIn(quiet)
	})
}

// WaitSpeech waits until the agent is heard, or returns at once when it is
// speaking.
func (c *Call) WaitSpeech(ctx context.Context) error {
	return c.await(ctx, func(l *line) bool {
		return l.ear.lastLoud >= 0 && l.pos-l.ear.lastLoud <= pauseSamples
	})
}

// WaitQuiet waits until nothing has been heard for quiet.
func (c *Call) WaitQuiet(ctx context.Context, quiet time.Duration) error {
	return c.await(ctx, func(l *line) bool { return l.pos-l.ear.lastLoud > samplesIn(quiet) })
}

// WaitUntil waits until the media clock has reached at, to within 20 ms.
func (c *Call) WaitUntil(ctx context.Context, at media.Tick) error {
	return c.await(ctx, func(l *line) bool { return tickOf(l.pos) >= at })
}

// WaitStreams waits until n streams have started, the first one included.
func (c *Call) WaitStreams(ctx context.Context, n int) error {
	return c.await(ctx, func(l *line) bool { return len(l.stats.streams) >= n })
}

// await waits until met holds; it is asked whenever the line has moved.
func (c *Call) await(ctx context.Context, met func(*line) bool) error {
	select {
	case <-c.started:
		return c.line.await(ctx, func() bool { return met(c.line) })
	case <-c.done:
		return ErrEnded
	}
}

func samplesIn(d time.Duration) int64 { return int64(d * sampleRate / time.Second) }

// The message types of SendRaw.
const (
	TextMessage   = websocket.TextMessage
	BinaryMessage = websocket.BinaryMessage
)

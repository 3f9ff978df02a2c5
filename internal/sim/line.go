package sim

import (
	"time"

	"github.com/gorilla/websocket"
)

// keySamples is the distance between two keys pressed: 160 ms.
const keySamples = 160 * sampleRate / 1000

// writeTimeout is how long the carrier waits for a gateway that does not read.
const writeTimeout = 5 * time.Second

// never is a sample that no call reaches.
const never = int64(1) << 62

// line is the media side of a call. One goroutine, run, owns all of it; others
// hand it functions to run. Its position is a function of time alone: whatever
// wakes it, it first catches up sample by sample, so that what is heard does not
// depend on how promptly it was scheduled.
type line struct {
	owner
	clock sampleClock
	opts  *CarrierOptions
	log   *journal
	quit  chan struct{} // closed by the call's signalling

	pos      int64 // samples of the media clock that have passed
	frameEnd int64 // where the frame being captured ends
	ear      ear
	mouth    mouth
	keys     []byte
	keyAt    int64
	acted    int64 // when the caller last pressed a key; -1 before
	over     bool  // the caller has hung up: nothing moves any more

	sock    *socket // nil between streams
	writer  frameWriter
	origin  int64 // where the stream of sock began
	stalled bool  // nothing is read
	mute    bool  // nothing is written
	block   [frameSamples]byte
	frame   [frameSamples]byte

	stats lineStats
}

func newLine(clock sampleClock, opts *CarrierOptions, log *journal) *line {
	return &line{
		clock: clock, opts: opts, log: log,
		owner: newOwner(), quit: make(chan struct{}),
		frameEnd: frameSamples, keyAt: never, acted: -1,
		ear:   ear{keep: !opts.DiscardHeard, lastLoud: -1},
		mouth: mouth{room: newRoom(*opts)},
	}
}

func (l *line) run() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var due <-chan time.Time
		if !l.over {
			timer.Reset(time.Until(l.clock.when(l.wake())))
			due = timer.C
		}
		var inbox <-chan message
		if l.sock != nil && !l.stalled {
			inbox = l.sock.inbox
		}
		select {
		case <-due:
			l.advance(l.clock.at(time.Now()))
		case m := <-inbox:
			l.advance(l.clock.at(m.at))
			l.receive(m)
		case task := <-l.tasks:
			l.advance(l.clock.at(time.Now()))
			task()
		case <-l.quit:
			return
		}
		l.release()
	}
}

// wake returns the sample at which the line has something to do.
func (l *line) wake() int64 {
	next := min(l.frameEnd, l.keyAt)
	if n, ok := l.ear.untilMark(); ok {
		next = min(next, l.pos+n)
	}
	return next
}

// advance lets the media clock run to sample to: it plays, captures, sends, and
// echoes marks, each at its own sample.
func (l *line) advance(to int64) {
	for l.pos < to && !l.over {
		step := min(to, l.wake()) - l.pos
		block := l.block[:step]
		began, ended := l.ear.play(l.pos, block)
		if l.mouth.room != nil {
			l.mouth.room.hear(block)
		}
		l.pos += step
		if began {
			l.log.add(l.ear.spans[len(l.ear.spans)-1].From, EventAgentSpeaks, "")
		}
		if ended {
			l.log.add(l.ear.spans[len(l.ear.spans)-1].To, EventAgentSilent, "")
		}
		l.echoMarks()
		if l.pos == l.keyAt {
			l.pressNext()
		}
		if l.pos == l.frameEnd {
			l.capture()
		}
	}
}

// capture sends the caller's audio of the frame that has just passed.
func (l *line) capture() {
	frame := l.frame[:]
	at := l.mouth.pos
	l.mouth.take(frame)
	l.frameEnd += frameSamples
	if l.sock != nil && !l.opts.NoStart {
		l.write(l.writer.media(at-l.origin, frame))
	}
}

func (l *line) echoMarks() {
	for {
		name, ok := l.ear.due()
		if !ok {
			return
		}
		l.stats.marks = append(l.stats.marks, Mark{Name: name, At: tickOf(l.pos)})
		l.write(l.writer.mark(name))
	}
}

func (l *line) pressNext() {
	l.log.add(tickOf(l.pos), EventKey, string(l.keys[:1]))
	l.write(l.writer.dtmf(l.keys[0]))
	l.acted = l.pos
	l.keys, l.keyAt = l.keys[1:], l.keyAt+keySamples
	if len(l.keys) == 0 {
		l.keyAt = never
	}
}

// receive takes what the reader of the socket read.
func (l *line) receive(m message) {
	if m.err != nil {
		l.detach(streamEnd{err: m.err, hungUp: l.over})
		return
	}
	if l.over {
		return
	}
	if m.fault != nil {
		l.stats.faults = append(l.stats.faults, Fault{At: tickOf(l.pos), FaultError: *m.fault})
		l.log.add(tickOf(l.pos), EventFault, m.fault.Error())
		return
	}
	switch m.order.event {
	case "media":
		l.stats.frame(m.at, len(m.order.audio), len(l.ear.pending) == 0)
		l.ear.accept(m.order.audio)
	case "mark":
		l.ear.mark(m.order.name)
		l.echoMarks()
	case "clear":
		marks := len(l.ear.marks)
		dropped := l.ear.clear()
		l.stats.clears = append(l.stats.clears, Clear{At: tickOf(l.pos), Dropped: tickOf(int64(dropped)), Marks: marks})
		l.log.add(tickOf(l.pos), EventClear, "")
		l.echoMarks()
	}
}

// attach opens a stream on a fresh socket. Its timestamps start at 0, while the
// line's own clock runs on.
func (l *line) attach(s *socket, parameters map[string]string) {
	l.sock, l.stalled, l.mute = s, false, false
	l.writer = frameWriter{streamSID: s.streamSID, callSID: s.callSID, accountSID: l.opts.AccountSID}
	l.mouth.skip(l.pos)
	l.origin, l.frameEnd = l.pos, l.pos+frameSamples
	l.log.add(tickOf(l.pos), EventStreamStarted, s.streamSID)
	l.write([]byte(connectedFrame))
	l.stats.streamBegan(Stream{SID: s.streamSID, From: tickOf(l.pos)})
	if !l.opts.NoStart {
		l.write(l.writer.start(parameters))
	}
}

// detach ends the stream and cuts the socket. Audio that was not played goes
// with it, and its marks are never echoed.
func (l *line) detach(end streamEnd) {
	s := l.sock
	if s == nil {
		return
	}
	l.sock = nil
	l.ear.clear()
	l.ear.marks = nil
	l.stats.streamEnded(tickOf(l.pos), end)
	l.log.add(tickOf(l.pos), EventStreamEnded, end.String())
	close(s.gone)
	s.conn.Close()
	s.end <- end
}

// hangUp is the caller's: stop, close handshake, and the line falls silent.
func (l *line) hangUp() {
	if l.over {
		return
	}
	l.over = true
	l.log.add(tickOf(l.pos), EventHangup, "")
	if l.sock == nil {
		return
	}
	if l.mute {
		l.detach(streamEnd{hungUp: true})
		return
	}
	if !l.opts.NoStart {
		l.write(l.writer.stop())
	}
	l.stalled = false
	deadline := time.Now().Add(time.Second)
	l.sock.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline)
	l.sock.conn.SetReadDeadline(deadline)
}

// write sends a text frame. A gateway that does not read loses its stream, which
// the reader of the socket then reports.
func (l *line) write(frame []byte) {
	if l.sock != nil && !l.mute {
		l.sock.write(websocket.TextMessage, frame)
	}
}

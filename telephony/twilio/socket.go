package twilio

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/telephony"
)

const (
	maxMessage = 64 << 10
	sendBuffer = 16 << 10
	// idleWait: the carrier sends a frame each 20 ms, silence included.
	idleWait  = 5 * time.Second
	writeWait = 5 * time.Second
	closeWait = time.Second
)

var (
	errStopped     = &telephony.EndError{Cause: telephony.HungUp}
	errSecondStart = &telephony.EndError{Cause: telephony.Protocol, Err: errors.New("twilio: second start on one socket")}
	errTooLong     = &telephony.EndError{Cause: telephony.Protocol, Err: errors.New("twilio: message over 64 KiB")}
)

// socket is one Media Streams connection, from the upgrade on.
type socket struct {
	conn    *websocket.Conn
	metrics *Metrics
	closed  sync.Once

	sid     string    // the stream's, from start
	started time.Time // when start arrived

	message []byte // of the reader
	audio   []byte // of the reader
	frame   frame  // of the reader
	quit    chan struct{}
	pongs   chan string
}

func newSocket(conn *websocket.Conn, m *Metrics) *socket {
	s := &socket{
		conn:    conn,
		metrics: m,
		message: make([]byte, 0, 512),
		quit:    make(chan struct{}),
		pongs:   make(chan string, 1),
	}
	conn.SetReadLimit(maxMessage)
	limitSendBuffer(conn.NetConn())
	// The writer owns all writes, so answers to control frames go through it.
	conn.SetPingHandler(func(data string) error {
		select {
		case s.pongs <- data:
		default:
		}
		return nil
	})
	conn.SetCloseHandler(func(int, string) error { return nil })
	m.sockets.Inc()
	return s
}

// limitSendBuffer keeps the kernel from taking minutes of audio that a clear
// could not call back.
func limitSendBuffer(c net.Conn) {
	if t, ok := c.(interface{ NetConn() net.Conn }); ok { // TLS
		c = t.NetConn()
	}
	if t, ok := c.(interface{ SetWriteBuffer(int) error }); ok {
		_ = t.SetWriteBuffer(sendBuffer) // a wish; the socket works without it
	}
}

// read reads the next message into s.frame. It reports false, with the reason
// counted, for a message that cannot be used; err means that the socket is done.
func (s *socket) read() (ok bool, err error) {
	kind, r, err := s.conn.NextReader()
	if err == nil {
		err = s.fill(r)
	}
	if errors.Is(err, websocket.ErrReadLimit) {
		s.metrics.badFrame(badTooLong)
		return false, errTooLong
	}
	if err != nil {
		return false, err
	}
	if kind != websocket.TextMessage {
		s.metrics.badFrame(badBinary)
		return false, nil
	}
	if err := s.frame.parse(s.message); err != nil {
		s.metrics.badFrame(badJSON)
		return false, nil
	}
	s.metrics.frames[s.frame.kind].Inc()
	return true, nil
}

func (s *socket) fill(r io.Reader) error {
	s.message = s.message[:0]
	for {
		if len(s.message) == cap(s.message) {
			s.message = append(s.message, 0)[:len(s.message)]
		}
		n, err := r.Read(s.message[len(s.message):cap(s.message)])
		s.message = s.message[:len(s.message)+n]
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// run pumps the socket for the leg until either is done, says goodbye and
// closes. It returns the socket that took its place, if one did, and why it
// ended: an *EndError ends the leg, any other error has only lost the stream.
func (s *socket) run(ctx context.Context, l *Leg) (next *socket, err error) {
	var pumps sync.WaitGroup
	var readErr, writeErr error
	stopped := make(chan struct{}, 2)
	pumps.Go(func() { readErr = s.pumpIn(l); stopped <- struct{}{} })
	pumps.Go(func() { writeErr = s.pumpOut(l); stopped <- struct{}{} })
	select {
	case <-stopped:
	case next = <-l.resume:
	case <-l.done:
	case <-ctx.Done():
	}
	close(s.quit)
	// The far end's last words (its stop, its close) are waited for, but not long.
	cut := time.AfterFunc(closeWait, func() { s.conn.Close() })
	pumps.Wait()
	cut.Stop()
	s.close()
	if next != nil {
		return next, nil // whatever the old stream said last is no longer about the call
	}
	var end *telephony.EndError
	if errors.As(readErr, &end) || writeErr == nil {
		return nil, readErr
	}
	return nil, writeErr
}

func (s *socket) pumpIn(l *Leg) error {
	for {
		now := time.Now()
		if err := s.conn.SetReadDeadline(now.Add(idleWait)); err != nil {
			return err
		}
		ok, err := s.read()
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		if err := s.handle(l); err != nil {
			return err
		}
	}
}

// handle acts on s.frame.
func (s *socket) handle(l *Leg) error {
	f := &s.frame
	if len(f.streamSid) > 0 && string(f.streamSid) != s.sid && f.kind != kindUnknown {
		s.metrics.badFrame(badStream)
		return nil
	}
	switch f.kind {
	case kindMedia:
		s.hear(l)
	case kindMark:
		id, ok := markID(f.name)
		if !ok {
			s.metrics.badFrame(badMark)
			return nil
		}
		flushed, known := l.out.echoed(id)
		switch {
		case !known:
			s.metrics.badFrame(badMark)
		case flushed:
			l.emit(telephony.Event{Kind: telephony.Flushed, Mark: id})
		default:
			l.emit(telephony.Event{Kind: telephony.Played, Mark: id})
		}
	case kindDTMF:
		d, ok := key(f.digit)
		if !ok {
			s.metrics.badFrame(badDigit)
			return nil
		}
		l.emit(telephony.Event{Kind: telephony.DTMF, Digit: d})
	case kindStart:
		s.metrics.badFrame(badStart)
		return errSecondStart
	case kindStop:
		return errStopped
	}
	return nil
}

// hear turns a media frame into PCM frames for the call.
func (s *socket) hear(l *Leg) {
	f := &s.frame
	if !f.inbound {
		s.metrics.badFrame(badTrack)
		return
	}
	ulaw, ok := appendPayload(s.audio[:0], f.payload)
	s.audio = ulaw[:0]
	if !ok {
		s.metrics.badFrame(badBase64)
		return
	}
	lost, use := l.in.place(f.timestamp, time.Now())
	l.countLost(lost)
	for use && len(ulaw) > 0 {
		frame, rest, whole := l.in.take(ulaw)
		ulaw = rest
		if whole {
			l.deliver(frame)
		}
	}
}

// key is the digit of a pressed key: one of 0-9 * # A-D.
func key(s string) (byte, bool) {
	if len(s) != 1 {
		return 0, false
	}
	switch c := s[0]; {
	case c >= '0' && c <= '9', c == '*', c == '#', c >= 'A' && c <= 'D':
		return c, true
	case c >= 'a' && c <= 'd':
		return c - 'a' + 'A', true
	}
	return 0, false
}

func (s *socket) pumpOut(l *Leg) error {
	var it item
	buf := make([]byte, 0, 512)
	for {
		select {
		case <-s.quit:
			s.sayClose()
			if l.over() {
				l.tell()
			}
			return nil
		case data := <-s.pongs:
			if err := s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(writeWait)); err != nil {
				return err
			}
		case <-l.out.wake:
			if err := s.flush(l.out, &it, buf); err != nil {
				return err
			}
		}
	}
}

// flush writes what waits, until there is no more or the socket is to end.
func (s *socket) flush(out *outbound, it *item, buf []byte) error {
	for out.pop(it) {
		select {
		case <-s.quit:
			return nil
		default:
		}
		buf = it.append(buf[:0], s.sid)
		if err := s.conn.SetWriteDeadline(time.Now().Add(writeWait)); err != nil {
			return err
		}
		err := s.conn.WriteMessage(websocket.TextMessage, buf)
		var timeout net.Error // the library hides which error it was, not that it was a time-out
		if errors.As(err, &timeout) && timeout.Timeout() {
			return &telephony.EndError{Cause: telephony.Stalled, Err: err}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// sayClose tells the far end that we are done; if it does not read, it will
// learn from the connection's end.
func (s *socket) sayClose() {
	_ = s.conn.WriteControl(websocket.CloseMessage,
		websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(closeWait))
}

// bye ends a socket that no leg runs.
func (s *socket) bye() {
	s.sayClose()
	s.close()
}

func (s *socket) close() {
	s.closed.Do(func() {
		s.conn.Close()
		s.metrics.sockets.Dec()
	})
}

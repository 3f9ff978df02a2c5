package remote

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
	"sidetone/transcribe"
)

// How a connection is kept.
const (
	beatEvery    = 100 * time.Millisecond
	pingEvery    = 5 * time.Second
	aliveEvery   = 4 * time.Second // engines end a silent connection after 10 s
	writeWithin  = 4 * time.Second
	reading      = "read"
	writing      = "write"
	byeWithin    = 250 * time.Millisecond
	maxMessage   = 1 << 20
	maxMalformed = 8 // in a row
	idleLife     = 3 * time.Second
	silenceSent  = 80 * time.Millisecond // to engines that know no other sign of life
)

// connection is one connection of a session, from dialling to its end.
type connection struct {
	*Session
	turns   *turns
	conn    *websocket.Conn
	dialect Dialect
	ruler   ruler
	pcm     []int16

	began         time.Time
	wrote, pinged time.Time
	waiting       time.Time // since when audio was sent of which nothing was said; zero: none is
	fed           float64   // seconds that were sent when the engine spoke last
	asked         float64   // seconds that were sent at the newest Finalize
	heard, solid  float64
	news          time.Time // when there were new words
	malformed     int
	answers       int
	said          string // by the newest partial
}

// incoming is a message of the engine, or the end of the connection.
type incoming struct {
	data []byte
	err  error
}

// idled reports whether the connection ended in a way that counts against
// nobody: engines let those go who have nothing to say for long.
func (c *connection) idled() bool {
	return c.conn != nil && c.ruler.sent == 0 && time.Since(c.began) > idleLife && c.next() == nil
}

// run connects and serves until the connection or ctx ends.
func (c *connection) run(ctx context.Context) error {
	c.began = time.Now()
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	c.conn, c.dialect = conn, c.line.Dialect()
	now := time.Now()
	c.options.Metrics.connects.WithLabelValues(c.line.Engine, resultOK).Inc()
	c.options.Metrics.connect.WithLabelValues(c.line.Engine).Observe(now.Sub(c.began).Seconds())
	c.began, c.wrote, c.pinged = now, now, now
	c.ruler = ruler{rate: c.line.Rate}
	c.pcm = make([]int16, media.TicksIn(time.Second).Sample(c.line.Rate))

	messages, gone, read := make(chan incoming, 16), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(read)
		c.read(messages, gone)
	}()
	if err = c.serve(ctx, messages); ctx.Err() == nil {
		err = c.reason(err, messages)
	} else {
		c.bye()
	}
	close(gone)
	conn.Close()
	<-read
	return err
}

// read hands on what the engine sends, until the connection ends. Whatever comes
// shows that the engine lives.
func (c *connection) read(messages chan<- incoming, gone <-chan struct{}) {
	alive := func() { c.conn.SetReadDeadline(time.Now().Add(c.options.Silence)) }
	c.conn.SetReadLimit(maxMessage)
	c.conn.SetPongHandler(func(string) error { alive(); return nil })
	alive()
	for {
		kind, data, err := c.conn.ReadMessage()
		alive()
		if err == nil && kind != websocket.TextMessage {
			continue
		}
		select {
		case messages <- incoming{data, err}:
		case <-gone:
			return
		}
		if err != nil {
			return
		}
	}
}

// serve sends what is due and takes what comes.
func (c *connection) serve(ctx context.Context, messages <-chan incoming) error {
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	if err := c.send(c.dialect.Hello()); err != nil {
		return err
	}
	if err := c.feed(); err != nil {
		return err
	}
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case m := <-messages:
			if m.err != nil {
				return c.broken(m.err, reading)
			}
			if err = c.take(m.data); err == nil {
				err = c.feed()
			}
		case <-c.wake:
			err = c.feed()
		case now := <-beat.C:
			err = c.tend(now)
		}
		if err == nil {
			err = c.answer(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// feed sends the audio and the Finalizes that are due.
func (c *connection) feed() error {
	for c.dialect.Ready() {
		at, n, end := c.due(c.pcm, c.line.Chunk)
		if n > 0 {
			c.ruler.put(at, n)
			if c.waiting.IsZero() {
				c.waiting = time.Now()
			}
			if err := c.send(c.dialect.Audio(c.pcm[:n])); err != nil {
				return err
			}
			continue
		}
		if end == nil {
			return nil
		}
		if err := c.finalize(end); err != nil {
			return err
		}
	}
	return nil
}

// finalize asks for the words of what was sent, unless that was asked already.
func (c *connection) finalize(end *ending) error {
	c.mu.Lock()
	end.sent, end.pos = time.Now(), c.ruler.seconds()
	c.mu.Unlock()
	if end.pos <= c.asked {
		return nil
	}
	c.asked = end.pos
	for _, m := range c.dialect.Finalize(end.pos) {
		if err := c.send(m); err != nil {
			return err
		}
	}
	return nil
}

// send writes one message.
func (c *connection) send(m Message) error {
	if len(m.Data) == 0 {
		return nil
	}
	kind := websocket.TextMessage
	if m.Binary {
		kind = websocket.BinaryMessage
	}
	c.wrote = time.Now()
	c.conn.SetWriteDeadline(c.wrote.Add(writeWithin))
	if err := c.conn.WriteMessage(kind, m.Data); err != nil {
		return c.broken(err, writing)
	}
	return nil
}

// reason prefers what the engine said before it closed to the write that failed
// because of it.
func (c *connection) reason(err error, messages <-chan incoming) error {
	var f *transcribe.Failure
	if !errors.As(err, &f) || f.Op != writing {
		return err
	}
	late := time.NewTimer(byeWithin)
	defer late.Stop()
	for {
		select {
		case m := <-messages:
			if m.err != nil {
				return c.broken(m.err, reading)
			}
			if _, own := c.dialect.Read(m.data); own != nil && !errors.Is(own, ErrMalformed) {
				return c.own(own)
			}
		case <-late.C:
			return err
		}
	}
}

// take takes a message of the engine.
func (c *connection) take(data []byte) error {
	report, err := c.dialect.Read(data)
	if errors.Is(err, ErrMalformed) {
		c.options.Metrics.ignored.WithLabelValues(c.line.Engine, malformed).Inc()
		if c.malformed++; c.malformed > maxMalformed {
			return c.fail(reading, transcribe.Protocol, nil)
		}
		return nil
	}
	if err != nil {
		return c.own(err)
	}
	c.malformed = 0
	c.waiting, c.fed = time.Time{}, c.ruler.seconds()
	c.heard, c.solid = max(c.heard, report.Heard, report.Solid), max(c.solid, report.Solid)
	fresh := report.Passage != nil && c.turns.put(report.Passage, &c.ruler)
	if fresh {
		c.news = time.Now()
	}
	if fresh || report.Hint != transcribe.NoHint {
		c.partial(report.Hint)
	}
	return c.send(report.Reply)
}

// partial sends the open turn so far, if that is new and nothing better is due.
func (c *connection) partial(hint transcribe.Hint) {
	if c.next() != nil {
		return
	}
	e := c.turns.say(math.MaxInt64)
	if e.Text == "" || e.Text == c.said && hint == transcribe.NoHint {
		return
	}
	c.said = e.Text
	e.Kind, e.Hint = transcribe.Partial, hint
	select {
	case c.events <- e:
	default:
		c.options.Metrics.ignored.WithLabelValues(c.line.Engine, latePartial).Inc()
	}
}

// answer answers the Finalizes whose words are all there, or as good as there.
func (c *connection) answer(ctx context.Context) error {
	for end := c.next(); end != nil && !end.sent.IsZero(); end = c.next() {
		const close = 1e-3
		late := time.Since(end.sent)
		switch {
		case c.solid >= end.pos-close:
		case late >= c.options.Settle && c.heard >= end.pos-nearly:
		default:
			return nil
		}
		e := c.turns.say(end.at)
		c.turns.end(end.at)
		e.Kind, e.Took = transcribe.Final, time.Since(end.ordered)
		if e.Text == "" {
			e.From, e.To = end.at, end.at
		}
		c.said = ""
		c.answered()
		c.answers++
		select {
		case c.events <- e:
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// nearly is how many seconds of silence at the end of a turn an engine may not
// have spoken of yet.
const nearly = 0.3

// tend looks after the connection: is it alive, and does the engine speak.
func (c *connection) tend(now time.Time) error {
	end := c.next()
	switch {
	case end != nil && !end.sent.IsZero() && now.Sub(end.sent) > c.options.Result && now.Sub(c.news) > c.options.Result:
		return c.fail("finalize", transcribe.TimedOut, nil)
	case !c.dialect.Ready() && now.Sub(c.began) > c.options.Result:
		return c.fail("begin", transcribe.TimedOut, nil)
	case c.line.Steady && !c.waiting.IsZero() && c.ruler.seconds()-c.fed > 1 && now.Sub(c.waiting) > c.options.Result:
		return c.fail("listen", transcribe.TimedOut, nil)
	}
	if now.Sub(c.pinged) >= pingEvery {
		c.pinged = now
		if err := c.conn.WriteControl(websocket.PingMessage, nil, now.Add(writeWithin)); err != nil {
			return c.broken(err, writing)
		}
	}
	if now.Sub(c.wrote) < aliveEvery {
		return nil
	}
	if m := c.dialect.KeepAlive(); len(m.Data) > 0 {
		return c.send(m)
	}
	return c.hush(now)
}

// hush sends a little silence of ours, once there has been audio: before the
// grant nothing is sent at all.
func (c *connection) hush(now time.Time) error {
	if c.ruler.sent == 0 || c.line.Gated {
		c.wrote = now
		return nil
	}
	n := int(media.TicksIn(silenceSent).Sample(c.line.Rate))
	clear(c.pcm[:n])
	at, _ := c.ruler.next()
	c.ruler.put(at, n)
	return c.send(c.dialect.Audio(c.pcm[:n]))
}

// bye takes leave: nobody waits for what else there might be.
func (c *connection) bye() {
	deadline := time.Now().Add(byeWithin)
	c.conn.SetWriteDeadline(deadline)
	if m := c.dialect.Bye(); len(m.Data) > 0 && c.conn.WriteMessage(websocket.TextMessage, m.Data) != nil {
		return
	}
	c.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), deadline)
}

package elevenlabs

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/dialog/tts"
	"sidetone/dialog/tts/remote"
)

// Bounds of sockets.
const (
	spareMax     = 4                // opened ahead
	spareLife    = 60 * time.Second // and then closed
	inactivity   = 90               // seconds for which ElevenLabs is asked to wait for text
	messageMax   = 4 << 20          // bytes
	malformedMax = 8                // messages in a row that are none
	writing      = 2 * time.Second
)

// socket is one WebSocket, for the text of one clip. Its goroutine reads, so that
// pings are answered while it waits.
type socket struct {
	conn     *websocket.Conn
	format   remote.Format
	messages chan message // closed after an error
	done     chan struct{}
	expires  *time.Timer
}

// message is what was read.
type message struct {
	data []byte
	err  error
}

// converse opens a socket, or takes one that is open, and gives it the text.
func (v *Voice) converse(ctx context.Context, text string, f remote.Format) (remote.Source, error) {
	s := v.take(f)
	if s != nil {
		c := &clip{voice: v, socket: s, ctx: ctx}
		if c.say(text) == nil && c.await() == nil {
			v.ahead(f)
			return c, nil
		}
		c.Close() // it was closed there, unseen: as if it had not been
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	s, err := v.dial(ctx, f)
	if err != nil {
		return nil, err
	}
	c := &clip{voice: v, socket: s, ctx: ctx}
	if err := c.say(text); err != nil {
		c.Close()
		return nil, v.client.Fail("write", tts.Cut, nil)
	}
	v.ahead(f)
	return c, nil
}

// dial opens a socket and tells it what is to come.
func (v *Voice) dial(ctx context.Context, f remote.Format) (*socket, error) {
	o := v.client.Options
	ctx, cancel := context.WithTimeout(ctx, o.Connect)
	defer cancel()
	base, err := url.Parse(v.options.URL)
	if err != nil {
		return nil, v.client.Fail("connect", tts.Rejected, nil)
	}
	base = base.JoinPath("v1/text-to-speech", url.PathEscape(v.options.Voice), "stream-input")
	base.Scheme = strings.Replace(base.Scheme, "http", "ws", 1)
	q := v.query(f)
	q.Set("model_id", v.options.Model)
	q.Set("auto_mode", "true") // each text is spoken when it comes
	q.Set("inactivity_timeout", strconv.Itoa(inactivity))
	base.RawQuery = q.Encode()
	d := websocket.Dialer{HandshakeTimeout: o.Connect, ReadBufferSize: 16 << 10, WriteBufferSize: 4096}
	connect := o.DialContext
	if connect == nil {
		connect, d.Proxy = (&net.Dialer{}).DialContext, http.ProxyFromEnvironment
	}
	leave := func() bool { return true }
	defer func() { leave() }()
	d.NetDialContext = func(dialling context.Context, network, address string) (net.Conn, error) {
		conn, err := connect(dialling, network, address)
		if err == nil { // the handshake would go on after its call has ended
			leave = context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}
	conn, resp, err := d.DialContext(ctx, base.String(), v.header)
	if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
		resp.Body.Close()
		return nil, v.client.Refusal(resp)
	}
	if cause := ctx.Err(); err != nil && cause != nil {
		return nil, cause
	}
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(messageMax)
	s := &socket{conn: conn, format: f, messages: make(chan message), done: make(chan struct{})}
	if err := s.write(" "); err != nil {
		conn.Close()
		return nil, v.client.Fail("write", tts.Cut, nil)
	}
	v.group.Go(s.read)
	return s, nil
}

// write sends a piece of the text.
func (s *socket) write(text string) error {
	s.conn.SetWriteDeadline(time.Now().Add(writing))
	return s.conn.WriteJSON(map[string]string{"text": text})
}

// read hands on what comes until the socket is closed.
func (s *socket) read() {
	defer close(s.messages)
	for {
		_, data, err := s.conn.ReadMessage()
		select {
		case s.messages <- message{data, err}:
		case <-s.done:
			return
		}
		if err != nil {
			return
		}
	}
}

// close ends the socket, once.
func (s *socket) close() {
	if s.expires != nil {
		s.expires.Stop()
	}
	close(s.done)
	s.conn.Close()
}

// take returns a socket that was opened ahead; nil where there is none.
func (v *Voice) take(f remote.Format) *socket {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i, s := range v.spare {
		if s.format == f {
			v.drop(i)
			return s
		}
	}
	return nil
}

func (v *Voice) drop(i int) { v.spare = append(v.spare[:i], v.spare[i+1:]...) }

// ahead opens a socket for the next sentence.
func (v *Voice) ahead(f remote.Format) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || len(v.spare) >= spareMax {
		return
	}
	v.group.Go(func() {
		s, err := v.dial(v.life, f)
		if err != nil {
			return // whoever needs it will hear why
		}
		v.keep(s)
	})
}

// keep puts a socket aside until it is needed, or too old, or the voice is closed.
func (v *Voice) keep(s *socket) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || len(v.spare) >= spareMax {
		s.close()
		return
	}
	v.spare = append(v.spare, s)
	late := make(chan struct{})
	s.expires = time.AfterFunc(spareLife, func() { close(late) })
	v.group.Go(func() {
		select {
		case <-late:
		case <-v.life.Done():
		case <-s.done:
			return
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		for i, kept := range v.spare {
			if kept == s {
				v.drop(i)
				s.close()
				return
			}
		}
	})
}

// clip is the audio of one text on its way. It implements remote.Source.
type clip struct {
	voice     *Voice
	socket    *socket
	ctx       context.Context
	first     *message // read already
	malformed int
}

// say sends the text, and that it is all.
func (c *clip) say(text string) error {
	return errors.Join(c.socket.write(strings.TrimSpace(text)+" "), c.socket.write(""))
}

// await waits for the first message.
func (c *clip) await() error {
	m, err := c.receive()
	if err != nil {
		return err
	}
	c.first = &message{data: m}
	return nil
}

// receive returns the next message.
func (c *clip) receive() ([]byte, error) {
	if m := c.first; m != nil {
		c.first = nil
		return m.data, nil
	}
	select {
	case m, ok := <-c.socket.messages:
		if !ok {
			return nil, io.ErrUnexpectedEOF
		}
		return m.data, m.err
	case <-c.ctx.Done():
		return nil, c.ctx.Err()
	}
}

// Next implements remote.Source.
func (c *clip) Next() ([]byte, error) {
	for {
		data, err := c.receive()
		if err != nil {
			return nil, c.voice.broken(err)
		}
		var m struct {
			Audio *string `json:"audio"`
			Final *bool   `json:"isFinal"`
			Error string  `json:"error"`
		}
		if json.Unmarshal(data, &m) != nil {
			if c.malformed++; c.malformed > malformedMax {
				return nil, c.voice.client.Fail("read", tts.Protocol, nil)
			}
			continue
		}
		c.malformed = 0
		if m.Error != "" {
			return nil, c.voice.client.Fail("read", classOf(m.Error), nil)
		}
		var audio []byte
		if m.Audio != nil {
			if audio, err = base64.StdEncoding.DecodeString(*m.Audio); err != nil {
				return nil, c.voice.client.Fail("read", tts.Protocol, nil)
			}
		}
		if m.Final != nil && *m.Final {
			return audio, io.EOF
		}
		if len(audio) > 0 {
			return audio, nil
		}
	}
}

// Close implements remote.Source.
func (c *clip) Close() { c.socket.close() }

// classOf is the class of an error that comes as a message.
func classOf(code string) tts.Class {
	switch code {
	case "invalid_api_key", "missing_permissions", "needs_authorization", "quota_exceeded", "detected_unusual_activity", "subscription_required":
		return tts.Denied
	case "too_many_concurrent_requests", "rate_limit_exceeded", "concurrent_limit_exceeded":
		return tts.Limited
	case "system_busy", "server_error", "internal_server_error", "internal_error":
		return tts.Busy
	case "input_timeout_exceeded":
		return tts.TimedOut
	}
	return tts.Rejected
}

// broken says why a socket ended.
func (v *Voice) broken(err error) error {
	var closed *websocket.CloseError
	switch {
	case errors.Is(err, websocket.ErrReadLimit):
		return v.client.Fail("read", tts.Protocol, nil)
	case !errors.As(err, &closed):
		return err
	}
	switch closed.Code {
	case websocket.CloseNormalClosure:
		return io.EOF // what was sent is all
	case websocket.ClosePolicyViolation, websocket.CloseUnsupportedData:
		return v.client.Fail("read", tts.Rejected, nil)
	case websocket.CloseInternalServerErr, websocket.CloseTryAgainLater, websocket.CloseServiceRestart:
		return v.client.Fail("read", tts.Busy, nil)
	case websocket.CloseMessageTooBig, websocket.CloseProtocolError, websocket.CloseInvalidFramePayloadData:
		return v.client.Fail("read", tts.Protocol, nil)
	}
	return v.client.Fail("read", tts.Cut, nil)
}

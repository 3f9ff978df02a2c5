package sim

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gorilla/websocket"
)

// message is one frame from the gateway, or the socket's end.
type message struct {
	at    time.Time
	order order
	fault *FaultError
	err   error
}

// streamEnd says how a stream ended.
type streamEnd struct {
	err     error         // what the socket's reader met
	hungUp  bool          // the caller hung up
	dropped bool          // DropSocket
	outage  time.Duration // how long the carrier then waits
}

// String implements fmt.Stringer.
func (e streamEnd) String() string {
	switch code := e.closeCode(); {
	case e.hungUp:
		return "the caller hung up"
	case e.dropped:
		return "the socket was dropped"
	case code != 0:
		return fmt.Sprintf("the gateway closed it with %d", code)
	}
	return "the socket broke: " + e.err.Error()
}

// closeCode returns the code of the gateway's close frame, or 0 without one.
func (e streamEnd) closeCode() int {
	var closed *websocket.CloseError
	if errors.As(e.err, &closed) && closed.Code != websocket.CloseAbnormalClosure {
		return closed.Code
	}
	return 0
}

// fault returns the error that Twilio raises for this end, or nil.
func (e streamEnd) fault() *FaultError {
	if e.hungUp || e.dropped {
		return nil
	}
	switch e.closeCode() {
	case websocket.CloseNormalClosure, websocket.CloseGoingAway, websocket.CloseNoStatusReceived:
		return nil
	case 0:
		return &FaultError{31903, e.String()}
	}
	return &FaultError{31921, e.String()}
}

// socket is the WebSocket of one stream and its reader.
type socket struct {
	conn               *websocket.Conn
	streamSID, callSID string

	inbox chan message   // unbuffered: a line that does not take it stalls the reader
	gone  chan struct{}  // closed by the line when it lets go
	end   chan streamEnd // sent once by the line
	done  chan struct{}  // closed by read
}

// openSocket connects a stream's WebSocket, signed as Twilio signs it: over the
// ws or wss URL, without parameters.
func (c *Carrier) openSocket(ctx context.Context, url, callSID string) (*socket, error) {
	dialer := websocket.Dialer{
		NetDialContext: c.opts.DialContext, TLSClientConfig: c.opts.TLS,
		HandshakeTimeout: webhookTimeout, ReadBufferSize: 2048, WriteBufferSize: 1024,
	}
	header := http.Header{"X-Twilio-Signature": {Sign(c.opts.AuthToken, url, nil)}}
	conn, resp, err := dialer.DialContext(ctx, url, header)
	switch {
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, &FaultError{31920, "the stream's handshake was answered " + resp.Status}
	case err != nil:
		return nil, &FaultError{31901, err.Error()}
	}
	s := &socket{
		conn: conn, streamSID: newSID("MZ"), callSID: callSID,
		inbox: make(chan message), gone: make(chan struct{}), end: make(chan streamEnd, 1), done: make(chan struct{}),
	}
	go s.read()
	return s, nil
}

// read hands each frame to the line with its time of arrival.
func (s *socket) read() {
	defer close(s.done)
	parser := orderParser{streamSID: s.streamSID}
	for {
		kind, data, err := s.conn.ReadMessage()
		m := message{at: time.Now(), err: err}
		if err == nil {
			m.order, m.fault = parser.parse(kind, data)
		}
		select {
		case s.inbox <- m:
		case <-s.gone:
			return
		}
		if err != nil {
			return
		}
	}
}

// write sends one message; a failure breaks the socket, so that read ends too.
func (s *socket) write(kind int, data []byte) error {
	s.conn.SetWriteDeadline(time.Now().Add(writeTimeout))
	if err := s.conn.WriteMessage(kind, data); err != nil {
		s.conn.Close()
		return fmt.Errorf("sim: write: %w", err)
	}
	return nil
}

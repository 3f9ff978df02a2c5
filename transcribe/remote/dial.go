package remote

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/transcribe"
)

// dial opens the connection.
func (c *connection) dial(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.options.Connect)
	defer cancel()
	d := websocket.Dialer{NetDialContext: c.options.DialContext, HandshakeTimeout: c.options.Connect, ReadBufferSize: 4096, WriteBufferSize: 4096}
	if c.options.DialContext == nil {
		d.Proxy = http.ProxyFromEnvironment
	}
	conn, resp, err := d.DialContext(ctx, c.line.URL, c.line.Header)
	if err == nil {
		return conn, nil
	}
	if errors.Is(err, websocket.ErrBadHandshake) && resp != nil {
		resp.Body.Close()
		return nil, Refusal(c.line.Engine, "connect", resp)
	}
	if ctx.Err() != nil || TimedOut(err) {
		return nil, c.fail("connect", transcribe.TimedOut, nil)
	}
	return nil, c.fail("connect", transcribe.Unreachable, Plain(err))
}

// Refusal makes a failure of an HTTP answer. Its body is not read: some repeat
// the key.
func Refusal(engine, op string, resp *http.Response) *transcribe.Failure {
	return &transcribe.Failure{Engine: engine, Op: op, Class: classOf(resp.StatusCode), Status: resp.StatusCode, RetryAfter: RetryAfter(resp.Header)}
}

// RetryAfter reads the header of RFC 9110, section 10.2.3, in seconds.
func RetryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 86400)) * time.Second
}

func (c *connection) fail(op string, class transcribe.Class, err error) *transcribe.Failure {
	return &transcribe.Failure{Engine: c.line.Engine, Op: op, Class: class, Err: err}
}

// broken says why a connection ended.
func (c *connection) broken(err error, op string) error {
	var closed *websocket.CloseError
	switch {
	case errors.As(err, &closed):
		f := c.fail(op, transcribe.Cut, nil)
		f.Code = c.code(closed.Text)
		switch closed.Code {
		case websocket.ClosePolicyViolation, websocket.CloseUnsupportedData:
			f.Class = transcribe.Rejected
		case websocket.CloseMessageTooBig, websocket.CloseProtocolError, websocket.CloseInvalidFramePayloadData:
			f.Class = transcribe.Protocol
		case websocket.CloseInternalServerErr, websocket.CloseTryAgainLater, websocket.CloseServiceRestart:
			f.Class = transcribe.Busy
		}
		return f
	case errors.Is(err, websocket.ErrReadLimit):
		return c.fail(op, transcribe.Protocol, nil)
	case TimedOut(err):
		return c.fail(op, transcribe.TimedOut, nil)
	}
	return c.fail(op, transcribe.Cut, Plain(err))
}

// own fills in a failure that a dialect has reported.
func (c *connection) own(err error) error {
	var f *transcribe.Failure
	if !errors.As(err, &f) {
		return c.fail(reading, transcribe.Protocol, nil)
	}
	f.Engine, f.Code = c.line.Engine, c.code(f.Code)
	return f
}

// code takes the code out of what a vendor says, such as "NET-0001"; nothing
// else of it is repeated, and never the key.
var codes = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{2,39}`)

func (c *connection) code(text string) string { return Code(text, c.line.Secret) }

// Code returns the code that a vendor's text begins with, or nothing where that
// might be, or hold a part of, a secret.
func Code(text, secret string) string {
	code := codes.FindString(text)
	if secret == "" || code == "" {
		return code
	}
	for i := 0; i+6 <= len(secret); i++ {
		if strings.Contains(code, secret[i:i+6]) {
			return ""
		}
	}
	if strings.Contains(code, secret) {
		return ""
	}
	return code
}

// TimedOut reports whether an error is that of a deadline.
func TimedOut(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// Plain leaves of a network's error what it says of the system: addresses and
// headers may hold more than one would like to log.
func Plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return errors.New("the connection broke")
}

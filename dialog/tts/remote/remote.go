// Package remote is what voices elsewhere have in common: a client whose
// connections are kept, deadlines, and the way from bytes on a network to mono PCM
// at the rate of a call.
//
// It refuses audio in another coding than it knows, more audio than the text can
// be long, redirects, and to repeat what a vendor says. It reads in the goroutine
// that asks, and starts none that outlives a clip; those of kept connections are
// net/http's, and end with Close.
package remote

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"time"
	"unicode"

	"sidetone/dialog/tts"
)

// Options are those of every voice elsewhere. Zero fields take the defaults.
type Options struct {
	Connect time.Duration // for a connection, TLS included: 2 s
	First   time.Duration // from the request to its first audio, connecting included: 3 s
	Idle    time.Duration // without audio, once what came has been heard: 1.5 s

	// DialContext connects in place of the system, for tests.
	DialContext func(ctx context.Context, network, address string) (net.Conn, error)
}

// ahead bounds how much longer than Idle a voice may pause that is ahead of what
// can have been heard.
const ahead = 5 * time.Second

// Client speaks with one vendor for all calls.
type Client struct {
	Engine  string // a metric label
	Options Options
	http    *http.Client
}

// NewClient returns a client. It does not connect.
func NewClient(engine string, o Options) *Client {
	o.Connect = cmp.Or(o.Connect, 2*time.Second)
	o.First = cmp.Or(o.First, 3*time.Second)
	o.Idle = cmp.Or(o.Idle, 1500*time.Millisecond)
	t := &http.Transport{
		DialContext: o.DialContext, TLSHandshakeTimeout: o.Connect, MaxIdleConnsPerHost: 64, IdleConnTimeout: 90 * time.Second,
		ForceAttemptHTTP2: true, DisableCompression: true,
		// A connection that died without a word would be taken again and again.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 5 * time.Second, PingTimeout: 2 * time.Second},
	}
	if o.DialContext == nil {
		t.Proxy = http.ProxyFromEnvironment
		t.DialContext = (&net.Dialer{Timeout: o.Connect}).DialContext
	}
	return &Client{engine, o, &http.Client{
		Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops the connections that are kept.
func (c *Client) Close() error {
	c.http.CloseIdleConnections()
	return nil
}

// Source yields the audio of one clip as it comes.
type Source interface {
	// Next returns further bytes, which may be changed by the next call. io.EOF is
	// the end of the clip, and may come with its last bytes.
	Next() ([]byte, error)
	Close() // ends what is still coming
}

// Open asks for a clip. It returns when the answer begins, with the coding that
// the answer says it has.
type Open func(ctx context.Context) (Source, Format, error)

// Speak yields the audio of text, of which open asks for the clip, at rate Hz. Its
// errors are a *tts.Failure, or why ctx ended. Text without a letter or a digit
// yields nothing.
func (c *Client) Speak(ctx context.Context, text string, rate int, open Open) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		if !tts.Sayable(text) {
			return
		}
		of := ctx
		ctx, w := watch(ctx, c.Options)
		defer w.stop()
		fail := func(op string, err error) {
			if cause := context.Cause(of); cause != nil {
				yield(nil, cause)
				return
			}
			yield(nil, c.failure(ctx, op, err))
		}
		source, format, err := open(ctx)
		if err != nil {
			fail("connect", err)
			return
		}
		defer source.Close()
		clip := clip{decoder: newDecoder(format, rate), left: longest(text, rate)}
		for end := false; !end; {
			pcm, err := clip.next(source)
			if end = err == io.EOF; err != nil && !end {
				fail("read", err)
				return
			}
			w.hold(len(pcm), rate)
			if len(pcm) > 0 && !yield(pcm, nil) {
				return
			}
			w.resume()
		}
	}
}

// Pieces speaks text piece by piece, none longer than an API takes; it ends at the
// first error.
func (c *Client) Pieces(cut tts.Cutter, text string, speak func(string) iter.Seq2[[]int16, error]) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		for _, piece := range cut.Pieces(text) {
			for pcm, err := range speak(piece) {
				if !yield(pcm, err) || err != nil {
					return
				}
			}
		}
	}
}

// clip is the audio of one request on its way.
type clip struct {
	decoder *decoder
	left    int // samples that may still come
	any     bool
	trim    lead
}

// next returns the next audio; io.EOF with the last.
func (c *clip) next(source Source) ([]int16, error) {
	b, err := source.Next()
	if err != nil && err != io.EOF {
		return nil, err
	}
	pcm, wrong := c.decoder.take(b)
	if wrong == nil && err == io.EOF {
		pcm, wrong = c.decoder.end(pcm)
	}
	if wrong != nil {
		return nil, wrong
	}
	c.any = c.any || len(pcm) > 0
	if c.left -= len(pcm); c.left < 0 {
		return nil, errTooMuch
	}
	if err == io.EOF && !c.any {
		return nil, errEmpty
	}
	return c.trim.cut(pcm, c.decoder.rate), err
}

// longest is how many samples text can sound for: far more than anybody takes for
// it, and digits and signs more than letters.
func longest(text string, rate int) int {
	length := 5 * time.Second
	for _, r := range text {
		switch {
		case r < unicode.MaxASCII && !unicode.IsDigit(r):
			length += 200 * time.Millisecond
		default:
			length += 800 * time.Millisecond
		}
	}
	return int(length.Seconds() * float64(rate))
}

// Errors of a clip; each becomes a class of failure.
var (
	errTooMuch = errors.New("more audio than the text can be long")
	errEmpty   = errors.New("no audio")
	errCoding  = errors.New("audio of another coding")
	errAnswer  = errors.New("an answer that is no audio")
	errShort   = errors.New("the clip ends early")
)

// Fail makes a failure of the class, for an engine's own errors.
func (c *Client) Fail(op string, class tts.Class, err error) *tts.Failure {
	return &tts.Failure{Engine: c.Engine, Op: op, Class: class, Err: err}
}

// failure says why a clip could not be had.
func (c *Client) failure(ctx context.Context, op string, err error) *tts.Failure {
	var f *tts.Failure
	var network *net.OpError
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errFirst), errors.Is(cause, errIdle):
		c.http.CloseIdleConnections() // of one that hangs the others may be no better
		return c.Fail(op, tts.TimedOut, cause)
	case errors.As(err, &f):
		return f
	case errors.Is(err, errCoding):
		return c.Fail(op, tts.Rejected, err)
	case errors.Is(err, errTooMuch), errors.Is(err, errEmpty), errors.Is(err, errAnswer):
		return c.Fail(op, tts.Protocol, err)
	case errors.Is(err, errShort):
		return c.Fail(op, tts.Cut, err)
	case timedOut(err):
		return c.Fail(op, tts.TimedOut, nil)
	case errors.As(err, &network) && network.Op == "dial", op == "connect" && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF):
		return c.Fail(op, tts.Unreachable, plain(err))
	}
	return c.Fail(op, tts.Cut, plain(err))
}

// Refusal makes a failure of an HTTP answer. Its body is not read: some repeat
// the key, or the words.
func (c *Client) Refusal(resp *http.Response) *tts.Failure {
	f := c.Fail("request", tts.Rejected, nil)
	f.Status, f.RetryAfter = resp.StatusCode, retryAfter(resp.Header)
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusPaymentRequired:
		f.Class = tts.Denied
	case code == http.StatusTooManyRequests:
		f.Class = tts.Limited
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusConflict, code >= 500:
		f.Class = tts.Busy
	}
	return f
}

// retryAfter reads the header of RFC 9110, section 10.2.3, in seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 86400)) * time.Second
}

// timedOut reports whether an error is that of a deadline.
func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// plain leaves of a network's error what it says of the system: addresses may
// hold more than one would like to log.
func plain(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return errors.New("the connection broke")
}

// OnThisMachine reports whether a URL names this machine, by localhost or a
// loopback address.
func OnThisMachine(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

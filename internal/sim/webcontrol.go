package sim

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"sidetone/media"
)

// What a caller, a script or a test can do to a browser call.

// ErrNoRelay says that the call has no relay.
var ErrNoRelay = errors.New("sim: the call has no relay")

// Path returns the path of the session.
func (c *WebCall) Path() string { return c.signal.path }

// Rate returns the rate of the audio that Say takes, in Hz.
func (c *WebCall) Rate() int { return c.opts.Rate }

// Done is closed when the call has ended.
func (c *WebCall) Done() <-chan struct{} { return c.done }

// Wait waits for the end of the call and reports on it. The error is that of
// ctx, or the report's.
func (c *WebCall) Wait(ctx context.Context) (WebReport, error) {
	select {
	case <-c.done:
		return c.report, c.report.Err
	case <-ctx.Done():
		return WebReport{}, ctx.Err()
	}
}

// Now returns where the caller's media clock stands.
func (c *WebCall) Now() (at media.Tick, err error) {
	err = c.line.do(func() { at = c.line.now() })
	return at, err
}

// Say queues audio of Rate to be said now, or after what is being said. When the
// call has ended, it returns a Spoken whose Wait fails.
func (c *WebCall) Say(pcm []int16) *Spoken {
	var s *Spoken
	if c.line.mouth != nil && c.line.mouth.rate != c.opts.Rate {
		narrow, err := media.Resample(pcm, c.opts.Rate, c.line.mouth.rate)
		if err != nil {
			panic("sim: internal error: " + err.Error()) // both rates are among media's
		}
		pcm = narrow
	}
	if c.line.mouth == nil || c.line.do(func() { s = c.line.say(pcm) }) != nil {
		return &Spoken{ended: c.done}
	}
	return s
}

// Press presses keys (0-9, *, #, A-D), 160 ms apart: as telephone events, or as
// messages of the page where these were not negotiated.
func (c *WebCall) Press(digits string) error {
	if i := strings.IndexFunc(digits, func(r rune) bool { return !strings.ContainsRune(keyDigits, r) }); i >= 0 {
		return fmt.Errorf("sim: %q has no key %q", digits, digits[i:i+1])
	}
	if c.track.hasKeys {
		return c.line.do(func() {
			c.line.acted = c.line.now()
			c.line.keys.queue = append(c.line.keys.queue, digits...)
		})
	}
	for _, d := range digits {
		if err := c.post(pageKey{"key", string(d)}); err != nil {
			return err
		}
		if err := c.line.do(func() { c.line.pressed(byte(d)) }); err != nil {
			return err
		}
	}
	return nil
}

// Type types a line.
func (c *WebCall) Type(text string) error {
	return errors.Join(c.line.do(func() { c.line.acted = c.line.now() }), c.post(pageText{"text", text}))
}

// About says something about the visitor: their "name" or "email".
func (c *WebCall) About(field, text string) error { return c.post(pageAbout{"about", field, text}) }

// Mute switches the microphone off or on. What is said while it is off is lost.
func (c *WebCall) Mute(on bool) error {
	err := c.line.do(func() {
		if c.line.mouth != nil {
			c.line.mouth.muted = on
		}
	})
	return errors.Join(err, c.post(pageMute{"mute", on}))
}

// SendRaw sends data over the data channel as it is, as text or binary.
func (c *WebCall) SendRaw(data []byte, text bool) error {
	select {
	case <-c.open:
	case <-c.line.done:
		return ErrEnded
	}
	var err error
	if text {
		err = c.channel.SendText(string(data))
	} else {
		err = c.channel.Send(data)
	}
	if errors.Is(err, io.ErrClosedPipe) {
		return ErrEnded
	}
	return err
}

// post sends a message of the page.
func (c *WebCall) post(message any) error {
	data, err := json.Marshal(message)
	if err != nil {
		panic("sim: internal error: a message of the page: " + err.Error())
	}
	if err := c.SendRaw(data, true); errors.Is(err, ErrEnded) {
		return err
	} else if err != nil {
		return fmt.Errorf("sim: data channel: %w", err)
	}
	if _, statistics := message.(pageStats); !statistics {
		var head struct{ Type string }
		_ = json.Unmarshal(data, &head) // it is our own
		if at, err := c.Now(); err == nil {
			c.log.add(at, EventSent, head.Type)
		}
	}
	return nil
}

// Hangup is the caller hanging up: bye over the data channel, or DELETE if that
// is not open.
func (c *WebCall) Hangup() { c.byeOnce.Do(func() { close(c.hungUp) }) }

// Delete hangs up by DELETE.
func (c *WebCall) Delete(ctx context.Context) error {
	if err := c.signal.delete(ctx); err != nil {
		return err
	}
	c.Hangup()
	return nil
}

// Recording asks for the recording of the call, whether it has ended or not.
func (c *WebCall) Recording(ctx context.Context) (status int, wav []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.signal.base+c.signal.path+"/recording", nil)
	if err != nil {
		return 0, nil, fmt.Errorf("sim: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+c.signal.token)
	resp, err := c.signal.client.Do(r)
	if err != nil {
		return 0, nil, fmt.Errorf("sim: %w", err)
	}
	defer resp.Body.Close()
	wav, err = io.ReadAll(resp.Body)
	return resp.StatusCode, wav, err
}

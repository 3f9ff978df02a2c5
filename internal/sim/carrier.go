// Package sim is the far side of Sidetone, simulated: a Twilio carrier with a
// caller on the line, a browser with a visitor at it and a bad network before it,
// fleets of both, a chat endpoint, and real human speech to say. `sidetone try`
// places its call with it, and the end-to-end tests and benchmarks run on it.
//
// It speaks wire protocols and nothing else. It refuses to import the gateway
// or to share its signing, framing, codec or playout code, so that the two sides
// check each other. All of it runs on real time or, but for browsers and given
// CarrierOptions.DialContext, over net.Pipe in a testing/synctest bubble.
//
// A Call owns three goroutines: its signalling, its line (the media clock) and
// the reader of its socket, plus one for each callback under way. All of them
// have ended when Call.Done is closed; those of a WebCall when its Done is.
package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sidetone/media"
)

// webhookTimeout is the longest that Twilio waits for an answer to a webhook.
const webhookTimeout = 15 * time.Second

// maxDocument is the longest TwiML answer Twilio takes (error 11750).
const maxDocument = 64 << 10

// CarrierOptions describe a carrier and the caller it stands for.
type CarrierOptions struct {
	// BaseURL is the gateway's public base, such as https://voice.example.org;
	// it is what gets signed. Plain http, and then ws streams, are accepted for
	// loopback addresses only.
	BaseURL string
	// VoicePath and StatusPath are the paths of the number's voice webhook and
	// of its status callback: /twilio/voice and /twilio/status when empty.
	VoicePath, StatusPath string
	// AuthToken signs every request. AccountSID, From and To have plausible
	// defaults.
	AuthToken, AccountSID, From, To string
	// CallerName is what a number that looks callers' names up is told; empty: it
	// looks none up.
	CallerName string

	// SkewPPM is how much faster than real time the carrier's media clock runs,
	// in parts per million.
	SkewPPM float64
	// EchoDB, when negative, feeds what is played back into the caller's audio,
	// that much weaker and EchoDelay later.
	EchoDB    float64
	EchoDelay time.Duration
	// NoiseDB, when negative, is the level in dBFS of white noise behind the
	// caller. NoiseSeed makes it reproducible.
	NoiseDB   float64
	NoiseSeed uint64
	// Ambient, at 8 kHz, sounds behind the caller, over and over.
	Ambient []int16

	// DiscardHeard keeps no audio: Report.Heard stays empty.
	DiscardHeard bool
	// ActionAfterHangup asks the action URL once more when the caller has hung
	// up, with CallStatus=completed, and ignores the answer.
	ActionAfterHangup bool
	// NoStart leaves out the start frame and all media: what follows connected
	// is what SendRaw sends.
	NoStart bool
	// EditParameters, if set, may change the custom parameters of a stream
	// before they are sent in start.
	EditParameters func(map[string]string)
	// OnEvent, if set, is told of each event as it happens. It is called by the
	// goroutines of the call and must not block.
	OnEvent func(Event)

	// DialContext replaces net.Dialer for webhooks and streams.
	DialContext func(ctx context.Context, network, addr string) (net.Conn, error)
	// TLS is the client configuration for https and wss; nil is the default one.
	TLS *tls.Config
}

// Carrier places calls to one gateway. It may be used by many goroutines.
type Carrier struct {
	opts   CarrierOptions
	client *http.Client
}

// NewCarrier returns a carrier for the gateway at opts.BaseURL.
func NewCarrier(opts CarrierOptions) *Carrier {
	opts.BaseURL = strings.TrimSuffix(opts.BaseURL, "/")
	opts.VoicePath = cmp.Or(opts.VoicePath, "/twilio/voice")
	opts.StatusPath = cmp.Or(opts.StatusPath, "/twilio/status")
	opts.AccountSID = cmp.Or(opts.AccountSID, "AC00000000000000000000000000000001")
	opts.From = cmp.Or(opts.From, "+12125550123")
	opts.To = cmp.Or(opts.To, "+12125550100")
	return &Carrier{opts: opts, client: &http.Client{
		Timeout: webhookTimeout,
		Transport: &http.Transport{
			DialContext:       opts.DialContext,
			TLSClientConfig:   opts.TLS.Clone(),
			DisableKeepAlives: true, // an idle connection would outlive its call
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Dial places a call: it asks the voice webhook and follows its answer until
// the first stream has started or the call has ended. ctx bounds that, not the
// call. The error is one of Twilio's where Twilio has one: see FaultError.
func (c *Carrier) Dial(ctx context.Context) (*Call, error) {
	call := newCall(c)
	first, err := call.ask(ctx, http.MethodPost, c.opts.BaseURL+c.opts.VoicePath, "ringing", nil)
	if err != nil {
		return nil, fmt.Errorf("sim: voice webhook: %w", err)
	}
	go call.run(context.WithoutCancel(ctx), first)
	select {
	case <-call.started:
		return call, nil
	case <-call.done:
		if err := call.report.Err; err != nil {
			return nil, fmt.Errorf("sim: call: %w", err)
		}
		return call, nil
	case <-ctx.Done():
		call.Hangup()
		return nil, fmt.Errorf("sim: dial: %w", ctx.Err())
	}
}

// send sends a signed form and returns the body of a good answer with its
// content type. A GET carries the form in its query.
func (c *Carrier) send(ctx context.Context, method, rawURL string, form url.Values) (body []byte, contentType string, err error) {
	signed := form
	var payload io.Reader
	if method == http.MethodGet {
		sep := "?"
		if strings.Contains(rawURL, "?") {
			sep = "&"
		}
		rawURL, signed = rawURL+sep+form.Encode(), nil
	} else {
		payload = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, rawURL, payload)
	if err != nil {
		return nil, "", &FaultError{Code: 11100, Detail: "invalid URL " + rawURL}
	}
	if payload != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")
	}
	req.Header.Set("X-Twilio-Signature", Sign(c.opts.AuthToken, rawURL, signed))
	req.Header.Set("User-Agent", "TwilioProxy/1.1")
	resp, err := c.client.Do(req)
	if err != nil {
		return nil, "", &FaultError{Code: 11205, Detail: err.Error()}
	}
	defer resp.Body.Close()
	body, err = io.ReadAll(io.LimitReader(resp.Body, maxDocument+1))
	switch {
	case err != nil:
		return nil, "", &FaultError{Code: 11200, Detail: err.Error()}
	case resp.StatusCode >= 300:
		return nil, "", &FaultError{Code: 11200, Detail: fmt.Sprintf("%s answered %s", req.URL.Path, resp.Status)}
	case len(body) > maxDocument:
		return nil, "", &FaultError{Code: 11750, Detail: "the answer is over 64 KiB"}
	}
	return body, resp.Header.Get("Content-Type"), nil
}

// FaultError is something Twilio would refuse or warn of, with the code under
// which its error pages list it, such as 31920 for a failed handshake.
type FaultError struct {
	Code   int
	Detail string
}

// Error implements error.
func (e *FaultError) Error() string { return fmt.Sprintf("twilio %d: %s", e.Code, e.Detail) }

// ErrEnded is returned by the methods of a Call that has ended.
var ErrEnded = errors.New("sim: call has ended")

// newSID returns a random identifier of Twilio's form: two letters and 32 hex
// digits.
func newSID(prefix string) string {
	var b [16]byte
	rand.Read(b[:])
	return prefix + hex.EncodeToString(b[:])
}

// tickOf is the tick of a sample of the carrier's 8 kHz media clock.
func tickOf(sample int64) media.Tick { return media.TickOfSample(sample, sampleRate) }

package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"

	"sidetone/media"
)

// webDepth is the depth of a browser's jitter buffer, if nothing else is asked
// for.
const webDepth = 60 * time.Millisecond

// How long a browser waits before it thinks that a connection is lost, and gives
// it up, and how often it asks.
const (
	webLost  = 2500 * time.Millisecond
	webGone  = 30 * time.Second
	webAsked = 500 * time.Millisecond
)

// silent is for pion, whose log is of no use to a caller.
var silent = &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}

// BrowserOptions describe a browser and the caller who sits at it.
type BrowserOptions struct {
	// BaseURL is the gateway's public base, such as https://voice.example.org.
	BaseURL string
	// Agent is the agent that is asked for. Token is a session token for it; Mint,
	// if set, gets a fresh one for each call instead.
	Agent, Token string
	Mint         func(context.Context) (token string, err error)
	Origin       string // of the page; empty sends none

	Codec Codec // Opus when empty
	// Rate is that of the audio given to Say: 16000 (when 0) or 48000 Hz.
	Rate int
	// DTX leaves out packets while the caller is silent, as browsers do when it is
	// negotiated.
	DTX bool
	// Ambient, of Rate, sounds behind the caller, over and over.
	Ambient []int16
	// SkewPPM is how much faster than real time the caller's media clock runs, in
	// parts per million.
	SkewPPM float64
	// JitterBuffer is the depth of the playout's buffer; 60 ms when 0.
	JitterBuffer time.Duration
	// PlaysOut lets the page play what it holds when the gateway tells it to hush, as
	// a page does that does not know of that.
	PlaysOut bool
	// TCPOnly connects over ICE-TCP, as behind a firewall. It goes without a Relay.
	TCPOnly bool
	// Relay, if set, is the network between caller and gateway, which must both be
	// on this machine.
	Relay *RelayOptions

	// DiscardHeard keeps no audio: WebReport.Heard stays empty.
	DiscardHeard bool
	// OnEvent and OnMessage, if set, are told of each event and each message of the
	// gateway as it comes. They are called by the goroutines of the call: they must
	// not block, nor use the call.
	OnEvent   func(Event)
	OnMessage func(PageMessage)
	// OnVoice, if set, is given the payload of each packet of the caller's voice as
	// it is sent. Like the two above it must not block, nor keep the bytes.
	OnVoice func(payload []byte)
	// Client does the signalling; nil is one of its own.
	Client *http.Client

	fleet *webFleet // the caller is one of many and does not listen
}

// Browser places calls to one gateway. It may be used by many goroutines.
type Browser struct{ opts BrowserOptions }

// NewBrowser returns a browser for the gateway at opts.BaseURL.
func NewBrowser(opts BrowserOptions) *Browser {
	opts.BaseURL = strings.TrimSuffix(opts.BaseURL, "/")
	opts.Codec = cmp.Or(opts.Codec, Opus)
	opts.Rate = cmp.Or(opts.Rate, wideRate)
	opts.JitterBuffer = cmp.Or(opts.JitterBuffer, webDepth)
	if opts.Client == nil {
		// An idle connection would outlive its call.
		opts.Client = &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	}
	return &Browser{opts}
}

// Dial places a call and returns once audio can flow both ways. ctx bounds that,
// not the call. A gateway that refuses gives a *RefusalError.
func (b *Browser) Dial(ctx context.Context) (*WebCall, error) {
	c, err := newWebCall(ctx, &b.opts)
	if err != nil {
		return nil, err
	}
	if err := c.connect(ctx); err != nil {
		c.abandon(ctx)
		return nil, fmt.Errorf("sim: dial: %w", err)
	}
	return c, nil
}

// newWebCall makes the parts of a call, none of which does anything yet.
func newWebCall(ctx context.Context, o *BrowserOptions) (c *WebCall, err error) {
	if o.TCPOnly && o.Relay != nil {
		return nil, errors.New("sim: a relay takes UDP only")
	}
	c = &WebCall{
		opts: o, placed: time.Now(), log: journal{tell: o.OnEvent},
		signal: session{client: o.Client, base: o.BaseURL, origin: o.Origin, token: o.Token},
		track:  newWebTrack(o.Codec), delays: make(chan time.Duration, 1),
		open: make(chan struct{}), connected: make(chan struct{}), gone: make(chan struct{}),
		over: make(chan struct{}), hungUp: make(chan struct{}), done: make(chan struct{}),
		iceChanged: make(chan struct{}),
	}
	if o.Mint != nil {
		if c.signal.token, err = o.Mint(ctx); err != nil {
			return nil, fmt.Errorf("sim: session token: %w", err)
		}
	}
	if c.line, err = c.newLine(); err != nil {
		return nil, err
	}
	settings, err := c.settings()
	if err != nil {
		return nil, err
	}
	if c.peer, err = newPeer(o.Codec, settings, o.fleet == nil); err != nil {
		return nil, errors.Join(err, c.release())
	}
	if err := c.furnish(); err != nil {
		return nil, errors.Join(err, c.peer.Close(), c.release())
	}
	return c, nil
}

// newLine makes the line, whose clock starts when the call is connected.
func (c *WebCall) newLine() (*webLine, error) {
	o := c.opts
	l := &webLine{
		owner: newOwner(), log: &c.log, quit: make(chan struct{}),
		inbox: make(chan webArrival, webInbox), track: c.track, acted: -1, overheard: o.OnVoice,
		report: func(d time.Duration) {
			select {
			case c.delays <- d:
			default: // the one before is still on its way
			}
		},
	}
	l.keys.begun = l.pressed
	l.pacing.rate = o.Codec.clockRate()
	if o.fleet != nil {
		l.clip = o.fleet.clip
		return l, nil
	}
	var err error
	if l.enc, err = newWebEncoder(o.Codec, o.Rate, o.DTX); err != nil {
		return nil, err
	}
	l.mouth = newWebMouth(l.enc.rate())
	if len(o.Ambient) > 0 {
		if l.mouth.ambient, err = media.Resample(o.Ambient, o.Rate, l.enc.rate()); err != nil {
			return nil, err
		}
	}
	dec, err := newWebDecoder(o.Codec)
	if err != nil {
		return nil, err
	}
	depth := int64(o.JitterBuffer * wideRate / time.Second)
	l.ear = newWebEar(dec, o.Codec.clockRate(), depth, !o.DiscardHeard, func(at media.Tick, kind EventKind) { c.log.add(at, kind, "") })
	return l, nil
}

// settings are pion's, and open the sockets that are our own.
func (c *WebCall) settings() (webrtc.SettingEngine, error) {
	var s webrtc.SettingEngine
	s.LoggerFactory = silent
	s.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	s.SetIncludeLoopbackCandidate(true)
	s.SetICETimeouts(webLost, webGone, webAsked)
	var err error
	switch {
	case c.opts.TCPOnly:
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeTCP4})
	case c.opts.Relay != nil:
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
		s.SetIPFilter(net.IP.IsLoopback)
		c.relay, err = newRelay(*c.opts.Relay)
	default:
		s.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	}
	if err == nil && c.opts.fleet != nil {
		c.tap, err = newWebTap(c.opts.fleet.local, c.opts.Codec, &s)
	}
	return s, err
}

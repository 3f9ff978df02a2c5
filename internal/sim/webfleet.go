package sim

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
)

// WebFleetOptions describe many browser calls at once, whose callers send what
// was coded before and measure what comes without decoding it. Each has its own
// socket: two calls between the same two ports could not be told apart.
type WebFleetOptions struct {
	// Browser is what each call has in common. It must Mint its tokens.
	Browser BrowserOptions
	// Clip is what every caller says, over and over; nil is silence.
	Clip *WebClip
	// Calls are placed at PerSecond (all at once when 0).
	Calls     int
	PerSecond float64
	// Caller is what caller n does; when it returns, the caller hangs up. A call
	// that the gateway ends first is no failure.
	Caller func(ctx context.Context, n int, call *WebCall) error
	// OnReport, if set, is given each call's report; by one goroutine at a time.
	OnReport func(n int, r WebReport)
}

// WebFleetReport sums up the calls of a web fleet.
type WebFleetReport struct {
	Calls   int
	Failed  int   // calls that were refused or broke
	Err     error // the first few failures, joined
	Endings map[Ending]int

	Packets, Lost int // of audio received
	Faults        int // what breaks the documented protocol

	Answered   Distribution // from Dial to the gateway's answer
	Connect    Distribution // from Dial to DTLS connected
	FirstAudio Distribution // from DTLS connected to the first packet
	Interval   Distribution // as in WebPacing
	Late       Distribution // as in WebPacing
}

// String prints the figures, a line each.
func (r *WebFleetReport) String() string {
	s := fmt.Sprintf("%d calls, %d failed, %d packets, %d lost, %d faults", r.Calls, r.Failed, r.Packets, r.Lost, r.Faults)
	for _, d := range []struct {
		name string
		of   *Distribution
	}{
		{"late", &r.Late}, {"interval", &r.Interval}, {"first audio", &r.FirstAudio}, {"answered", &r.Answered}, {"connect", &r.Connect},
	} {
		s += fmt.Sprintf("\n%-12s %v", d.name, d.of)
	}
	return s
}

// webFleet is what the callers of a fleet share.
type webFleet struct {
	clip  *WebClip
	local netip.Addr // of their sockets
}

// RunWebFleet places the calls and waits for all of them. When ctx ends, no
// further call is placed and the callers hang up.
func RunWebFleet(ctx context.Context, opts WebFleetOptions) *WebFleetReport {
	f := &WebFleetReport{Endings: map[Ending]int{}}
	shared, err := newWebFleet(&opts)
	if err != nil {
		f.Err = err
		return f
	}
	opts.Browser.fleet = shared
	browser := NewBrowser(opts.Browser)
	placeAll(ctx, opts.Calls, opts.PerSecond, func(n int) func() {
		report, err := opts.call(ctx, browser, n)
		return func() {
			f.add(n, report, err)
			if opts.OnReport != nil {
				opts.OnReport(n, report)
			}
		}
	})
	return f
}

func newWebFleet(o *WebFleetOptions) (*webFleet, error) {
	f := &webFleet{clip: o.Clip}
	if f.clip == nil {
		var err error
		if f.clip, err = NewWebClip(NewBrowser(o.Browser).opts.Codec, nil); err != nil {
			return nil, err
		}
	}
	if o.Browser.Relay != nil || o.Browser.TCPOnly {
		return nil, errors.New("sim: a fleet goes over UDP without a relay")
	}
	base, err := url.Parse(o.Browser.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	// The address from which this machine reaches the gateway; nothing is sent.
	probe, err := net.Dial("udp", net.JoinHostPort(base.Hostname(), "9"))
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	f.local = probe.LocalAddr().(*net.UDPAddr).AddrPort().Addr().Unmap()
	return f, probe.Close()
}

// call runs one call to its end.
func (o *WebFleetOptions) call(ctx context.Context, browser *Browser, n int) (WebReport, error) {
	call, err := browser.Dial(ctx)
	if err != nil {
		return WebReport{}, err
	}
	err = hold(ctx, call.Hangup, call.done, func() error { return o.Caller(ctx, n, call) })
	return call.report, errors.Join(err, call.report.Err)
}

func (f *WebFleetReport) add(n int, r WebReport, err error) {
	f.Calls++
	if err != nil {
		f.Failed++
		if f.Failed <= maxFleetErrors {
			f.Err = errors.Join(f.Err, fmt.Errorf("call %d: %w", n, err))
		}
	}
	if r.Ending == "" {
		return
	}
	f.Endings[r.Ending]++
	f.Packets += r.Pacing.Packets
	f.Lost += r.Pacing.Lost
	f.Faults += len(r.Faults)
	f.Answered.Add(r.Answered)
	f.Connect.Add(r.Connect)
	if r.Pacing.Packets > 0 {
		f.FirstAudio.Add(r.Pacing.FirstAudio)
	}
	f.Interval.Merge(r.Pacing.Interval)
	f.Late.Merge(r.Pacing.Late)
}

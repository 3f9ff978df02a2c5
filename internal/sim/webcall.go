package sim

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"
)

// WebCall is one call of a Browser. Its methods may be used by any goroutine.
//
// It owns a goroutine for its life, one for its line, one for the reports of the
// page, and one each for the packets and the RTCP of either direction; those of
// pion end with the peer connection. All of our own have ended when Done is
// closed.
type WebCall struct {
	opts    *BrowserOptions
	placed  time.Time
	log     journal
	signal  session
	relay   *relay
	tap     *webTap
	peer    *webrtc.PeerConnection
	channel *webrtc.DataChannel
	track   *webTrack
	line    *webLine
	delays  chan time.Duration // for the next report of the page
	pumps   sync.WaitGroup

	open      chan struct{} // closed when the data channel is open
	connected chan struct{} // closed when DTLS is connected, at connectedAt
	gone      chan struct{} // closed when the peer connection has failed or is closed
	over      chan struct{} // closed when over has come
	hungUp    chan struct{} // closed by Hangup
	done      chan struct{} // closed when all goroutines of the call have ended

	connectedAt                 time.Time
	connectedOnce, goneOnce     sync.Once
	openOnce, overOnce, byeOnce sync.Once

	mu         sync.Mutex
	ice        webrtc.ICEConnectionState
	iceChanged chan struct{} // closed and replaced when ice changes

	restarting sync.Mutex // held by RestartICE
	answer     string     // the newest one, as the gateway sent it; restarting guards it
	restarts   []Restart

	report WebReport // run's until done
}

// furnish gives the peer connection its track and data channel, and listens.
func (c *WebCall) furnish() error {
	c.peer.OnICEConnectionStateChange(c.iceState)
	c.peer.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateFailed || s == webrtc.PeerConnectionStateClosed {
			c.goneOnce.Do(func() { close(c.gone) })
		}
	})
	c.peer.SCTP().Transport().OnStateChange(func(s webrtc.DTLSTransportState) {
		if s == webrtc.DTLSTransportStateConnected {
			c.connectedOnce.Do(func() { c.connectedAt = time.Now(); close(c.connected) })
		}
	})
	c.peer.OnTrack(func(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
		c.pumps.Go(func() { c.readAudio(t) })
		c.pumps.Go(func() { drain(r.ReadRTCP) })
	})
	sender, err := c.peer.AddTrack(c.track)
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	if c.channel, err = c.peer.CreateDataChannel(pageLabel, nil); err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	c.channel.OnOpen(func() { c.openOnce.Do(func() { close(c.open) }) })
	c.channel.OnMessage(c.readMessage)
	c.pumps.Go(func() { c.readReports(sender) })
	return nil
}

// connect does the signalling, waits for DTLS and starts the line.
func (c *WebCall) connect(ctx context.Context) error {
	offer, err := c.offer(ctx, nil)
	if err != nil {
		return err
	}
	answer, err := c.signal.open(ctx, c.opts.Agent, offer, c.earlyFault)
	if err != nil {
		return err
	}
	c.report.Answered = time.Since(c.placed)
	if err := c.accept(answer); err != nil {
		return err
	}
	for _, stage := range []chan struct{}{c.connected, c.track.bound} {
		select {
		case <-stage:
		case <-c.gone:
			return errors.New("the connection could not be made")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// pion says connected under its lock and then sets up SRTP, before which it
	// throws away what is sent. State waits for the lock.
	c.peer.SCTP().Transport().State()
	c.report.Connect = c.connectedAt.Sub(c.placed)
	c.line.clock = newSampleClock(time.Now(), c.opts.SkewPPM)
	c.log.add(0, EventConnected, "")
	go c.line.run()
	c.pumps.Go(c.reportDelays)
	go c.run(context.WithoutCancel(ctx))
	return nil
}

// offer makes a complete offer, as the network has the gateway see it.
func (c *WebCall) offer(ctx context.Context, o *webrtc.OfferOptions) (string, error) {
	offer, err := c.peer.CreateOffer(o)
	if err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	gathered := webrtc.GatheringCompletePromise(c.peer)
	if err := c.peer.SetLocalDescription(offer); err != nil {
		return "", fmt.Errorf("offer: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	sdp := c.peer.LocalDescription().SDP
	switch {
	case c.relay != nil:
		return replaceCandidates(sdp, hostCandidate(c.relay.backAddr())), nil
	case c.opts.TCPOnly:
		return replaceCandidates(sdp, activeCandidate), nil
	}
	return sdp, nil
}

// accept takes an answer, with the relay in the gateway's place.
func (c *WebCall) accept(answer string) error {
	c.answer = answer
	switch {
	case c.relay != nil:
		gateway, err := mediaPort(answer)
		if err != nil {
			return err
		}
		c.relay.towards(gateway)
		answer = replaceCandidates(answer, hostCandidate(c.relay.frontAddr()))
	case c.opts.TCPOnly:
		answer = keepTCP(answer)
	}
	if err := c.peer.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return fmt.Errorf("answer: %w", err)
	}
	return nil
}

// earlyFault notes what breaks the protocol before the line runs.
func (c *WebCall) earlyFault(detail string) {
	c.line.faults = append(c.line.faults, WebFault{0, detail})
	c.log.add(0, EventFault, detail)
}

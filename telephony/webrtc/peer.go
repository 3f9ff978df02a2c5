package webrtc

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	pion "github.com/pion/webrtc/v4"
)

const (
	iceLost   = 2 * time.Second  // without a packet: the browser is lost
	iceFailed = 10 * time.Second // after that: for good
	iceAlive  = time.Second      // between our checks
	// dtlsAgain is when a lost flight of the handshake is sent again.
	dtlsAgain  = 200 * time.Millisecond
	receiveMTU = 1500

	maxStates   = 32 // unread; lost and back take seconds
	maxMessages = 16 // unread; then SCTP holds back the sender
	maxReports  = 4  // unread; then the oldest goes

	// sctpBuffer bounds what the browser may have in flight on the data channel.
	sctpBuffer = 256 << 10
	// flushWait is time for SCTP to send a lost packet again, and once more: its
	// timer begins at a second.
	flushWait = 2500 * time.Millisecond

	maxFlood = 8 // RTP streams, or data channels, that are not ours
)

var _ wire = (*peer)(nil)

// peer is a browser's peer connection as a wire. It wraps pion's callbacks once
// and lets none of them out.
//
// Its goroutines are pion's, two readers of RTCP and the sender of reports; Close
// waits for all of them.
type peer struct {
	pc      *pion.PeerConnection
	sender  *pion.RTPSender
	offer   *offer
	metrics *signalMetrics

	up      chan struct{} // closed when media can flow
	down    chan struct{} // closed when it never will again
	setUp   func()
	setDown func()
	done    chan struct{} // closed when Close begins
	closing sync.Once
	reading sync.WaitGroup // our own goroutines

	entering sync.RWMutex // held for reading by those who send to a channel below
	states   chan wireState
	messages chan []byte
	reports  chan report

	in      incoming
	out     outTrack
	channel dataChannel
	link    link
	strange atomic.Int32 // streams and data channels that are not ours
}

// newPeer makes the peer connection for an offer; negotiate starts it.
func newPeer(o *offer, port *port, cert pion.Certificate, m *Metrics) (*peer, error) {
	p := &peer{
		offer: o, metrics: &m.signalMetrics,
		up: make(chan struct{}), down: make(chan struct{}), done: make(chan struct{}),
		states: make(chan wireState, maxStates), messages: make(chan []byte, maxMessages), reports: make(chan report, maxReports),
	}
	p.setUp = sync.OnceFunc(func() { close(p.up) })
	p.setDown = sync.OnceFunc(func() { close(p.down) })
	p.in.tracks, p.in.receivers = make(chan *pion.TrackRemote, 1), make(chan *pion.RTPReceiver, 1)
	p.out.codec = o.codec
	api, err := p.api(port)
	if err != nil {
		return nil, fmt.Errorf("webrtc: new peer: %w", err)
	}
	p.pc, err = api.NewPeerConnection(pion.Configuration{
		Certificates: []pion.Certificate{cert}, BundlePolicy: pion.BundlePolicyMaxBundle, RTCPMuxPolicy: pion.RTCPMuxPolicyRequire,
	})
	if err != nil {
		return nil, fmt.Errorf("webrtc: new peer: %w", err)
	}
	m.peers.Inc()
	if p.sender, err = p.pc.AddTrack(&p.out); err != nil {
		_ = p.Close()
		return nil, fmt.Errorf("webrtc: new peer: %w", err)
	}
	p.pc.OnTrack(p.onTrack)
	p.pc.OnDataChannel(p.onDataChannel)
	p.pc.OnICEConnectionStateChange(p.onICE)
	p.sender.Transport().OnStateChange(p.onDTLS)
	p.reading.Go(p.readRTCP)
	p.reading.Go(p.readSenderReports)
	p.reading.Go(p.sendReports)
	return p, nil
}

// api is pion set up for one connection, which knows the formats by the offer's
// numbers and watches what the browser makes us allocate.
func (p *peer) api(port *port) (*pion.API, error) {
	var media pion.MediaEngine
	for _, c := range p.offer.codec.parameters() {
		if err := media.RegisterCodec(c, pion.RTPCodecTypeAudio); err != nil {
			return nil, err
		}
	}
	var se pion.SettingEngine
	se.LoggerFactory = quiet
	se.BufferFactory = p.buffer
	se.SetICEUDPMux(udpMux{port.udp, port})
	se.SetICETCPMux(tcpMux{port.tcp})
	se.SetNetworkTypes([]pion.NetworkType{pion.NetworkTypeUDP4, pion.NetworkTypeUDP6, pion.NetworkTypeTCP4, pion.NetworkTypeTCP6})
	v4, v6 := port.base()
	se.SetIPFilter(func(ip net.IP) bool {
		a, _ := netip.AddrFromSlice(ip)
		return a.Unmap() == v4 || a == v6
	})
	se.SetIncludeLoopbackCandidate(true) // the filter decides
	se.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	se.DisableActiveTCP(true) // we never connect to anyone
	se.SetICETimeouts(iceLost, iceFailed, iceAlive)
	se.SetDTLSRetransmissionInterval(dtlsAgain)
	se.SetReceiveMTU(receiveMTU)
	se.SetSCTPMaxMessageSize(maxMessage)
	se.SetSCTPMaxReceiveBufferSize(sctpBuffer)
	se.SetFireOnTrackBeforeFirstRTP(true)
	return pion.NewAPI(pion.WithMediaEngine(&media), pion.WithSettingEngine(se), pion.WithInterceptorRegistry(&interceptor.Registry{})), nil
}

// negotiate takes the browser's side of an ICE session and returns ours: the
// first, or another by which the connection goes on. It returns when packets can
// come.
func (p *peer) negotiate(ctx context.Context, theirs credentials, candidates []candidate) (ours credentials, err error) {
	err = p.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeOffer, SDP: p.offer.sdp(theirs, candidates)})
	if err != nil {
		return ours, fmt.Errorf("webrtc: negotiate: %w", err)
	}
	gathered := pion.GatheringCompletePromise(p.pc)
	description, err := p.pc.CreateAnswer(nil)
	if err == nil {
		err = p.pc.SetLocalDescription(description)
	}
	if err != nil {
		return ours, fmt.Errorf("webrtc: negotiate: %w", err)
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return ours, fmt.Errorf("webrtc: negotiate: %w", ctx.Err())
	case <-p.done:
		return ours, fmt.Errorf("webrtc: negotiate: %w", net.ErrClosed)
	}
	return credentialsIn(description.SDP), nil
}

// credentialsIn are the ones of pion's own description.
func credentialsIn(sdp string) (c credentials) {
	for line := range strings.Lines(sdp) {
		name, value, _ := strings.Cut(strings.TrimRight(line, "\r\n"), ":")
		switch name {
		case "a=ice-ufrag":
			c.ufrag = value
		case "a=ice-pwd":
			c.pwd = value
		}
	}
	return c
}

// Codec implements wire.
func (p *peer) Codec() codec { return p.offer.codec }

// States implements wire.
func (p *peer) States() <-chan wireState { return p.states }

// Messages implements wire.
func (p *peer) Messages() <-chan []byte { return p.messages }

// Reports implements wire.
func (p *peer) Reports() <-chan report { return p.reports }

// Close implements wire. It returns when all goroutines of the connection have
// ended.
func (p *peer) Close() error {
	var err error
	p.closing.Do(func() {
		p.flush()
		close(p.done)
		err = p.pc.GracefulClose() // says goodbye by DTLS
		p.reading.Wait()
		p.setDown()
		p.entering.Lock()
		defer p.entering.Unlock()
		close(p.states)
		close(p.messages)
		close(p.reports)
		p.metrics.peers.Dec()
	})
	return err
}

// link is what pion has told of the connection, in order.
type link struct{ connected, lost bool }

// onICE is called by one goroutine of pion's.
func (p *peer) onICE(state pion.ICEConnectionState) {
	switch state {
	case pion.ICEConnectionStateConnected, pion.ICEConnectionStateCompleted:
		if p.link.lost {
			p.emit(wireBack)
		}
		p.link = link{connected: true}
	case pion.ICEConnectionStateDisconnected, pion.ICEConnectionStateChecking: // checking again: a restart
		if p.link.connected && !p.link.lost {
			p.link.lost = true
			p.emit(wireLost)
		}
	case pion.ICEConnectionStateFailed:
		p.setDown()
		p.emit(wireFailed)
	}
}

func (p *peer) onDTLS(state pion.DTLSTransportState) {
	switch state {
	case pion.DTLSTransportStateConnected:
		p.settle()
	case pion.DTLSTransportStateFailed:
		p.setDown()
		p.emit(wireFailed)
	case pion.DTLSTransportStateClosed:
		p.setDown()
		p.emit(wireClosed)
	}
}

// settle lets packets go once they can be encrypted. Pion tells of the connection
// before that, under a lock, and drops what is written until it lets go of it.
func (p *peer) settle() {
	p.entering.RLock()
	defer p.entering.RUnlock()
	select {
	case <-p.done:
		return
	default:
	}
	p.reading.Go(func() {
		p.pc.SCTP().Transport().State() // waits for the lock
		p.setUp()
	})
}

// emit tells of a state, unless the wire is closed.
func (p *peer) emit(s wireState) {
	p.entering.RLock()
	defer p.entering.RUnlock()
	select {
	case <-p.done:
		return
	default:
	}
	select {
	case p.states <- s:
	case <-p.done:
	}
}

// flooded counts something that the browser made us keep, and reports whether it
// was too much. The connection then counts as failed.
func (p *peer) flooded() bool {
	switch n := p.strange.Add(1); {
	case n < maxFlood:
		return false
	case n == maxFlood:
		p.metrics.floods.Inc()
		go p.emit(wireFailed) // the caller may hold a lock of pion's
	}
	return true
}

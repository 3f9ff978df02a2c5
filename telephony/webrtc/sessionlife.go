package webrtc

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	pion "github.com/pion/webrtc/v4"

	"sidetone/media"
	"sidetone/telephony"
)

// open makes the session of an admitted call, and the goroutine that waits for
// its media. From here on the place that was reserved is that goroutine's.
func (s *Server) open(ctx context.Context, in Incoming, admission Admission, o *offer) (*session, error) {
	cert, err := s.identity.get()
	if err != nil {
		return nil, err
	}
	p, err := newPeer(o, s.port, cert, s.metrics)
	if err != nil {
		return nil, err
	}
	now := s.opts.Now()
	x := &session{
		id: in.Session, callID: admission.CallID, peer: p, hello: admission.Hello, address: in.Address,
		began: time.Now(), theirs: o.ice, hung: make(chan struct{}),
		info: telephony.Info{
			ID: admission.CallID, CarrierID: in.Session, Kind: telephony.Web, Direction: telephony.Inbound, Rate: webRate,
			Lead: media.FrameTicks, Agent: in.Agent, Started: now, Metadata: in.Metadata,
		},
	}
	x.hangUp = sync.OnceFunc(func() {
		close(x.hung)
		p.emit(wireClosed)
	})
	var a answer
	if x.ours, err = p.negotiate(ctx, o.ice, s.pick(o.candidates)); err == nil {
		a, err = s.describe(x, cert)
	}
	if err != nil {
		_ = p.Close()
		return nil, err
	}
	x.answer = a.sdp()
	s.sessions.add(x)
	s.running.Go(func() { s.run(x) }) // our caller is counted, so it is not zero
	return x, nil
}

// unanswered releases what Admit reserved for a call that never was.
func (s *Server) unanswered(callID string) {
	if s.opts.Unanswered != nil {
		s.opts.Unanswered(callID)
	}
}

// run is a session's life: it waits for media, then has the call served.
func (s *Server) run(x *session) {
	result := s.await(x)
	s.sessions.release(x.address)
	s.metrics.sessions.WithLabelValues(result).Inc()
	defer s.sessions.remove(x)
	defer x.peer.Close()
	if result != sessionConnected {
		s.unanswered(x.callID)
		return
	}
	s.metrics.connect.Observe(time.Since(x.began).Seconds())
	leg, err := newLeg(x.info, x.hello, x.peer, s.opts.Opus, s.metrics)
	if err != nil {
		s.opts.Log.Error("browser call not served", "call", x.callID, "err", err)
		s.unanswered(x.callID)
		return
	}
	s.opts.Serve(s.ctx, leg)
}

// await waits until media can flow, and says what became of that.
func (s *Server) await(x *session) string {
	timeout := time.NewTimer(connectWait)
	defer timeout.Stop()
	select {
	case <-x.peer.up:
		return sessionConnected
	case <-x.peer.down:
		return sessionFailed
	case <-x.hung:
		return sessionHungUp
	case <-timeout.C:
		return sessionAbandoned
	case <-s.ctx.Done():
		return sessionClosed
	}
}

// describe is our side of the session for the browser.
func (s *Server) describe(x *session, cert pion.Certificate) (answer, error) {
	fingerprints, err := cert.GetFingerprints()
	if err != nil || len(fingerprints) == 0 {
		return answer{}, fmt.Errorf("webrtc: fingerprint of our certificate: %w", err)
	}
	number := fnv.New64a()
	_, _ = number.Write([]byte(x.id))
	return answer{
		offer:       x.peer.offer,
		ice:         x.ours,
		fingerprint: fingerprints[0].Algorithm + " " + strings.ToUpper(fingerprints[0].Value),
		ssrc:        uint32(x.peer.sender.GetParameters().Encodings[0].SSRC),
		number:      number.Sum64() >> 1, // a signed number in some parsers
		candidates:  s.ownCandidates(),
	}, nil
}

func (s *Server) ownCandidates() string { return ownCandidates(s.port.addresses(), s.port.addr.Port()) }

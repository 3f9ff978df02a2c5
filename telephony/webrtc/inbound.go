package webrtc

import (
	"time"

	"sidetone/media"
)

// inboundSink takes what the caller's packets become, in order, on the
// goroutine that calls the inbound.
type inboundSink interface {
	// frame takes 20 ms of sound at webRate. At grows, and may jump forward.
	frame(media.Frame)
	// key takes a key, once for each time it was pressed.
	key(digit byte)
}

// reception is how well the caller's packets come in.
type reception struct {
	Loss     float64       // share of packets lost or too late since the last reception, 0 to 1
	Jitter   time.Duration // interarrival jitter (RFC 3550, 6.4.1)
	Patience time.Duration // how long a missing packet is waited for
}

// inbound turns the caller's RTP packets into frames on the leg's clock, and
// into keys.
type inbound struct {
	sink inboundSink
}

// newInbound returns an inbound for audio coded as c. m may be nil.
func newInbound(c codec, sink inboundSink, m *Metrics) (*inbound, error) {
	return &inbound{sink: sink}, nil
}

// take takes one RTP packet, which came at arrival. It keeps nothing of packet.
func (in *inbound) take(packet []byte, arrival time.Time) {}

// due is when pass has something to do if no packet comes before; zero when
// nothing waits.
func (in *inbound) due() time.Time { return time.Time{} }

// pass gives up on the packets that have been missing for too long at now, and
// hands on what waited for them.
func (in *inbound) pass(now time.Time) {}

// flush hands on what is left. No packet may follow.
func (in *inbound) flush() {}

// newest is the end of the newest frame handed on.
func (in *inbound) newest() media.Tick { return 0 }

// reception reports on the packets since its last call.
func (in *inbound) reception() reception { return reception{} }

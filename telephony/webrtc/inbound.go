package webrtc

import (
	"time"

	"github.com/pion/rtp"

	"sidetone/media"
)

// maxConcealed is how much of one gap is filled in; the rest is left out.
const maxConcealed = 3 * media.FrameTicks

// formerLife is how long packets of a source that was replaced may come late.
const formerLife = time.Second

// The kinds of packet, as tags in the jitter buffer. A first packet of a key
// press has tagMarker as well.
const (
	tagSound uint8 = iota
	tagKeys48
	tagKeys8
	tagOther
	tagTooLarge
	tagMarker = 0x80
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
//
// Sound is handed on as it comes; what follows a missing packet waits for
// media.Jitter's patience. Of a gap that was lost up to 60 ms are filled in:
// the end by the copy in the next packet, if it has one, the rest by the
// decoder. Nothing is made up for what was never sent, nor where keys were
// pressed: there, and beyond 60 ms, At jumps, and a frame that is not whole is
// dropped. An inbound belongs to one goroutine, and has no clock of its own.
type inbound struct {
	codec  codec
	sink   inboundSink
	m      *inboundMetrics
	head   rtp.Header
	jitter *media.Jitter
	voice  voice
	line   timeline
	frames framer
	keys   keypad
	spread spread

	begun    bool
	source   uint32
	former   uint32    // the source before
	replaced time.Time // when it was
	lost     int       // packets lost since the last sound
	keyed    bool      // keys were pressed since the last sound
	last     media.Tick

	came, gone int // packets that came and that were lost since the last reception
}

// newInbound returns an inbound for audio coded as c. m may be nil.
func newInbound(c codec, sink inboundSink, m *Metrics) (*inbound, error) {
	if m == nil {
		m = NewMetrics(nil)
	}
	v, unit, err := newVoice(c)
	if err != nil {
		return nil, err
	}
	return &inbound{
		codec: c, sink: sink, m: &m.inboundMetrics, jitter: media.NewJitter(), voice: v,
		line: timeline{unit: unit}, spread: spread{unit: unit},
	}, nil
}

// take takes one RTP packet, which came at arrival, and does what is due by then.
// It keeps nothing of packet.
func (in *inbound) take(packet []byte, arrival time.Time) {
	in.accept(packet, arrival)
	in.pass(arrival)
}

// accept puts a packet of the stream into the jitter buffer.
func (in *inbound) accept(packet []byte, arrival time.Time) {
	payload, ok := in.parse(packet)
	if !ok {
		in.m.results[packetMalformed].Inc()
		return
	}
	tag := in.tag()
	if !in.follow(tag, arrival) {
		in.m.results[packetStray].Inc()
		return
	}
	if tag == tagSound {
		in.spread.take(in.head.Timestamp, arrival)
	}
	if in.head.Marker {
		tag |= tagMarker
	}
	in.put(media.JitterPacket{
		Seq: in.head.SequenceNumber, Tag: tag, Timestamp: in.head.Timestamp, Arrival: arrival, Payload: payload,
	})
}

// parse reads a packet's header into head (RFC 3550, 5.1) and returns its
// payload without padding.
func (in *inbound) parse(packet []byte) (payload []byte, ok bool) {
	n, err := in.head.Unmarshal(packet)
	if err != nil || in.head.Version != 2 {
		return nil, false
	}
	payload = packet[n:]
	if in.head.Padding {
		if len(payload) == 0 {
			return nil, false
		}
		padding := int(payload[len(payload)-1])
		if padding == 0 || padding > len(payload) {
			return nil, false
		}
		payload = payload[:len(payload)-padding]
	}
	return payload, true
}

func (in *inbound) tag() uint8 {
	switch t := in.head.PayloadType; {
	case t == in.codec.Payload:
		return tagSound
	case t == in.codec.Keys48 && t != 0:
		return tagKeys48
	case t == in.codec.Keys8 && t != 0:
		return tagKeys8
	}
	return tagOther
}

// follow makes sure that the packet is of the stream, or begins another. A
// source may change at any time (RFC 3550, 8.2); the former's last packets may
// still be under way then.
func (in *inbound) follow(tag uint8, arrival time.Time) bool {
	source := in.head.SSRC
	switch {
	case in.begun && source == in.source:
		return true
	case tag == tagOther, source == in.former && !in.replaced.IsZero() && arrival.Sub(in.replaced) < formerLife:
		return false
	case in.begun:
		in.former, in.replaced = in.source, arrival
		in.flush()
		in.jitter.Reset()
		in.keys.forget()
		in.spread.forget()
		in.line.anew, in.lost = true, 0
	}
	in.begun, in.source = true, source
	return true
}

// put hands a packet to the jitter buffer. What it does not want is counted, and
// a payload that it can not hold is lost, but no packet.
func (in *inbound) put(p media.JitterPacket) {
	result := packetStray
	switch in.jitter.Put(p) {
	case media.JitterTaken:
		return
	case media.JitterDuplicate:
		result = packetDuplicate
	case media.JitterLate:
		result = packetLate
		if isKeys(p.Tag) {
			in.press(p) // it may be the only one of its press
		}
	case media.JitterTooLarge:
		p.Tag, p.Payload = tagTooLarge, nil
		in.put(p)
		return
	}
	in.m.results[result].Inc()
}

func isKeys(tag uint8) bool {
	tag &^= tagMarker
	return tag == tagKeys48 || tag == tagKeys8
}

// due is when pass has something to do if no packet comes before; zero when
// nothing waits.
func (in *inbound) due() time.Time { return in.jitter.Due() }

// pass gives up on the packets that have been missing for too long at now, and
// hands on what waited for them.
func (in *inbound) pass(now time.Time) {
	for {
		p, ok := in.jitter.Next(now)
		if !ok {
			return
		}
		in.came++
		if p.Lost > 0 {
			in.gone += p.Lost
			in.lost += p.Lost
			in.m.lost.Add(float64(p.Lost))
		}
		in.m.results[in.hear(p)].Inc()
	}
}

// hear takes the next packet of the stream.
func (in *inbound) hear(p media.JitterPacket) packetResult {
	switch {
	case p.Tag == tagTooLarge:
		return packetTooLarge
	case len(p.Payload) == 0:
		return packetEmpty
	case isKeys(p.Tag):
		in.keyed = true
		if !in.press(p) {
			return packetMalformed
		}
		return packetKey
	case p.Tag&^tagMarker == tagOther:
		return packetOther
	}
	return in.sound(p)
}

// press reports the keys that a packet tells of for the first time. Events that
// share a packet follow each other (RFC 4733, 2.5.1.5).
func (in *inbound) press(p media.JitterPacket) (ok bool) {
	kind, rate := in.codec.Keys48, opusClock
	if p.Tag&^tagMarker == tagKeys8 {
		kind, rate = in.codec.Keys8, pcmuClock
	}
	first, start := p.Tag&tagMarker != 0, p.Timestamp
	for b := p.Payload; len(b) > 0; first = false {
		var e keyEvent
		if e, b, ok = parseKey(b); !ok {
			return false
		}
		if digit, isKey := e.digit(); isKey && in.keys.press(e, kind, start, rate, first) {
			in.m.keys.Inc()
			in.sink.key(digit)
		}
		start += uint32(e.duration)
	}
	return ok
}

// flush hands on what is left. No packet of the stream may follow.
func (in *inbound) flush() {
	in.jitter.Flush()
	in.pass(time.Time{})
	in.frames.lay(in.voice.rest(), in.sink)
	in.jump(in.line.end)
}

// newest is the end of the newest frame handed on.
func (in *inbound) newest() media.Tick { return in.frames.newest }

// reception reports on the packets since its last call. The loss is 0 when none
// came.
func (in *inbound) reception() reception {
	r := reception{Jitter: in.spread.jitter, Patience: in.jitter.Patience()}
	if in.came > 0 {
		r.Loss = float64(in.gone) / float64(in.gone+in.came)
	}
	in.came, in.gone = 0, 0
	return r
}

package webrtc

import (
	"encoding/binary"
	"sync"
	"time"

	"github.com/pion/interceptor"
	"github.com/pion/rtcp"
)

// reportEvery is the time between our reports. RFC 3550 would have them rarer;
// browsers adapt to loss by them, and send their own each second as well.
const reportEvery = time.Second

// ntpEpoch is where NTP time begins, in seconds before Unix time.
const ntpEpoch = 2208988800

// ntp is a time as RTCP has it (RFC 3550, section 4).
func ntp(t time.Time) uint64 {
	seconds := uint64(t.Unix()) + ntpEpoch
	return seconds<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// compact is the middle 32 bits of an NTP time: units of 1/65,536 s.
func compact(t time.Time) uint32 { return uint32(ntp(t) >> 16) }

// emission is what we have sent.
type emission struct {
	packets, octets uint32
	timestamp       uint32 // of the newest packet
	at              time.Time
}

func (e *emission) count(timestamp uint32, octets int, now time.Time) {
	e.packets++
	e.octets += uint32(octets)
	e.timestamp, e.at = timestamp, now
}

// report is the sender report for now (RFC 3550, section 6.4.1).
func (e *emission) report(ssrc, rate uint32, now time.Time) *rtcp.SenderReport {
	since := uint32(now.Sub(e.at) * time.Duration(rate) / time.Second)
	return &rtcp.SenderReport{SSRC: ssrc, NTPTime: ntp(now), RTPTime: e.timestamp + since, PacketCount: e.packets, OctetCount: e.octets}
}

// arrivals is what has come of the caller's stream (RFC 3550, A.1, A.3, A.8).
type arrivals struct {
	mu       sync.Mutex
	begun    bool
	ssrc     uint32
	first    uint32 // sequence numbers, extended
	highest  uint32
	received uint32
	transit  uint32
	jitter   float64 // in units of the clock
	began    time.Time

	expectedBefore, receivedBefore uint32
	lastSR                         uint32 // compact
	lastSRAt                       time.Time
}

// count takes a packet in. It reports false for one that is none of ours.
func (r *arrivals) count(packet []byte, now time.Time, c codec) bool {
	if len(packet) < 12 || packet[0]>>6 != 2 {
		return false
	}
	payload := packet[1] & 0x7f
	if payload != c.Payload && (payload == 0 || payload != c.Keys48 && payload != c.Keys8) {
		return false
	}
	sequence := binary.BigEndian.Uint16(packet[2:])
	timestamp := binary.BigEndian.Uint32(packet[4:])
	ssrc := binary.BigEndian.Uint32(packet[8:])
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun || r.ssrc != ssrc {
		r.begun, r.ssrc, r.began = true, ssrc, now
		r.first, r.highest = uint32(sequence), uint32(sequence)
		r.received, r.expectedBefore, r.receivedBefore, r.jitter, r.lastSR = 0, 0, 0, 0, 0
	}
	r.received++
	if ahead := int16(sequence - uint16(r.highest)); ahead > 0 {
		r.highest += uint32(ahead)
	}
	if payload != c.Payload {
		return true // keys have a clock of their own
	}
	arrival := uint32(now.Sub(r.began) * time.Duration(c.rate()) / time.Second)
	transit := arrival - timestamp
	if r.received > 1 {
		d := float64(int32(transit - r.transit))
		r.jitter += (max(d, -d) - r.jitter) / 16
	}
	r.transit = transit
	return true
}

// heard takes in a sender report of the browser's.
func (r *arrivals) heard(sr *rtcp.SenderReport, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if sr.SSRC == r.ssrc {
		r.lastSR, r.lastSRAt = uint32(sr.NTPTime>>16), now
	}
}

// report is the report block for now (RFC 3550, section 6.4.1), if anything has
// come.
func (r *arrivals) report(now time.Time) []rtcp.ReceptionReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.begun {
		return nil
	}
	expected := r.highest - r.first + 1
	b := rtcp.ReceptionReport{SSRC: r.ssrc, LastSequenceNumber: r.highest, Jitter: uint32(r.jitter)}
	if expected > r.received {
		b.TotalLost = min(expected-r.received, 1<<23-1)
	}
	step, got := expected-r.expectedBefore, r.received-r.receivedBefore
	if step > got {
		b.FractionLost = uint8(min((step-got)<<8/step, 255))
	}
	r.expectedBefore, r.receivedBefore = expected, r.received
	if r.lastSR != 0 {
		b.LastSenderReport, b.Delay = r.lastSR, uint32(now.Sub(r.lastSRAt)*65536/time.Second)
	}
	return []rtcp.ReceptionReport{b}
}

// sendReports sends our reports as long as the connection is there.
func (p *peer) sendReports() {
	select {
	case <-p.up:
	case <-p.down:
		return
	case <-p.done:
		return
	}
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_ = p.pc.WriteRTCP(p.compound(time.Now())) // lost, as the network loses them
		case <-p.done:
			return
		}
	}
}

// compound is the packet that reports on both directions.
func (p *peer) compound(now time.Time) []rtcp.Packet {
	bound := p.out.bound.Load()
	if bound == nil {
		return nil
	}
	blocks := p.in.stats.report(now)
	p.out.mu.Lock()
	sent := p.out.stats
	p.out.mu.Unlock()
	out := make([]rtcp.Packet, 0, 2)
	if sent.packets > 0 {
		sr := sent.report(bound.ssrc, p.offer.codec.rate(), now)
		sr.Reports = blocks
		out = append(out, sr)
	} else {
		out = append(out, &rtcp.ReceiverReport{SSRC: bound.ssrc, Reports: blocks})
	}
	return append(out, &rtcp.SourceDescription{Chunks: []rtcp.SourceDescriptionChunk{{
		Source: bound.ssrc, Items: []rtcp.SourceDescriptionItem{{Type: rtcp.SDESCNAME, Text: streamName}},
	}}})
}

// readRTCP reads what the browser reports of our audio, until the connection is
// closed.
func (p *peer) readRTCP() {
	readPackets(p.sender.Read, func(packet rtcp.Packet, now time.Time) {
		switch r := packet.(type) {
		case *rtcp.SenderReport:
			p.judge(r.Reports, now)
		case *rtcp.ReceiverReport:
			p.judge(r.Reports, now)
		}
	})
}

// readSenderReports reads what the browser reports of its own audio, until the
// connection is closed. Pion gives it to the receiver alone, unless it stands in
// one packet with the above.
func (p *peer) readSenderReports() {
	select {
	case receiver := <-p.in.receivers:
		readPackets(receiver.Read, func(packet rtcp.Packet, now time.Time) {
			if r, ok := packet.(*rtcp.SenderReport); ok {
				p.in.stats.heard(r, now)
			}
		})
	case <-p.done:
	}
}

// readPackets reads RTCP until there is no more.
func readPackets(read func([]byte) (int, interceptor.Attributes, error), take func(rtcp.Packet, time.Time)) {
	b := make([]byte, receiveMTU)
	for {
		n, _, err := read(b)
		if err != nil {
			return
		}
		packets, err := rtcp.Unmarshal(b[:n])
		if err != nil {
			continue
		}
		now := time.Now()
		for _, packet := range packets {
			take(packet, now)
		}
	}
}

// judge passes on what the browser says of our audio.
func (p *peer) judge(blocks []rtcp.ReceptionReport, now time.Time) {
	bound := p.out.bound.Load()
	for _, b := range blocks {
		if bound == nil || b.SSRC != bound.ssrc {
			continue
		}
		r := report{
			Loss:   float64(b.FractionLost) / 256,
			Jitter: time.Duration(b.Jitter) * time.Second / time.Duration(p.offer.codec.rate()),
		}
		if b.LastSenderReport != 0 {
			if rtt := int32(compact(now) - b.LastSenderReport - b.Delay); rtt > 0 {
				r.RTT = time.Duration(rtt) * time.Second / 65536
			}
		}
		p.tell(r)
	}
}

// tell queues a report; nobody needs old ones.
func (p *peer) tell(r report) {
	p.entering.RLock()
	defer p.entering.RUnlock()
	for {
		select {
		case <-p.done:
			return
		case p.reports <- r:
			return
		default:
		}
		select {
		case <-p.reports:
		default:
		}
	}
}

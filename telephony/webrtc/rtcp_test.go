package webrtc

import (
	"math"
	"testing"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/rtp"
)

var rtcpTime = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// packets feeds arrivals with packets of 20 ms, each late by late(i), without
// those of which lost says so.
func packets(t *testing.T, r *arrivals, n int, first uint16, lost func(int) bool, late func(int) time.Duration) (last time.Time) {
	t.Helper()
	for i := range n {
		p, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: first + uint16(i), Timestamp: uint32(i) * 960, SSRC: 7}}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		last = rtcpTime.Add(time.Duration(i)*20*time.Millisecond + late(i))
		if !lost(i) && !r.count(p, last, pageOpus) {
			t.Fatalf("packet %d is none of ours", i)
		}
	}
	return last
}

func never(int) bool           { return false }
func onTime(int) time.Duration { return 0 }

func TestReportBlock(t *testing.T) {
	for name, test := range map[string]struct {
		first   uint16
		lost    func(int) bool
		late    func(int) time.Duration
		total   uint32
		part    uint8
		highest uint32
		jitter  float64 // ms
	}{
		"all is well": {0, never, onTime, 0, 0, 999, 0},
		"wrap":        {65000, never, onTime, 0, 0, 65999, 0},
		"one in ten":  {100, func(i int) bool { return i%10 == 5 }, onTime, 100, 25, 1099, 0},
		"jitter": {0, never, func(i int) time.Duration { return time.Duration(i%2) * 10 * time.Millisecond },
			0, 0, 999, 10},
	} {
		t.Run(name, func(t *testing.T) {
			var r arrivals
			now := packets(t, &r, 1000, test.first, test.lost, test.late)
			blocks := r.report(now)
			if len(blocks) != 1 {
				t.Fatalf("%d blocks", len(blocks))
			}
			b := blocks[0]
			if b.SSRC != 7 || b.TotalLost != test.total || b.FractionLost != test.part || b.LastSequenceNumber != test.highest {
				t.Errorf("report block %+v", b)
			}
			if ms := float64(b.Jitter) / 48; math.Abs(ms-test.jitter) > 0.1 {
				t.Errorf("jitter of %v ms, want %v", ms, test.jitter)
			}
			if again := r.report(now)[0]; again.FractionLost != 0 || again.TotalLost != test.total {
				t.Errorf("the next report, without a packet more, is %+v", again)
			}
		})
	}
}

func TestReportsAreOfOneStream(t *testing.T) {
	var r arrivals
	if b := r.report(rtcpTime); b != nil {
		t.Errorf("before any packet: %+v", b)
	}
	now := packets(t, &r, 10, 0, never, onTime)
	r.heard(&rtcp.SenderReport{SSRC: 8, NTPTime: 1 << 40}, now)
	if b := r.report(now)[0]; b.LastSenderReport != 0 {
		t.Errorf("heard a stranger: %+v", b)
	}
	r.heard(&rtcp.SenderReport{SSRC: 7, NTPTime: 0x0001_2345_6789_0000}, now)
	if b := r.report(now.Add(time.Second / 2))[0]; b.LastSenderReport != 0x2345_6789 || b.Delay != 32768 {
		t.Errorf("half a second after a sender report: %+v", b)
	}
	for name, packet := range map[string][]byte{
		"empty": nil, "short": {0x80, 111}, "version": append([]byte{0x40, 111}, make([]byte, 10)...), "payload type": append([]byte{0x80, 13}, make([]byte, 10)...),
		"no keys": append([]byte{0x80, 0}, make([]byte, 10)...),
	} {
		if r.count(packet, now, pageOpus) {
			t.Errorf("%s: counted as ours", name)
		}
	}
}

func TestSenderReport(t *testing.T) {
	var e emission
	e.count(1000, 60, rtcpTime)
	e.count(1960, 40, rtcpTime.Add(20*time.Millisecond))
	sr := e.report(9, 48000, rtcpTime.Add(120*time.Millisecond))
	if sr.SSRC != 9 || sr.PacketCount != 2 || sr.OctetCount != 100 || sr.RTPTime != 1960+4800 {
		t.Errorf("sender report %+v", sr)
	}
	// RFC 3550's epoch is 1900: 2026-11-21 12:00:00.120 UTC.
	if seconds := sr.NTPTime >> 32; seconds != uint64(rtcpTime.Unix())+2208988800 {
		t.Errorf("NTP seconds %d", seconds)
	}
	if fraction := float64(uint32(sr.NTPTime)) / (1 << 32); math.Abs(fraction-0.12) > 1e-6 {
		t.Errorf("NTP fraction %v", fraction)
	}
}

func TestRoundTrip(t *testing.T) {
	p := &peer{offer: &offer{codec: pageOpus}, reports: make(chan report, maxReports), done: make(chan struct{})}
	p.out.bound.Store(&binding{ssrc: 9})
	sent := compact(rtcpTime)
	p.judge([]rtcp.ReceptionReport{
		{SSRC: 8, FractionLost: 255},
		{SSRC: 9, FractionLost: 64, Jitter: 480, LastSenderReport: sent, Delay: 65536 / 10},
	}, rtcpTime.Add(150*time.Millisecond))
	r := <-p.reports
	if r.Loss != 0.25 || r.Jitter != 10*time.Millisecond || r.RTT < 49*time.Millisecond || r.RTT > 51*time.Millisecond {
		t.Errorf("report %+v", r)
	}
	for i := range 10 {
		p.judge([]rtcp.ReceptionReport{{SSRC: 9, FractionLost: uint8(i)}}, rtcpTime)
	}
	if r = <-p.reports; r.Loss != 6.0/256 || r.RTT != 0 || len(p.reports) != maxReports-1 {
		t.Errorf("oldest report is %+v of %d", r, len(p.reports)+1)
	}
}

// Both sides learn of each other's reception, over the network.
func TestReports(t *testing.T) {
	t.Parallel()
	b, p := wired(t, habits{})
	b.say(440)
	stop := make(chan struct{})
	defer close(stop)
	go func() { // read, as the leg does
		buf := make([]byte, 1500)
		for {
			if _, err := p.ReadRTP(buf); err != nil {
				return
			}
		}
	}()
	go func() {
		h := rtp.Header{Version: 2, PayloadType: 111}
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				h.SequenceNumber++
				h.Timestamp += 960
				_ = p.WriteRTP(&h, make([]byte, 60))
			case <-stop:
				return
			}
		}
	}()
	for r := (report{}); r.RTT == 0; r = within(t, p.Reports(), "a report with a round trip time") {
		if r.Loss != 0 {
			t.Errorf("loss of %v on loopback", r.Loss)
		}
	}
	for {
		for _, packet := range within(t, b.rtcp, "the gateway's reports") {
			if sr, ok := packet.(*rtcp.SenderReport); ok && len(sr.Reports) == 1 && sr.Reports[0].LastSenderReport != 0 {
				if sr.PacketCount == 0 || sr.Reports[0].TotalLost != 0 {
					t.Errorf("sender report %+v", sr)
				}
				return
			}
		}
	}
}

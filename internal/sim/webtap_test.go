package sim

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/pion/webrtc/v4"
)

// TestTap sends audio and other packets to a tap: it measures the one and hands
// on the others. What it waits for is sent last.
func TestTap(t *testing.T) {
	var s webrtc.SettingEngine
	tap, err := newWebTap(netip.MustParseAddr("127.0.0.1"), Opus, &s)
	if err != nil {
		t.Fatal(err)
	}
	defer tap.close()
	sender, err := listenLoopback()
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	began := time.Now()
	audio := func(seq uint16) []byte {
		b := binary.BigEndian.AppendUint16([]byte{0x80, 111}, seq)
		return append(binary.BigEndian.AppendUint32(b, 960*uint32(seq)), 0, 0, 0, 1, 42)
	}
	for seq := range uint16(5) {
		if _, err := sender.WriteToUDPAddrPort(audio(seq), addrOf(tap.UDPConn)); err != nil {
			t.Fatal(err)
		}
	}
	for range 1000 {
		if r := tap.finish(began); r.Packets == 5 {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	r := tap.finish(began)
	if r.Packets != 5 || r.Lost != 0 || r.FirstAudio > time.Since(began) {
		t.Errorf("%+v", r)
	}
}

func TestIsRTP(t *testing.T) {
	packet := make([]byte, 12)
	for _, tt := range []struct {
		first, second byte
		want          bool
	}{
		{0x80, 111, true}, {0x90, 0x80 | 111, true}, {0x80, 0, true},
		{0x80, 200, false}, {0x81, 201, false}, {0x00, 1, false}, {22, 254, false}, {0x40, 0, false},
	} {
		packet[0], packet[1] = tt.first, tt.second
		if isRTP(packet) != tt.want || isRTP(packet[:11]) {
			t.Errorf("%x %x: %v", tt.first, tt.second, isRTP(packet))
		}
	}
}

// BenchmarkTap is what a packet of audio costs a caller who only measures.
func BenchmarkTap(b *testing.B) {
	p := rtpPacing{rate: 48000}
	at := time.Now()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		p.packet(at.Add(time.Duration(n)*20*time.Millisecond), uint16(n), uint32(960*n), n%500 == 0)
		n++
	}
}

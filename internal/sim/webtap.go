package sim

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
)

// webTap is the socket of a caller who measures and does not listen: it takes
// the agent's packets out before pion sees them, which has nothing to decrypt
// then. RTP headers are in the clear (RFC 3711, 3.1).
//
// Where the kernel says when a packet came, that is what counts: what a busy
// load generator adds to it is left out.
type webTap struct {
	*net.UDPConn
	mux ice.UDPMux
	oob []byte

	mu     sync.Mutex
	pacing rtpPacing
}

// newWebTap opens a socket on local and puts it into the settings.
func newWebTap(local netip.Addr, codec Codec, s *webrtc.SettingEngine) (*webTap, error) {
	conn, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(local, 0)))
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	if err := stampArrivals(conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("sim: %w", err)
	}
	t := &webTap{UDPConn: conn, oob: make([]byte, stampSpace), pacing: rtpPacing{rate: codec.clockRate()}}
	t.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: t, Logger: silent.NewLogger("ice")})
	s.SetICEUDPMux(t.mux)
	return t, nil
}

// ReadFromAddrPort implements ice.AddrPortReaderWriter. It belongs to one
// goroutine.
func (t *webTap) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	for {
		n, oobn, _, from, err := t.ReadMsgUDPAddrPort(b, t.oob)
		if err != nil {
			return 0, netip.AddrPort{}, err
		}
		if !isRTP(b[:n]) {
			return n, from, nil
		}
		at, ok := stampOf(t.oob[:oobn])
		if !ok {
			at = time.Now()
		}
		t.mu.Lock()
		t.pacing.packet(at, binary.BigEndian.Uint16(b[2:]), binary.BigEndian.Uint32(b[4:]), b[1]&0x80 != 0)
		t.mu.Unlock()
	}
}

// WriteToAddrPort implements ice.AddrPortReaderWriter.
func (t *webTap) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	return t.WriteToUDPAddrPort(b, to)
}

// ReadFrom implements net.PacketConn.
func (t *webTap) ReadFrom(b []byte) (int, net.Addr, error) {
	n, from, err := t.ReadFromAddrPort(b)
	if err != nil {
		return 0, nil, err
	}
	return n, net.UDPAddrFromAddrPort(from), nil
}

// finish returns what was measured; connected is when DTLS was.
func (t *webTap) finish(connected time.Time) WebPacing {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.pacing.finish(connected)
}

func (t *webTap) close() error { return t.mux.Close() }

// isRTP tells audio from STUN, DTLS and RTCP (RFC 7983, RFC 5761).
func isRTP(b []byte) bool {
	return len(b) >= 12 && b[0]>>6 == 2 && (b[1]&0x7F < 64 || b[1]&0x7F > 95)
}

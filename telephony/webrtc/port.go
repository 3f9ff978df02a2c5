package webrtc

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
)

const (
	portTries  = 16      // to find a number that is free for UDP and TCP
	udpBuffer  = 4 << 20 // bytes, each way; the kernel may grant less
	tcpBacklog = 64 << 10
	// tcpFirst is how long a stranger's TCP connection may take to prove itself.
	tcpFirst     = 5 * time.Second
	maxAddresses = 8 // told to a browser
)

// port is the UDP socket and the TCP listener that all browsers share, on the
// same number. Its goroutines are pion's and end with close.
//
// What a browser is told of it is for addresses to say. To pion it shows one
// address a family: a socket bound to all addresses can not tell them apart, and
// each would only cost checks of its own.
type port struct {
	udp      *ice.UDPMuxDefault
	tcp      *ice.TCPMuxDefault
	listener *listener
	addr     netip.AddrPort
	announce []netip.Addr
	loopback bool // tell browsers of loopback addresses
}

// openPort binds listen, an address of the form host:port. Port 0 is one that
// the kernel picks.
func openPort(listen string, announce []netip.Addr, loopback bool, m *Metrics) (*port, error) {
	socket, l, err := bind(listen)
	if err != nil {
		return nil, fmt.Errorf("webrtc: listen on %s: %w", listen, err)
	}
	_ = socket.SetReadBuffer(udpBuffer) // as much as the kernel allows
	_ = socket.SetWriteBuffer(udpBuffer)
	p := &port{
		listener: newListener(l, m),
		addr:     socket.LocalAddr().(*net.UDPAddr).AddrPort(),
		announce: announce,
		loopback: loopback,
	}
	p.addr = netip.AddrPortFrom(p.addr.Addr().Unmap(), p.addr.Port())
	p.udp = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: socket, Logger: quiet.NewLogger("ice")})
	p.tcp = ice.NewTCPMuxDefault(ice.TCPMuxParams{
		Listener: p.listener, Logger: quiet.NewLogger("ice"), ReadBufferSize: 32, WriteBufferSize: tcpBacklog,
		FirstStunBindTimeout: tcpFirst, AliveDurationForConnFromStun: tcpFirst,
	})
	if err := p.check(); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// bind finds a number that is free for both transports.
func bind(listen string) (*net.UDPConn, net.Listener, error) {
	var lastErr error
	for range portTries {
		l, err := net.Listen("tcp", listen)
		if err != nil {
			return nil, nil, err
		}
		socket, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(l.Addr().(*net.TCPAddr).AddrPort()))
		if err == nil {
			return socket, l, nil
		}
		lastErr = errors.Join(err, l.Close())
		if _, number, err := net.SplitHostPort(listen); err != nil || number != "0" {
			break
		}
	}
	return nil, nil, lastErr
}

// check reports whether a browser can be told of an address at all.
func (p *port) check() error {
	for _, a := range p.announce {
		if !p.serves(a) {
			return fmt.Errorf("webrtc: address %v is announced, but %v does not serve its family", a, p.addr)
		}
	}
	if len(p.addresses()) == 0 {
		return fmt.Errorf("webrtc: no address for browsers: listening on %v, which they may not be told, and none is announced", p.addr)
	}
	return nil
}

// serves reports whether packets for a can arrive.
func (p *port) serves(a netip.Addr) bool {
	bound := p.addr.Addr()
	return bound.Is4() == a.Is4() || bound == netip.IPv6Unspecified()
}

// addresses are what browsers are told: those announced, or our own.
func (p *port) addresses() []netip.Addr {
	if len(p.announce) > 0 {
		return p.announce
	}
	var out []netip.Addr
	for _, a := range p.local() {
		if len(out) < maxAddresses && (p.loopback || !a.IsLoopback()) {
			out = append(out, a)
		}
	}
	return out
}

// base is the one address of each family that pion gets to know.
func (p *port) base() (v4, v6 netip.Addr) {
	for _, a := range p.local() {
		best := &v6
		if a.Is4() {
			best = &v4
		}
		if !best.IsValid() || best.IsLoopback() {
			*best = a
		}
	}
	return v4, v6
}

// local is our own addresses at which the port can be reached from elsewhere, or
// from here. Interfaces come and go, so it asks anew.
func (p *port) local() []netip.Addr {
	if bound := p.addr.Addr(); !bound.IsUnspecified() {
		return []netip.Addr{bound}
	}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, i := range interfaces {
		addrs, err := i.Addrs()
		if err != nil || i.Flags&net.FlagUp == 0 {
			continue
		}
		for _, a := range addrs {
			prefix, ok := a.(*net.IPNet)
			if !ok {
				continue
			}
			ip, _ := netip.AddrFromSlice(prefix.IP)
			if ip = ip.Unmap(); ip.IsValid() && p.serves(ip) && !ip.IsLinkLocalUnicast() {
				out = append(out, ip)
			}
		}
	}
	return out
}

// close closes both and all that came by TCP.
func (p *port) close() {
	p.listener.drop() // or the mux would wait for strangers
	_ = p.tcp.Close()
	_ = p.udp.Close()
}

// udpMux is the UDP socket as pion sees it.
type udpMux struct {
	*ice.UDPMuxDefault
	port *port
}

// GetListenAddresses implements ice.UDPMux.
func (m udpMux) GetListenAddresses() []net.Addr {
	var out []net.Addr
	v4, v6 := m.port.base()
	for _, a := range []netip.Addr{v4, v6} {
		if a.IsValid() {
			out = append(out, net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, m.port.addr.Port())))
		}
	}
	return out
}

// tcpMux is the TCP listener as pion sees it: by whichever of our addresses a
// connection comes, it belongs to the one candidate of its family.
type tcpMux struct{ *ice.TCPMuxDefault }

// GetConnByUfrag implements ice.TCPMux.
func (m tcpMux) GetConnByUfrag(ufrag string, isIPv6 bool, _ net.IP) (net.PacketConn, error) {
	return m.TCPMuxDefault.GetConnByUfrag(ufrag, isIPv6, anyIP(isIPv6))
}

// LocalAddr hides which address the listener is bound to.
func (m tcpMux) LocalAddr() net.Addr { return nil }

func anyIP(isIPv6 bool) net.IP {
	if isIPv6 {
		return net.IPv6unspecified
	}
	return net.IPv4zero
}

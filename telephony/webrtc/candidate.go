package webrtc

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// maxCandidates is how many candidates a section of an offer, or a restart
// fragment, may have.
const maxCandidates = 64

// candidate is one ICE candidate of a browser over UDP that can be checked
// (RFC 8839, section 5.1).
type candidate struct {
	kind     string // host, srflx, prflx or relay
	priority uint32
	addr     netip.AddrPort
}

// sharedRange is that of carriers' NATs (RFC 6598).
var sharedRange = netip.MustParsePrefix("100.64.0.0/10")

// noHost are ranges of which no host has an address, and those that hold
// addresses of IPv4, in which a private one could hide.
var noHost = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("64:ff9b::/32"), // NAT64: RFC 6052, RFC 8215
	netip.MustParsePrefix("2002::/16"),    // 6to4: RFC 3056
}

// parseCandidate reads the value of a candidate attribute. Unless dropped is
// empty, it is not to be used, and dropped says why: to connect to a browser we
// never look up a name, and only with private set an address that is not public.
func parseCandidate(value string, private bool) (c candidate, dropped string) {
	f := strings.Fields(value)
	if len(f) < 8 || !strings.HasPrefix(f[0], "candidate:") || f[1] != "1" || f[6] != "typ" {
		return c, candidateOther // of RTCP, for one, which is multiplexed
	}
	if strings.EqualFold(f[2], "tcp") {
		return c, candidateTCP
	}
	priority, err := strconv.ParseUint(f[3], 10, 32)
	port, portErr := strconv.ParseUint(f[5], 10, 16)
	if !strings.EqualFold(f[2], "udp") || err != nil || portErr != nil || port == 0 {
		return c, candidateOther
	}
	addr, err := netip.ParseAddr(f[4])
	if err != nil {
		return c, candidateName
	}
	addr = addr.Unmap()
	switch c.kind = f[7]; c.kind {
	case "host", "srflx", "prflx", "relay":
	default:
		return c, candidateOther
	}
	c.priority, c.addr = uint32(priority), netip.AddrPortFrom(addr, uint16(port))
	return c, unreachable(addr, private)
}

// unreachable says why packets are not sent to an address, or nothing.
func unreachable(a netip.Addr, private bool) (reason string) {
	switch {
	case a.Zone() != "", a.IsMulticast(), a.IsUnspecified(),
		slices.ContainsFunc(noHost, func(p netip.Prefix) bool { return p.Contains(a) }):
		return candidateOther
	case private:
		return ""
	case a.IsLoopback(), a.IsLinkLocalUnicast(), a.IsPrivate(), sharedRange.Contains(a):
		return candidatePrivate
	}
	return ""
}

// pick reads candidates and keeps those that can be used.
func (s *Server) pick(values []string) []candidate {
	var out []candidate
	for _, v := range values {
		c, dropped := parseCandidate(v, s.opts.PrivatePeers)
		if dropped != "" {
			s.metrics.candidates.WithLabelValues(dropped).Inc()
			continue
		}
		out = append(out, c)
	}
	return out
}

// attribute writes the candidate for pion. Where it comes from is of no use to us.
func (c candidate) attribute(i int) string {
	related := ""
	if c.kind != "host" {
		related = " raddr 0.0.0.0 rport 0"
	}
	return fmt.Sprintf("a=candidate:%d 1 udp %d %v %d typ %s%s\r\n", i+1, c.priority, c.addr.Addr(), c.addr.Port(), c.kind, related)
}

// ownCandidates writes the candidates of our port for the browser: each address
// by UDP and, as the last resort, by TCP. Priorities are those of RFC 8445,
// section 5.1.2.1, and RFC 6544, section 4.2.
func ownCandidates(addresses []netip.Addr, port uint16) string {
	const (
		host    = 126 << 24
		passive = 4 << 13
		rtp     = 255 // 256 - component
	)
	var b strings.Builder
	for i, a := range addresses {
		fmt.Fprintf(&b, "a=candidate:%d 1 udp %d %v %d typ host\r\n", i+1, host|(65535-i)<<8|rtp, a, port)
	}
	for i, a := range addresses {
		fmt.Fprintf(&b, "a=candidate:%d 1 tcp %d %v %d typ host tcptype passive\r\n",
			len(addresses)+i+1, host|(passive|8191-i)<<8|rtp, a, port)
	}
	b.WriteString("a=end-of-candidates\r\n")
	return b.String()
}

package sim

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// errFragment is what is wrong with the answer to a restart.
var errFragment = errors.New("sim: malformed SDP fragment")

// sdpLines returns the lines of an SDP, with their ends off.
func sdpLines(sdp string) []string {
	return strings.FieldsFunc(sdp, func(r rune) bool { return r == '\r' || r == '\n' })
}

func joinSDP(lines []string) string { return strings.Join(lines, "\r\n") + "\r\n" }

func isCandidate(line string) bool {
	return strings.HasPrefix(line, "a=candidate:") || line == "a=end-of-candidates"
}

// hostCandidate is the line of a candidate (RFC 8839, 5.1) of UDP.
func hostCandidate(a netip.AddrPort) string {
	return fmt.Sprintf("a=candidate:1 1 udp 2130706431 %s %d typ host", a.Addr(), a.Port())
}

// activeCandidate is what browsers offer for ICE-TCP (RFC 6544): they connect,
// and the port is the discard port.
const activeCandidate = "a=candidate:1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active"

// replaceCandidates puts candidates in the place of those of an SDP or a
// fragment: into its first media section, as all are bundled.
func replaceCandidates(sdp string, candidates ...string) string {
	var out []string
	sections := 0
	place := func() {
		if sections == 1 {
			out = append(append(out, candidates...), "a=end-of-candidates")
		}
	}
	for _, line := range sdpLines(sdp) {
		if isCandidate(line) {
			continue
		}
		if strings.HasPrefix(line, "m=") {
			place()
			sections++
		}
		out = append(out, line)
	}
	place()
	return joinSDP(out)
}

// udpCandidates returns the addresses of the UDP candidates.
func udpCandidates(sdp string) (all []netip.AddrPort) {
	for _, line := range sdpLines(sdp) {
		// foundation component transport priority address port typ type
		f := strings.Fields(strings.TrimPrefix(line, "a=candidate:"))
		if !strings.HasPrefix(line, "a=candidate:") || len(f) < 8 || !strings.EqualFold(f[2], "udp") {
			continue
		}
		addr, err := netip.ParseAddr(f[4])
		port, portErr := strconv.ParseUint(f[5], 10, 16)
		if err == nil && portErr == nil && port > 0 {
			all = append(all, netip.AddrPortFrom(addr, uint16(port)))
		}
	}
	return all
}

// mediaPort returns where the gateway's media port of an answer is reached from
// this machine.
func mediaPort(sdp string) (netip.AddrPort, error) {
	all := udpCandidates(sdp)
	for _, a := range all {
		if a.Addr().Is4() && a.Addr().IsLoopback() {
			return a, nil
		}
	}
	if len(all) == 0 {
		return netip.AddrPort{}, errors.New("sim: the answer has no UDP candidate")
	}
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), all[0].Port()), nil
}

// keepTCP takes the UDP candidates out of an answer.
func keepTCP(sdp string) string {
	var out []string
	for _, line := range sdpLines(sdp) {
		if f := strings.Fields(line); strings.HasPrefix(line, "a=candidate:") && len(f) > 2 && !strings.EqualFold(f[2], "tcp") {
			continue
		}
		out = append(out, line)
	}
	return joinSDP(out)
}

// fragmentOf makes the body of a restart of an offer: the new credentials and
// all candidates of its first media section (RFC 8840, RFC 9725 4.3.2).
func fragmentOf(offer string) string {
	var credentials, media, candidates []string
	sections := 0
	for _, line := range sdpLines(offer) {
		if strings.HasPrefix(line, "m=") {
			sections++
		}
		switch {
		case sections != 1:
		case strings.HasPrefix(line, "m="), strings.HasPrefix(line, "a=mid:"):
			media = append(media, line)
		case strings.HasPrefix(line, "a=ice-ufrag:"), strings.HasPrefix(line, "a=ice-pwd:"):
			credentials = append(credentials, line)
		case strings.HasPrefix(line, "a=candidate:"):
			candidates = append(candidates, line)
		}
	}
	return joinSDP(append(append(append(credentials, media...), candidates...), "a=end-of-candidates"))
}

// applyFragment puts the credentials and candidates of a fragment into an
// earlier answer.
func applyFragment(answer, fragment string) (string, error) {
	var ufrag, pwd string
	var candidates []string
	for _, line := range sdpLines(fragment) {
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			ufrag = line
		case strings.HasPrefix(line, "a=ice-pwd:"):
			pwd = line
		case strings.HasPrefix(line, "a=candidate:"):
			candidates = append(candidates, line)
		}
	}
	if ufrag == "" || pwd == "" || len(candidates) == 0 {
		return "", fmt.Errorf("%w: it lacks a ufrag, a pwd or candidates", errFragment)
	}
	lines := sdpLines(answer)
	for i, line := range lines {
		switch {
		case strings.HasPrefix(line, "a=ice-ufrag:"):
			lines[i] = ufrag
		case strings.HasPrefix(line, "a=ice-pwd:"):
			lines[i] = pwd
		}
	}
	return replaceCandidates(joinSDP(lines), candidates...), nil
}

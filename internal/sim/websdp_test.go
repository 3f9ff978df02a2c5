package sim

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// someSDP has two bundled sections and candidates of both kinds.
const someSDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n" +
	"m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=ice-ufrag:old\r\na=ice-pwd:older\r\n" +
	"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n" +
	"a=candidate:2 1 TCP 1671430143 192.0.2.1 5000 typ host tcptype passive\r\n" +
	"a=candidate:3 1 UDP 2130706430 127.0.0.1 5000 typ host\r\na=end-of-candidates\r\n" +
	"m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\na=ice-ufrag:old\r\na=ice-pwd:older\r\n" +
	"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\n"

func TestCandidates(t *testing.T) {
	a := netip.MustParseAddrPort("127.0.0.1:7000")
	got := replaceCandidates(someSDP, hostCandidate(a))
	if all := udpCandidates(got); !slices.Equal(all, []netip.AddrPort{a}) || strings.Count(got, "candidate:") != 1 || strings.Contains(got, "TCP") {
		t.Errorf("replaced:\n%s", got)
	}
	if strings.Index(got, "a=candidate:") > strings.Index(got, "m=application") {
		t.Error("the candidate is not in the first section")
	}
	if port, err := mediaPort(someSDP); err != nil || port != netip.MustParseAddrPort("127.0.0.1:5000") {
		t.Errorf("media port %v, %v", port, err)
	}
	elsewhere := strings.ReplaceAll(someSDP, "127.0.0.1 5000", "::1 5000")
	if port, err := mediaPort(elsewhere); err != nil || port != netip.MustParseAddrPort("127.0.0.1:5000") {
		t.Errorf("media port %v, %v", port, err)
	}
	if _, err := mediaPort(replaceCandidates(someSDP, activeCandidate)); err == nil {
		t.Error("a media port of UDP without a candidate of UDP")
	}
	if got := keepTCP(someSDP); len(udpCandidates(got)) != 0 || strings.Count(got, "a=candidate:") != 1 {
		t.Errorf("TCP only:\n%s", got)
	}
}

func TestFragments(t *testing.T) {
	want := "a=ice-ufrag:old\r\na=ice-pwd:older\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" +
		"a=candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host\r\na=candidate:2 1 TCP 1671430143 192.0.2.1 5000 typ host tcptype passive\r\n" +
		"a=candidate:3 1 UDP 2130706430 127.0.0.1 5000 typ host\r\na=end-of-candidates\r\n"
	if got := fragmentOf(someSDP); got != want {
		t.Errorf("fragment:\n%s", got)
	}
	got, err := applyFragment(someSDP, "a=ice-ufrag:new\na=ice-pwd:newer\nm=audio 9 x 0\na=mid:0\na=candidate:9 1 udp 1 127.0.0.1 6000 typ host\n")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(got, "a=ice-ufrag:new\r\n") != 2 || strings.Count(got, "a=ice-pwd:newer\r\n") != 2 || strings.Count(got, "candidate:") != 1 ||
		!strings.Contains(got, "127.0.0.1 6000") {
		t.Errorf("applied:\n%s", got)
	}
	for _, fragment := range []string{"", "a=ice-ufrag:new\r\n", "a=ice-ufrag:a\r\na=ice-pwd:b\r\n", "a=ice-pwd:b\r\na=candidate:1\r\n"} {
		if _, err := applyFragment(someSDP, fragment); !errors.Is(err, errFragment) {
			t.Errorf("%q: %v", fragment, err)
		}
	}
}

// FuzzAnswer reads whatever a gateway may answer.
func FuzzAnswer(f *testing.F) {
	f.Add(someSDP)
	f.Add("a=candidate:1 1 udp 1 300.1.1.1 99999 typ host\r\nm=\r\n")
	f.Fuzz(func(t *testing.T, sdp string) {
		for _, a := range udpCandidates(sdp) {
			if !a.IsValid() || a.Port() == 0 {
				t.Errorf("candidate %v", a)
			}
		}
		a := netip.MustParseAddrPort("127.0.0.1:7000")
		if all := udpCandidates(replaceCandidates(sdp, hostCandidate(a))); len(all) > 1 || len(all) == 1 && all[0] != a {
			t.Errorf("candidates %v are left", all)
		}
		if len(udpCandidates(keepTCP(sdp))) != 0 {
			t.Error("a candidate of UDP is left")
		}
		_, _ = applyFragment(someSDP, sdp)
		_ = fragmentOf(sdp)
	})
}

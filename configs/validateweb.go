package configs

import (
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// maxWebCall leaves time to fetch the recording before the session's token ends.
const maxWebCall = 90 * time.Minute

func (c *Config) validateWeb(f *faults) {
	t := c.Telephony.WebRTC
	f.check(isAddress(t.Listen), "telephony.webrtc.listen", "must be host:port or :port")
	for i, text := range t.Announce {
		addr, err := netip.ParseAddr(text)
		f.check(err == nil && !addr.IsUnspecified(), fmt.Sprintf("telephony.webrtc.announce[%d]", i), "must be an IP address")
	}
	for i, text := range t.TURNURLs {
		f.check(isTURN(text), fmt.Sprintf("telephony.webrtc.turn_urls[%d]", i),
			"must be turn: or turns:, a host, and maybe a port and ?transport=udp or tcp")
	}
	f.pair(len(t.TURNURLs) > 0, t.TURNSecret != "", "telephony.webrtc.turn_urls", "telephony.webrtc.turn_secret")
	f.check(t.OpusBitrate >= 6000 && t.OpusBitrate <= 128000, "telephony.webrtc.opus_bitrate", "must be 6000 to 128000")
	f.check(t.OpusComplexity >= 0 && t.OpusComplexity <= 10, "telephony.webrtc.opus_complexity", "must be 0 to 10")

	w := c.Web
	for i, origin := range w.Origins {
		u, err := plainURL(origin)
		f.check(err == nil && u.Path == "", fmt.Sprintf("web.origins[%d]", i),
			"must be a web origin: http or https, host, and maybe a port")
	}
	f.check(w.CallDuration >= Duration(time.Second) && w.CallDuration <= Duration(maxWebCall), "web.call_duration",
		"must be 1s to 90m, since a session's token ends after two hours")
	for _, limit := range []struct {
		name string
		is   int
	}{
		{"calls_per_agent", w.CallsPerAgent}, {"calls_per_address", w.CallsPerAddress},
		{"calls_per_address_day", w.CallsPerAddressDay}, {"calls_per_day", w.CallsPerDay}, {"minutes_per_day", w.MinutesPerDay},
	} {
		f.check(limit.is >= 0, "web."+limit.name, "must not be negative")
	}
}

// isTURN reports whether text is a TURN URI of RFC 7065.
func isTURN(text string) bool {
	scheme, rest, _ := strings.Cut(text, ":")
	host, query, asks := strings.Cut(rest, "?")
	if scheme != "turn" && scheme != "turns" || asks && query != "transport=udp" && query != "transport=tcp" {
		return false
	}
	u, err := url.Parse("//" + host)
	return err == nil && u.Hostname() != "" && u.Path == "" && u.User == nil
}

// warnWeb is what of the web is allowed and yet seldom meant.
func (c *Config) warnWeb() (w []string) {
	if c.Web.Demo && !c.onLoopback() {
		w = append(w, "web.demo: anyone who reaches "+c.Server.PublicURL+"/demo can call any agent")
	}
	return w
}

// onLoopback reports whether the gateway is for this machine's own browsers.
func (c *Config) onLoopback() bool {
	u, err := url.Parse(c.Server.PublicURL)
	return c.Server.PublicURL == "" || err == nil && isLoopbackHost(u.Hostname())
}

// PrivatePeers reports whether browsers in private networks are let in.
func (c *Config) PrivatePeers() bool {
	return c.Telephony.WebRTC.Peers == PeersAny || c.Telephony.WebRTC.Peers == PeersAuto && c.onLoopback()
}

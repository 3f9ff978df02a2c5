package webrtc

import "strings"

// chromium is an offer as Chromium 156 makes it with a microphone and a data
// channel: both sections have candidates, here of addresses for documentation.
var chromium = sdp(`v=0
o=- 4611731400430051336 2 IN IP4 127.0.0.1
s=-
t=0 0
a=group:BUNDLE 0 1
a=extmap-allow-mixed
a=msid-semantic: WMS 6f4b
m=audio 54321 UDP/TLS/RTP/SAVPF 111 63 9 0 8 13 110 126
c=IN IP4 192.0.2.10
a=rtcp:9 IN IP4 0.0.0.0
a=candidate:842163049 1 udp 2122260223 192.0.2.10 54321 typ host generation 0 network-id 1 network-cost 10
a=candidate:842163050 1 udp 2122194687 b6e2a5a9-9d2b-4d0e-8f7a-3f6f1d9c0a11.local 54322 typ host generation 0 network-id 2
a=candidate:1876313031 1 tcp 1518280447 192.0.2.10 9 typ host tcptype active generation 0 network-id 1
a=candidate:3401 1 udp 1686052607 198.51.100.7 61234 typ srflx raddr 192.0.2.10 rport 54321 generation 0
a=ice-ufrag:Yx3P
a=ice-pwd:0nB6OQyrD2fQ9aUNy7x5gwXR
a=ice-options:trickle
a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08
a=setup:actpass
a=mid:0
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2 http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time
a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01
a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid
a=sendrecv
a=msid:6f4b 2d1c
a=rtcp-mux
a=rtcp-rsize
a=rtpmap:111 opus/48000/2
a=rtcp-fb:111 transport-cc
a=fmtp:111 minptime=10;useinbandfec=1
a=rtpmap:63 red/48000/2
a=fmtp:63 111/111
a=rtpmap:9 G722/8000
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:13 CN/8000
a=rtpmap:110 telephone-event/48000
a=rtpmap:126 telephone-event/8000
a=ssrc:3570614608 cname:4TOk42mSjXCkVIa6
a=ssrc:3570614608 msid:6f4b 2d1c
m=application 54321 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 192.0.2.10
a=candidate:842163049 1 udp 2122260223 192.0.2.10 54323 typ host generation 0 network-id 1 network-cost 10
a=ice-ufrag:Yx3P
a=ice-pwd:0nB6OQyrD2fQ9aUNy7x5gwXR
a=ice-options:trickle
a=fingerprint:sha-256 7B:8B:F0:65:5F:78:E2:51:3B:AC:6F:F3:3F:46:1B:35:DC:B8:5F:64:1A:24:C2:43:F0:A1:58:D0:A1:2C:19:08
a=setup:actpass
a=mid:1
a=sctp-port:5000
a=max-message-size:262144
`)

// firefox is an offer as Firefox ESR 153 makes it: it asks for stereo, has its
// fingerprint and a direction at session level, and names mDNS hosts only.
var firefox = sdp(`v=0
o=mozilla...THIS_IS_SDPARTA-99.0 7418367519230371712 0 IN IP4 0.0.0.0
s=-
t=0 0
a=fingerprint:sha-256 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB:50:D1:83:E3:1D:04:D6:DE:B2:BC:1C:3D
a=group:BUNDLE 0 1
a=ice-options:trickle
a=msid-semantic:WMS *
a=sendrecv
m=audio 41000 UDP/TLS/RTP/SAVPF 109 9 0 8 101
c=IN IP4 0.0.0.0
a=candidate:0 1 UDP 2122252543 1f5c4d0e-7e52-4f3c-9a0e-6a0b8f0f7f10.local 41000 typ host
a=candidate:0 2 UDP 2122252542 1f5c4d0e-7e52-4f3c-9a0e-6a0b8f0f7f10.local 41001 typ host
a=candidate:1 1 TCP 2105524479 1f5c4d0e-7e52-4f3c-9a0e-6a0b8f0f7f10.local 9 typ host tcptype active
a=candidate:2 1 UDP 1686052863 198.51.100.7 61234 typ srflx raddr 0.0.0.0 rport 0
a=sendrecv
a=end-of-candidates
a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level
a=extmap:2/recvonly urn:ietf:params:rtp-hdrext:csrc-audio-level
a=extmap:3 urn:ietf:params:rtp-hdrext:sdes:mid
a=fmtp:109 maxplaybackrate=48000;stereo=1;useinbandfec=1
a=fmtp:101 0-15
a=ice-pwd:7f7f0b4a3d3b6b1b2f0c9f1d5e2d8a61
a=ice-ufrag:8b3f1f2e
a=mid:0
a=msid:{c5f2} {7a31}
a=rtcp-mux
a=rtpmap:109 opus/48000/2
a=rtpmap:9 G722/8000/1
a=rtpmap:0 PCMU/8000
a=rtpmap:8 PCMA/8000
a=rtpmap:101 telephone-event/8000/1
a=setup:actpass
a=ssrc:1046527934 cname:{5d0c}
m=application 0 UDP/DTLS/SCTP webrtc-datachannel
c=IN IP4 0.0.0.0
a=bundle-only
a=sendrecv
a=ice-pwd:7f7f0b4a3d3b6b1b2f0c9f1d5e2d8a61
a=ice-ufrag:8b3f1f2e
a=mid:1
a=setup:actpass
a=sctp-port:5000
a=max-message-size:1073741823
`)

// sdp gives lines the ends that SDP has.
func sdp(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// without is an offer without the lines that begin so.
func without(offer, prefix string) string {
	var b strings.Builder
	for line := range strings.Lines(offer) {
		if !strings.HasPrefix(line, prefix) {
			b.WriteString(line)
		}
	}
	return b.String()
}

package webrtc

import (
	"fmt"
	"strconv"
	"strings"
)

// What we can make use of: 16 kHz of sound and no more bits than its words need.
// Silence must come as packets, since their time is the call's clock; a browser
// that leaves it out nevertheless is understood. There is no stereo, whatever the
// offer says: we listen with one ear.
const opusFormat = "minptime=10;useinbandfec=1;usedtx=0;maxplaybackrate=16000;sprop-maxcapturerate=16000;maxaveragebitrate=32000"

const keysFormat = "0-15"

// answer is what the browser is told.
type answer struct {
	offer       *offer
	ice         credentials
	fingerprint string // with its hash
	ssrc        uint32 // of our audio
	number      uint64 // of the session, for its origin line
	candidates  string // attribute lines
}

// sdp writes the answer (RFC 8829, section 5.3): complete, so that nothing has to
// be trickled.
func (a answer) sdp() string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- %d 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\na=msid-semantic: WMS *\r\n",
		a.number, a.offer.bundle())
	for _, data := range a.offer.order() {
		if data {
			b.WriteString(dataLine)
		} else {
			b.WriteString(a.offer.codec.line())
		}
		b.WriteString("c=IN IP4 0.0.0.0\r\n")
		fmt.Fprintf(&b, "a=mid:%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s\r\na=setup:%s\r\n",
			a.offer.mid(data), a.ice.ufrag, a.ice.pwd, a.fingerprint, a.offer.role())
		if data {
			fmt.Fprintf(&b, "a=sctp-port:5000\r\na=max-message-size:%d\r\n", maxMessage)
		} else {
			b.WriteString("a=sendrecv\r\na=rtcp-mux\r\n" + a.offer.codec.maps() + "a=ptime:20\r\n")
			fmt.Fprintf(&b, "a=msid:%s %s\r\na=ssrc:%d cname:%s\r\n", streamName, trackName, a.ssrc, streamName)
		}
		if data == a.offer.dataTagged {
			b.WriteString(a.candidates)
		}
	}
	return b.String()
}

// fragment writes the answer to an ICE restart (RFC 9725, section 4.3.3).
func (a answer) fragment() string {
	data := a.offer.dataTagged
	line := a.offer.codec.line()
	if data {
		line = dataLine
	}
	return fmt.Sprintf("a=group:BUNDLE %s\r\n%sa=mid:%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n%s",
		a.offer.bundle(), line, a.offer.mid(data), a.ice.ufrag, a.ice.pwd, a.candidates)
}

// sdp writes the offer for pion: what it must know, and nothing that we have not
// understood.
func (o *offer) sdp(ice credentials, candidates []candidate) string {
	var b strings.Builder
	fmt.Fprintf(&b, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE %s\r\n", o.bundle())
	for _, data := range o.order() {
		if data {
			b.WriteString(dataLine)
		} else {
			b.WriteString(o.codec.line())
		}
		b.WriteString("c=IN IP4 0.0.0.0\r\n")
		fmt.Fprintf(&b, "a=mid:%s\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:%s %s\r\na=setup:%s\r\n",
			o.mid(data), ice.ufrag, ice.pwd, o.hash, o.fingerprint, o.setup)
		if data {
			fmt.Fprintf(&b, "a=sctp-port:5000\r\na=max-message-size:%d\r\n", maxMessage)
		} else {
			b.WriteString("a=sendrecv\r\na=rtcp-mux\r\n" + o.codec.maps())
			if o.ssrc != 0 {
				fmt.Fprintf(&b, "a=ssrc:%d cname:-\r\n", o.ssrc)
			}
		}
		if data == o.dataTagged {
			for n, c := range candidates {
				b.WriteString(c.attribute(n))
			}
		}
	}
	return b.String()
}

const dataLine = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"

// order says for each section in turn whether it is the data section.
func (o *offer) order() []bool { return []bool{o.dataFirst, !o.dataFirst} }

func (o *offer) mid(data bool) string {
	if data {
		return o.dataMid
	}
	return o.audioMid
}

func (o *offer) bundle() string { return o.mid(o.dataTagged) + " " + o.mid(!o.dataTagged) }

// role is our side of the DTLS handshake: the one that begins it, if we may.
func (o *offer) role() string {
	if o.setup == "active" {
		return "passive"
	}
	return "active"
}

// line is the m-line of the audio section.
func (c codec) line() string {
	formats := strconv.Itoa(int(c.Payload))
	for _, keys := range []uint8{c.Keys48, c.Keys8} {
		if keys != 0 {
			formats += " " + strconv.Itoa(int(keys))
		}
	}
	return "m=audio 9 UDP/TLS/RTP/SAVPF " + formats + "\r\n"
}

// maps are the attributes of the formats.
func (c codec) maps() string {
	text := fmt.Sprintf("a=rtpmap:%d PCMU/8000\r\n", c.Payload)
	if c.Opus {
		text = fmt.Sprintf("a=rtpmap:%d opus/48000/2\r\na=fmtp:%d %s\r\n", c.Payload, c.Payload, opusFormat)
	}
	if c.Keys48 != 0 {
		text += fmt.Sprintf("a=rtpmap:%d telephone-event/48000\r\na=fmtp:%d %s\r\n", c.Keys48, c.Keys48, keysFormat)
	}
	if c.Keys8 != 0 {
		text += fmt.Sprintf("a=rtpmap:%d telephone-event/8000\r\na=fmtp:%d %s\r\n", c.Keys8, c.Keys8, keysFormat)
	}
	return text
}

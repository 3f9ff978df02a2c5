package webrtc

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
)

const maxFormats = 64 // of an m-line

// offer is what we need of a browser's offer. Nothing else of it reaches pion,
// which gets an offer that we have written.
type offer struct {
	audioMid, dataMid string
	dataFirst         bool // the data section comes before the audio section
	dataTagged        bool // the data section speaks for the bundle
	codec             codec
	ssrc              uint32 // of the caller's audio; 0 if it is not said
	hash, fingerprint string
	setup             string // actpass, active or passive
	ice               credentials
	candidates        []string // values, not looked at
}

// credentials are those of one ICE session of one side (RFC 8839, 5.4).
type credentials struct{ ufrag, pwd string }

// section is what is kept of the session part or of a media section.
type section struct {
	kind, port, proto string
	formats           []string

	mid, direction, setup, sctpPort string
	ice                             credentials
	fingerprints, candidates        []string
	rtpmaps                         map[string]string // by payload type
	ssrc                            uint32
	mux, bundleOnly, lite           bool
	bundle                          []string
}

// scanOffer checks a complete offer (RFC 8866, JSEP in RFC 8829) in one pass that
// stops at the first section or candidate too many.
func scanOffer(text []byte) (*offer, *Refusal) {
	var session section
	var media []*section
	now := &session
	lines := 0
	for line := range bytes.Lines(text) {
		s := string(bytes.TrimRight(line, "\r\n"))
		if lines++; lines == 1 && s != "v=0" || len(s) < 2 || s[1] != '=' || s[0] < 'a' || s[0] > 'z' || hasControls(s) {
			return nil, malformed("The body is not SDP.")
		}
		switch {
		case s[0] == 'm':
			m, refusal := newSection(s[2:], media)
			if refusal != nil {
				return nil, refusal
			}
			media, now = append(media, m), m
		case s[0] == 'a':
			now.attribute(s[2:])
			if len(now.candidates) > maxCandidates {
				return nil, unprocessable(codeCandidates, "The offer has more than 64 candidates in a section.")
			}
		}
	}
	if lines == 0 {
		return nil, malformed("The body is empty.")
	}
	return compose(&session, media)
}

// newSection reads an m-line.
func newSection(value string, before []*section) (*section, *Refusal) {
	f := strings.Fields(value)
	if len(f) < 4 {
		return nil, malformed("A media section is not as SDP has them.")
	}
	m := &section{kind: f[0], port: f[1], proto: f[2], formats: f[3:], rtpmaps: make(map[string]string)}
	if m.kind != "audio" && m.kind != "application" || slices.ContainsFunc(before, func(b *section) bool { return b.kind == m.kind }) {
		return nil, unprocessable(codeSections, "The offer must have one audio section and one data section, and nothing else.")
	}
	if len(m.formats) > maxFormats {
		return nil, unprocessable(codeCodec, "The offer has too many formats.")
	}
	return m, nil
}

// attribute keeps an attribute that we need; of those that can come once, the
// first.
func (m *section) attribute(text string) {
	name, value, _ := strings.Cut(text, ":")
	switch name {
	case "group":
		if f := strings.Fields(value); len(f) > 1 && f[0] == "BUNDLE" && m.bundle == nil {
			m.bundle = f[1:]
		}
	case "mid":
		keep(&m.mid, value)
	case "ice-ufrag":
		keep(&m.ice.ufrag, value)
	case "ice-pwd":
		keep(&m.ice.pwd, value)
	case "setup":
		keep(&m.setup, value)
	case "sctp-port":
		keep(&m.sctpPort, value)
	case "sendrecv", "sendonly", "recvonly", "inactive":
		keep(&m.direction, name)
	case "fingerprint":
		m.fingerprints = append(m.fingerprints, value)
	case "candidate":
		m.candidates = append(m.candidates, text)
	case "rtpmap":
		payload, encoding, _ := strings.Cut(value, " ")
		if m.rtpmaps != nil && m.rtpmaps[payload] == "" && slices.Contains(m.formats, payload) {
			m.rtpmaps[payload] = strings.ToLower(strings.TrimSpace(encoding))
		}
	case "ssrc":
		number, _, _ := strings.Cut(value, " ")
		if n, err := strconv.ParseUint(number, 10, 32); err == nil && m.ssrc == 0 {
			m.ssrc = uint32(n)
		}
	case "rtcp-mux":
		m.mux = true
	case "bundle-only":
		m.bundleOnly = true
	case "ice-lite":
		m.lite = true
	}
}

func keep(field *string, value string) {
	if *field == "" {
		*field = value
	}
}

// compose makes an offer of the sections, if they are such as can be served.
func compose(session *section, media []*section) (*offer, *Refusal) {
	var audio, data *section
	for _, m := range media {
		if m.kind == "audio" {
			audio = m
		} else {
			data = m
		}
	}
	if audio == nil || data == nil {
		return nil, unprocessable(codeSections, "The offer must have one audio section and one data section.")
	}
	o := &offer{audioMid: audio.mid, dataMid: data.mid, dataFirst: media[0] == data, ssrc: audio.ssrc}
	for _, check := range []func(*section, *section, *section) *Refusal{o.checkSections, o.checkBundle, o.takeTransport} {
		if refusal := check(session, audio, data); refusal != nil {
			return nil, refusal
		}
	}
	if !o.codec.choose(audio) {
		return nil, unprocessable(codeCodec, "The audio section must offer Opus or PCMU.")
	}
	return o, nil
}

func (o *offer) checkSections(session, audio, data *section) *Refusal {
	direction := audio.direction
	keep(&direction, session.direction)
	keep(&direction, "sendrecv")
	switch {
	case direction != "sendrecv":
		return unprocessable(codeDirection, "The audio section must be sendrecv: the agent listens and speaks.")
	case audio.port == "0" && !audio.bundleOnly, data.port == "0" && !data.bundleOnly:
		return unprocessable(codeSections, "The audio section and the data section must not be rejected ones.")
	case audio.proto != "UDP/TLS/RTP/SAVPF" && audio.proto != "TCP/DTLS/RTP/SAVPF":
		return unprocessable(codeSections, "The audio section must be of UDP/TLS/RTP/SAVPF.")
	case data.proto != "UDP/DTLS/SCTP" && data.proto != "TCP/DTLS/SCTP", data.formats[0] != "webrtc-datachannel",
		data.sctpPort != "" && data.sctpPort != "5000":
		return unprocessable(codeSections, "The data section must be a webrtc-datachannel over UDP/DTLS/SCTP.")
	}
	return nil
}

func (o *offer) checkBundle(session, audio, data *section) *Refusal {
	switch {
	case !isToken(audio.mid) || !isToken(data.mid) || audio.mid == data.mid:
		return unprocessable(codeMid, "Both sections must have a mid.")
	case !slices.Contains(session.bundle, audio.mid) || !slices.Contains(session.bundle, data.mid):
		return unprocessable(codeBundle, "Both sections must be in one BUNDLE group.")
	case !audio.mux:
		return unprocessable(codeBundle, "The audio section must have rtcp-mux.")
	}
	return nil
}

// takeTransport takes what ICE and DTLS need from the section that speaks for the
// bundle (RFC 9143, section 7.1.3) or else from the session part.
func (o *offer) takeTransport(session, audio, data *section) *Refusal {
	tagged := audio
	if o.dataTagged = session.bundle[0] == data.mid; o.dataTagged {
		tagged = data
	}
	o.ice, o.candidates = tagged.ice, tagged.candidates
	if o.ice.ufrag == "" && o.ice.pwd == "" {
		o.ice = session.ice
	}
	if !o.ice.valid() || session.lite {
		return unprocessable(codeCredentials, "The offer must have an ice-ufrag and an ice-pwd, and not be of ICE lite.")
	}
	fingerprints := tagged.fingerprints
	if len(fingerprints) == 0 {
		fingerprints = session.fingerprints
	}
	o.setup = tagged.setup
	keep(&o.setup, session.setup)
	keep(&o.setup, "actpass")
	for _, f := range fingerprints {
		if hash, value, ok := parseFingerprint(f); ok && (o.setup == "actpass" || o.setup == "active" || o.setup == "passive") {
			o.hash, o.fingerprint = hash, value
			return nil
		}
	}
	return unprocessable(codeFingerprint, "The offer must have a fingerprint by SHA-256 or better, and a setup of actpass.")
}

// choose picks the best format that both sides have. What the far end may send
// and what we send is the same.
func (c *codec) choose(audio *section) bool {
	find := func(encodings ...string) (uint8, bool) {
		for _, f := range audio.formats {
			encoding := audio.rtpmaps[f]
			if f == "0" {
				keep(&encoding, "pcmu/8000")
			}
			n, err := strconv.ParseUint(f, 10, 7)
			// RFC 5761, section 4: these would be taken for RTCP.
			if err == nil && (n < 64 || n > 95) && slices.Contains(encodings, encoding) {
				return uint8(n), true
			}
		}
		return 0, false
	}
	c.Payload, c.Opus = find("opus/48000/2")
	ok := c.Opus
	if c.Opus {
		c.Keys48, _ = find("telephone-event/48000")
	} else {
		c.Payload, ok = find("pcmu/8000", "pcmu/8000/1")
	}
	c.Keys8, _ = find("telephone-event/8000", "telephone-event/8000/1")
	return ok
}

// valid reports whether the credentials are as RFC 8839, section 5.4, wants them.
func (c credentials) valid() bool {
	return iceChars(c.ufrag, 4) && iceChars(c.pwd, 22)
}

func iceChars(s string, least int) bool {
	return len(s) >= least && len(s) <= 256 && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '+' && r != '/' && r != '-' && r != '_' && r != '='
	})
}

// parseFingerprint reads a fingerprint (RFC 8122, section 5) of a hash that is
// still strong.
func parseFingerprint(value string) (hash, fingerprint string, ok bool) {
	hash, fingerprint, _ = strings.Cut(value, " ")
	size := map[string]int{"sha-256": 32, "sha-384": 48, "sha-512": 64}[strings.ToLower(hash)]
	raw, err := hex.DecodeString(strings.ReplaceAll(fingerprint, ":", ""))
	if err != nil || size == 0 || len(raw) != size || len(fingerprint) != 3*size-1 {
		return "", "", false
	}
	return strings.ToLower(hash), fingerprint, true
}

// isToken reports whether s can be a mid (RFC 5888, section 4).
func isToken(s string) bool {
	return s != "" && len(s) <= 32 && !strings.ContainsFunc(s, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune(`"(),/:;<=>?@[\]`, r)
	})
}

func hasControls(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f })
}

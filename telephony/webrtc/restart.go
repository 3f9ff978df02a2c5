package webrtc

import (
	"bytes"
	"strings"
)

// fragment is what an SDP fragment (RFC 8840, section 9) of a browser says.
type fragment struct {
	ice        credentials // empty for a trickle
	candidates []string    // values, not looked at
}

// scanFragment checks a fragment in one pass that stops at the first candidate or
// section too many.
func scanFragment(text []byte) (fragment, *Refusal) {
	var f fragment
	sections, lines := 0, 0
	for line := range bytes.Lines(text) {
		s := string(bytes.TrimRight(line, "\r\n"))
		if s == "" {
			continue
		}
		lines++
		if len(s) < 2 || s[1] != '=' || s[0] != 'a' && s[0] != 'm' || hasControls(s) {
			return f, malformed("The body is not an SDP fragment.")
		}
		if s[0] == 'm' {
			if sections++; sections > 2 {
				return f, unprocessable(codeSections, "The fragment has more sections than the session.")
			}
			continue
		}
		name, value, _ := strings.Cut(s[2:], ":")
		switch name {
		case "ice-ufrag":
			keep(&f.ice.ufrag, value)
		case "ice-pwd":
			keep(&f.ice.pwd, value)
		case "candidate":
			if f.candidates = append(f.candidates, s[2:]); len(f.candidates) > maxCandidates {
				return f, unprocessable(codeCandidates, "The fragment has more than 64 candidates.")
			}
		}
	}
	switch {
	case lines == 0:
		return f, malformed("The body is empty.")
	case f.ice != credentials{} && !f.ice.valid():
		return f, malformed("The fragment must have both an ice-ufrag and an ice-pwd.")
	}
	return f, nil
}

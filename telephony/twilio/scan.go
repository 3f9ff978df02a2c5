package twilio

import "bytes"

// scan reads the one shape that comes fifty times a second,
//
//	{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2",
//	"timestamp":"5","payload":"..."},"streamSid":"MZ..."}
//
// with its keys in any order and its counts as strings or numbers, without
// allocating. It reports false, with f in no particular state, for anything
// else: white space, escapes, other or repeated keys. What it accepts,
// unmarshal reads alike.
func (f *frame) scan(msg []byte) bool {
	*f = frame{kind: kindMedia}
	c := cursor{rest: msg}
	const event, sequence, media, stream = 1, 2, 4, 8
	seen := 0
	if !c.skip('{') {
		return false
	}
	for {
		bit := 0
		switch string(c.key()) {
		case "event":
			bit = event
			if string(c.text()) != "media" {
				return false
			}
		case "sequenceNumber":
			bit = sequence
			if _, ok := c.count(); !ok {
				return false
			}
		case "streamSid":
			bit = stream
			if f.streamSid = c.text(); !validSid(f.streamSid) {
				return false
			}
		case "media":
			bit = media
			if !f.scanMedia(&c) {
				return false
			}
		}
		if bit == 0 || seen&bit != 0 {
			return false
		}
		seen |= bit
		if !c.skip(',') {
			return c.skip('}') && len(c.rest) == 0 && seen&event != 0 && seen&media != 0
		}
	}
}

func (f *frame) scanMedia(c *cursor) bool {
	const track, chunk, timestamp, payload = 1, 2, 4, 8
	seen := 0
	if !c.skip('{') {
		return false
	}
	for {
		bit, ok := 0, false
		switch string(c.key()) {
		case "track":
			bit = track
			name := c.text()
			f.inbound = string(name) == "inbound"
			ok = f.inbound || string(name) == "outbound"
		case "chunk":
			bit = chunk
			_, ok = c.count()
		case "timestamp":
			bit = timestamp
			f.timestamp, ok = c.count()
		case "payload":
			bit = payload
			f.payload = c.text()
			ok = f.payload != nil
		}
		if !ok || seen&bit != 0 {
			return false
		}
		seen |= bit
		if !c.skip(',') {
			return c.skip('}') && seen == track|chunk|timestamp|payload
		}
	}
}

// cursor walks over JSON without white space or escapes.
type cursor struct{ rest []byte }

func (c *cursor) skip(b byte) bool {
	if len(c.rest) == 0 || c.rest[0] != b {
		return false
	}
	c.rest = c.rest[1:]
	return true
}

// key reads a string and the colon after it; nil if there is none.
func (c *cursor) key() []byte {
	k := c.text()
	if !c.skip(':') {
		return nil
	}
	return k
}

// text reads a string without escapes; nil if there is none.
func (c *cursor) text() []byte {
	if !c.skip('"') {
		return nil
	}
	n := bytes.IndexByte(c.rest, '"')
	if n < 0 || bytes.IndexByte(c.rest[:n], '\\') >= 0 {
		return nil
	}
	s := c.rest[:n:n]
	c.rest = c.rest[n+1:]
	return s
}

// count reads up to twelve digits, in quotes or not.
func (c *cursor) count() (v int64, ok bool) {
	quoted := c.skip('"')
	n := 0
	for n < len(c.rest) && n < 12 && c.rest[n]-'0' <= 9 {
		v = v*10 + int64(c.rest[n]-'0')
		n++
	}
	if n == 0 || !quoted && n > 1 && c.rest[0] == '0' {
		return 0, false
	}
	c.rest = c.rest[n:]
	return v, !quoted || c.skip('"')
}

// validSid reports whether s is an identifier that can be written into JSON
// and into a URL as it stands: 1 to 64 of A-Z a-z 0-9 - _.
func validSid[T string | []byte](s T) bool {
	for i := range len(s) {
		c := s[i]
		if !(c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
			return false
		}
	}
	return len(s) >= 1 && len(s) <= 64
}

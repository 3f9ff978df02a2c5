package webrtc

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"sidetone/telephony"
)

// Types of the page's messages (docs/web-events.md); metric labels.
const (
	typeChoose  = "choose"
	typeText    = "text"
	typeTyping  = "typing"
	typeKey     = "key"
	typeAbout   = "about"
	typeMute    = "mute"
	typeStats   = "stats"
	typeHushed  = "hushed"
	typeBye     = "bye"
	typeUnknown = "unknown"
)

// Limits of what a message may hold.
const (
	maxText  = 2000 // characters of a typed turn
	maxAbout = 200  // characters of what is told
	maxID    = 128  // bytes of a message's content address
	maxStat  = 10 * time.Second
)

// choices are all that a page may choose. What may be chosen when, and whether
// the message is the one that counts, is the call's to say.
var choices = []telephony.Choice{telephony.Agree, telephony.Unrecorded, telephony.Delete, telephony.Again}

// message is a message of the page.
type message struct {
	kind   string
	event  telephony.Event // of choose, text, typing, key, about and mute; without At
	stats  stats           // of stats
	before uint32          // of hushed: the RTP timestamp that it was told
}

// stats is what the page reports of its connection; what it does not know is
// missing.
type stats struct {
	buffer    time.Duration
	hasBuffer bool
	rtt       time.Duration // 0 when it is not known
}

// parseMessage reads a message of the page. bad is why it can not be used, as a
// metric label, or empty. A type that is not known is no fault, nor is a field.
func parseMessage(b []byte) (m message, bad string) {
	var head struct{ Type string }
	switch {
	case !utf8.Valid(b):
		return m, badUTF8
	case json.Unmarshal(b, &head) != nil || head.Type == "":
		return m, badJSON
	}
	m.kind = head.Type
	switch head.Type {
	case typeChoose:
		bad = m.choose(b)
	case typeText:
		bad = m.text(b)
	case typeTyping:
		m.event.Kind = telephony.Typing
	case typeKey:
		bad = m.key(b)
	case typeAbout:
		bad = m.about(b)
	case typeMute:
		bad = m.mute(b)
	case typeStats:
		bad = m.stats.read(b)
	case typeHushed:
		bad = m.hushed(b)
	case typeBye:
	default:
		m.kind = typeUnknown
	}
	return m, bad
}

func (m *message) choose(b []byte) (bad string) {
	var body struct {
		Choice  telephony.Choice
		Message string
	}
	if json.Unmarshal(b, &body) != nil {
		return badJSON
	}
	if !slices.Contains(choices, body.Choice) || len(body.Message) > maxID || clean(body.Message) != body.Message {
		return badChoice
	}
	m.event = telephony.Event{Kind: telephony.Chose, Choice: body.Choice, Text: body.Message}
	return ""
}

func (m *message) text(b []byte) (bad string) {
	var body struct{ Text string }
	if json.Unmarshal(b, &body) != nil {
		return badJSON
	}
	text, ok := line(body.Text, maxText)
	if !ok {
		return badText
	}
	m.event = telephony.Event{Kind: telephony.Typed, Text: text}
	return ""
}

func (m *message) key(b []byte) (bad string) {
	var body struct{ Digit string }
	if json.Unmarshal(b, &body) != nil {
		return badJSON
	}
	if len(body.Digit) != 1 || !strings.Contains("0123456789*#", body.Digit) {
		return badDigit
	}
	m.event = telephony.Event{Kind: telephony.DTMF, Digit: body.Digit[0]}
	return ""
}

func (m *message) about(b []byte) (bad string) {
	var body struct{ Field, Text string }
	if json.Unmarshal(b, &body) != nil {
		return badJSON
	}
	if !slices.Contains([]string{"name", "email"}, body.Field) {
		return badField
	}
	text, ok := line(body.Text, maxAbout)
	if !ok {
		return badText
	}
	m.event = telephony.Event{Kind: telephony.Told, Field: body.Field, Text: text}
	return ""
}

func (m *message) mute(b []byte) (bad string) {
	var body struct{ On *bool }
	switch {
	case json.Unmarshal(b, &body) != nil:
		return badJSON
	case body.On == nil:
		return badField
	case *body.On:
		m.event.Kind = telephony.Muted
	default:
		m.event.Kind = telephony.Unmuted
	}
	return ""
}

func (m *message) hushed(b []byte) (bad string) {
	var body struct{ Before *uint32 }
	switch {
	case json.Unmarshal(b, &body) != nil:
		return badJSON
	case body.Before == nil:
		return badField
	}
	m.before = *body.Before
	return ""
}

func (s *stats) read(b []byte) (bad string) {
	var body struct {
		Buffer *float64 `json:"jitter_buffer_ms"`
		RTT    *float64 `json:"rtt_ms"`
	}
	if json.Unmarshal(b, &body) != nil {
		return badJSON
	}
	if body.Buffer != nil {
		if s.buffer, s.hasBuffer = millis(*body.Buffer); !s.hasBuffer {
			return badStats
		}
	}
	if body.RTT != nil {
		var ok bool
		if s.rtt, ok = millis(*body.RTT); !ok {
			return badStats
		}
	}
	return ""
}

// millis is a time that a page reports. It reports false for one that can not be
// true.
func millis(v float64) (time.Duration, bool) {
	if v < 0 || v > float64(maxStat/time.Millisecond) {
		return 0, false
	}
	return time.Duration(v * float64(time.Millisecond)), true
}

// line is a line of text as it may be shown and kept, of 1 to limit characters.
func line(s string, limit int) (string, bool) {
	s = strings.TrimSpace(clean(s))
	n := utf8.RuneCountInString(s)
	return s, n > 0 && n <= limit
}

// clean makes spaces of line breaks and tabs, and takes out other control
// characters and those that turn the direction of writing, which could make a
// text look like another.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, s)
}

// meterLimit is how many messages a page may send in a second, and how many
// reports of stats besides.
const meterLimit = 50

// meter counts what a page sends in a second.
type meter struct {
	since           time.Time
	messages, stats int
}

// flooded counts a message and reports whether it was one too many.
func (m *meter) flooded(stats bool, now time.Time) bool {
	if now.Sub(m.since) >= time.Second {
		*m = meter{since: now}
	}
	if stats {
		m.stats++
	} else {
		m.messages++
	}
	return max(m.stats, m.messages) > meterLimit
}

package twilio

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// frameKind is the event of an inbound frame; a metric label.
type frameKind uint8

const (
	kindUnknown frameKind = iota
	kindConnected
	kindStart
	kindMedia
	kindDTMF
	kindMark
	kindStop
	kindCount
)

var kindNames = [kindCount]string{"unknown", "connected", "start", "media", "dtmf", "mark", "stop"}

func (k frameKind) String() string { return kindNames[k] }

// maxTimestamp is 31 years in milliseconds: far beyond any call, and far from
// overflowing a media.Tick.
const maxTimestamp = 1e12

var errShape = errors.New("twilio: frame lacks what its event needs")

// frame is one inbound message. Only the fields of its kind are set, and they
// may alias the message they were read from.
type frame struct {
	kind      frameKind
	streamSid []byte
	inbound   bool   // media: the caller's track
	timestamp int64  // media: milliseconds since the stream began
	payload   []byte // media: base64 of mu-law at 8 kHz
	name      string // mark
	digit     string // dtmf
	start     startFrame
}

// startFrame is the body of a start event.
type startFrame struct {
	StreamSid string            `json:"streamSid"`
	CallSid   string            `json:"callSid"`
	Params    map[string]string `json:"customParameters"`
	Format    struct {
		Encoding   string `json:"encoding"`
		SampleRate number `json:"sampleRate"`
		Channels   number `json:"channels"`
	} `json:"mediaFormat"`
}

// parse reads one message into f, which it overwrites. The common media shape
// is scanned in place; everything else goes through encoding/json. Unknown
// fields are ignored, and an unknown event is a frame of kindUnknown.
func (f *frame) parse(msg []byte) error {
	if f.scan(msg) {
		return nil
	}
	return f.unmarshal(msg)
}

// number is a count that peers write as a JSON number or as a string.
type number int64

// UnmarshalJSON accepts 5, "5", 5.0 and null, which leaves n alone.
func (n *number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	if len(b) >= 2 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		*n = number(v)
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(v) || math.Abs(v) > maxTimestamp {
		return fmt.Errorf("twilio: %.32q is no number", b)
	}
	*n = number(v)
	return nil
}

// unmarshal is the general reader. It looks only at the part that belongs to
// the event, so that unknown events may hold anything.
func (f *frame) unmarshal(msg []byte) error {
	var w struct {
		Event     string          `json:"event"`
		StreamSid string          `json:"streamSid"`
		Start     json.RawMessage `json:"start"`
		Media     json.RawMessage `json:"media"`
		DTMF      json.RawMessage `json:"dtmf"`
		Mark      json.RawMessage `json:"mark"`
	}
	*f = frame{}
	if err := json.Unmarshal(msg, &w); err != nil {
		return fmt.Errorf("twilio: reading a frame: %w", err)
	}
	f.streamSid = []byte(w.StreamSid)
	switch w.Event {
	case "connected":
		f.kind = kindConnected
	case "stop":
		f.kind = kindStop
	case "start":
		f.kind = kindStart
		return part(w.Start, &f.start)
	case "media":
		f.kind = kindMedia
		return f.unmarshalMedia(w.Media)
	case "mark":
		var m struct {
			Name string `json:"name"`
		}
		f.kind = kindMark
		err := part(w.Mark, &m)
		f.name = m.Name
		return err
	case "dtmf":
		var d struct {
			Digit digit `json:"digit"`
		}
		f.kind = kindDTMF
		err := part(w.DTMF, &d)
		f.digit = string(d.Digit)
		return err
	}
	return nil
}

func (f *frame) unmarshalMedia(raw json.RawMessage) error {
	m := struct {
		Track     string `json:"track"`
		Timestamp number `json:"timestamp"`
		Payload   string `json:"payload"`
	}{Track: "inbound", Timestamp: -1}
	if err := part(raw, &m); err != nil {
		return err
	}
	if m.Timestamp < 0 || m.Timestamp > maxTimestamp {
		return errShape
	}
	f.inbound = m.Track == "inbound"
	f.timestamp = int64(m.Timestamp)
	f.payload = []byte(m.Payload)
	return nil
}

// digit is a key, which some peers write as a number.
type digit string

// UnmarshalJSON accepts "5" and 5.
func (d *digit) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		*d = digit(b)
		return nil
	}
	return json.Unmarshal(b, (*string)(d))
}

func part(raw json.RawMessage, into any) error {
	if len(raw) == 0 {
		return errShape
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return fmt.Errorf("twilio: reading a frame: %w", err)
	}
	return nil
}

// appendPayload appends the audio in base64 text to dst. It reports false, and
// dst as it was, if the text is not exactly padded base64: the decoder of the
// standard library would let line breaks through.
func appendPayload(dst, text []byte) ([]byte, bool) {
	was := len(dst)
	want := len(text) / 4 * 3
	for i := len(text) - 1; i >= 0 && i >= len(text)-2 && text[i] == '='; i-- {
		want--
	}
	out, err := base64.StdEncoding.AppendDecode(dst, text)
	if err != nil || len(text)%4 != 0 || len(out)-was != want {
		return dst, false
	}
	return out, true
}

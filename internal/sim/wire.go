package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strconv"

	"github.com/gorilla/websocket"
)

// The frames of Twilio Media Streams, from the carrier's side. Source: Twilio,
// "Media Streams: WebSocket messages".

// connectedFrame opens every stream.
const connectedFrame = `{"event":"connected","protocol":"Call","version":"1.0.0"}`

// frameWriter writes the frames of one stream; it numbers them from 1.
type frameWriter struct {
	streamSID, callSID, accountSID string

	sequence, chunk int64
	buf             []byte
}

// open begins a frame up to and including its sequence number, which is a
// string like every number but the media format's.
func (w *frameWriter) open(event string) []byte {
	w.sequence++
	b := append(w.buf[:0], `{"event":"`...)
	b = append(b, event...)
	b = append(b, `","sequenceNumber":"`...)
	b = strconv.AppendInt(b, w.sequence, 10)
	return append(b, '"')
}

// end closes a frame with its stream's id.
func (w *frameWriter) end(b []byte) []byte {
	b = append(b, `,"streamSid":"`...)
	b = append(b, w.streamSID...)
	w.buf = append(b, `"}`...)
	return w.buf
}

func (w *frameWriter) start(parameters map[string]string) []byte {
	body, err := json.Marshal(map[string]any{
		"accountSid": w.accountSID, "streamSid": w.streamSID, "callSid": w.callSID,
		"tracks":           []string{"inbound"},
		"mediaFormat":      map[string]any{"encoding": "audio/x-mulaw", "sampleRate": sampleRate, "channels": 1},
		"customParameters": parameters,
	})
	if err != nil {
		panic("sim: internal error: start frame: " + err.Error())
	}
	b := append(w.open("start"), `,"start":`...)
	return w.end(append(b, body...))
}

// media writes a frame of audio that begins at sample of its stream.
func (w *frameWriter) media(sample int64, ulaw []byte) []byte {
	w.chunk++
	b := append(w.open("media"), `,"media":{"track":"inbound","chunk":"`...)
	b = strconv.AppendInt(b, w.chunk, 10)
	b = append(b, `","timestamp":"`...)
	b = strconv.AppendInt(b, sample*1000/sampleRate, 10)
	b = append(b, `","payload":"`...)
	b = base64.StdEncoding.AppendEncode(b, ulaw)
	return w.end(append(b, `"}`...))
}

func (w *frameWriter) mark(name string) []byte {
	quoted, err := json.Marshal(name)
	if err != nil {
		panic("sim: internal error: mark frame: " + err.Error())
	}
	b := append(w.open("mark"), `,"mark":{"name":`...)
	b = append(b, quoted...)
	return w.end(append(b, '}'))
}

func (w *frameWriter) dtmf(digit byte) []byte {
	b := append(w.open("dtmf"), `,"dtmf":{"track":"inbound_track","digit":"`...)
	return w.end(append(b, digit, '"', '}'))
}

func (w *frameWriter) stop() []byte {
	b := append(w.open("stop"), `,"stop":{"accountSid":"`...)
	b = append(b, w.accountSID...)
	b = append(b, `","callSid":"`...)
	b = append(b, w.callSID...)
	return w.end(append(b, `"}`...))
}

// order is what a frame from the gateway asks of the carrier.
type order struct {
	event string // media, mark or clear
	audio []byte // media: mu-law
	name  string // mark
}

// orderParser reads the frames of one stream. Media frames differ in nothing but
// their payload, so it remembers what surrounds the payload of one that was found
// correct: reading each from scratch would cost a load test a core.
type orderParser struct {
	streamSID      string
	before, behind []byte
}

// parse reads a frame. The error is the warning that Twilio raises for a frame
// that it ignores.
func (p *orderParser) parse(messageType int, data []byte) (order, *FaultError) {
	if messageType == websocket.TextMessage && len(p.before) > 0 && len(data) > len(p.before)+len(p.behind) &&
		bytes.HasPrefix(data, p.before) && bytes.HasSuffix(data, p.behind) {
		payload := data[len(p.before) : len(data)-len(p.behind)]
		// Go's decoder skips line breaks, which JSON does not allow here.
		audio, err := base64.StdEncoding.AppendDecode(nil, payload)
		if err == nil && len(audio) > 0 && !bytes.ContainsAny(payload, "\r\n") {
			return order{event: "media", audio: audio}, nil
		}
	}
	o, payload, fault := parseOrder(messageType, data, p.streamSID)
	if at := bytes.LastIndex(data, []byte(`"`+payload+`"`)); payload != "" && at >= 0 {
		p.before, p.behind = bytes.Clone(data[:at+1]), bytes.Clone(data[at+1+len(payload):])
	}
	return o, fault
}

// parseOrder reads a frame from scratch; payload is that of a correct media
// frame as it was written.
func parseOrder(messageType int, data []byte, streamSID string) (o order, payload string, fault *FaultError) {
	if messageType != websocket.TextMessage {
		return order{}, "", &FaultError{31950, "a binary frame"}
	}
	var f struct {
		Event     string `json:"event"`
		StreamSID string `json:"streamSid"`
		Media     *struct {
			Payload string `json:"payload"`
		} `json:"media"`
		Mark *struct {
			Name string `json:"name"`
		} `json:"mark"`
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&f); err != nil {
		return order{}, "", &FaultError{31951, err.Error()}
	}
	if f.StreamSID != streamSID {
		return order{}, "", &FaultError{31951, "another stream's streamSid"}
	}
	switch {
	case f.Event == "media" && f.Media != nil && f.Mark == nil:
		audio, err := base64.StdEncoding.DecodeString(f.Media.Payload)
		if err != nil || len(audio) == 0 {
			return order{}, "", &FaultError{31951, "a media payload that is empty or not base64"}
		}
		return order{event: f.Event, audio: audio}, f.Media.Payload, nil
	case f.Event == "mark" && f.Mark != nil && f.Mark.Name != "" && f.Media == nil:
		return order{event: f.Event, name: f.Mark.Name}, "", nil
	case f.Event == "clear" && f.Media == nil && f.Mark == nil:
		return order{event: f.Event}, "", nil
	}
	return order{}, "", &FaultError{31951, "a malformed frame or unknown event " + strconv.Quote(f.Event)}
}

package twilio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"strings"
	"testing"

	"sidetone/media"
)

var mediaMessage = []byte(`{"event":"media","sequenceNumber":"1234","media":{"track":"inbound","chunk":"1230","timestamp":"24600","payload":"` +
	base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0xFF, 0x7F, 0x00, 0x80}, 40)) + `"},"streamSid":"` + streamSid + `"}`)

func TestParse(t *testing.T) {
	type want struct {
		kind      frameKind
		timestamp int64
		payload   string
		name      string
		digit     string
	}
	tests := map[string]struct {
		msg  string
		want want
		err  bool
	}{
		"connected":        {msg: `{"event":"connected","protocol":"Call","version":"1.0.0"}`, want: want{kind: kindConnected}},
		"media, strings":   {msg: `{"event":"media","media":{"track":"inbound","chunk":"1","timestamp":"5","payload":"/w=="}}`, want: want{kind: kindMedia, timestamp: 5, payload: "/w=="}},
		"media, numbers":   {msg: `{"event":"media","sequenceNumber":3,"media":{"track":"inbound","chunk":1,"timestamp":5,"payload":"/w=="}}`, want: want{kind: kindMedia, timestamp: 5, payload: "/w=="}},
		"media, fraction":  {msg: `{"event":"media","media":{"timestamp":"5.0","payload":"/w=="}}`, want: want{kind: kindMedia, timestamp: 5, payload: "/w=="}},
		"media, spaces":    {msg: "{ \"event\" : \"media\", \"media\" : {\"timestamp\":5,\"payload\":\"\\/w==\"}}\n", want: want{kind: kindMedia, timestamp: 5, payload: "/w=="}},
		"media, new field": {msg: `{"event":"media","new":{"x":[1]},"media":{"track":"inbound","chunk":1,"timestamp":5,"payload":"/w==","new":null}}`, want: want{kind: kindMedia, timestamp: 5, payload: "/w=="}},
		"media, no time":   {msg: `{"event":"media","media":{"payload":"/w=="}}`, err: true},
		"media, negative":  {msg: `{"event":"media","media":{"timestamp":-5,"payload":"/w=="}}`, err: true},
		"media, huge":      {msg: `{"event":"media","media":{"timestamp":"9223372036854775807","payload":"/w=="}}`, err: true},
		"media, not a map": {msg: `{"event":"media","media":[1]}`, err: true},
		"media, none":      {msg: `{"event":"media"}`, err: true},
		"media, bad type":  {msg: `{"event":"media","media":{"timestamp":{},"payload":7}}`, err: true},
		"mark":             {msg: `{"event":"mark","sequenceNumber":"4","mark":{"name":"17"}}`, want: want{kind: kindMark, name: "17"}},
		"mark, no body":    {msg: `{"event":"mark"}`, err: true},
		"dtmf":             {msg: `{"event":"dtmf","dtmf":{"track":"inbound_track","digit":"#"}}`, want: want{kind: kindDTMF, digit: "#"}},
		"dtmf, number":     {msg: `{"event":"dtmf","dtmf":{"digit":9}}`, want: want{kind: kindDTMF, digit: "9"}},
		"stop":             {msg: `{"event":"stop","stop":{}}`, want: want{kind: kindStop}},
		"unknown":          {msg: `{"event":"weather","media":"rain"}`, want: want{kind: kindUnknown}},
		"no event":         {msg: `{}`, want: want{kind: kindUnknown}},
		"event is no text": {msg: `{"event":5}`, err: true},
		"not JSON":         {msg: `hello`, err: true},
		"cut":              {msg: `{"event":"media","media":{"track":"inb`, err: true},
		"two values":       {msg: `{"event":"stop"}{}`, err: true},
		"empty":            {msg: ``, err: true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var f frame
			err := f.parse([]byte(test.msg))
			if (err != nil) != test.err {
				t.Fatalf("error %v, want one: %v", err, test.err)
			}
			if got := (want{f.kind, f.timestamp, string(f.payload), f.name, f.digit}); err == nil && got != test.want {
				t.Errorf("frame %+v, want %+v", got, test.want)
			}
		})
	}
}

func TestParseStart(t *testing.T) {
	for _, counts := range []string{`"sampleRate":8000,"channels":1`, `"sampleRate":"8000","channels":"1"`} {
		var f frame
		err := f.parse([]byte(`{"event":"start","streamSid":"MZ1","start":{"streamSid":"MZ1","callSid":"CA1","tracks":["inbound"],
			"customParameters":{"token":"t"},"mediaFormat":{"encoding":"audio/x-mulaw",` + counts + `}}}`))
		if err != nil {
			t.Fatal(err)
		}
		if s := f.start; s.StreamSid != "MZ1" || s.CallSid != "CA1" || s.Params["token"] != "t" || s.Format.SampleRate != 8000 || s.Format.Channels != 1 {
			t.Errorf("start %+v", s)
		}
	}
}

func TestScanTakesTheCommonShape(t *testing.T) {
	var f frame
	for _, msg := range []string{
		string(mediaMessage),
		`{"streamSid":"MZ1","media":{"payload":"","timestamp":0,"chunk":1,"track":"outbound"},"event":"media","sequenceNumber":7}`,
	} {
		if !f.scan([]byte(msg)) {
			t.Errorf("%s was left to the slow reader", msg)
		}
	}
	for _, msg := range []string{
		`{"event":"media","media":{"track":"inbound","chunk":1,"timestamp":05,"payload":""}}`,
		`{"event":"media","event":"media","media":{"track":"inbound","chunk":1,"timestamp":5,"payload":""}}`,
		`{"event":"media","media":{"track":"inbound","chunk":1,"timestamp":5,"payload":"\u002f"}}`,
		`{"event":"media","media":{"track":"inbound","chunk":1,"timestamp":1234567890123,"payload":""}}`,
		`{"event":"media","media":{"track":"inbound","chunk":1,"timestamp":5,"payload":""}}x`,
		`{"event":"stop"}`, ``, `{`,
	} {
		if f.scan([]byte(msg)) {
			t.Errorf("%s was scanned", msg)
		}
	}
}

// What the scanner accepts with a payload that can be used, encoding/json
// reads alike.
func FuzzScanAgreesWithJSON(f *testing.F) {
	f.Add(mediaMessage)
	for _, s := range []string{
		`{"event":"media","media":{"track":"inbound","chunk":1,"timestamp":"05","payload":"/w=="},"streamSid":"x"}`,
		`{"event":"media","media":{"track":"outbound","chunk":"1","timestamp":0,"payload":"////"}}`,
		`{"event":"media","Media":{},"media":{"track":"inbound","chunk":1,"timestamp":5,"payload":"AA"}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, msg []byte) {
		var fast, slow frame
		slowErr := slow.unmarshal(msg)
		if !fast.scan(msg) {
			return
		}
		fastAudio, usable := appendPayload(nil, fast.payload)
		if slowErr != nil {
			if usable {
				t.Fatalf("only the scanner accepts %q: %v", msg, slowErr)
			}
			return
		}
		slowAudio, slowUsable := appendPayload(nil, slow.payload)
		if usable != slowUsable || !bytes.Equal(fastAudio, slowAudio) || fast.kind != slow.kind || fast.inbound != slow.inbound ||
			fast.timestamp != slow.timestamp || string(fast.streamSid) != string(slow.streamSid) {
			t.Errorf("%q is %+v to the scanner and %+v to encoding/json", msg, fast, slow)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"event":"start","start":{"mediaFormat":{"sampleRate":"8000"}}}`))
	f.Add([]byte(`{"event":"dtmf","dtmf":{"digit":5}}`))
	f.Fuzz(func(t *testing.T, msg []byte) {
		var fr frame
		if err := fr.parse(msg); err == nil && fr.kind == kindMedia && (fr.timestamp < 0 || fr.timestamp > maxTimestamp) {
			t.Errorf("%q has timestamp %d", msg, fr.timestamp)
		}
	})
}

func TestAppendPayload(t *testing.T) {
	tests := map[string]struct {
		text string
		want string
		ok   bool
	}{
		"empty":       {"", "", true},
		"one byte":    {"/w==", "\xff", true},
		"two bytes":   {"//8=", "\xff\xff", true},
		"three bytes": {"////", "\xff\xff\xff", true},
		"unpadded":    {"/w", "", false},
		"line break":  {"//\n//", "", false},
		"breaks of 4": {"////\r\n\r\n", "", false},
		"other text":  {"!!!!", "", false},
		"only pads":   {"====", "", false},
		"inner pad":   {"/w==////", "", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			got, ok := appendPayload([]byte("x"), []byte(test.text))
			if ok != test.ok || string(got) != "x"+test.want {
				t.Errorf("got %q, %v, want %q, %v", got, ok, "x"+test.want, test.ok)
			}
		})
	}
}

func TestOutboundFrames(t *testing.T) {
	ulaw := bytes.Repeat([]byte{0, 1, 0xFF}, 53)
	tests := map[string]struct {
		got  []byte
		want map[string]any
	}{
		"media": {appendMedia(nil, streamSid, ulaw), map[string]any{"event": "media", "streamSid": streamSid, "media": map[string]any{"payload": base64.StdEncoding.EncodeToString(ulaw)}}},
		"mark":  {appendMark(nil, streamSid, 4294967295), map[string]any{"event": "mark", "streamSid": streamSid, "mark": map[string]any{"name": "4294967295"}}},
		"clear": {appendClear(nil, streamSid), map[string]any{"event": "clear", "streamSid": streamSid}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			want, err := json.Marshal(test.want)
			if err != nil {
				t.Fatal(err)
			}
			var got any
			if err := json.Unmarshal(test.got, &got); err != nil {
				t.Fatalf("%s: %v", test.got, err)
			}
			if again, _ := json.Marshal(got); !bytes.Equal(again, want) {
				t.Errorf("frame %s, want %s", test.got, want)
			}
		})
	}
}

func TestValidSid(t *testing.T) {
	for s, want := range map[string]bool{streamSid: true, "a-b_C9": true, "": false, "a\"": false, "a b": false, "\u00e9": false,
		"a/b": false, "@": false, "[": false, "`": false, "{": false, strings.Repeat("a", 64): true, strings.Repeat("a", 65): false} {
		if validSid(s) != want {
			t.Errorf("validSid(%q) is %v", s, !want)
		}
	}
}

// The frames that come and go fifty times a second each way cost no garbage.
func TestFramesDoNotAllocate(t *testing.T) {
	var f frame
	audio := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(1000, func() {
		if err := f.parse(mediaMessage); err != nil {
			t.Fatal(err)
		}
		if _, ok := appendPayload(audio, f.payload); !ok {
			t.Fatal("payload not read")
		}
	}); n != 0 {
		t.Errorf("reading a media frame allocates %v times", n)
	}
	out := newOutbound()
	buf := make([]byte, 0, 512)
	var it item
	pcm := pcmFrame(1000).PCM
	if n := testing.AllocsPerRun(1000, func() {
		out.send(pcm)
		out.mark(7)
		for out.pop(&it) {
			buf = it.append(buf[:0], streamSid)
		}
		out.echoed(7)
		out.clear()
		for out.pop(&it) {
			buf = it.append(buf[:0], streamSid)
		}
	}); n != 0 {
		t.Errorf("writing a media frame, a mark and a clear allocates %v times", n)
	}
}

func BenchmarkScanMedia(b *testing.B) {
	var f frame
	audio := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.parse(mediaMessage); err != nil {
			b.Fatal(err)
		}
		if _, ok := appendPayload(audio, f.payload); !ok {
			b.Fatal("payload not read")
		}
	}
}

// BenchmarkUnmarshalMedia is the control: the same frame through encoding/json.
func BenchmarkUnmarshalMedia(b *testing.B) {
	var f frame
	audio := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		if err := f.unmarshal(mediaMessage); err != nil {
			b.Fatal(err)
		}
		if _, ok := appendPayload(audio, f.payload); !ok {
			b.Fatal("payload not read")
		}
	}
}

func BenchmarkAppendMedia(b *testing.B) {
	ulaw := make([]byte, frameSamples)
	buf := make([]byte, 0, 512)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendMedia(buf[:0], streamSid, ulaw)
	}
}

// BenchmarkSendFrame is a frame's whole way from Send to the wire's text.
func BenchmarkSendFrame(b *testing.B) {
	out := newOutbound()
	buf := make([]byte, 0, 512)
	var it item
	pcm := pcmFrame(1000).PCM
	b.ReportAllocs()
	for b.Loop() {
		out.send(pcm)
		out.pop(&it)
		buf = it.append(buf[:0], streamSid)
	}
}

// BenchmarkReframe is a chunk's way from mu-law to the call; a slab each second
// is its only allocation.
func BenchmarkReframe(b *testing.B) {
	var in inbound
	ulaw := silence(frameSamples)
	at := int64(0)
	var f media.Frame
	b.ReportAllocs()
	for b.Loop() {
		in.place(at, tokenTime)
		f, _, _ = in.take(ulaw)
		at += 20
	}
	if f.At == 0 {
		b.Fatal("no frame")
	}
}

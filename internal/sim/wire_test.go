package sim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
)

func TestFramesAreTwilios(t *testing.T) {
	w := frameWriter{streamSID: "MZ1", callSID: "CA1", accountSID: "AC1"}
	tests := []struct {
		got  []byte
		want string
	}{
		{bytes.Clone(w.start(map[string]string{"k": "v"})), `{"event":"start","sequenceNumber":"1","streamSid":"MZ1","start":{"streamSid":"MZ1","accountSid":"AC1","callSid":"CA1",
			"tracks":["inbound"],"customParameters":{"k":"v"},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}`},
		{bytes.Clone(w.media(0, []byte{0xFF})), `{"event":"media","sequenceNumber":"2","streamSid":"MZ1","media":{"track":"inbound","chunk":"1","timestamp":"0","payload":"/w=="}}`},
		{bytes.Clone(w.media(800, []byte{0x7F})), `{"event":"media","sequenceNumber":"3","streamSid":"MZ1","media":{"track":"inbound","chunk":"2","timestamp":"100","payload":"fw=="}}`},
		{bytes.Clone(w.dtmf('#')), `{"event":"dtmf","sequenceNumber":"4","streamSid":"MZ1","dtmf":{"track":"inbound_track","digit":"#"}}`},
		{bytes.Clone(w.mark("a\"b")), `{"event":"mark","sequenceNumber":"5","streamSid":"MZ1","mark":{"name":"a\"b"}}`},
		{bytes.Clone(w.stop()), `{"event":"stop","sequenceNumber":"6","streamSid":"MZ1","stop":{"accountSid":"AC1","callSid":"CA1"}}`},
		{[]byte(connectedFrame), `{"event":"connected","protocol":"Call","version":"1.0.0"}`},
	}
	for _, tt := range tests {
		if canonical(t, tt.got) != canonical(t, []byte(tt.want)) {
			t.Errorf("%s\nwant %s", tt.got, tt.want)
		}
	}
}

func canonical(t *testing.T, b []byte) string {
	t.Helper()
	var v any
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	return mustJSON(v)
}

// FuzzParseOrder reads each frame twice: from scratch, and after a correct media
// frame, whose surroundings the parser remembers. Both must say the same.
func FuzzParseOrder(f *testing.F) {
	f.Add(TextMessage, []byte(`{"event":"media","streamSid":"MZ1","media":{"payload":"/38="}}`))
	f.Add(TextMessage, []byte(`{"event":"media","streamSid":"MZ1","media":{"payload":"","payload":"/w=="}}`))
	f.Add(TextMessage, []byte("{\"event\":\"media\",\"streamSid\":\"MZ1\",\"media\":{\"payload\":\"/w\n==\"}}"))
	f.Add(TextMessage, []byte(`{"event":"mark","streamSid":"MZ1","mark":{"name":"m"}}`))
	f.Add(TextMessage, []byte(`{"event":"clear","streamSid":"MZ1"}`))
	f.Add(BinaryMessage, []byte{0})
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		p := orderParser{streamSID: "MZ1"}
		if _, fault := p.parse(TextMessage, []byte(`{"event":"media","streamSid":"MZ1","media":{"payload":"/w=="}}`)); fault != nil {
			t.Fatal(fault)
		}
		again, fault := p.parse(kind, data)
		o, _, want := parseOrder(kind, data, "MZ1")
		if (fault == nil) != (want == nil) || again.event != o.event || again.name != o.name || !bytes.Equal(again.audio, o.audio) {
			t.Fatalf("%q became %+v (%v), from scratch %+v (%v)", data, again, fault, o, want)
		}
		if want != nil {
			return
		}
		if kind != TextMessage || !json.Valid(data) {
			t.Fatalf("accepted type %d %q", kind, data)
		}
		if (o.event == "media") != (len(o.audio) > 0) || (o.event == "mark") != (o.name != "") {
			t.Fatalf("%q became %+v", data, o)
		}
	})
}

func BenchmarkParseOrder(b *testing.B) {
	frame := []byte(`{"event":"media","streamSid":"MZ1","media":{"payload":"` +
		base64.StdEncoding.EncodeToString(silence[:]) + `"}}`)
	p := orderParser{streamSID: "MZ1"}
	b.ReportAllocs()
	for b.Loop() {
		if _, fault := p.parse(TextMessage, frame); fault != nil {
			b.Fatal(fault)
		}
	}
}

func BenchmarkMediaFrame(b *testing.B) {
	w := frameWriter{streamSID: newSID("MZ")}
	b.ReportAllocs()
	for b.Loop() {
		w.media(0, silence[:])
	}
}

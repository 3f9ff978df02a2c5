package sim

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const testBase = "https://Voice.example.org/twilio/voice"

func TestParseTwiML(t *testing.T) {
	verbs, err := parseTwiML(testBase, "text/xml; charset=utf-8", []byte(`<?xml version="1.0"?><!-- hello -->
		<Response><Say voice="x">Good <!-- --> day &amp; welcome.</Say><Play>/beep.wav</Play><Pause length="3"/>
		<Connect action="next?step=2" method="GET"><Stream url="wss://Media.example.org/s%20t?lost=1" name="n" statusCallback="https://cb.example.org/x">
		<Parameter name="a" value="1"/><Parameter name="b" value="2"/></Stream></Connect>
		<Redirect>https://elsewhere.example.org/Über</Redirect><Dial>+1</Dial></Response>`))
	if err != nil {
		t.Fatal(err)
	}
	if len(verbs) != 6 {
		t.Fatalf("%d verbs", len(verbs))
	}
	if verbs[0].text != "Good  day & welcome." || verbs[1].text != "https://Voice.example.org/beep.wav" || verbs[2].pause != 3*time.Second {
		t.Errorf("Say, Play, Pause: %+v", verbs[:3])
	}
	if c := verbs[3]; c.action != "https://Voice.example.org/twilio/next?step=2" || c.method != "GET" {
		t.Errorf("Connect: %+v", c)
	}
	s := verbs[3].stream
	if s.url != "wss://Media.example.org/s%20t" || !s.droppedQuery || s.parameters["a"] != "1" || s.parameters["b"] != "2" || s.name != "n" {
		t.Errorf("Stream: %+v", s)
	}
	if verbs[4].text != "https://elsewhere.example.org/Über" || verbs[5].text != "+1" {
		t.Errorf("an absolute URL is taken as written: %+v", verbs[4:])
	}
}

func TestStreamURLMayBeRelative(t *testing.T) {
	verbs, err := parseTwiML(testBase, "application/xml", []byte(`<Response><Connect><Stream url="/stream"/></Connect></Response>`))
	if err != nil || verbs[0].stream.url != "wss://Voice.example.org/stream" {
		t.Errorf("%+v, %v", verbs, err)
	}
}

func TestParseTwiMLRefuses(t *testing.T) {
	stream := func(attrs, body string) string {
		return "<Response><Connect><Stream " + attrs + ">" + body + "</Stream></Connect></Response>"
	}
	tests := []struct {
		name, contentType, body string
		code                    int
	}{
		{"HTML", "text/html", "<Response/>", 12300},
		{"no content type", "", "<Response/>", 12300},
		{"nothing", "text/xml", "", 12100},
		{"an open element", "text/xml", "<Response>", 12100},
		{"another root", "text/xml", "<Request/>", 12100},
		{"two roots", "text/xml", "<Response/><Response/>", 12100},
		{"text after the root", "text/xml", "<Response/>x", 12100},
		{"unknown verb", "text/xml", "<Response><Sing/></Response>", 12200},
		{"verbs are case-sensitive", "text/xml", "<Response><say/></Response>", 12200},
		{"Pause of text", "text/xml", `<Response><Pause length="x"/></Response>`, 13910},
		{"Dial nobody", "text/xml", `<Response><Dial/></Response>`, 13224},
		{"Connect without Stream", "text/xml", "<Response><Connect/></Response>", 12200},
		{"Stream without url", "text/xml", stream("", ""), 31923},
		{"plain ws", "text/xml", stream(`url="ws://voice.example.org/s"`, ""), 31922},
		{"https", "text/xml", stream(`url="https://voice.example.org/s"`, ""), 31922},
		{"no host", "text/xml", stream(`url="wss:s"`, ""), 31923},
		{"both tracks", "text/xml", stream(`url="wss://h/s" track="both_tracks"`, ""), 12200},
		{"relative statusCallback", "text/xml", stream(`url="wss://h/s" statusCallback="/s"`, ""), 12200},
		{"nameless Parameter", "text/xml", stream(`url="wss://h/s"`, `<Parameter value="x"/>`), 12200},
		{"long Parameter", "text/xml", stream(`url="wss://h/s"`, `<Parameter name="x" value="`+strings.Repeat("y", 500)+`"/>`), 12200},
	}
	for _, tt := range tests {
		_, err := parseTwiML(testBase, tt.contentType, []byte(tt.body))
		var fault *FaultError
		if !errors.As(err, &fault) || fault.Code != tt.code {
			t.Errorf("%s: %v, want %d", tt.name, err, tt.code)
		}
	}
}

func FuzzParseTwiML(f *testing.F) {
	f.Add(connectTwiML)
	f.Add(`<Response><Say>x</Say><Pause length="1"/><Redirect>/a</Redirect></Response>`)
	f.Fuzz(func(t *testing.T, body string) {
		verbs, err := parseTwiML(testBase, "text/xml", []byte(body))
		var fault *FaultError
		if err != nil && !errors.As(err, &fault) {
			t.Fatalf("%T: %v", err, err)
		}
		for _, v := range verbs {
			if v.stream != nil && (!strings.HasPrefix(strings.ToLower(v.stream.url), "wss://") || strings.Contains(v.stream.url, "?")) {
				t.Fatalf("a stream to %q", v.stream.url)
			}
		}
	})
}

package twilio

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/telephony"
)

func TestUpgradeSignature(t *testing.T) {
	tests := map[string]struct {
		signed string
		ok     bool
	}{
		"wss":            {"wss://voice.example.com/twilio/stream", true},
		"trailing slash": {"wss://voice.example.com/twilio/stream/", true},
		"port":           {"wss://voice.example.com:443/twilio/stream", true},
		"https":          {"https://voice.example.com/twilio/stream", false},
		"host header":    {"ws://gateway/twilio/stream", false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				_, res, err := g.upgrade(test.signed)
				if (err == nil) != test.ok {
					t.Fatalf("upgrade: %v", err)
				}
				if !test.ok {
					if res.StatusCode != http.StatusForbidden {
						t.Errorf("status %d, want 403", res.StatusCode)
					}
					g.wantCount("stream_rejections_total", refusedSignature, 1)
				}
			})
		})
	}
}

func TestStreamIsRefused(t *testing.T) {
	const other = "CA00000000000000000000000000000002"
	tests := map[string]struct {
		give   func(g *gateway, l *line)
		reason string
	}{
		"no token":       {func(_ *gateway, l *line) { l.start(callSid, "") }, refusedNoToken},
		"forged token":   {func(g *gateway, l *line) { l.start(callSid, g.call(callSid)[1:]) }, refusedForged},
		"another call's": {func(g *gateway, l *line) { g.call(callSid); l.start(callSid, g.call(other)) }, refusedOtherCall},
		"expired": {func(g *gateway, l *line) {
			token := g.call(callSid)
			l.conn.Close()
			time.Sleep(tokenLife + time.Second)
			l.conn = g.open().conn
			l.start(callSid, token)
		}, refusedExpired},
		"used": {func(g *gateway, l *line) {
			token := g.call(callSid)
			first := g.join(callSid, token)
			<-g.legs
			l.start(callSid, token)
			l.wantClosed()
			first.conn.Close()
		}, refusedUsed},
		"nothing said":   {func(*gateway, *line) { time.Sleep(startWait) }, refusedNoStart},
		"gone":           {func(_ *gateway, l *line) { l.conn.Close() }, refusedNoStart},
		"early media":    {func(_ *gateway, l *line) { sayMedia(l, 2*maxEarly) }, refusedEarly},
		"binary":         {func(_ *gateway, l *line) { sayBinary(l, 2*maxEarly) }, refusedEarly},
		"one megabyte":   {func(_ *gateway, l *line) { l.text(strings.Repeat(" ", 1<<20)) }, refusedNoStart},
		"bad format":     {func(_ *gateway, l *line) { l.text(startWith("audio/x-l16", 8000, streamSid)) }, refusedStart},
		"bad rate":       {func(_ *gateway, l *line) { l.text(startWith("audio/x-mulaw", 16000, streamSid)) }, refusedStart},
		"id needs quote": {func(_ *gateway, l *line) { l.text(startWith("audio/x-mulaw", 8000, `\"`)) }, refusedStart},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				l := g.open()
				gave := make(chan struct{})
				go func() { defer close(gave); test.give(g, l) }()
				<-gave
				l.wantClosed()
				g.wantCount("stream_rejections_total", test.reason, 1)
				if len(g.legs) != 0 {
					t.Error("a call was started")
				}
				l.conn.Close()
			})
		})
	}
}

func sayMedia(l *line, n int) {
	for i := range n {
		l.media(20*i, silence(frameSamples))
	}
}

func sayBinary(l *line, n int) {
	for range n {
		_ = l.conn.WriteMessage(websocket.BinaryMessage, []byte{0, 1, 2})
	}
}

func startWith(encoding string, hertz int, sid string) string {
	return fmt.Sprintf(`{"event":"start","start":{"streamSid":"%s","callSid":%q,"customParameters":{"token":"x"},
		"mediaFormat":{"encoding":%q,"sampleRate":%d,"channels":1}}}`, sid, callSid, encoding, hertz)
}

func TestMediaBeforeStartIsIgnored(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		l := g.open()
		sayMedia(l, 10)
		l.start(callSid, g.call(callSid))
		leg := <-g.legs
		done := ran(t.Context(), leg)
		l.media(0, silence(frameSamples))
		l.stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := len(leg.Recv()); n != 1 {
			t.Errorf("%d frames, want 1", n)
		}
	})
}

func TestInfo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		l := g.join(callSid, g.call(callSid))
		leg := <-g.legs
		want := telephony.Info{ID: "call-1", CarrierID: callSid, Kind: telephony.Phone, Direction: telephony.Inbound,
			Rate: 8000, Lead: 9600, From: "+15005550006", To: "+15005550001", Agent: "support", Started: time.Now()}
		if got := leg.Info(); !reflect.DeepEqual(got, want) {
			t.Errorf("info %+v, want %+v", got, want)
		}
		l.conn.Close()
	})
}

// A node takes the stream of a call that another node has admitted.
func TestAnyNodeTakesAStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		token := newGateway(t).call(callSid)
		g := newGateway(t)
		l := g.join(callSid, token)
		leg := <-g.legs
		if info := leg.Info(); info.ID != "call-1" || info.Agent != "support" || info.From != "" {
			t.Errorf("info %+v", info)
		}
		l.conn.Close()
	})
}

// forgetful is a Once that lets everything through.
type forgetful struct{}

func (forgetful) Use(context.Context, string, time.Time) (bool, error) { return true, nil }

// broken is a Once whose database is gone.
type broken struct{}

func (broken) Use(context.Context, string, time.Time) (bool, error) {
	return false, errors.New("no database")
}

// Even if the record of used tokens is lost, a call has each stream once.
func TestStreamsAreNumbered(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) { o.Once = forgetful{} })
		token := g.call(callSid)
		l := g.join(callSid, token)
		<-g.legs
		g.join(callSid, token).wantClosed()
		g.wantCount("stream_rejections_total", refusedUsed, 1)
		l.conn.Close()
	})
}

func TestUncheckedTokenIsRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) { o.Once = broken{} })
		g.join(callSid, g.call(callSid)).wantClosed()
		g.wantCount("stream_rejections_total", refusedOnceError, 1)
	})
}

func TestPlainGetIsNoStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) { o.InsecureSkipSignature = true })
		res, err := g.client.Get("http://gateway" + StreamPath)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != http.StatusBadRequest {
			t.Errorf("status %d, want 400", res.StatusCode)
		}
		g.wantCount("stream_rejections_total", refusedUpgrade, 1)
	})
}

package app_test

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/internal/sim"
	"sidetone/media"
)

// TestStrangersHarmNobody holds a call while strangers do to the public
// listener all that comes to mind. The call must not notice.
func TestStrangersHarmNobody(t *testing.T) {
	g := start(t, configure(t))
	c, err := g.carrier(t, sim.CarrierOptions{}).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := c.WaitAgent(t.Context(), 2500*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	for _, attack := range []func(context.Context, *gateway){forge, flood, sneak, babble, mute} {
		wg.Go(func() {
			for ctx.Err() == nil {
				attack(ctx, g)
			}
		})
	}
	said := media.Tone(8000, 1000, 4*time.Second, -10)
	spoken := c.Say(said)
	if err := spoken.Wait(t.Context()); err != nil {
		t.Fatal(err)
	}
	wg.Wait()
	c.Hangup()
	report, err := c.Wait(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(report.Faults) > 0 || len(report.Streams) != 1 {
		t.Errorf("the call met %d streams and faults %v", len(report.Streams), report.Faults)
	}
	_, scrape := g.get(t, "/metrics")
	for _, reason := range []string{`webhook_rejections_total{reason="signature"}`, `stream_rejections_total{reason="`} {
		if !strings.Contains(scrape, reason) {
			t.Errorf("nothing is counted under %s", reason)
		}
	}
	left, _ := channels(recording(t, g.records(t), c.SID()))
	if !contains(left, said) {
		t.Error("the caller's words are not in the recording, sample for sample")
	}
}

// post sends a body to a path and drops the answer.
func post(ctx context.Context, g *gateway, path, kind string, body []byte) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+g.PublicAddr().String()+path, bytes.NewReader(body))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", kind)
	r.Header.Set("X-Twilio-Signature", "Zm9yZ2Vk")
	if answer, err := http.DefaultClient.Do(r); err == nil {
		answer.Body.Close()
	}
}

// forge sends webhooks that nobody has signed.
func forge(ctx context.Context, g *gateway) {
	form := []byte("CallSid=CA1&From=%2B1&To=%2B2")
	for _, path := range []string{"/twilio/voice", "/twilio/next", "/twilio/announce", "/twilio/status"} {
		post(ctx, g, path, "application/x-www-form-urlencoded", form)
		post(ctx, g, path, "application/json", []byte(`{"CallSid":"CA1"}`))
	}
}

// flood sends a body of a megabyte.
func flood(ctx context.Context, g *gateway) {
	post(ctx, g, "/twilio/voice", "application/x-www-form-urlencoded", bytes.Repeat([]byte("a=b&"), 1<<18))
}

// sneak opens a stream without a signature.
func sneak(ctx context.Context, g *gateway) {
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, "ws://"+g.PublicAddr().String()+"/twilio/stream", nil)
	if err == nil {
		conn.Close()
	}
}

// babble opens signed streams that are never anybody's.
func babble(ctx context.Context, g *gateway) {
	conn, err := g.stream(ctx)
	if err != nil {
		return
	}
	defer conn.Close()
	for _, message := range []string{"not JSON", `{"event":7}`, `{"event":"media","media":{"payload":"%%%"}}`,
		`{"event":"start","streamSid":"MZ1","start":{"callSid":"CA1","customParameters":{"token":"mine"}}}`, strings.Repeat("x", 1<<20)} {
		if conn.WriteMessage(websocket.TextMessage, []byte(message)) != nil {
			return
		}
	}
}

// mute connects and says nothing.
func mute(ctx context.Context, g *gateway) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", g.PublicAddr().String())
	if err != nil {
		return
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("GET /twilio/stream HT")); err != nil {
		return
	}
	select {
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
	}
}

// stream opens a stream with the right signature and no token.
func (g *gateway) stream(ctx context.Context) (*websocket.Conn, error) {
	target := strings.Replace(g.PublicURL(), "http://", "ws://", 1) + "/twilio/stream"
	token, err := authToken(g)
	if err != nil {
		return nil, err
	}
	conn, _, err := websocket.DefaultDialer.DialContext(ctx, target, http.Header{"X-Twilio-Signature": {sim.Sign(token, target, nil)}})
	return conn, err
}

package webrtc

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pion/rtp"
	pion "github.com/pion/webrtc/v4"

	"sidetone/media"
	"sidetone/telephony"
)

// hears receives frames until they hold the tone.
func hears(t *testing.T, l *Leg, hz float64) {
	t.Helper()
	var heard []int16
	for {
		f := within(t, l.Recv(), "frames")
		heard = append(heard, f.PCM...)
		if tail := heard[max(0, len(heard)-4800):]; len(tail) == 4800 && media.ToneLevel(tail, 16000, hz) > -20 {
			return
		}
	}
}

// speak sends a second of a tone.
func speak(t *testing.T, l *Leg, hz float64) {
	t.Helper()
	pcm := media.Tone(16000, hz, time.Second, -12)
	for ; len(pcm) > 0; pcm = pcm[320:] {
		if err := l.Send(media.Frame{PCM: pcm[:320]}); err != nil {
			t.Fatal(err)
		}
	}
}

// over waits for the leg's end.
func over(g *gateway, want telephony.Cause) {
	g.Helper()
	if l := within(g.TB, g.ended, "the end of the call"); l.Cause() != want {
		g.Errorf("the call ended with %q, want %q", l.Cause(), want)
	}
}

func TestCallBothWays(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	l := b.dial()
	info := l.Info()
	if info.ID != "call-of-support" || info.Kind != telephony.Web || info.Direction != telephony.Inbound || info.Rate != 16000 ||
		info.Lead != media.FrameTicks || info.Agent != "support" || info.Metadata["plan"] != "gold" {
		t.Errorf("leg is %+v", info)
	}
	if want := SessionsPath + "/" + info.CarrierID; b.location != want {
		t.Errorf("session is at %s, want %s", b.location, want)
	}
	in := within(t, g.admitted, "admission")
	if in.Session != info.CarrierID || in.Agent != "support" || in.Origin != shop || in.Address != loopback || in.Metadata["plan"] != "gold" {
		t.Errorf("asked about %+v", in)
	}
	b.say(440)
	hears(t, l, 440)
	speak(t, l, 700)
	b.listen(700, 440)
	if got := g.count(g.metrics.peers); got != 1 {
		t.Errorf("%v peers, want 1", got)
	}
	if got := g.count(g.metrics.sessions.WithLabelValues(sessionConnected)); got != 1 {
		t.Errorf("%v connected sessions, want 1", got)
	}
}

func TestCallByPCMU(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{pcmu: true})
	l := b.dial()
	if c := l.wire.Codec(); c.Opus || c.Payload != 0 || c.Keys8 != 126 || c.Keys48 != 0 {
		t.Errorf("codec is %+v", c)
	}
	speak(t, l, 700)
	if p := within(t, b.packets, "packets"); p.PayloadType != 0 || len(p.Payload) != 160 {
		t.Errorf("packet of %d bytes of payload type %d", len(p.Payload), p.PayloadType)
	}
}

func TestCallByTCPOnly(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{networks: tcpOnly})
	l := b.dial()
	b.say(440)
	hears(t, l, 440)
	speak(t, l, 700)
	b.listen(700, 440)
	if n := len(g.port.listener.conns); n == 0 {
		t.Error("nothing came by TCP")
	}
}

// A browser need not say under which number its audio comes.
func TestCallWithoutSSRC(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.ring(without(b.offer(), "a=ssrc"))
	within(t, b.connected, "the connection")
	l := within(t, g.legs, "the call to be served")
	b.say(440)
	hears(t, l, 440)
	b.follow(b.rejoin("*"))
	for e := (telephony.Event{}); e.Kind != telephony.Resumed; e = within(t, l.Events(), "the call to resume") {
	}
	hears(t, l, 440)
	speak(t, l, 700)
	b.listen(700, 440)
}

func TestMessages(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{misread: func(answer string) string { // as if it might send more
		return strings.Replace(answer, "a=max-message-size:8192", "a=max-message-size:65536", 1)
	}})
	l := b.dial()
	if hello := within(t, b.messages, "hello"); !strings.Contains(hello, `"hello"`) || !strings.Contains(hello, l.Info().CarrierID) {
		t.Errorf("first message is %s", hello)
	}
	stranger, err := b.pc.CreateDataChannel("another", nil)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan struct{})
	stranger.OnClose(func() { close(closed) })
	within(t, closed, "the channel that is not ours to be closed")
	for _, send := range []func() error{
		func() error { return b.channel.Send([]byte(`{"type":"text","text":"binary"}`)) },
		func() error {
			return b.channel.SendText(`{"type":"text","text":"` + strings.Repeat("a", maxMessage) + `"}`)
		},
		func() error { return b.channel.SendText(`{"type":"text","text":"hello"}`) },
	} {
		if err := send(); err != nil {
			t.Fatal(err)
		}
	}
	if e := within(t, l.Events(), "the message"); e.Kind != telephony.Typed || e.Text != "hello" {
		t.Errorf("event %+v", e)
	}
	for _, reason := range []string{messageBinary, messageTooLong, messageChannel} {
		if got := g.count(g.metrics.signalMetrics.messages.WithLabelValues(reason)); got != 1 {
			t.Errorf("%v messages dropped as %s, want 1", got, reason)
		}
	}
}

// The last words arrive, and then the goodbye of DTLS, before ICE would notice.
func TestOverIsHeard(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	l := b.dial()
	within(t, b.open, "the data channel")
	const n = 20
	for i := range n {
		if err := l.Show(telephony.Caption{ID: i, Text: strings.Repeat("word ", 1000)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Show(telephony.Over{Outcome: "completed"}); err != nil {
		t.Fatal(err)
	}
	if err := l.End(t.Context(), telephony.Next{}); err != nil {
		t.Fatal(err)
	}
	for got := ""; !strings.Contains(got, `"over"`); got = within(t, b.messages, "the last message") {
	}
	within(t, b.lost, "the connection to be closed")
}

func TestBrowserCloses(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	if err := b.pc.Close(); err != nil {
		t.Fatal(err)
	}
	over(g, telephony.HungUp)
}

func TestDeleteHangsUp(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	for range 2 {
		if r := b.request("DELETE", "", "", ""); r.StatusCode != http.StatusOK {
			t.Errorf("DELETE answered %d", r.StatusCode)
		}
	}
	over(g, telephony.HungUp)
	within(t, b.lost, "the connection to be closed")
	eventually(t, "the session to be forgotten", func() bool { return g.sessions.get(strings.TrimPrefix(b.location, SessionsPath+"/")) == nil })
	if r := b.request("DELETE", "", "", ""); r.StatusCode != http.StatusOK {
		t.Errorf("DELETE of a session that is over answered %d", r.StatusCode)
	}
	if r := b.request("PATCH", typeFragment, `"*"`, "a=ice-ufrag:abcd\r\n"); r.StatusCode != http.StatusNotFound {
		t.Errorf("PATCH of a session that is over answered %d", r.StatusCode)
	}
}

func TestDeleteBeforeMedia(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.token = g.token()
	r := g.post(b.token, chromium)
	if r.StatusCode != http.StatusCreated {
		t.Fatalf("POST answered %d: %s", r.StatusCode, text(t, r))
	}
	b.location = r.Header.Get("Location")
	if r := b.request("DELETE", "", "", ""); r.StatusCode != http.StatusOK {
		t.Errorf("DELETE answered %d", r.StatusCode)
	}
	if id := within(t, g.unanswered, "the call to be given up"); id != "call-of-support" {
		t.Errorf("gave up %q", id)
	}
	eventually(t, "the count", func() bool { return g.count(g.metrics.sessions.WithLabelValues(sessionHungUp)) == 1 })
}

var fragmentFields = regexp.MustCompile(`(?m)^a=(ice-ufrag|ice-pwd):(.*?)\r?$`)

// rejoin does an ICE restart.
func (b *browser) rejoin(ifMatch string) *http.Response {
	b.Helper()
	offer := b.describe(&pion.OfferOptions{ICERestart: true})
	var body strings.Builder
	for line := range strings.Lines(offer) {
		if strings.HasPrefix(line, "a=ice-") || strings.HasPrefix(line, "a=candidate:") {
			body.WriteString(line)
		}
	}
	return b.request("PATCH", typeFragment, ifMatch, body.String())
}

// follow gives the browser the answer to a restart.
func (b *browser) follow(r *http.Response) {
	b.Helper()
	fragment := text(b.TB, r)
	if r.StatusCode != http.StatusOK || r.Header.Get("Content-Type") != typeFragment {
		b.Fatalf("PATCH answered %d, %s: %s", r.StatusCode, r.Header.Get("Content-Type"), fragment)
	}
	if etag := r.Header.Get("ETag"); etag == "" || etag == b.etag {
		b.Errorf("ETag is %q, was %q", etag, b.etag)
	}
	b.etag = r.Header.Get("ETag")
	answer := b.pc.CurrentRemoteDescription().SDP
	for _, f := range fragmentFields.FindAllStringSubmatch(fragment, -1) {
		answer = regexp.MustCompile(`(?m)^a=`+f[1]+`:.*?\r?$`).ReplaceAllString(answer, "a="+f[1]+":"+f[2]+"\r")
	}
	if !strings.Contains(fragment, "a=candidate:") {
		b.Errorf("fragment without candidates: %s", fragment)
	}
	if err := b.pc.SetRemoteDescription(pion.SessionDescription{Type: pion.SDPTypeAnswer, SDP: answer}); err != nil {
		b.Fatal(err)
	}
}

func TestICERestart(t *testing.T) {
	t.Parallel()
	for name, h := range map[string]habits{
		"UDP": {}, "TCP": {networks: tcpOnly},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t)
			b := newBrowser(g, h)
			l := b.dial()
			b.say(440)
			hears(t, l, 440)
			for range 2 {
				b.follow(b.rejoin(`"*"`))
				for lost := false; ; {
					e := within(t, l.Events(), "the call to resume")
					lost = lost || e.Kind == telephony.Lost
					if e.Kind == telephony.Resumed && lost {
						break
					}
				}
				hears(t, l, 440)
				speak(t, l, 700)
				b.listen(700, 440)
			}
			if r := b.request("PATCH", typeFragment, b.etag, "a=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"); r.StatusCode != http.StatusUnprocessableEntity {
				t.Errorf("a trickle was answered %d", r.StatusCode)
			}
			within(t, b.open, "the data channel")
			if err := b.channel.SendText(`{"type":"text","text":"still here"}`); err != nil {
				t.Fatal(err)
			}
			for e := (telephony.Event{}); e.Text != "still here"; e = within(t, l.Events(), "a message") {
			}
			if got := g.count(g.metrics.iceRestarts.WithLabelValues(restartDone)); got != 2 {
				t.Errorf("%v restarts, want 2", got)
			}
		})
	}
}

func TestRestartPreconditions(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	const fresh = "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"
	tests := map[string]struct {
		contentType, ifMatch, body string
		status                     int
		code                       string
	}{
		"no If-Match":      {typeFragment, "", fresh, 428, codeNoIfMatch},
		"other ETag":       {typeFragment, `"other"`, fresh, 412, codeIfMatch},
		"trickle":          {typeFragment, b.etag, "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=end-of-candidates\r\n", 422, codeTrickle},
		"trickle for all":  {typeFragment, `"*"`, "a=end-of-candidates\r\n", 422, codeTrickle},
		"garbage":          {typeFragment, `"*"`, "\x00\x01\x02", 400, codeMalformed},
		"empty":            {typeFragment, `"*"`, "", 400, codeMalformed},
		"half":             {typeFragment, `"*"`, "a=ice-ufrag:abcd\r\n", 400, codeMalformed},
		"candidates":       {typeFragment, `"*"`, fresh + strings.Repeat("a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n", 65), 422, codeCandidates},
		"sections":         {typeFragment, `"*"`, fresh + strings.Repeat("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", 3), 422, codeSections},
		"content type":     {typeOffer, `"*"`, fresh, 415, codeContentType},
		"no content type":  {"", `"*"`, fresh, 415, codeContentType},
		"too long":         {typeFragment, `"*"`, strings.Repeat("a", maxBody+1), 413, codeTooLarge},
		"present ones":     {typeFragment, `"*"`, presentCredentials(b), 422, codeTrickle},
		"whole offer":      {typeFragment, `"*"`, chromium, 400, codeMalformed},
		"bad credentials":  {typeFragment, `"*"`, "a=ice-ufrag:a b\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", 400, codeMalformed},
		"injected newline": {typeFragment, `"*"`, "a=ice-ufrag:abcd\ra=x\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", 400, codeMalformed},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			checkProblem(t, b.request("PATCH", test.contentType, test.ifMatch, test.body), test.status, test.code)
		})
	}
	if b.pc.ConnectionState() != pion.PeerConnectionStateConnected {
		t.Errorf("the call is %v after refusals", b.pc.ConnectionState())
	}
}

func presentCredentials(b *browser) (out string) {
	for _, f := range fragmentFields.FindAllString(b.pc.LocalDescription().SDP, 2) {
		out += strings.TrimSpace(f) + "\r\n"
	}
	return out
}

// Whatever state a session is in, nothing of it outlives Close.
func TestCloseEndsAll(t *testing.T) {
	quietAfter(t) // of the tests before
	g := newGateway(t)
	var browsers []*browser
	for _, h := range []habits{{}, {networks: tcpOnly}} {
		b := newBrowser(g, h)
		b.say(440)
		hears(t, b.dial(), 440)
		browsers = append(browsers, b)
	}
	g.post(g.token(), chromium) // never connects
	idle, err := net.Dial("tcp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close() // has never said a word
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		g.Close()
		g.Close()
	}()
	within(t, closed, "Close")
	over(g, telephony.Ended)
	over(g, telephony.Ended)
	within(t, g.unanswered, "the waiting call to be given up")
	r := g.post(g.token(), chromium)
	checkProblem(t, r, http.StatusServiceUnavailable, codeClosed)
	if r.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	if got := g.count(g.metrics.peers); got != 0 {
		t.Errorf("%v peers are left", got)
	}
	for _, b := range browsers {
		b.close()
	}
	quietAfter(t)
}

// What comes from elsewhere than the pair that ICE has authenticated is not
// heard, and does no harm.
func TestStrangersAreIgnored(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	l := b.dial()
	b.say(440)
	hears(t, l, 440)
	stranger, err := net.Dial("udp", g.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	ssrc := uint32(b.sender.GetParameters().Encodings[0].SSRC)
	pcm := make([]byte, 160)
	for i := range 500 {
		p, err := (&rtp.Packet{Header: rtp.Header{Version: 2, PayloadType: 111, SequenceNumber: uint16(i), SSRC: ssrc}, Payload: pcm}).Marshal()
		if err != nil {
			t.Fatal(err)
		}
		for _, garbage := range [][]byte{p, p[:3], {0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42}, {22, 254, 253}} {
			_, _ = stranger.Write(garbage)
		}
	}
	hears(t, l, 440)
	if got := g.count(g.metrics.packets); got != 0 {
		t.Errorf("%v packets of strangers reached the peer", got)
	}
}

// A browser that makes up streams can not make us keep them.
func TestStreamFlood(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	for i := range 200 {
		h := rtp.Header{Version: 2, PayloadType: 111, SSRC: uint32(1000 + i)}
		if _, err := b.track.stream.WriteRTP(&h, []byte{0xf8, 0xff, 0xfe}); err != nil {
			break // the connection is closed already
		}
	}
	over(g, telephony.Dropped)
	if got := g.count(g.metrics.floods); got != 1 {
		t.Errorf("%v floods, want 1", got)
	}
}

func TestChannelFlood(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	for i := range 50 {
		if _, err := b.pc.CreateDataChannel(fmt.Sprint(i), nil); err != nil {
			break // the connection is closed already
		}
	}
	over(g, telephony.Dropped)
}

func TestServeContextEndsWithClose(t *testing.T) {
	ended := make(chan error, 1)
	g := newGateway(t, func(o *Options) {
		serve := o.Serve
		o.Serve = func(ctx context.Context, l *Leg) {
			serve(ctx, l)
			ended <- ctx.Err()
		}
	})
	newBrowser(g, habits{}).dial()
	g.Close()
	if err := within(t, ended, "Serve to return"); err != context.Canceled {
		t.Errorf("context's error is %v", err)
	}
}

package twilio

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/prometheus/client_golang/prometheus"

	"sidetone/media"
	"sidetone/telephony"
)

const (
	publicURL = "https://voice.example.com"
	authToken = "12345678901234567890123456789012"
	callSid   = "CA00000000000000000000000000000001"
	streamSid = "MZ00000000000000000000000000000001"
)

// gateway is a Server on an in-memory network, and the carrier's view of it.
// All of it lives in the test's bubble.
type gateway struct {
	*testing.T
	server  *Server
	metrics *prometheus.Registry
	client  http.Client
	network *pipes
	legs    chan *Leg // accepted legs, for tests that run them by hand
	hold    chan struct{}

	mu         sync.Mutex
	admitted   []Incoming
	unanswered []string
}

// mapOnce is a Once for one process.
type mapOnce struct {
	mu   sync.Mutex
	used map[string]bool
}

func (o *mapOnce) Use(_ context.Context, nonce string, _ time.Time) (bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.used[nonce]
	o.used[nonce] = true
	return !was, nil
}

// pipes is a listener whose connections are net.Pipes.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}
func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipe"} }

func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

// newGateway starts a server whose Serve hands each leg to g.legs and returns
// when the test ends, or, if run is set, runs the leg.
func newGateway(t *testing.T, change ...func(*Options)) *gateway {
	g := &gateway{
		T:       t,
		metrics: prometheus.NewRegistry(),
		network: &pipes{conns: make(chan net.Conn), done: make(chan struct{})},
		legs:    make(chan *Leg, 10),
		hold:    make(chan struct{}),
	}
	o := Options{
		PublicURL:  publicURL,
		AuthTokens: []string{authToken},
		Secret:     []byte("a secret of thirty-two bytes ..."),
		Once:       &mapOnce{used: make(map[string]bool)},
		Admit: func(_ context.Context, in Incoming) (Admission, error) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.admitted = append(g.admitted, in)
			return Admission{Accepted: true, CallID: "call-" + strconv.Itoa(len(g.admitted)), Agent: "support"}, nil
		},
		Serve: func(_ context.Context, l *Leg) {
			g.legs <- l
			<-g.hold
		},
		Unanswered: func(id string) {
			g.mu.Lock()
			defer g.mu.Unlock()
			g.unanswered = append(g.unanswered, id)
		},
		Metrics: NewMetrics(g.metrics),
	}
	for _, c := range change {
		c(&o)
	}
	g.server = New(o)
	mux := http.NewServeMux()
	g.server.Routes(mux)
	srv := http.Server{Handler: mux}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(g.network) }()
	g.client.Transport = &http.Transport{DialContext: g.network.dial, DisableKeepAlives: true}
	t.Cleanup(func() {
		close(g.hold)
		g.server.Close()
		srv.Close()
		<-served
		time.Sleep(time.Second) // net/http lingers for 500 ms over an unread body
	})
	return g
}

// count is the sum of a counter's values whose one label has the value.
func (g *gateway) count(name, label string) float64 {
	g.Helper()
	families, err := g.metrics.Gather()
	if err != nil {
		g.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "sidetone_twilio_"+name {
			continue
		}
		for _, m := range f.GetMetric() {
			if label == "" || m.GetLabel()[0].GetValue() == label {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue()
			}
		}
	}
	g.Fatalf("no metric %s %s", name, label)
	return 0
}

func (g *gateway) wantCount(name, label string, want float64) {
	g.Helper()
	synctest.Wait()
	if got := g.count(name, label); got != want {
		g.Errorf("%s{%s} is %v, want %v", name, label, got, want)
	}
}

// post sends a signed form.
func (g *gateway) post(path string, form url.Values) (code int, body string) {
	g.Helper()
	return g.send(path, "application/x-www-form-urlencoded", form.Encode(), Sign(authToken, publicURL+path, form))
}

func (g *gateway) send(path, contentType, body, signature string) (code int, answer string) {
	g.Helper()
	req, err := http.NewRequestWithContext(g.Context(), http.MethodPost, "http://gateway"+path, strings.NewReader(body))
	if err != nil {
		g.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("X-Twilio-Signature", signature)
	res, err := g.client.Do(req)
	if err != nil {
		g.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		g.Fatal(err)
	}
	return res.StatusCode, string(text)
}

func callForm(sid, status string) url.Values {
	return url.Values{"CallSid": {sid}, "AccountSid": {"AC1"}, "From": {"+15005550006"}, "To": {"+15005550001"},
		"Direction": {"inbound"}, "CallStatus": {status}}
}

// twimlDocument is the TwiML that the package writes.
type twimlDocument struct {
	Say    []string
	Hangup []struct{}
	Dial   struct {
		Number, Sip dialledNoun
	}
	Connect struct {
		Action string `xml:"action,attr"`
		Stream struct {
			URL            string `xml:"url,attr"`
			StatusCallback string `xml:"statusCallback,attr"`
			Parameter      struct {
				Name  string `xml:"name,attr"`
				Value string `xml:"value,attr"`
			}
		}
	}
}

type dialledNoun struct {
	Target string `xml:",chardata"`
	URL    string `xml:"url,attr"`
}

func readTwiML(t *testing.T, text string) (d twimlDocument) {
	t.Helper()
	if err := xml.Unmarshal([]byte(text), &d); err != nil {
		t.Fatalf("TwiML %q: %v", text, err)
	}
	return d
}

// call places a call by webhook and returns the stream's token.
func (g *gateway) call(sid string) (token string) {
	g.Helper()
	code, body := g.post(VoicePath, callForm(sid, "ringing"))
	if code != http.StatusOK {
		g.Fatalf("voice webhook: %d %s", code, body)
	}
	return readTwiML(g.T, body).Connect.Stream.Parameter.Value
}

// line is the carrier's end of a stream.
type line struct {
	*gateway
	conn  *websocket.Conn
	sid   string
	write sync.Mutex
}

// upgrade opens a stream's socket with a signature over signedURL.
func (g *gateway) upgrade(signedURL string) (*line, *http.Response, error) {
	d := websocket.Dialer{NetDialContext: g.network.dial}
	h := http.Header{"X-Twilio-Signature": {Sign(authToken, signedURL, nil)}}
	conn, res, err := d.DialContext(g.Context(), "ws://gateway"+StreamPath, h)
	if err != nil {
		return nil, res, err
	}
	g.Cleanup(func() { conn.Close() })
	return &line{gateway: g, conn: conn, sid: streamSid}, res, nil
}

// open opens a stream's socket and says connected.
func (g *gateway) open() *line {
	g.Helper()
	l, _, err := g.upgrade("wss://voice.example.com" + StreamPath)
	if err != nil {
		g.Fatal(err)
	}
	l.text(`{"event":"connected","protocol":"Call","version":"1.0.0"}`)
	return l
}

// join opens a stream and starts it; the leg comes from g.legs.
func (g *gateway) join(sid, token string) *line {
	g.Helper()
	l := g.open()
	l.start(sid, token)
	return l
}

// text writes one text message; that the gateway may have closed is no error.
func (l *line) text(msg string) {
	l.write.Lock()
	defer l.write.Unlock()
	_ = l.conn.WriteMessage(websocket.TextMessage, []byte(msg))
}

func (l *line) start(sid, token string) {
	l.text(fmt.Sprintf(`{"event":"start","sequenceNumber":"1","streamSid":%q,"start":{"streamSid":%q,"accountSid":"AC1","callSid":%q,
		"tracks":["inbound"],"customParameters":{"token":%q},"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}`,
		l.sid, l.sid, sid, token))
}

// media writes a chunk of mu-law that begins at milli.
func (l *line) media(milli int, ulaw []byte) {
	l.text(fmt.Sprintf(`{"event":"media","sequenceNumber":"4","media":{"track":"inbound","chunk":"2","timestamp":"%d","payload":"%s"},"streamSid":%q}`,
		milli, base64.StdEncoding.EncodeToString(ulaw), l.sid))
}

func (l *line) mark(name string) {
	l.text(fmt.Sprintf(`{"event":"mark","sequenceNumber":"4","streamSid":%q,"mark":{"name":%q}}`, l.sid, name))
}

func (l *line) stop() {
	l.text(fmt.Sprintf(`{"event":"stop","sequenceNumber":"5","streamSid":%q,"stop":{"accountSid":"AC1","callSid":%q}}`, l.sid, callSid))
}

// heard is one message from the gateway.
type heard struct {
	Event     string
	StreamSid string
	Media     struct{ Payload []byte }
	Mark      struct{ Name string }
}

// read reads the next message; err is the end of the socket.
func (l *line) read() (m heard, err error) {
	_, data, err := l.conn.ReadMessage()
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(data, &m); err != nil {
		l.Errorf("gateway wrote %q: %v", data, err)
	}
	return m, nil
}

// wantClosed fails unless the gateway closes the socket.
func (l *line) wantClosed() {
	l.Helper()
	for {
		if _, err := l.read(); err != nil {
			if e, ok := err.(net.Error); ok && e.Timeout() {
				l.Error("the socket stays open")
			}
			return
		}
	}
}

// ran runs the leg and gives its result.
func ran(ctx context.Context, l *Leg) <-chan error {
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	return done
}

// event waits for the leg's next event.
func (g *gateway) event(l *Leg) telephony.Event {
	g.Helper()
	select {
	case e, open := <-l.Events():
		if !open {
			g.Fatal("Events is closed")
		}
		return e
	case <-time.After(time.Minute):
		g.Fatal("no event came")
	}
	panic("unreachable")
}

func silence(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = 0xFF
	}
	return b
}

func pcmFrame(v int16) media.Frame {
	pcm := make([]int16, frameSamples)
	for i := range pcm {
		pcm[i] = v
	}
	return media.Frame{PCM: pcm}
}

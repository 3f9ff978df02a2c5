package sim

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"sidetone/media"
)

const (
	testToken   = "an auth token"
	testBaseURL = "http://127.0.0.1:8080"
)

// request is one signed form that the gateway got.
type request struct {
	path string
	form url.Values
}

// gateway is a small reference gateway. answer gives the TwiML of each document
// asked for; talk runs on each stream.
type gateway struct {
	t      testing.TB
	answer func(n int, r request) string
	talk   func(s *stream)
	base   string // testBaseURL when empty

	mu       sync.Mutex
	asked    []request
	notified []request
}

// startGateway serves g in the bubble of t and returns options for a carrier.
func startGateway(t testing.TB, g *gateway) CarrierOptions {
	ln := NewPipeListener()
	server := &http.Server{Handler: g.handler(t)}
	served := make(chan struct{})
	go func() { defer close(served); server.Serve(ln) }()
	t.Cleanup(func() { server.Close(); <-served })
	return CarrierOptions{BaseURL: testBaseURL, AuthToken: testToken, DialContext: ln.DialContext}
}

// relativeStream is once for a gateway on any address.
func relativeStream(_ int, r request) string {
	if r.path == "/twilio/voice" {
		return `<Response><Connect><Stream url="/stream"/></Connect></Response>`
	}
	return "<Response/>"
}

func (g *gateway) handler(t testing.TB) http.Handler {
	g.t, g.base = t, cmp.Or(g.base, testBaseURL)
	mux := http.NewServeMux()
	mux.HandleFunc("POST /twilio/{path}", g.webhook)
	mux.HandleFunc("GET /stream", g.stream)
	return mux
}

func (g *gateway) webhook(w http.ResponseWriter, r *http.Request) {
	r.ParseForm()
	if got := r.Header.Get("X-Twilio-Signature"); got != Sign(testToken, g.base+r.URL.Path, r.PostForm) {
		g.t.Errorf("%s: signature %q does not fit", r.URL.Path, got)
	}
	req := request{r.URL.Path, r.PostForm}
	g.mu.Lock()
	defer g.mu.Unlock()
	if r.URL.Path == "/twilio/status" {
		g.notified = append(g.notified, req)
		return
	}
	g.asked = append(g.asked, req)
	w.Header().Set("Content-Type", "text/xml")
	io.WriteString(w, g.answer(len(g.asked), req))
}

// connectTwiML is a document that opens a stream.
const connectTwiML = `<?xml version="1.0" encoding="UTF-8"?>
<Response><Connect action="/twilio/next"><Stream url="ws://127.0.0.1:8080/stream" name="main" statusCallback="http://127.0.0.1:8080/twilio/status">
<Parameter name="token" value="a&amp;b"/></Stream></Connect></Response>`

// once gives each call one stream, and nothing after it.
func once(_ int, r request) string {
	if r.path == "/twilio/voice" {
		return connectTwiML
	}
	return "<Response/>"
}

func (g *gateway) stream(w http.ResponseWriter, r *http.Request) {
	if got := r.Header.Get("X-Twilio-Signature"); got != Sign(testToken, "ws"+strings.TrimPrefix(g.base, "http")+"/stream", nil) {
		g.t.Errorf("stream: signature %q does not fit", got)
	}
	conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
	if err != nil {
		g.t.Errorf("upgrade: %v", err)
		return
	}
	defer conn.Close()
	s := &stream{t: g.t, conn: conn}
	if got := s.next(); got.Event != "connected" || got.Sequence != "" {
		g.t.Errorf("the first frame is %+v, want connected", got)
	}
	s.start = s.next()
	g.talk(s)
}

// frame is any frame from the carrier.
type frame struct {
	Event    string `json:"event"`
	Sequence string `json:"sequenceNumber"`
	SID      string `json:"streamSid"`
	Start    struct {
		CallSID    string            `json:"callSid"`
		Parameters map[string]string `json:"customParameters"`
		Format     struct {
			Encoding   string `json:"encoding"`
			SampleRate int    `json:"sampleRate"`
			Channels   int    `json:"channels"`
		} `json:"mediaFormat"`
	} `json:"start"`
	Media struct {
		Track, Chunk, Timestamp, Payload string
	} `json:"media"`
	Mark struct{ Name string } `json:"mark"`
	DTMF struct{ Track, Digit string }
}

func (f frame) audio() []byte {
	b, err := base64.StdEncoding.DecodeString(f.Media.Payload)
	if err != nil {
		panic(err)
	}
	return b
}

func (f frame) at() media.Tick {
	ms, err := strconv.Atoi(f.Media.Timestamp)
	if err != nil {
		panic(err)
	}
	return media.Tick(ms) * 48
}

// stream is the gateway's end of one stream.
type stream struct {
	t     testing.TB
	conn  *websocket.Conn
	start frame
	seq   int
}

// next reads a frame; an empty one means that the socket has ended.
func (s *stream) next() (f frame) {
	kind, data, err := s.conn.ReadMessage()
	if err != nil {
		return frame{}
	}
	if err := json.Unmarshal(data, &f); err != nil || kind != websocket.TextMessage {
		s.t.Errorf("frame %s: type %d, %v", data, kind, err)
	}
	if f.Event != "connected" {
		s.seq++
		if f.Sequence != strconv.Itoa(s.seq) {
			s.t.Errorf("frame %s: sequence number %q, want %d", data, f.Sequence, s.seq)
		}
	}
	return f
}

// until reads frames up to one of the event, or to the end.
func (s *stream) until(event string) frame {
	for {
		if f := s.next(); f.Event == event || f.Event == "" {
			return f
		}
	}
}

// untilTick reads media up to the frame that ends at tick.
func (s *stream) untilTick(at media.Tick) {
	for {
		if f := s.until("media"); f.Event == "" || f.at()+media.FrameTicks >= at {
			return
		}
	}
}

func (s *stream) send(format string, args ...any) {
	s.conn.WriteMessage(websocket.TextMessage, fmt.Appendf(nil, format, args...))
}

func (s *stream) play(pcm []int16) {
	s.send(`{"event":"media","streamSid":%q,"media":{"payload":%q}}`, s.start.SID,
		base64.StdEncoding.EncodeToString(media.AppendULaw(nil, pcm)))
}

func (s *stream) mark(name string) {
	s.send(`{"event":"mark","streamSid":%q,"mark":{"name":%q}}`, s.start.SID, name)
}

func (s *stream) clear() { s.send(`{"event":"clear","streamSid":%q}`, s.start.SID) }

// close ends the stream as a gateway does that is done with it.
func (s *stream) close() {
	s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseNormalClosure, ""), time.Now().Add(time.Second))
	s.until("")
}

// place dials and fails the test on an error.
func place(t *testing.T, opts CarrierOptions) *Call {
	t.Helper()
	call, err := NewCarrier(opts).Dial(t.Context())
	if err != nil {
		t.Fatalf("Dial: %v", err)
	}
	return call
}

// finish waits for the end of the call.
func finish(t *testing.T, call *Call) Report {
	t.Helper()
	report, err := call.Wait(t.Context())
	if err != nil {
		t.Fatalf("Wait: %v", err)
	}
	return report
}

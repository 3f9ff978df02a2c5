package webhooks

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Two keys, as an operator would make them with openssl rand -base64 32.
var (
	oneKey, otherKey = bytes.Repeat([]byte("k"), 32), bytes.Repeat([]byte("o"), 24)
	oneSecret        = "whsec_" + base64.StdEncoding.EncodeToString(oneKey)
	otherSecret      = "whsec_" + base64.StdEncoding.EncodeToString(otherKey)
)

// signature is the specification's, computed without the library.
func signature(key []byte, id, timestamp, body string) string {
	h := hmac.New(sha256.New, key)
	io.WriteString(h, id+"."+timestamp+"."+body)
	return "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
}

// sender sends to a server of the test's own.
func sender(t *testing.T, s *httptest.Server, o Options) *Sender {
	t.Helper()
	if o.Endpoints == nil {
		o.Endpoints = []Endpoint{{Name: "one", URL: s.URL + "/secret-path", Secrets: []string{oneSecret}}}
	}
	if s.Certificate() != nil {
		o.Roots = x509.NewCertPool()
		o.Roots.AddCert(s.Certificate())
	}
	sends, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	return sends
}

// The known answer of the specification's own example of the signature scheme.
func TestKnownSignature(t *testing.T) {
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	got := signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", `{"test": 2432232314}`)
	if got != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" {
		t.Errorf("the test's own signature is %s", got)
	}
}

func TestSend(t *testing.T) {
	got := make(chan *http.Request, 1)
	bodies := make(chan string, 1)
	s := httptest.NewTLSServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r
		bodies <- string(body)
	}))
	defer s.Close()
	sends := sender(t, s, Options{AllowPrivate: true, Agent: "sidetone/test",
		Endpoints: []Endpoint{{Name: "one", URL: s.URL + "/in?a=b", Secrets: []string{oneSecret, otherSecret}}}})
	const body = `{"type":"call.finished"}`
	if err := sends.Send(t.Context(), "one", "msg_1", []byte(body)); err != nil {
		t.Fatal(err)
	}
	r, received := <-got, <-bodies
	at, err := strconv.ParseInt(r.Header.Get("webhook-timestamp"), 10, 64)
	if age := time.Since(time.Unix(at, 0)); err != nil || age < -time.Second || age > time.Minute {
		t.Errorf("the timestamp is %v old, error %v", age, err)
	}
	want := signature(oneKey, "msg_1", strconv.FormatInt(at, 10), body) + " " + signature(otherKey, "msg_1", strconv.FormatInt(at, 10), body)
	if r.Header.Get("webhook-id") != "msg_1" || r.Header.Get("webhook-signature") != want || received != body {
		t.Errorf("received %q with %v, want the signatures %s", received, r.Header, want)
	}
	if r.Method != http.MethodPost || r.RequestURI != "/in?a=b" || r.UserAgent() != "sidetone/test" || r.Header.Get("Content-Type") != "application/json" {
		t.Errorf("asked %s %s with %v", r.Method, r.RequestURI, r.Header)
	}
	if err := sends.Send(t.Context(), "two", "msg_1", nil); !errors.Is(err, ErrUnknown) {
		t.Errorf("another endpoint: %v", err)
	}
}

func TestAnswers(t *testing.T) {
	var elsewhere atomic.Int32
	release := make(chan struct{})
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Header.Get("webhook-id") {
		case "redirect":
			http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
		case "slow":
			<-release
		case "endless": // good, if at length
			for line := strings.Repeat("x", 1<<10); ; {
				if _, err := io.WriteString(w, line); err != nil {
					return
				}
			}
		case "header":
			w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeader))
		case "cut":
			panic(http.ErrAbortHandler)
		default:
			status, _ := strconv.Atoi(r.Header.Get("webhook-id"))
			w.WriteHeader(status)
		}
	}))
	defer s.Close()
	defer close(release)
	sends := sender(t, s, Options{AllowPrivate: true, Timeout: 500 * time.Millisecond})
	for id, want := range map[string]string{
		"200": "", "204": "", "endless": "",
		"redirect": "answered 307; redirects are not followed", "400": "answered 400", "500": "answered 500", "503": "answered 503",
		"410": "gone", "slow": "deadline exceeded", "header": "exceeded", "cut": "EOF",
	} {
		began := time.Now()
		err := sends.Send(t.Context(), "one", id, []byte("{}"))
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", id, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "secret-path") || strings.Contains(err.Error(), "whsec")) {
			t.Errorf("%s: the error tells a secret: %v", id, err)
		}
		if errors.Is(err, ErrGone) != (id == "410") {
			t.Errorf("%s: %v", id, err)
		}
		t.Logf("%s: %v after %v", id, err, time.Since(began))
	}
	if elsewhere.Load() > 0 {
		t.Error("a redirect was followed")
	}
}

func TestPublicAddresses(t *testing.T) {
	for text, want := range map[string]bool{
		"93.184.216.34": true, "8.8.8.8": true, "2606:4700::1111": true, "2a00:1450::1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.9.9.9": false, "::1": false, "0.0.0.0": false, "0.1.2.3": false, "::": false,
		"10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false, "192.168.1.1": false,
		"169.254.169.254": false, "fe80::1": false, "fe80::1%eth0": false, "100.64.0.1": false, "100.127.255.255": false,
		"fc00::1": false, "fd00:ec2::254": false, "224.0.0.1": false, "239.1.1.1": false, "ff02::1": false, "255.255.255.255": false,
		"240.0.0.1": false, "192.0.0.8": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false,
		"::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false, "::127.0.0.1": false,
		"64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false, "2001::1": false, "2001:db8::1": false, "fec0::1": false,
		"4000::1": false,
	} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// resolver answers each question for an IPv4 address with the next address, over a
// connection of its own, as a DNS server would.
type resolver struct {
	addresses []string
	asked     atomic.Int32
}

func (r *resolver) resolver() *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go r.serve(theirs)
		return ours, nil
	}}
}

// serve answers questions over a stream: two bytes of length before each message.
func (r *resolver) serve(c net.Conn) {
	defer c.Close()
	for {
		var length [2]byte
		if _, err := io.ReadFull(c, length[:]); err != nil {
			return
		}
		question := make([]byte, int(length[0])<<8|int(length[1]))
		if _, err := io.ReadFull(c, question); err != nil {
			return
		}
		answer := r.answer(question)
		c.Write(append([]byte{byte(len(answer) >> 8), byte(len(answer))}, answer...))
	}
}

// answer makes the answer to a message with one question.
func (r *resolver) answer(question []byte) []byte {
	end := 12
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5 // the root, type and class
	answer := append([]byte{}, question[:end]...)
	answer[2], answer[3] = 0x81, 0x80
	copy(answer[6:12], make([]byte, 6))
	if kind := question[end-3]; kind != 1 {
		return answer // no address of IPv6
	}
	n := int(r.asked.Add(1)) - 1
	ip := netip.MustParseAddr(r.addresses[min(n, len(r.addresses)-1)]).As4()
	answer[7] = 1
	return append(append(answer, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4), ip[:]...)
}

// An address that is not public is refused when it is dialled, however it is named,
// and a name that was good before is looked up again.
func TestPrivateIsRefused(t *testing.T) {
	var reached atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer s.Close()
	_, port, err := net.SplitHostPort(s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	to := func(host string) []Endpoint {
		return []Endpoint{{Name: "one", URL: "https://" + net.JoinHostPort(host, port) + "/", Secrets: []string{oneSecret}}}
	}
	for _, host := range []string{"127.0.0.1", "localhost", "::1", "::ffff:127.0.0.1", "0.0.0.0", "2130706433", "169.254.169.254", "10.0.0.1"} {
		err := sender(t, s, Options{Endpoints: to(host)}).Send(t.Context(), "one", "msg", nil)
		if host == "2130706433" && err != nil {
			continue // a name like any other, which nobody has
		}
		if !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
	names := &resolver{addresses: []string{"127.0.0.1"}}
	if err := sender(t, s, Options{Endpoints: to("hooks.example.com"), Resolver: names.resolver()}).Send(t.Context(), "one", "msg", nil); !errors.Is(err, ErrAddress) {
		t.Errorf("a name of a private address: %v", err)
	}
	if reached.Load() > 0 || names.asked.Load() != 1 {
		t.Errorf("reached %d times, the name looked up %d times", reached.Load(), names.asked.Load())
	}

	// With the guard off the same names lead to the server: it is the guard that
	// refuses. The name then changes its mind, and the guard of another sender looks.
	rebound := &resolver{addresses: []string{"127.0.0.1", "127.0.0.1", "10.255.255.1"}}
	open := sender(t, s, Options{Endpoints: to("example.com"), Resolver: rebound.resolver(), AllowPrivate: true})
	for range 2 {
		if err := open.Send(t.Context(), "one", "msg", nil); err != nil {
			t.Fatal(err)
		}
	}
	if reached.Load() != 2 || rebound.asked.Load() != 2 {
		t.Errorf("reached %d times, the name looked up %d times: a connection was kept", reached.Load(), rebound.asked.Load())
	}
	guarded := sender(t, s, Options{Endpoints: to("example.com"), Resolver: rebound.resolver()})
	if err := guarded.Send(t.Context(), "one", "msg", nil); !errors.Is(err, ErrAddress) || !strings.Contains(err.Error(), "10.255.255.1") {
		t.Errorf("a name that has changed its mind: %v", err)
	}
}

// A proxy of the environment would reach what the guard refuses.
func TestNoProxy(t *testing.T) {
	if client(Options{}).Transport.(*http.Transport).Proxy != nil {
		t.Error("a proxy is asked")
	}
}

func TestMistakes(t *testing.T) {
	good := Endpoint{Name: "one", URL: "https://example.com/hunter2", Secrets: []string{oneSecret}}
	for name, change := range map[string]func(*Endpoint){
		"plain http":     func(e *Endpoint) { e.URL = "http://example.com/hunter2" },
		"no URL":         func(e *Endpoint) { e.URL = "hunter2" },
		"a file":         func(e *Endpoint) { e.URL = "file:///hunter2" },
		"no secret":      func(e *Endpoint) { e.Secrets = nil },
		"a short secret": func(e *Endpoint) { e.Secrets = []string{"whsec_aHVudGVyMg=="} },
		"a long secret": func(e *Endpoint) {
			e.Secrets = []string{"whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 65))}
		},
		"no prefix": func(e *Endpoint) { e.Secrets = []string{strings.TrimPrefix(oneSecret, "whsec_")} },
		"no base64": func(e *Endpoint) { e.Secrets = []string{"whsec_hunter2"} },
	} {
		e := good
		change(&e)
		if _, err := New(Options{Endpoints: []Endpoint{e}}); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := New(Options{Endpoints: []Endpoint{good}}); err != nil {
		t.Error(err)
	}
}

// Ten attempts go over three days, none two at the same time.
func TestWaits(t *testing.T) {
	if Attempts != 10 {
		t.Errorf("%d attempts", Attempts)
	}
	for range 100 {
		var all, last time.Duration
		for n := 1; n < Attempts; n++ {
			w := Wait(n)
			if w < waits[n-1]*4/5 || w > waits[n-1]*6/5 || w < last/2 {
				t.Fatalf("after attempt %d it waits for %v", n, w)
			}
			all, last = all+w, w
		}
		if all < 60*time.Hour || all > 91*time.Hour {
			t.Errorf("it is given up after %v", all)
		}
	}
	seen := map[time.Duration]bool{}
	for range 20 {
		seen[Wait(4)] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d waits of 20 differ", len(seen))
	}
	Wait(0)
	Wait(100)
}

func TestBody(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	b := Body{Type: RecordingStored, Timestamp: at, Data: Data{Call: "c1", Agent: "interview", Kind: "phone", Direction: "inbound",
		Consent: "granted", Started: at, Take: "t1", Recording: "complete"}}
	text, err := b.Encode()
	want := `{"type":"recording.stored","timestamp":"2026-03-01T12:00:00Z","data":{"call":"c1","agent":"interview","kind":"phone",` +
		`"direction":"inbound","consent":"granted","started_at":"2026-03-01T12:00:00Z","take":"t1","recording":"complete"}}`
	if err != nil || string(text) != want {
		t.Errorf("%s, error %v", text, err)
	}
	var back Body
	if err := json.Unmarshal(text, &back); err != nil || back != b {
		t.Errorf("read back as %+v, error %v", back, err)
	}
	ids := map[string]bool{}
	for _, parts := range [][3]string{{CallFinished, "c1", ""}, {CallFinished, "c2", ""}, {RecordingStored, "c1", "t1"}, {RecordingStored, "c1", "t2"},
		{RecordingFailed, "c1", "t1"}, {RecordingStored, "c", "1t1"}} {
		id := ID(parts[0], parts[1], parts[2])
		if id != ID(parts[0], parts[1], parts[2]) || !strings.HasPrefix(id, "msg_") || len(id) != 28 || ids[id] {
			t.Errorf("%v is named %s", parts, id)
		}
		ids[id] = true
	}
	if fmt.Sprint(Endpoint{}.Wants(CallFinished), Endpoint{Events: []string{RecordingStored}}.Wants(CallFinished)) != "true false" {
		t.Error("endpoints want something else")
	}
}

package webrtc

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// offer is a POST that would be answered with 201.
func (g *gateway) offering(token string) request {
	return request{method: "POST", path: SessionsPath + "?agent=support", token: token, origin: shop, contentType: typeOffer, body: chromium}
}

func TestRefusedPosts(t *testing.T) {
	g := newGateway(t, func(o *Options) { o.Origins = append(o.Origins, "https://other.example.com") })
	forged := g.token()
	forged = forged[:20] + "A" + forged[21:]
	if forged[20] == g.token()[20] {
		forged = forged[:20] + "B" + forged[21:]
	}
	tests := map[string]struct {
		change func(*request)
		status int
		code   string
	}{
		"content type":      {func(r *request) { r.contentType = "application/json" }, 415, codeContentType},
		"no content type":   {func(r *request) { r.contentType = "" }, 415, codeContentType},
		"no token":          {func(r *request) { r.token = "" }, 401, codeToken},
		"forged token":      {func(r *request) { r.token = forged }, 401, codeToken},
		"garbage token":     {func(r *request) { r.token = "let me in" }, 401, codeToken},
		"foreign origin":    {func(r *request) { r.origin = "https://evil.example.com" }, 403, codeOrigin},
		"null origin":       {func(r *request) { r.origin = "null" }, 403, codeOrigin},
		"other origin":      {func(r *request) { r.origin = "https://other.example.com" }, 403, codeOrigin},
		"no origin":         {func(r *request) { r.origin = "" }, 403, codeOrigin},
		"other agent":       {func(r *request) { r.path = SessionsPath + "?agent=sales" }, 403, codeAgent},
		"GET":               {func(r *request) { r.method = "GET" }, 405, codeMethod},
		"PUT":               {func(r *request) { r.method = "PUT" }, 405, codeMethod},
		"session's methods": {func(r *request) { r.path = SessionsPath + "/x" }, 405, codeMethod},
		"recording":         {func(r *request) { r.path = SessionsPath + "/x/recording" }, 405, codeMethod},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			r := g.offering(g.token())
			test.change(&r)
			answer := g.do(r)
			checkProblem(t, answer, test.status, test.code)
			if (test.status == 401) != (answer.Header.Get("WWW-Authenticate") == "Bearer") {
				t.Errorf("WWW-Authenticate is %q", answer.Header.Get("WWW-Authenticate"))
			}
			if (test.status == 405) != (answer.Header.Get("Allow") != "") {
				t.Errorf("Allow is %q", answer.Header.Get("Allow"))
			}
		})
	}
	if len(g.admitted) > 0 {
		t.Error("a refused request was decided on")
	}
}

func TestTokenIsUsedOnce(t *testing.T) {
	g := newGateway(t)
	token := g.token()
	if r := g.do(g.offering(token)); r.StatusCode != http.StatusCreated {
		t.Fatalf("answered %d: %s", r.StatusCode, text(t, r))
	}
	checkProblem(t, g.do(g.offering(token)), http.StatusConflict, codeUsed)
	g.once.err = errors.New("database is gone")
	checkProblem(t, g.do(g.offering(g.token())), http.StatusServiceUnavailable, codeFailed)
}

func TestTokenExpires(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	late := g.token(func(gr *Grant) { gr.Expires = time.Now().Add(time.Minute) })
	g.mu.Lock()
	g.now = time.Now().Add(2 * time.Minute)
	g.mu.Unlock()
	checkProblem(t, g.do(g.offering(late)), http.StatusUnauthorized, codeExpired)
	// The call goes on all the same, for its two hours.
	b.follow(b.rejoin("*"))
	g.mu.Lock()
	g.now = time.Now().Add(2*time.Hour + time.Minute)
	g.mu.Unlock()
	checkProblem(t, b.rejoin("*"), http.StatusUnauthorized, codeExpired)
}

func TestTokenOfAnotherSession(t *testing.T) {
	g := newGateway(t)
	b := newBrowser(g, habits{})
	b.dial()
	b.token = g.token()
	checkProblem(t, b.request("PATCH", typeFragment, "*", "a=ice-ufrag:abcd\r\n"), http.StatusForbidden, codeSession)
	checkProblem(t, b.request("DELETE", "", "", ""), http.StatusForbidden, codeSession)
	checkProblem(t, g.do(request{method: "GET", path: b.location + "/recording", token: b.token, origin: shop}), http.StatusForbidden, codeSession)
	if len(g.ended) > 0 {
		t.Error("a stranger ended the call")
	}
}

func TestSlowBody(t *testing.T) {
	t.Parallel()
	g := newGateway(t)
	c, err := net.Dial("tcp", strings.TrimPrefix(g.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 100\r\n\r\nv=0",
		SessionsPath, shop, g.token(), typeOffer)
	_ = c.SetReadDeadline(time.Now().Add(bodyWait + patience))
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	checkProblem(t, r, http.StatusRequestTimeout, codeSlow)
}

func TestAdmission(t *testing.T) {
	var admission Admission
	var fault error
	g := newGateway(t, func(o *Options) {
		o.Admit = func(context.Context, Incoming) (Admission, error) { return admission, fault }
	})
	admission.Refusal = Refusal{Status: http.StatusTooManyRequests, Code: "agent_busy", Detail: "All lines are busy.", RetryAfter: 1500 * time.Millisecond}
	r := g.do(g.offering(g.token()))
	checkProblem(t, r, http.StatusTooManyRequests, "agent_busy")
	if got := r.Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After is %q", got)
	}
	fault = errors.New("no")
	checkProblem(t, g.do(g.offering(g.token())), http.StatusServiceUnavailable, codeFailed)
	if n := g.sessions.pending; n != 0 {
		t.Errorf("%d places are taken by refused sessions", n)
	}
}

func TestAnswerHeaders(t *testing.T) {
	g := newGateway(t)
	r := g.do(g.offering(g.token()))
	if r.StatusCode != http.StatusCreated {
		t.Fatalf("answered %d: %s", r.StatusCode, text(t, r))
	}
	for name, want := range map[string]string{
		"Content-Type": typeOffer, "Accept-Patch": typeFragment, "Cache-Control": "no-store", "Vary": "Origin",
		"Access-Control-Allow-Origin": shop, "Access-Control-Expose-Headers": "ETag, Accept-Patch, Link, Location, Retry-After",
	} {
		if got := r.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	answer := text(t, r)
	if etag := r.Header.Get("ETag"); len(etag) < 6 || !strings.Contains(answer, "a=ice-ufrag:"+strings.Trim(etag, `"`)+"\r\n") {
		t.Errorf("ETag %q is not of the answer", etag)
	}
	candidates := candidatesOf(answer)
	if len(candidates) != 2 || portOf(t, candidates[0]) != g.Addr() || portOf(t, candidates[1]) != g.Addr() {
		t.Errorf("candidates are %q, want UDP and TCP of %v", candidates, g.Addr())
	}
}

func TestOptions(t *testing.T) {
	g := newGateway(t, func(o *Options) {
		o.TURN = TURN{URLs: []string{"turn:turn.example.com"}, Secret: "s", TTL: time.Hour}
	})
	for path, methods := range map[string]string{
		SessionsPath: "POST, OPTIONS", SessionsPath + "/x": "PATCH, DELETE, OPTIONS", SessionsPath + "/x/recording": "GET, OPTIONS",
	} {
		r := g.do(request{method: "OPTIONS", path: path, origin: shop})
		for name, want := range map[string]string{
			"Allow": methods, "Access-Control-Allow-Methods": methods, "Access-Control-Allow-Headers": "Authorization, Content-Type, If-Match",
			"Access-Control-Allow-Origin": shop, "Access-Control-Max-Age": "600", "Vary": "Origin", "Link": "",
		} {
			if got := r.Header.Get(name); got != want || r.StatusCode != http.StatusOK {
				t.Errorf("%s: answered %d, %s: %q, want %q", path, r.StatusCode, name, got, want)
			}
		}
	}
	// A page of the gateway itself, by whatever name it was reached.
	if r := g.do(request{method: "OPTIONS", path: SessionsPath, origin: g.url}); r.Header.Get("Access-Control-Allow-Origin") != g.url {
		t.Errorf("own page: answered %d, %v", r.StatusCode, r.Header)
	}
	r := g.do(request{method: "OPTIONS", path: SessionsPath, origin: shop, token: g.token()})
	if r.Header.Get("Link") == "" || r.Header.Get("Accept-Post") != typeOffer {
		t.Errorf("with a token: Link %q, Accept-Post %q", r.Header.Get("Link"), r.Header.Get("Accept-Post"))
	}
	checkProblem(t, g.do(request{method: "OPTIONS", path: SessionsPath, origin: shop, token: "forged"}), http.StatusUnauthorized, codeToken)
	checkProblem(t, g.do(request{method: "OPTIONS", path: SessionsPath, origin: "https://evil.example.com"}), http.StatusForbidden, codeOrigin)
	if r := g.do(request{method: "OPTIONS", path: SessionsPath}); r.StatusCode != http.StatusOK || r.Header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without an origin: answered %d, %v", r.StatusCode, r.Header)
	}
}

func TestRecordingIsAsked(t *testing.T) {
	var asked string
	own := "https://gateway.example.com"
	g := newGateway(t, func(o *Options) {
		o.Recording = func(w http.ResponseWriter, _ *http.Request, session string) *Refusal {
			asked = session
			_, _ = io.WriteString(w, "sound")
			return nil
		}
	})
	for name, test := range map[string]struct{ granted, origin, want string }{
		"of a page":                        {shop, shop, "sound"},
		"of our own page":                  {own, "", "sound"}, // a GET of one's own origin does not name it
		"of another":                       {shop, own, ""},
		"from no page":                     {shop, "", ""},
		"for any, no page":                 {"", "", "sound"},
		"of our own page, by another name": {g.url, "", "sound"},
	} {
		t.Run(name, func(t *testing.T) {
			token := g.token(func(gr *Grant) { gr.Origin = test.granted })
			c, err := openToken(g.opts.Secret, token)
			if err != nil {
				t.Fatal(err)
			}
			id := c.session(g.opts.Secret)
			r := g.do(request{method: "GET", path: SessionsPath + "/" + id + "/recording", token: token, origin: test.origin})
			if test.want == "" {
				checkProblem(t, r, http.StatusForbidden, codeOrigin)
			} else if got := text(t, r); got != test.want || asked != id {
				t.Errorf("answered %d, %q about session %q, want %q", r.StatusCode, got, asked, id)
			}
		})
	}
}

func TestNoRecording(t *testing.T) {
	g := newGateway(t)
	token := g.token()
	c, err := openToken(g.opts.Secret, token)
	if err != nil {
		t.Fatal(err)
	}
	r := g.do(request{method: "GET", path: SessionsPath + "/" + c.session(g.opts.Secret) + "/recording", token: token, origin: shop})
	checkProblem(t, r, http.StatusNotFound, codeNoRecording)
}

func TestCanonicalOrigin(t *testing.T) {
	for in, want := range map[string]string{
		"https://Shop.Example.com": "https://shop.example.com", "HTTPS://shop.example.com:443/": "https://shop.example.com",
		"http://localhost:8080": "http://localhost:8080", "http://shop.example.com:80": "http://shop.example.com",
		"https://[2001:db8::1]:8443": "https://[2001:db8::1]:8443",
		"":                           "", "null": "", "shop.example.com": "", "https://": "", "https://a/b": "", "https://u@a": "", "https://a?b": "",
		"https://a#b": "", "ftp://a": "", "https:a": "", "*": "", "https://:443": "",
	} {
		if got, ok := canonicalOrigin(in); got != want || ok != (want != "") {
			t.Errorf("%q is %q, %v; want %q", in, got, ok, want)
		}
	}
}

func FuzzScanFragment(f *testing.F) {
	f.Add([]byte("a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n"))
	f.Add([]byte("a=ice-lite\n"))
	f.Add([]byte(""))
	f.Add([]byte("v=0\r\n"))
	s := Server{metrics: NewMetrics(nil)}
	f.Fuzz(func(t *testing.T, b []byte) {
		fr, refusal := scanFragment(b)
		if refusal != nil {
			if refusal.Status != 400 && refusal.Status != 422 || refusal.Code == "" || refusal.Detail == "" {
				t.Errorf("refused with %+v", *refusal)
			}
			return
		}
		if len(fr.candidates) > maxCandidates || fr.ice != (credentials{}) && !fr.ice.valid() {
			t.Errorf("accepted %+v", fr)
		}
		for i, c := range s.pick(fr.candidates) {
			if line := c.attribute(i); strings.ContainsAny(line[:len(line)-2], "\r\n") || !c.addr.IsValid() {
				t.Errorf("wrote %q", line)
			}
		}
	})
}

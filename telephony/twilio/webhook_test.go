package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"sidetone/telephony"
)

// bubble runs the test in a synctest bubble, which fails on any goroutine left.
func bubble(t *testing.T, f func(*testing.T)) {
	t.Helper()
	synctest.Test(t, f)
}

func TestVoiceAnswersWithAStream(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		code, body := g.post(VoicePath, callForm(callSid, "ringing"))
		if code != http.StatusOK {
			t.Fatalf("status %d", code)
		}
		c := readTwiML(t, body).Connect
		for name, pair := range map[string][2]string{
			"action": {c.Action, "https://voice.example.com/twilio/next"},
			"url":    {c.Stream.URL, "wss://voice.example.com/twilio/stream"},
			"status": {c.Stream.StatusCallback, "https://voice.example.com/twilio/status"},
			"name":   {c.Stream.Parameter.Name, "token"},
		} {
			if pair[0] != pair[1] {
				t.Errorf("%s is %q, want %q", name, pair[0], pair[1])
			}
		}
		want := Incoming{CallSid: callSid, AccountSid: "AC1", Direction: telephony.Inbound, From: "+15005550006", To: "+15005550001"}
		if len(g.admitted) != 1 || g.admitted[0] != want {
			t.Errorf("admitted %+v, want %+v", g.admitted, want)
		}
	})
}

func TestWebhookRefusals(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	body := callForm(callSid, "ringing").Encode()
	good := Sign(authToken, publicURL+VoicePath, callForm(callSid, "ringing"))
	tests := map[string]struct {
		contentType, body, signature string
		code                         int
		reason                       string
	}{
		"unsigned":         {form, body, "", http.StatusForbidden, refusedSignature},
		"forged":           {form, body, Sign("guess", publicURL+VoicePath, callForm(callSid, "ringing")), http.StatusForbidden, refusedSignature},
		"other form":       {form, body + "&To=%2B1", good, http.StatusForbidden, refusedSignature},
		"other path":       {form, body, Sign(authToken, publicURL+StatusPath, callForm(callSid, "ringing")), http.StatusForbidden, refusedSignature},
		"json":             {"application/json", `{"CallSid":"CA1"}`, good, http.StatusUnsupportedMediaType, refusedContentType},
		"no content type":  {"", body, good, http.StatusUnsupportedMediaType, refusedContentType},
		"one megabyte":     {form, "a=" + strings.Repeat("b", 1<<20), good, http.StatusRequestEntityTooLarge, refusedTooLarge},
		"not a form":       {form, "a=%zz", good, http.StatusBadRequest, refusedForm},
		"no CallSid":       {form, "a=b", Sign(authToken, publicURL+VoicePath, url.Values{"a": {"b"}}), http.StatusBadRequest, refusedForm},
		"CallSid is a URL": {form, "CallSid=https%3A", Sign(authToken, publicURL+VoicePath, url.Values{"CallSid": {"https:"}}), http.StatusBadRequest, refusedForm},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				if code, _ := g.send(VoicePath, test.contentType, test.body, test.signature); code != test.code {
					t.Errorf("status %d, want %d", code, test.code)
				}
				g.wantCount("webhook_rejections_total", test.reason, 1)
				if len(g.admitted) != 0 {
					t.Errorf("admitted %+v", g.admitted)
				}
			})
		})
	}
}

func TestMethodRefused(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		for _, path := range []string{VoicePath, NextPath, AnnouncePath, StatusPath} {
			res, err := g.client.Get("http://gateway" + path)
			if err != nil {
				t.Fatal(err)
			}
			res.Body.Close()
			if res.StatusCode != http.StatusMethodNotAllowed || res.Header.Get("Allow") != http.MethodPost {
				t.Errorf("GET %s: %d, Allow %q", path, res.StatusCode, res.Header.Get("Allow"))
			}
		}
		g.wantCount("webhook_rejections_total", refusedMethod, 4)
		if code, _ := g.post(StreamPath, nil); code != http.StatusMethodNotAllowed {
			t.Errorf("POST %s: %d", StreamPath, code)
		}
		g.wantCount("stream_rejections_total", refusedMethod, 1)
	})
}

func TestSignatureIsOverThePublicURL(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		form := callForm(callSid, "ringing")
		sig := Sign(authToken, "http://gateway"+VoicePath, form) // what the Host header says
		if code, _ := g.send(VoicePath, "application/x-www-form-urlencoded", form.Encode(), sig); code != http.StatusForbidden {
			t.Errorf("status %d, want 403", code)
		}
		sig = Sign(authToken, publicURL+":443"+VoicePath+"?a=%20b", form)
		if code, _ := g.send(VoicePath+"?a=%20b", "application/x-www-form-urlencoded; charset=utf-8", form.Encode(), sig); code != http.StatusOK {
			t.Errorf("status %d, want 200", code)
		}
	})
}

func TestUnsignedOnlyIfSaidSo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) { o.InsecureSkipSignature, o.AuthTokens = true, nil })
		if code, _ := g.send(VoicePath, "application/x-www-form-urlencoded", callForm(callSid, "ringing").Encode(), ""); code != http.StatusOK {
			t.Errorf("status %d, want 200", code)
		}
	})
}

func TestReplayGetsTheSameAnswer(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		_, first := g.post(VoicePath, callForm(callSid, "ringing"))
		time.Sleep(3 * time.Second)
		_, again := g.post(VoicePath, callForm(callSid, "ringing"))
		if first != again {
			t.Error("the replay got another answer")
		}
		line := g.join(callSid, readTwiML(t, first).Connect.Stream.Parameter.Value)
		leg := <-g.legs
		// Another state of the same call, and the same state when the answer has
		// been forgotten, ask for the next stream; the old token is of no use.
		time.Sleep(answerLife)
		for _, status := range []string{"ringing", "in-progress"} {
			g.post(VoicePath, callForm(callSid, status))
		}
		g.join(callSid, readTwiML(t, again).Connect.Stream.Parameter.Value).wantClosed()
		if len(g.admitted) != 1 {
			t.Errorf("the call was admitted %d times", len(g.admitted))
		}
		line.conn.Close()
		if err := leg.End(t.Context(), telephony.Next{}); err != nil {
			t.Error(err)
		}
	})
}

func TestReplayOfAFinishedCallStartsNothing(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) { o.Serve = func(ctx context.Context, l *Leg) { _ = l.Run(ctx) } })
		line := g.join(callSid, g.call(callSid))
		line.stop()
		line.wantClosed()
		for _, wait := range []time.Duration{0, time.Hour, 24 * time.Hour} {
			time.Sleep(wait)
			g.join(callSid, g.call(callSid)).wantClosed()
		}
		g.wantCount("frames_total", "start", 4)
		g.wantCount("sockets", "", 0)
		time.Sleep(tokenLife + startWait)
		synctest.Wait()
		if len(g.unanswered) != 2 {
			t.Errorf("%d unanswered calls, want 2: what their admission reserved must be released", len(g.unanswered))
		}
	})
}

func TestConcurrentReplayIsAdmittedOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) {
			admit := o.Admit
			o.Admit = func(ctx context.Context, in Incoming) (Admission, error) {
				time.Sleep(6 * time.Second)
				return admit(ctx, in)
			}
		})
		answers := make(chan string, 2)
		for range 2 {
			go func() {
				_, body := g.post(VoicePath, callForm(callSid, "ringing"))
				answers <- body
			}()
			time.Sleep(5 * time.Second)
		}
		if a, b := <-answers, <-answers; a != b || !strings.Contains(a, "<Stream") {
			t.Errorf("answers %q and %q", a, b)
		}
		if len(g.admitted) != 1 {
			t.Errorf("the call was admitted %d times", len(g.admitted))
		}
	})
}

func TestRefusedCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) {
			o.Admit = func(context.Context, Incoming) (Admission, error) {
				return Admission{Refusal: "All lines <busy> & closed."}, nil
			}
		})
		_, body := g.post(VoicePath, callForm(callSid, "ringing"))
		d := readTwiML(t, body)
		if len(d.Say) != 1 || d.Say[0] != "All lines <busy> & closed." || len(d.Hangup) != 1 || d.Connect.Action != "" {
			t.Errorf("answer %s", body)
		}
	})
}

func TestFailedAdmissionIsAskedAgain(t *testing.T) {
	bubble(t, func(t *testing.T) {
		fail := true
		g := newGateway(t, func(o *Options) {
			admit := o.Admit
			o.Admit = func(ctx context.Context, in Incoming) (Admission, error) {
				if fail {
					return Admission{}, errors.New("no database")
				}
				return admit(ctx, in)
			}
		})
		if code, _ := g.post(VoicePath, callForm(callSid, "ringing")); code != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", code)
		}
		g.wantCount("webhook_rejections_total", refusedAdmission, 1)
		fail = false
		if g.call(callSid) == "" {
			t.Error("no token")
		}
	})
}

func TestUnansweredCallIsReleased(t *testing.T) {
	tests := map[string]func(*gateway){
		"stream never came": func(*gateway) { time.Sleep(tokenLife + startWait) },
		"caller hung up":    func(g *gateway) { g.post(StatusPath, callForm(callSid, "completed")) },
		"stream failed":     func(g *gateway) { g.post(NextPath, callForm(callSid, "in-progress")) },
		"gateway closed":    func(g *gateway) { g.server.Close() },
	}
	for name, give := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				token := g.call(callSid)
				give(g)
				synctest.Wait()
				if len(g.unanswered) != 1 || g.unanswered[0] != "call-1" {
					t.Errorf("unanswered %q", g.unanswered)
				}
				g.wantCount("calls_unanswered_total", "", 1)
				if l, _, err := g.upgrade("wss://voice.example.com" + StreamPath); err == nil {
					l.start(callSid, token)
					l.wantClosed()
				}
				if len(g.legs) != 0 {
					t.Error("the call came to life afterwards")
				}
			})
		})
	}
}

func TestNext(t *testing.T) {
	tests := map[string]struct {
		next telephony.Next
		want func(twimlDocument) bool
	}{
		"hang up": {telephony.Next{}, func(d twimlDocument) bool { return len(d.Hangup) == 1 && len(d.Say) == 0 }},
		"say": {telephony.Next{Kind: telephony.Say, Text: "Bye"}, func(d twimlDocument) bool {
			return len(d.Hangup) == 1 && len(d.Say) == 1 && d.Say[0] == "Bye"
		}},
		"dial":     {telephony.Next{Kind: telephony.Dial, Target: "+15005550009"}, func(d twimlDocument) bool { return d.Dial.Number == dialledNoun{Target: "+15005550009"} }},
		"dial SIP": {telephony.Next{Kind: telephony.Dial, Target: "sip:a@b"}, func(d twimlDocument) bool { return d.Dial.Sip == dialledNoun{Target: "sip:a@b"} }},
		"dial, announced": {telephony.Next{Kind: telephony.Dial, Target: "+15005550009", Text: "A caller for sales."}, func(d twimlDocument) bool {
			return d.Dial.Number == dialledNoun{"+15005550009", publicURL + AnnouncePath}
		}},
		"dial SIP, announced": {telephony.Next{Kind: telephony.Dial, Target: "sip:a@b", Text: "A caller for sales."}, func(d twimlDocument) bool {
			return d.Dial.Sip == dialledNoun{"sip:a@b", publicURL + AnnouncePath}
		}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t)
				line := g.join(callSid, g.call(callSid))
				leg := <-g.legs
				done := ran(t.Context(), leg)
				ended := make(chan error, 1)
				go func() { ended <- leg.End(t.Context(), test.next) }()
				line.wantClosed()
				line.conn.Close()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if err := <-done; err != nil {
					t.Error(err)
				}
				for range 2 { // the carrier may ask twice
					code, body := g.post(NextPath, callForm(callSid, "in-progress"))
					if code != http.StatusOK || !test.want(readTwiML(t, body)) {
						t.Errorf("answer %d %s", code, body)
					}
				}
				said := readTwiML(t, g.announced(callSid)).Say
				if want := test.next.Kind == telephony.Dial && test.next.Text != ""; want != slices.Equal(said, []string{"A caller for sales."}) || !want && said != nil {
					t.Errorf("who answers is told %q", said)
				}
			})
		})
	}
}

// announced returns what is answered to somebody who was dialled for a call.
func (g *gateway) announced(parent string) string {
	form := callForm("CA00000000000000000000000000000077", "in-progress")
	form.Set("ParentCallSid", parent)
	_, body := g.post(AnnouncePath, form)
	return body
}

// TestNothingIsAnnouncedBefore checks that nobody is told anything of a call that
// was not handed on, or that is not ours.
func TestNothingIsAnnouncedBefore(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		line := g.join(callSid, g.call(callSid))
		done := ran(t.Context(), <-g.legs)
		for _, parent := range []string{callSid, "CA00000000000000000000000000000078", ""} {
			if body := g.announced(parent); body != emptyResponse {
				t.Errorf("%q: %s", parent, body)
			}
		}
		line.conn.Close()
		g.post(StatusPath, callForm(callSid, "completed"))
		<-done
	})
}

func TestNextOfAnUnknownCallIsEmpty(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		if code, body := g.post(NextPath, callForm(callSid, "in-progress")); code != http.StatusOK || body != emptyResponse {
			t.Errorf("answer %d %s", code, body)
		}
	})
}

func TestStatusEndsTheCall(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		line := g.join(callSid, g.call(callSid))
		leg := <-g.legs
		done := ran(t.Context(), leg)
		if code, _ := g.post(StatusPath, callForm(callSid, "completed")); code != http.StatusNoContent {
			t.Errorf("status %d, want 204", code)
		}
		line.wantClosed()
		line.conn.Close()
		if err := <-done; err != nil || leg.Cause() != telephony.HungUp {
			t.Errorf("Run: %v, cause %q", err, leg.Cause())
		}
		if _, body := g.post(NextPath, callForm(callSid, "completed")); body != emptyResponse {
			t.Errorf("next %s", body)
		}
	})
}

func TestStatusIsCounted(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t)
		for label, form := range map[string]url.Values{
			statusStreamStarted: {"StreamEvent": {"stream-started"}},
			statusStreamStopped: {"StreamEvent": {"stream-stopped"}},
			statusStreamError:   {"StreamEvent": {"stream-error"}, "StreamError": {"31921"}},
			statusCallProgress:  {"CallStatus": {"ringing"}},
			statusCallEnded:     {"CallStatus": {"no-answer"}},
			statusUnknown:       {"StreamEvent": {"stream-dreamt"}},
		} {
			form.Set("CallSid", callSid)
			g.post(StatusPath, form)
			g.wantCount("status_callbacks_total", label, 1)
		}
	})
}

func TestClosedServerRefuses(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, func(o *Options) { o.Serve = func(ctx context.Context, l *Leg) { _ = l.Run(ctx) } })
		token := g.call(callSid)
		line := g.join(callSid, token)
		synctest.Wait()
		closed := make(chan struct{})
		go func() { g.server.Close(); close(closed) }()
		line.wantClosed()
		line.conn.Close()
		<-closed
		if code, _ := g.post(VoicePath, callForm(callSid+"2", "ringing")); code != http.StatusServiceUnavailable {
			t.Errorf("status %d, want 503", code)
		}
		if _, res, err := g.upgrade("wss://voice.example.com" + StreamPath); err == nil || res.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("upgrade: %v", err)
		}
	})
}

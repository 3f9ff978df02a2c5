package twilio

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/twilio/twilio-go/twiml"

	"sidetone/telephony"
)

const (
	maxBody   = 64 << 10
	admitWait = 10 * time.Second
)

// errAdmission wraps what kept a call from being decided on.
var errAdmission = errors.New("twilio: call not decided on")

// webhook is the way into all form endpoints: it counts and refuses what
// is not a signed form about a call, and writes the TwiML that answer returns.
func (s *Server) webhook(answer func(context.Context, url.Values) (string, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.enter() {
			s.refuse(w, refusedClosed, http.StatusServiceUnavailable)
			return
		}
		defer s.running.Done()
		form, reason, code := s.form(w, r)
		if reason != "" {
			s.refuse(w, reason, code)
			return
		}
		xml, err := answer(r.Context(), form)
		if err != nil {
			s.opts.Log.Error("webhook failed", "path", r.URL.Path, "err", err)
			s.refuse(w, refusedAdmission, http.StatusServiceUnavailable)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		if xml == "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/xml; charset=utf-8")
		_, _ = io.WriteString(w, xml) // the carrier asks again if this is lost
	}
}

func (s *Server) refuse(w http.ResponseWriter, reason string, code int) {
	s.metrics.webhooks.WithLabelValues(reason).Inc()
	s.warn("webhook refused", "reason", reason)
	http.Error(w, http.StatusText(code), code)
}

// form reads and authenticates a webhook. A reason with its HTTP status says
// why it is refused.
func (s *Server) form(w http.ResponseWriter, r *http.Request) (form url.Values, reason string, code int) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return nil, refusedMethod, http.StatusMethodNotAllowed
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return nil, refusedContentType, http.StatusUnsupportedMediaType
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, refusedTooLarge, http.StatusRequestEntityTooLarge
	}
	if err == nil {
		form, err = url.ParseQuery(string(body))
	}
	if err != nil {
		return nil, refusedForm, http.StatusBadRequest
	}
	if !s.signed(r, signedURLs(s.opts.PublicURL, target(r)), form) {
		return nil, refusedSignature, http.StatusForbidden
	}
	if !validSid(form.Get("CallSid")) {
		return nil, refusedForm, http.StatusBadRequest
	}
	return form, "", 0
}

// voice answers a call. The same call in the same state is the same question.
func (s *Server) voice(ctx context.Context, form url.Values) (string, error) {
	in := Incoming{
		CallSid:    form.Get("CallSid"),
		AccountSid: form.Get("AccountSid"),
		Direction:  telephony.Inbound,
		From:       form.Get("From"),
		To:         form.Get("To"),
	}
	if strings.HasPrefix(form.Get("Direction"), "outbound") {
		in.Direction = telephony.Outbound
	}
	return s.answers.get(ctx, in.CallSid+" "+form.Get("CallStatus"), func() (string, error) {
		if c := s.calls.get(in.CallSid); c != nil {
			return s.again(c)
		}
		return s.admit(ctx, in)
	})
}

// admit asks for a decision. It does not end with the request: the carrier
// gives up after five seconds and asks again.
func (s *Server) admit(ctx context.Context, in Incoming) (string, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), admitWait)
	defer cancel()
	a, err := s.opts.Admit(ctx, in)
	if err != nil {
		return "", errors.Join(errAdmission, err)
	}
	if !a.Accepted {
		return refusalTwiML(a.Refusal)
	}
	c := &call{incoming: in, id: a.CallID, agent: a.Agent}
	s.calls.add(c, s.expire)
	xml, err := s.connectTwiML(c, 0)
	if err != nil {
		s.abandon(c)
	}
	return xml, err
}

// again answers a known call that asks for the beginning once more.
func (s *Server) again(c *call) (string, error) {
	if leg, _ := s.calls.state(c); leg == nil {
		return s.connectTwiML(c, 0)
	}
	return s.follow(c)
}

// next answers what comes after a stream.
func (s *Server) next(_ context.Context, form url.Values) (string, error) {
	c := s.calls.get(form.Get("CallSid"))
	if c == nil {
		return emptyResponse, nil
	}
	if ended(form.Get("CallStatus")) {
		s.hungUp(c)
		return emptyResponse, nil
	}
	return s.follow(c)
}

func (s *Server) follow(c *call) (string, error) {
	leg, streams := s.calls.state(c)
	switch {
	case leg == nil: // the stream could not be opened, and would not be now
		s.abandon(c)
		return emptyResponse, nil
	case !leg.over(): // it waits, or will as soon as it sees that its socket is dead
		return s.connectTwiML(c, streams)
	case leg.Cause() == telephony.Ended:
		return s.nextTwiML(leg.next)
	default:
		return emptyResponse, nil
	}
}

// announce answers what somebody hears who was dialled for a call of ours, before
// they are connected. Theirs is a call of its own.
// Source: Twilio, "TwiML Voice: <Number>", attribute url.
func (s *Server) announce(_ context.Context, form url.Values) (string, error) {
	c := s.calls.get(form.Get("ParentCallSid"))
	if c == nil {
		return emptyResponse, nil
	}
	leg, _ := s.calls.state(c)
	if leg == nil || !leg.over() || leg.next.Kind != telephony.Dial || leg.next.Text == "" {
		return emptyResponse, nil
	}
	return document(twiml.VoiceSay{Message: leg.next.Text})
}

// status takes the callbacks about calls and streams.
func (s *Server) status(_ context.Context, form url.Values) (string, error) {
	event := statusOf(form)
	s.metrics.status.WithLabelValues(event).Inc()
	c := s.calls.get(form.Get("CallSid"))
	switch event {
	case statusStreamError:
		id := ""
		if c != nil {
			id = c.id
		}
		s.warn("carrier reports a stream error", "call", id)
	case statusCallEnded:
		if c != nil {
			s.hungUp(c)
		}
	}
	return "", nil
}

// hungUp ends a call because the carrier says so.
func (s *Server) hungUp(c *call) {
	if leg, _ := s.calls.state(c); leg != nil {
		leg.end(telephony.HungUp, nil)
		return
	}
	s.abandon(c)
}

// expire is abandon by a timer.
func (s *Server) expire(c *call) {
	if s.enter() {
		defer s.running.Done()
		s.abandon(c)
	}
}

// abandon gives up on a call whose stream did not come.
func (s *Server) abandon(c *call) {
	if !s.calls.abandon(c) {
		return
	}
	s.metrics.unused.Inc()
	if s.opts.Unanswered != nil {
		s.opts.Unanswered(c.id)
	}
}

// statusOf folds a callback to its metric label.
func statusOf(form url.Values) string {
	switch event, status := form.Get("StreamEvent"), form.Get("CallStatus"); {
	case event == "stream-started":
		return statusStreamStarted
	case event == "stream-stopped":
		return statusStreamStopped
	case event == "stream-error":
		return statusStreamError
	case event != "":
		return statusUnknown
	case ended(status):
		return statusCallEnded
	case status == "queued" || status == "initiated" || status == "ringing" || status == "in-progress":
		return statusCallProgress
	default:
		return statusUnknown
	}
}

// ended reports whether a CallStatus is a last one.
func ended(status string) bool {
	switch status {
	case "completed", "busy", "failed", "no-answer", "canceled":
		return true
	}
	return false
}

package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// signalTimeout is how long a page waits for an answer to its signalling.
const signalTimeout = 15 * time.Second

// maxAnswer is the longest answer that is read.
const maxAnswer = 256 << 10

// RefusalError is an answer other than the one asked for: the gateway's problem
// document (RFC 9457), as far as it sent one.
type RefusalError struct {
	Status       int
	Code, Detail string
	RetryAfter   string // header, empty for none
}

// Error implements error.
func (e *RefusalError) Error() string {
	return fmt.Sprintf("the gateway refuses with %d %s: %s", e.Status, e.Code, e.Detail)
}

// session is the signalling of one call: WHIP's verbs on one resource (RFC 9725,
// docs/web-events.md).
type session struct {
	client *http.Client
	base   string // of the gateway, without a slash at its end
	origin string
	token  string

	path  string // Location, once there is an answer
	etag  string
	links []string // Link headers of the answer
}

// answer is what an HTTP exchange brought.
type answer struct {
	status      int
	contentType string
	header      http.Header
	body        string
}

// open posts an offer and returns the answer. warn is told what a strict client
// would trip over.
func (s *session) open(ctx context.Context, agent, offer string, warn func(string)) (sdp string, err error) {
	a, err := s.do(ctx, http.MethodPost, "/webrtc/sessions?agent="+url.QueryEscape(agent), "application/sdp", offer)
	if err != nil {
		return "", err
	}
	if a.status != http.StatusCreated {
		return "", a.refusal()
	}
	s.path, s.etag, s.links = a.header.Get("Location"), a.header.Get("ETag"), a.header.Values("Link")
	if a.contentType != "application/sdp" {
		warn("201 with Content-Type " + a.contentType)
	}
	if s.etag == "" {
		warn("201 without an ETag")
	}
	if !strings.HasPrefix(s.path, "/") {
		return "", fmt.Errorf("sim: Location %q is no path", s.path)
	}
	return a.body, nil
}

// restart sends a fragment and returns the gateway's.
func (s *session) restart(ctx context.Context, fragment string, warn func(string)) (string, error) {
	a, err := s.do(ctx, http.MethodPatch, s.path, "application/trickle-ice-sdpfrag", fragment)
	if err != nil {
		return "", err
	}
	if a.status != http.StatusOK {
		return "", a.refusal()
	}
	etag := a.header.Get("ETag")
	if etag == "" || etag == s.etag {
		warn(fmt.Sprintf("a restart without a new ETag: %q", etag))
	}
	if a.contentType != "application/trickle-ice-sdpfrag" {
		warn("a restart is answered with Content-Type " + a.contentType)
	}
	s.etag = etag
	return a.body, nil
}

// delete hangs up.
func (s *session) delete(ctx context.Context) error {
	a, err := s.do(ctx, http.MethodDelete, s.path, "", "")
	if err != nil {
		return err
	}
	if a.status != http.StatusOK {
		return a.refusal()
	}
	return nil
}

// do sends one request with the session's token.
func (s *session) do(ctx context.Context, method, path, contentType, body string) (*answer, error) {
	ctx, cancel := context.WithTimeout(ctx, signalTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, s.base+path, strings.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	r.Header.Set("Authorization", "Bearer "+s.token)
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	if method == http.MethodPatch {
		r.Header.Set("If-Match", `"*"`)
	}
	if s.origin != "" {
		r.Header.Set("Origin", s.origin)
	}
	resp, err := s.client.Do(r)
	if err != nil {
		return nil, fmt.Errorf("sim: %w", err)
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("sim: %s %s: %w", method, path, err)
	}
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = ""
	}
	return &answer{resp.StatusCode, kind, resp.Header, string(got)}, nil
}

// refusal makes an error of an answer.
func (a *answer) refusal() error {
	e := &RefusalError{Status: a.status, RetryAfter: a.header.Get("Retry-After")}
	var problem struct{ Code, Detail string }
	if a.contentType == "application/problem+json" && json.Unmarshal([]byte(a.body), &problem) == nil {
		e.Code, e.Detail = problem.Code, problem.Detail
	} else {
		e.Detail = "an answer that is no problem document"
	}
	return e
}

package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"
)

const (
	restURL      = "https://api.twilio.com"
	restWait     = 10 * time.Second // for one request and the whole of its answer
	restAttempts = 3
	firstPause   = 500 * time.Millisecond // before the second attempt; doubled before the next
	longestPause = 10 * time.Second       // a longer Retry-After is not waited for
	maxAnswer    = 16 << 20               // a page of a thousand numbers is about 2 MB
)

// ErrWithheld wraps why the account's credentials were not sent: to a host
// without TLS that is not this machine, or wherever an answer redirects to.
var ErrWithheld = errors.New("twilio: credentials withheld")

// APIError is what the REST API answered in place of what was asked. Its
// message may name a phone number: it is for whoever asked, not for a log.
type APIError struct {
	Status   int    // of HTTP
	Code     int    // Twilio's own, https://www.twilio.com/docs/api/errors; 0 if the answer had none
	Message  string // Twilio's own, or that of the HTTP status
	MoreInfo string // a page about Code; may be empty

	retryAfter time.Duration
}

// Error implements error.
func (e *APIError) Error() string {
	text := fmt.Sprintf("twilio: error %d (HTTP %d): %s", e.Code, e.Status, e.Message)
	if e.Code == 0 {
		text = fmt.Sprintf("twilio: HTTP %d: %s", e.Status, e.Message)
	}
	if e.MoreInfo != "" {
		text += ", see " + e.MoreInfo
	}
	return text
}

// final reports whether the API decided: it did not do what was asked, and
// would not if asked again at once.
func (e *APIError) final() bool {
	return e.Status < 500 && e.Status != http.StatusTooManyRequests
}

// rest is one account at the REST API.
type rest struct {
	http                  *http.Client
	base                  *url.URL
	account, user, secret string
}

// newREST refuses a base to which credentials may not be sent.
func newREST(base string, h *http.Client) (*rest, error) {
	if base == "" {
		base = restURL
	}
	u, err := url.Parse(base)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("twilio: telephony.twilio.api_base_url is not a URL of scheme, host and path alone")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%w: telephony.twilio.api_base_url: %s is not reached over TLS", ErrWithheld, u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	if h == nil {
		h = http.DefaultClient
	}
	own := *h
	own.CheckRedirect = func(to *http.Request, _ []*http.Request) error {
		return fmt.Errorf("%w: %s redirects to %s", ErrWithheld, u.Host, to.URL.Host)
	}
	return &rest{http: &own, base: u}, nil
}

// loopback reports whether a host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.Unmap().IsLoopback()
}

// operation is one use of the API, in the form that twilio-go asks of a client:
// which knows no context, no other host, no deadline of a request that fails
// half way, and no repetition. What the embedded client adds is the account.
type operation struct {
	*client.Client
	*rest
	ctx    context.Context
	repeat bool // whatever is asked may be asked twice

	repeated bool        // something was asked twice
	sent     atomic.Bool // a request may have reached the other side
}

func (r *rest) operation(ctx context.Context, repeat bool) (*operation, *api.ApiService) {
	o := &operation{Client: &client.Client{}, rest: r, ctx: ctx, repeat: repeat}
	o.SetAccountSid(r.account)
	// Made by hand, since its constructor reads TWILIO_EDGE and TWILIO_REGION.
	return o, api.NewApiService(&client.RequestHandler{Client: o})
}

// SendRequest implements client.BaseClient. Of rawURL only path and query
// count: every request goes to the configured host.
func (o *operation) SendRequest(method, rawURL string, data url.Values, _ map[string]any, _ ...byte) (*http.Response, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	u.Scheme, u.Host, u.Path = o.base.Scheme, o.base.Host, o.base.Path+u.Path
	var form string
	switch {
	case method == http.MethodPost:
		form = data.Encode()
	case len(data) > 0:
		u.RawQuery = data.Encode()
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		resp, err := o.send(method, u.String(), form)
		var refused *APIError
		if err == nil || !o.repeat || attempt == restAttempts ||
			!errors.As(err, &refused) || refused.final() || refused.retryAfter > longestPause {
			return resp, err
		}
		if err := wait(o.ctx, max(pause, refused.retryAfter)); err != nil {
			return nil, errors.Join(err, refused)
		}
		pause *= 2
		o.repeated = true
	}
}

// send makes one attempt. The body of what it returns is in memory.
func (o *operation) send(method, target, form string) (*http.Response, error) {
	ctx, cancel := context.WithTimeout(o.ctx, restWait)
	defer cancel()
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { o.sent.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(form))
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(o.user, o.secret)
	req.Header.Set("Accept", "application/json")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := o.http.Do(req)
	var withURL *url.Error
	if errors.As(err, &withURL) { // the URL may name a phone number
		return nil, fmt.Errorf("twilio: %s: %w", o.base.Host, withURL.Err)
	} else if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("twilio: %s: read answer: %w", o.base.Host, err)
	}
	if resp.StatusCode/100 != 2 {
		return nil, apiError(resp, body)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// apiError reads a refusal: Twilio's JSON, or whatever stands before Twilio.
func apiError(resp *http.Response, body []byte) *APIError {
	var twilio struct {
		Code     int    `json:"code"`
		Message  string `json:"message"`
		MoreInfo string `json:"more_info"`
	}
	e := &APIError{Status: resp.StatusCode, Message: http.StatusText(resp.StatusCode)}
	if json.Unmarshal(body, &twilio) == nil && twilio.Code != 0 {
		e.Code, e.Message, e.MoreInfo = twilio.Code, twilio.Message, twilio.MoreInfo
	}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.retryAfter = time.Duration(s) * time.Second
	}
	return e
}

// wait returns early only with the error of ctx.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

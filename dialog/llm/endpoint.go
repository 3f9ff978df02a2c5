package llm

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxBody bounds one answer on the wire, far above the longest that is spoken.
const maxBody = 4 << 20

// ErrStream says that what came is no answer. It stands in place of what an SDK
// says, which may quote the call or the key.
var ErrStream = errors.New("the endpoint reported an error or sent what is no answer")

var (
	errRefused = errors.New("refused by the endpoint")
	errMoved   = errors.New("the endpoint is elsewhere; redirects are not followed")
)

// HTTPClient returns a client like c, http.DefaultClient when nil, for a chat
// endpoint: it cuts an answer that does not end, and it follows no redirect,
// which would take the key and the conversation elsewhere.
func HTTPClient(c *http.Client) *http.Client {
	bounded := *cmp.Or(c, http.DefaultClient)
	bounded.Transport = transport{next: bounded.Transport}
	return &bounded
}

type transport struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	response, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		response.Body.Close() // nothing of it is wanted
		return nil, &VendorError{Op: "request", Status: response.StatusCode, Err: errMoved}
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxBody), response.Body}
	return response, nil
}

// BaseURL parses the address of an endpoint, which must be absolute.
func BaseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return nil, errors.New("base URL must be an absolute http or https URL")
	}
	return u, nil
}

// Refusal is the failure of a request that was answered by a status.
func Refusal(op string, status int, header http.Header) *VendorError {
	return &VendorError{
		Op: op, Status: status, Err: errRefused,
		Retryable:  status == http.StatusTooManyRequests || status >= 500,
		RetryAfter: retryAfter(header),
	}
}

// Failure is why a stream broke, for an error of an SDK that is no Refusal. It
// is why ctx ended, when that is so.
func Failure(ctx context.Context, op string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	var vendor *VendorError
	var request *url.Error
	var network net.Error
	switch {
	case errors.As(err, &vendor):
		return vendor
	case errors.As(err, &request):
		return &VendorError{Op: op, Retryable: true, Err: request.Err}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &network):
		return ErrCut
	}
	return &VendorError{Op: op, Err: ErrStream}
}

// retryAfter reads the header of RFC 9110, section 10.2.3, in seconds.
func retryAfter(h http.Header) time.Duration {
	seconds, err := strconv.Atoi(h.Get("Retry-After"))
	if err != nil || seconds < 0 {
		return 0
	}
	return time.Duration(min(seconds, 24*60*60)) * time.Second
}

// CallID names a call that came without an id, by its place in the answer.
func CallID(n int) string { return fmt.Sprintf("call_%d", n) }

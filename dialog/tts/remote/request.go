package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"sidetone/dialog/tts"
)

// Request is a POST with a body of JSON, whose answer is audio.
type Request struct {
	Base   string // absolute
	Path   string // below it
	Query  url.Values
	Header http.Header
	Body   any
	Format Format // of the answer, where it does not say
}

// Post makes the request. An answer that is no audio is a failure.
func (c *Client) Post(ctx context.Context, r Request) (Source, Format, error) {
	resp, err := c.post(ctx, r)
	if err != nil {
		return nil, Format{}, err
	}
	f, err := said(resp.Header.Get("Content-Type"), r.Format)
	if err != nil {
		resp.Body.Close()
		return nil, f, err
	}
	if IsEvents(resp) {
		return newEvents(resp.Body), f, nil
	}
	return &body{resp.Body, make([]byte, 8<<10)}, f, nil
}

// post sends the request; what is refused is a failure.
func (c *Client) post(ctx context.Context, r Request) (*http.Response, error) {
	address, err := url.Parse(r.Base)
	if err != nil {
		return nil, c.Fail("connect", tts.Rejected, nil)
	}
	address = address.JoinPath(r.Path)
	address.RawQuery = r.Query.Encode()
	content, err := json.Marshal(r.Body)
	if err != nil {
		return nil, c.Fail("connect", tts.Rejected, nil)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address.String(), bytes.NewReader(content))
	if err != nil {
		return nil, c.Fail("connect", tts.Rejected, nil)
	}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	req.Header.Set("Content-Type", "application/json")
	// A request on a kept connection that the far end had just closed is made again
	// by net/http; this header is what it asks for that, and is not sent.
	req.Header["Idempotency-Key"] = nil
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		resp.Body.Close()
		return nil, c.Refusal(resp)
	}
	return resp, nil
}

// body is a Source that is the body of an answer.
type body struct {
	io.ReadCloser
	buf []byte
}

// Next implements Source.
func (b *body) Next() ([]byte, error) {
	n, err := b.Read(b.buf)
	return b.buf[:n], err
}

// Close implements Source.
func (b *body) Close() { b.ReadCloser.Close() }

package webhooks

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// askTimeout bounds a question whose asker sets no deadline.
const askTimeout = 30 * time.Second

// AskerOptions configure an Asker.
type AskerOptions struct {
	Secrets      []string       // whsec_ and base64; each signs
	AllowPrivate bool           // any address, and plain http
	Roots        *x509.CertPool // of the certificates; the machine's if nil
	Agent        string         // of the header User-Agent
	Resolver     *net.Resolver  // the machine's if nil
}

// Asker asks for something over HTTP and waits for the answer: signed, and with
// the same refusals as a Sender. Its methods may be called from any goroutine.
type Asker struct {
	signers signers
	client  *http.Client
	agent   string
	private bool
}

// Question is one request. Nothing of it is in an error.
type Question struct {
	Method, URL string
	Body        []byte // JSON
	MaxBytes    int    // of the answer
}

// Answer is what came, up to MaxBytes.
type Answer struct {
	Status int
	Body   []byte
	Cut    bool // there was more
}

// NewAsker makes an Asker. Its errors hold no secret.
func NewAsker(o AskerOptions) (*Asker, error) {
	all, err := signersOf(o.Secrets)
	if err != nil {
		return nil, fmt.Errorf("webhooks: asker: %w", err)
	}
	c := client(Options{AllowPrivate: o.AllowPrivate, Roots: o.Roots, Resolver: o.Resolver, Timeout: askTimeout})
	return &Asker{signers: all, client: c, agent: o.Agent, private: o.AllowPrivate}, nil
}

// Allowed reports whether a URL may be asked at all, as far as it can be told
// without looking up where it leads.
func (a *Asker) Allowed(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && a.private)
}

// Ask asks once; each question has an id of its own. An error says that there is no
// answer; any status is one, but for redirects, which are not followed.
func (a *Asker) Ask(ctx context.Context, q Question) (Answer, error) {
	if !a.Allowed(q.URL) {
		return Answer{}, fmt.Errorf("%w: not an https URL", ErrAddress)
	}
	r, err := a.signers.request(ctx, q.Method, q.URL, "ask_"+rand.Text(), q.Body)
	if err != nil {
		return Answer{}, err
	}
	r.Header.Set("User-Agent", a.agent)
	r.Header.Set("Accept", "application/json, text/plain")
	answer, err := a.client.Do(r)
	if err != nil {
		return Answer{}, fmt.Errorf("webhooks: %w", withoutURL(err))
	}
	defer answer.Body.Close()
	if answer.StatusCode >= 300 && answer.StatusCode < 400 {
		return Answer{}, judge(answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, int64(q.MaxBytes)+1))
	if err != nil {
		return Answer{}, fmt.Errorf("webhooks: %w", withoutURL(err))
	}
	cut := len(body) > q.MaxBytes
	return Answer{Status: answer.StatusCode, Body: body[:min(len(body), q.MaxBytes)], Cut: cut}, nil
}

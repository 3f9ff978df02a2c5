// Package webhooks tells others what happened: it makes the bodies, signs them as
// the Standard Webhooks specification says, and posts them to the endpoints that an
// operator has named. A body holds ids, times and closed words, never a number, a
// name or anything that was said. In the same way it asks the tools of agents (Asker),
// whose bodies are their askers'.
//
// It refuses to reach addresses that only this machine or its network can reach, to
// follow redirects, and to read answers at length. It keeps nothing: who calls it
// tries again later. It has no goroutines but those of net/http.
package webhooks

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"slices"
	"time"
)

// Limits of one delivery.
const (
	Timeout     = 15 * time.Second // of all of it
	dialTimeout = 5 * time.Second
	maxHeader   = 16 << 10
	maxAnswer   = 4 << 10 // of which nothing is used
)

// Attempts is how often an event is sent before it is given up: at once, and after
// each of waits.
var Attempts = len(waits) + 1

// waits come to three days and a few hours, as the specification proposes.
var waits = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour,
	10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Wait is how long to wait after the n-th attempt has failed, counted from 1; up to
// a fifth more or less, so that what failed together is not tried together.
func Wait(n int) time.Duration {
	w := waits[min(max(n, 1), len(waits))-1]
	return w - w/5 + rand.N(2*w/5)
}

// ErrGone says that an endpoint answered 410: it wants nothing any more.
var ErrGone = errors.New("webhooks: the endpoint is gone")

// Endpoint is who wants to be told.
type Endpoint struct {
	Name    string
	URL     string   // may hold a secret, and is in no error
	Secrets []string // whsec_ and base64; each signs
	Events  []string // empty: all
}

// Wants reports whether the endpoint wants to be told of an event.
func (e Endpoint) Wants(event string) bool {
	return len(e.Events) == 0 || slices.Contains(e.Events, event)
}

// Options configure a Sender.
type Options struct {
	Endpoints    []Endpoint
	AllowPrivate bool           // any address, and plain http
	Roots        *x509.CertPool // of the endpoints' certificates; the machine's if nil
	Agent        string         // of the header User-Agent
	Timeout      time.Duration  // of one delivery; Timeout if 0
	Resolver     *net.Resolver  // the machine's if nil
}

// Sender posts events. Its methods may be called from any goroutine.
type Sender struct {
	endpoints map[string]endpoint
	client    *http.Client
	agent     string
}

// endpoint is an Endpoint that can be used.
type endpoint struct {
	url     string
	signers signers
}

// New makes a Sender. Its errors hold no secret and no URL.
func New(o Options) (*Sender, error) {
	s := &Sender{endpoints: map[string]endpoint{}, agent: o.Agent}
	for _, e := range o.Endpoints {
		u, err := url.Parse(e.URL)
		if err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !o.AllowPrivate) {
			return nil, fmt.Errorf("webhooks: endpoint %s: not an https URL", e.Name)
		}
		all, err := signersOf(e.Secrets)
		if err != nil {
			return nil, fmt.Errorf("webhooks: endpoint %s: %w", e.Name, err)
		}
		s.endpoints[e.Name] = endpoint{url: e.URL, signers: all}
	}
	if o.Timeout == 0 {
		o.Timeout = Timeout
	}
	s.client = client(o)
	return s, nil
}

// client makes the one HTTP client. It has no proxy, which would reach for it what
// it must not, and uses a connection once, so that each delivery looks up anew
// where it goes.
func client(o Options) *http.Client {
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: o.Resolver}
	if !o.AllowPrivate {
		dialer.ControlContext = refusePrivate
	}
	return &http.Client{
		Timeout:       o.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots},
			TLSHandshakeTimeout: dialTimeout, MaxResponseHeaderBytes: maxHeader, DisableKeepAlives: true, DisableCompression: true,
		},
	}
}

// Send posts a body to the endpoint with this name, once. id names the event, and
// is the same in each attempt. Any answer but 2xx is an error; ErrGone and
// ErrUnknown are those that another attempt does not mend.
func (s *Sender) Send(ctx context.Context, name, id string, body []byte) error {
	to, known := s.endpoints[name]
	if !known {
		return ErrUnknown
	}
	r, err := to.signers.request(ctx, http.MethodPost, to.url, id, body)
	if err != nil {
		return err
	}
	r.Header.Set("User-Agent", s.agent)
	answer, err := s.client.Do(r)
	if err != nil {
		return fmt.Errorf("webhooks: %w", withoutURL(err))
	}
	defer answer.Body.Close()
	io.Copy(io.Discard, io.LimitReader(answer.Body, maxAnswer)) // whatever it says
	return judge(answer.StatusCode)
}

// ErrUnknown says that there is no endpoint of this name any more.
var ErrUnknown = errors.New("webhooks: no such endpoint")

// judge says what the status of an answer means.
func judge(status int) error {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status == http.StatusGone:
		return ErrGone
	case status >= 300 && status < 400:
		return fmt.Errorf("webhooks: answered %d; redirects are not followed", status)
	}
	return fmt.Errorf("webhooks: answered %d", status)
}

// withoutURL takes the URL off an error of net/http: its path may be a secret.
func withoutURL(err error) error {
	var e *url.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}

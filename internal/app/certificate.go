package app

import (
	"crypto/tls"
	"os"
	"sync"
	"time"
)

// certificateAge is how often the certificate files are looked at for a change.
const certificateAge = 10 * time.Second

// certificate is a pair of PEM files, read again when either has changed. A
// pair that does not fit is passed over: the one before stays in use.
type certificate struct {
	certFile, keyFile string

	mu     sync.Mutex
	pair   *tls.Certificate
	stamp  [2]time.Time
	looked time.Time
}

func newCertificate(certFile, keyFile string) (*certificate, error) {
	c := &certificate{certFile: certFile, keyFile: keyFile}
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		return nil, err
	}
	c.pair, c.stamp, c.looked = &pair, c.modified(), time.Now()
	return c, nil
}

// get is a tls.Config's GetCertificate.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.looked) < certificateAge {
		return c.pair, nil
	}
	c.looked = time.Now()
	if stamp := c.modified(); stamp != c.stamp {
		if pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile); err == nil {
			c.pair, c.stamp = &pair, stamp
		}
	}
	return c.pair, nil
}

// modified returns when the two files were last changed.
func (c *certificate) modified() (stamp [2]time.Time) {
	for i, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			stamp[i] = info.ModTime()
		}
	}
	return stamp
}

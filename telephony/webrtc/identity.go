package webrtc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"sync"
	"time"

	pion "github.com/pion/webrtc/v4"
)

// renewBefore is how long before its end a certificate is no longer given to new
// connections; those that have it do not look at it again.
const renewBefore = 7 * 24 * time.Hour

// identity is the certificate that all connections share; its fingerprint in the
// answer, which comes over HTTPS, is what makes it ours.
type identity struct {
	mu   sync.Mutex
	cert *pion.Certificate
}

func (i *identity) get() (pion.Certificate, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.cert == nil || time.Until(i.cert.Expires()) < renewBefore {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			return pion.Certificate{}, fmt.Errorf("webrtc: make a key: %w", err)
		}
		if i.cert, err = pion.GenerateCertificate(key); err != nil {
			return pion.Certificate{}, fmt.Errorf("webrtc: make a certificate: %w", err)
		}
	}
	return *i.cert, nil
}

package webhooks

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// errSecret says what a secret looks like.
var errSecret = errors.New("a secret is whsec_ and the base64 of 24 to 64 random bytes")

// CheckSecret says whether a secret is as the specification wants it.
func CheckSecret(secret string) error {
	text, prefixed := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(text)
	if !prefixed || err != nil || len(key) < 24 || len(key) > 64 {
		return errSecret
	}
	return nil
}

// signers sign each request, one signature each, so that a secret can be replaced.
type signers []*standardwebhooks.Webhook

// signersOf makes the signers of secrets, of which there must be one at least.
func signersOf(secrets []string) (all signers, err error) {
	for _, secret := range secrets {
		if err := CheckSecret(secret); err != nil {
			return nil, err
		}
		one, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			return nil, errSecret
		}
		all = append(all, one)
	}
	if len(all) == 0 {
		return nil, errors.New("no secret")
	}
	return all, nil
}

// request makes a signed request with a body of JSON.
func (all signers) request(ctx context.Context, method, url, id string, body []byte) (*http.Request, error) {
	r, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("webhooks: not a URL")
	}
	now := time.Now()
	signatures := make([]string, 0, len(all))
	for _, signer := range all {
		signature, err := signer.Sign(id, now, body)
		if err != nil {
			return nil, fmt.Errorf("webhooks: sign: %w", err)
		}
		signatures = append(signatures, signature)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(standardwebhooks.HeaderWebhookID, id)
	r.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	r.Header.Set(standardwebhooks.HeaderWebhookSignature, strings.Join(signatures, " "))
	return r, nil
}

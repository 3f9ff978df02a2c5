package sim

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
)

// Sign returns the X-Twilio-Signature of a request: the HMAC-SHA1, keyed with
// the account's auth token, of the URL as written followed by each form key, in
// byte order, with its distinct values in order. A GET and a WebSocket upgrade
// have no form. Source: Twilio, "Webhooks security".
func Sign(authToken, rawURL string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(authToken))
	mac.Write([]byte(rawURL))
	for _, key := range slices.Sorted(maps.Keys(form)) {
		for _, value := range slices.Compact(slices.Sorted(slices.Values(form[key]))) {
			mac.Write([]byte(key + value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

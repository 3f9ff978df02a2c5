package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base64"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// Sign returns the X-Twilio-Signature of a request: the base64 of the
// HMAC-SHA1, under the account's auth token, of the URL as it is written and,
// for a form, of each key in byte order with its distinct values in byte order.
// A WebSocket upgrade is signed over its ws(s) URL and no form.
//
// Source: https://www.twilio.com/docs/usage/security#validating-requests. What
// that page leaves open (order, repeats, ports) follows the vendor's libraries.
func Sign(authToken, rawURL string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(authToken))
	mac.Write([]byte(rawURL))
	for _, key := range slices.Sorted(maps.Keys(form)) {
		values := slices.Compact(slices.Sorted(slices.Values(form[key])))
		for _, value := range values {
			mac.Write([]byte(key))
			mac.Write([]byte(value))
		}
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// signed reports whether signature is right for one of the URLs under one of
// the tokens. It always tries all of them. An empty token never matches.
func signed(authTokens, urls []string, form url.Values, signature string) bool {
	match := 0
	for _, token := range authTokens {
		if token == "" {
			continue
		}
		for _, u := range urls {
			match |= subtle.ConstantTimeCompare([]byte(Sign(token, u, form)), []byte(signature))
		}
	}
	return match == 1
}

// signedURLs lists the ways in which the vendor may have written the URL that
// it signed: target (path and raw query, as in the request line) under the
// configured public base URL, as configured, without its port, and with the
// scheme's default port. Nothing goes through net/url, which would re-encode it.
func signedURLs(publicURL, target string) []string {
	scheme, rest, _ := strings.Cut(publicURL, "://")
	host, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		host, path = rest[:i], strings.TrimRight(rest[i:], "/")
	}
	tail := path + target
	bare, port := splitPort(host)
	standard := "443"
	if strings.EqualFold(scheme, "http") || strings.EqualFold(scheme, "ws") {
		standard = "80"
	}
	urls := []string{scheme + "://" + bare + tail}
	if port != "" && port != standard {
		return append(urls, scheme+"://"+host+tail)
	}
	return append(urls, scheme+"://"+bare+":"+standard+tail)
}

// signedStreamURLs is signedURLs for the upgrade of a media stream, with and
// without a slash at the end.
func signedStreamURLs(publicURL, target string) []string {
	path, query, found := strings.Cut(target, "?")
	if found {
		query = "?" + query
	}
	path = strings.TrimRight(path, "/")
	base := streamScheme(publicURL)
	return append(signedURLs(base, path+query), signedURLs(base, path+"/"+query)...)
}

// streamScheme turns http(s):// into ws(s)://.
func streamScheme(publicURL string) string {
	if len(publicURL) >= 4 && strings.EqualFold(publicURL[:4], "http") {
		return "ws" + publicURL[4:]
	}
	return publicURL
}

// splitPort splits user@[::1]:8080 at the port; port is empty if there is none.
func splitPort(host string) (bare, port string) {
	i := strings.LastIndexByte(host, ':')
	if i < 0 || strings.IndexByte(host[i:], ']') >= 0 || strings.IndexByte(host[i:], '@') >= 0 {
		return host, ""
	}
	return host[:i], host[i+1:]
}

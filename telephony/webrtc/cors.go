package webrtc

import (
	"net/http"
	"net/url"
	"strings"
)

// What a page of an allowed origin may send and read across origins.
const (
	corsAllow  = "Authorization, Content-Type, If-Match"
	corsExpose = "ETag, Accept-Patch, Link, Location, Retry-After"
	corsMaxAge = "600"
)

// canonicalOrigin writes an origin as browsers do in the Origin header: scheme
// and host in small letters, no default port, nothing after it. It reports
// false for what is no origin of a web page.
func canonicalOrigin(s string) (string, bool) {
	u, err := url.Parse(strings.TrimSuffix(s, "/"))
	if err != nil || u.Host == "" || u.Hostname() == "" || u.User != nil || u.Opaque != "" ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" || u.ForceQuery {
		return "", false
	}
	host := strings.ToLower(u.Host)
	switch scheme := strings.ToLower(u.Scheme); scheme {
	case "http":
		return scheme + "://" + strings.TrimSuffix(host, ":80"), true
	case "https":
		return scheme + "://" + strings.TrimSuffix(host, ":443"), true
	default:
		return "", false
	}
}

// ownPage reports whether an origin is that of the request's own target: a page
// of this gateway, whatever name of it the browser was given.
func ownPage(origin string, r *http.Request) bool {
	_, host, found := strings.Cut(origin, "://")
	return found && strings.EqualFold(host, r.Host)
}

// cors writes the headers of RFC 9110 and Fetch that let a page of an allowed
// origin read the answer. It reports false when the request names an origin
// that is not allowed; a request without one does not come from a page, and its
// token speaks for it.
func (s *Server) cors(w http.ResponseWriter, r *http.Request) bool {
	h := w.Header()
	h.Add("Vary", "Origin")
	origins := r.Header.Values("Origin")
	if len(origins) == 0 {
		return true
	}
	if len(origins) > 1 || !s.origins[origins[0]] && !ownPage(origins[0], r) {
		return false
	}
	h.Set("Access-Control-Allow-Origin", origins[0])
	h.Set("Access-Control-Expose-Headers", corsExpose)
	return true
}

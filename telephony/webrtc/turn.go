package webrtc

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// links tells a browser of the TURN servers, with credentials for one session,
// in the Link headers of RFC 9725, section 4.6. The credentials are those of the
// long-term mechanism (RFC 8489, section 9.2) as coturn's use-auth-secret makes
// them: the user name begins with when it expires, and the password is the user
// name's HMAC-SHA1.
func (t TURN) links(h http.Header, session string, now time.Time) {
	if len(t.URLs) == 0 {
		return
	}
	user := strconv.FormatInt(now.Add(t.TTL).Unix(), 10) + ":" + session
	mac := hmac.New(sha1.New, []byte(t.Secret))
	mac.Write([]byte(user))
	credential := base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, url := range t.URLs {
		h.Add("Link", fmt.Sprintf(`<%s>; rel="ice-server"; username="%s"; credential="%s"; credential-type="password"`,
			url, user, credential))
	}
}

// check reports what a browser could not use.
func (t TURN) check() error {
	for _, url := range t.URLs {
		scheme, host, _ := strings.Cut(url, ":")
		if scheme != "turn" && scheme != "turns" || host == "" || strings.ContainsAny(url, "<>\"\r\n ,;") {
			return fmt.Errorf("webrtc: %q is not the URL of a TURN server, such as turn:turn.example.com:3478?transport=udp", url)
		}
	}
	if len(t.URLs) > 0 && (t.Secret == "" || t.TTL < time.Minute) {
		return fmt.Errorf("webrtc: TURN servers need a secret, and credentials that live for a minute at least")
	}
	return nil
}

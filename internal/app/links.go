package app

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// linkLives is how long a link works unless another time is asked for.
const linkLives = 15 * time.Minute

// links makes and checks signed links to what a call has left. A link is an HMAC
// over the call, its expiry and a number of its own; whoever has it is let in.
type links struct {
	key     []byte
	longest time.Duration // 0: none are made
}

// The reasons for which a link lets nobody in.
var (
	errLink        = errors.New("this is no link to this call; ask whoever gave it to you")
	errLinkExpired = errors.New("this link has expired; ask for a new one")
	errLinkRevoked = errors.New("this link was taken back; ask for a new one")
)

// revokedEvent is the event of rows that say that the links to a call which were made
// before let nobody in any more.
const revokedEvent = "links_revoked"

// sign returns the code of a link.
func (l links) sign(call, expires, number string) string {
	h := hmac.New(sha256.New, l.key)
	fmt.Fprintf(h, "sidetone link 1\n%s\n%s\n%s\n", call, expires, number)
	return hex.EncodeToString(h.Sum(nil))
}

// madeDigits are those of a link's number that say when it was made: milliseconds, in
// hexadecimal.
const madeDigits = 12

// mint makes a link to a call: its text, and the number by which the ledger knows
// it.
func (l links) mint(call string, expires time.Time) (text, number string) {
	var raw [8]byte
	rand.Read(raw[:])
	number, at := fmt.Sprintf("%0*x%x", madeDigits, time.Now().UnixMilli(), raw), strconv.FormatInt(expires.Unix(), 10)
	return at + "." + number + "." + l.sign(call, at, number), number
}

// check returns the number of a link to a call.
func (l links) check(call, text string, now time.Time) (number string, err error) {
	at, rest, _ := strings.Cut(text, ".")
	number, code, _ := strings.Cut(rest, ".")
	if !hmac.Equal([]byte(code), []byte(l.sign(call, at, number))) {
		return "", errLink
	}
	expires, err := strconv.ParseInt(at, 10, 64)
	if err != nil {
		return "", errLink
	}
	if now.Unix() >= expires {
		return "", errLinkExpired
	}
	return number, nil
}

// revoked returns errLinkRevoked if the link to a call with this number, which has
// been checked, was taken back.
func (a *App) revoked(ctx context.Context, call, number string) error {
	made, err := strconv.ParseInt(number[:min(len(number), madeDigits)], 16, 64)
	if err != nil {
		return errLink
	}
	rows, err := a.ledger.Rows(ctx, call)
	for _, r := range rows {
		if r.Event == revokedEvent && made <= r.At.UnixMilli() {
			return errLinkRevoked
		}
	}
	return err
}

// linked is the key of the number of the link by which a request came in.
type linked struct{}

// byLinkOf returns who reads by a request: somebody with a link, and which, or the
// operator.
func byLinkOf(r *http.Request) (reader, string) {
	if number, ok := r.Context().Value(linked{}).(string); ok {
		return byLink, number
	}
	return byOperator, ""
}

// linkedParts are the parts of a call that a link is good for.
var linkedParts = []string{string(theRecording), string(theTranscript), string(theClip), "snippets"}

// linkedCall returns the call of which a request asks for such a part; "" where it
// asks for something else.
func linkedCall(r *http.Request) string {
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/calls/")
	call, part, _ := strings.Cut(rest, "/")
	if of, id, _ := strings.Cut(part, "/"); of == "snippets" && id != "" {
		part = of
	}
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead || !slices.Contains(linkedParts, part) {
		return ""
	}
	return call
}

// byLinkOnly lets in a request with a link, and only to what the link is for.
func (a *App) byLinkOnly(w http.ResponseWriter, r *http.Request, next http.Handler) {
	call := linkedCall(r)
	number, err := a.links.check(call, r.URL.Query().Get("link"), time.Now())
	if call != "" && err == nil {
		err = a.revoked(r.Context(), call, number)
	}
	switch {
	case call == "":
		http.Error(w, "a link is good for a recording, its transcript and its snippets", http.StatusForbidden)
	case errors.Is(err, errLinkExpired), errors.Is(err, errLinkRevoked):
		http.Error(w, err.Error(), http.StatusGone)
	case errors.Is(err, errLink):
		http.Error(w, err.Error(), http.StatusForbidden)
	case err != nil:
		a.log.Error("a link can not be looked up", "call", call, "link", number, "err", err)
		http.Error(w, "it can not be read at the moment", http.StatusServiceUnavailable)
	default:
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), linked{}, number)))
	}
}

// linkRequest is the body of a request for a link.
type linkRequest struct {
	Seconds int `json:"expires_in,omitempty"`
}

// Link is a link to what a call has left.
type Link struct {
	Recording  string    `json:"recording"` // URLs
	Transcript string    `json:"transcript"`
	Expires    time.Time `json:"expires"`
	Number     string    `json:"link"` // by which rows of the ledger name it
}

// makeLink answers with links to the recording and the transcript of a call.
func (a *App) makeLink(w http.ResponseWriter, r *http.Request) {
	var in linkRequest
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxCommand))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil && !errors.Is(err, io.EOF) {
		http.Error(w, "not understood: "+err.Error(), http.StatusBadRequest)
		return
	}
	lives := time.Duration(in.Seconds) * time.Second
	switch longest := a.links.longest; {
	case longest == 0:
		http.Error(w, "server.link_life is 0s: no links are made", http.StatusForbidden)
		return
	case in.Seconds < 0 || lives > longest || lives/time.Second != time.Duration(in.Seconds):
		http.Error(w, fmt.Sprintf("expires_in must be 1 to %.0f seconds", longest.Seconds()), http.StatusBadRequest)
		return
	default:
		lives = cmp.Or(lives, min(linkLives, longest))
	}
	c, err := a.db.Call(r.Context(), r.PathValue("id"))
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	link := Link{Expires: time.Now().Add(lives).Truncate(time.Second).UTC()}
	var text string
	text, link.Number = a.links.mint(c.ID, link.Expires)
	query := url.Values{"link": {text}}
	link.Recording = a.operatorURL(r, query, c.ID, string(theRecording))
	link.Transcript = a.operatorURL(r, query, c.ID, string(theTranscript))
	a.log.Info("link made", "call", c.ID, "link", link.Number, "expires", link.Expires)
	a.answerAs(w, http.StatusCreated, link)
}

// operatorURL is where something of a call is had from the operator's listener: under
// the address by which it is reached as the configuration says, or by which a request
// came.
func (a *App) operatorURL(r *http.Request, query url.Values, call string, path ...string) string {
	base := cmp.Or(a.config.Server.AdminURL, "http://"+r.Host)
	at := base + "/api/v1/calls/" + url.PathEscape(call)
	for _, part := range path {
		at += "/" + url.PathEscape(part)
	}
	if len(query) > 0 {
		at += "?" + query.Encode()
	}
	return at
}

// Revoked says that the links to a call that were made before let nobody in.
type Revoked struct {
	Call string    `json:"call"`
	At   time.Time `json:"revoked_at"`
}

// revokeLinks takes back all links to a call that were made so far.
func (a *App) revokeLinks(w http.ResponseWriter, r *http.Request) {
	c, err := a.db.Call(r.Context(), r.PathValue("id"))
	if err == nil {
		_, err = a.ledger.Append(r.Context(), c.ID, revokedEvent, []byte("{}"))
	}
	if err != nil {
		a.answer(w, nil, err)
		return
	}
	a.log.Info("links taken back", "call", c.ID)
	a.answerAs(w, http.StatusOK, Revoked{c.ID, time.Now().UTC().Truncate(time.Millisecond)})
}

// snippetURLs is where the snippets of a take are had, by whoever asks for its
// transcript in this way.
func (a *App) snippetURLs(r *http.Request, call, take string) func(id string) string {
	query := url.Values{}
	if link := r.URL.Query().Get("link"); link != "" {
		query.Set("link", link)
	}
	if take != takeName(1) {
		query.Set("take", take)
	}
	return func(id string) string { return a.operatorURL(r, query, call, "snippets", id) }
}

package app

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sidetone/configs"
	"sidetone/store"
)

// TestLinksAreForOneCall holds what a link opens, and until when.
func TestLinksAreForOneCall(t *testing.T) {
	ours, theirs := links{key: []byte("a key")}, links{key: []byte("another key")}
	now := time.Unix(1_800_000_000, 0)
	link, number := ours.mint("c1", now.Add(time.Minute))
	forged, _ := theirs.mint("c1", now.Add(time.Minute))
	other, _ := ours.mint("c2", now.Add(time.Minute))
	expiry, rest, _ := strings.Cut(link, ".")
	for name, test := range map[string]struct {
		text string
		at   time.Time
		want error
	}{
		"good":               {link, now, nil},
		"good, to the last":  {link, now.Add(59 * time.Second), nil},
		"expired":            {link, now.Add(time.Minute), errLinkExpired},
		"of another gateway": {forged, now, errLink},
		"to another call":    {other, now, errLink},
		"made to live":       {"9" + expiry[1:] + "." + rest, now, errLink},
		"cut":                {link[:len(link)-1], now, errLink},
		"longer":             {link + "0", now, errLink},
		"nothing":            {"", now, errLink},
		"dots":               {"...", now, errLink},
	} {
		got, err := ours.check("c1", test.text, test.at)
		if !errors.Is(err, test.want) || (got == number) != (test.want == nil) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if again, _ := ours.mint("c1", now.Add(time.Minute)); again == link {
		t.Error("two links are the same")
	}
	if _, err := ours.check("c1\n"+expiry, "", now); !errors.Is(err, errLink) {
		t.Errorf("an odd call: %v", err)
	}
}

// FuzzLinks holds that nothing but what was minted is a link.
func FuzzLinks(f *testing.F) {
	l, now := links{key: []byte("a key")}, time.Unix(1_800_000_000, 0)
	good, _ := l.mint("c1", now.Add(time.Minute))
	for _, text := range []string{good, "", "..", "1.2.3", good + ".x", "-" + good} {
		f.Add("c1", text)
	}
	f.Fuzz(func(t *testing.T, call, text string) {
		if number, err := l.check(call, text, now); (err == nil) != (call == "c1" && text == good) {
			t.Errorf("a link to %q: %q is %q, %v", call, text, number, err)
		}
	})
}

// TestLinksOpenNothingElse holds what the operator's listener lets a request with
// a link do, also where it has the token too.
func TestLinksOpenNothingElse(t *testing.T) {
	a := &App{config: &configs.Config{}, links: links{key: []byte("a key")}, ledger: ledgerIn(t, store.LedgerOptions{}), log: newLog(t.Output())}
	a.config.Server.AdminToken = "the token of the operator"
	good, number := a.links.mint("c1", time.Now().Add(time.Minute))
	old, _ := a.links.mint("c1", time.Now().Add(-time.Second))
	back, _ := a.links.mint("c3", time.Now().Add(time.Minute))
	elsewhere, elsewheres := a.links.mint("c4", time.Now().Add(time.Minute))
	if _, err := a.ledger.Append(t.Context(), "c3", revokedEvent, []byte("{}")); err != nil {
		t.Fatal(err)
	}
	<-time.After(2 * time.Millisecond) // links made in the same one are taken back too
	fresh, freshs := a.links.mint("c3", time.Now().Add(time.Minute))
	numbers := map[string]string{good: number, elsewhere: elsewheres, fresh: freshs}
	seen := ""
	guarded := a.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		by, link := byLinkOf(r)
		seen = string(by) + " " + link
	}))
	for _, test := range []struct {
		method, target string
		token          bool
		status         int
		says           string
	}{
		{"GET", "/api/v1/calls/c1/recording?link=" + good, false, 200, ""},
		{"GET", "/api/v1/calls/c1/recording?link=" + good, true, 200, ""},
		{"HEAD", "/api/v1/calls/c1/recording?channel=left&link=" + good, false, 200, ""},
		{"GET", "/api/v1/calls/c1/transcript?link=" + good, false, 200, ""},
		{"GET", "/api/v1/calls/c1/recording?link=" + old, false, 410, "expired"},
		{"GET", "/api/v1/calls/c3/recording?link=" + back, false, 410, "taken back"},
		{"GET", "/api/v1/calls/c3/snippets/000001?link=" + back, false, 410, "taken back"},
		{"GET", "/api/v1/calls/c3/recording?link=" + fresh, false, 200, ""},
		{"GET", "/api/v1/calls/c4/recording?link=" + elsewhere, false, 200, ""},
		{"DELETE", "/api/v1/calls/c1/links?link=" + good, false, 403, "recording"},
		{"GET", "/api/v1/calls/c2/recording?link=" + good, false, 403, "no link to this call"},
		{"GET", "/api/v1/calls/c1/recording?link=x", false, 403, "no link to this call"},
		{"GET", "/api/v1/calls/c1/recording?link=x", true, 403, "no link to this call"},
		{"GET", "/api/v1/calls/c1/recording?link=", false, 403, "no link"},
		{"GET", "/api/v1/calls/c1/recording", false, 401, "token"},
		{"GET", "/api/v1/calls/c1?link=" + good, true, 403, "recording"},
		{"GET", "/api/v1/calls/c1/recording/?link=" + good, false, 403, "recording"},
		{"GET", "/api/v1/calls//recording?link=" + good, false, 403, "recording"},
		{"GET", "/api/v1/calls?link=" + good, false, 403, "recording"},
		{"GET", "/metrics?link=" + good, false, 403, "recording"},
		{"POST", "/api/v1/calls/c1/links?link=" + good, false, 403, "recording"},
		{"POST", "/api/v1/calls/c1/recording?link=" + good, false, 403, "recording"},
	} {
		seen = ""
		r := httptest.NewRequest(test.method, test.target, nil)
		if test.token {
			r.Header.Set("Authorization", "Bearer the token of the operator")
		}
		w := httptest.NewRecorder()
		guarded.ServeHTTP(w, r)
		if w.Code != test.status || !strings.Contains(w.Body.String(), test.says) {
			t.Errorf("%s %s: %d %q", test.method, test.target, w.Code, w.Body)
		}
		if want := "link " + numbers[r.URL.Query().Get("link")]; (seen == want) != (test.status == 200) {
			t.Errorf("%s %s came in as %q", test.method, test.target, seen)
		}
	}
}

// TestLinksBehindAProxy begin with the address by which operators reach the listener.
func TestLinksBehindAProxy(t *testing.T) {
	a := &App{config: &configs.Config{}}
	r := httptest.NewRequest("GET", "/api/v1/calls/c1/transcript?link=a.b.c&format=text", nil)
	for admin, want := range map[string]string{
		"":                        "http://example.com/api/v1/calls/c1/snippets/000001?link=a.b.c&take=t2",
		"https://ops.example.org": "https://ops.example.org/api/v1/calls/c1/snippets/000001?link=a.b.c&take=t2",
	} {
		a.config.Server.AdminURL = admin
		if got := a.snippetURLs(r, "c1", "t2")("000001"); got != want {
			t.Errorf("with %q: %s", admin, got)
		}
	}
}

package twilio

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"net/url"
	"slices"
	"testing"
)

// mac signs the data of a vector, written out by the rules.
func mac(token, data string) string {
	h := hmac.New(sha1.New, []byte(token))
	h.Write([]byte(data))
	return base64.StdEncoding.EncodeToString(h.Sum(nil))
}

func TestSign(t *testing.T) {
	tests := map[string]struct {
		url  string
		form string
		data string
	}{
		"url alone":              {"https://h/p?a=1&b=2", "", "https://h/p?a=1&b=2"},
		"keys in byte order":     {"https://h/p", "b=2&a=1&B=3&_=4", "https://h/pB3_4a1b2"},
		"keys, not joined lines": {"https://h/p", "ReasonConferenceEnded=x&Reason=zz", "https://h/pReasonzzReasonConferenceEndedx"},
		"repeats are distinct":   {"https://h/p", "k=b&k=a&k=b", "https://h/pkakb"},
		"empty value":            {"https://h/p", "k=&a=1", "https://h/pa1k"},
		"decoded, untrimmed":     {"https://h/p", "k=+a+%2B1+", "https://h/pk a +1 "},
		"not only ASCII":         {"https://h/caf\u00e9", "Body=\u00fc", "https://h/caf\u00e9Body\u00fc"},
		"mixed-case host":        {"https://Voice.Example.COM/p", "", "https://Voice.Example.COM/p"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			form, err := url.ParseQuery(test.form)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := Sign("secret", test.url, form), mac("secret", test.data); got != want {
				t.Errorf("signature %s, want that of %q", got, test.data)
			}
		})
	}
}

// The vendor's documented example.
func TestSignVendorExample(t *testing.T) {
	form := url.Values{"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
		"From": {"+14158675309"}, "To": {"+18005551212"}}
	const want = "RSOYDt4T1cUTdK1PDd93/VVr8B8="
	if got := Sign("12345", "https://mycompany.com/myapp.php?foo=1&bar=2", form); got != want {
		t.Errorf("signature %s, want %s", got, want)
	}
}

func TestSigned(t *testing.T) {
	const good = "https://h/p"
	form := url.Values{"a": {"1"}}
	sig := Sign("new", good, form)
	tests := map[string]struct {
		tokens []string
		urls   []string
		sig    string
		want   bool
	}{
		"right":              {[]string{"new"}, []string{good}, sig, true},
		"second token":       {[]string{"old", "new"}, []string{good}, sig, true},
		"second url":         {[]string{"new"}, []string{"https://h:443/p", good}, sig, true},
		"twice the same":     {[]string{"new", "new"}, []string{good, good}, sig, true},
		"wrong token":        {[]string{"old"}, []string{good}, sig, false},
		"other url":          {[]string{"new"}, []string{"https://h/q"}, sig, false},
		"missing":            {[]string{"new"}, []string{good}, "", false},
		"cut":                {[]string{"new"}, []string{good}, sig[:len(sig)-1], false},
		"no tokens":          {nil, []string{good}, sig, false},
		"empty token is off": {[]string{""}, []string{good}, Sign("", good, form), false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := signed(test.tokens, test.urls, form, test.sig); got != test.want {
				t.Errorf("signed is %v, want %v", got, test.want)
			}
		})
	}
}

func TestSignedURLs(t *testing.T) {
	tests := map[string]struct {
		base, target string
		want         []string
	}{
		"no port":          {"https://h", "/p?q=1", []string{"https://h/p?q=1", "https://h:443/p?q=1"}},
		"default port":     {"https://h:443", "/p", []string{"https://h/p", "https://h:443/p"}},
		"other port":       {"https://h:8443", "/p", []string{"https://h/p", "https://h:8443/p"}},
		"plain":            {"http://h", "/p", []string{"http://h/p", "http://h:80/p"}},
		"path prefix":      {"https://h/voice/", "/p", []string{"https://h/voice/p", "https://h:443/voice/p"}},
		"IPv6":             {"https://[::1]", "/p", []string{"https://[::1]/p", "https://[::1]:443/p"}},
		"IPv6 and port":    {"https://[::1]:99", "/p", []string{"https://[::1]/p", "https://[::1]:99/p"}},
		"password":         {"https://u:pw@h", "/p", []string{"https://u:pw@h/p", "https://u:pw@h:443/p"}},
		"written as it is": {"https://H.Example", "/caf\u00e9 %2f", []string{"https://H.Example/caf\u00e9 %2f", "https://H.Example:443/caf\u00e9 %2f"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := signedURLs(test.base, test.target); !slices.Equal(got, test.want) {
				t.Errorf("urls %q, want %q", got, test.want)
			}
		})
	}
}

func TestSignedStreamURLs(t *testing.T) {
	want := []string{"wss://h/s", "wss://h:443/s", "wss://h/s/", "wss://h:443/s/"}
	if got := signedStreamURLs("https://h", "/s"); !slices.Equal(got, want) {
		t.Errorf("urls %q, want %q", got, want)
	}
	want = []string{"ws://h/s?a", "ws://h:8080/s?a", "ws://h/s/?a", "ws://h:8080/s/?a"}
	if got := signedStreamURLs("http://h:8080", "/s/?a"); !slices.Equal(got, want) {
		t.Errorf("urls %q, want %q", got, want)
	}
}

func FuzzSplitPort(f *testing.F) {
	for _, s := range []string{"h", "h:1", "[::1]", "[::1]:1", "u:p@h", "u:p@h:1", ":", ""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		bare, port := splitPort(host)
		if joined := bare + ":" + port; bare != host && joined != host {
			t.Errorf("%q was split into %q and %q", host, bare, port)
		}
	})
}

package sim

import (
	"net/url"
	"testing"
)

func TestSign(t *testing.T) {
	tests := []struct {
		name, url string
		form      url.Values
		want      string
	}{
		// The example of Twilio's own documentation and libraries.
		{"form", "https://mycompany.com/myapp.php?foo=1&bar=2", url.Values{
			"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
			"From": {"+14158675309"}, "To": {"+18005551212"},
		}, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
	}
	for _, tt := range tests {
		if got := Sign("12345", tt.url, tt.form); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
	repeated := Sign("k", "https://h/", url.Values{"b": {"2", "1", "2"}, "a": {""}})
	if want := Sign("k", "https://h/", url.Values{"b": {"1", "2"}, "a": {""}}); repeated != want {
		t.Errorf("repeated values sign as %s, want those of the distinct, sorted ones: %s", repeated, want)
	}
	if want := Sign("k", "https://h/ab1b2", nil); repeated != want {
		t.Errorf("keys and values are joined to %s, want %s", repeated, want)
	}
}

package main

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"

	"sidetone/internal/app"
	"sidetone/internal/sim"
)

// numbersCLI returns a function that runs `sidetone numbers` against an account
// that owns a number and can buy another; it returns what was printed.
func numbersCLI(t *testing.T) (*sim.REST, func(args ...string) (string, error)) {
	t.Helper()
	const account, key, secret = "AC00000000000000000000000000000001", "SK00000000000000000000000000000001", "keysecret"
	fake := sim.NewREST(sim.RESTOptions{AccountSID: account, User: key, Password: secret,
		Owned:     []sim.OwnedNumber{{PhoneNumber: "+14155550100"}},
		Available: []sim.AvailableNumber{{Kind: "Local", IsoCountry: "US", PhoneNumber: "+14155550101"}}})
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"SIDETONE_SERVER_PUBLIC_URL":               "https://voice.example.org",
		"SIDETONE_TELEPHONY_TWILIO_ACCOUNT_SID":    account,
		"SIDETONE_TELEPHONY_TWILIO_API_KEY_SID":    key,
		"SIDETONE_TELEPHONY_TWILIO_API_KEY_SECRET": secret,
		"SIDETONE_TELEPHONY_TWILIO_API_BASE_URL":   server.URL,
	} {
		t.Setenv(name, value)
	}
	return fake, func(args ...string) (string, error) {
		t.Helper()
		return printedBy(t, append([]string{"numbers"}, args...)...)
	}
}

func TestNumbersLife(t *testing.T) {
	fake, run := numbersCLI(t)
	for _, step := range []struct{ args, printed string }{
		{"search --country US --area-code 415 --contains 555 --limit 3", "+14155550101"},
		{"buy +14155550101", "yes   POST https://voice.example.org/twilio/voice"},
		{"list", "+14155550100  +14155550100"},
		{"attach +14155550100", "yes   POST https://voice.example.org/twilio/voice"},
		{"release +14155550101 --yes", "released +14155550101"},
	} {
		printed, err := run(strings.Fields(step.args)...)
		if err != nil || !strings.Contains(printed, step.printed) {
			t.Errorf("%s: printed %q, %v", step.args, printed, err)
		}
	}
	if owned := fake.Owned(); len(owned) != 1 || owned[0].VoiceURL != "https://voice.example.org/twilio/voice" {
		t.Errorf("left are %+v", owned)
	}
}

func TestNumbersAsJSON(t *testing.T) {
	_, run := numbersCLI(t)
	printed, err := run("list", "--json")
	var numbers []app.Number
	if err := json.Unmarshal([]byte(printed), &numbers); err != nil || len(numbers) != 1 || numbers[0].Number != "+14155550100" {
		t.Errorf("printed %q: %v", printed, err)
	}
	if err != nil {
		t.Error(err)
	}
	printed, err = run("search", "--country", "FR", "--json")
	if err != nil || strings.TrimSpace(printed) != "[]" {
		t.Errorf("printed %q, %v", printed, err)
	}
}

func TestNumbersRefusals(t *testing.T) {
	fake, run := numbersCLI(t)
	for args, names := range map[string]string{
		"release +14155550100": "--yes",
		"buy +15005550000":     "21422",
		"buy 4155550101":       "country code",
		"search --type pager":  "toll-free",
	} {
		if _, err := run(strings.Fields(args)...); err == nil || !strings.Contains(err.Error(), names) {
			t.Errorf("%s: %v, wanted %s in it", args, err, names)
		}
	}
	for env, names := range map[string]string{
		"SIDETONE_SERVER_PUBLIC_URL":            "server.public_url",
		"SIDETONE_TELEPHONY_TWILIO_ACCOUNT_SID": "telephony.twilio.account_sid",
	} {
		t.Run("without "+env, func(t *testing.T) {
			t.Setenv(env, "")
			if _, err := run("attach", "+14155550100"); err == nil || !strings.Contains(err.Error(), names) {
				t.Errorf("%v, wanted %s in it", err, names)
			}
		})
	}
	if len(fake.Owned()) != 1 {
		t.Errorf("left are %+v", fake.Owned())
	}
}

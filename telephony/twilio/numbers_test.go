package twilio

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"sidetone/internal/sim"
)

const (
	testAccount = "AC00000000000000000000000000000001"
	testToken   = "f00dfeedf00dfeedf00dfeedf00dfeed"
	testPublic  = "https://voice.example.org"
)

// numbersAt returns the numbers of the test account at base.
func numbersAt(t *testing.T, base string, h *http.Client) *Numbers {
	t.Helper()
	n, err := NewNumbers(NumbersOptions{
		AccountSID: testAccount, Secret: testToken, BaseURL: base, PublicURL: testPublic, HTTP: h})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// startREST serves the API of the test account on loopback.
func startREST(t *testing.T, o sim.RESTOptions) (*sim.REST, *Numbers) {
	t.Helper()
	o.AccountSID, o.Password = testAccount, testToken
	fake := sim.NewREST(o)
	server := httptest.NewServer(fake)
	t.Cleanup(server.Close)
	return fake, numbersAt(t, server.URL, server.Client())
}

func forSale(kind, country, number string) sim.AvailableNumber {
	latitude := "37.7749"
	return sim.AvailableNumber{Kind: kind, IsoCountry: country, PhoneNumber: number,
		Locality: "Springfield", Latitude: &latitude, AddressRequirements: "none"}
}

func TestNumbersNeedAnAccount(t *testing.T) {
	for _, test := range []struct {
		options NumbersOptions
		names   string
	}{
		{NumbersOptions{Secret: testToken}, "telephony.twilio.account_sid"},
		{NumbersOptions{AccountSID: testAccount}, "telephony.twilio.auth_tokens"},
		{NumbersOptions{AccountSID: testAccount, KeySID: "SK1"}, "telephony.twilio.api_key_secret"},
	} {
		if _, err := NewNumbers(test.options); err == nil || !strings.Contains(err.Error(), test.names) {
			t.Errorf("%v, wanted the name of %s", err, test.names)
		}
	}
}

func TestSearch(t *testing.T) {
	fake, n := startREST(t, sim.RESTOptions{Available: []sim.AvailableNumber{
		forSale("Local", "US", "+14155550101"),
		forSale("Local", "US", "+14155550177"),
		forSale("Local", "US", "+14155550178"),
		forSale("Local", "US", "+12125550177"),
		forSale("TollFree", "US", "+18005550177"),
		forSale("Mobile", "GB", "+447700900177"),
	}})
	for _, test := range []struct {
		query SearchQuery
		want  []string
	}{
		{SearchQuery{Country: "US", AreaCode: "415", Contains: "5017*"}, []string{"+14155550177", "+14155550178"}},
		{SearchQuery{Country: "US", Limit: 1}, []string{"+14155550101"}},
		{SearchQuery{Country: "US", Type: TollFree, AreaCode: "800"}, []string{"+18005550177"}},
		{SearchQuery{Country: "GB", Type: Mobile}, []string{"+447700900177"}},
		{SearchQuery{Country: "FR"}, nil},
	} {
		found, err := n.Search(t.Context(), test.query)
		if err != nil {
			t.Errorf("%+v: %v", test.query, err)
		}
		var got []string
		for _, f := range found {
			got = append(got, f.Number)
			if f.Country != test.query.Country || f.Locality != "Springfield" || f.Address != "none" {
				t.Errorf("%+v: found %+v", test.query, f)
			}
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%+v: found %v, wanted %v", test.query, got, test.want)
		}
	}
	for _, r := range fake.Requests() {
		if r.Query.Get("VoiceEnabled") != "true" {
			t.Errorf("%s: asked for numbers that take no calls", r.Path)
		}
	}
}

func TestSearchRefusesWhatItCannotAsk(t *testing.T) {
	fake, n := startREST(t, sim.RESTOptions{})
	for _, q := range []SearchQuery{
		{}, {Country: "usa"}, {Country: "../"}, {Country: "US", AreaCode: "41"}, {Country: "US", AreaCode: "4l5"},
		{Country: "US", Limit: -1}, {Country: "US", Limit: 1001}, {Country: "US", Type: "pager"},
	} {
		if _, err := n.Search(t.Context(), q); err == nil {
			t.Errorf("%+v was searched for", q)
		}
	}
	if len(fake.Requests()) != 0 {
		t.Errorf("sent %+v", fake.Requests())
	}
}

// webhooks are those of the gateway, as a form has them.
var webhooks = url.Values{
	"VoiceUrl": {testPublic + "/twilio/voice"}, "VoiceMethod": {"POST"},
	"StatusCallback": {testPublic + "/twilio/status"}, "StatusCallbackMethod": {"POST"},
}

func TestBuy(t *testing.T) {
	fake, n := startREST(t, sim.RESTOptions{Available: []sim.AvailableNumber{forSale("Local", "US", "+14155550101")}})
	bought, err := n.Buy(t.Context(), "+14155550101")
	if err != nil {
		t.Fatal(err)
	}
	if bought.Number != "+14155550101" || !numberSID.MatchString(bought.SID) || !bought.VoiceHere || !bought.StatusHere {
		t.Errorf("bought %+v", bought)
	}
	want := url.Values{"PhoneNumber": {"+14155550101"}}
	for key, values := range webhooks {
		want[key] = values
	}
	if got := fake.Requests()[0].Form; got.Encode() != want.Encode() {
		t.Errorf("sent %v, wanted %v", got, want)
	}
}

func TestBuyRefused(t *testing.T) {
	fake, n := startREST(t, sim.RESTOptions{})
	for number, code := range map[string]int{"+15005550000": 21422, "+15005550001": 21421, "+14155550101": 21422} {
		_, err := n.Buy(t.Context(), number)
		var refused *APIError
		if !errors.As(err, &refused) || refused.Code != code || refused.Status != 400 || errors.Is(err, ErrUncertain) {
			t.Errorf("%s: %v, wanted code %d", number, err, code)
		} else if !strings.Contains(err.Error(), fmt.Sprint(code)) || !strings.Contains(err.Error(), refused.Message) {
			t.Errorf("%q names neither code nor message", err)
		}
	}
	asked := len(fake.Requests())
	for _, number := range []string{"", "4155550101", "+1 415 555 0101", "+1415555010a", "PN00000000000000000000000000000001"} {
		if _, err := n.Buy(t.Context(), number); !errors.Is(err, errNotE164) {
			t.Errorf("%q: %v", number, err)
		}
	}
	if len(fake.Requests()) != asked || len(fake.Owned()) != 0 {
		t.Errorf("%d requests more, owned %v", len(fake.Requests())-asked, fake.Owned())
	}
}

// The carrier must be able to call back before any money is spent.
func TestUnreachableGateway(t *testing.T) {
	fake := sim.NewREST(sim.RESTOptions{AccountSID: testAccount, Password: testToken,
		Owned: []sim.OwnedNumber{{PhoneNumber: "+14155550101"}}})
	server := httptest.NewServer(fake)
	defer server.Close()
	for _, public := range []string{"", "http://localhost:8080", "https://localhost", "https://voice.localhost.",
		"https://127.0.0.1:8443", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://10.1.2.3", "https://192.168.0.9",
		"https://0.0.0.0", "https://169.254.1.1", "https://[fe80::1]", "http://voice.example.org", "wss://voice.example.org",
		"voice.example.org"} {
		n, err := NewNumbers(NumbersOptions{AccountSID: testAccount, Secret: testToken, BaseURL: server.URL, PublicURL: public})
		if err != nil {
			t.Fatal(err)
		}
		_, buy := n.Buy(t.Context(), "+15005550006")
		_, attach := n.Attach(t.Context(), "+14155550101")
		for _, err := range []error{buy, attach} {
			if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), "server.public_url") {
				t.Errorf("%q: %v", public, err)
			}
		}
	}
	if len(fake.Requests()) != 0 {
		t.Errorf("sent %+v", fake.Requests())
	}
	n, _ := NewNumbers(NumbersOptions{AccountSID: testAccount, Secret: testToken, BaseURL: server.URL})
	if numbers, err := n.List(t.Context()); err != nil || len(numbers) != 1 || numbers[0].VoiceHere {
		t.Errorf("listed %+v, %v", numbers, err)
	}
	for _, public := range []string{"https://voice.example.org", "https://voice.example.org:8443/", "https://203.0.113.9"} {
		n.public = public
		if err := n.reachable(); err != nil {
			t.Errorf("%q: %v", public, err)
		}
	}
}

func TestList(t *testing.T) {
	trunk := "TK00000000000000000000000000000001"
	here := sim.OwnedNumber{PhoneNumber: "+14155550100",
		VoiceURL: webhooks.Get("VoiceUrl"), StatusCallback: webhooks.Get("StatusCallback")}
	get, application, trunked, silent, elsewhere := here, here, here, here, here
	get.VoiceMethod = http.MethodGet
	application.VoiceApplicationSid = "AP00000000000000000000000000000001"
	trunked.TrunkSid = &trunk
	silent.StatusCallback = ""
	elsewhere.VoiceURL = "https://other.example.org/twilio/voice"
	_, n := startREST(t, sim.RESTOptions{Owned: []sim.OwnedNumber{here, get, application, trunked, silent, elsewhere}})
	numbers, err := n.List(t.Context())
	if err != nil || len(numbers) != 6 {
		t.Fatalf("listed %+v, %v", numbers, err)
	}
	for i, want := range []struct{ voice, status bool }{
		{true, true}, {false, true}, {false, true}, {false, true}, {true, false}, {false, true},
	} {
		if numbers[i].VoiceHere != want.voice || numbers[i].StatusHere != want.status {
			t.Errorf("number %d: %+v, wanted %+v", i, numbers[i], want)
		}
	}
	if numbers[2].ApplicationSID != application.VoiceApplicationSid || numbers[3].TrunkSID != trunk {
		t.Errorf("listed %+v and %+v", numbers[2], numbers[3])
	}
}

func TestListOfNone(t *testing.T) {
	_, n := startREST(t, sim.RESTOptions{})
	if numbers, err := n.List(t.Context()); err != nil || numbers == nil || len(numbers) != 0 {
		t.Errorf("listed %#v, %v", numbers, err)
	}
}

func TestListHasPages(t *testing.T) {
	var owned []sim.OwnedNumber
	for i := range 120 {
		owned = append(owned, sim.OwnedNumber{PhoneNumber: fmt.Sprintf("+1415555%04d", i)})
	}
	fake, n := startREST(t, sim.RESTOptions{Owned: owned})
	numbers, err := n.List(t.Context())
	if err != nil || len(numbers) != len(owned) {
		t.Fatalf("listed %d numbers, %v", len(numbers), err)
	}
	for i := range owned {
		if numbers[i].Number != owned[i].PhoneNumber {
			t.Fatalf("number %d is %s, wanted %s", i, numbers[i].Number, owned[i].PhoneNumber)
		}
	}
	requests := fake.Requests()
	if len(requests) != 3 {
		t.Fatalf("read %d pages", len(requests))
	}
	for _, r := range requests {
		if r.User != testAccount || r.Password != testToken {
			t.Errorf("%s %v came as %q", r.Path, r.Query, r.User)
		}
	}
}

func TestListStopsAtABrokenPage(t *testing.T) {
	var owned []sim.OwnedNumber
	for i := range 120 {
		owned = append(owned, sim.OwnedNumber{PhoneNumber: fmt.Sprintf("+1415555%04d", i)})
	}
	_, n := startREST(t, sim.RESTOptions{Owned: owned, Fault: func(r *http.Request) (f sim.RESTFault) {
		if r.URL.Query().Get("Page") == "2" {
			f.Status = http.StatusForbidden
		}
		return f
	}})
	numbers, err := n.List(t.Context())
	var refused *APIError
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden || numbers != nil {
		t.Errorf("listed %d numbers, %v", len(numbers), err)
	}
}

func TestAttach(t *testing.T) {
	trunk := "TK00000000000000000000000000000001"
	fake, n := startREST(t, sim.RESTOptions{Owned: []sim.OwnedNumber{
		{PhoneNumber: "+141555501010"}, // the filter of the API also finds this one
		{PhoneNumber: "+14155550101", VoiceFallbackURL: "https://fallback.example.org", SmsURL: "https://sms.example.org", TrunkSid: &trunk},
		{PhoneNumber: "+14155550102", VoiceApplicationSid: "AP00000000000000000000000000000001"},
	}})
	before := fake.Owned()
	for _, name := range []string{"+14155550101", before[2].Sid} {
		attached, err := n.Attach(t.Context(), name)
		if err != nil || !attached.VoiceHere || !attached.StatusHere {
			t.Errorf("%s: %+v, %v", name, attached, err)
		}
	}
	want := url.Values{"VoiceApplicationSid": {""}, "TrunkSid": {""}}
	for key, values := range webhooks {
		want[key] = values
	}
	requests := fake.Requests()
	if got := requests[len(requests)-1].Form; got.Encode() != want.Encode() {
		t.Errorf("sent %v, wanted %v", got, want)
	}
	after := fake.Owned()
	if after[0] != before[0] {
		t.Errorf("another number changed: %+v", after[0])
	}
	if after[1].VoiceFallbackURL != before[1].VoiceFallbackURL || after[1].SmsURL != before[1].SmsURL {
		t.Errorf("more was changed than asked: %+v", after[1])
	}
	if after[1].TrunkSid != nil || after[2].VoiceApplicationSid != "" {
		t.Errorf("calls still go elsewhere: %+v", after)
	}
}

func TestRelease(t *testing.T) {
	fake, n := startREST(t, sim.RESTOptions{Owned: []sim.OwnedNumber{
		{PhoneNumber: "+141555501010"}, {PhoneNumber: "+14155550101"}, {PhoneNumber: "+14155550102"}}})
	for _, name := range []string{"+14155550101", fake.Owned()[2].Sid} {
		if err := n.Release(t.Context(), name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left := fake.Owned(); len(left) != 1 || left[0].PhoneNumber != "+141555501010" {
		t.Errorf("left are %+v", left)
	}
}

func TestNumberThatIsNotThere(t *testing.T) {
	_, n := startREST(t, sim.RESTOptions{Owned: []sim.OwnedNumber{{PhoneNumber: "+141555501010"}}})
	_, attach := n.Attach(t.Context(), "+14155550101")
	for _, err := range []error{attach, n.Release(t.Context(), "+14155550101")} {
		if !errors.Is(err, ErrNotOwned) {
			t.Error(err)
		}
	}
	const sid = "PN000000000000000000000000000000ff"
	_, attach = n.Attach(t.Context(), sid)
	for _, err := range []error{attach, n.Release(t.Context(), sid)} {
		var refused *APIError
		if !errors.As(err, &refused) || refused.Code != 20404 || refused.Status != http.StatusNotFound {
			t.Error(err)
		}
	}
	for _, name := range []string{"", "PN1", "../Calls", "4155550101"} {
		_, attach := n.Attach(t.Context(), name)
		for _, err := range []error{attach, n.Release(t.Context(), name)} {
			if !errors.Is(err, errNotE164) {
				t.Errorf("%q: %v", name, err)
			}
		}
	}
}

package sim

import (
	"cmp"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The fields of Twilio's records and the codes of its errors are those of its
// OpenAPI description and error pages; the wording of errors is our own.
// https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource

// RESTOptions describe a REST.
type RESTOptions struct {
	AccountSID string
	// User and Password are the credentials demanded of every request: an API
	// key and its secret, or, if User is empty, the account and an auth token.
	User, Password string

	Owned     []OwnedNumber     // in the order of the list
	Available []AvailableNumber // in the order of every search

	// Fault, if set, is asked about each request; the zero RESTFault is none.
	Fault func(*http.Request) RESTFault
}

// RESTFault is how a request goes wrong.
type RESTFault struct {
	Status     int           // answered instead; 502 and above have no JSON, as from a load balancer
	Code       int           // Twilio's code; 0 means 20000 + Status, or 20429
	RetryAfter time.Duration // its Retry-After header, in seconds
	Redirect   string        // where the request is redirected to instead
	Lost       bool          // done, but its answer never comes
}

// RESTRequest is a request that came, with its credentials and what it asked.
type RESTRequest struct {
	Method, Path   string
	User, Password string
	Query, Form    url.Values
}

// AvailableNumber is a number for sale.
type AvailableNumber struct {
	Kind                string  `json:"-"` // Local, TollFree or Mobile
	PhoneNumber         string  `json:"phone_number"`
	FriendlyName        string  `json:"friendly_name"`
	IsoCountry          string  `json:"iso_country"`
	Region              string  `json:"region"`
	Locality            string  `json:"locality"`
	AddressRequirements string  `json:"address_requirements"`
	Latitude            *string `json:"latitude"` // a string on this resource, or null
	Beta                bool    `json:"beta"`
	Capabilities        struct {
		Voice bool `json:"voice"`
		SMS   bool `json:"SMS"` // in capitals on this resource alone
		MMS   bool `json:"MMS"`
	} `json:"capabilities"`
}

// OwnedNumber is a number of the account.
type OwnedNumber struct {
	Sid                  string  `json:"sid"`
	AccountSid           string  `json:"account_sid"`
	PhoneNumber          string  `json:"phone_number"`
	FriendlyName         string  `json:"friendly_name"`
	VoiceURL             string  `json:"voice_url"`
	VoiceMethod          string  `json:"voice_method"`
	VoiceFallbackURL     string  `json:"voice_fallback_url"`
	VoiceFallbackMethod  string  `json:"voice_fallback_method"`
	StatusCallback       string  `json:"status_callback"`
	StatusCallbackMethod string  `json:"status_callback_method"`
	VoiceApplicationSid  string  `json:"voice_application_sid"`
	TrunkSid             *string `json:"trunk_sid"`
	SmsURL               string  `json:"sms_url"`
	BundleSid            *string `json:"bundle_sid"`
	AddressRequirements  string  `json:"address_requirements"`
	URI                  string  `json:"uri"`
}

// REST is the part of Twilio's REST API that provisions phone numbers, of one
// account. It is an http.Handler; its goroutines are the server's.
type REST struct {
	opts RESTOptions
	mux  *http.ServeMux

	mu        sync.Mutex
	owned     []OwnedNumber
	available []AvailableNumber
	made      int // numbers given a SID
	requests  []RESTRequest
}

// NewREST returns the API of an account.
func NewREST(o RESTOptions) *REST {
	o.User = cmp.Or(o.User, o.AccountSID)
	s := &REST{opts: o, mux: http.NewServeMux(), available: slices.Clone(o.Available)}
	for _, n := range o.Owned {
		s.own(n)
	}
	account := "/2010-04-01/Accounts/" + o.AccountSID
	s.mux.HandleFunc("GET "+account+"/AvailablePhoneNumbers/{country}/{kind}", s.search)
	s.mux.HandleFunc("GET "+account+"/IncomingPhoneNumbers.json", s.list)
	s.mux.HandleFunc("POST "+account+"/IncomingPhoneNumbers.json", s.buy)
	s.mux.HandleFunc("POST "+account+"/IncomingPhoneNumbers/{name}", s.update)
	s.mux.HandleFunc("DELETE "+account+"/IncomingPhoneNumbers/{name}", s.release)
	s.mux.HandleFunc("/", notFound)
	return s
}

// Owned returns the account's numbers as they are now.
func (s *REST) Owned() []OwnedNumber {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.owned)
}

// Requests returns what was asked so far, refused or not.
func (s *REST) Requests() []RESTRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// ServeHTTP implements http.Handler.
func (s *REST) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if err := r.ParseForm(); err != nil {
		restError(w, http.StatusBadRequest, 20001, "Bad request")
		return
	}
	s.mu.Lock()
	s.requests = append(s.requests, RESTRequest{r.Method, r.URL.Path, user, password, r.URL.Query(), r.PostForm})
	s.mu.Unlock()
	var fault RESTFault
	if s.opts.Fault != nil {
		fault = s.opts.Fault(r)
	}
	switch {
	case fault.Redirect != "":
		http.Redirect(w, r, fault.Redirect, http.StatusTemporaryRedirect)
	case fault.Status != 0:
		fault.answer(w)
	case subtle.ConstantTimeCompare([]byte(user+":"+password), []byte(s.opts.User+":"+s.opts.Password)) == 0:
		w.Header().Set("WWW-Authenticate", `Basic realm="Twilio API"`)
		restError(w, http.StatusUnauthorized, 20003, "Authenticate")
	case fault.Lost:
		s.mux.ServeHTTP(nowhere{}, r)
		<-r.Context().Done()
	default:
		s.mux.ServeHTTP(w, r)
	}
}

func (f *RESTFault) answer(w http.ResponseWriter) {
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter.Seconds())))
	}
	if f.Status >= http.StatusBadGateway {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(f.Status)
		fmt.Fprintf(w, "<html><body><h1>%d</h1></body></html>", f.Status)
		return
	}
	restError(w, f.Status, cmp.Or(f.Code, 20000+f.Status), http.StatusText(f.Status))
}

// nowhere is where a lost answer goes.
type nowhere struct{}

func (nowhere) Header() http.Header         { return http.Header{} }
func (nowhere) Write(b []byte) (int, error) { return len(b), nil }
func (nowhere) WriteHeader(int)             {}

// restError writes an error as Twilio does.
func restError(w http.ResponseWriter, status, code int, message string) {
	restAnswer(w, status, map[string]any{
		"code": code, "message": message, "status": status,
		"more_info": fmt.Sprintf("https://www.twilio.com/docs/errors/%d", code),
	})
}

func restAnswer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // whoever asked has gone
}

func notFound(w http.ResponseWriter, r *http.Request) {
	restError(w, http.StatusNotFound, 20404, "The requested resource "+r.URL.Path+" was not found")
}

// own adds a number to the account, as newly bought but for what it sets.
func (s *REST) own(n OwnedNumber) OwnedNumber {
	s.made++
	n.Sid = cmp.Or(n.Sid, fmt.Sprintf("PN%032x", s.made))
	n.AccountSid = s.opts.AccountSID
	n.FriendlyName = cmp.Or(n.FriendlyName, n.PhoneNumber)
	n.VoiceURL = cmp.Or(n.VoiceURL, "https://demo.twilio.com/welcome/voice/")
	n.VoiceMethod = cmp.Or(n.VoiceMethod, http.MethodPost)
	n.VoiceFallbackMethod = cmp.Or(n.VoiceFallbackMethod, http.MethodPost)
	n.StatusCallbackMethod = cmp.Or(n.StatusCallbackMethod, http.MethodPost)
	n.AddressRequirements = "none"
	n.URI = "/2010-04-01/Accounts/" + n.AccountSid + "/IncomingPhoneNumbers/" + n.Sid + ".json"
	s.owned = append(s.owned, n)
	return n
}

// search answers with the first page, which is all there is.
func (s *REST) search(w http.ResponseWriter, r *http.Request) {
	kind, isJSON := strings.CutSuffix(r.PathValue("kind"), ".json")
	if !isJSON || !slices.Contains([]string{"Local", "TollFree", "Mobile"}, kind) {
		notFound(w, r)
		return
	}
	q := r.URL.Query()
	contains := pattern(q.Get("Contains"))
	found := []AvailableNumber{}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.available {
		national := strings.TrimPrefix(n.PhoneNumber, "+1")
		if n.Kind == kind && n.IsoCountry == r.PathValue("country") && len(found) < pageSize(q) &&
			strings.HasPrefix(national, q.Get("AreaCode")) && contains.MatchString(n.PhoneNumber) {
			n.Capabilities.Voice, n.Capabilities.SMS = true, true
			found = append(found, n)
		}
	}
	restAnswer(w, http.StatusOK, map[string]any{"available_phone_numbers": found, "uri": r.URL.RequestURI()})
}

// pattern reads Twilio's patterns of numbers: parts, with * for any digit.
func pattern(s string) *regexp.Regexp {
	return regexp.MustCompile(strings.ReplaceAll(regexp.QuoteMeta(s), `\*`, "[0-9]"))
}

func pageSize(q url.Values) int {
	if n, err := strconv.Atoi(q.Get("PageSize")); err == nil && n > 0 {
		return min(n, 1000)
	}
	return 50
}

// list answers with a page. Which one is said by the token: the SID of the last
// number of the page before it.
func (s *REST) list(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	wanted := pattern(q.Get("PhoneNumber"))
	s.mu.Lock()
	defer s.mu.Unlock()
	var matching []OwnedNumber
	for _, n := range s.owned {
		if wanted.MatchString(n.PhoneNumber) {
			matching = append(matching, n)
		}
	}
	start := 0
	if token := q.Get("PageToken"); token != "" {
		start = 1 + slices.IndexFunc(matching, func(n OwnedNumber) bool { return "PA"+n.Sid == token })
	}
	end := min(start+pageSize(q), len(matching))
	page, _ := strconv.Atoi(q.Get("Page"))
	var next *string
	if end < len(matching) {
		q.Set("PageSize", strconv.Itoa(pageSize(q)))
		q.Set("Page", strconv.Itoa(page+1))
		q.Set("PageToken", "PA"+matching[end-1].Sid)
		uri := r.URL.Path + "?" + q.Encode()
		next = &uri
	}
	restAnswer(w, http.StatusOK, map[string]any{
		"incoming_phone_numbers": append([]OwnedNumber{}, matching[start:end]...),
		"page":                   page, "page_size": pageSize(q), "start": start, "end": max(end-1, 0),
		"first_page_uri": fmt.Sprintf("%s?PageSize=%d&Page=0", r.URL.Path, pageSize(q)),
		"next_page_uri":  next, "previous_page_uri": nil, "uri": r.URL.RequestURI(),
	})
}

var dialable = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

// buy sells what is available, and knows the magic numbers of Twilio's test
// credentials: +15005550000 is taken, +15005550001 is invalid, and
// +15005550006 can always be bought.
func (s *REST) buy(w http.ResponseWriter, r *http.Request) {
	number := r.PostForm.Get("PhoneNumber")
	s.mu.Lock()
	defer s.mu.Unlock()
	at := slices.IndexFunc(s.available, func(n AvailableNumber) bool { return n.PhoneNumber == number })
	switch {
	case !dialable.MatchString(number) || number == "+15005550001":
		restError(w, http.StatusBadRequest, 21421, number+" is not a valid phone number")
		return
	case at < 0 && number != "+15005550006":
		restError(w, http.StatusBadRequest, 21422, number+" is not available")
		return
	case at >= 0:
		s.available = slices.Delete(s.available, at, at+1)
	}
	n := OwnedNumber{PhoneNumber: number}
	n.set(r.PostForm)
	restAnswer(w, http.StatusCreated, s.own(n))
}

// set applies a form. An empty value clears; a field that is absent stays.
func (n *OwnedNumber) set(form url.Values) {
	for key, field := range map[string]*string{
		"FriendlyName": &n.FriendlyName, "SmsUrl": &n.SmsURL,
		"VoiceUrl": &n.VoiceURL, "VoiceMethod": &n.VoiceMethod,
		"VoiceFallbackUrl": &n.VoiceFallbackURL, "VoiceFallbackMethod": &n.VoiceFallbackMethod,
		"StatusCallback": &n.StatusCallback, "StatusCallbackMethod": &n.StatusCallbackMethod,
	} {
		if form.Has(key) {
			*field = form.Get(key)
		}
	}
	// A number has an application or a trunk, whichever was set last.
	if form.Has("TrunkSid") {
		n.TrunkSid = nil
		if trunk := form.Get("TrunkSid"); trunk != "" {
			n.TrunkSid, n.VoiceApplicationSid = &trunk, ""
		}
	}
	if form.Has("VoiceApplicationSid") {
		if n.VoiceApplicationSid = form.Get("VoiceApplicationSid"); n.VoiceApplicationSid != "" {
			n.TrunkSid = nil
		}
	}
}

// find returns the index of the number that the request is about, or -1.
func (s *REST) find(r *http.Request) int {
	return slices.IndexFunc(s.owned, func(n OwnedNumber) bool { return n.Sid+".json" == r.PathValue("name") })
}

func (s *REST) update(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(r)
	if i < 0 {
		notFound(w, r)
		return
	}
	s.owned[i].set(r.PostForm)
	restAnswer(w, http.StatusOK, s.owned[i])
}

func (s *REST) release(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.find(r)
	if i < 0 {
		notFound(w, r)
		return
	}
	s.owned = slices.Delete(s.owned, i, i+1)
	w.WriteHeader(http.StatusNoContent)
}

package sim

import (
	"crypto/subtle"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// RecogniserFaults are what goes wrong at a fake of a recognition vendor. The
// zero value is a vendor at its best.
type RecogniserFaults struct {
	// First limits the faults to so many connections or requests; 0 is all of them.
	First int

	Connect    time.Duration // the answer to the handshake or request comes so late
	Status     int           // it is this, such as 429
	RetryAfter time.Duration // with this header, in seconds
	Echo       bool          // a refusal's text repeats the key, as some vendors' do

	CutAfter time.Duration // of audio that was received: the connection breaks, without a word
	HalfOpen time.Duration // of audio that was received, and from then on nothing comes, not even a pong; 0 is never
	Deaf     bool          // HalfOpen from the beginning
	CloseAs  int           // after CutAfter: a close frame with this code
	Reason   string        // and this text

	Garbage    int  // so many messages that are none, before each result
	Huge       bool // the first result is 100 MB
	Endless    bool // partials without end
	Duplicates bool // every final comes twice
	Disorder   bool // of two finals the later comes first
	Unknown    bool // fields and events that are not documented
}

// Recogniser is what fakes of recognition vendors have in common: the key,
// the faults, and what was sent to them.
type Recogniser struct {
	Key     string
	Faults  RecogniserFaults
	Latency time.Duration // of results: 50 ms

	mu       sync.Mutex
	requests []RecogniserRequest
	live     int
}

// RecogniserRequest is one connection or request to a fake.
type RecogniserRequest struct {
	URL     string
	Header  http.Header
	Seconds float64  // of audio
	Noise   int      // blocks of 20 ms that were no speech: the coding is not what was said
	Control []string // types of the messages that are no audio, in order
	Words   string   // that were in the audio
}

// Requests returns what came so far.
func (r *Recogniser) Requests() []RecogniserRequest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]RecogniserRequest(nil), r.requests...)
}

// Live is how many connections are open.
func (r *Recogniser) Live() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.live
}

// latency is how late results come.
func (r *Recogniser) latency() time.Duration {
	if r.Latency == 0 {
		return 50 * time.Millisecond
	}
	return r.Latency
}

// arrived notes a request, and returns its number and its faults.
func (r *Recogniser) arrived(req *http.Request) (n int, f RecogniserFaults) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, RecogniserRequest{URL: req.URL.String(), Header: req.Header.Clone()})
	r.live++
	n = len(r.requests) - 1
	if r.Faults.First == 0 || n < r.Faults.First {
		f = r.Faults
	}
	return n, f
}

// note changes what is known of a request.
func (r *Recogniser) note(n int, change func(*RecogniserRequest)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.requests[n])
}

func (r *Recogniser) gone() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.live--
}

// refuse answers a request that is not to come through, and reports whether it
// did. scheme is what stands before the key.
func (r *Recogniser) refuse(w http.ResponseWriter, req *http.Request, f RecogniserFaults, scheme string) bool {
	if f.Connect > 0 && !sleepUntil(req.Context(), time.Now().Add(f.Connect)) {
		return true
	}
	status := f.Status
	given := req.Header.Get("Authorization")
	if subtle.ConstantTimeCompare([]byte(given), []byte(scheme+" "+r.Key)) == 0 {
		status = http.StatusUnauthorized
	}
	if status == 0 {
		return false
	}
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	text := http.StatusText(status)
	if f.Echo {
		text = fmt.Sprintf("%s: the key %s is not taken", text, strings.TrimPrefix(given, scheme+" "))
		w.Header().Set("X-Error", text)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	fmt.Fprintf(w, `{"error":{"message":%q,"type":"invalid_request_error","code":"refused"},"err_code":"REFUSED","err_msg":%[1]q}`, text)
	return true
}

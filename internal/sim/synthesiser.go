package sim

import (
	"cmp"
	"context"
	"crypto/subtle"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"sidetone/media"
)

// SynthesiserFaults are what goes wrong at a fake of a vendor of voices. The zero
// value is a vendor at its best.
type SynthesiserFaults struct {
	// First limits the faults to so many requests; 0 is all of them.
	First int

	Connect    time.Duration // the answer begins so late
	Status     int           // it is this, such as 429
	RetryAfter time.Duration // with this header, in seconds
	Location   string        // and this one, of a redirect
	Echo       bool          // a refusal's text repeats the key and the words, as some vendors' do
	Apology    bool          // it is 200, and the body is an error in JSON
	Disguised  bool          // and its type says that it is audio

	Deaf       bool          // the request is taken, and nothing comes
	HalfOpen   time.Duration // of audio: then nothing comes any more; 0 is never
	CutAfter   time.Duration // of audio: the connection breaks
	Drip       bool          // a sample a second
	Empty      bool          // there is no audio
	Endless    bool          // the audio does not end
	Huge       bool          // there are 100 MB of it, at once
	Compressed bool          // it is MPEG audio
	Odd        bool          // it comes in odd numbers of bytes
	Garbage    int           // so many events that are none, before each piece
	Unknown    bool          // fields and events that are not documented
}

// Synthesiser is what fakes of vendors of voices have in common: the key, the
// faults, and what they were asked. They say the words of the tone language
// (SayTones) that are in a text, and take as long for others in silence.
type Synthesiser struct {
	Key     string
	Faults  SynthesiserFaults
	Latency time.Duration // to the first audio: 50 ms
	Speed   int           // times as fast as people speak; 5
	// Say says a text in place of the tone language.
	Say func(text string, rate int) []int16

	mu       sync.Mutex
	requests []SynthesiserRequest
	live     int
}

// SynthesiserRequest is a request to a fake, or a connection.
type SynthesiserRequest struct {
	Path   string
	Query  map[string][]string
	Header http.Header
	Body   map[string]any
	Remote string // the connection, as far as it can be told
	Gone   bool   // the client went away before the end
}

// Requests returns what came so far.
func (s *Synthesiser) Requests() []SynthesiserRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

// waiting changes how many connections have not been asked for anything.
func (s *Synthesiser) waiting(by int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live -= by
}

// Live is how many requests are being answered.
func (s *Synthesiser) Live() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.live
}

// arrived notes a request, and returns its number and its faults.
func (s *Synthesiser) arrived(r *http.Request, body map[string]any) (n int, f SynthesiserFaults) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, SynthesiserRequest{
		Path: r.URL.Path, Query: r.URL.Query(), Header: r.Header.Clone(), Body: body, Remote: fmt.Sprint(r.Context().Value(http.LocalAddrContextKey)),
	})
	s.live++
	n = len(s.requests) - 1
	if s.Faults.First == 0 || n < s.Faults.First {
		f = s.Faults
	}
	return n, f
}

// left notes that a request has been answered, or not.
func (s *Synthesiser) left(n int, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live--
	s.requests[n].Gone = gone
}

func (s *Synthesiser) latency() time.Duration {
	if s.Latency == 0 {
		return 50 * time.Millisecond
	}
	return s.Latency
}

// refuse answers a request that is not to come through, and reports whether it
// did. given is the key that came, and explain writes the vendor's kind of error.
func (s *Synthesiser) refuse(w http.ResponseWriter, r *http.Request, f SynthesiserFaults, given, text string, explain func(status int, message string) any) bool {
	if f.Connect > 0 && !sleepUntil(r.Context(), time.Now().Add(f.Connect)) {
		return true
	}
	status := f.Status
	if subtle.ConstantTimeCompare([]byte(given), []byte(s.Key)) == 0 {
		status = http.StatusUnauthorized
	}
	if f.Apology {
		status = http.StatusOK
	}
	if status == 0 {
		return false
	}
	message := http.StatusText(status)
	if f.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(f.RetryAfter/time.Second)))
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	if f.Echo {
		message = fmt.Sprintf("%s: the key %s may not say %s", message, given, text)
		w.Header().Set("X-Error", message)
	}
	w.Header().Set("Content-Type", "application/json")
	if f.Disguised {
		w.Header().Set("Content-Type", "audio/pcm")
	}
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(explain(status, message))
	return true
}

// speed is how much faster than people speak the fake does.
func (s *Synthesiser) speed() int { return cmp.Or(s.Speed, 5) }

// say says a text at a rate.
func (s *Synthesiser) say(rate int, text string) (pcm []int16) {
	if s.Say != nil {
		return s.Say(text, rate)
	}
	for _, w := range wordsOf(text) {
		if slices.Contains(toneWords, w) {
			pcm = append(pcm, SayTones(rate, w)...)
			continue
		}
		pcm = append(pcm, make([]int16, media.TicksIn(toneLength+tonePause).Sample(rate))...)
	}
	return pcm
}

// HearTones returns the words of the tone language in audio at a rate, and how
// many blocks of 20 ms are loud and no tone: what they are made of was another
// coding, or some is missing.
func HearTones(rate int, pcm []int16) (words string, noise int) {
	e := newToneEar(rate)
	e.hear(slices.Concat(pcm, make([]int16, rate/50)))
	e.flush()
	return textOf(e.words), e.noise
}

// utterance is audio on its way to a client.
type utterance struct {
	faults SynthesiserFaults
	coded  []byte
	second int // bytes of a second
	speed  int
	write  func([]byte) error // and flush
	cut    func()             // breaks the connection
}

// play sends the audio, with its faults, until ctx ends. It reports whether all was
// sent.
func (u *utterance) play(ctx context.Context) bool {
	f := u.faults
	switch {
	case f.Deaf:
		<-ctx.Done()
		return false
	case f.Empty:
		return true
	case f.Compressed:
		u.coded = append([]byte{0xFF, 0xFB, 0x90, 0x64}, make([]byte, 8000)...)
	case f.Huge:
		block := make([]byte, 1<<16)
		for range hugeReply / len(block) {
			if u.write(block) != nil {
				return false
			}
		}
		return true
	}
	piece := u.second / 50
	if f.Odd {
		piece |= 1
	}
	for sent := 0; ; {
		at := time.Duration(sent) * time.Second / time.Duration(u.second)
		switch {
		case f.HalfOpen > 0 && at >= f.HalfOpen:
			<-ctx.Done()
			return false
		case f.CutAfter > 0 && at >= f.CutAfter:
			u.cut()
			return false
		case sent >= len(u.coded) && !f.Endless:
			return true
		}
		if f.Drip && sent > 0 {
			piece = 2
			if !sleepUntil(ctx, time.Now().Add(time.Second)) {
				return false
			}
		}
		from := sent % len(u.coded)
		n := min(piece, len(u.coded)-from)
		if u.write(u.coded[from:from+n]) != nil {
			return false
		}
		sent += n
		if !sleepUntil(ctx, time.Now().Add(time.Duration(n)*time.Second/time.Duration(u.second*u.speed))) {
			return false
		}
	}
}

// answerAudio answers a request with audio over HTTP. It reports whether all was sent.
func (s *Synthesiser) answerAudio(w http.ResponseWriter, r *http.Request, f SynthesiserFaults, kind string, coded []byte, second int) bool {
	if !sleepUntil(r.Context(), time.Now().Add(s.latency())) {
		return false
	}
	if f.Compressed {
		kind = "audio/mpeg"
	}
	w.Header().Set("Content-Type", kind)
	if f.Unknown {
		w.Header().Set("X-Of-The-Future", "1")
	}
	w.WriteHeader(http.StatusOK)
	u := utterance{faults: f, coded: coded, second: second, speed: s.speed(), write: func(b []byte) error {
		_, err := w.Write(b)
		w.(http.Flusher).Flush()
		return err
	}, cut: func() { panic(http.ErrAbortHandler) }}
	return u.play(r.Context())
}

// readRequest reads a body of JSON.
func readRequest(w http.ResponseWriter, r *http.Request) map[string]any {
	var body map[string]any
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxChatRequest))
	if err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") || json.Unmarshal(data, &body) != nil {
		return nil
	}
	return body
}

// field returns a string of a body; empty where it is none.
func field(body map[string]any, name string) string {
	text, _ := body[name].(string)
	return text
}

// littleEndian writes samples as PCM.
func littleEndian(pcm []int16) []byte {
	b := make([]byte, 0, 2*len(pcm))
	for _, x := range pcm {
		b = append(b, byte(x), byte(uint16(x)>>8))
	}
	return b
}

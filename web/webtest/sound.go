package webtest

import (
	"encoding/binary"
	"time"
)

// Spoken is when something was said into a page's microphone, in milliseconds
// of the page's performance.now.
type Spoken struct {
	From float64 `json:"from"`
	To   float64 `json:"to"`
}

// Sound is what a page has received of its newest remote audio track, since its
// beginning and before the loudspeaker.
type Sound struct {
	PCM  []int16
	Rate int     // Hz
	From float64 // of the first sample, in milliseconds of the page's performance.now
}

// Saying is something that is being said.
type Saying struct {
	page   *Page
	answer <-chan answer
	length time.Duration
}

// Say speaks into the page's microphone, which the page must have asked for, and
// returns once all has been said.
func (p *Page) Say(pcm []int16, rate int) Spoken {
	p.b.t.Helper()
	return p.StartSaying(pcm, rate).Wait()
}

// StartSaying begins to speak into the page's microphone. What is said at the
// same time mixes.
func (p *Page) StartSaying(pcm []int16, rate int) *Saying {
	p.b.t.Helper()
	bytes := make([]byte, 0, 2*len(pcm))
	for _, v := range pcm {
		bytes = binary.LittleEndian.AppendUint16(bytes, uint16(v))
	}
	length := time.Duration(len(pcm)) * time.Second / time.Duration(rate)
	c, err := p.send("say", length, map[string]any{"pcm": bytes, "rate": rate}) // JSON makes it base64
	if err != nil {
		p.b.t.Fatalf("webtest: say: %v", err)
	}
	return &Saying{p, c, length}
}

// Wait returns once all has been said.
func (s *Saying) Wait() (spoken Spoken) {
	t := s.page.b.t
	t.Helper()
	if err := receive(s.answer, s.length+extraPatience, &spoken); err != nil {
		t.Fatalf("webtest: say: %v", err)
	}
	return spoken
}

// Now is the page's performance.now, in milliseconds.
func (p *Page) Now() (ms float64) {
	p.b.t.Helper()
	p.Eval("performance.now()", &ms)
	return ms
}

// Heard returns what the page has received so far. Nothing yet is a Sound
// without samples.
func (p *Page) Heard() Sound {
	p.b.t.Helper()
	var heard struct {
		PCM  []byte  `json:"pcm"`
		Rate int     `json:"rate"`
		From float64 `json:"from"`
	}
	p.call("heard", patience, nil, &heard)
	pcm := make([]int16, len(heard.PCM)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(heard.PCM[2*i:]))
	}
	return Sound{pcm, heard.Rate, heard.From}
}

package twilio

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/telephony"
	"sidetone/telephony/legtest"
)

func TestLegConforms(t *testing.T) {
	legtest.Run(t, func(t *testing.T) (telephony.Leg, legtest.Far) {
		g := newGateway(t)
		line := g.join(callSid, g.call(callSid))
		far := &far{line: line, came: make(chan struct{}, 1)}
		var reader sync.WaitGroup
		reader.Go(far.listen)
		t.Cleanup(func() {
			line.conn.Close()
			far.Thaw()
			reader.Wait()
		})
		return <-g.legs, far
	})
}

// far is the carrier's end as the vendor describes it: audio and marks are
// buffered, marks come back when the audio before them has been played, and a
// clear empties the buffer and sends all marks in it back.
type far struct {
	line *line
	came chan struct{}

	mu      sync.Mutex
	frozen  chan struct{} // closed by Thaw; nil while not frozen
	heard   []int16
	waiting bool     // audio is in the buffer
	marks   []string // behind it
}

func (f *far) listen() {
	for {
		m, err := f.line.read()
		if err != nil {
			return
		}
		f.mu.Lock()
		frozen := f.frozen
		f.mu.Unlock()
		if frozen != nil {
			<-frozen
		}
		f.take(m)
		select {
		case f.came <- struct{}{}:
		default:
		}
	}
}

func (f *far) take(m heard) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch m.Event {
	case "media":
		f.heard = media.AppendPCM(f.heard, m.Media.Payload)
		f.waiting = true
	case "mark":
		f.marks = append(f.marks, m.Mark.Name)
	case "clear":
		f.waiting = false
	}
	if !f.waiting {
		f.echo()
	}
}

// echo wants f.mu held.
func (f *far) echo() {
	for _, name := range f.marks {
		f.line.mark(name)
	}
	f.marks = nil
}

func (f *far) Say(at media.Tick, pcm []int16) {
	f.line.media(int(at/ticksPerMilli), media.AppendULaw(nil, pcm))
}

func (f *far) Press(digit byte) {
	f.line.text(`{"event":"dtmf","streamSid":"` + streamSid + `","dtmf":{"track":"inbound_track","digit":` + strconv.Quote(string(digit)) + `}}`)
}

func (f *far) Heard(n int) []int16 {
	for {
		f.mu.Lock()
		heard := f.heard
		f.mu.Unlock()
		if len(heard) >= n {
			return heard
		}
		select {
		case <-f.came:
		case <-time.After(time.Second):
			return heard
		}
	}
}

func (f *far) Play() {
	time.Sleep(time.Second) // in the bubble: what is on its way arrives
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waiting = false
	f.echo()
}

func (f *far) Freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = make(chan struct{})
}

func (f *far) Thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil {
		close(f.frozen)
		f.frozen = nil
	}
}

func (f *far) HangUp() { f.line.stop() }

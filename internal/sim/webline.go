package sim

import (
	"math"
	"time"

	"github.com/pion/rtp"

	"sidetone/media"
)

// webInbox bounds the packets that wait for the line.
const webInbox = 256

// reportFrames is how many frames lie between two reports of the page.
const reportFrames = 50

// webLine is the media side of a browser call: microphone, keypad, playout. Like
// a phone's line it is owned by one goroutine, run, and its position is a
// function of time alone.
type webLine struct {
	owner
	clock sampleClock // of 8 kHz: an eighth of a millisecond is fine enough
	log   *journal
	quit  chan struct{} // closed by the call
	inbox chan webArrival

	pos   int64 // of clock
	frame int64 // number of the next one to be captured

	track *webTrack
	mouth *webMouth
	enc   webEncoder
	clip  *WebClip // said over and over in place of what mouth says
	keys  keypad
	coded []byte
	ear   *webEar // nil for a caller who does not listen

	overheard func(payload []byte) // what is sent; may be nil

	pacing rtpPacing
	page   page
	acted  media.Tick // when the caller last typed, pressed a key or chose; -1 before
	turns  []Turn
	faults []WebFault
	report func(delay time.Duration) // each second: the playout's mean delay
	unsent error                     // the first packet that could not be sent
}

// webArrival is a packet as it came in.
type webArrival struct {
	at      time.Time
	header  rtp.Header
	payload []byte
}

func (l *webLine) run() {
	defer close(l.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		timer.Reset(time.Until(l.clock.when(l.wake())))
		select {
		case <-timer.C:
			l.advance(l.clock.at(time.Now()))
		case a := <-l.inbox:
			l.advance(l.clock.at(a.at))
			l.receive(a)
		case task := <-l.tasks:
			l.advance(l.clock.at(time.Now()))
			task()
		case <-l.quit:
			l.advance(l.clock.at(time.Now()))
			return
		}
		l.release()
	}
}

// wake is when the frame that is being captured ends.
func (l *webLine) wake() int64 { return (l.frame + 1) * frameSamples }

// advance lets the media clock run to to: it plays and captures, each at its own
// sample.
func (l *webLine) advance(to int64) {
	for l.pos < to {
		l.pos = min(to, l.wake())
		if l.ear != nil {
			l.ear.play(l.pos * wideRate / sampleRate)
		}
		if l.pos == l.wake() {
			l.capture()
		}
	}
}

// now is the tick of the media clock.
func (l *webLine) now() media.Tick { return tickOf(l.pos) }

// capture sends the caller's audio, or the key pressed, of the frame that has
// just passed.
func (l *webLine) capture() {
	n := l.frame
	l.frame++
	if l.frame%reportFrames == 0 {
		l.report(l.delay())
	}
	payload, err := l.voice()
	if p, ok := l.keys.next(l.track.stamp(n), l.track.unit()); ok {
		err = l.track.key(p)
	} else if err == nil {
		if l.overheard != nil {
			l.overheard(payload)
		}
		err = l.track.voice(n, payload)
	}
	if err != nil && l.unsent == nil {
		l.unsent = err
	}
}

// voice codes the frame that has just passed.
func (l *webLine) voice() ([]byte, error) {
	if l.clip != nil {
		return l.clip.packet(l.frame - 1), nil
	}
	var err error
	l.coded, err = l.enc.encode(l.coded[:0], l.mouth.take())
	return l.coded, err
}

// delay is the playout's mean delay since it was last asked for.
func (l *webLine) delay() time.Duration {
	if l.ear == nil {
		return webDepth
	}
	return time.Duration(math.Round(l.ear.meanWait() * float64(time.Second) / wideRate))
}

// receive takes a packet of the agent's.
func (l *webLine) receive(a webArrival) {
	l.pacing.packet(a.at, a.header.SequenceNumber, a.header.Timestamp, a.header.Marker)
	if l.ear != nil {
		l.ear.accept(a.header.SequenceNumber, a.header.Timestamp, l.pos*wideRate/sampleRate, a.payload)
	}
}

// say queues audio of the mouth's rate.
func (l *webLine) say(pcm []int16) *Spoken {
	s := l.mouth.say(pcm, l.now(), l.done)
	if bounds, ok := l.mouth.loudBounds(pcm, s.from); ok {
		l.turns = append(l.turns, Turn{Span: bounds})
		l.log.add(s.From, EventCallerSpeaks, "")
	}
	return s
}

// pressed notes a key.
func (l *webLine) pressed(digit byte) {
	l.acted = l.now()
	l.log.add(l.acted, EventKey, string(rune(digit)))
}

// fault notes what breaks the protocol.
func (l *webLine) fault(detail string) {
	l.faults = append(l.faults, WebFault{l.now(), detail})
	l.log.add(l.now(), EventFault, detail)
}

// page is what the page knows.
type page struct {
	messages []PageMessage
	pageConsent
	over *PageOver
}

// message takes a message of the gateway.
func (l *webLine) message(data []byte) (event any) {
	kind, event, err := parsePage(data)
	if err != nil {
		l.fault(err.Error())
		return nil
	}
	if l.page.over != nil {
		l.fault(kind + " after over")
	}
	switch e := event.(type) {
	case PageConsent:
		l.page.ask(e)
	case PageSettled:
		l.page.settle(e, l.now())
	case PageOver:
		l.page.over = &e
	}
	if len(l.page.messages) == 0 && kind != "hello" {
		l.fault("the first message is " + kind)
	}
	l.page.messages = append(l.page.messages, PageMessage{l.now(), kind, event})
	l.log.add(l.now(), EventMessage, kind)
	return event
}

package sim

import (
	"time"

	"sidetone/media"
)

// wideRate is the rate of what is heard, in Hz.
const wideRate = 16000

// wideFrame is 20 ms of what is heard.
const wideFrame = wideRate / 50

// What the playout does when nothing is there to play, or packets pile up.
const (
	webSlots     = 64            // packets that are held
	webConceal   = 3             // frames made up before it falls silent
	webTooEarly  = wideRate / 5  // beyond the depth: the sender's clock has jumped
	webWindow    = 50            // packets after which the depth is looked at
	webPause     = wideRate / 10 // the silence that ends a Span: 100 ms
	webMaxFrames = 6 * wideFrame // the longest packet of Opus: 120 ms
	webLimp      = wideFrame     // how far the depth may be off
)

// webPacket is one packet of the agent's audio.
type webPacket struct {
	seq     int64 // unwrapped
	time    int64 // RTP timestamp, unwrapped
	at      int64 // sample at which it came
	payload []byte
}

// webEar is the browser's playout: a jitter buffer of fixed depth, the decoder
// and what came out of it. Positions are samples of 16 kHz on the caller's clock.
//
// A packet plays depth after it came when it opens a stretch of audio, and then
// as its timestamp says. What does not come in time is made up: from the next
// packet's forward error correction, else by the decoder. When nothing comes at
// all for three frames, the stretch is over. Where the two clocks drift apart,
// a quiet frame is left out or put in.
type webEar struct {
	dec   webDecoder
	unit  int64 // RTP units of two samples: 6 for Opus, 1 for PCMU
	depth int64
	keep  bool
	tell  func(media.Tick, EventKind) // of EventAgentSpeaks and EventAgentSilent

	pos   int64 // the first sample not yet decided
	heard []int16
	frame []int16

	slots   [webSlots]webPacket
	held    int   // packets in slots
	playing bool  // a stretch of audio is open
	started bool  // a packet of it has been played
	base    int64 // sample at which RTP time 0 is played
	cursor  int64 // RTP time that is played next
	lastSeq int64 // of the newest packet that was played or given up
	floor   int64 // lastSeq of the stretch before
	made    int   // frames made up in a row
	length  int64 // RTP units of the newest packet

	hushed int64 // RTP time before which nothing is heard any more

	any           bool // a packet has come
	newestSeq     int64
	newestTime    int64
	seen, longest int64 // packets since the depth was looked at, and the longest wait of one

	lastLoud int64 // -1 before the first
	speaking bool
	spans    []Span
	stats    WebPlayout // but for Delay
	wait     webWait
}

// webWait sums up the delay between arrival and playing.
type webWait struct {
	sum, n     int64 // since it was last asked for
	all, allOf int64 // of the call
}

func newWebEar(dec webDecoder, clockRate int, depth int64, keep bool, tell func(media.Tick, EventKind)) *webEar {
	return &webEar{
		dec: dec, unit: 2 * int64(clockRate) / wideRate, depth: depth, keep: keep, tell: tell,
		lastLoud: -1, frame: make([]int16, webMaxFrames),
	}
}

// due is the sample at which RTP time t is played.
func (e *webEar) due(t int64) int64 { return e.base + 2*t/e.unit }

// accept takes a packet that comes at sample at, which play has reached.
func (e *webEar) accept(seq uint16, stamp uint32, at int64, payload []byte) {
	p := webPacket{seq: e.unwrapSeq(seq), time: e.unwrapTime(stamp), at: at, payload: payload}
	slot := &e.slots[p.seq&(webSlots-1)]
	switch wait := e.due(p.time) - at; {
	case p.seq <= e.floor,
		(e.started || !e.playing) && p.seq <= e.lastSeq,
		e.playing && e.due(p.time) < e.pos && p.seq < e.lastSeq+webSlots,
		slot.payload != nil && slot.seq == p.seq:
		e.stats.Late++
		return
	case !e.playing:
		e.open(p)
	case wait > e.depth+webTooEarly, p.seq >= e.lastSeq+webSlots:
		e.stats.Overflowed += e.held
		e.flush()
		e.open(p)
	default:
		e.longest = max(e.longest, wait)
		e.seen++
		if !e.started && p.time < e.cursor {
			e.cursor, e.lastSeq = p.time, p.seq-1 // it was overtaken
		}
	}
	*slot = p
	e.held++
}

// open begins a stretch of audio with p.
func (e *webEar) open(p webPacket) {
	e.floor = e.lastSeq
	e.playing, e.started, e.made = true, false, 0
	e.base = p.at + e.depth - 2*p.time/e.unit
	e.cursor, e.lastSeq = p.time, p.seq-1
	e.seen, e.longest = 0, 0
}

// hush lets nothing be heard any more that comes before RTP time before; what is
// being played comes to its end. It reports whether there may be something.
func (e *webEar) hush(before uint32) bool {
	t := e.newestTime + int64(int32(before-uint32(e.newestTime)))
	if !e.playing || t <= e.cursor {
		return false
	}
	e.hushed = t
	return true
}

// hushes makes the frame that is played next silent if it is not to be heard.
func (e *webEar) hushes(pcm []int16) []int16 {
	if e.cursor < e.hushed {
		clear(pcm)
	}
	return pcm
}

// flush throws away what is held.
func (e *webEar) flush() {
	for i := range e.slots {
		e.slots[i].payload = nil
	}
	e.held, e.playing = 0, false
}

// unwrapSeq and unwrapTime make room below the first packet for one that it
// overtook.
func (e *webEar) unwrapSeq(seq uint16) int64 {
	if !e.any {
		e.newestSeq = int64(seq) + 1<<16
		e.lastSeq = e.newestSeq - webSlots
		return e.newestSeq
	}
	n := e.newestSeq + int64(int16(seq-uint16(e.newestSeq)))
	e.newestSeq = max(e.newestSeq, n)
	return n
}

func (e *webEar) unwrapTime(t uint32) int64 {
	if !e.any {
		e.any = true
		e.newestTime = int64(t) + 1<<32
		return e.newestTime
	}
	n := e.newestTime + int64(int32(t-uint32(e.newestTime)))
	e.newestTime = max(e.newestTime, n)
	return n
}

// play decides what is heard up to sample to, or a frame beyond.
func (e *webEar) play(to int64) {
	for e.pos < to {
		due := to
		if e.playing {
			due = e.due(e.cursor)
		}
		if due > e.pos {
			e.put(nil, int(min(due, to)-e.pos))
			continue
		}
		e.next()
	}
}

// next plays one frame that is due, or makes one up.
func (e *webEar) next() {
	slot := &e.slots[(e.lastSeq+1)&(webSlots-1)]
	if slot.payload != nil && slot.seq == e.lastSeq+1 && slot.time <= e.cursor {
		e.playPacket(slot)
		return
	}
	ahead := e.ahead()
	switch {
	case ahead == nil && e.made >= webConceal:
		e.flush()
	case ahead == nil:
		e.makeUp()
	case ahead.time <= e.cursor:
		e.lastSeq = ahead.seq - 1 // the time of those between has passed
	case ahead.seq == e.lastSeq+1, e.made >= webConceal, ahead.time-e.cursor < wideFrame*e.unit/4:
		// Nothing was lost, but the sender fell silent; or too much was; or what is
		// left is too short for a frame.
		e.silence(ahead.time)
	case e.recover(ahead):
	default:
		e.makeUp()
	}
}

// silence is heard up to RTP time t, or for a frame.
func (e *webEar) silence(t int64) {
	n := e.due(t) - e.pos
	if n <= wideFrame {
		e.put(nil, int(max(0, n)))
		e.cursor = t
		return
	}
	e.put(nil, wideFrame)
	e.cursor += wideFrame * e.unit / 2
}

// recover plays the frame before ahead from its forward error correction, if
// that is the one that is due.
func (e *webEar) recover(ahead *webPacket) bool {
	const frame = wideFrame / 2
	if ahead.time-e.cursor != frame*e.unit || e.length != frame*e.unit ||
		!e.dec.recover(e.frame[:wideFrame], ahead.payload) {
		return false
	}
	e.stats.Recovered++
	e.lastSeq = ahead.seq - 1
	e.made = 0
	e.put(e.hushes(e.frame[:wideFrame]), wideFrame)
	e.cursor += e.length
	return true
}

// ahead is the packet held that is played first.
func (e *webEar) ahead() *webPacket {
	if e.held == 0 {
		return nil
	}
	for seq := e.lastSeq + 1; seq <= e.lastSeq+webSlots; seq++ {
		if p := &e.slots[seq&(webSlots-1)]; p.payload != nil && p.seq == seq {
			return p
		}
	}
	return nil
}

func (e *webEar) playPacket(p *webPacket) {
	n, err := e.dec.decode(e.frame, p.payload)
	late := p.time < e.cursor
	at := p.at
	p.payload = nil
	e.held--
	e.lastSeq++
	e.started = true
	if err != nil || late {
		e.stats.Odd++
		return
	}
	e.made = 0
	e.length = int64(n) * e.unit / 2
	e.stats.Played++
	e.wait.sum += e.pos - at
	e.wait.n++
	e.hushes(e.frame[:n])
	e.cursor += e.length
	if !quiet(e.frame[:n]) || e.seen < webWindow {
		e.put(e.frame[:n], n)
		return
	}
	e.level(n)
}

// level plays a quiet frame of n samples, and makes up for drift with it: the
// packet that waited longest has waited for depth.
func (e *webEar) level(n int) {
	switch off := e.longest - e.depth; {
	case off > webLimp:
		e.base -= int64(n)
		e.stats.Dropped++
	case off < -webLimp:
		e.base += int64(n)
		e.stats.Inserted++
		e.put(e.frame[:n], n)
		e.put(nil, n)
	default:
		e.put(e.frame[:n], n)
	}
	e.seen, e.longest = 0, 0
}

// makeUp conceals one frame.
func (e *webEar) makeUp() {
	e.made++
	e.stats.Concealed++
	e.dec.conceal(e.frame[:wideFrame])
	e.put(e.hushes(e.frame[:wideFrame]), wideFrame)
	e.cursor += wideFrame * e.unit / 2
}

// put is what is heard for the next n samples; nil is silence.
func (e *webEar) put(pcm []int16, n int) {
	for i, s := range pcm {
		if s < loudPeak && s > -loudPeak {
			continue
		}
		at := e.pos + int64(i)
		e.fallSilent(at)
		if !e.speaking {
			e.speaking = true
			e.spans = append(e.spans, Span{From: wideTick(at)})
			e.tell(wideTick(at), EventAgentSpeaks)
		}
		e.lastLoud = at
		e.spans[len(e.spans)-1].To = wideTick(at + 1)
	}
	if e.keep {
		e.heard = append(e.heard, pcm...)
		e.heard = append(e.heard, make([]int16, n-len(pcm))...)
	}
	e.pos += int64(n)
	e.fallSilent(e.pos)
}

// fallSilent ends a span that no sound has prolonged.
func (e *webEar) fallSilent(at int64) {
	if e.speaking && at-e.lastLoud > webPause {
		e.speaking = false
		e.tell(e.spans[len(e.spans)-1].To, EventAgentSilent)
	}
}

// lastSound is the tick of the newest sound; -1 before the first. A caller who
// does not listen hears none.
func (e *webEar) lastSound() media.Tick {
	if e == nil || e.lastLoud < 0 {
		return -1
	}
	return wideTick(e.lastLoud)
}

// meanWait returns the mean delay between a packet's coming and its playing since
// it was last asked for, in samples; the depth when nothing played.
func (e *webEar) meanWait() float64 {
	w := &e.wait
	sum, n := w.sum, w.n
	w.all, w.allOf, w.sum, w.n = w.all+sum, w.allOf+n, 0, 0
	if n == 0 {
		return float64(e.depth)
	}
	return float64(sum) / float64(n)
}

// playout sums up what the ear did.
func (e *webEar) playout() WebPlayout {
	e.meanWait()
	p := e.stats
	if n := e.wait.allOf; n > 0 {
		p.Delay = time.Duration(e.wait.all) * time.Second / time.Duration(wideRate*n)
	}
	return p
}

func quiet(pcm []int16) bool {
	for _, s := range pcm {
		if s >= loudPeak || s <= -loudPeak {
			return false
		}
	}
	return true
}

// wideTick is the tick of a sample of 16 kHz.
func wideTick(sample int64) media.Tick { return media.TickOfSample(sample, wideRate) }

package sim

import (
	"bytes"

	"sidetone/media"
)

// ulawSilence is mu-law's positive zero: digital silence.
const ulawSilence = 0xFF

// loudPeak is the amplitude above which a sample counts as sound: -40 dBFS.
const loudPeak = 328

// pauseSamples is the silence that ends a Span: 100 ms.
const pauseSamples = sampleRate / 10

// loud tells which mu-law bytes are sound.
var loud = func() (table [256]bool) {
	for code := range 256 {
		pcm := media.AppendPCM(nil, []byte{byte(code)})
		table[code] = pcm[0] >= loudPeak || pcm[0] <= -loudPeak
	}
	return table
}()

// ear is the caller's ear: the carrier's playout buffer and what came out of it.
type ear struct {
	pending []byte // accepted, not yet played
	marks   []pendingMark
	// accepted and played count the bytes of the buffer's life; cleared bytes
	// count as played.
	accepted, played int64

	keep  bool
	heard []byte

	lastLoud int64 // sample; -1 before the first
	spans    []Span
}

// pendingMark is echoed when the played count reaches after.
type pendingMark struct {
	name  string
	after int64
}

func (e *ear) accept(audio []byte) {
	e.pending = append(e.pending, audio...)
	e.accepted += int64(len(audio))
}

func (e *ear) mark(name string) {
	e.marks = append(e.marks, pendingMark{name, e.accepted})
}

// clear empties the buffer, which makes all pending marks due.
func (e *ear) clear() (dropped int) {
	dropped = len(e.pending)
	e.pending = e.pending[:0]
	e.played = e.accepted
	return dropped
}

// due takes the next mark whose audio has been played.
func (e *ear) due() (name string, ok bool) {
	if len(e.marks) == 0 || e.marks[0].after > e.played {
		return "", false
	}
	name = e.marks[0].name
	e.marks = e.marks[1:]
	return name, true
}

// untilMark returns how many samples must be played before the next mark is
// due; ok is false when no mark is pending.
func (e *ear) untilMark() (n int64, ok bool) {
	if len(e.marks) == 0 {
		return 0, false
	}
	return e.marks[0].after - e.played, true
}

// play fills dst with what is heard from sample pos on: the buffer's audio, then
// silence. It reports a span that began and one that ended within it.
func (e *ear) play(pos int64, dst []byte) (began, ended bool) {
	n := copy(dst, e.pending)
	e.pending = e.pending[n:]
	e.played += int64(n)
	for i, code := range dst[:n] {
		if !loud[code] {
			continue
		}
		at := pos + int64(i)
		if e.lastLoud < 0 || at-e.lastLoud > pauseSamples {
			e.spans = append(e.spans, Span{From: tickOf(at)})
			began = true
		}
		e.lastLoud = at
		e.spans[len(e.spans)-1].To = tickOf(at + 1)
	}
	fillSilence(dst[n:])
	if e.keep {
		e.heard = append(e.heard, dst...)
	}
	quietSince := e.lastLoud + pauseSamples
	ended = e.lastLoud >= 0 && quietSince >= pos && quietSince < pos+int64(len(dst))
	return began, ended
}

// agentFrom returns the start of the first span that begins at or after t.
func (e *ear) agentFrom(t media.Tick) (media.Tick, bool) {
	for _, s := range e.spans {
		if s.From >= t {
			return s.From, true
		}
	}
	return 0, false
}

func fillSilence(dst []byte) {
	copy(dst, silence[:])
	for i := len(silence); i < len(dst); i++ {
		dst[i] = ulawSilence
	}
}

var silence = [frameSamples]byte(bytes.Repeat([]byte{ulawSilence}, frameSamples))

// loudBounds returns the span from the first to the last sound in audio that
// begins at sample from; ok is false when all of it is silence.
func loudBounds(audio []byte, from int64) (s Span, ok bool) {
	first, last := -1, -1
	for i, code := range audio {
		if loud[code] {
			if first < 0 {
				first = i
			}
			last = i
		}
	}
	if first < 0 {
		return Span{}, false
	}
	return Span{From: tickOf(from + int64(first)), To: tickOf(from + int64(last) + 1)}, true
}

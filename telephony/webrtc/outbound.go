package webrtc

import (
	"errors"
	"sync"
	"time"

	"sidetone/media"
)

const (
	// laggingFrames may wait in good order; beyond it each frame is counted.
	laggingFrames = 5
	// maxFrames is five seconds; a call that is so far ahead of its far end has
	// stalled.
	maxFrames = 250
	// maxMarks bounds the marks that have not come back.
	maxMarks = 256
	// hangover is how many frames of silence follow the last sound: the far end's
	// decoder needs the next frame to finish the last one, and would conceal its
	// absence by sounding on.
	hangover = 3
)

// Why a frame or a mark can not be queued.
var (
	errBacklog = errors.New("webrtc: call is too far ahead of its far end")
	errGone    = errors.New("webrtc: far end is gone for now")
)

// item is a frame or a mark that waits to be sent.
type item struct {
	pcm  []int16 // nil for a mark
	mark media.MarkID
}

// packet is a frame whose time has come.
type packet struct {
	pcm   []int16 // nil for silence
	stamp uint32  // RTP timestamp
	first bool    // it begins a spurt
}

// outbound is the queue between the call and a leg's writer: frames that wait
// for their time, and marks, those that wait behind frames and those on their
// way. The call pushes, the writer pops; the lock is held for a few
// instructions.
type outbound struct {
	wake chan struct{} // holds a token while there may be something to do

	mu       sync.Mutex
	items    []item // items[head:] wait
	head     int
	frames   int // among items[head:]
	schedule schedule
	quiet    int       // frames of silence sent since the last sound
	tail     bool      // the next one follows a clear and leaves at once
	sound    time.Time // when the last sound has been sent whole
	sent     []mark    // on their way, oldest first
	latency  time.Duration
	lost     bool // the far end is gone for now
	hush     hush // what the far end was told last
}

func newOutbound(rtpRate int, latency time.Duration) *outbound {
	return &outbound{
		wake:     make(chan struct{}, 1),
		schedule: newSchedule(rtpRate),
		quiet:    hangover,
		latency:  latency,
	}
}

// send queues a frame and returns how many wait now. The error is errBacklog
// or errGone.
func (o *outbound) send(pcm []int16) (waiting int, err error) {
	o.mu.Lock()
	switch {
	case o.lost:
		err = errGone
	case o.frames == maxFrames:
		err = errBacklog
	default:
		o.push(item{pcm: pcm})
		o.frames++
	}
	waiting = o.frames
	o.mu.Unlock()
	if err == nil {
		o.signal()
	}
	return waiting, err
}

// pop returns the packet to send at now. Without one, next is when to ask again
// if nothing is queued before; zero for never.
func (o *outbound) pop(now time.Time) (p packet, next time.Time, ok bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for o.head < len(o.items) && !o.tail {
		it, due := o.items[o.head], o.schedule.next(now)
		if it.pcm == nil {
			o.shift()
			o.sent = append(o.sent, mark{id: it.mark, end: due})
			continue
		}
		if due.Sub(now) > early {
			return packet{}, due, false
		}
		o.shift()
		o.frames--
		p.pcm = it.pcm
		p.stamp, p.first = o.schedule.take(now)
		o.quiet, o.sound = 0, o.schedule.slot()
		return p, time.Time{}, true
	}
	return o.fill(now)
}

// fill returns a frame of silence when no sound has come for its slot, until the
// spurt has ended.
func (o *outbound) fill(now time.Time) (p packet, next time.Time, ok bool) {
	if o.quiet == hangover {
		return packet{}, time.Time{}, false
	}
	due := o.schedule.slot().Add(late)
	if o.tail {
		due = o.schedule.slot()
	}
	if now.Before(due) {
		return packet{}, due, false
	}
	o.tail = false
	o.quiet++
	p.stamp = o.schedule.step()
	return p, time.Time{}, true
}

// clear throws away the frames that wait. What was sent can not be called back:
// when some of it may not have been played yet, audible is true, and before is the
// RTP timestamp at which it ends. The frame after the last holds the end of its
// sound, by the delay of the coder, and so is one of silence in any case.
func (o *outbound) clear(now time.Time) (before uint32, audible bool) {
	o.mu.Lock()
	o.cut(now)
	o.tail = o.quiet == 0
	o.hush = hush{before: o.schedule.stampAt(o.sound.Add(media.FrameDuration)), end: o.sound}
	before, audible = o.hush.before, now.Before(o.sound.Add(o.latency))
	o.mu.Unlock()
	o.signal()
	return before, audible
}

// lose throws away the frames that wait, because nobody will hear them, and
// returns their number. All marks come back flushed at once. Until found the
// same becomes of whatever is queued.
func (o *outbound) lose(now time.Time) (frames int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames = o.frames
	o.lost, o.quiet, o.tail = true, hangover, false
	o.cut(now)
	for i := range o.sent {
		o.sent[i].flushed, o.sent[i].end = true, now.Add(-o.latency)
	}
	return frames
}

// found says that the far end is back.
func (o *outbound) found() {
	o.mu.Lock()
	o.lost = false
	o.mu.Unlock()
}

// push appends an item; the queue's array is reused before it grows.
func (o *outbound) push(it item) {
	if o.head > 0 && len(o.items) == cap(o.items) {
		n := copy(o.items, o.items[o.head:])
		clear(o.items[n:])
		o.items, o.head = o.items[:n], 0
	}
	o.items = append(o.items, it)
}

func (o *outbound) shift() {
	o.items[o.head] = item{}
	o.head++
	if o.head == len(o.items) {
		o.items, o.head = o.items[:0], 0
	}
}

func (o *outbound) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

package twilio

import (
	"sync"

	"sidetone/media"
)

const (
	frameSamples = rate / 50
	leadFrames   = int(lead / media.FrameTicks)
	// laggingFrames is what may wait for the socket in good order: the lead and
	// five frames. Beyond it each frame is counted.
	laggingFrames = leadFrames + 5
	// maxFrames is five seconds more; a far end that leaves it waiting has stalled.
	maxFrames = laggingFrames + 250
	// maxMarks bounds the marks that were not echoed yet.
	maxMarks = 256
)

type itemKind uint8

const (
	itemMedia itemKind = iota
	itemMark
	itemClear
)

// item is one message that waits for the socket.
type item struct {
	kind itemKind
	mark media.MarkID
	ulaw [frameSamples]byte
}

// append writes the item as a message of the stream.
func (it *item) append(dst []byte, streamSid string) []byte {
	switch it.kind {
	case itemMark:
		return appendMark(dst, streamSid, it.mark)
	case itemClear:
		return appendClear(dst, streamSid)
	default:
		return appendMedia(dst, streamSid, it.ulaw[:])
	}
}

// pendingMark is a mark that was asked for and has not come back.
type pendingMark struct {
	id      media.MarkID
	flushed bool // a clear was sent after it
}

// outbound is the queue between the call and a socket's writer, and the list of
// marks on their way. The call pushes, the writer pops, the reader matches
// echoes; the lock is held for the copy of one frame.
type outbound struct {
	wake chan struct{} // holds a token while something may wait

	mu     sync.Mutex
	items  []item // items[head:] wait
	head   int
	frames int // media among items[head:]
	marks  []pendingMark
}

func newOutbound() *outbound {
	return &outbound{
		wake:  make(chan struct{}, 1),
		items: make([]item, 0, 2*laggingFrames),
		marks: make([]pendingMark, 0, 16),
	}
}

// send queues one frame, encoded in place, and returns how many frames now
// wait. It reports false if the queue is full.
func (o *outbound) send(pcm []int16) (waiting int, ok bool) {
	o.mu.Lock()
	if o.frames == maxFrames {
		o.mu.Unlock()
		return maxFrames, false
	}
	it := o.slot(itemMedia)
	media.AppendULaw(it.ulaw[:0], pcm)
	o.frames++
	waiting = o.frames
	o.mu.Unlock()
	o.signal()
	return waiting, true
}

// mark queues a mark. It reports false if too many have not come back.
func (o *outbound) mark(id media.MarkID) bool {
	o.mu.Lock()
	if len(o.marks) == maxMarks {
		o.mu.Unlock()
		return false
	}
	o.slot(itemMark).mark = id
	o.marks = append(o.marks, pendingMark{id: id})
	o.mu.Unlock()
	o.signal()
	return true
}

// clear throws away the waiting audio, keeps the waiting marks and puts a clear
// behind them. Every mark on its way will come back flushed.
func (o *outbound) clear() {
	o.mu.Lock()
	kept := o.items[:0]
	for _, it := range o.items[o.head:] {
		if it.kind == itemMark {
			kept = append(kept, it)
		}
	}
	o.items, o.head, o.frames = kept, 0, 0
	o.slot(itemClear)
	for i := range o.marks {
		o.marks[i].flushed = true
	}
	o.mu.Unlock()
	o.signal()
}

// pop moves the next message into it.
func (o *outbound) pop(it *item) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.head == len(o.items) {
		return false
	}
	*it = o.items[o.head]
	o.head++
	if it.kind == itemMedia {
		o.frames--
	}
	if o.head == len(o.items) {
		o.items, o.head = o.items[:0], 0
	}
	return true
}

// echoed takes the mark that came back off the list. It reports whether the
// mark was flushed, and whether it was on its way at all.
func (o *outbound) echoed(id media.MarkID) (flushed, known bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for i, m := range o.marks {
		if m.id == id {
			o.marks = append(o.marks[:i], o.marks[i+1:]...)
			return m.flushed, true
		}
	}
	return false, false
}

// lose empties the queue because nobody will hear it. It returns the number of
// frames thrown away and the marks that will never be echoed.
func (o *outbound) lose() (frames int, marks []pendingMark) {
	o.mu.Lock()
	defer o.mu.Unlock()
	frames, marks = o.frames, append(marks, o.marks...)
	o.items, o.head, o.frames, o.marks = o.items[:0], 0, 0, o.marks[:0]
	return frames, marks
}

// slot appends an item; the queue's array is reused, not grown, once it fits.
func (o *outbound) slot(kind itemKind) *item {
	if o.head > 0 && len(o.items) == cap(o.items) {
		o.items = o.items[:copy(o.items, o.items[o.head:])]
		o.head = 0
	}
	o.items = append(o.items, item{})
	it := &o.items[len(o.items)-1]
	it.kind = kind
	return it
}

func (o *outbound) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

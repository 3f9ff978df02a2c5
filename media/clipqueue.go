package media

import "slices"

// item is a piece of a clip, or the end of one.
type item struct {
	clip ClipID
	from Tick    // where the piece begins in the clip
	pcm  []int16 // whole frames; none at a clip's end
	end  bool    // the clip ends here
}

// clipQueue holds clips as whole frames, from the first that is not confirmed
// to the last that was appended. Two positions run through it, in frames since
// the beginning of time: frames before told are confirmed and gone, those
// before sent are on their way.
type clipQueue struct {
	frame      int // samples a frame
	items      []item
	next       int // items[next] is the next to send
	off        int // from this sample on
	told, sent int64
	waiting    int // frames not yet sent
	dropping   int // items that drop will remove

	clip   ClipID // the newest clip
	open   bool   // it may get more audio
	length Tick   // of what it has got, in whole frames
	tail   []int16
	slab   Slab
	over   overlay
}

// append adds audio to clip c. It copies only what does not fill a frame.
func (q *clipQueue) append(c ClipID, pcm []int16) {
	if !q.begin(c) {
		return
	}
	if len(q.tail) > 0 {
		k := min(q.frame-len(q.tail), len(pcm))
		q.tail, pcm = append(q.tail, pcm[:k]...), pcm[k:]
		if len(q.tail) < q.frame {
			return
		}
		q.push(q.tail)
		q.tail = nil
	}
	whole := len(pcm) / q.frame * q.frame
	if whole > 0 {
		q.push(pcm[:whole])
	}
	if whole < len(pcm) {
		q.tail = append(q.slab.Take(q.frame)[:0], pcm[whole:]...)
	}
}

// begin reports whether clip c may get audio. A newer clip ends the one before.
func (q *clipQueue) begin(c ClipID) bool {
	if c > q.clip {
		q.finish(q.clip)
		q.clip, q.open, q.length = c, true, 0
	}
	return c == q.clip && q.open
}

// finish ends clip c. What it lacks to a whole frame is silence.
func (q *clipQueue) finish(c ClipID) {
	if !q.open || c != q.clip {
		return
	}
	if len(q.tail) > 0 {
		q.push(q.tail[:q.frame])
		q.tail = nil
	}
	q.items = append(q.items, item{clip: c, from: q.length, end: true})
	q.open = false
}

func (q *clipQueue) push(pcm []int16) {
	q.items = append(q.items, item{clip: q.clip, from: q.length, pcm: pcm})
	n := len(pcm) / q.frame
	q.length += Tick(n) * FrameTicks
	q.waiting += n
}

// atEnd reports whether the next thing to send is the end of a clip.
func (q *clipQueue) atEnd() bool {
	return q.next < len(q.items) && q.items[q.next].end
}

// more reports whether there is a frame to send before the next end of a clip.
func (q *clipQueue) more() bool {
	return q.next < len(q.items) && !q.items[q.next].end || q.next == len(q.items) && len(q.over.rest) > 0
}

// peek returns the next frame to send, when there is more.
func (q *clipQueue) peek() []int16 {
	q.lay()
	return q.items[q.next].pcm[q.off : q.off+q.frame : q.off+q.frame]
}

// advance counts the frame that peek returned, or the end of a clip, as sent.
func (q *clipQueue) advance() {
	if q.items[q.next].end {
		q.next++
		return
	}
	q.off += q.frame
	q.sent++
	q.waiting--
	if q.off == len(q.items[q.next].pcm) {
		q.next, q.off = q.next+1, 0
	}
}

// confirm appends to spans what was played from the first unconfirmed frame,
// which was heard at tick at, up to position pos, and forgets it.
func (q *clipQueue) confirm(spans []Span, pos int64, at Tick) []Span {
	gone := 0
	for q.told < pos || gone < q.next && q.items[gone].end {
		it := &q.items[gone]
		if it.end {
			spans = endClip(spans, it, at)
			gone++
			continue
		}
		k := min(int(pos-q.told)*q.frame, len(it.pcm))
		spans = append(spans, Span{Clip: it.clip, From: it.from, At: at, PCM: it.pcm[:k:k]})
		played := Tick(k/q.frame) * FrameTicks
		at += played
		q.told += int64(k / q.frame)
		if k == len(it.pcm) {
			gone++
			continue
		}
		it.pcm = it.pcm[k:]
		it.from += played
		if gone == q.next {
			q.off -= k
		}
	}
	q.remove(gone)
	return spans
}

func endClip(spans []Span, it *item, at Tick) []Span {
	if n := len(spans); n > 0 && spans[n-1].Clip == it.clip {
		spans[n-1].Done = true
		return spans
	}
	return append(spans, Span{Clip: it.clip, From: it.from, At: at, Done: true})
}

func (q *clipQueue) remove(n int) {
	q.items = slices.Delete(q.items, 0, n)
	q.next -= n
	q.dropping = max(0, q.dropping-n)
}

// rewind makes all that is not confirmed wait again.
func (q *clipQueue) rewind() {
	q.waiting += int(q.sent - q.told)
	q.sent, q.next, q.off = q.told, 0, 0
}

// doom chooses all that is in the queue now for drop, and closes the open clip.
func (q *clipQueue) doom() {
	q.dropping = len(q.items)
	q.open, q.tail = false, nil
}

// drop removes what doom chose and has not been confirmed since. The queue must
// have been rewound.
func (q *clipQueue) drop() {
	if q.dropping > 0 {
		q.again()
	}
	for _, it := range q.items[:q.dropping] {
		q.waiting -= len(it.pcm) / q.frame
	}
	q.items = slices.Delete(q.items, 0, q.dropping)
	q.dropping = 0
}

package media

import "slices"

// overlay is a sound that is laid over what a clipQueue sends, whatever that is
// by then: clips keep their places and lengths under it.
type overlay struct {
	clip  ClipID  // of the stretches that no clip lies under
	pcm   []int16 // all of it, in whole frames
	rest  []int16 // what has not been laid
	laid  int64   // the frames before this position are as they are to be sent
	alone bool    // what was laid last lies on no clip
}

// Mix lays pcm over what is sent from the next Step on: mixed into the clips that
// are queued by then, and by itself while none is. The spans of clips stay as
// they are but for their samples; a stretch by itself is reported as one of clip
// c, From is where in pcm it begins, and Done says that pcm ended by itself. No
// clip may have the number c.
//
// While the playout is held or has lost the far end, pcm waits; after a Drop
// that cut it short it begins again. Mix reports whether it took pcm, which must
// not be changed any more: it takes none before the one before has been played.
func (p *Playout) Mix(c ClipID, pcm []int16) bool {
	o := &p.q.over
	if len(pcm) == 0 || p.q.overlaid() {
		return false
	}
	if short := len(pcm) % p.q.frame; short > 0 {
		pcm = append(pcm[:len(pcm):len(pcm)], make([]int16, p.q.frame-short)...)
	}
	*o = overlay{clip: c, pcm: pcm, rest: pcm, laid: p.q.sent}
	return true
}

// overlaid reports whether the overlay has not been played to its end.
func (q *clipQueue) overlaid() bool { return len(q.over.rest) > 0 || q.told < q.over.laid }

// lay lays the overlay over the next frame to send, and over what follows it in
// the same piece of a clip. It changes no PCM that was handed in.
func (q *clipQueue) lay() {
	o := &q.over
	if len(o.rest) == 0 || q.sent < o.laid {
		return
	}
	if o.alone = q.next == len(q.items); o.alone {
		q.layAlone()
	} else {
		q.layOver()
	}
	if o.alone && len(o.rest) == 0 {
		q.items = append(q.items, item{clip: o.clip, from: q.ticks(len(o.pcm)), end: true})
	}
}

// layAlone queues one frame of the overlay: the next may have a clip under it.
func (q *clipQueue) layAlone() {
	o := &q.over
	at := len(o.pcm) - len(o.rest)
	o.rest = o.rest[q.frame:]
	o.laid = q.sent + 1
	q.waiting++
	if n := len(q.items) - 1; n >= 0 && q.items[n].clip == o.clip && !q.items[n].end {
		it := &q.items[n] // the frame before
		q.next, q.off = n, len(it.pcm)
		it.pcm = it.pcm[:len(it.pcm)+q.frame]
		return
	}
	q.items = append(q.items, item{clip: o.clip, from: q.ticks(at), pcm: o.pcm[at : at+q.frame]})
}

// layOver replaces a stretch of the next item by its mix.
func (q *clipQueue) layOver() {
	o, it := &q.over, q.items[q.next]
	end := q.off + min(len(o.rest), len(it.pcm)-q.off)
	mixed := make([]int16, end-q.off)
	for i := range mixed {
		mixed[i] = int16(min(max(int(it.pcm[q.off+i])+int(o.rest[i]), -1<<15), 1<<15-1))
	}
	o.rest = o.rest[len(mixed):]
	o.laid = q.sent + int64(len(mixed)/q.frame)

	parts := make([]item, 0, 3)
	if q.off > 0 {
		parts = append(parts, item{clip: it.clip, from: it.from, pcm: it.pcm[:q.off]})
	}
	parts = append(parts, item{clip: it.clip, from: it.from + q.ticks(q.off), pcm: mixed})
	if end < len(it.pcm) {
		parts = append(parts, item{clip: it.clip, from: it.from + q.ticks(end), pcm: it.pcm[end:]})
	}
	q.items = slices.Replace(q.items, q.next, q.next+1, parts...)
	if q.off > 0 {
		q.next, q.off = q.next+1, 0
	}
}

// again has an overlay that a drop cut short begin again.
func (q *clipQueue) again() {
	if q.overlaid() {
		q.over.rest, q.over.laid = q.over.pcm, q.sent
	}
}

// ticks is the length of n samples, which are whole frames.
func (q *clipQueue) ticks(n int) Tick { return Tick(n/q.frame) * FrameTicks }

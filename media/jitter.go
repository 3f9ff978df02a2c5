package media

import "time"

// JitterPayload is the longest payload that a Jitter holds, in bytes.
const JitterPayload = 1500

// The bounds of sequence numbers. Those of a jump are RFC 3550's (A.1).
const (
	jitterSlots    = 64   // packets that can be held; a divisor of 1<<16
	jitterDropout  = 3000 // a packet this far ahead, or nearer, continues the stream
	jitterMisorder = 100  // a packet this far behind, or nearer, is late
)

// JitterPacket is one packet of a stream.
type JitterPacket struct {
	Seq       uint16
	Tag       uint8 // the caller's own
	Timestamp uint32
	Arrival   time.Time
	// Payload that Next returns is valid until the following Put.
	Payload []byte
	// Lost is how many packets were given up just before this one. Next sets it.
	Lost int
}

// JitterResult is what became of a packet that was put in.
type JitterResult uint8

// What can become of a packet.
const (
	JitterTaken     JitterResult = iota + 1 // Next will return it
	JitterDuplicate                         // it had come before
	JitterLate                              // it had been given up, or came before the first
	JitterTooLarge                          // its payload exceeds JitterPayload; put it in again without
	JitterStray                             // its number is far off, and none follows it so far
	JitterFull                              // it is far ahead, and Next was not called to the end before
)

// Jitter puts the packets of an RTP stream in order and decides which are lost.
//
// It stands in front of sinks that are addressed by tick, a recorder and a
// recogniser, and not of a loudspeaker. It therefore differs from the usual
// jitter buffer, which delays everything so that it need not stop, and
// stretches and squeezes silence when the delay is to change: here nothing runs
// dry, so a packet that continues the stream is handed on at once, whatever the
// jitter, and there is no delay that could change. Only a gap waits, for the
// patience: 20 to 120 ms from the arrival of the first packet beyond it. The
// patience follows how late packets turn out to be that others have overtaken:
// it grows at once, and shrinks slowly, while nothing is missing.
//
// A stream whose numbers go on while its timestamps jump has paused; that is no
// gap here. After each Put, call Next until it returns nothing.
//
// A Jitter has no clock and starts no goroutine; it belongs to one. It copies
// payloads into 98 kB of its own and allocates nothing.
type Jitter struct {
	patience patience
	running  bool
	next     uint16 // number that Next returns next
	held     int    // packets in the ring
	lost     int    // given up since the last that was returned
	hurry    bool   // nothing is waited for until the ring is empty

	jumped  bool // the slot beyond the ring holds a packet
	restart bool // which begins the stream anew
	strayed bool
	stray   uint16 // number that would confirm the last stray

	slots    [jitterSlots + 1]jitterSlot // by number; the last is beyond the ring
	payloads [(jitterSlots + 1) * JitterPayload]byte
}

// jitterSlot is what is known of a number.
type jitterSlot struct {
	state     slotState
	tag       uint8
	seq       uint16
	timestamp uint32
	length    int
	at        time.Time // arrival; of one given up, that of the first beyond it
}

type slotState uint8

const (
	slotEmpty slotState = iota
	slotHeld
	slotPassed // returned by Next
	slotLost   // given up
)

// NewJitter returns an empty Jitter.
func NewJitter() *Jitter { return &Jitter{patience: newPatience()} }

// Patience is how long a gap waits.
func (j *Jitter) Patience() time.Duration { return j.patience.now }

// Put takes a packet and copies its payload. A packet without payload is taken
// too: it fills its place in the order.
func (j *Jitter) Put(p JitterPacket) JitterResult {
	if len(p.Payload) > JitterPayload {
		return JitterTooLarge
	}
	if j.jumped {
		return JitterFull
	}
	if !j.running {
		j.running, j.next = true, p.Seq
	}
	switch ahead := int(int16(p.Seq - j.next)); {
	case ahead >= 0 && ahead < jitterSlots:
		j.strayed = false
		return j.hold(p)
	case ahead >= 0 && ahead < jitterDropout:
		j.holdBeyond(p, false)
		return JitterTaken
	case ahead < 0 && ahead >= -jitterMisorder:
		return j.missed(p)
	case j.strayed && p.Seq == j.stray:
		j.holdBeyond(p, true)
		return JitterTaken
	}
	j.strayed, j.stray = true, p.Seq+1
	return JitterStray
}

// hold puts p into the ring.
func (j *Jitter) hold(p JitterPacket) JitterResult {
	s := &j.slots[p.Seq%jitterSlots]
	if s.state == slotHeld {
		return JitterDuplicate
	}
	var late time.Duration
	if first, ok := j.firstAfter(p.Seq); ok {
		late = p.Arrival.Sub(first)
	}
	j.fill(int(p.Seq%jitterSlots), p)
	j.held++
	j.patience.learn(late, p.Arrival, p.Seq == j.next && j.held == 1)
	return JitterTaken
}

// holdBeyond keeps p aside: what the ring holds, which p drives out, goes first.
func (j *Jitter) holdBeyond(p JitterPacket, restart bool) {
	j.fill(jitterSlots, p)
	j.jumped, j.restart, j.hurry, j.strayed = true, restart, true, false
}

func (j *Jitter) fill(i int, p JitterPacket) {
	j.slots[i] = jitterSlot{
		state: slotHeld, tag: p.Tag, seq: p.Seq, timestamp: p.Timestamp, at: p.Arrival,
		length: copy(j.payloads[i*JitterPayload:(i+1)*JitterPayload], p.Payload),
	}
}

// missed tells what a packet is that comes behind the stream, and learns from it.
func (j *Jitter) missed(p JitterPacket) JitterResult {
	s := &j.slots[p.Seq%jitterSlots]
	switch {
	case s.seq != p.Seq || s.state == slotEmpty:
		return JitterLate
	case s.state == slotPassed:
		return JitterDuplicate
	}
	j.patience.learn(p.Arrival.Sub(s.at), p.Arrival, false)
	s.state = slotPassed
	return JitterLate
}

// firstAfter is when the first of the packets held arrived that follow seq.
func (j *Jitter) firstAfter(seq uint16) (first time.Time, ok bool) {
	left := j.held
	for n := j.next; left > 0; n++ {
		s := &j.slots[n%jitterSlots]
		if s.state != slotHeld {
			continue
		}
		left--
		if int16(n-seq) > 0 && (!ok || s.at.Before(first)) {
			first, ok = s.at, true
		}
	}
	return first, ok
}

// Next returns the packet that is next at now: one that continues the stream, or
// the first beyond a gap that has waited long enough. It returns false when
// there is none so far.
func (j *Jitter) Next(now time.Time) (JitterPacket, bool) {
	if j.held == 0 {
		return j.leap()
	}
	if j.slots[j.next%jitterSlots].state != slotHeld {
		first, _ := j.firstAfter(j.next)
		if !j.hurry && now.Before(first.Add(j.patience.now)) {
			return JitterPacket{}, false
		}
		j.giveUp(first)
	}
	j.held--
	return j.pass(int(j.next % jitterSlots)), true
}

// giveUp gives up the packets that are missing before the first one held.
func (j *Jitter) giveUp(first time.Time) {
	for ; j.slots[j.next%jitterSlots].state != slotHeld; j.next++ {
		j.slots[j.next%jitterSlots] = jitterSlot{state: slotLost, seq: j.next, at: first}
		j.lost++
	}
}

// leap goes on with the packet beyond the ring, if there is one.
func (j *Jitter) leap() (JitterPacket, bool) {
	j.hurry = false
	if !j.jumped {
		return JitterPacket{}, false
	}
	s := j.slots[jitterSlots]
	if j.restart {
		j.lost = 0
	} else {
		j.lost += int(s.seq - j.next)
	}
	j.jumped, j.next = false, s.seq
	j.slots[s.seq%jitterSlots] = s
	return j.pass(jitterSlots), true
}

// pass returns the packet in slot i, whose number is next.
func (j *Jitter) pass(i int) JitterPacket {
	s := j.slots[i]
	j.slots[j.next%jitterSlots].state = slotPassed
	p := JitterPacket{
		Seq: s.seq, Tag: s.tag, Timestamp: s.timestamp, Arrival: s.at, Lost: j.lost,
		Payload: j.payloads[i*JitterPayload:][:s.length:s.length],
	}
	j.lost = 0
	j.next++
	return p
}

// Due is when Next has something to return if no packet comes before; zero when
// nothing is held.
func (j *Jitter) Due() time.Time {
	switch {
	case j.held == 0 && j.jumped:
		return j.slots[jitterSlots].at
	case j.held == 0:
		return time.Time{}
	case j.hurry || j.slots[j.next%jitterSlots].state == slotHeld:
		first, _ := j.firstAfter(j.next - 1)
		return first
	}
	first, _ := j.firstAfter(j.next)
	return first.Add(j.patience.now)
}

// Flush makes Next return all that is held without waiting.
func (j *Jitter) Flush() { j.hurry = j.held > 0 || j.jumped }

// Reset forgets the stream and what is held of it; the next packet begins
// another. What was learned of the network stays.
func (j *Jitter) Reset() {
	clear(j.slots[:])
	j.running, j.jumped, j.hurry, j.strayed = false, false, false, false
	j.held, j.lost = 0, 0
}

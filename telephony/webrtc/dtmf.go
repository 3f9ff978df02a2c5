package webrtc

import "encoding/binary"

const (
	keyBlock = 4      // bytes of one event in a payload
	keyCodes = 16     // events that are keys: 0-9, *, #, A-D
	keyLong  = 0xFFFF // units that a block can count; a longer press goes on in another
	keyCount = 16     // presses that are remembered
)

// keyEvent is one block of a telephone-event payload (RFC 4733, 2.3). The volume
// is of no use here, and the R bit is to be ignored.
type keyEvent struct {
	code     uint8
	ended    bool
	duration uint16 // units of the payload type's clock, since the event's start
}

// parseKey reads the first of a payload's blocks.
func parseKey(b []byte) (e keyEvent, rest []byte, ok bool) {
	if len(b) < keyBlock || len(b)%keyBlock != 0 {
		return keyEvent{}, nil, false
	}
	return keyEvent{code: b[0], ended: b[1]&0x80 != 0, duration: binary.BigEndian.Uint16(b[2:])}, b[keyBlock:], true
}

// digit returns the key of an event code (RFC 4733, 3.2); false if it is none,
// such as the flash of the hook.
func (e keyEvent) digit() (byte, bool) {
	if e.code >= keyCodes {
		return 0, false
	}
	return "0123456789*#ABCD"[e.code], true
}

// press is a key press as far as its packets have told of it.
type press struct {
	used  bool
	kind  uint8  // payload type
	start uint32 // its timestamp
	code  uint8
	ended bool
}

// keypad tells which events are new. All packets of a press have its start for
// their timestamp (RFC 4733, 2.5.1.2), so any one of them is enough.
type keypad struct {
	recent [keyCount]press
	newest int
}

// press takes an event of payload type kind that began at start, on a clock of
// rate Hz; first is the packet's marker, which the first of a press has. It
// reports whether this is the first that is heard of the press.
func (k *keypad) press(e keyEvent, kind uint8, start uint32, rate int, first bool) bool {
	for i := range k.recent {
		if p := &k.recent[i]; p.used && p.kind == kind && p.start == start {
			p.ended = p.ended || e.ended
			return false
		}
	}
	last := k.recent[k.newest]
	k.newest = (k.newest + 1) % keyCount
	k.recent[k.newest] = press{used: true, kind: kind, start: start, code: e.code, ended: e.ended}
	return first || !last.goesOn(e, kind, start, rate)
}

// goesOn reports whether an event is the next segment of p: a press too long for
// the 16 bits of the duration goes on under a new timestamp (RFC 4733,
// 2.5.1.3), which is late by up to a packet with browsers.
func (p press) goesOn(e keyEvent, kind uint8, start uint32, rate int) bool {
	since := start - p.start
	return p.used && !p.ended && p.kind == kind && p.code == e.code && since >= keyLong && since-keyLong <= uint32(rate/10)
}

// forget is for a new source, whose timestamps are others.
func (k *keypad) forget() { k.recent = [keyCount]press{} }

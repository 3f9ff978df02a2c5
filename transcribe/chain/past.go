package chain

import (
	"time"

	"sidetone/consent"
	"sidetone/media"
)

// What is kept of a call.
var (
	longest = media.TicksIn(30 * time.Second) // of the open turn
	history = media.TicksIn(2 * time.Second)  // while nobody speaks
)

// entry is what the call has said to the session: a frame, or that speech began or
// ended.
type entry struct {
	audio  consent.ConverseAudio
	speech bool // no frame
	on     bool
	at     media.Tick
}

// past is the newest of a call, as the call gave it to the session, so that it can
// be given to another engine. Entries have numbers that ascend for good.
type past struct {
	entries []entry
	head    int        // entries before it are forgotten
	first   int        // the number of the entry at head
	held    media.Tick // audio in it
	on      bool       // somebody spoke where it begins
}

// next is the number of the entry that will come.
func (p *past) next() int { return p.first + len(p.entries) - p.head }

// get returns the entry of a number that is kept.
func (p *past) get(n int) entry { return p.entries[p.head+n-p.first] }

// write adds an entry.
func (p *past) write(e entry) {
	if p.head > 64 && p.head >= len(p.entries)/2 {
		n := copy(p.entries, p.entries[p.head:])
		clear(p.entries[n:])
		p.entries, p.head = p.entries[:n], 0
	}
	p.entries = append(p.entries, e)
	if !e.speech {
		p.held += media.FrameTicks
	}
}

// forget forgets the oldest entry, and returns how much audio that was.
func (p *past) forget() (length media.Tick) {
	e := p.entries[p.head]
	p.entries[p.head] = entry{}
	p.head, p.first = p.head+1, p.first+1
	if e.speech {
		p.on = e.on
		return 0
	}
	p.held -= media.FrameTicks
	return media.FrameTicks
}

// forgetBefore forgets what lies before a tick.
func (p *past) forgetBefore(keep media.Tick) (length media.Tick) {
	for p.head < len(p.entries) {
		e := p.entries[p.head]
		if !e.speech && e.audio.Frame().End() > keep {
			return length
		}
		if e.speech && e.at >= keep {
			return length
		}
		length += p.forget()
	}
	return length
}

// bound forgets the oldest audio beyond the limit.
func (p *past) bound() (length media.Tick) {
	for p.held > longest {
		length += p.forget()
	}
	return length
}

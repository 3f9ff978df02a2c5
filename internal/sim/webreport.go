package sim

import (
	"encoding/binary"
	"fmt"
	"os"
	"time"

	"sidetone/media"
)

// WebReport is what a browser call was like for its caller. Every tick lies on
// the caller's media clock, whose 0 is the start of the first audio that was
// sent; it is the clock of the RTP timestamps.
type WebReport struct {
	Path   string // of the session
	Call   string // the gateway's id of the call, from hello
	Ending Ending // EndHungUp, EndCompleted (the gateway said over) or EndFailed
	Err    error  // EndFailed
	Over   *PageOver

	Answered time.Duration // from Dial to the gateway's answer
	Connect  time.Duration // from Dial to DTLS connected

	Heard  []int16    // 16 kHz, what the caller heard; sample 0 is tick 0
	Length media.Tick // of the call
	// Turns are the caller's. Clear is when an agent that was speaking at From fell
	// silent; -1 when it was silent.
	Turns    []Turn
	Agent    []Span // when the agent was heard, pauses under 100 ms included
	Messages []PageMessage
	Chosen   []WebChoice  // by the caller
	Settled  []WebSettled // what the gateway said of consent
	Restarts []Restart
	Faults   []WebFault // what breaks the documented protocol
	Events   []Event

	Sent    int // packets
	Pacing  WebPacing
	Playout WebPlayout
	Relay   RelayReport
	Links   []string // Link headers of the answer: TURN servers
}

// WebPlayout is what the caller's jitter buffer did.
type WebPlayout struct {
	Delay time.Duration // mean, between a packet's coming and its playing
	// Frames that were played, had from forward error correction, and made up.
	Played, Recovered, Concealed int
	// Packets that came too late or twice, too many at once, and damaged.
	Late, Overflowed, Odd int
	// Frames of silence left out and put in, for drift.
	Dropped, Inserted int
}

// Restart is a restart of ICE.
type Restart struct {
	At       media.Tick
	Answered time.Duration // until the gateway's answer
	Took     time.Duration // until the connection stood again
	Err      error
}

// WebFault is something that a strict browser would trip over.
type WebFault struct {
	At     media.Tick
	Detail string
}

// The kinds of event that browser calls have besides.
const (
	EventConnected EventKind = "connected"
	EventMessage   EventKind = "message" // from the gateway; Detail: its type
	EventSent      EventKind = "sent"    // by the page; Detail: its type
	EventNetwork   EventKind = "network" // Detail: what happened to it
)

// SaveHeard writes what the caller heard to a WAV file of 16-bit PCM.
func (r WebReport) SaveHeard(path string) error {
	format := media.WAVFormat{Coding: media.PCM16, Channels: 1, Rate: wideRate}
	data := media.AppendWAVHeader(nil, format, uint32(2*len(r.Heard)))
	for _, s := range r.Heard {
		data = binary.LittleEndian.AppendUint16(data, uint16(s))
	}
	if err := os.WriteFile(path, data, 0o600); err != nil {
		return fmt.Errorf("sim: save what was heard: %w", err)
	}
	return nil
}

// finishTurns fills in what the agent, which spoke in spans, did about each turn.
func finishTurns(turns []Turn, spans []Span) []Turn {
	for i := range turns {
		t := &turns[i]
		next := media.Tick(never)
		if i+1 < len(turns) {
			next = turns[i+1].From
		}
		t.Clear, t.Reply = -1, -1
		for _, s := range spans {
			if s.From < t.From && s.To > t.From {
				t.Clear = s.To
			}
			if s.From >= t.To && s.From < next {
				t.Reply = s.From
				break
			}
		}
	}
	return turns
}

package consent

import "sidetone/media"

// Purpose is something that caller audio or words may be used for. Each has a
// valve of its own in the Gate, shut until a grant opens it.
type Purpose uint8

// The purposes, in the order of the valves.
const (
	Converse   Purpose = iota // sent to speech recognition, and its words to the agent
	Record                    // kept as audio
	Transcript                // kept as words
	Snippet                   // kept as clips
	purposes
)

var purposeNames = [purposes]string{"converse", "record", "transcript", "snippet"}

// String returns the purpose's name, a metric label and a key of the ledger.
func (p Purpose) String() string { return purposeNames[p] }

// ConverseAudio is caller audio that may be recognised. Only a Gate can make
// one that holds samples.
type ConverseAudio struct{ frame media.Frame }

// Frame returns the audio.
func (a ConverseAudio) Frame() media.Frame { return a.frame }

// RecordAudio is audio that may be kept. Only a Gate can make one that holds
// samples.
type RecordAudio struct{ frame media.Frame }

// Frame returns the audio.
func (a RecordAudio) Frame() media.Frame { return a.frame }

// Heard is what the caller said, for the agent that answers and for nothing
// else. Only a Gate can make one that holds words.
type Heard struct {
	from, to media.Tick
	words    string
}

// String returns the words.
func (h Heard) String() string { return h.words }

// Span returns the ticks between which the words were said.
func (h Heard) Span() (from, to media.Tick) { return h.from, h.to }

// Text is words, the caller's or the agent's, that may be kept: the
// transcript, answers and webhooks take nothing else. Only a Gate can make one
// that holds words.
type Text struct {
	from, to media.Tick
	words    string
}

// String returns the words.
func (t Text) String() string { return t.words }

// Span returns the ticks between which the words were said.
func (t Text) Span() (from, to media.Tick) { return t.from, t.to }

// Clip is a stretch of the call, with some air on both sides, whose audio may be
// kept as a clip. Only a Gate can make one that is not empty.
type Clip struct{ from, to media.Tick }

// Span returns the ticks between which the audio may be taken; both are 0 of an
// empty one.
func (c Clip) Span() (from, to media.Tick) { return c.from, c.to }

// interval is half-open; an open valve's last interval ends at never.
type interval struct{ from, to media.Tick }

const never = media.Tick(1<<63 - 1)

// Gate decides what may be kept or sent, by the tick at which it was said, and
// mints the only types that recorder, recogniser, agent and transcript take.
// Its zero value is shut for everything. It belongs to the call's goroutine;
// only the Machine of this package opens it.
type Gate struct {
	valves [purposes][]interval
}

// Converse admits a caller frame to speech recognition.
func (g *Gate) Converse(f media.Frame) (ConverseAudio, bool) {
	if !g.admits(Converse, f.At, f.End()) {
		return ConverseAudio{}, false
	}
	return ConverseAudio{f}, true
}

// Record admits a caller frame to the recording.
func (g *Gate) Record(f media.Frame) (RecordAudio, bool) {
	if !g.admits(Record, f.At, f.End()) {
		return RecordAudio{}, false
	}
	return RecordAudio{f}, true
}

// Own admits a frame of the agent's side, at the tick it was played, to the
// recording: only while the recording of the caller is open.
func (g *Gate) Own(f media.Frame) (RecordAudio, bool) { return g.Record(f) }

// LeadIn admits a frame of the announcement, at the tick it was played, to a
// recording that a grant has opened since: the announcement belongs into the
// recording, and it is no caller audio. It refuses while nothing is granted.
func (g *Gate) LeadIn(f media.Frame) (RecordAudio, bool) {
	v := g.valves[Record]
	if len(v) == 0 || f.At >= v[len(v)-1].from {
		return g.Record(f)
	}
	return RecordAudio{f}, true
}

// Heard admits the caller's words to the agent.
func (g *Gate) Heard(from, to media.Tick, words string) (Heard, bool) {
	if !g.admits(Converse, from, to) {
		return Heard{}, false
	}
	return Heard{from, to, words}, true
}

// Text admits the words of either side to the transcript.
func (g *Gate) Text(from, to media.Tick, words string) (Text, bool) {
	if !g.admits(Transcript, from, to) {
		return Text{}, false
	}
	return Text{from, to, words}, true
}

// OwnText admits the agent's words to the transcript, where they began while it
// was open: what shut it may have cut them short.
func (g *Gate) OwnText(from, to media.Tick, words string) (Text, bool) {
	if !g.admits(Transcript, from, from) {
		return Text{}, false
	}
	return Text{from, to, words}, true
}

// LeadInText admits the words of the announcement, spoken before a grant, to
// the transcript that the grant has opened since. It refuses while nothing is
// granted.
func (g *Gate) LeadInText(from, to media.Tick, words string) (Text, bool) {
	v := g.valves[Transcript]
	if len(v) == 0 || from >= v[len(v)-1].from {
		return g.Text(from, to, words)
	}
	return Text{from, to, words}, true
}

// Clip admits what either side said from one tick to another, with so much air on
// both sides, to the clips: as far as the valve that was open at from has been, and
// is, open without a break. It refuses where it was shut at from.
func (g *Gate) Clip(from, to, air media.Tick) (Clip, bool) {
	for _, v := range g.valves[Snippet] {
		if v.from <= from && from < v.to && from <= to {
			return Clip{max(from-air, v.from), min(to+air, v.to)}, true
		}
	}
	return Clip{}, false
}

// Open reports whether the valve of p is open now.
func (g *Gate) Open(p Purpose) bool {
	v := g.valves[p]
	return len(v) > 0 && v[len(v)-1].to == never
}

// Since returns the tick at which the open valve of p was opened.
func (g *Gate) Since(p Purpose) (media.Tick, bool) {
	if !g.Open(p) {
		return 0, false
	}
	v := g.valves[p]
	return v[len(v)-1].from, true
}

// admits reports whether all of [from, to) lies in one interval in which p was
// granted.
func (g *Gate) admits(p Purpose, from, to media.Tick) bool {
	for v := g.valves[p]; len(v) > 0; v = v[:len(v)-1] {
		last := v[len(v)-1]
		if from >= last.from && to <= last.to {
			return true
		}
	}
	return false
}

// open opens the valve of p for what is said at or after from. A grant never
// reaches back over the end of an earlier one.
func (g *Gate) open(p Purpose, from media.Tick) {
	if g.Open(p) {
		return
	}
	if v := g.valves[p]; len(v) > 0 {
		from = max(from, v[len(v)-1].to)
	}
	g.valves[p] = append(g.valves[p], interval{from, never})
}

// shut shuts the valve of p for what is said at or after at, which may lie before
// the newest of its openings.
func (g *Gate) shut(p Purpose, at media.Tick) {
	for i := len(g.valves[p]) - 1; i >= 0 && g.valves[p][i].to > at; i-- {
		v := &g.valves[p][i]
		v.to = max(at, v.from)
	}
}

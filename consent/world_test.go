package consent

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"

	"sidetone/media"
)

// What befalls a world besides the events of a call.
type (
	stops  struct{}                // the process is killed, and another call begins
	drops  struct{ For int }       // the far end is away for so many frames: nothing is confirmed as played
	ledger struct{ Mood mood }     // how rows are written from now on
	fails  struct{ Vendor string } // an engine fails: none of the machine's business
)

func (fails) event() {}

// mood is how rows are written.
type mood uint8

const (
	quick mood = iota
	slow       // some take longer than frames wait
	failing
)

// stimulus is something that befalls a world at a tick.
type stimulus struct {
	at media.Tick
	do any
}

// gateway is the Machine, or a planted fault around one.
type gateway interface {
	Step(Event) []Action
	Gate() *Gate
	Pending() (media.Tick, bool)
}

// world is a call in virtual time, with all that is outside the Machine: a caller,
// a far end that plays, a ledger, and three who watch what leaves the gate: the
// reference, the audit of a call, and the rows that are on disk.
type world struct {
	order *order
	rng   *rand.Rand
	plant func(*Machine) gateway
	tally map[string]int

	now, base media.Tick // of this call; of the order, when the call began
	left      []stimulus
	gate      *Gate
	machine   gateway
	ref       reference
	audit     Audit
	playing   []playback // in order
	marks     []mark
	away      media.Tick // until when the far end is away
	speaking  bool
	held      []media.Tick // frames that wait for the ledger
	mood      mood
	writing   []Append             // on their way to disk, in order
	due       media.Tick           // when the first of them is done
	told      []note               // of the ledger, on their way to the loop
	rows      []Row                // on disk
	proved    [purposes]media.Tick // as of when rows on disk permit something
	destroyed media.Tick           // when Destroyed is due; 0: never
	ends      media.Tick           // when the call ends
	over      bool
	failed    error
}

// playback is what Play asked for.
type playback struct {
	n, left int // frames
	part    *Part
	ours    bool
	from    media.Tick
}

// mark says that something was played.
type mark struct {
	due    media.Tick
	played Played
	part   *Part
}

// note is what the ledger says of a row.
type note struct {
	due        media.Tick
	event      Event
	recordable bool
}

// run lives an order to its end, and returns what went wrong.
func run(o *order, plant func(*Machine) gateway, tally map[string]int) error {
	w := &world{order: o, rng: rand.New(rand.NewPCG(o.seed, 2)), plant: plant, tally: tally, left: o.script}
	for w.begin(); w.failed == nil && !w.done(); {
		w.beat()
	}
	if w.failed == nil {
		w.checkRows()
	}
	if w.failed != nil {
		return fmt.Errorf("at %.3f s: %w", w.now.Seconds(), w.failed)
	}
	return nil
}

// begin begins a call.
func (w *world) begin() {
	o := w.order
	*w = world{order: o, rng: w.rng, plant: w.plant, tally: w.tally, left: w.left, base: w.base + w.now, mood: w.mood}
	m := NewMachine(o.terms, *o.messages[0])
	w.machine, w.gate, w.ends = w.plant(m), m.Gate(), o.length-w.base
	w.ref = reference{terms: o.terms, message: o.messages[0], way: wayOf(o.terms.Policy)}
	for p := range purposes {
		w.proved[p] = never
	}
	if m.Mode() != w.ref.way {
		w.fail("mode %s, want %s", m.Mode(), w.ref.way)
	}
	w.happen(Answered{At: 0}, 0, nil, true)
}

func (w *world) fail(format string, args ...any) {
	if w.failed == nil {
		w.failed = fmt.Errorf(format, args...)
	}
}

// done reports whether nothing will happen any more.
func (w *world) done() bool {
	return w.over && w.now > w.ends+10*media.FrameTicks && w.destroyed == 0 && len(w.writing) == 0 && len(w.told) == 0
}

// chance is true once in n times; some returns one of 0 to n frames, in ticks.
func (w *world) chance(n int) bool     { return w.rng.IntN(n) == 0 }
func (w *world) some(n int) media.Tick { return media.Tick(w.rng.IntN(n+1)) * media.FrameTicks }

// beat lets 20 ms pass.
func (w *world) beat() {
	w.now += media.FrameTicks
	w.hear(w.now - media.FrameTicks)
	w.play()
	w.write()
	if w.destroyed > 0 && w.now >= w.destroyed {
		w.destroyed = 0
		w.happen(Destroyed{At: w.now, Queued: w.chance(3)}, w.now, nil, w.silent())
	}
	for len(w.left) > 0 && w.left[0].at-w.base <= w.now {
		s := w.left[0]
		w.left = w.left[1:]
		w.suffer(s.do, max(s.at-w.base, w.now-media.FrameTicks+1))
	}
	if !w.over && w.now >= w.ends {
		w.over = true
		w.happen(Ended{At: w.now}, w.now, nil, w.silent())
	}
	if !w.over && !w.chance(100) { // beats are missed
		w.happen(Passed{At: w.now}, w.now, nil, w.silent())
	}
}

// silent reports whether nothing is being played.
func (w *world) silent() bool { return len(w.playing) == 0 && len(w.marks) == 0 }

// happen steps the machine, does what it says, and has all three watch.
func (w *world) happen(e Event, at media.Tick, part *Part, quiet bool) {
	if w.failed != nil {
		return
	}
	did := w.machine.Step(e)
	for _, a := range did {
		w.obey(a)
	}
	w.ref.happens(happening{e, at, part, quiet, did})
	if w.ref.wrong != "" && !w.order.blind {
		w.fail("%T: %s", e, w.ref.wrong)
	}
	for p := range purposes {
		if !w.order.blind && !same(w.gate.valves[p], w.ref.may[p]) {
			w.fail("after %#v: %s passes in %v, want %v", e, p, w.gate.valves[p], w.ref.may[p])
		}
	}
	if _, pending := w.machine.Pending(); !pending && len(w.held) > 0 {
		for _, from := range w.held {
			w.judge(from)
		}
		w.held = w.held[:0]
	}
}

// same reports whether two lists hold the same ticks; the first may have empty
// intervals.
func same(got, want []interval) bool {
	i := 0
	for _, g := range got {
		if g.from == g.to {
			continue
		}
		if i == len(want) || g != want[i] {
			return false
		}
		i++
	}
	return i == len(want)
}

// obey does what the machine says.
func (w *world) obey(a Action) {
	switch a := a.(type) {
	case Append:
		w.audit.Asked(a)
		if len(w.writing) == 0 {
			w.due = w.now + w.delay()
		}
		w.writing = append(w.writing, a)
	case Play:
		ours := slices.Contains(PartKinds, a.Part.Kind)
		frames := 5 + w.rng.IntN(20)
		if ours {
			frames = 10 + w.rng.IntN(60)
		}
		w.playing = append(w.playing, playback{n: a.N, left: frames, part: a.Part, ours: ours, from: -1})
	case Hush:
		w.playing, w.marks = nil, nil
	case Destroy:
		w.destroyed = w.now + media.FrameTicks + w.some(100)
	case Settled:
		w.tally["outcome "+string(a.Outcome)]++
	case Leave, GiveUp, Unanswered:
		w.ends = min(w.ends, w.now+w.some(10))
	}
}

// delay is how long a row takes.
func (w *world) delay() media.Tick {
	switch w.mood {
	case slow:
		return w.some(150)
	default:
		return w.some(3)
	}
}

// hear takes the frame of the caller that began at from.
func (w *world) hear(from media.Tick) {
	if since, pending := w.machine.Pending(); pending && from >= since {
		if len(w.held) < 100 {
			w.held = append(w.held, from)
		}
		return
	}
	w.judge(from)
	if w.chance(20) { // words come late
		from = max(0, w.now-w.some(300)-media.Tick(w.rng.IntN(960)))
		to := from + media.Tick(w.rng.IntN(2*media.TickRate))
		_, heard := w.gate.Heard(from, to, "words")
		w.passes(Converse, heard, from, to)
		_, kept := w.gate.Text(from, to, "words")
		w.passes(Transcript, kept, from, to)
	}
}

// judge has a frame judged for every purpose.
func (w *world) judge(from media.Tick) {
	f := media.Frame{At: from}
	_, heard := w.gate.Converse(f)
	w.passes(Converse, heard, from, f.End())
	_, kept := w.gate.Record(f)
	w.passes(Record, kept, from, f.End())
	if _, own := w.gate.Own(f); own != kept {
		w.fail("both sides are not kept alike")
	}
	_, text := w.gate.Text(from, f.End(), "words")
	w.passes(Transcript, text, from, f.End())
	w.passes(Snippet, w.gate.admits(Snippet, from, f.End()), from, f.End())
}

// passes has what was said in [from, to) judged by all three.
func (w *world) passes(p Purpose, got bool, from, to media.Tick) {
	if want := w.ref.admits(p, from, to); got != want && !w.order.blind {
		w.fail("%s of [%d, %d): passes %v, want %v", p, from, to, got, want)
	}
	if !got {
		return
	}
	if broken, bad := w.audit.Check(p, from, to); bad {
		w.fail("%s of [%d, %d): the audit says %s", p, from, to, broken)
	}
	if from < w.proved[p] {
		w.fail("%s of [%d, %d) passes without a row on disk", p, from, to)
	}
}

// play plays a frame, and confirms what has been played.
func (w *world) play() {
	if w.now < w.away {
		return
	}
	if len(w.playing) > 0 {
		p := &w.playing[0]
		if p.from < 0 {
			p.from = w.now - media.FrameTicks
		}
		if p.left--; p.left == 0 {
			m := mark{due: w.now + w.some(8), played: Played{From: p.from, To: w.now, N: p.n}}
			if p.ours {
				m.part = p.part
			}
			w.marks, w.playing = append(w.marks, m), w.playing[1:]
		}
	}
	for len(w.marks) > 0 && w.marks[0].due <= w.now {
		m := w.marks[0]
		w.marks = w.marks[1:]
		m.played.At = w.now
		w.happen(m.played, w.now, m.part, w.silent())
	}
}

// write writes the rows that are due, one after another, and tells the loop.
func (w *world) write() {
	for len(w.writing) > 0 && w.due <= w.now {
		a := w.writing[0]
		w.writing = w.writing[1:]
		w.due = w.now + w.delay()
		n := note{due: w.now + w.some(2), recordable: !a.Keep || !w.chance(8)}
		failed := w.mood == failing && !w.chance(3)
		if !failed || w.chance(4) { // who stops waiting does not know
			w.prove(a, n.recordable)
		}
		n.event = Written{Row: a.Number, Recordable: n.recordable && a.Keep}
		if failed {
			n.event = Failed{Row: a.Number}
		}
		w.told = append(w.told, n)
	}
	for len(w.told) > 0 && w.told[0].due <= w.now {
		n := w.told[0]
		w.told = w.told[1:]
		switch e := n.event.(type) {
		case Written:
			e.At = w.now
			w.audit.Written(e.Row, n.recordable)
			w.happen(e, w.now, nil, w.silent())
		case Failed:
			e.At = w.now
			w.happen(e, w.now, nil, w.silent())
		}
	}
}

// prove puts a row on disk, and that of a recording that can not be had.
func (w *world) prove(a Append, recordable bool) {
	w.rows = append(w.rows, a.Row)
	w.tally["row "+a.Row.Event]++
	if !recordable {
		w.rows = append(w.rows, a.Row.Unrecordable())
	}
	for p := range purposes {
		if a.valves[p] && opening(a.Row.Event) && (recordable || p == Converse) {
			w.proved[p] = min(w.proved[p], a.since)
		}
	}
}

// checkRows has the rows on disk judged, as they are read from there.
func (w *world) checkRows() {
	rows := w.rows
	if w.order.seed%50 == 0 {
		text, err := json.Marshal(w.rows)
		if err == nil {
			rows = nil
			err = json.Unmarshal(text, &rows)
		}
		if err != nil {
			w.fail("%w", err)
		}
	}
	if err := CheckRows(rows); err != nil {
		w.fail("%w: %s", err, events(rows))
	}
}

func events(rows []Row) (s []string) {
	for _, r := range rows {
		s = append(s, r.Event)
	}
	return s
}

// suffer lets something befall the call at a tick.
func (w *world) suffer(what any, at media.Tick) {
	switch e := what.(type) {
	case stops:
		if len(w.writing) > 0 && w.chance(2) {
			w.prove(w.writing[0], true)
		}
		w.checkRows()
		w.tally["crash"]++
		if w.failed == nil {
			w.begin()
		}
	case drops:
		w.away = w.now + media.Tick(e.For)*media.FrameTicks
	case ledger:
		w.mood = e.Mood
	case Speech:
		if e.On != w.speaking && !w.over {
			w.speaking = e.On
			w.happen(Speech{At: at, On: e.On}, at, nil, w.silent())
		}
	case Ended:
		w.ends = min(w.ends, w.now)
	case Event:
		if !w.over {
			w.happen(w.stamp(e, at), at, nil, w.silent())
		}
	}
}

// stamp gives an event its tick; what the script has as a tick counts from there.
func (w *world) stamp(e Event, at media.Tick) Event {
	switch e := e.(type) {
	case Key:
		e.At = at
		return e
	case Spoken:
		e.At, e.From = at, at+e.From
		return e
	case Chose:
		e.At = at
		if e.Message == "" {
			e.Message = w.ref.message.ID
		}
		return e
	case Withdraw:
		e.At, e.From = at, at+e.From
		return e
	case Ask:
		e.At = at
		return e
	case Pause:
		e.At = at
		return e
	case Unpause:
		e.At = at
		return e
	case Minor:
		e.At = at
		return e
	case LedgerLost:
		e.At = at
		return e
	}
	return e
}

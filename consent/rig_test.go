package consent

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidetone/media"
)

const second = media.TickRate

var everything = []Purpose{Converse, Record, Transcript, Snippet}

// rig steps a machine by words, one after another, and writes down what it does:
//
//	hear, hear:1     all that is to be played by now is played, or one piece: 1 s each
//	over, over:1     the same, and the caller speaks all the while
//	speak:2s         the caller speaks for so long while the first piece is played
//	6s               time passes, in frames
//	1 2 9 * 5 ...    keys; 9? where the agent waits for digits
//	yes no unclear   spoken answers
//	keep go erase    buttons: agree; without a recording; that for all of the call
//	ok un fail       the newest row is on disk; nothing can be recorded; it is not on disk
//	withdraw whole   by the operator; withdraw:-3s as of 3 s ago
//	ask ask:other    by the operator, by another message
//	pause pause:5 unpause minor lost gone queued end
type rig struct {
	t       testing.TB
	m       *Machine
	now     media.Tick
	playing []Play
	rows    []Append
	log     []string // what each word made the machine do
	shuts   []Shut
}

// message is what machines play in tests; nobody looks at its audio.
func message(id string, kinds ...PartKind) Message {
	m := Message{ID: id, Language: "en", Wait: ClearWait, Prompts: map[Prompt]Part{}}
	for _, k := range kinds {
		m.Parts = append(m.Parts, Part{Kind: k, SHA256: "sound of " + string(k)})
	}
	for _, p := range promptNames {
		m.Prompts[p] = Part{Kind: PartKind(p)}
	}
	return m
}

// newRig returns a rig whose machine has been told that the call is answered.
func newRig(t testing.TB, terms Terms, m Message) *rig {
	t.Helper()
	r := &rig{t: t, m: NewMachine(terms, m)}
	r.step(Answered{})
	return r
}

// under returns the terms of a mode, with whole-call withdrawal.
func under(t testing.TB, mode Mode) Terms {
	t.Helper()
	_, p, err := ParseMode(string(mode))
	if err != nil {
		t.Fatal(err)
	}
	return Terms{Policy: p, Decision: Decision{WholeCall: true}, Subject: "subject"}
}

// say runs words, and returns what they made the machine do.
func (r *rig) say(words string) string {
	r.t.Helper()
	r.log = nil
	for _, word := range strings.Fields(words) {
		r.word(word)
	}
	return strings.Join(r.log, "; ")
}

// step steps the machine and keeps what it does.
func (r *rig) step(e Event) {
	var did []string
	for _, a := range r.m.Step(e) {
		switch a := a.(type) {
		case Play:
			r.playing = append(r.playing, a)
		case Hush:
			r.playing = nil
		case Append:
			r.rows = append(r.rows, a)
		case Shut:
			r.shuts = append(r.shuts, a)
		}
		did = append(did, deed(a))
	}
	if len(did) > 0 {
		r.log = append(r.log, strings.Join(did, ", "))
	}
}

// deed tells what an action is.
func deed(a Action) string {
	switch a := a.(type) {
	case Play:
		return "play " + string(a.Part.Kind)
	case Append:
		return fmt.Sprint("row ", a.Row.Event, " ", a.Row.How)
	case Opened:
		return "opened " + string(a.Outcome)
	case Settled:
		if a.Leaves {
			return "settled " + string(a.Outcome) + " leaves"
		}
		return "settled " + string(a.Outcome)
	case Withdrawn:
		if a.Whole {
			return "withdrawn whole"
		}
		return "withdrawn"
	case Leave:
		if a.Minor {
			return "leave minor"
		}
		return "leave"
	case Paused:
		return "paused"
	case CarryOn:
		return "carry on"
	case GiveUp:
		return "give up"
	}
	name := fmt.Sprintf("%T", a)
	return strings.ToLower(name[strings.LastIndex(name, ".")+1:])
}

// newest returns the newest row.
func (r *rig) newest() Append {
	r.t.Helper()
	if len(r.rows) == 0 {
		r.t.Fatal("no row was asked for")
	}
	return r.rows[len(r.rows)-1]
}

// answers maps words to events at a tick.
var answers = map[string]func(*rig) Event{
	"yes":      func(r *rig) Event { return Spoken{At: r.now, From: r.now - second/2, Answer: Yes, Score: 0.9} },
	"no":       func(r *rig) Event { return Spoken{At: r.now, From: r.now - second/2, Answer: No, Score: 0.8} },
	"unclear":  func(r *rig) Event { return Spoken{At: r.now, From: r.now - second/2, Score: 0.3} },
	"keep":     func(r *rig) Event { return Chose{At: r.now, Keep: true, Message: r.m.Message().ID} },
	"go":       func(r *rig) Event { return Chose{At: r.now, Message: r.m.Message().ID} },
	"erase":    func(r *rig) Event { return Chose{At: r.now, Whole: true, Message: r.m.Message().ID} },
	"stale":    func(r *rig) Event { return Chose{At: r.now, Keep: true, Message: "another"} },
	"ok":       func(r *rig) Event { return Written{At: r.now, Row: r.newest().Number, Recordable: true} },
	"un":       func(r *rig) Event { return Written{At: r.now, Row: r.newest().Number} },
	"fail":     func(r *rig) Event { return Failed{At: r.now, Row: r.newest().Number} },
	"withdraw": func(r *rig) Event { return Withdraw{At: r.now, From: r.now, How: HowOperator} },
	"whole":    func(r *rig) Event { return Withdraw{At: r.now, From: r.now, Whole: true, How: HowOperator} },
	"ask":      func(r *rig) Event { return Ask{At: r.now, How: HowOperator} },
	"pause":    func(r *rig) Event { return Pause{At: r.now, How: HowAgent} },
	"unpause":  func(r *rig) Event { return Unpause{At: r.now, How: HowOperator} },
	"minor":    func(r *rig) Event { return Minor{At: r.now, How: HowSpeech} },
	"lost":     func(r *rig) Event { return LedgerLost{At: r.now} },
	"gone":     func(r *rig) Event { return Destroyed{At: r.now} },
	"queued":   func(r *rig) Event { return Destroyed{At: r.now, Queued: true} },
	"end":      func(r *rig) Event { return Ended{At: r.now} },
}

func (r *rig) word(word string) {
	r.t.Helper()
	verb, rest, _ := strings.Cut(word, ":")
	length, err := time.ParseDuration(rest)
	switch {
	case verb == "hear" || verb == "over":
		n := len(r.playing)
		if rest != "" {
			n, _ = strconv.Atoi(rest)
		}
		for ; n > 0 && len(r.playing) > 0; n-- {
			r.play(verb == "over", second)
		}
	case verb == "speak" && err == nil:
		r.play(true, media.TicksIn(length))
	case verb == "withdraw" && err == nil:
		r.step(Withdraw{At: r.now, From: r.now + media.TicksIn(length), How: HowSpeech})
	case word == "ask:other":
		other := message("other", PartRecording, PartChoice)
		r.step(Ask{At: r.now, Message: &other, How: HowAgent})
	case verb == "pause" && rest != "":
		r.step(Pause{At: r.now, Until: rest[0], How: HowAgent})
	case word == "9?":
		r.step(Key{At: r.now, Digit: '9', Asked: true})
	case answers[word] != nil:
		r.step(answers[word](r))
	case len(word) == 1:
		r.step(Key{At: r.now, Digit: word[0]})
	default:
		length, err := time.ParseDuration(word)
		if err != nil {
			r.t.Fatalf("no such word: %q", word)
		}
		r.wait(media.TicksIn(length))
	}
}

// wait lets time pass, in frames.
func (r *rig) wait(length media.Tick) {
	for until := r.now + length; r.now < until; {
		r.now += media.FrameTicks
		r.step(Passed{At: r.now})
	}
}

// play plays the next piece, which takes 1 s, while the caller may speak.
func (r *rig) play(over bool, speech media.Tick) {
	p, from := r.playing[0], r.now
	r.playing = r.playing[1:]
	if over {
		r.step(Speech{At: r.now, On: true})
		r.step(Speech{At: r.now + speech})
	}
	r.now += second
	r.step(Played{At: r.now, From: from, To: r.now, N: p.N})
}

// open tells what is open.
func (r *rig) open() (open []Purpose) {
	for p := range purposes {
		if r.m.gate.Open(p) {
			open = append(open, p)
		}
	}
	return open
}

// wantOpen wants these valves open, and no other.
func (r *rig) wantOpen(when string, want []Purpose) {
	r.t.Helper()
	if got := r.open(); !slices.Equal(got, want) {
		r.t.Errorf("%s: open %v, want %v", when, got, want)
	}
}

// proved returns the rows of the call, and wants them to be possible ones.
func (r *rig) proved() []Row {
	r.t.Helper()
	var rows []Row
	for _, a := range r.rows {
		rows = append(rows, a.Row)
	}
	if err := CheckRows(rows); err != nil {
		r.t.Errorf("%v: %v", err, events(rows))
	}
	return rows
}

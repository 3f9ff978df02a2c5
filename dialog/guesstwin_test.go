package dialog

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
)

// twin is one of two machines that hear the same call, with a replier that needs no
// time. One guesses, one does not.
type twin struct {
	t     *testing.T
	m     *Machine
	next  func(n int) int // how much of a guess is there before its turn is over
	now   media.Tick
	lines []string // what it did, but for the guesses

	guess   Input // that is open; Turn 0 for none
	given   int   // parts of it
	adopted int
	dropped int
}

// answerTo returns what the replier makes of words. The same words have the same answer.
func answerTo(in string) []Part {
	switch len(in) % 7 {
	case 0:
		return []Part{{Sentence: "I see."}, {Answer: &Answer{Key: "size"}}, {Sentence: "And when?"}}
	case 1:
		return []Part{{Answer: &Answer{Key: "size"}}, {Sentence: "And when?"}}
	case 2:
		return []Part{{Sentence: "Your number, please?", Expect: ExpectDigits}}
	case 3:
		return []Part{{Sentence: "Please enter it."}, {Pause: true}}
	case 4:
		return nil // it fails
	}
	return []Part{{Sentence: "Well."}, {Sentence: "You must hear this.", Protected: true}, {Sentence: "Is that right?"}}
}

// harmless is how many parts a replier gives while it is not certain: those before
// the first that has an effect.
func harmless(parts []Part) int {
	i := slices.IndexFunc(parts, func(p Part) bool { return p.Sentence == "" })
	if i < 0 {
		return len(parts)
	}
	return i
}

// step gives the machine an event, and what the replier makes of what it does. It
// returns the actions.
func (w *twin) step(e Event) []Action {
	w.now = max(w.now, e.event())
	actions := w.m.Step(e)
	for i := 0; i < len(actions); i++ {
		switch a := actions[i].(type) {
		case StartReply:
			if a.Input.Guess {
				w.guess, w.given = a.Input, w.next(harmless(answerTo(strings.Join(wordsOf(a.Input.Said.String()), " ")))+1)
				actions = append(actions, w.give(a.Input, 0, w.given, false)...)
				continue
			}
			w.asked(a.Input)
			actions = append(actions, w.give(a.Input, 0, -1, true)...)
		case AdoptReply:
			in := w.guess
			in.Said = a.Said
			w.guess.Turn = 0
			w.adopted++
			w.asked(in)
			actions = append(actions, w.give(in, w.given, -1, true)...)
		case CancelReply:
			if a.Turn == w.guess.Turn {
				w.guess.Turn = 0
				w.dropped++
				continue
			}
			w.log("cancel")
		case Say:
			w.log("say %d %s", a.Clip, a.Text)
		case AgentTurn:
			a.Turn = 0
			w.log("%s", describe(a))
		default:
			w.log("%s", describe(a))
		}
	}
	return actions
}

func (w *twin) asked(in Input) {
	w.log("ask %d %s%s", in.Kind, in.Said, describeLines(in.History))
}

// give yields parts of the answer from one on, all of them where to is negative.
func (w *twin) give(in Input, from, to int, end bool) (actions []Action) {
	parts := answerTo(strings.Join(wordsOf(in.Said.String()), " "))
	if to < 0 {
		to = len(parts)
	}
	for _, p := range parts[from:to] {
		actions = append(actions, w.m.Step(Replied{At: w.now, Turn: in.Turn, Part: p})...)
	}
	if end {
		actions = append(actions, w.m.Step(ReplyEnded{At: w.now, Turn: in.Turn})...)
	}
	return actions
}

func (w *twin) log(format string, args ...any) {
	w.lines = append(w.lines, fmt.Sprintf("%d ", w.now.Duration().Milliseconds())+fmt.Sprintf(format, args...))
}

// twins are both, and the call around them.
type twins struct {
	random     *rand.Rand
	gate       *consent.Gate
	sure, bold *twin
	now        media.Tick
	words      string // of the open turn
	speaking   bool
	finals     int
	queue      []*worldClip
	held       bool
	suspended  bool
	over       bool
}

// step lets both have an event, and the call do what they say.
func (w *twins) step(e Event) {
	w.sure.step(e)
	for _, a := range w.bold.step(e) {
		switch a := a.(type) {
		case Say:
			w.queue = append(w.queue, &worldClip{id: a.Clip, length: media.Tick(len(a.Text)) * media.TickRate / 15})
		case Hold:
			w.held = true
		case Resume:
			w.held = false
		case Drop:
			w.held, w.queue = false, nil
		case Finalize:
			w.finals++
		case PauseRecording:
			w.suspended = true
		case End:
			w.over = true
		}
	}
}

func (w *twins) said(text string) consent.Heard {
	h, _ := w.gate.Heard(max(0, w.now-2*media.FrameTicks), w.now, text)
	return h
}

// beat is 20 ms of the call.
func (w *twins) beat() {
	w.now += media.FrameTicks
	w.step(Passed{At: w.now})
	if len(w.queue) == 0 || w.over {
		return
	}
	if w.held {
		w.step(HoldSettled{At: w.now})
		return
	}
	c := w.queue[0]
	played := min(media.FrameTicks, c.length-c.offset)
	c.offset += played
	if c.offset == c.length {
		w.queue = w.queue[1:]
	}
	w.step(Played{At: w.now, Clip: c.id, From: w.now - played, Offset: c.offset, Length: c.length, Done: c.offset == c.length})
}

var twinWords = []string{"I want a table.", "For two, please.", "No.", "The name is Smith and", "Not that one, the other.", "Tomorrow at noon."}

// happen lets something happen.
func (w *twins) happen() {
	switch w.random.IntN(20) {
	case 0, 1, 2, 3, 4:
		if !w.speaking {
			w.step(SpeechStarted{At: w.now, From: max(0, w.now-4608)})
			w.words = twinWords[w.random.IntN(len(twinWords))]
		}
		w.speaking = true
	case 5, 6, 7, 8, 9, 10, 11:
		if w.speaking {
			w.step(Words{At: w.now, Said: w.said(w.words), Hint: Hint(max(0, w.random.IntN(9)-5))})
			w.step(SpeechEnded{At: w.now, To: w.now})
		}
		w.speaking = false
	case 12, 13, 14, 15:
		if w.finals > 0 {
			w.finals--
			w.final()
		}
	case 16:
		w.step(Key{At: w.now, Said: w.said("5"), Digit: '5'})
	case 17:
		w.step(Typed{At: w.now, Said: w.said("I write.")})
	case 18:
		if w.suspended = !w.suspended; w.suspended {
			w.step(Suspended{At: w.now})
		}
	}
	if w.suspended && w.random.IntN(3) == 0 {
		w.suspended, w.speaking = false, false
		w.step(Restored{At: w.now})
	}
}

// final is of what was said, mostly.
func (w *twins) final() {
	said := strings.ToLower(strings.TrimRight(w.words, "."))
	switch w.random.IntN(8) {
	case 0:
		said = "Something else."
	case 1:
		said = ""
	case 2:
		w.step(AskedMachine{At: w.now, Said: w.said("Are you a machine?")})
		return
	}
	w.step(Words{At: w.now, Said: w.said(said), Final: true, Lost: said == "" && w.random.IntN(2) == 0})
}

// TestGuessLeavesNoTrace lets two machines hear the same calls, one of which guesses:
// they must say, note and keep the same, at the same time, when the replier needs none.
func TestGuessLeavesNoTrace(t *testing.T) {
	adopted, dropped := 0, 0
	for seed := range uint64(400) {
		random := rand.New(rand.NewPCG(seed, 2))
		w := &twins{random: random, gate: gatetest.Open()}
		set := DefaultSettings("en")
		w.sure = &twin{t: t, m: NewMachine(set)}
		set.Guess = true
		w.bold = &twin{t: t, m: NewMachine(set), next: random.IntN}
		w.step(Opened{At: 0})
		for range 150 {
			w.happen()
			for range random.IntN(40) {
				w.beat()
			}
			if !slices.Equal(w.sure.lines, w.bold.lines) {
				i := 0
				for i < min(len(w.sure.lines), len(w.bold.lines)) && w.sure.lines[i] == w.bold.lines[i] {
					i++
				}
				t.Fatalf("seed %d: from line %d on, with guesses:\n%s\n\nwithout:\n%s", seed, i,
					strings.Join(w.bold.lines[max(0, i-12):], "\n"), strings.Join(w.sure.lines[max(0, i-12):], "\n"))
			}
		}
		if w.sure.adopted+w.sure.dropped > 0 {
			t.Fatal("a machine guesses that must not")
		}
		adopted, dropped = adopted+w.bold.adopted, dropped+w.bold.dropped
	}
	t.Logf("%d guesses adopted, %d dropped", adopted, dropped)
	if adopted < 200 || dropped < 200 {
		t.Errorf("%d guesses adopted, %d dropped: that shows little", adopted, dropped)
	}
}

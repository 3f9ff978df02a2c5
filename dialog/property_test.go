package dialog

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
)

// world is a call around a machine, with a caller, a replier, a voice and a
// carrier that do whatever the bytes of a fuzzer say, within what their
// contracts allow. It holds the machine to its promises.
type world struct {
	t    *testing.T
	m    *Machine
	gate *consent.Gate
	now  media.Tick

	live      TurnID // of the reply that runs; 0 for none
	guess     worldGuess
	newest    TurnID
	speaking  bool
	finals    []*worldFinal // that recognition owes
	awaited   bool          // none has come since the newest Finalize
	finalized media.Tick    // when that was
	turns     int           // of the caller's
	held      bool
	settled   bool
	queue     []*worldClip
	dying     *worldClip // what was being played when the machine was suspended, until that is settled

	suspended bool
	restored  media.Tick
	pausing   TurnID // its reply wants the recording paused
	truth     TurnID // tells that the agent is a machine
	doubt     bool   // which the caller has asked, and has yet to be told

	said      map[TurnID][]*worldClip
	done      map[TurnID]bool // turns in the transcript
	cancelled map[TurnID]bool
	heard     []string // texts of the transcript's agent
	over      bool
}

type worldClip struct {
	id             media.ClipID
	text           string
	offset, length media.Tick
	whole, lost    bool
}

// worldGuess is a reply that is asked for before the caller's turn is over.
type worldGuess struct {
	turn    TurnID // 0 for none
	words   string // of the caller's newest line
	turns   int    // of the caller's, before it
	count   int    // of guesses since the last Finalize
	pauses  bool
	ended   bool
	adopted bool // in this step
}

// worldFinal is a final that is on its way.
type worldFinal struct {
	at   media.Tick // of its Finalize
	void bool       // nobody may get its words
}

func newWorld(t *testing.T, guess bool) *world {
	set := DefaultSettings("en")
	set.Guess = guess
	return &world{
		t: t, m: NewMachine(set), gate: gatetest.Open(),
		said: map[TurnID][]*worldClip{}, done: map[TurnID]bool{}, cancelled: map[TurnID]bool{},
	}
}

func (w *world) step(e Event) {
	w.guess.adopted = false
	actions := w.m.Step(e)
	if slices.ContainsFunc(actions, suspends) || w.suspended {
		w.awaited = false
	}
	for _, a := range actions {
		if w.over {
			w.t.Fatalf("%T after the end", a)
		}
		w.take(a)
	}
	if w.suspended {
		w.void()
	}
}

func suspends(a Action) bool { return a == PauseRecording{} || a == Minor{} }

// void makes the finals on their way void.
func (w *world) void() {
	for _, f := range w.finals {
		f.void = true
	}
	w.awaited = false
}

// suspend stops the conversation, or goes on with it.
func (w *world) suspend(on bool) {
	if on {
		w.suspended = true
		w.step(Suspended{At: w.now})
		if w.held {
			w.t.Fatal("a hold in a suspension")
		}
		return
	}
	was := w.suspended
	w.suspended = false
	if was {
		w.restored = w.now
		w.void()
	}
	w.step(Restored{At: w.now})
	if was && !w.suspended {
		w.void()
	}
	if was && w.speaking {
		w.step(SpeechStarted{At: w.now, From: max(0, w.now-4608)})
	}
}

// checkSilent checks that a suspended machine does no more than to end things.
func (w *world) checkSilent(a Action) {
	switch a.(type) {
	case Hold, Drop, CancelReply, AgentTurn, Finalize, ResumeRecording, PauseRecording, Minor:
	default:
		if _, stage := a.(Observe); w.suspended && !stage {
			w.t.Fatalf("%T while suspended", a)
		}
	}
}

// take does what the machine says, and checks that it may say so.
func (w *world) take(a Action) {
	w.checkSilent(a)
	switch a := a.(type) {
	case CallerTurn:
		w.turns++
	case PauseRecording, Minor:
		w.suspended, w.pausing = true, 0
	case StartReply:
		if w.doubt {
			w.t.Fatal("the caller has asked whether the agent is a machine, and is not told")
		}
		if w.live != 0 || w.guess.turn != 0 {
			w.t.Fatalf("turn %d is asked for while %d is live, or the guess %d", a.Input.Turn, w.live, w.guess.turn)
		}
		if a.Input.Turn < w.newest || a.Input.Turn == w.newest && !w.attended(a.Input.Turn) {
			w.t.Fatalf("turn %d after %d", a.Input.Turn, w.newest)
		}
		w.newest = a.Input.Turn
		w.checkInput(a.Input)
		if a.Input.Guess {
			w.guessed(a.Input)
		} else {
			w.live = a.Input.Turn
		}
	case AdoptReply:
		w.adopt(a)
	case Note:
		if w.live == 0 && !w.guess.adopted {
			w.t.Fatal("an answer of no reply")
		}
	case CancelReply:
		w.cancelled[a.Turn] = true
		w.doubt = w.doubt || a.Turn == w.truth
		if w.live == a.Turn {
			w.live = 0
		}
		if w.guess.turn == a.Turn {
			w.guess.turn = 0
		}
	case Say:
		if a.Turn == w.guess.turn {
			w.t.Fatal("a guess is said before its turn is over")
		}
		if a.Turn < w.newest || w.cancelled[a.Turn] || w.done[a.Turn] {
			w.t.Fatalf("a sentence of turn %d, which is over", a.Turn)
		}
		w.newest = a.Turn
		w.checkTruth(a)
		c := &worldClip{id: a.Clip, text: a.Text, length: media.Tick(len(a.Text)) * media.TickRate / 15}
		w.queue = w.place(w.queue, c, a.Filler)
		w.said[a.Turn] = w.place(w.said[a.Turn], c, a.Filler)
	case Hold:
		if w.held {
			w.t.Fatal("a second hold")
		}
		w.held, w.settled, w.dying = true, false, nil
	case Resume, Drop:
		if !w.held {
			w.t.Fatalf("%T without a hold", a)
		}
		w.held = false
		if _, drop := a.(Drop); drop {
			if len(w.queue) > 0 && !w.settled {
				w.dying = w.queue[0]
			}
			w.queue = nil
		}
	case Finalize:
		if w.awaited && w.now-w.finalized < finalLost {
			w.t.Fatal("a second finalize before the final")
		}
		w.finals = append(w.finals, &worldFinal{at: w.now})
		w.awaited, w.finalized = true, w.now
		w.guess.count = 0
	case AgentTurn:
		w.checkTurn(a)
	case End:
		w.over = true
	}
}

// place puts a clip at the end, or a filler before what has not been played.
func (w *world) place(clips []*worldClip, c *worldClip, filler bool) []*worldClip {
	at := len(clips)
	if i := slices.IndexFunc(clips, func(c *worldClip) bool { return !c.whole && !c.lost }); filler && i >= 0 {
		if at = i; clips[i].offset > 0 {
			w.t.Fatalf("%q is said into %q", c.text, clips[i].text)
		}
	}
	return slices.Insert(clips, at, c)
}

// guessed takes that the replier is asked early.
func (w *world) guessed(in Input) {
	if w.guess.count++; w.guess.count > guesses || w.speaking {
		w.t.Fatalf("the guess number %d of a turn, the caller speaks: %v", w.guess.count, w.speaking)
	}
	w.guess = worldGuess{turn: in.Turn, words: in.Said.String(), turns: w.turns, count: w.guess.count}
}

// adopt checks that a guess is adopted only when the caller's turn has come, and is of
// its words.
func (w *world) adopt(a AdoptReply) {
	g := &w.guess
	if g.turn == 0 || a.Turn != g.turn || w.turns != g.turns+1 || !slices.Equal(wordsOf(a.Said.String()), wordsOf(g.words)) {
		w.t.Fatalf("%+v is adopted with %q after %d turns", g, a.Said, w.turns)
	}
	if !g.ended {
		w.live = g.turn
	}
	if g.pauses {
		w.pausing = g.turn
	}
	g.turn, g.adopted = 0, true
}

// attended reports whether nothing but a filler was said in a turn, over which its
// reply may begin.
func (w *world) attended(turn TurnID) bool {
	filler := DefaultSettings("en").Wait.Filler
	return len(w.said[turn]) > 0 && !w.done[turn] && !slices.ContainsFunc(w.said[turn], func(c *worldClip) bool { return c.text != filler })
}

// checkTruth keeps account of who has been told that the agent is a machine.
func (w *world) checkTruth(s Say) {
	set := DefaultSettings("en")
	switch s.Text {
	case set.Truth:
		w.truth, w.doubt = s.Turn, false
	case set.Farewell:
		w.doubt = false // there is no voice to tell it with
	}
}

// checkInput checks that the history holds nothing that was not played.
func (w *world) checkInput(in Input) {
	n := 0
	for _, l := range in.History {
		if l.Agent == "" {
			continue
		}
		if n >= len(w.heard) || l.Agent != w.heard[n] {
			w.t.Fatalf("the history has %q, which is not turn %d of %q", l.Agent, n, w.heard)
		}
		n++
	}
	if n != len(w.heard) {
		w.t.Fatalf("the history has %d turns of the agent, want %d", n, len(w.heard))
	}
	if (in.Kind == Said || in.Kind == Keyed) && in.Said.String() == "" {
		w.t.Fatal("an input without words")
	}
	if strings.Contains(in.Words(), worldDoubt) {
		w.t.Fatal("the replier is to say whether it is a machine")
	}
}

// checkTurn checks that a turn in the transcript is what was played.
func (w *world) checkTurn(a AgentTurn) {
	if w.done[a.Turn] {
		w.t.Fatalf("turn %d is in the transcript twice", a.Turn)
	}
	w.done[a.Turn] = true
	if a.Turn == w.truth {
		w.truth = 0
	}
	if own := withoutFiller(a.Text); own != "" {
		w.heard = append(w.heard, own)
	}
	var texts []string
	most := 0
	for _, c := range w.said[a.Turn] {
		if c.lost {
			continue
		}
		texts = append(texts, c.text)
		if c.whole {
			most += len(c.text) + 1
		} else if c.offset > 0 {
			most += int(c.offset*media.Tick(len(c.text))/c.length) + 1
		}
	}
	if all := strings.Join(texts, " "); !strings.HasPrefix(all, a.Text) {
		w.t.Fatalf("turn %d: %q is not how %q begins", a.Turn, a.Text, all)
	}
	if len(a.Text) > most {
		w.t.Fatalf("turn %d: %q has %d characters, and %d were played", a.Turn, a.Text, len(a.Text), most)
	}
	if a.Text == "" || a.To <= a.From {
		w.t.Fatalf("an empty turn %+v", a)
	}
}

// withoutFiller returns what the history holds of a turn.
func withoutFiller(text string) string {
	filler := DefaultSettings("en").Wait.Filler
	text = strings.ReplaceAll(text, filler, "")
	for words := strings.Fields(filler); len(words) > 0; words = words[:len(words)-1] {
		text = strings.TrimSuffix(text, strings.Join(words, " ")) // it was cut
	}
	return strings.Join(strings.Fields(text), " ")
}

// play plays more of the first clip.
func (w *world) play(length media.Tick) {
	if c := w.dying; c != nil {
		before := c.offset
		c.offset = min(c.length-1, c.offset+length)
		w.step(Played{At: w.now, Clip: c.id, From: w.now - (c.offset - before), Offset: c.offset, Length: c.length})
		return
	}
	if len(w.queue) == 0 || w.held && w.settled {
		return
	}
	c := w.queue[0]
	before := c.offset
	c.offset = min(c.length, c.offset+length)
	c.whole = c.offset == c.length
	e := Played{At: w.now, Clip: c.id, From: w.now - (c.offset - before), Offset: c.offset, Length: c.length, Done: c.whole}
	if c.whole {
		w.queue = w.queue[1:]
	}
	w.step(e)
}

const worldDoubt = "are you a machine"

var worldWords = []string{"", "yes", "mhm", "I want a table", "my number is", "stop", "okay yeah"}

// do lets one thing happen.
func (w *world) do(op, arg byte) {
	heard := func() consent.Heard {
		h, _ := w.gate.Heard(max(w.restored, w.now-9600), w.now, worldWords[int(arg)%len(worldWords)])
		return h
	}
	switch op % 22 {
	case 0, 1, 2:
		for range arg%64 + 1 {
			w.now += media.FrameTicks
			w.step(Passed{At: w.now})
		}
	case 3:
		if !w.speaking {
			w.speaking = true
			w.step(SpeechStarted{At: w.now, From: max(0, w.now-4608)})
		}
	case 4:
		if w.speaking {
			w.speaking = false
			w.step(SpeechEnded{At: w.now, To: max(0, w.now-media.Tick(arg)*48)})
		}
	case 5:
		w.step(Words{At: w.now, Said: heard(), Hint: Hint(arg / 8 % 4)})
	case 6:
		w.final(arg)
	case 7:
		w.key("0123456789*#"[arg%12])
	case 8, 9:
		w.reply(arg)
	case 10, 11, 12:
		w.play(media.Tick(arg)*400 + 1)
	case 13:
		if len(w.queue) > 0 && w.queue[0].offset == 0 {
			c := w.queue[0]
			w.queue, c.lost = w.queue[1:], true
			w.doubt = w.doubt || c.text == DefaultSettings("en").Truth
			w.step(SpeakFailed{At: w.now, Clip: c.id, Err: errors.New("lost")})
		}
	case 14:
		if (w.held || w.dying != nil) && !w.settled {
			w.settled, w.dying = true, nil
			w.step(HoldSettled{At: w.now})
		}
	case 16:
		if h := heard(); h.String() != "" {
			w.step(Typed{At: w.now, Said: h})
		}
	case 17:
		w.step(Stirred{At: w.now})
	case 18, 19:
		w.suspend(op%22 == 18)
	case 20, 21:
		if typed := op%22 == 20; typed || len(w.finals) > 0 {
			w.ask(typed)
		}
	case 15: // something of an old turn
		turn := TurnID(arg % 8)
		if turn != w.live && turn != w.guess.turn {
			w.step(Replied{At: w.now, Turn: turn, Part: Part{Sentence: "This is stale."}})
			w.step(ReplyEnded{At: w.now, Turn: turn})
		}
	}
}

// final lets recognition answer the oldest Finalize.
func (w *world) final(arg byte) {
	if len(w.finals) == 0 {
		return
	}
	text, before := worldWords[int(arg)%len(worldWords)], w.turns
	f := w.pop()
	from := max(w.restored, w.now-9600)
	to := w.now
	if f.void {
		from, to = max(0, f.at-9600), f.at
	}
	said, _ := w.gate.Heard(from, to, text)
	w.step(Words{At: w.now, Said: said, Final: true, Lost: text == "" && arg%2 == 0})
	if heard := w.turns > before; heard != (text != "" && !f.void && !w.over) {
		w.t.Fatalf("the final %q, void %v, is a turn: %v", text, f.void, heard)
	}
}

func (w *world) pop() *worldFinal {
	f := w.finals[0]
	w.finals, w.awaited = w.finals[1:], false
	return f
}

// ask lets the caller ask whether the agent is a machine.
func (w *world) ask(typed bool) {
	from, to, before := max(w.restored, w.now-9600), w.now, w.turns
	if !typed {
		if f := w.pop(); f.void {
			from, to = max(0, f.at-9600), f.at
		}
	}
	said, _ := w.gate.Heard(from, to, worldDoubt)
	telling := w.truth != 0
	e := AskedMachine{At: w.now, Said: said, Typed: typed}
	for _, a := range w.m.Step(e) {
		if _, turn := a.(CallerTurn); turn {
			w.doubt = !telling
		}
		w.take(a)
	}
	if w.suspended && w.turns > before {
		w.t.Fatal("a question is heard in a suspension")
	}
}

// key lets the caller press one. Before a pause nobody may see it.
func (w *world) key(digit byte) {
	before, secret := w.turns, w.pausing != 0 && w.pausing == w.newest && !w.done[w.newest] && !w.cancelled[w.newest]
	h, _ := w.gate.Heard(w.now, w.now, string(digit))
	w.step(Key{At: w.now, Said: h, Digit: digit})
	if secret && w.turns > before {
		w.t.Fatal("a key is seen that is meant for a pause")
	}
}

// reply lets the replier yield something.
func (w *world) reply(arg byte) {
	turn := w.live
	if turn == 0 && !w.guess.ended {
		turn = w.guess.turn
	}
	if turn == 0 {
		return
	}
	switch arg / 8 {
	case 1:
		if w.live != 0 {
			w.pausing = turn
		}
		w.guess.pauses = true
		w.step(Replied{At: w.now, Turn: turn, Part: Part{Pause: true}})
		return
	case 2:
		w.step(Replied{At: w.now, Turn: turn, Part: Part{Minor: true}})
		return
	case 3:
		w.step(Replied{At: w.now, Turn: turn, Part: Part{Resume: true}})
		return
	}
	switch arg % 8 {
	case 0:
		if w.live = 0; turn == w.guess.turn {
			w.guess.turn = 0
		}
		w.step(ReplyEnded{At: w.now, Turn: turn, Err: errors.New("failed")})
	case 1, 2, 3:
		w.live, w.guess.ended = 0, true
		w.step(ReplyEnded{At: w.now, Turn: turn})
	case 4:
		w.step(Replied{At: w.now, Turn: turn, Part: Part{Expect: Expect(arg / 8 % 3), Answer: &Answer{Key: "a"}}})
	case 5:
		w.step(Replied{At: w.now, Turn: turn, Part: Part{Sentence: "You must hear this.", Protected: true}})
	default:
		w.step(Replied{At: w.now, Turn: turn, Part: Part{Sentence: "Could you tell me more about it, please?"}})
	}
}

// settleDown lets everybody behave, and the caller be silent: the machine must
// find its way to the goodbye.
func (w *world) settleDown() {
	w.do(4, 0)
	frames := 120 * 50
	for _, c := range w.queue {
		frames += int(c.length / media.FrameTicks)
	}
	for range frames {
		if w.over {
			return
		}
		w.do(0, 0)
		w.do(14, 0)
		if len(w.finals) > 0 {
			w.do(6, 0)
		}
		if w.suspended {
			w.suspend(false)
		}
		if w.live != 0 || w.guess.turn != 0 {
			w.reply(6)
			w.reply(1)
		}
		w.play(media.FrameTicks)
	}
	w.t.Fatal("silence does not end the call")
}

func (w *world) run(data []byte) {
	if len(data) > 0 && data[0]%16 == 0 {
		w.suspend(true)
	}
	w.step(Opened{At: w.now})
	for i := 0; i+1 < len(data); i += 2 {
		if len(data)%2 == 1 && i == len(data)/4*2 && !w.over { // hang up half-way
			w.step(Closed{At: w.now})
			if w.held {
				w.t.Fatal("the call ends in a hold")
			}
			w.over = true
		}
		w.do(data[i], data[i+1]) // step fails on anything after the end
	}
	w.settleDown()
}

// TestProperties lets a thousand random calls go by, with guesses and without.
func TestProperties(t *testing.T) {
	for seed := range uint64(1000) {
		random := rand.New(rand.NewPCG(seed, 1))
		data := make([]byte, random.IntN(600))
		for i := range data {
			data[i] = byte(random.Uint32())
		}
		runSeed(t, seed, data, false)
		runSeed(t, seed, data, true)
	}
}

// runSeed prints the seed when the call breaks a promise.
func runSeed(t *testing.T, seed uint64, data []byte, guess bool) {
	defer func() {
		if t.Failed() {
			t.Logf("seed %d, guesses %v", seed, guess)
		}
	}()
	newWorld(t, guess).run(data)
}

func FuzzMachine(f *testing.F) {
	f.Add([]byte{8, 6, 8, 1, 10, 200, 3, 0, 14, 0, 5, 5, 4, 0, 0, 40, 6, 3})
	f.Add([]byte{3, 0, 0, 30, 4, 0, 0, 30, 6, 3, 8, 6, 3, 0, 0, 40, 14, 0})
	f.Add([]byte{7, 1, 7, 11, 8, 5, 8, 6, 10, 9, 7, 3, 14})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 2000 {
			return
		}
		newWorld(t, false).run(data)
		newWorld(t, true).run(data)
	})
}

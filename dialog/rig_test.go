package dialog

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/consent/gatetest"
	"sidetone/media"
)

// rig steps a machine through a script of events and writes down its actions.
// A line of a script is a time in milliseconds, an event and what it holds;
// time passes every 20 ms in between:
//
//	0 open
//	100 part TEXT            part! is protected, part@1 is of turn 1
//	100 part+80 TEXT         80 ms after the language model began
//	100 answer KEY           a part with an answer
//	100 expect digits|key    a part that asks for them
//	100 bye [NUMBER]         a part that ends the call
//	100 pauses | resumes     a part that does that to the recording
//	100 busy MS              a part that says that it takes so long
//	100 minor                a part that says so
//	120 done | fail          the reply's end
//	900 played 1 500/1000    clip 1 up to 500 of 1000 ms; "!" when that is all
//	900 unsaid 1             clip 1 could not be made
//	900 cut 1 TEXT           no more than that of it
//	950 speech               the caller has spoken for 100 ms
//	990 quiet [held|faded]   the caller fell silent, with that cadence
//	995 partial TEXT | final [TEXT]
//	995 private TEXT         a partial that may be for the gateway alone
//	995 lost                 the final of a turn that nobody heard
//	995 mayend TEXT | goeson TEXT | ended TEXT: a partial with a hint
//	995 final<900 TEXT       words that were said by 900
//	995 partial~60 TEXT      words of which recognition is sure by 60 %; so final~60
//	999 key 5
//	999 typed TEXT | stirred
//	999 asked TEXT           whether the agent is a machine; asked! is typed
//	999 suspend | restore
//	999 settled | close | pass
type rig struct {
	t        *testing.T
	m        *Machine
	gate     *consent.Gate
	now      int // ms
	turn     TurnID
	offset   map[media.ClipID]int
	observed bool // write stages down, too
	trace    []string
}

// plain are settings whose patience can be told in the head: 450 ms after words, and
// 2 s after those that no sentence ends with.
func plain() Settings {
	s := DefaultSettings("en")
	s.EndOfTurn.Min, s.Ending = 450*time.Millisecond, openWords{}
	return s
}

// openWords is an Ending that knows no more than words that no sentence ends with.
type openWords struct{}

func (openWords) Over(said string, expect Expect) float64 {
	words := wordsOf(said)
	switch {
	case len(words) > 0 && slices.Contains(lexicons["en"].open, words[len(words)-1]):
		return 0
	case expect == ExpectDigits:
		return even
	}
	return sure
}

func newRig(t *testing.T, s Settings) *rig {
	return &rig{t: t, m: NewMachine(s), gate: gatetest.Open(), offset: map[media.ClipID]int{}}
}

func ms(n int) media.Tick { return media.TicksIn(time.Duration(n) * time.Millisecond) }

func (r *rig) run(script string) {
	r.t.Helper()
	for line := range strings.Lines(script) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		at, err := strconv.Atoi(fields[0])
		if err != nil {
			r.t.Fatalf("%s: %v", line, err)
		}
		for next := r.now - r.now%20 + 20; next < at; next += 20 {
			r.now = next
			r.step(Passed{At: ms(next)})
		}
		r.now = at
		rest := strings.Join(fields[2:], " ")
		r.step(r.event(fields[1], rest))
	}
}

func (r *rig) event(name, rest string) Event {
	r.t.Helper()
	at := ms(r.now)
	if what, turn, ok := strings.Cut(name, "@"); ok {
		n, err := strconv.Atoi(turn)
		if err != nil {
			r.t.Fatal(err)
		}
		return Replied{At: at, Turn: TurnID(n), Part: Part{Sentence: rest, Protected: what == "part!"}}
	}
	if _, after, ok := strings.Cut(name, "part+"); ok {
		n, err := strconv.Atoi(after)
		if err != nil {
			r.t.Fatal(err)
		}
		return Replied{At: at, Turn: r.turn, Part: Part{Sentence: rest, Token: time.Duration(n) * time.Millisecond}}
	}
	if what, by, ok := strings.Cut(name, "<"); ok {
		to, err := strconv.Atoi(by)
		if err != nil {
			r.t.Fatal(err)
		}
		said, _ := r.gate.Heard(ms(to-200), ms(to), rest)
		return Words{At: at, Said: said, Final: what == "final", Confidence: 0.9}
	}
	confidence := 0.9
	if what, percent, ok := strings.Cut(name, "~"); ok {
		n, err := strconv.Atoi(percent)
		if err != nil {
			r.t.Fatal(err)
		}
		name, confidence = what, float64(n)/100
	}
	switch name {
	case "open":
		return Opened{At: at}
	case "speech":
		return SpeechStarted{At: at, From: at - ms(100)}
	case "quiet":
		return SpeechEnded{At: at, To: at, Cadence: map[string]Cadence{"held": Held, "faded": Faded}[rest]}
	case "partial", "final":
		return Words{At: at, Said: r.mint(rest), Final: name == "final", Confidence: confidence}
	case "cut":
		clip, text, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(clip)
		if err != nil {
			r.t.Fatal(err)
		}
		return Shortened{At: at, Clip: media.ClipID(n), Text: text}
	case "private":
		return Words{At: at, Said: r.mint(rest), Private: true}
	case "lost":
		return Words{At: at, Final: true, Lost: true}
	case "mayend", "goeson", "ended":
		return Words{At: at, Said: r.mint(rest), Hint: map[string]Hint{"mayend": MayEnd, "goeson": GoesOn, "ended": Ended}[name]}
	case "key":
		return Key{At: at, Said: r.mint(rest), Digit: rest[0]}
	case "typed":
		return Typed{At: at, Said: r.mint(rest)}
	case "asked", "asked!":
		return AskedMachine{At: at, Said: r.mint(rest), Typed: name == "asked!", Confidence: 0.9}
	case "suspend":
		return Suspended{At: at}
	case "restore":
		return Restored{At: at}
	case "pauses", "resumes", "minor":
		return Replied{At: at, Turn: r.turn, Part: Part{Pause: name == "pauses", Resume: name == "resumes", Minor: name == "minor"}}
	case "busy":
		n, err := strconv.Atoi(rest)
		if err != nil {
			r.t.Fatal(err)
		}
		return Replied{At: at, Turn: r.turn, Part: Part{Busy: time.Duration(n) * time.Millisecond}}
	case "hands":
		return Replied{At: at, Turn: r.turn, Part: Part{HandOver: rest}}
	case "stirred":
		return Stirred{At: at}
	case "part", "part!":
		return Replied{At: at, Turn: r.turn, Part: Part{Sentence: rest, Protected: name == "part!"}}
	case "answer":
		return Replied{At: at, Turn: r.turn, Part: Part{Answer: &Answer{Key: rest}}}
	case "expect":
		return Replied{At: at, Turn: r.turn, Part: Part{Expect: map[string]Expect{"digits": ExpectDigits, "key": ExpectKey, "number": ExpectNumber}[rest]}}
	case "bye":
		return Replied{At: at, Turn: r.turn, Part: Part{End: true, Transfer: rest}}
	case "done":
		return ReplyEnded{At: at, Turn: r.turn}
	case "fail":
		return ReplyEnded{At: at, Turn: r.turn, Err: errors.New("no connection")}
	case "played":
		return r.played(rest)
	case "unsaid":
		n, _ := strconv.Atoi(rest)
		return SpeakFailed{At: at, Clip: media.ClipID(n), Err: errors.New("no voice")}
	case "settled":
		return HoldSettled{At: at}
	case "close":
		return Closed{At: at}
	case "pass":
		return Passed{At: at}
	}
	r.t.Fatalf("unknown event %s", name)
	return nil
}

func (r *rig) played(rest string) Event {
	var clip, offset, length int
	if _, err := fmt.Sscanf(rest, "%d %d/%d", &clip, &offset, &length); err != nil {
		r.t.Fatalf("%s: %v", rest, err)
	}
	id := media.ClipID(clip)
	from := r.now - (offset - r.offset[id])
	r.offset[id] = offset
	return Played{At: ms(r.now), Clip: id, From: ms(from), Offset: ms(offset), Length: ms(length), Done: strings.HasSuffix(rest, "!")}
}

func (r *rig) mint(words string) consent.Heard {
	h, ok := r.gate.Heard(ms(r.now-200), ms(r.now), words)
	if !ok {
		r.t.Fatal("the gate is shut")
	}
	return h
}

func (r *rig) step(e Event) {
	for _, a := range r.m.Step(e) {
		if s, ok := a.(StartReply); ok {
			r.turn = s.Input.Turn
		}
		if _, stage := a.(Observe); stage && !r.observed {
			continue
		}
		r.trace = append(r.trace, fmt.Sprintf("%d %s", r.now, describe(a)))
	}
}

// describe writes an action as one line.
func describe(a Action) string {
	switch a := a.(type) {
	case StartReply:
		in := a.Input
		switch in.Kind {
		case Opening:
			return fmt.Sprintf("ask %d opening%s", in.Turn, describeLines(in.History))
		case Silent:
			return fmt.Sprintf("ask %d silent %d%s", in.Turn, in.Silence, describeLines(in.History))
		case Keyed:
			return fmt.Sprintf("ask %d keyed %q%s", in.Turn, in.Words(), describeLines(in.History))
		case Again:
			return fmt.Sprintf("ask %d again%s", in.Turn, describeLines(in.History))
		case Resumed:
			return fmt.Sprintf("ask %d resumed%s", in.Turn, describeLines(in.History))
		}
		ask := "ask"
		if in.Guess {
			ask = "guess"
		}
		return fmt.Sprintf("%s %d said %q%s", ask, in.Turn, in.Words(), describeLines(in.History))
	case AdoptReply:
		return fmt.Sprintf("adopt %d %s", a.Turn, a.Said)
	case CancelReply:
		return fmt.Sprintf("cancel %d", a.Turn)
	case Say:
		return fmt.Sprintf("say %d.%d %s", a.Turn, a.Clip, a.Text)
	case Hold:
		return "hold"
	case Resume:
		return "resume"
	case Drop:
		return "drop"
	case Finalize:
		return "finalize"
	case CallerTurn:
		if a.Keyed {
			return "key " + a.Said.String()
		}
		if a.Typed {
			return "typed " + a.Said.String()
		}
		return "caller " + a.Said.String()
	case AgentTurn:
		cut := ""
		if a.Interrupted {
			cut = " /"
		}
		return fmt.Sprintf("agent %d [%d-%d] %s%s", a.Turn, a.From.Duration().Milliseconds(), a.To.Duration().Milliseconds(), a.Text, cut)
	case Note:
		return "note " + a.Answer.Key
	case PauseRecording:
		return "pause recording"
	case HandOver:
		return "hand over to " + a.Agent
	case ResumeRecording:
		return "resume recording"
	case Minor:
		return "minor"
	case Observe:
		return fmt.Sprintf("%s %d", a.Stage, a.Took.Duration().Milliseconds())
	case End:
		return strings.TrimSpace(fmt.Sprintf("end %s %s", a.Reason, a.Transfer))
	}
	return "unknown"
}

func describeLines(lines []Line) string {
	var b strings.Builder
	for _, l := range lines {
		if l.Agent != "" {
			b.WriteString(" | A: " + l.Agent)
		} else {
			b.WriteString(" | C: " + l.Caller.String())
		}
	}
	return b.String()
}

// check compares the trace with what is wanted, line by line.
func (r *rig) check(want string) {
	r.t.Helper()
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	got, wanted := strings.Join(r.trace, "\n"), strings.Join(lines, "\n")
	if got != wanted {
		r.t.Errorf("got:\n%s\n\nwant:\n%s", got, wanted)
	}
}

package consent

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"sidetone/media"
)

// order is a call that could be: terms, messages, and what befalls it when.
type order struct {
	seed     uint64
	terms    Terms
	messages []*Message
	script   []stimulus
	length   media.Tick
	blind    bool // the reference looks away: the audit and the rows alone judge
}

// String tells an order in a few lines.
func (o *order) String() string {
	var b strings.Builder
	p := o.terms.Policy
	fmt.Fprintf(&b, "seed %d: converse %s, record %s, transcript %s, snippet %s; screen %v, leave %v, whole %v; %.1f s",
		o.seed, p.Converse, p.Record, p.Transcript, p.Snippet, o.terms.Screen, o.terms.LeaveUnrecorded, o.terms.WholeCall(), o.length.Seconds())
	for _, s := range o.script {
		text := fmt.Sprintf("%T%+v", s.do, s.do)
		if ask, ok := s.do.(Ask); ok && ask.Message != nil {
			text = "consent.Ask by message " + ask.Message.ID
		}
		fmt.Fprintf(&b, "\n\t%8.3f s  %s", s.at.Seconds(), text)
	}
	return b.String()
}

// newOrder makes the order of a seed.
func newOrder(seed uint64) *order {
	r := rand.New(rand.NewPCG(seed, 1))
	o := &order{seed: seed}
	o.terms = Terms{
		Policy: drawPolicy(r), Screen: r.IntN(4) == 0, LeaveUnrecorded: r.IntN(6) == 0, HandOn: r.IntN(2) == 0,
		Decision: Decision{WholeCall: r.IntN(2) == 0}, Subject: "subject",
	}
	for i := range 2 {
		o.messages = append(o.messages, drawMessage(r, fmt.Sprint("m", i), wayOf(o.terms.Policy) == NoRecord))
	}
	seconds := 5 + r.IntN(10)
	switch r.IntN(40) {
	case 0:
		seconds = 50 + r.IntN(120)
	case 1, 2, 3, 4, 5, 6, 7:
		seconds = 15 + r.IntN(25)
	}
	o.length = media.Tick(seconds) * media.TickRate
	s := script{r: r, o: o}
	if r.IntN(6) > 0 {
		s.agree()
	}
	for range 1 + r.IntN(14) {
		s.add()
	}
	slices.SortStableFunc(o.script, func(a, b stimulus) int { return int(a.at - b.at) })
	return o
}

func drawRule(r *rand.Rand) Rule {
	level := Level(r.IntN(4))
	if level == OptIn {
		return Rule{OptIn, Proofs(1 + r.IntN(3))}
	}
	return Rule{Level: level}
}

func drawPolicy(r *rand.Rand) Policy {
	if r.IntN(2) == 0 {
		p, _ := Modes[r.IntN(len(Modes))].Policy()
		return p.For(r.IntN(2) == 0)
	}
	return Policy{Converse: drawRule(r), Record: drawRule(r), Transcript: drawRule(r), Snippet: drawRule(r)}
}

var promptNames = slices.Sorted(maps.Keys(prompts["en"]))

// drawMessage makes a message that suits its mode. Some prompts may be missing.
func drawMessage(r *rand.Rand, id string, keepsNothing bool) *Message {
	m := &Message{ID: id, Language: "en", Wait: media.Tick(r.IntN(100)) * 960, Prompts: map[Prompt]Part{}}
	for _, k := range PartKinds {
		must := !keepsNothing && (k == PartRecording || k == PartChoice)
		if must || r.IntN(3) == 0 {
			m.Parts = append(m.Parts, Part{Kind: k, SHA256: string(k)})
		}
	}
	for _, p := range promptNames {
		if r.IntN(8) > 0 {
			m.Prompts[p] = Part{Kind: PartKind(p)}
		}
	}
	return m
}

// script makes stimuli.
type script struct {
	r      *rand.Rand
	o      *order
	last   media.Tick
	agreed media.Tick // about
}

func (s *script) put(at media.Tick, do any) { s.o.script = append(s.o.script, stimulus{at, do}) }

// when picks a tick: near the last one, or anywhere.
func (s *script) when() media.Tick {
	switch s.r.IntN(6) {
	case 0:
		s.last = media.Tick(s.r.Int64N(int64(s.o.length)))
	case 1:
		s.last = s.agreed + media.Tick(s.r.Int64N(int64(max(1, s.o.length-s.agreed))))
	default:
		s.last = max(s.last, s.agreed) + media.Tick(s.r.IntN(3*media.TickRate/2))
	}
	return s.last
}

// says has the caller speak, and be understood or not.
func (s *script) says(at media.Tick, a Answer) {
	length := media.Tick(s.r.IntN(media.TickRate))
	lag := media.Tick(s.r.IntN(media.TickRate / 2))
	s.put(at, Speech{On: true})
	s.put(at+length, Speech{})
	s.put(at+length+lag, Spoken{From: -length - lag, Answer: a, Score: 0.9})
}

// agree has the caller agree in some way, until it counts.
func (s *script) agree() {
	at := media.Tick(s.r.IntN(5 * media.TickRate))
	s.put(at, Chose{Keep: true})
	for range 3 {
		if s.r.IntN(3) == 0 {
			s.says(at, []Answer{Yes, Unclear}[s.r.IntN(2)])
		} else {
			s.put(at, Key{Digit: '1'})
		}
		at += media.Tick(s.r.IntN(2 * media.TickRate))
	}
	s.agreed = at
}

func (s *script) key(at media.Tick, digits string) {
	for _, d := range digits {
		s.put(at, Key{Digit: byte(d), Asked: s.r.IntN(3) == 0})
		at += media.Tick(s.r.IntN(media.TickRate / 4))
	}
}

// add adds something that may happen in a call.
func (s *script) add() {
	at, r := s.when(), s.r
	how := []How{HowOperator, HowSpeech, HowAgent, HowSystem}[r.IntN(4)]
	switch r.IntN(32) {
	case 0, 1, 2, 3:
		s.key(at, []string{"1", "2", "9", "*9", "*1", "5", "*", "99"}[r.IntN(8)])
	case 4, 5, 6:
		s.put(at, Speech{On: true})
		s.put(at+media.Tick(r.IntN(3*media.TickRate)), Speech{})
	case 7, 8, 9:
		s.says(at, []Answer{Yes, Yes, No, Unclear, Unclear}[r.IntN(5)])
	case 10, 11, 12:
		s.put(at, Chose{Keep: r.IntN(2) == 0, Whole: r.IntN(3) == 0, Message: []string{"", "", "", "old"}[r.IntN(4)]})
	case 13, 14, 15, 16:
		s.put(at, Withdraw{From: -media.Tick(r.IntN(5*media.TickRate)) + 4800, Whole: r.IntN(3) == 0, How: how})
	case 17, 18, 19:
		s.put(at, Pause{Until: []byte{0, '5', '1'}[r.IntN(3)], How: how})
		s.put(at+media.Tick(r.IntN(4*media.TickRate)), Unpause{How: how})
	case 20:
		s.put(at, Pause{Until: '5', How: how})
	case 21:
		s.put(at, Unpause{How: how})
	case 22, 23, 24:
		ask := Ask{How: how}
		if r.IntN(3) == 0 {
			ask.Message = s.o.messages[r.IntN(2)]
		}
		s.put(at, ask)
		if r.IntN(2) == 0 {
			s.last = at
			s.put(at+s.when()-at, Chose{Keep: true})
			s.key(s.last+2*media.TickRate, "1")
		}
	case 25:
		s.put(at, drops{For: 1 + r.IntN(300)})
	case 26, 27:
		s.put(at, ledger{mood(r.IntN(3))})
	case 28:
		s.put(at, fails{"stt"})
	default:
		s.rarely(at, how)
	}
}

// rarely adds what ends calls, mostly.
func (s *script) rarely(at media.Tick, how How) {
	switch s.r.IntN(5) {
	case 0:
		s.put(at, Minor{How: how})
	case 1:
		s.put(at, LedgerLost{})
	case 2:
		s.put(at, stops{})
	case 3:
		s.put(at, Ended{})
	}
}

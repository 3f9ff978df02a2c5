package consent

import (
	"fmt"
	"slices"

	"sidetone/media"
)

// happening is something that happened in a call and what the gateway then did, as
// a bystander has it.
type happening struct {
	event Event
	at    media.Tick
	part  *Part // of the message, that was Played; nil for a prompt
	quiet bool  // nothing else was being played
	did   []Action
}

// reference says what of a caller may pass: for which purpose, said between which
// ticks. It is written from docs/consent.md and follows no states. A row that opens
// something needs a reason in what the caller heard and did, and must come when
// there is one; what must shut shuts, whatever rows there are. Which prompts are
// said, and when nobody is waited for any longer, it leaves to the gateway: nothing
// is kept then.
type reference struct {
	terms   Terms
	message *Message
	way     Mode
	may     [purposes][]interval // what may pass; the last may be open
	wrong   string               // what the bystander objects to

	open, begun, free, over bool           // the question is open; was answered; the conversation is under way; nothing opens any more
	told, talk              media.Tick     // when the message had been heard as a whole, 0: not yet; speech over it
	todo, round, unclear    int            // parts to come; times that it was spoilt; answers that were not understood
	spoilt, star, no        bool           // the message was talked over; the last key was *; the caller has refused
	speech                  []interval     // of the caller; the last may be open
	claim                   *claim         // what opens once it is on disk
	paused, resuming        bool           // until key or Unpause; until the row of that is on disk
	until                   byte           // the key that ends the pause
	before                  [purposes]bool // what the pause has shut
	grant, newest           media.Tick     // of the newest grant, and row
}

// claim is a row that opens valves as of at.
type claim struct {
	row    int
	at     media.Tick
	valves [purposes]bool
}

// wayOf tells how a policy has callers asked.
func wayOf(p Policy) Mode {
	level, ways, keeps := AfterNotice, ByKey|BySpeech, false
	for i, r := range []Rule{p.Converse, p.Record, p.Transcript, p.Snippet} {
		if r.Level == Never {
			continue
		}
		level, keeps = max(level, r.Level), keeps || i > 0
		if r.Level == OptIn {
			ways &= r.Proofs
		}
	}
	switch {
	case level == OptIn:
		return map[Proofs]Mode{ByKey | BySpeech: OptInEither, BySpeech: OptInSpeech, ByKey: OptInDTMF, 0: OptInDTMF}[ways]
	case !keeps:
		return NoRecord
	case level == OptOut:
		return OptOutMode
	}
	return NoticeMode
}

// permits tells whether an answer opens what a rule guards.
func permits(r Rule, p Purpose, o Outcome, how How) bool {
	switch {
	case r.Level == Never:
		return false
	case p == Converse && (r.Level == AfterNotice || how == HowButton || r.Level == OptOut && o == NotAsked):
		return true
	case r.Level == OptIn:
		return o == Granted && (how == HowKey || how == HowButton || how == HowSpeech && r.Proofs&BySpeech != 0)
	}
	return o == Granted
}

func (r *reference) asks() bool {
	return slices.Contains([]Mode{OptInEither, OptInSpeech, OptInDTMF}, r.way)
}
func (r *reference) speaks() bool { return r.way == OptInEither || r.way == OptInSpeech }
func (r *reference) screen() bool { return r.terms.Screen && r.way != NoRecord }

// standing tells what is open, or will be again after a pause.
func (r *reference) standing() (v [purposes]bool) {
	for p, is := range r.may {
		v[p] = r.paused && r.before[p] || len(is) > 0 && is[len(is)-1].to == never
	}
	return v
}

// admits tells whether all that was said in [from, to) may pass.
func (r *reference) admits(p Purpose, from, to media.Tick) bool {
	return slices.ContainsFunc(r.may[p], func(i interval) bool { return from >= i.from && to <= i.to })
}

// shut takes back what may pass since at, for the first purpose and those after it.
func (r *reference) shut(at media.Tick, first Purpose) {
	for p := first; p < purposes; p++ {
		var left []interval
		for _, i := range r.may[p] {
			if i.to = min(i.to, at); i.from < i.to {
				left = append(left, i)
			}
		}
		r.may[p], r.before[p] = left, false
		if r.claim != nil && r.paused {
			r.claim.valves[p] = false
		}
	}
}

func (r *reference) end(at media.Tick) {
	r.shut(at, Converse)
	r.over, r.open, r.resuming, r.claim = true, false, false, nil
}

// put begins the question.
func (r *reference) put(at media.Tick) (Outcome, How) {
	r.open, r.free, r.told, r.talk, r.todo, r.round, r.unclear = true, false, 0, 0, len(r.message.Parts), 0, 0
	r.spoilt, r.star, r.no = false, false, false
	if r.todo == 0 && !r.screen() {
		return r.stayed()
	}
	return "", ""
}

// stayed is the answer of who goes on after the message.
func (r *reference) stayed() (Outcome, How) {
	switch {
	case r.no:
		return Refused, HowKey
	case r.way == NoRecord:
		return NotAsked, HowPolicy
	}
	return Granted, HowContinued
}

// happens takes what has happened, and what the gateway did about it.
func (r *reference) happens(h happening) {
	at := h.at
	if e, ok := h.event.(Passed); ok && r.told > 0 {
		at = min(e.At, r.told+r.message.Wait)
	}
	outcome, how := r.hear(h)
	for _, a := range h.did {
		switch a := a.(type) {
		case Settled:
			r.free = !a.Leaves
		case Play:
			if k := Prompt(a.Part.Kind); k == PromptGoodbye || k == PromptTransfer {
				r.free, r.claim, r.resuming = false, nil, false
			}
		case Append:
			switch event := Outcome(a.Row.Event); {
			case event == "asked":
				r.shut(h.at, Record)
				if e, ok := h.event.(Ask); ok && e.Message != nil {
					r.message = e.Message
				}
				outcome, how = r.put(h.at)
			case event == "ended" || event == Abandoned:
				r.end(h.at)
			case event == "resumed" && r.resuming:
				r.claim = &claim{a.Number, max(h.at, r.newest), r.before}
			case event == Undecided && r.open && outcome == "":
				r.answer(a, h.at, Undecided, "")
			case opening(a.Row.Event) && (event != outcome || a.Row.How != how):
				r.wrong = fmt.Sprintf("no reason for row %s by %s", event, a.Row.How)
			case opening(a.Row.Event):
				r.answer(a, at, outcome, how)
				outcome = ""
			default:
				r.newest = max(r.newest, h.at)
			}
		}
	}
	if outcome != "" || r.resuming && r.claim == nil {
		r.wrong = fmt.Sprintf("no row of %s by %s", outcome, how)
	}
}

// answer ends the question. What the conversation may have is not asked again.
func (r *reference) answer(a Append, at media.Tick, o Outcome, how How) {
	r.newest = max(at, r.newest)
	c := &claim{row: a.Number, at: r.newest}
	for p, rule := range []Rule{r.terms.Policy.Converse, r.terms.Policy.Record, r.terms.Policy.Transcript, r.terms.Policy.Snippet} {
		c.valves[p] = permits(rule, Purpose(p), o, how)
	}
	if r.begun {
		c.valves[Converse] = r.standing()[Converse]
	}
	if a.valves != c.valves || a.Row.At != c.at.Seconds() {
		r.wrong = fmt.Sprintf("row %+v: want %+v", a.Row, c)
	}
	r.claim, r.open = c, false
}

// hear takes what has happened, and returns the answer that it is.
func (r *reference) hear(h happening) (Outcome, How) {
	if e, ok := h.event.(Speech); ok && e.On {
		r.speech = append(r.speech, interval{e.At, never})
	} else if ok {
		r.speech[len(r.speech)-1].to = e.At
	}
	if r.over {
		return "", ""
	}
	switch e := h.event.(type) {
	case Answered:
		return r.put(e.At)
	case Played:
		r.listened(h, e)
	case Spoken:
		return r.spoken(e)
	case Key:
		return r.key(e)
	case Chose:
		if r.screen() && e.Message == r.message.ID && e.Keep && r.open {
			return Granted, HowButton
		} else if r.screen() && e.Message == r.message.ID && !e.Keep {
			return r.takeBack(e.At, e.At, HowButton)
		}
	case Withdraw:
		if e.How == HowSystem && (r.open || r.claim != nil && !r.resuming) {
			return "", "" // nothing is kept yet
		}
		return r.takeBack(e.At, min(e.From, e.At), e.How)
	case Pause:
		if v := r.standing(); r.free && !r.paused && v[Converse] {
			r.shut(e.At, Converse)
			r.paused, r.until, r.before = true, e.Until, v
		}
	case Unpause:
		r.resuming = r.resuming || r.paused && r.free
	case Minor, Ended:
		r.end(h.at)
	case Written:
		r.written(e)
	case Failed, LedgerLost:
		r.lost(h.at)
	case Passed:
		if r.claim != nil && e.At-r.claim.at > 2*media.TickRate {
			r.lost(e.At)
		} else if r.open && !r.asks() && !r.screen() && r.told > 0 && e.At >= r.told+r.message.Wait {
			return r.stayed()
		}
	}
	return "", ""
}

// listened: a part or a prompt has been heard to its end.
func (r *reference) listened(h happening, e Played) {
	if h.part != nil {
		over := media.Tick(0)
		for _, s := range r.speech {
			over += max(0, min(s.to, e.To)-max(s.from, e.From))
		}
		r.todo, r.talk = r.todo-1, r.talk+over
		r.spoilt = r.spoilt || r.talk > 2*media.TickRate || float64(over) > 0.3*float64(e.To-e.From)
	}
	if !h.quiet || !r.open || r.told > 0 || r.todo > 0 {
		return
	}
	if r.spoilt && !r.no && r.round == 0 { // what is done, and how to answer, must be heard again
		r.round, r.spoilt, r.talk = 1, false, 0
		for _, p := range r.message.Parts {
			if p.Kind == PartRecording || p.Kind == PartChoice {
				r.todo++
			}
		}
		if r.todo == 0 {
			r.todo = len(r.message.Parts)
		}
	} else if !r.spoilt || r.no || r.way == NoRecord {
		r.told = e.To
	}
}

func (r *reference) spoken(e Spoken) (Outcome, How) {
	switch {
	case !r.open || r.told == 0 || !r.speaks() || r.screen() || r.unclear == 2 || e.From < r.told:
	case e.Answer == Yes:
		return Granted, HowSpeech
	case e.Answer == No:
		return Refused, HowSpeech
	default:
		r.unclear++
	}
	return "", ""
}

func (r *reference) key(e Key) (Outcome, How) {
	star, nine := r.star, e.Digit == '9'
	r.star = e.Digit == '*'
	switch {
	case r.paused:
		r.resuming = r.resuming || r.free && r.until != 0 && e.Digit == r.until
	case r.screen():
	case r.open && r.asks() && r.told > 0 && e.Digit == '1':
		return Granted, HowKey
	case r.open && r.asks():
		if nine && star || r.told > 0 && (nine || e.Digit == '2') {
			return Refused, HowKey
		}
	case r.open:
		r.no = r.no || nine && (star || r.way == OptOutMode)
	case nine && r.way != NoRecord && (star || r.way != NoticeMode && !e.Asked):
		return r.takeBack(e.At, e.At, HowKey)
	}
	return "", ""
}

// takeBack is a refusal, or a withdrawal as of from, but not of an older grant.
func (r *reference) takeBack(at, from media.Tick, how How) (Outcome, How) {
	if r.open {
		return Refused, how
	}
	r.no = true // also of a grant whose row is on its way
	if v := r.standing(); v[Record] || v[Transcript] || v[Snippet] {
		r.shut(max(from, r.grant), Record)
	}
	return "", ""
}

// written opens what its row permits.
func (r *reference) written(e Written) {
	c := r.claim
	if c == nil || e.Row != c.row {
		return
	}
	for p := range purposes {
		may := p == Converse || r.resuming || e.Recordable && !r.no
		if c.valves[p] && may && (!r.standing()[p] || r.paused) {
			r.may[p] = append(r.may[p], interval{c.at, never})
			if p > Converse && !r.resuming {
				r.grant = c.at
			}
		}
	}
	r.begun, r.claim, r.paused, r.resuming = true, nil, r.paused && !r.resuming, false
}

// lost: without a ledger nothing opens, and nothing that is kept stays open. A
// question that was put anew is dropped.
func (r *reference) lost(at media.Tick) {
	if !r.begun && (r.open || r.claim != nil) {
		r.end(at)
		return
	}
	r.shut(at, Record)
	r.free = r.free || r.open || r.claim != nil
	r.open, r.claim, r.resuming = false, nil, false
}

package call

import (
	"errors"
	"strings"

	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
	"sidetone/telephony"
	"sidetone/transcribe/spoken"
)

// earlyEvents bounds what is written while the ledger is.
const earlyEvents = 16

// screen is what the loop knows of the caller's screen, where the leg has one.
type screen struct {
	leg      telephony.Screen // nil: the caller has none
	captions int              // the newest caption's number
	open     int              // the caption of the speech that is being recognised; 0 when there is none
	state    telephony.AgentState
	shown    telephony.Saying  // the newest
	early    []telephony.Event // written since a grant that is not on disk yet, or while the agent is quiet
}

// show puts something on the screen, if there is one.
func (c *Call) show(s telephony.Show) {
	if c.screen.leg == nil {
		return
	}
	if err := c.screen.leg.Show(s); err != nil && !errors.Is(err, telephony.ErrEnded) {
		c.Log.Warn("call: not shown", "call", c.info.ID, "err", err)
	}
}

// showState shows what the agent does, when that changes.
func (c *Call) showState(s telephony.AgentState) {
	if c.screen.state == s {
		return
	}
	c.screen.state = s
	c.show(telephony.State{State: s})
}

// showQuestion shows the message that is about to be played.
func (c *Call) showQuestion() {
	if c.screen.leg == nil {
		return
	}
	m := c.Consent.Message()
	q := telephony.Question{Message: m.ID, Language: m.Language,
		Parts: []telephony.QuestionPart{}, Choices: []telephony.Choice{}}
	for _, p := range m.Parts {
		q.Parts = append(q.Parts, telephony.QuestionPart{Kind: string(p.Kind), Text: p.Text})
	}
	if c.Consent.Asks() {
		q.Choices = append(q.Choices, telephony.Agree)
		if c.Unrecorded {
			q.Choices = append(q.Choices, telephony.Unrecorded)
		}
	}
	c.showState(telephony.Announcing)
	c.show(q)
}

// showSettled shows how the question of consent ended, and what may be chosen.
func (c *Call) showSettled(outcome string) {
	s := telephony.Settled{Outcome: outcome, Recording: c.recorder != nil && c.gate.Open(consent.Record),
		Transcript: c.recorder != nil && c.gate.Open(consent.Transcript), Choices: []telephony.Choice{}}
	withdraw, destroy, again := c.Consent.MayChange()
	if withdraw {
		s.Choices = append(s.Choices, telephony.Unrecorded)
	}
	if destroy {
		s.Choices = append(s.Choices, telephony.Delete)
	}
	if again {
		s.Choices = append(s.Choices, telephony.Again)
	}
	c.show(s)
}

// showHearing shows what recognition makes of the speech that goes on; a final
// of no words takes it away.
func (c *Call) showHearing(said consent.Heard, final bool) {
	text := said.String()
	if c.screen.leg == nil || text == "" && (!final || c.screen.open == 0) || final && text != "" {
		return // a final with words is shown as the turn that it is
	}
	c.show(c.caption(c.openCaption(), said, "spoken", final))
	if final {
		c.screen.open = 0
	}
}

// openCaption returns the number of the caption of speech.
func (c *Call) openCaption() int {
	if c.screen.open == 0 {
		c.screen.captions++
		c.screen.open = c.screen.captions
	}
	return c.screen.open
}

func (c *Call) caption(id int, said consent.Heard, how string, final bool) telephony.Caption {
	from, to := said.Span()
	return telephony.Caption{ID: id, Text: said.String(), Final: final, How: how, From: from, To: to}
}

// showAction shows what the turn machine decided.
func (c *Call) showAction(a dialog.Action) {
	if c.screen.leg == nil {
		return
	}
	switch a := a.(type) {
	case dialog.StartReply:
		if !a.Input.Guess {
			c.showState(telephony.Thinking)
		}
	case dialog.AdoptReply:
		c.showState(telephony.Thinking)
	case dialog.Say:
		c.show(telephony.Saying{Turn: uint32(a.Turn), Clip: uint32(a.Clip), Text: a.Text})
	case dialog.CallerTurn:
		c.showTurn(a)
	case dialog.AgentTurn:
		c.show(telephony.Said{Turn: uint32(a.Turn), Text: a.Text, Interrupted: a.Interrupted, From: a.From, To: a.To})
		c.showState(telephony.Listening)
	}
}

// showTurn shows a turn of the caller's.
func (c *Call) showTurn(t dialog.CallerTurn) {
	how := "spoken"
	switch {
	case t.Typed:
		how = "typed"
	case t.Keyed:
		how = "keyed"
	}
	if how == "spoken" {
		c.show(c.caption(c.openCaption(), t.Said, how, true))
		c.screen.open = 0
		return
	}
	c.screen.captions++
	c.show(c.caption(c.screen.captions, t.Said, how, true))
}

// showProgress shows how much of a sentence has been played.
func (c *Call) showProgress(id media.ClipID) {
	p, ok := c.Dialog.Progress(id)
	if c.screen.leg == nil || !ok {
		return
	}
	s := telephony.Saying{Turn: uint32(p.Turn), Clip: uint32(id), Text: p.Text, Played: len(strings.Fields(p.Played)), Done: p.Done}
	if s == c.screen.shown {
		return
	}
	c.screen.shown = s
	c.showState(telephony.Speaking)
	c.show(s)
}

// fromScreen takes what the caller wrote, or said with a button.
func (c *Call) fromScreen(e telephony.Event) {
	_, pending := c.Consent.Pending()
	if (pending || c.notice.quiet) && e.Kind != telephony.Chose {
		paused := !pending && !c.gate.Open(consent.Converse) // nobody hears it
		if !paused && len(c.screen.early) < earlyEvents {
			c.screen.early = append(c.screen.early, e)
		}
		return
	}
	switch e.Kind {
	case telephony.Chose:
		c.choose(e)
	case telephony.Typing:
		if c.talking() {
			c.turnTo(dialog.Stirred{At: e.At})
		}
	case telephony.Typed:
		c.typed(e)
	case telephony.Told:
		if said, ok := c.gate.Heard(e.At, e.At, e.Text); ok {
			kind := "text"
			if e.Field == "email" {
				kind = "email"
			}
			c.keepAnswer(dialog.Answer{Key: e.Field, Kind: kind, Value: e.Text, Said: said})
		}
	}
}

// choose takes a button.
func (c *Call) choose(e telephony.Event) {
	switch e.Choice {
	case telephony.Again:
		c.step(consent.Ask{At: e.At, How: consent.HowButton}, e.At)
	case telephony.Agree:
		c.step(consent.Chose{At: e.At, Keep: true, Message: e.Text}, e.At)
	case telephony.Unrecorded, telephony.Delete:
		c.step(consent.Chose{At: e.At, Whole: e.Choice == telephony.Delete, Message: e.Text}, e.At)
	}
}

// typed takes a line that the caller wrote.
func (c *Call) typed(e telephony.Event) {
	if c.phrase(e.Text, true, e.At, e.At) {
		return
	}
	said, ok := c.gate.Heard(e.At, e.At, e.Text)
	switch {
	case !ok || !c.talking():
	case spoken.Phrase(c.Language, e.Text) == spoken.Machine:
		c.turnTo(dialog.AskedMachine{At: e.At, Said: said, Typed: true})
	default:
		c.turnTo(dialog.Typed{At: e.At, Said: said})
	}
}

// showSentence shows what the gateway itself says.
func (c *Call) showSentence(text string) { c.show(telephony.Said{Text: text}) }

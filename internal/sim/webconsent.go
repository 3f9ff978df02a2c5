package sim

import (
	"context"
	"errors"
	"slices"

	"sidetone/media"
)

// What the caller of a browser call is asked about consent, and chooses.

// ErrNotAsked says that no question of consent has been shown.
var ErrNotAsked = errors.New("sim: nothing was asked")

// Choice is an answer to the question of consent, or changes it later on.
type Choice string

// The choices.
const (
	Agree      Choice = "agree"
	Unrecorded Choice = "unrecorded" // later on: keep nothing more
	Delete     Choice = "delete"     // later on: keep nothing more, and destroy what was kept
	Again      Choice = "again"      // later on: put the question again
)

// WebChoice is a choice that the caller has made: when, and under which message.
type WebChoice struct {
	At      media.Tick
	Choice  Choice
	Message string
}

// WebSettled is what the gateway said of consent, and when it came.
type WebSettled struct {
	At media.Tick
	PageSettled
}

// pageConsent is what the page knows of consent.
type pageConsent struct {
	asked   *PageConsent // the newest question
	open    bool         // it has not been settled
	awaited bool         // the caller wants to be asked again, and was not yet
	offered []Choice     // what may be chosen now
	chosen  []WebChoice
	settled []WebSettled
}

func (p *pageConsent) ask(e PageConsent) {
	p.asked, p.open, p.awaited, p.offered = &e, true, false, e.Choices
}

func (p *pageConsent) settle(e PageSettled, at media.Tick) {
	p.open, p.offered = false, e.Choices
	p.settled = append(p.settled, WebSettled{at, e})
}

// Choose makes a choice now, whether it is offered or not, under the message of
// the question that was shown last. Without a question only Again can be chosen;
// the error is ErrNotAsked for the others.
func (c *WebCall) Choose(choice Choice) error {
	var message string
	var asked bool
	err := c.line.do(func() {
		p := &c.line.page.pageConsent
		if asked = p.asked != nil; asked {
			message = p.asked.Message
		}
		if !asked && choice != Again {
			return
		}
		p.awaited = p.awaited || choice == Again
		c.line.acted = c.line.now()
		p.chosen = append(p.chosen, WebChoice{c.line.acted, choice, message})
	})
	switch {
	case err != nil:
		return err
	case !asked && choice != Again:
		return ErrNotAsked
	}
	return c.post(pageChoose{"choose", choice, message})
}

// Answer waits for a question of consent and answers it. It returns at once when
// the last one is settled, unless the caller has chosen Again, and when a message
// asks nothing.
func (c *WebCall) Answer(ctx context.Context, choice Choice) error {
	var asks bool
	err := c.await(ctx, func(l *webLine) bool {
		p := &l.page.pageConsent
		asks = p.open && len(p.offered) > 0
		return p.open || len(p.settled) > 0 && !p.awaited
	})
	if err != nil || !asks {
		return err
	}
	return c.Choose(choice)
}

// WaitOffer waits until a choice is offered, or returns at once when it is.
func (c *WebCall) WaitOffer(ctx context.Context, choice Choice) error {
	return c.await(ctx, func(l *webLine) bool { return slices.Contains(l.page.offered, choice) })
}

// WaitSettled waits until the newest that the gateway said of consent is outcome,
// with no question open, and returns it.
func (c *WebCall) WaitSettled(ctx context.Context, outcome string) (newest WebSettled, err error) {
	err = c.await(ctx, func(l *webLine) bool {
		p := &l.page.pageConsent
		if n := len(p.settled); n > 0 {
			newest = p.settled[n-1]
		}
		return !p.open && newest.Outcome == outcome
	})
	if err != nil {
		return WebSettled{}, err
	}
	return newest, nil
}

package sim

import (
	"context"
	"errors"
)

// errNoPage is a script's that has a phone type.
var errNoPage = errors.New("sim: a phone has no page")

// onPage is a step that only a browser's caller can do.
func onPage(do func(context.Context, *WebCall) error) Step {
	return func(ctx context.Context, p Party) error {
		c, ok := p.(*WebCall)
		if !ok {
			return errNoPage
		}
		return do(ctx, c)
	}
}

// Answer waits for the question of consent and answers it; a call that asks none
// is told nothing.
func Answer(choice Choice) Step {
	return onPage(func(ctx context.Context, c *WebCall) error { return c.Answer(ctx, choice) })
}

// Type types a line.
func Type(text string) Step {
	return onPage(func(_ context.Context, c *WebCall) error { return c.Type(text) })
}

// Answer waits for the question of consent and answers it, or returns when it is
// settled without one.
func (c *WebCall) Answer(ctx context.Context, choice Choice) error {
	m, err := c.WaitMessage(ctx, func(m PageMessage) bool {
		switch m.Event.(type) {
		case PageConsent, PageSettled:
			return true
		}
		return false
	})
	if question, asked := m.Event.(PageConsent); err != nil || !asked || len(question.Choices) == 0 {
		return err
	}
	return c.Choose(choice)
}

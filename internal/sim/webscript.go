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
// is told nothing. After Choose(Again) it waits for the next question.
func Answer(choice Choice) Step {
	return onPage(func(ctx context.Context, c *WebCall) error { return c.Answer(ctx, choice) })
}

// Choose waits until a choice is offered and makes it: Unrecorded and Delete take
// back what was agreed to, Again asks to be asked again.
func Choose(choice Choice) Step {
	return onPage(func(ctx context.Context, c *WebCall) error {
		if err := c.WaitOffer(ctx, choice); err != nil {
			return err
		}
		return c.Choose(choice)
	})
}

// AwaitSettled waits until the gateway says an outcome of consent, such as
// "withdrawn" or "paused".
func AwaitSettled(outcome string) Step {
	return onPage(func(ctx context.Context, c *WebCall) error {
		_, err := c.WaitSettled(ctx, outcome)
		return err
	})
}

// Type types a line.
func Type(text string) Step {
	return onPage(func(_ context.Context, c *WebCall) error { return c.Type(text) })
}

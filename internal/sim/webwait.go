package sim

import (
	"context"
	"time"

	"sidetone/media"
)

// What one can wait for in a browser call.

// WaitAgent waits until the agent has spoken since the caller's last sound, key,
// typed line or choice, or since the start, and has then been silent for quiet.
func (c *WebCall) WaitAgent(ctx context.Context, quiet time.Duration) error {
	return c.await(ctx, func(l *webLine) bool {
		since := l.acted
		if n := len(l.turns); n > 0 {
			since = max(since, l.turns[n-1].To)
		}
		last := l.ear.lastSound()
		return last > since && l.now()-last > media.TicksIn(quiet)
	})
}

// WaitSpeech waits until the agent is heard, or returns at once when it is
// speaking.
func (c *WebCall) WaitSpeech(ctx context.Context) error {
	return c.await(ctx, func(l *webLine) bool { return l.ear != nil && l.ear.speaking })
}

// WaitUntil waits until the media clock has reached at, to within 20 ms.
func (c *WebCall) WaitUntil(ctx context.Context, at media.Tick) error {
	return c.await(ctx, func(l *webLine) bool { return l.now() >= at })
}

// WaitMessage waits for a message of the gateway that match wants, the ones that
// have come included, and returns the first of them.
func (c *WebCall) WaitMessage(ctx context.Context, match func(PageMessage) bool) (found PageMessage, err error) {
	n := 0
	err = c.await(ctx, func(l *webLine) bool {
		for ; n < len(l.page.messages); n++ {
			if match(l.page.messages[n]) {
				found = l.page.messages[n]
				return true
			}
		}
		return false
	})
	return found, err
}

// await waits until met holds; it is asked whenever the line has moved.
func (c *WebCall) await(ctx context.Context, met func(*webLine) bool) error {
	return c.line.await(ctx, func() bool { return met(c.line) })
}

package call

import (
	"cmp"
	"time"

	"sidetone/dialog"
	"sidetone/transcribe"
)

// recognised takes note of a final: of what came of it, and of who heard it.
func (c *Call) recognised(e transcribe.Event, noise bool) {
	c.hearer = cmp.Or(e.Engine, c.Engine.Name())
	result := "words"
	switch {
	case e.Lost:
		result = "lost"
	case e.Text == "":
		result = "empty"
	case noise:
		result = "noise"
	}
	c.Metrics.recognised.WithLabelValues(c.hearer, result).Inc()
}

// deafen takes that recognition has ended for good. Turns that wait for their words
// are lost, and so is each one to come.
func (c *Call) deafen() {
	c.words, c.session = nil, nil
	waiting := c.finals
	c.finals = nil
	for _, wanted := range waiting {
		c.lose(wanted)
	}
}

// lose takes that a turn was heard by nobody.
func (c *Call) lose(wanted bool) {
	c.recognised(transcribe.Event{Lost: true}, false)
	if wanted && c.talking() {
		c.turnTo(dialog.Words{At: c.clock.Tick(time.Now()), Final: true, Lost: true})
	}
}

package call

import (
	"strconv"

	"sidetone/consent"
	"sidetone/media"
)

// pauseOverdue is how long a pause may last before the operator is told of it.
// Only an event ends it: whoever began it knows when the caller may be heard.
const pauseOverdue = 180 * media.TickRate

// pausing is what the loop knows of a pause.
type pausing struct {
	how     consent.How // who began it; empty outside of one
	since   media.Tick
	overdue bool // the operator has been told
}

// beginPause takes the beginning of a pause.
func (c *Call) beginPause(how consent.How, at media.Tick) {
	c.pausing = pausing{how: how, since: at}
	c.Metrics.pauses.WithLabelValues(string(how)).Inc()
	c.Metrics.inPause(false, 1)
}

// watchPause tells the operator, once, of a pause that may have been forgotten.
func (c *Call) watchPause(at media.Tick) {
	p := &c.pausing
	if p.how == "" || p.overdue || at-p.since <= pauseOverdue {
		return
	}
	p.overdue = true
	c.Metrics.inPause(false, -1)
	c.Metrics.inPause(true, 1)
	c.Log.Warn("call: pause overdue", "call", c.info.ID, "how", p.how, "seconds", (at - p.since).Seconds())
	c.watch(Update{Kind: PauseOverdue})
}

// endPause takes the end of a pause, or of the call.
func (c *Call) endPause() {
	if c.pausing.how != "" {
		c.Metrics.inPause(c.pausing.overdue, -1)
		c.pausing = pausing{}
	}
}

// inPause counts calls in or out of a pause.
func (m *Metrics) inPause(overdue bool, calls float64) {
	m.paused.WithLabelValues(strconv.FormatBool(overdue)).Add(calls)
}

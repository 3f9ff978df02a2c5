package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// How a call ends: the tail of the agent's last words is still heard after over,
// and a gateway that does not react to bye is not waited for.
const (
	webTail = 250 * time.Millisecond
	webBye  = 3 * time.Second
)

// errCut says that the gateway closed the connection without a word.
var errCut = errors.New("sim: the connection ended without over")

// abandon ends a call that could not be connected.
func (c *WebCall) abandon(ctx context.Context) {
	close(c.line.done) // it never ran
	if c.signal.path != "" {
		// The gateway may have refused, or be gone: it has its own time limit.
		_ = c.signal.delete(context.WithoutCancel(ctx))
	}
	_ = c.peer.Close()
	_ = c.release()
	close(c.done)
	c.pumps.Wait()
}

// release frees what is not pion's.
func (c *WebCall) release() (err error) {
	if c.relay != nil {
		c.relay.close()
	}
	if c.tap != nil {
		err = c.tap.close()
	}
	return err
}

// run waits for the end of the call.
func (c *WebCall) run(ctx context.Context) {
	defer close(c.done)
	ending := EndFailed
	select {
	case <-c.over:
		ending = EndCompleted
	case <-c.hungUp:
		ending = EndHungUp
		c.sayBye(ctx)
		wait(webBye, c.over, c.gone)
	case <-c.gone:
		wait(webTail, c.over, nil) // it may be on its way to us still
		select {
		case <-c.over:
			ending = EndCompleted
		default:
			c.report.Err = errCut
		}
	}
	wait(webTail, c.gone, nil)
	close(c.line.quit)
	<-c.line.done
	if err := c.peer.Close(); err != nil && c.report.Err == nil {
		c.report.Err = fmt.Errorf("sim: %w", err)
	}
	c.pumps.Wait()
	if err := c.release(); err != nil && c.report.Err == nil {
		c.report.Err = err
	}
	c.log.add(c.line.now(), EventEnded, string(ending))
	c.fill(ending)
}

// sayBye tells the gateway that the caller hangs up, by the data channel if it is
// open.
func (c *WebCall) sayBye(ctx context.Context) {
	select {
	case <-c.open:
		if c.post(pageBye{"bye"}) == nil {
			return
		}
	default:
	}
	_ = c.signal.delete(ctx) // a gateway that can not be told finds out by itself
}

// wait waits for one of two channels, at most for d.
func wait(d time.Duration, a, b <-chan struct{}) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-a:
	case <-b:
	}
}

// fill completes the report when everything has ended.
func (c *WebCall) fill(ending Ending) {
	r, l := &c.report, c.line
	r.Path, r.Ending, r.Over, r.Links = c.signal.path, ending, l.page.over, c.signal.links
	r.Length, r.Messages, r.Faults, r.Events = l.now(), l.page.messages, l.faults, c.log.events
	r.Chosen, r.Settled = l.page.chosen, l.page.settled
	r.Restarts, r.Sent, r.Pacing = c.restarts, l.track.sent, l.pacing.finish(c.connectedAt)
	for _, m := range r.Messages {
		if hello, ok := m.Event.(PageHello); ok {
			r.Call = hello.Call
			break
		}
	}
	if e := l.ear; e != nil {
		r.Heard, r.Agent = e.heard[:min(int64(len(e.heard)), r.Length.Sample(wideRate))], e.spans
		r.Turns, r.Playout = finishTurns(l.turns, e.spans), e.playout()
	}
	if c.relay != nil {
		r.Relay = c.relay.report()
	}
	if c.tap != nil {
		r.Pacing = c.tap.finish(c.connectedAt)
	}
	if r.Err == nil && ending != EndFailed && l.unsent != nil && !errors.Is(l.unsent, io.ErrClosedPipe) {
		r.Err = l.unsent
	}
}

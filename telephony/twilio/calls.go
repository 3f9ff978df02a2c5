package twilio

import (
	"sync"
	"time"
)

const (
	// tokenLife is how long the carrier may take from our answer to its stream.
	tokenLife = time.Minute
	// startWait is how long an upgraded socket may take to send its start.
	startWait = 5 * time.Second
	// callMemory is how long a call that is over still answers webhooks.
	callMemory = 2 * time.Minute
)

// call is what webhooks and streams must know about one call of the carrier.
// Its fields after the first three are guarded by calls.mu.
type call struct {
	incoming Incoming
	id       string
	agent    string

	leg     *Leg   // nil until the first stream has started
	streams uint32 // streams started so far; the number of the next
	over    bool   // nothing can start any more
	timer   *time.Timer
}

// calls holds the calls of this node by CallSid: while they run, and for a
// while after, so that late webhooks find their answer.
type calls struct {
	mu    sync.Mutex
	bySid map[string]*call
}

func (cs *calls) get(sid string) *call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.bySid[sid]
}

// add enters a call; expired is called if no stream has started in time.
func (cs *calls) add(c *call, expired func(*call)) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.bySid[c.incoming.CallSid] = c
	c.timer = time.AfterFunc(tokenLife+startWait, func() { expired(c) })
}

// abandon ends a call whose stream never came. It reports false if the stream
// did come, or the call was over before.
func (cs *calls) abandon(c *call) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if c.leg != nil || c.over {
		return false
	}
	cs.close(c)
	return true
}

// finish ends a call that was served.
func (cs *calls) finish(c *call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.close(c)
}

// close wants cs.mu held.
func (cs *calls) close(c *call) {
	c.over = true
	c.timer.Stop()
	c.timer = time.AfterFunc(callMemory, func() {
		cs.mu.Lock()
		defer cs.mu.Unlock()
		delete(cs.bySid, c.incoming.CallSid)
	})
}

// start takes the next stream of a call: open makes the leg for the first one.
// It returns why the stream is refused, or the leg.
func (cs *calls) start(c *call, stream uint32, open func() *Leg) (l *Leg, refused string) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch {
	case c.over:
		return nil, refusedNotWaiting
	case stream != c.streams:
		return nil, refusedUsed
	}
	c.streams++
	if c.leg == nil {
		c.timer.Stop()
		c.leg = open()
	}
	return c.leg, ""
}

// state returns the call's leg, nil before its first stream, and the number of
// its next stream.
func (cs *calls) state(c *call) (*Leg, uint32) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return c.leg, c.streams
}

// stop stops all timers and returns the calls whose stream has not come.
func (cs *calls) stop() (pending []*call) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.bySid {
		c.timer.Stop()
		if !c.over && c.leg == nil {
			pending = append(pending, c)
		}
	}
	return pending
}

package webrtc

import (
	"net/netip"
	"sync"
	"time"

	"sidetone/telephony"
)

const (
	// connectWait is how long a session may take from its answer to media.
	connectWait = 15 * time.Second

	maxPending     = 64 // sessions that are not connected yet
	maxPendingFrom = 4  // of one address
)

// session is what a browser's POST began.
type session struct {
	id, callID string
	peer       *peer
	info       telephony.Info
	hello      Hello
	address    netip.Addr
	began      time.Time
	answer     string // to the POST

	hung   chan struct{} // closed by DELETE
	hangUp func()

	negotiating sync.Mutex // held during an ICE restart; guards theirs
	theirs      credentials

	mu   sync.Mutex // guards ours
	ours credentials
}

// etag names the present ICE session (RFC 9725, section 4.3).
func (x *session) etag() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return `"` + x.ours.ufrag + `"`
}

// sessions are the live sessions of this node.
type sessions struct {
	mu      sync.Mutex
	byID    map[string]*session
	pending int
	from    map[netip.Addr]int // pending
}

func (ss *sessions) init() {
	ss.byID, ss.from = make(map[string]*session), make(map[netip.Addr]int)
}

// reserve takes a place among the sessions that are not connected yet; release
// gives it back.
func (ss *sessions) reserve(a netip.Addr) *Refusal {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	a = neighbourhood(a)
	switch {
	case ss.from[a] >= maxPendingFrom:
		return &refuseNeighbour
	case ss.pending >= maxPending:
		return &refusePending
	}
	ss.pending++
	ss.from[a]++
	return nil
}

func (ss *sessions) release(a netip.Addr) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	a = neighbourhood(a)
	ss.pending--
	if ss.from[a]--; ss.from[a] == 0 {
		delete(ss.from, a)
	}
}

func (ss *sessions) get(id string) *session {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	return ss.byID[id]
}

func (ss *sessions) add(x *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	ss.byID[x.id] = x
}

func (ss *sessions) remove(x *session) {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	delete(ss.byID, x.id)
}

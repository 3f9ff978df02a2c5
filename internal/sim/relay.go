package sim

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// relayHolds bounds the packets on their way in one direction.
const relayHolds = 2048

// relayPacket is the longest packet that is relayed whole.
const relayPacket = 2048

// RelayOptions describe the network between a caller and the gateway.
type RelayOptions struct {
	Up, Down Path   // towards the gateway, and towards the caller
	Seed     uint64 // makes it reproducible, as far as the packets are
}

// RelayReport is what a relay did.
type RelayReport struct {
	Up, Down PathReport
	Rebound  int // how often it took another port
}

// relay stands between one caller and the gateway's media port, and does to
// their packets what a bad network does. It is for loopback only: both are on
// this machine. The caller sends to its front; the gateway sees its back, whose
// port is that of the caller's NAT, so to say.
//
// It owns a goroutine for each socket, which reads, and one for each direction,
// which delivers. All have ended when close returns.
type relay struct {
	front   *net.UDPConn
	up      *relayWay
	down    *relayWay
	readers sync.WaitGroup

	mu       sync.Mutex
	back     *net.UDPConn
	caller   netip.AddrPort // where the newest packet to the front came from
	gateway  netip.AddrPort
	darkTill time.Time
	rebound  int
	closed   bool
}

// relayWay is one direction.
type relayWay struct {
	mu     sync.Mutex
	impair *impairment
	queue  deliveries
	number int
	more   chan struct{} // holds one when something was queued
	quit   chan struct{}
	done   chan struct{}
}

func newRelay(o RelayOptions) (*relay, error) {
	front, err := listenLoopback()
	if err != nil {
		return nil, err
	}
	back, err := listenLoopback()
	if err != nil {
		front.Close()
		return nil, err
	}
	r := &relay{front: front, back: back}
	r.up = newRelayWay(newImpairment(o.Up, o.Seed, 1), r.sendUp)
	r.down = newRelayWay(newImpairment(o.Down, o.Seed, 2), r.sendDown)
	r.readers.Go(func() { r.readFront() })
	r.readers.Go(func() { r.readBack(back) })
	return r, nil
}

func listenLoopback() (*net.UDPConn, error) {
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return nil, fmt.Errorf("sim: relay: %w", err)
	}
	return c, nil
}

// frontAddr is where the caller sends to.
func (r *relay) frontAddr() netip.AddrPort { return addrOf(r.front) }

// backAddr is what the gateway takes for the caller.
func (r *relay) backAddr() netip.AddrPort {
	r.mu.Lock()
	defer r.mu.Unlock()
	return addrOf(r.back)
}

func addrOf(c *net.UDPConn) netip.AddrPort {
	a := c.LocalAddr().(*net.UDPAddr).AddrPort()
	return netip.AddrPortFrom(a.Addr().Unmap(), a.Port())
}

// towards sets the gateway's media port.
func (r *relay) towards(gateway netip.AddrPort) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.gateway = gateway
}

// blackout loses everything for d, both ways.
func (r *relay) blackout(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.darkTill = time.Now().Add(d)
}

// change makes it another network, from the next packet on.
func (r *relay) change(up, down Path) {
	r.up.change(up)
	r.down.change(down)
}

// rebind takes another port towards the gateway, as a NAT does that has
// forgotten, or a phone that leaves the Wi-Fi. What still comes to the old one
// is lost.
func (r *relay) rebind() error {
	back, err := listenLoopback()
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		back.Close()
		return errors.New("sim: relay: closed")
	}
	old := r.back
	r.back = back
	r.rebound++
	r.readers.Go(func() { r.readBack(back) })
	return old.Close()
}

// close delivers what is on its way and ends the relay. It may be called more
// than once.
func (r *relay) close() {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return
	}
	r.closed = true
	r.front.SetReadDeadline(time.Now())
	r.back.SetReadDeadline(time.Now())
	r.mu.Unlock()
	r.readers.Wait()
	r.up.close()
	r.down.close()
	r.front.Close()
	r.back.Close()
}

// report is complete once the relay is closed.
func (r *relay) report() RelayReport {
	r.mu.Lock()
	defer r.mu.Unlock()
	return RelayReport{Up: r.up.report(), Down: r.down.report(), Rebound: r.rebound}
}

func (r *relay) readFront() {
	buf := make([]byte, relayPacket)
	for {
		n, from, err := r.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.caller = from
		dark := time.Now().Before(r.darkTill)
		r.mu.Unlock()
		r.up.take(buf[:n], dark)
	}
}

func (r *relay) readBack(back *net.UDPConn) {
	buf := make([]byte, relayPacket)
	for {
		n, _, err := back.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		r.mu.Lock()
		dark := time.Now().Before(r.darkTill)
		r.mu.Unlock()
		r.down.take(buf[:n], dark)
	}
}

// sendUp and sendDown deliver a packet. One that can not be sent is lost, as it
// would be on the way.
func (r *relay) sendUp(p []byte) {
	r.mu.Lock()
	back, to := r.back, r.gateway
	r.mu.Unlock()
	if to.IsValid() {
		back.WriteToUDPAddrPort(p, to)
	}
}

func (r *relay) sendDown(p []byte) {
	r.mu.Lock()
	to := r.caller
	r.mu.Unlock()
	if to.IsValid() {
		r.front.WriteToUDPAddrPort(p, to)
	}
}

func newRelayWay(m *impairment, send func([]byte)) *relayWay {
	w := &relayWay{impair: m, more: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{})}
	go w.run(send)
	return w
}

// take accepts a packet, which it copies.
func (w *relayWay) take(packet []byte, dark bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if dark {
		w.impair.report.Darkened++
		return
	}
	due, copies := w.impair.pass(time.Now())
	if copies > 0 && len(w.queue) >= relayHolds {
		w.impair.report.Overflowed++
		return
	}
	for range copies {
		w.queue.add(due, w.number, append([]byte(nil), packet...))
		w.number++
	}
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *relayWay) change(p Path) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.BurstLength < 1 {
		p.BurstLength = 5
	}
	w.impair.Path, w.impair.bad = p, false
}

// run delivers each packet when it is due, until it is told to quit and has
// delivered all.
func (w *relayWay) run(send func([]byte)) {
	defer close(w.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	quit := w.quit
	for {
		wait, ok := w.deliver(send)
		if !ok && quit == nil {
			return
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.more:
		case <-quit:
			quit = nil
		}
	}
}

// deliver sends what is due. It returns how long to wait for the next packet; ok
// is false when there is none.
func (w *relayWay) deliver(send func([]byte)) (wait time.Duration, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(w.queue) > 0 {
		if wait = time.Until(w.queue[0].due); wait > 0 {
			return wait, true
		}
		p := w.queue.next().packet
		w.mu.Unlock()
		send(p)
		w.mu.Lock()
	}
	return time.Hour, false
}

func (w *relayWay) close() {
	close(w.quit)
	<-w.done
}

func (w *relayWay) report() PathReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.impair.report
}

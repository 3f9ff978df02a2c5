package sim

import (
	"encoding/binary"
	"math"
	"net"
	"net/netip"
	"testing"
	"time"
)

// TestPathRates shows the rates that a path makes, over half an hour of audio.
func TestPathRates(t *testing.T) {
	const packets = 100_000
	tests := []struct {
		path                             Path
		loss, burst, reorder, duplicates float64 // wanted; burst is the mean length of one
	}{
		{Path{}, 0, 0, 0, 0},
		{Path{Loss: 0.05, Jitter: 60 * time.Millisecond, Reorder: 0.05, Duplicate: 0.02}, 0.05, 1.05, 0.05, 0.02},
		{Path{Loss: 0.20, Delay: 40 * time.Millisecond}, 0.20, 1.25, 0, 0},
		{Path{BurstLoss: 0.10, BurstLength: 8, Jitter: 20 * time.Millisecond}, 0.10, 8, 0, 0},
		{Path{Loss: 0.01, BurstLoss: 0.04}, 0.0496, 2.8, 0, 0},
	}
	for _, tt := range tests {
		m := newImpairment(tt.path, 7, 1)
		var got struct{ lost, bursts, behind, twice int }
		var newest time.Time
		var delays float64
		began := time.Unix(0, 0)
		inBurst := false
		for n := range packets {
			at := began.Add(time.Duration(n) * 20 * time.Millisecond)
			due, copies := m.pass(at)
			if copies == 0 {
				got.lost++
				if !inBurst {
					got.bursts++
				}
			}
			if inBurst = copies == 0; inBurst {
				continue
			}
			if copies == 2 {
				got.twice++
			}
			delay := due.Sub(at) - tt.path.Delay
			if delay > tt.path.Jitter {
				// Later than its successor can be.
				if delay <= 20*time.Millisecond+tt.path.Jitter {
					t.Fatalf("%+v: packet %d is late by %v, and not reordered", tt.path, n, delay)
				}
				got.behind++
				continue
			}
			if due.Before(newest) || delay < 0 {
				t.Fatalf("%+v: packet %d overtakes", tt.path, n)
			}
			newest = due
			delays += delay.Seconds()
		}
		arrived := float64(packets - got.lost)
		check := func(name string, got, want, within float64) {
			t.Helper()
			if math.Abs(got-want) > within {
				t.Errorf("%+v: %s %.4f, want %.4f", tt.path, name, got, want)
			}
		}
		check("loss", float64(got.lost)/packets, tt.loss, 0.005)
		check("burst length", float64(got.lost)/float64(max(1, got.bursts)), tt.burst, 0.4)
		check("reordered", float64(got.behind)/arrived, tt.reorder, 0.003)
		check("duplicated", float64(got.twice)/arrived, tt.duplicates, 0.003)
		if r := m.report; r.Packets != packets || r.Lost != got.lost || r.Reordered != got.behind || r.Duplicated != got.twice {
			t.Errorf("%+v: reports %+v", tt.path, r)
		}
		// A packet that would overtake waits for the one before, which adds to the mean.
		mean := delays / (arrived - float64(got.behind))
		if half := tt.path.Jitter.Seconds() / 2; mean < half || mean > half*1.5 {
			t.Errorf("%+v: mean jitter of %.1f ms", tt.path, 1000*mean)
		}
	}
}

func TestPathIsReproducible(t *testing.T) {
	p := Path{Loss: 0.1, BurstLoss: 0.1, Jitter: time.Second, Reorder: 0.1, Duplicate: 0.1}
	a, b, c := newImpairment(p, 1, 1), newImpairment(p, 1, 1), newImpairment(p, 2, 1)
	same := true
	for n := range 1000 {
		at := time.Unix(int64(n), 0)
		dueA, copiesA := a.pass(at)
		dueB, copiesB := b.pass(at)
		if dueA != dueB || copiesA != copiesB {
			t.Fatalf("packet %d differs", n)
		}
		dueC, _ := c.pass(at)
		same = same && dueA == dueC
	}
	if same {
		t.Error("the seed makes no difference")
	}
}

// relayed is a relay between two sockets.
type relayed struct {
	*testing.T
	*relay
	caller, gateway *net.UDPConn
}

func newRelayed(t *testing.T, o RelayOptions) *relayed {
	t.Helper()
	r, err := newRelay(o)
	if err != nil {
		t.Fatal(err)
	}
	f := &relayed{T: t, relay: r}
	for _, c := range []**net.UDPConn{&f.caller, &f.gateway} {
		if *c, err = listenLoopback(); err != nil {
			t.Fatal(err)
		}
		if err := (*c).SetReadDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	r.towards(addrOf(f.gateway))
	t.Cleanup(func() { r.close(); f.caller.Close(); f.gateway.Close() })
	return f
}

func (f *relayed) send(from *net.UDPConn, to netip.AddrPort, number uint32) {
	f.Helper()
	if _, err := from.WriteToUDPAddrPort(binary.BigEndian.AppendUint32(nil, number), to); err != nil {
		f.Fatal(err)
	}
}

func (f *relayed) receive(at *net.UDPConn) (number uint32, from netip.AddrPort) {
	f.Helper()
	buf := make([]byte, 100)
	n, from, err := at.ReadFromUDPAddrPort(buf)
	if err != nil || n != 4 {
		f.Fatalf("%d bytes, %v", n, err)
	}
	return binary.BigEndian.Uint32(buf), netip.AddrPortFrom(from.Addr().Unmap(), from.Port())
}

func TestRelay(t *testing.T) {
	f := newRelayed(t, RelayOptions{Down: Path{Duplicate: 1}})
	f.send(f.caller, f.frontAddr(), 1)
	if number, from := f.receive(f.gateway); number != 1 || from != f.backAddr() {
		t.Errorf("packet %d came from %v", number, from)
	}
	f.send(f.gateway, f.backAddr(), 2)
	for range 2 {
		if number, from := f.receive(f.caller); number != 2 || from != f.frontAddr() {
			t.Errorf("packet %d came from %v", number, from)
		}
	}
	old := f.backAddr()
	if err := f.rebind(); err != nil {
		t.Fatal(err)
	}
	f.send(f.gateway, old, 3) // lost
	f.send(f.caller, f.frontAddr(), 4)
	if number, from := f.receive(f.gateway); number != 4 || from == old || from != f.backAddr() {
		t.Errorf("packet %d came from %v after a rebinding", number, from)
	}
	f.blackout(time.Hour)
	f.send(f.caller, f.frontAddr(), 5)
	f.send(f.gateway, f.backAddr(), 6)
	f.waitFor("the blackout", func(r RelayReport) bool { return r.Up.Darkened == 1 && r.Down.Darkened == 1 })
	f.blackout(0)
	f.change(Path{Loss: 1}, Path{})
	f.send(f.caller, f.frontAddr(), 7)
	f.waitFor("a loss", func(r RelayReport) bool { return r.Up.Lost == 1 })
	f.send(f.gateway, f.backAddr(), 8)
	if number, _ := f.receive(f.caller); number != 8 {
		t.Errorf("packet %d came after the blackout", number)
	}
	f.close()
	f.close()
	want := RelayReport{Up: PathReport{Packets: 3, Lost: 1, Darkened: 1}, Down: PathReport{Packets: 2, Darkened: 1, Duplicated: 1}, Rebound: 1}
	if got := f.report(); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if f.rebind() == nil {
		t.Error("a closed relay took another port")
	}
}

// waitFor waits for a count, which is made by a goroutine of the relay.
func (f *relayed) waitFor(what string, met func(RelayReport) bool) {
	f.Helper()
	for began := time.Now(); !met(f.report()); {
		if time.Since(began) > patience {
			f.Fatalf("%s was not counted: %+v", what, f.report())
		}
		<-time.After(time.Millisecond)
	}
}

// TestRelayOrder lets packets through a path of jitter and reordering: those that
// keep their order do, and what is on its way when the relay closes arrives.
func TestRelayOrder(t *testing.T) {
	f := newRelayed(t, RelayOptions{Up: Path{Jitter: 5 * time.Millisecond, Reorder: 0.2}, Seed: 1})
	const packets = 100
	for n := range packets {
		f.send(f.caller, f.frontAddr(), uint32(n))
	}
	f.waitFor("all packets", func(r RelayReport) bool { return r.Up.Packets == packets })
	f.close()
	seen := make(map[uint32]bool)
	behind := 0
	for newest := int64(-1); len(seen) < packets; {
		n, _ := f.receive(f.gateway)
		seen[n] = true
		if int64(n) < newest {
			behind++
		}
		newest = max(newest, int64(n))
	}
	// Those reordered at the very end have nobody to overtake them.
	if r := f.report().Up; r.Reordered == 0 || behind == 0 || behind > r.Reordered {
		t.Errorf("%d packets came behind, of %d reordered", behind, r.Reordered)
	}
}

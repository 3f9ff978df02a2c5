package sim

import (
	"testing"
	"time"
)

func TestPacingOfPackets(t *testing.T) {
	began := time.Unix(1000, 0)
	p := rtpPacing{rate: 48000}
	ms := func(n int) time.Time { return began.Add(time.Duration(n) * time.Millisecond) }
	seq, stamp := uint16(65530), uint32(1<<32-3000)
	send := func(at, number int, marker bool) {
		p.packet(ms(at), seq+uint16(number), stamp+uint32(960*number), marker)
	}
	// A spurt of 8, of which one is 7 ms late, two change places and one comes twice.
	send(30, 0, true)
	send(50, 1, false)
	send(77, 2, false)
	send(90, 3, false)
	send(130, 5, false)
	send(131, 4, false)
	send(131, 4, false)
	send(150, 6, false)
	send(170, 7, false)
	// Another, with a loss; its first packet is early, which does not count.
	send(1000, 50-41+0, true)
	for n := 1; n < 8; n++ {
		if n != 3 {
			send(1000+20*n, 9+n, false)
		}
	}
	got := p.finish(ms(0))
	if got.FirstAudio != 30*time.Millisecond || got.Packets != 15 || got.Spurts != 2 || got.Reordered != 1 || got.Duplicated != 1 || got.Lost != 2 {
		t.Errorf("%+v", got)
	}
	// Of the first spurt packets 1, 2 and 3 count (5 is no neighbour's, and it and
	// the last two are the tail); of the second the first three after its opening.
	if got.Late.N() != 6 || got.Late.Max() != 7*time.Millisecond || got.Late.Quantile(0.8) != 0 {
		t.Errorf("late: %v", got.Late.String())
	}
	if got.Interval.N() != 5 || got.Interval.Max() != 7*time.Millisecond || got.Interval.Quantile(0.6) != 0 {
		t.Errorf("interval: %v", got.Interval.String())
	}
	var none rtpPacing
	if none.finish(began).FirstAudio != -1 {
		t.Error("first audio of no packets")
	}
	if p.finish(ms(40)).FirstAudio != 0 {
		t.Error("audio before the connection")
	}
}

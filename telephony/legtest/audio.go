package legtest

import (
	"errors"
	"time"

	"sidetone/media"
	"sidetone/telephony"
)

const (
	loud  = 16000
	quiet = 1000
)

// order: frames come in order, whole, one after another, and hold what was said.
func order(l *line) {
	l.run()
	next := l.say(0, 10, loud)
	l.say(next, 10, quiet)
	want := l.frame().At
	for i := 1; i < 20; i++ {
		f := l.frame()
		want += media.FrameTicks
		if f.At != want {
			l.Fatalf("frame %d is at %d, want %d", i, f.At, want)
		}
		if n := media.FrameSamples(l.leg.Info().Rate); len(f.PCM) != n {
			l.Fatalf("frame of %d samples, want %d", len(f.PCM), n)
		}
		switch { // the codec may blur the border
		case i > 2 && i < 8:
			l.wantLevel(f.PCM, loud)
		case i > 12:
			l.wantLevel(f.PCM, quiet)
		}
	}
}

// jump: what was not said is not invented, and the gap shows in At.
func jump(l *line) {
	const gap = 25 * media.FrameTicks
	l.run()
	next := l.say(0, 5, loud)
	l.say(next+gap, 5, loud)
	last := l.frame().At
	for i := 1; i < 10; i++ {
		want := last + media.FrameTicks
		if i == 5 {
			want += gap
		}
		if last = l.frame().At; last != want {
			l.Fatalf("frame %d is at %d, want %d", i, last, want)
		}
	}
}

// slowReader: a second is kept for a reader that is late, and it is the newest.
func slowReader(l *line) {
	l.run()
	l.say(0, 80, loud)
	l.far.HangUp()
	l.wantCause(telephony.HungUp)
	frames := l.drain()
	if len(frames) == 0 || len(frames) > 50 {
		l.Fatalf("%d frames were kept, want 1 to 50", len(frames))
	}
	for i := 1; i < len(frames); i++ {
		if frames[i].At <= frames[i-1].At {
			l.Fatalf("frame at %d follows one at %d", frames[i].At, frames[i-1].At)
		}
	}
	if last := frames[len(frames)-1].At; last < 79*media.FrameTicks {
		l.Errorf("newest frame kept is at %d, want %d or later", last, 79*media.FrameTicks)
	}
}

// sentIsHeard: the far end hears what is sent, once, in order.
func sentIsHeard(l *line) {
	n := media.FrameSamples(l.leg.Info().Rate)
	l.run()
	l.send(10, loud)
	l.send(10, quiet)
	heard := l.far.Heard(20 * n)
	if len(heard) != 20*n {
		l.Fatalf("%d samples were heard, want %d", len(heard), 20*n)
	}
	l.wantLevel(heard[3*n:8*n], loud)
	l.wantLevel(heard[13*n:], quiet)
}

// clearOvertakes: audio that waits here when Clear comes is never heard.
func clearOvertakes(l *line) {
	n := media.FrameSamples(l.leg.Info().Rate)
	l.run()
	l.far.Freeze()
	l.send(14, loud)
	if err := l.leg.Clear(); err != nil {
		l.Fatalf("Clear: %v", err)
	}
	l.send(5, quiet)
	l.far.Thaw()
	heard := voiced(l.far.Heard(19 * n))
	if len(heard) < 5*n {
		l.Fatalf("%d samples were heard, want %d or more", len(heard), 5*n)
	}
	l.wantLevel(heard[len(heard)-n:], quiet)
	count := 0
	for ; len(heard) >= n; heard = heard[n:] {
		if level(heard[:n]) > loud/2 {
			count++
		}
	}
	if count > 7 {
		l.Errorf("%d of 14 frames were heard after Clear", count)
	}
}

// voiced is pcm without the silence at its end, which a leg may add.
func voiced(pcm []int16) []int16 {
	for n := 40; len(pcm) >= n && level(pcm[len(pcm)-n:]) < quiet/4; {
		pcm = pcm[:len(pcm)-n]
	}
	return pcm
}

// sendNeverBlocks: whatever the far end does, Send, Mark and Clear return at
// once; if the backlog ends the leg, it is stalled.
func sendNeverBlocks(l *line) {
	l.run()
	l.far.Freeze()
	began := time.Now()
	var err error
	for i := media.MarkID(1); i <= 400 && err == nil; i++ {
		if err = l.leg.Send(media.Frame{PCM: l.tone(loud)}); err == nil && i%10 == 0 {
			err = l.leg.Mark(i)
		}
	}
	if took := time.Since(began); took > time.Second {
		l.Errorf("400 frames took %v to queue", took)
	}
	if err == nil {
		return
	}
	if !errors.Is(err, telephony.ErrEnded) {
		l.Errorf("Send: %v, want ErrEnded", err)
	}
	l.wantCause(telephony.Stalled)
}

package legtest

import (
	"sync"

	"sidetone/media"
	"sidetone/telephony"
)

// keys: keys come in order, stamped with the newest inbound tick.
func keys(l *line) {
	l.run()
	l.say(0, 3, loud)
	var last media.Frame
	for range 3 {
		last = l.frame()
	}
	const pressed = "0123456789*#"
	for _, d := range []byte(pressed) {
		l.far.Press(d)
	}
	for _, d := range []byte(pressed) {
		e := l.event()
		if e.Kind != telephony.DTMF || e.Digit != d {
			l.Fatalf("event %+v, want key %c", e, d)
		}
		if e.At < last.End() {
			l.Errorf("key %c is at %d, before %d", d, e.At, last.End())
		}
	}
}

// marks: each mark comes back once, in order, as played.
func marks(l *line) {
	l.run()
	for id := media.MarkID(1); id <= 5; id++ {
		l.send(2, loud)
		l.mark(id)
	}
	l.far.Heard(10 * media.FrameSamples(l.leg.Info().Rate))
	l.far.Play()
	at := media.Tick(0)
	for id := media.MarkID(1); id <= 5; id++ {
		e := l.event()
		if e.Kind != telephony.Played || e.Mark != id {
			l.Fatalf("event %+v, want mark %d played", e, id)
		}
		if e.At < at {
			l.Errorf("mark %d is at %d, before the one ahead of it at %d", id, e.At, at)
		}
		at = e.At
	}
}

// clearFlushes: after Clear every mark on its way is flushed, none is played,
// and the next one is played again.
func clearFlushes(l *line) {
	l.run()
	for id := media.MarkID(1); id <= 3; id++ {
		l.send(5, loud)
		l.mark(id)
	}
	if err := l.leg.Clear(); err != nil {
		l.Fatalf("Clear: %v", err)
	}
	l.send(1, quiet)
	l.mark(4)
	for id := media.MarkID(1); id <= 3; id++ {
		if e := l.event(); e.Kind != telephony.Flushed || e.Mark != id {
			l.Fatalf("event %+v, want mark %d flushed", e, id)
		}
	}
	l.far.Heard(1)
	l.far.Play()
	if e := l.event(); e.Kind != telephony.Played || e.Mark != 4 {
		l.Fatalf("event %+v, want mark 4 played", e)
	}
}

// eventsOverflow: a call that does not read events loses the leg, not an event.
func eventsOverflow(l *line) {
	l.run()
	for i := range 100 {
		l.far.Press("0123456789"[i%10])
	}
	l.wantCause(telephony.Overloaded)
	n := 0
	for e := range l.leg.Events() {
		if want := "0123456789"[n%10]; e.Digit != want {
			l.Fatalf("event %d is key %c, want %c", n, e.Digit, want)
		}
		n++
	}
	if n != 64 {
		l.Errorf("%d events were kept, want 64", n)
	}
}

// end: End may be called any number of times, from anywhere, and stops the rest.
func end(l *line) {
	l.run()
	l.say(0, 1, loud)
	l.frame()
	var ends sync.WaitGroup
	for range 3 {
		ends.Go(func() {
			if err := l.leg.End(l.ctx, telephony.Next{}); err != nil {
				l.Errorf("End: %v", err)
			}
		})
	}
	ends.Wait()
	l.wantCause(telephony.Ended)
	wantEnded(l)
}

// endBeforeRun: a leg that is never run can be ended; Run then returns at once.
func endBeforeRun(l *line) {
	if err := l.leg.End(l.ctx, telephony.Next{}); err != nil {
		l.Errorf("End: %v", err)
	}
	l.drain()
	l.run()
	l.wantCause(telephony.Ended)
	wantEnded(l)
}

func wantEnded(l *line) {
	l.Helper()
	for name, err := range map[string]error{
		"Send":  l.leg.Send(media.Frame{PCM: l.tone(quiet)}),
		"Mark":  l.leg.Mark(1),
		"Clear": l.leg.Clear(),
	} {
		if err == nil {
			l.Errorf("%s after the end: no error", name)
		}
	}
	if err := l.leg.End(l.ctx, telephony.Next{}); err != nil {
		l.Errorf("End after the end: %v", err)
	}
}

// hangUp: the far end's goodbye ends the leg without an error.
func hangUp(l *line) {
	l.run()
	l.say(0, 3, loud)
	l.far.HangUp()
	l.wantCause(telephony.HungUp)
	if n := len(l.drain()); n != 3 {
		l.Errorf("%d frames were kept, want 3", n)
	}
}

// cancelled: a cancelled Run ends the leg.
func cancelled(l *line) {
	l.run()
	l.say(0, 1, loud)
	l.frame()
	l.cancel()
	l.wantCause(telephony.Ended)
}

// closingOrder: Recv is closed before Events, both before Run returns.
func closingOrder(l *line) {
	l.run()
	l.say(0, 1, loud)
	l.far.Press('1')
	l.event()
	l.far.HangUp()
	for range l.leg.Events() {
		l.Error("an event came that nobody caused")
	}
	closed := false
	for i := 0; i < 2 && !closed; i++ { // one frame may still wait in it
		select {
		case _, open := <-l.leg.Recv():
			closed = !open
		default:
			l.Fatal("Events was closed before Recv")
		}
	}
	l.wantCause(telephony.HungUp)
	if !closed {
		l.Error("Recv was not closed")
	}
}

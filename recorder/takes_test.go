package recorder_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/recorder"
)

// nth is take n of a call, from tick origin on.
func nth(o recorder.TakeOptions, take string, origin media.Tick) recorder.TakeOptions {
	o.Take, o.Origin = take, origin
	o.Started = o.Started.Add(origin.Duration())
	return o
}

// TestTakesOfOneCall withdraws in mid-call and records again: the second take
// runs while the first is being finished, and each is a recording of its own.
func TestTakesOfOneCall(t *testing.T) {
	for name, o := range map[string]recorder.TakeOptions{"phone": phone("c"), "web": web("c")} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				r := newRig(t)
				r.store.set(func(m *memStore) { m.delay = time.Second }) // the first is not stored when the third begins
				takes := []recorder.TakeOptions{nth(o, "t1", 0), nth(o, "t2", 30*second+480), nth(o, "t3", 50*second)}
				var finished sync.WaitGroup
				for i, o := range takes {
					k := r.begin(o)
					k.say(o.Origin+second, o.Origin+2*second, o.Take, nil)
					k.play(recorder.Caller, o.Origin+5*second, media.Tone(o.Rate, 600+400*float64(i), time.Second, -12))
					k.play(recorder.Agent, o.Origin+11*second, media.Tone(o.Rate, 600+400*float64(i), time.Second, -12))
					finished.Go(func() {
						if sum := k.finish(o.Origin + 14*second); !sum.Complete || sum.Notes != 1 {
							t.Errorf("%s: %+v", o.Take, sum)
						}
					})
				}
				finished.Wait()
				r.drain()
				for i, o := range takes {
					r.checkTake(o, 600+400*float64(i))
				}
				if names := r.spooled(); len(names) > 0 || r.spool.Bytes() != 0 {
					t.Errorf("the spool still has %v, %d bytes", names, r.spool.Bytes())
				}
			})
		})
	}
}

// checkTake holds that a take of TestTakesOfOneCall begins at its origin and has
// its own tone, note and manifest.
func (r *rig) checkTake(o recorder.TakeOptions, hz float64) {
	r.t.Helper()
	rec := r.recordingOf(o)
	m := rec.Manifest()
	if m.Take != o.Take || m.Origin != o.Origin || !m.Started.Equal(o.Started) {
		r.t.Errorf("%s: manifest of %s from %d, %v", o.Take, m.Take, m.Origin, m.Started)
	}
	left, right := channels(r.t, o, r.wavOf(o))
	if len(left) != 14*o.Rate {
		r.t.Fatalf("%s: %d samples", o.Take, len(left))
	}
	for at, pcm := range map[int][]int16{5: left, 11: right} {
		tone := pcm[at*o.Rate : (at+1)*o.Rate]
		if level := media.ToneLevel(tone, o.Rate, hz); level < -13 || level > -11 {
			r.t.Errorf("%s: %.1f dBFS at %v Hz, %d s after its origin", o.Take, level, hz, at)
		}
		clear(tone)
	}
	if !silent(left) || !silent(right) {
		r.t.Errorf("%s: there is sound where none was written", o.Take)
	}
	lines, err := rec.Notes(r.ctx)
	if err != nil || len(lines) != 1 || lines[0].Text != o.Take || lines[0].From != o.Origin+second {
		r.t.Errorf("%s: notes %+v, %v", o.Take, lines, err)
	}
	if meta, err := rec.Meta(r.ctx); err != nil || meta.Anchors[0].Tick != o.Origin || !meta.Anchors[0].Wall.Equal(o.Started) {
		r.t.Errorf("%s: meta %+v, %v", o.Take, meta, err)
	}
	if err, told := r.stored["c "+o.Take]; !told || err != nil {
		r.t.Errorf("%s: told %v, %v", o.Take, told, err)
	}
}

// TestCrashWithSeveralTakes: of one call, a take waits for its upload, one has a
// cut, one is being recorded, and one has just begun.
func TestCrashWithSeveralTakes(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		r.store.set(func(m *memStore) { m.fault = errDown })
		o := phone("c")
		takes := []recorder.TakeOptions{nth(o, "t1", 0), nth(o, "t2", 20*second), nth(o, "t3", 40*second), nth(o, "t4", 60*second)}
		first := r.begin(takes[0])
		first.both(0, 4)
		first.finish(4 * second)
		second2 := r.begin(takes[1])
		second2.both(20*second, 8)
		second2.Cut(25*second, 28*second)
		third := r.begin(takes[2])
		third.both(40*second, 12)
		r.begin(takes[3])
		time.Sleep(time.Second)
		r.crash()
		r.store.set(func(m *memStore) { m.fault = nil })
		if rec := r.restart(); rec != (recorder.Recovery{Complete: 1, Cut: 3}) {
			t.Errorf("recovered %+v", rec)
		}
		r.drain()
		checkCut(t, takes[0], r.wavOf(takes[0]), second, second, 4*second)
		checkCut(t, takes[1], r.wavOf(takes[1]), 25*second, 28*second, 28*second)
		checkCut(t, takes[2], r.wavOf(takes[2]), 40*second, 40*second, 52*second)
		if m := r.recordingOf(takes[3]).Manifest(); m.Length != 0 || !slices.Equal(m.Incomplete, []string{"crashed"}) {
			t.Errorf("the fourth has %d bytes, incomplete because %v", m.Length, m.Incomplete)
		}
		if len(r.stored) != 4 {
			t.Errorf("told %v", r.stored)
		}
	})
}

// TestFinishBeforeRun has a call end between Begin and Run.
func TestFinishBeforeRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		r := newRig(t)
		k := r.begin(phone("c"))
		k.put(recorder.Caller, 0, hum(k.o, 1)[:160])
		if sum := k.finish(0); !sum.Complete || sum.Bytes != 58+320 {
			t.Errorf("%+v", sum)
		}
		if err := k.Run(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

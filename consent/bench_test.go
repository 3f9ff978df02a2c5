package consent

import (
	"testing"

	"sidetone/media"
)

// perFrame is what a call does with the consent of each frame: it lets time pass,
// has the frame judged for the recogniser and for the recording, and audits both.
func perFrame(m *Machine, a *Audit, at media.Tick, pcm []int16) (passed int) {
	m.Step(Passed{At: at})
	f := media.Frame{At: at, PCM: pcm}
	if _, pending := m.Pending(); pending {
		return 0
	}
	if audio, ok := m.Gate().Converse(f); ok {
		if _, bad := a.Check(Converse, audio.Frame().At, audio.Frame().End()); !bad {
			passed++
		}
	}
	if audio, ok := m.Gate().Record(f); ok {
		if _, bad := a.Check(Record, audio.Frame().At, audio.Frame().End()); !bad {
			passed++
		}
	}
	return passed
}

// worn returns a machine in mid-conversation that has been asked and paused often,
// and its audit.
func worn(t testing.TB, words string, times int) (*Machine, *Audit, media.Tick) {
	r, a := talking(t, OptOutMode), new(Audit)
	for range times {
		r.say(words)
	}
	for _, row := range r.rows {
		a.Asked(row)
		a.Written(row.Number, true)
	}
	return r.m, a, r.now
}

// TestNoAllocationPerFrame holds that the media path allocates nothing here, in
// any state that lasts.
func TestNoAllocationPerFrame(t *testing.T) {
	pcm := make([]int16, 160)
	fresh := newRig(t, under(t, OptInDTMF), notice)
	asking := newRig(t, under(t, OptInDTMF), notice)
	asking.say("hear")
	fresh.m.Step(Speech{At: 0, On: true})
	asking.m.Step(Speech{At: asking.now, On: true})
	granted, audit, now := worn(t, "pause unpause ok hear", 20)
	for name, c := range map[string]struct {
		m  *Machine
		a  *Audit
		at media.Tick
	}{
		"the message":  {fresh.m, new(Audit), 0},
		"the question": {asking.m, new(Audit), asking.now},
		"granted":      {granted, audit, now},
	} {
		at := c.at
		if n := testing.AllocsPerRun(1000, func() {
			at += media.FrameTicks
			perFrame(c.m, c.a, at, pcm)
		}); n != 0 {
			t.Errorf("%s: %v allocations a frame", name, n)
		}
	}
	if perFrame(granted, audit, now, pcm) != 2 {
		t.Error("a frame of a granted call does not pass")
	}
}

// BenchmarkFrame is what a frame of a call costs here.
func BenchmarkFrame(b *testing.B) {
	for name, times := range map[string]int{"new": 0, "after 80 pauses": 80} {
		b.Run(name, func(b *testing.B) {
			m, a, at := worn(b, "pause unpause ok hear", times)
			pcm := make([]int16, 160)
			b.ReportAllocs()
			for b.Loop() {
				at += media.FrameTicks
				perFrame(m, a, at, pcm)
			}
		})
	}
}

// BenchmarkStepPassed is what the beat of a call costs.
func BenchmarkStepPassed(b *testing.B) {
	m, _, at := worn(b, "", 0)
	b.ReportAllocs()
	for b.Loop() {
		at += media.FrameTicks
		m.Step(Passed{At: at})
	}
}

// BenchmarkAdmit is what judging a frame costs, and one of before the grant, for
// which all openings are looked through.
func BenchmarkAdmit(b *testing.B) {
	m, _, at := worn(b, "pause unpause ok hear", 80)
	for name, f := range map[string]media.Frame{"passes": {At: at}, "refused": {At: 0}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				m.Gate().Record(f)
			}
		})
	}
}

// BenchmarkOrder is what an order of the model check costs.
func BenchmarkOrder(b *testing.B) {
	tally := map[string]int{}
	for i := uint64(0); b.Loop(); i++ {
		if err := run(newOrder(i), honest, tally); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCheckRows judges the 200 rows of a long call.
func BenchmarkCheckRows(b *testing.B) {
	r := talking(b, OptOutMode)
	for range 100 {
		r.say("pause unpause ok hear")
	}
	rows := r.proved()
	b.ReportAllocs()
	for b.Loop() {
		if err := CheckRows(rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(len(rows)), "rows")
}

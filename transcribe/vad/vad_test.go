package vad_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"sidetone/internal/models"
	"sidetone/internal/models/modelstest"
	"sidetone/media"
	"sidetone/transcribe/enginetest"
	"sidetone/transcribe/vad"
)

func loaded(t testing.TB) *vad.Model {
	t.Helper()
	m, err := vad.Load(modelstest.Dir(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// each runs a test with both detectors at both rates.
func each(t *testing.T, test func(t *testing.T, open vad.Factory, rate int)) {
	for name, open := range map[string]vad.Factory{"silero": loaded(t).NewDetector, "energy": vad.NewEnergy} {
		for _, rate := range []int{8000, 16000} {
			t.Run(fmt.Sprintf("%s %d", name, rate), func(t *testing.T) { test(t, open, rate) })
		}
	}
}

func detector(t testing.TB, open vad.Factory, rate int) vad.Detector {
	t.Helper()
	d, err := open(rate, vad.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func write(t testing.TB, d vad.Detector, frames []media.Frame, see func(media.Frame, vad.State)) {
	t.Helper()
	for _, f := range frames {
		s, err := d.Write(f)
		if err != nil {
			t.Fatal(err)
		}
		see(f, s)
	}
}

func ignore(media.Frame, vad.State) {}

// within surrounds a clip with a second of quiet line on both sides.
func within(clip enginetest.Clip) []int16 {
	quiet := make([]int16, clip.Rate)
	for i := range quiet {
		quiet[i] = int16(i*7919%9 - 4)
	}
	return append(append(append([]int16(nil), quiet...), clip.PCM...), quiet...)
}

// span is a stretch of speech.
type span struct{ from, to media.Tick }

// spans collects the speech that a detector found.
func spans(t *testing.T, d vad.Detector, frames []media.Frame) []span {
	t.Helper()
	var found []span
	speaking := false
	write(t, d, frames, func(f media.Frame, s vad.State) {
		switch {
		case s.Speech && !speaking:
			if late := f.End() - s.From; late < media.TicksIn(96*time.Millisecond)-1 || late > media.TicksIn(160*time.Millisecond) {
				t.Errorf("speech since %v was reported at %v", s.From.Duration(), f.End().Duration())
			}
		case !s.Speech && speaking:
			if late := f.End() - s.To; late < media.TicksIn(80*time.Millisecond) || late > media.TicksIn(160*time.Millisecond) {
				t.Errorf("silence since %v was reported at %v", s.To.Duration(), f.End().Duration())
			}
			found = append(found, span{s.From, s.To})
		}
		speaking = s.Speech
	})
	if speaking {
		t.Error("speech goes on in a second of silence")
	}
	return found
}

func TestFindsSpeech(t *testing.T) {
	each(t, func(t *testing.T, open vad.Factory, rate int) {
		for _, clip := range append(enginetest.LibriVox(t), enginetest.GoForward(t)) {
			clip = clip.At(t, rate)
			pcm := within(clip)
			found := spans(t, detector(t, open, rate), enginetest.Frames(pcm, rate, 0))
			begin := media.Tick(media.TickRate)
			end := begin + media.TickOfSample(int64(len(clip.PCM)), rate)
			var spoken media.Tick
			for _, s := range found {
				spoken += s.to - s.from
				if s.from < begin-media.TicksIn(64*time.Millisecond) || s.to > end+media.TicksIn(200*time.Millisecond) {
					t.Errorf("%s: speech from %v to %v, the clip is from %v to %v", clip.Name, s.from.Duration(), s.to.Duration(), begin.Duration(), end.Duration())
				}
			}
			if share := float64(spoken) / float64(end-begin); share < 0.4 {
				t.Errorf("%s: %.0f %% is speech, want 40 %% or more", clip.Name, 100*share)
			}
		}
	})
}

// TestWideCallsHearAsSoon holds that speech is found as soon on a call of 16 kHz as
// on the phone, wherever it begins among the windows: also that of a headset of the
// telephone's band, and speech that begins at once where a microphone is gated.
func TestWideCallsHearAsSoon(t *testing.T) {
	m := loaded(t)
	found := func(clip enginetest.Clip, late int) (after time.Duration) {
		d := detector(t, m.NewDetector, clip.Rate)
		pcm := append(make([]int16, clip.Rate/10+late*clip.Rate/1000), clip.PCM...)
		write(t, d, enginetest.Frames(pcm, clip.Rate, 0), func(f media.Frame, s vad.State) {
			if s.Speech && after == 0 {
				after = f.End().Duration()
			}
		})
		return after
	}
	var phone, wide time.Duration
	clips := append(enginetest.LibriVox(t), enginetest.Cards(t)...)
	for _, clip := range clips {
		clip.PCM = begun(clip.PCM)
		narrow := clip.At(t, 8000)
		for late := 0; late < 32; late += 4 {
			phone += found(narrow, late)
			wide += found(narrow.At(t, 16000), late)
		}
	}
	later := (wide - phone) / time.Duration(8*len(clips))
	t.Logf("speech is found %v later at 16 kHz", later)
	if later > 16*time.Millisecond {
		t.Errorf("speech is found %v later at 16 kHz than on the phone", later)
	}
}

// begun is a clip from the first 10 ms within 10 dB of its level.
func begun(pcm []int16) []int16 {
	for level := media.RMS(pcm); media.RMS(pcm[:160]) <= level-10; {
		pcm = pcm[160:]
	}
	return pcm
}

func TestFindsNoSpeechInNoise(t *testing.T) {
	m := loaded(t)
	for _, rate := range []int{8000, 16000} {
		for _, clip := range enginetest.Noises(rate) {
			write(t, detector(t, m.NewDetector, rate), enginetest.Frames(within(clip), rate, 0), func(f media.Frame, s vad.State) {
				if s.Speech || s.Probability >= 0.5 {
					t.Errorf("%s at %d Hz, %v: probability %.2f", clip.Name, rate, f.At.Duration(), s.Probability)
				}
			})
		}
	}
}

// TestEnergyGetsUsedToNoise allows it to take a steady sound for speech as long
// as its noise floor remembers the quiet before.
func TestEnergyGetsUsedToNoise(t *testing.T) {
	for _, clip := range enginetest.Noises(8000)[:6] {
		if clip.Name == "coughs" {
			continue
		}
		heard := false
		write(t, detector(t, vad.NewEnergy, 8000), enginetest.Frames(clip.PCM, 8000, 0), func(f media.Frame, s vad.State) {
			heard = heard || s.Speech
		})
		if heard {
			t.Errorf("%s from the start is taken for speech", clip.Name)
		}
		write(t, detector(t, vad.NewEnergy, 8000), enginetest.Frames(within(clip)[:3*8000], 8000, 0), func(f media.Frame, s vad.State) {
			heard = s.Speech
		})
		if heard {
			t.Errorf("%s is taken for speech after 2 s", clip.Name)
		}
	}
}

func TestGapsAreSilence(t *testing.T) {
	gaps := []struct {
		gap    time.Duration
		speech bool // after it, before the next frame has been judged
	}{{40 * time.Millisecond, true}, {300 * time.Millisecond, false}, {5 * time.Second, false}, {time.Hour, false}}
	each(t, func(t *testing.T, open vad.Factory, rate int) {
		clip := enginetest.LibriVox(t)[0].At(t, rate)
		frames := enginetest.Frames(clip.PCM[:2*rate], rate, 0)
		for _, c := range gaps {
			told, jumped := detector(t, open, rate), detector(t, open, rate)
			write(t, told, frames, ignore)
			write(t, jumped, frames, ignore)
			at := frames[len(frames)-1].End() + media.TicksIn(c.gap)
			s, err := told.Silence(at)
			if err != nil {
				t.Fatal(err)
			}
			if s.Speech != c.speech {
				t.Errorf("speech is %v after a gap of %v, want %v", s.Speech, c.gap, c.speech)
			}
			next := enginetest.Frames(clip.PCM[:rate], rate, at)
			a, b := last(t, told, next), last(t, jumped, next)
			if a != b {
				t.Errorf("after a gap of %v, Silence leads to %+v and a jump to %+v", c.gap, a, b)
			}
			if !a.Speech || a.To < at {
				t.Errorf("after a gap of %v speech is no longer found: %+v", c.gap, a)
			}
		}
	})
}

// last writes frames and returns the last state.
func last(t *testing.T, d vad.Detector, frames []media.Frame) (state vad.State) {
	t.Helper()
	write(t, d, frames, func(_ media.Frame, s vad.State) { state = s })
	return state
}

func TestLateFramesAreIgnored(t *testing.T) {
	each(t, func(t *testing.T, open vad.Factory, rate int) {
		d := detector(t, open, rate)
		frames := enginetest.Frames(enginetest.LibriVox(t)[0].At(t, rate).PCM[:2*rate], rate, 0)
		before := last(t, d, frames)
		if after := last(t, d, frames); after != before {
			t.Errorf("frames heard before turned %+v into %+v", before, after)
		}
		if after, err := d.Silence(0); err != nil || after != before {
			t.Errorf("Silence(0) = %+v, %v; want %+v", after, err, before)
		}
	})
}

// TestCallsDoNotMix lets two calls take turns with one model.
func TestCallsDoNotMix(t *testing.T) {
	m := loaded(t)
	speech := enginetest.Frames(enginetest.LibriVox(t)[1].At(t, 8000).PCM, 8000, 0)
	var alone, beside []vad.State
	write(t, detector(t, m.NewDetector, 8000), speech, func(_ media.Frame, s vad.State) { alone = append(alone, s) })
	one, two := detector(t, m.NewDetector, 8000), detector(t, m.NewDetector, 16000)
	noise := enginetest.Frames(enginetest.Noises(16000)[1].PCM, 16000, 0)
	write(t, one, speech, func(f media.Frame, s vad.State) {
		beside = append(beside, s)
		other := noise[len(beside)%len(noise)]
		other.At = f.At
		write(t, two, []media.Frame{other}, ignore)
	})
	for i := range alone {
		if alone[i] != beside[i] {
			t.Fatalf("frame %d: %+v alone, %+v beside another call", i, alone[i], beside[i])
		}
	}
}

func TestWriteAllocatesNothing(t *testing.T) {
	each(t, func(t *testing.T, open vad.Factory, rate int) {
		d := detector(t, open, rate)
		frames := enginetest.Frames(enginetest.LibriVox(t)[0].At(t, rate).PCM, rate, 0)
		i := 0
		got := testing.AllocsPerRun(100, func() {
			if _, err := d.Write(frames[i]); err != nil {
				t.Fatal(err)
			}
			i++
		})
		if got != 0 {
			t.Errorf("%v allocations a frame, want none", got)
		}
	})
}

func TestRates(t *testing.T) {
	m := loaded(t)
	for _, rate := range []int{0, 11025, 48000} {
		for name, open := range map[string]vad.Factory{"silero": m.NewDetector, "energy": vad.NewEnergy} {
			if _, err := open(rate, vad.Options{}); !errors.Is(err, vad.ErrRate) {
				t.Errorf("%s at %d Hz: %v, want ErrRate", name, rate, err)
			}
		}
	}
}

func TestLoadNamesTheRemedy(t *testing.T) {
	if _, err := vad.Load(t.TempDir()); !errors.Is(err, models.ErrMissing) || !strings.Contains(err.Error(), "make models") {
		t.Errorf("Load without models: %v, want ErrMissing and the command", err)
	}
}

func BenchmarkWrite(b *testing.B) {
	m := loaded(b)
	for name, open := range map[string]vad.Factory{"silero": m.NewDetector, "energy": vad.NewEnergy} {
		for _, rate := range []int{8000, 16000} {
			b.Run(fmt.Sprintf("%s-%d", name, rate), func(b *testing.B) {
				d := detector(b, open, rate)
				frames := enginetest.Frames(enginetest.LibriVox(b)[0].At(b, rate).PCM, rate, 0)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					f := frames[i%len(frames)]
					f.At = media.Tick(i) * media.FrameTicks
					i++
					if _, err := d.Write(f); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// TestCadenceOfPeople has people end their sentences, and cuts them off anywhere in
// the middle: no end sounds like a middle, and a fifth of the middles do.
func TestCadenceOfPeople(t *testing.T) {
	m := loaded(t)
	for _, rate := range []int{8000, 16000} {
		var ends, middles [3]int
		for _, clip := range append(enginetest.LibriVox(t), enginetest.GoForward(t)) {
			clip = clip.At(t, rate)
			ends[cadence(t, m, within(clip), rate)]++
			whole := clip.PCM
			for at := rate; at+rate/2 < len(whole); at += rate / 2 {
				clip.PCM = whole[:at]
				middles[cadence(t, m, within(clip), rate)]++
			}
		}
		t.Logf("%d Hz: ends %v, middles %v", rate, ends, middles)
		if ends[vad.Held] > 0 || ends[vad.Faded] < 5 || middles[vad.Held] < (middles[vad.NoCadence]+middles[vad.Faded])/4 {
			t.Errorf("%d Hz: not known, held, faded: ends %v, middles %v", rate, ends, middles)
		}
	}
}

// cadence returns how the last speech of a clip ends.
func cadence(t *testing.T, m *vad.Model, pcm []int16, rate int) vad.Cadence {
	t.Helper()
	return last(t, detector(t, m.NewDetector, rate), enginetest.Frames(pcm, rate, 0)).Cadence
}

package media_test

import (
	"math"
	"testing"

	"sidetone/internal/sim"
	"sidetone/media"
)

// hear runs 20 ms frames of what was sent and heard through a detector and
// returns the similarities at every tenth frame in which something is heard.
func hear(sent, heard []int16) (out []float64) {
	e := media.NewEcho(8000)
	for i := 0; (i+1)*160 <= min(len(sent), len(heard)); i++ {
		e.Sent(sent[i*160 : (i+1)*160])
		e.Heard(heard[i*160 : (i+1)*160])
		if i >= 10 && i%10 == 0 && media.RMS(heard[(i-8)*160:(i+1)*160]) > -55 {
			alike, _ := e.Compare()
			out = append(out, alike)
		}
	}
	return out
}

// line is what comes back of sent: attenuated by dB, delayed, through mu-law,
// with someone else's voice over it.
func line(sent, other []int16, dB float64, delay int) []int16 {
	gain := math.Pow(10, dB/20)
	out := make([]int16, len(sent))
	for i := range out {
		s := 0.0
		if i >= delay {
			s = gain * float64(sent[i-delay])
		}
		if i < len(other) {
			s += float64(other[i])
		}
		out[i] = int16(s)
	}
	return media.AppendPCM(nil, media.AppendULaw(nil, out))
}

func TestEchoIsToldFromAPerson(t *testing.T) {
	people, err := sim.LibriVox()
	if err != nil {
		t.Fatal(err)
	}
	agent, caller := people[0].Phone, people[2].Phone
	both := min(len(agent), len(caller))
	agent, caller = agent[:both], caller[:both]
	for _, c := range []struct {
		name        string
		heard       []int16
		least, most float64
	}{
		{"echo at -20 dB", line(agent, nil, -20, 1120), 0.8, 1},
		{"echo at -25 dB, late", line(agent, nil, -25, 4800), 0.7, 1},
		{"a person", line(agent, caller, -90, 1120), 0, 0.7},
		{"a person over the echo", line(agent, caller, -20, 1120), 0, 0.7},
	} {
		all := hear(agent, c.heard)
		if len(all) < 10 {
			t.Fatalf("%s: only %d looks", c.name, len(all))
		}
		inside := 0
		for _, s := range all {
			if s >= c.least && s <= c.most {
				inside++
			}
		}
		t.Logf("%s: %d of %d looks within %.2f and %.2f", c.name, inside, len(all), c.least, c.most)
		if 10*inside < 9*len(all) {
			t.Errorf("%s: %.2f, want nine of ten within %.2f and %.2f", c.name, all, c.least, c.most)
		}
	}
}

func TestSilenceIsNoEcho(t *testing.T) {
	e := media.NewEcho(8000)
	e.Sent(make([]int16, 160))
	e.Heard(nil)
	if alike, _ := e.Compare(); alike != 0 {
		t.Errorf("silence is %.2f like silence, want 0", alike)
	}
}

func BenchmarkEchoCompare(b *testing.B) {
	e := media.NewEcho(8000)
	tone := media.Tone(8000, 440, 20*1e6, -12)
	for range 100 {
		e.Sent(tone)
		e.Heard(tone)
	}
	b.ReportAllocs()
	for b.Loop() {
		e.Compare()
	}
}

func TestEchoLevel(t *testing.T) {
	e := media.NewEcho(8000)
	tone := media.Tone(8000, 440, 2e9, -12)
	quiet := line(tone, nil, -20, 0)
	for i := 0; i+160 <= len(tone); i += 160 {
		e.Sent(tone[i : i+160])
		e.Heard(quiet[i : i+160])
	}
	if _, below := e.Compare(); below < 19 || below > 21 {
		t.Errorf("an echo at -20 dB is %.1f dB below what was sent", below)
	}
}

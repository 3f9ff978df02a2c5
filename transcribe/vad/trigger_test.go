package vad

import (
	"testing"
	"time"

	"sidetone/media"
)

// ms is n milliseconds in ticks.
func ms(n int) media.Tick { return media.TicksIn(time.Duration(n) * time.Millisecond) }

func TestTrigger(t *testing.T) {
	const yes, maybe, no = 0.9, 0.4, 0.1
	for _, c := range []struct {
		name    string
		options Options
		windows []float32 // 32 ms each
		want    State
	}{
		{"nothing", Options{}, []float32{no, no, no}, State{Probability: no}},
		{"too short", Options{}, []float32{no, yes, yes}, State{Probability: yes}},
		{"long enough", Options{}, []float32{no, yes, yes, yes}, State{Speech: true, From: ms(32), To: ms(128), Probability: yes}},
		{"interrupted", Options{}, []float32{yes, yes, no, yes, yes}, State{Probability: yes}},
		{"sags on the way up", Options{}, []float32{yes, maybe, maybe}, State{Speech: true, To: ms(96), Probability: maybe}},
		{"never sure", Options{}, []float32{maybe, maybe, maybe, maybe}, State{Probability: maybe}},
		{"short pause", Options{}, []float32{yes, yes, yes, no, no}, State{Speech: true, To: ms(96), Probability: no}},
		{"ends", Options{}, []float32{yes, yes, yes, no, no, no}, State{To: ms(96), Probability: no}},
		{"weak but on", Options{}, []float32{yes, yes, yes, no, no, maybe, no}, State{Speech: true, To: ms(192), Probability: no}},
		{"again", Options{}, []float32{yes, yes, yes, no, no, no, yes, yes, yes}, State{Speech: true, From: ms(192), To: ms(288), Probability: yes}},
		{"quick", Options{MinSpeech: 32 * time.Millisecond}, []float32{no, yes}, State{Speech: true, From: ms(32), To: ms(64), Probability: yes}},
		{"patient", Options{MinSilence: 200 * time.Millisecond}, []float32{yes, yes, yes, no, no, no, no, no, no}, State{Speech: true, To: ms(96), Probability: no}},
		{"strict", Options{Up: 0.95}, []float32{yes, yes, yes, yes}, State{Probability: yes}},
		{"lax", Options{Down: 0.05}, []float32{yes, yes, yes, no, no, no}, State{Speech: true, To: ms(192), Probability: no}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTrigger(c.options)
			var got State
			for i, p := range c.windows {
				got = tr.window(ms(32*i), ms(32*(i+1)), p)
			}
			if got != c.want {
				t.Errorf("state %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	for _, c := range []struct {
		name string
		at   media.Tick
		gap  media.Tick
		take bool
	}{
		{"next", 960, 0, true},
		{"a little early", 960 - 400, 0, true},
		{"a little late", 960 + 400, 0, true},
		{"heard before", 0, 0, false},
		{"jump", 2880, 1920, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := line{end: 960, started: true}
			if gap, take := l.place(c.at); gap != c.gap || take != c.take {
				t.Errorf("place(%d) = %d, %v; want %d, %v", c.at, gap, take, c.gap, c.take)
			}
		})
	}
	var first line
	if gap, take := first.place(5 * media.TickRate); gap != 0 || !take {
		t.Errorf("the first frame: gap %d, take %v", gap, take)
	}
}

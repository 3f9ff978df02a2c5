package call_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"sidetone/call"
	"sidetone/consent"
	"sidetone/dialog"
	"sidetone/media"
)

// pausedNow returns the calls in a pause that are in time, and those that are not.
func (g *gateway) pausedNow() (inTime, overdue float64) {
	g.t.Helper()
	families, err := g.metrics.Gather()
	if err != nil {
		g.t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != "sidetone_calls_paused" {
			continue
		}
		for _, m := range f.GetMetric() {
			switch m.GetLabel()[0].GetValue() {
			case "false":
				inTime = m.GetGauge().GetValue()
			case "true":
				overdue = m.GetGauge().GetValue()
			}
		}
	}
	return inTime, overdue
}

// pauses lists what the call has shown of its pauses.
func (g *gateway) pauses() (kinds []call.UpdateKind) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, u := range g.updates {
		if slices.Contains([]call.UpdateKind{call.RecordingPaused, call.PauseOverdue, call.RecordingResumed}, u.Kind) {
			kinds = append(kinds, u.Kind)
		}
	}
	return kinds
}

// TestLongPause holds that the operator is told of a pause after 180 s, once, and
// that it goes on until somebody ends it, or the call ends.
func TestLongPause(t *testing.T) {
	const began = 5 * time.Second
	for _, test := range []struct {
		name   string
		length time.Duration
		hangUp bool
		told   bool
	}{
		{"in time", 179 * time.Second, false, false},
		{"too long", 181 * time.Second, false, true},
		{"much too long", 10 * time.Minute, false, true},
		{"hung up in time", 179 * time.Second, true, false},
		{"hung up too late", 181 * time.Second, true, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
					replier: &replies{each: []string{"440Hz", "500Hz"}}, set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
				c := g.dial()
				until(t, c, began)
				g.calls.DoAll(call.PauseRecording)
				until(t, c, began+test.length-3*time.Second)
				c.Say(media.Tone(8000, 1200, time.Second, -10))
				until(t, c, began+test.length)
				want := []call.UpdateKind{call.RecordingPaused}
				inTime, overdue := 1.0, 0.0
				if test.told {
					want, inTime, overdue = append(want, call.PauseOverdue), 0, 1
				}
				if got := g.pauses(); !slices.Equal(got, want) {
					t.Errorf("the operator is shown %v, want %v", got, want)
				}
				if a, b := g.pausedNow(); a != inTime || b != overdue {
					t.Errorf("%v calls paused in time and %v overdue, want %v and %v", a, b, inTime, overdue)
				}
				if !test.hangUp {
					g.calls.DoAll(call.ResumeRecording)
					until(t, c, began+test.length+2*time.Second)
					want = append(want, call.RecordingResumed)
					if a, b := g.pausedNow(); a != 0 || b != 0 {
						t.Errorf("after the pause %v calls are paused in time and %v overdue", a, b)
					}
				}
				c.Hangup()
				g.end(c)
				if got := g.pauses(); !slices.Equal(got, want) {
					t.Errorf("in all the operator is shown %v, want %v", got, want)
				}
				if a, b := g.pausedNow(); a != 0 || b != 0 {
					t.Errorf("after the call %v calls are paused in time and %v overdue", a, b)
				}
				lines := strings.Count(g.log.String(), `level=WARN msg="call: pause overdue" call=call-1 how=operator seconds=180`)
				if lines != strings.Count(g.log.String(), "pause overdue") || lines != map[bool]int{true: 1}[test.told] {
					t.Errorf("%d lines of the pause in the log:\n%s", lines, &g.log)
				}
				if at := onset(g.recording().left, 1200); at >= 0 {
					t.Errorf("the caller is recorded in the pause, at %v", at)
				}
			})
		})
	}
}

// TestEachPauseHasItsTime holds that a pause is not counted into the next.
func TestEachPauseHasItsTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{}, engine: &engine{},
			replier: &replies{each: []string{"440Hz", "500Hz", "500Hz", "500Hz"}}, set: func(s *dialog.Settings) { s.SilenceAfter = time.Hour }})
		c := g.dial()
		at := 5 * time.Second
		for range 2 {
			until(t, c, at)
			g.calls.DoAll(call.PauseRecording)
			until(t, c, at+100*time.Second)
			g.calls.DoAll(call.ResumeRecording)
			at += 105 * time.Second
		}
		said := c.Say(media.Tone(8000, 1200, time.Second, -10))
		until(t, c, at+5*time.Second)
		c.Hangup()
		g.end(c)
		want := []call.UpdateKind{call.RecordingPaused, call.RecordingResumed, call.RecordingPaused, call.RecordingResumed}
		if got := g.pauses(); !slices.Equal(got, want) {
			t.Errorf("the operator is shown %v, want %v", got, want)
		}
		if kept := onset(g.recording().left, 1200); (kept - said.From.Duration()).Abs() > 40*time.Millisecond {
			t.Errorf("said at %v, recorded at %v", said.From.Duration(), kept)
		}
	})
}

// TestPauseIsSilent holds that of neither side a sample is recorded from the tick on at
// which a pause begins, whenever that is while both speak, until it ends.
func TestPauseIsSilent(t *testing.T) {
	for n := range 40 {
		bubble(t, func(t *testing.T) {
			g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: tones{},
				replier: &replies{each: []string{"440Hz*20", "440Hz*20"}}, set: func(s *dialog.Settings) { s.BargeIn = false }})
			c := g.dial()
			began := 5*time.Second + time.Duration(n)*7900*time.Microsecond
			until(t, c, 4500*time.Millisecond)
			c.Say(media.Tone(8000, 1200, 5*time.Second, -12))
			until(t, c, began)
			g.calls.DoAll(call.PauseRecording)
			until(t, c, began+time.Second)
			g.calls.DoAll(call.ResumeRecording)
			until(t, c, began+3*time.Second)
			c.Hangup()
			g.end(c)
			rec, from, to := g.recording(), g.ledger.at(t, "paused"), g.ledger.at(t, "resumed")
			for name, side := range map[string]struct {
				pcm []int16
				hz  float64
			}{"agent": {rec.right, 440}, "caller": {rec.left, 1200}} {
				if i := slices.IndexFunc(side.pcm[from:to], func(v int16) bool { return v != 0 }); i >= 0 {
					t.Errorf("pause from sample %d to %d: the %s sounds at %d", from, to, name, from+i)
				}
				if at := from - 480; media.ToneLevel(side.pcm[at:at+160], 8000, side.hz) < -16 {
					t.Errorf("pause from sample %d to %d: the %s is missing at %d", from, to, name, at)
				}
				if media.ToneLevel(side.pcm[to:], 8000, side.hz) < -18 {
					t.Errorf("pause from sample %d to %d: the %s is missing after it", from, to, name)
				}
			}
		})
	}
}

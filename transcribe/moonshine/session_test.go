package moonshine

import (
	"math"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"sidetone/consent/gatetest"
	"sidetone/media"
)

// sec is n seconds in ticks.
func sec(n float64) media.Tick { return media.Tick(n * media.TickRate) }

// speak writes a tone from one tick to another, quiet in between two others.
func speak(s *session, from, to, quietFrom, quietTo media.Tick) {
	gate := gatetest.Open()
	for at := from; at < to; at += media.FrameTicks {
		level := -10.0
		if at >= quietFrom && at < quietTo {
			level = -50
		}
		a, _ := gate.Converse(media.Frame{At: at, PCM: media.Tone(8000, 400, media.FrameDuration, level)})
		s.Write(a)
	}
}

// utter writes audio from a tick on, with speech in it, of which the session
// learns 100 ms late.
func utter(s *session, from, onset, end media.Tick) {
	speak(s, from, onset+sec(0.1), 0, 0)
	s.Speech(onset, true)
	speak(s, onset+sec(0.1), end+sec(0.1), 0, 0)
	s.Speech(end, false)
}

// idle returns a session that nothing decodes.
func idle() *session {
	return newSession(New(Options{}), 8000)
}

// spans are the audio of what waits for Run.
func spans(s *session) (spans [][2]media.Tick) {
	for _, it := range s.queue {
		if it.segment == nil {
			spans = append(spans, [2]media.Tick{-1, it.at})
			continue
		}
		spans = append(spans, [2]media.Tick{it.segment.from, it.segment.to})
	}
	return spans
}

func TestSegments(t *testing.T) {
	end := func(at media.Tick) [2]media.Tick { return [2]media.Tick{-1, at} }
	for _, c := range []struct {
		name string
		call func(*session)
		want [][2]media.Tick
	}{
		{"with a little around it", func(s *session) {
			utter(s, 0, sec(1), sec(3))
			s.Finalize(sec(4))
		}, [][2]media.Tick{{sec(0.7), sec(3.1)}, end(sec(4))}},
		{"never before the first frame", func(s *session) {
			utter(s, sec(10), sec(10.1), sec(11))
			s.Finalize(sec(11))
		}, [][2]media.Tick{{sec(10), sec(11.1)}, end(sec(11))}},
		{"a short pause is part of it", func(s *session) {
			utter(s, 0, sec(1), sec(2))
			utter(s, sec(2.1), sec(2.9), sec(4))
			s.Finalize(sec(4))
		}, [][2]media.Tick{{sec(0.7), sec(4.1)}, end(sec(4))}},
		{"a long pause parts", func(s *session) {
			utter(s, 0, sec(1), sec(2))
			utter(s, sec(2.1), sec(4.5), sec(5))
			s.Finalize(sec(5))
		}, [][2]media.Tick{{sec(0.7), sec(2.1)}, {sec(4.2), sec(5.1)}, end(sec(5))}},
		{"cut where it is quietest", func(s *session) {
			speak(s, 0, sec(0.6), 0, 0)
			s.Speech(sec(0.5), true)
			speak(s, sec(0.6), sec(13), sec(9), sec(9.1))
			s.Speech(sec(13), false)
			s.Finalize(sec(13))
		}, [][2]media.Tick{{sec(0.2), sec(9.05)}, {sec(9.05), sec(13)}, end(sec(13))}},
		{"told of it far too late", func(s *session) {
			speak(s, 0, sec(20), 0, 0)
			s.Speech(sec(1), true)
			speak(s, sec(20), sec(31), 0, 0)
			s.Speech(sec(31), false)
			s.Finalize(sec(31))
		}, [][2]media.Tick{{sec(19), sec(27.05)}, {sec(27.05), sec(31)}, end(sec(31))}},
		{"finalize in mid-speech", func(s *session) {
			speak(s, 0, sec(1.1), 0, 0)
			s.Speech(sec(1), true)
			speak(s, sec(1.1), sec(2.5), 0, 0)
			s.Finalize(sec(2))
			speak(s, sec(2.5), sec(3), 0, 0)
			s.Speech(sec(3), false)
			s.Finalize(sec(3))
		}, [][2]media.Tick{{sec(0.7), sec(2)}, end(sec(2)), {sec(2), sec(3)}, end(sec(3))}},
		{"speech after the finalized tick waits", func(s *session) {
			speak(s, 0, sec(2.1), 0, 0)
			s.Speech(sec(2), true)
			s.Finalize(sec(1.5))
			speak(s, sec(2.1), sec(3), 0, 0)
			s.Speech(sec(3), false)
			s.Finalize(sec(3))
		}, [][2]media.Tick{end(sec(1.5)), {sec(1.7), sec(3)}, end(sec(3))}},
		{"pre-roll leaves out what was finalized", func(s *session) {
			utter(s, 0, sec(1), sec(1.9))
			s.Finalize(sec(2))
			utter(s, sec(2), sec(2.1), sec(3))
			s.Finalize(sec(3))
		}, [][2]media.Tick{{sec(0.7), sec(2)}, end(sec(2)), {sec(2), sec(3.1)}, end(sec(3))}},
		{"speech before a leap ends there", func(s *session) {
			speak(s, 0, sec(1.1), 0, 0)
			s.Speech(sec(1), true)
			speak(s, sec(1.1), sec(2), 0, 0)
			utter(s, sec(60), sec(60), sec(61))
			s.Finalize(sec(61))
		}, [][2]media.Tick{{sec(0.7), sec(2)}, {sec(60), sec(61.1)}, end(sec(61))}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := idle()
			c.call(s)
			got := spans(s)
			if len(got) != len(c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
			for i := range got {
				// The cut is placed to the nearest frame.
				if d := max(got[i][0]-c.want[i][0], c.want[i][0]-got[i][0]); d > media.FrameTicks {
					t.Errorf("item %d: got %v, want %v", i, got[i], c.want[i])
				}
				if d := max(got[i][1]-c.want[i][1], c.want[i][1]-got[i][1]); d > media.FrameTicks {
					t.Errorf("item %d: got %v, want %v", i, got[i], c.want[i])
				}
				if seg := s.queue[i].segment; seg != nil {
					if n := (seg.to - seg.from).Sample(8000); math.Abs(float64(int64(len(seg.pcm))-n)) > 1 {
						t.Errorf("item %d holds %d samples, want %d", i, len(seg.pcm), n)
					}
				}
			}
		})
	}
}

// TestBacklogIsBounded speaks for a minute and a half while nothing decodes.
func TestBacklogIsBounded(t *testing.T) {
	s := idle()
	speak(s, 0, sec(1), 0, 0)
	s.Speech(0, true)
	speak(s, sec(1), sec(90), 0, 0)
	s.Speech(sec(90), false)
	s.Finalize(sec(90))
	kept := 0
	for _, it := range s.queue {
		if it.segment != nil {
			kept += len(it.segment.pcm)
		}
	}
	if kept > 30*8000 || kept < 15*8000 {
		t.Errorf("%v of audio wait, want at most 30 s", time.Duration(kept)*time.Second/8000)
	}
	dropped := testutil.ToFloat64(s.engine.options.Metrics.audioDropped)
	if sum := dropped + float64(kept)/8000; math.Abs(sum-90) > 0.5 {
		t.Errorf("%.1f s kept or counted as dropped, want 90 s", sum)
	}
	if held := cap(s.tape.pcm); held > 20*8000 {
		t.Errorf("the tape holds %d samples", held)
	}
}

// TestSilenceIsForgotten writes ten minutes in which nobody speaks.
func TestSilenceIsForgotten(t *testing.T) {
	s := idle()
	speak(s, 0, sec(600), 0, 0)
	if held := cap(s.tape.pcm); held > 3*8000 {
		t.Errorf("the tape holds %d samples, want at most 3 s", held)
	}
}

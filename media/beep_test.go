package media

import (
	"testing"
	"time"
)

func TestBeep(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		pcm := Beep(rate)
		if len(pcm) != rate/2 || len(pcm)%FrameSamples(rate) != 0 {
			t.Errorf("%d Hz: %d samples", rate, len(pcm))
		}
		ms := rate / 1000
		if level := ToneLevel(pcm[10*ms:490*ms], rate, 1400); level < -20.1 || level > -19.9 {
			t.Errorf("%d Hz: %.1f dBFS at 1400 Hz", rate, level)
		}
		for _, hz := range []float64{300, 1000, 1300, 1500, 2800} {
			if level := ToneLevel(pcm, rate, hz); level > -60 {
				t.Errorf("%d Hz: %.1f dBFS at %v Hz", rate, level, hz)
			}
		}
		for edge, part := range map[string][]int16{"beginning": pcm[:ms], "end": pcm[len(pcm)-ms:]} {
			if level := Peak(part); level > -50 {
				t.Errorf("%d Hz: the %s clicks at %.1f dBFS", rate, edge, level)
			}
		}
	}
}

func TestBeepLastsAsLongAsItSays(t *testing.T) {
	if d := (Audio{Rate: 8000, PCM: Beep(8000)}).Duration(); d != 500*time.Millisecond {
		t.Error(d)
	}
}

package webrtc

import (
	"math"
	"testing"
	"time"
)

// Values of G.107, annex B, and of the fits it is cut down to.
func TestRating(t *testing.T) {
	for name, test := range map[string]struct {
		delay, loss, r, mos float64
	}{
		"best":             {0, 0, 93.2, 4.41},
		"a good network":   {0.100, 0, 90.8, 4.36},
		"long":             {0.300, 0, 72.5, 3.71},
		"too long":         {0.600, 0, 32.3, 1.70},
		"a hundredth lost": {0.100, 0.01, 87.16, 4.26},
		"a fifth lost":     {0.100, 0.2, 48.67, 2.50},
		"everything lost":  {10, 1, -1303, 1},
	} {
		t.Run(name, func(t *testing.T) {
			r := rating(test.delay, test.loss)
			if math.Abs(r-test.r) > 0.5 || math.Abs(mos(r)-test.mos) > 0.03 {
				t.Errorf("R is %.2f and MOS %.2f, want %.2f and %.2f", r, mos(r), test.r, test.mos)
			}
		})
	}
	if mos(200) != mos(100) {
		t.Error("there is better than best")
	}
}

// The round trip time is smoothed, and begins anew on another connection.
func TestTripIsSmoothed(t *testing.T) {
	q := newQuality(0)
	trip := func(rtt time.Duration) time.Duration {
		q.report(report{RTT: rtt})
		return q.latency() - bufferUnknown
	}
	for i, step := range []struct{ in, want time.Duration }{
		{0, 0}, {80 * ms, 80 * ms}, {160 * ms, 90 * ms}, {0, 90 * ms}, {10 * ms, 80 * ms}, {-ms, 80 * ms},
	} {
		if got := trip(step.in); got != step.want {
			t.Errorf("step %d: %v, want %v", i, got, step.want)
		}
	}
	q.moved()
	if got := q.latency() - bufferUnknown; got != 80*ms {
		t.Errorf("%v before it is known anew", got)
	}
	if got := trip(200 * ms); got != 200*ms {
		t.Errorf("%v on another connection, want 200ms", got)
	}
}

// At its end a leg writes down how it was, in both directions, and nothing that
// it does not know.
func TestQualityOfALeg(t *testing.T) {
	withLive(t, func(t *testing.T, l *live) {
		go l.speak(0, 120)
		for range 2 {
			l.report(report{Loss: 0.04, Jitter: 10 * ms, RTT: 50 * ms})
			l.text(`{"type":"stats","jitter_buffer_ms":60,"rtt_ms":50}`)
			time.Sleep(1250 * ms)
		}
		l.HangUp()
		<-l.done
		for name, want := range map[string]float64{
			"loss_ratio in": 0, "loss_ratio out": 0.04, "jitter_seconds in": 0, "jitter_seconds out": 0.01,
			"rtt_seconds ": 0.05, "playout_delay_seconds ": 0.06,
			"mos in":  mos(rating(0.025+0.0265, 0)),
			"mos out": mos(rating(0.025+0.060+0.0265, 0.04)),
		} {
			if got := l.mean(name); math.Abs(got-want) > 0.001 {
				t.Errorf("%s is %v, want %v", name, got, want)
			}
		}
	})
	withLive(t, func(t *testing.T, l *live) {
		l.HangUp()
		<-l.done
		for _, name := range []string{"loss_ratio in", "loss_ratio out", "mos out", "rtt_seconds ", "playout_delay_seconds "} {
			if got := l.mean(name); !math.IsNaN(got) {
				t.Errorf("%s is %v of a leg that knows nothing", name, got)
			}
		}
	})
}

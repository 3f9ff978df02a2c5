package breaker

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// TestBreaker checks what opens a breaker, for how long, and that one request at a
// time tries the engine again.
func TestBreaker(t *testing.T) {
	for name, c := range map[string]struct {
		verdict Verdict
		wait    time.Duration
		times   int // until it opens; 0: never
		length  time.Duration
	}{
		"bad":                {Bad, 0, Tolerated, OpenAtFirst},
		"hopeless":           {Hopeless, 0, 1, OpenAtFirst},
		"it asks for time":   {Hopeless, time.Minute, 1, time.Minute},
		"it asks for a day":  {Hopeless, 24 * time.Hour, 1, OpenOnDemand},
		"the request's own":  {Neutral, 0, 0, 0},
		"all is well":        {Good, 0, 0, 0},
		"well, and it waits": {Good, time.Minute, 0, 0},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := New(Options{Kind: STT, Engine: "e"})
			for i := range 10 {
				if c.times > 0 && i == c.times {
					break
				}
				p, ok := b.Enter()
				if !ok || !b.Ready() || b.Wait() != 0 {
					t.Fatalf("%s: open after %d", name, i)
				}
				p.Leave(c.verdict, c.wait, nil)
			}
			if c.times == 0 {
				return
			}
			if w := b.Wait(); w != c.length {
				t.Errorf("%s: it says to wait for %v, want %v", name, w, c.length)
			}
			time.Sleep(c.length - time.Millisecond)
			if _, ok := b.Enter(); ok || b.State() != Open {
				t.Errorf("%s: closed again before %v", name, c.length)
			}
			time.Sleep(time.Millisecond)
			probe, one := b.Enter()
			if _, two := b.Enter(); !one || two || b.State() != HalfOpen || b.Wait() == 0 {
				t.Errorf("%s: after %v there is not one probe", name, c.length)
			}
			probe.Leave(Neutral, 0, nil)
			probe, one = b.Enter()
			if !one {
				t.Errorf("%s: no probe after one that was given up", name)
			}
			probe.Leave(Good, 0, nil)
			if b.State() != Closed {
				t.Errorf("%s: it does not close", name)
			}
		})
	}
}

// TestWhoseVerdict checks that a request that began before the breaker opened says
// nothing about the engine as it is now, and is not taken for the probe.
func TestWhoseVerdict(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		old, _ := b.Enter()
		failing, _ := b.Enter()
		failing.Leave(Hopeless, 0, nil)
		old.Leave(Good, 0, nil)
		if b.State() != Open {
			t.Error("an old connection closes it")
		}
		time.Sleep(OpenAtFirst)
		probe, _ := b.Enter()
		old.Leave(Bad, 0, nil)
		old.Leave(Neutral, 0, nil)
		if b.Ready() {
			t.Error("an old connection ends the probe")
		}
		time.Sleep(probeWithin)
		second, ok := b.Enter()
		if !ok {
			t.Fatal("a probe of which nothing is heard is waited for")
		}
		probe.Leave(Bad, 0, nil)
		if b.State() != HalfOpen {
			t.Error("the probe before it counts")
		}
		second.Leave(Good, 0, nil)
		second.Leave(Bad, 0, nil)
		if b.State() != Closed {
			t.Error("one failure opens it")
		}
	})
}

// TestLonger checks that an engine that stays away is tried ever less often.
func TestLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := New(Options{})
		for _, want := range []time.Duration{10, 20, 40, 80, 120, 120} {
			p, ok := b.Enter()
			if !ok {
				t.Fatal("it is not tried again")
			}
			p.Leave(Hopeless, 0, nil)
			if w := b.Wait(); w != want*time.Second {
				t.Errorf("open for %v, want %v", w, want*time.Second)
			}
			time.Sleep(b.Wait())
		}
	})
}

// TestTold checks what metrics and log tell.
func TestTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		registry := prometheus.NewPedanticRegistry()
		b := New(Options{Kind: TTS, Engine: "e", Metrics: NewMetrics(registry), Log: slog.New(slog.NewTextHandler(&log, nil))})
		p, _ := b.Enter()
		p.Leave(Hopeless, 0, errors.New("status 401"))
		b.TookOver(true)
		b.TookOver(false)
		if err := testutil.GatherAndCompare(registry, strings.NewReader(`
			# HELP sidetone_engine_breaker_state Whether an engine is asked: 0 it is, 1 it is tried again, 2 it is left out.
			# TYPE sidetone_engine_breaker_state gauge
			sidetone_engine_breaker_state{engine="e",kind="tts"} 2
			# HELP sidetone_engine_takeovers_total Times that another engine took over inside a call, by that engine and when: before a turn or answer had begun, or within it.
			# TYPE sidetone_engine_takeovers_total counter
			sidetone_engine_takeovers_total{engine="e",kind="tts",when="before"} 1
			sidetone_engine_takeovers_total{engine="e",kind="tts",when="within"} 1
		`)); err != nil {
			t.Error(err)
		}
		time.Sleep(OpenAtFirst)
		p, _ = b.Enter()
		p.Leave(Good, 0, nil)
		if text := log.String(); strings.Count(text, "left out") != 1 || strings.Count(text, "is back") != 1 || !strings.Contains(text, "status 401") {
			t.Errorf("logged %s", text)
		}
	})
}

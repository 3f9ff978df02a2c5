package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
	"sidetone/media"
)

// browse is the process of callers from web pages: each agrees, and says the
// same few seconds over and over, coded once for all.
func (o order) browse(voices []sim.Utterance) (measured, error) {
	said := append(make([]int16, 16000), voices[1].Wide...)
	clip, err := sim.NewWebClip(sim.Opus, append(said, make([]int16, 5*16000)...))
	if err != nil {
		return measured{}, err
	}
	f := sim.RunWebFleet(context.Background(), sim.WebFleetOptions{
		Browser: sim.BrowserOptions{BaseURL: o.BaseURL, Agent: "endless", Mint: o.mint},
		Clip:    clip, Calls: o.Calls, PerSecond: o.PerSecond,
		Caller: func(ctx context.Context, _ int, c *sim.WebCall) error {
			if err := c.Answer(ctx, sim.Agree); err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(ctx, time.Duration(o.Seconds*float64(time.Second)))
			defer cancel()
			select {
			case <-ctx.Done():
			case <-c.Done():
			}
			return nil
		},
	})
	m := measured{Calls: f.Calls, Failed: f.Failed, Frames: f.Packets, Underruns: f.Lost, Faults: f.Faults,
		FirstAudio: quantilesOf(&f.FirstAudio), Late: quantilesOf(&f.Late), Connect: quantilesOf(&f.Connect)}
	if f.Err != nil {
		m.Err = f.Err.Error()
	}
	return m, nil
}

// mint gets a session token.
func (o order) mint(ctx context.Context) (string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, o.Operator+"/api/v1/session-tokens", bytes.NewReader([]byte(`{"agent":"endless"}`)))
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusCreated {
		return "", fmt.Errorf("token: %s", answer.Status)
	}
	var token app.Token
	return token.Token, json.NewDecoder(answer.Body).Decode(&token)
}

// BenchmarkWebCalls runs calls of half a minute from browsers, with recording,
// sealing and upload on, voice activity detection and Opus real, recognition and
// voice scripted.
func BenchmarkWebCalls(b *testing.B) {
	for _, n := range []int{60, 100} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			g := benchGateway(b, scripted(b))
			cost := costs(b)
			m := g.callers(b, order{Calls: n, PerSecond: 10, Seconds: 30, Operator: "http://" + g.OperatorAddr().String()})
			cpu, peak := cost()
			b.ReportMetric(m.Late.P99, "pacing-p99-ms")
			b.ReportMetric(m.Control.P99, "control-p99-ms")
			b.ReportMetric(m.Idle.P99, "idle-p99-ms")
			b.ReportMetric(m.FirstAudio.P95, "first-audio-p95-ms")
			b.ReportMetric(m.Connect.P95, "connect-p95-ms")
			b.ReportMetric(100*cpu.Seconds()/(30*float64(n)), "%core/call")
			b.ReportMetric(cpu.Seconds()*1e6/(30*float64(n)*50), "us/frame-pair")
			b.ReportMetric(peak/float64(n), "MB/call")
			b.Logf("%d calls, %d packets, %d lost, %d faults; late %+v; first audio %+v; connect %+v; control %+v",
				m.Calls, m.Frames, m.Underruns, m.Faults, m.Late, m.FirstAudio, m.Connect, m.Control)
		})
	}
}

// BenchmarkWebBargeIn has people interrupt the agents of four web calls, over and
// over. It prints how long they hear the agent on, from the first sound that they
// make: with the way there and back, and the browser's jitter buffer.
func BenchmarkWebBargeIn(b *testing.B) {
	const calls, times = 4, 10
	voices, err := sim.Prompts(sentences...)
	if err != nil {
		b.Fatal(err)
	}
	g := benchGateway(b, scripted(b))
	var mu sync.Mutex
	var silence sim.Distribution
	var wg sync.WaitGroup
	missed := 0
	for n := range calls {
		wg.Go(func() {
			report, err := g.interrupted(b, times, voices[n:])
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				b.Error(err)
			}
			for _, t := range report.Turns {
				if t.Clear < 0 {
					missed++
					continue
				}
				silence.Add((t.Clear - t.From).Duration())
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(silence.Quantile(.5).Milliseconds()), "silence-p50-ms")
	b.ReportMetric(float64(silence.Quantile(.95).Milliseconds()), "silence-p95-ms")
	b.Logf("%d interruptions, %d of an agent that was silent already; at most %v", silence.N(), missed, silence.Quantile(1))
}

// interrupted is a call from a web page whose caller interrupts the agent so often.
func (g *gateway) interrupted(b *testing.B, times int, voices []sim.Utterance) (sim.WebReport, error) {
	call, err := g.browser(b, sim.BrowserOptions{Agent: "endless"}).Dial(b.Context())
	if err != nil {
		return sim.WebReport{}, err
	}
	err = call.Answer(b.Context(), sim.Agree)
	for turn := 0; turn < times && err == nil; turn++ {
		if err = call.WaitSpeech(b.Context()); err != nil {
			break
		}
		now, _ := call.Now()
		if err = call.WaitUntil(b.Context(), now+media.TicksIn(time.Second)); err != nil {
			break
		}
		err = call.Say(spoken(voices[turn%len(voices)].Wide)).Wait(b.Context())
	}
	call.Hangup()
	report, ended := call.Wait(context.Background())
	return report, errors.Join(err, ended)
}

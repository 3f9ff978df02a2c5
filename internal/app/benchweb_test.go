package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"sidetone/internal/app"
	"sidetone/internal/sim"
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

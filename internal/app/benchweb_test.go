package app_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
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

// interruption is how one went, from the first sound that the caller made.
type interruption struct {
	told   time.Duration // until the page was told to hush
	silent time.Duration // until nothing of the agent was heard
}

// BenchmarkWebBargeIn has people interrupt the agents of four web calls, over and
// over. It prints how long they hear the agent on, from the first sound that they
// make: with the way there and back, and the browser's jitter buffer; in a page
// with the widget, and in one that plays what it holds to the end.
func BenchmarkWebBargeIn(b *testing.B) {
	for _, playsOut := range []bool{false, true} {
		b.Run(map[bool]string{false: "widget", true: "plays-out"}[playsOut], func(b *testing.B) { interruptions(b, playsOut) })
	}
}

func interruptions(b *testing.B, playsOut bool) {
	const calls, times = 4, 17
	voices, err := interrupters()
	if err != nil {
		b.Fatal(err)
	}
	g := benchGateway(b, scripted(b))
	var mu sync.Mutex
	var told, after, silent sim.Distribution
	var wg sync.WaitGroup
	missed := 0
	for n := range calls {
		wg.Go(func() {
			report, err := g.interrupted(b, sim.BrowserOptions{Agent: "endless", PlaysOut: playsOut}, times, func(turn int) []int16 {
				return voices[(n*times+turn)%len(voices)]
			})
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				b.Error(err)
			}
			all, none := interruptionsOf(report)
			missed += none
			for _, i := range all {
				told.Add(i.told)
				after.Add(i.silent - i.told)
				silent.Add(i.silent)
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(silent.Quantile(.5).Milliseconds()), "silence-p50-ms")
	b.ReportMetric(float64(silent.Quantile(.95).Milliseconds()), "silence-p95-ms")
	load, _ := os.ReadFile("/proc/loadavg")
	b.Logf("%d interruptions, %d of an agent that was silent already or by itself; told to hush after p50 %v p95 %v, silent p50 %v p95 %v later, at most %v in all; load %.14s",
		silent.N(), missed, told.Quantile(.5), told.Quantile(.95), after.Quantile(.5), after.Quantile(.95), silent.Max(), load)
}

// interruptionsOf returns how the interruptions of a call went, and the number of
// those of an agent that was silent, or ended by itself.
func interruptionsOf(r sim.WebReport) (all []interruption, none int) {
	for _, t := range r.Turns {
		told := slices.IndexFunc(r.Messages, func(m sim.PageMessage) bool { return m.Type == "hush" && m.At >= t.From })
		if t.Clear < 0 || told < 0 || r.Messages[told].At > t.Clear+media.FrameTicks {
			none++
			continue
		}
		all = append(all, interruption{(r.Messages[told].At - t.From).Duration(), (t.Clear - t.From).Duration()})
	}
	return all, none
}

// interrupters is what people say who interrupt: prompts of a telephone's band,
// and the beginnings of sentences of a wider one.
func interrupters() (all [][]int16, err error) {
	prompts, err := sim.Prompts(sentences...)
	if err != nil {
		return nil, err
	}
	read, err := sim.LibriVox()
	if err != nil {
		return nil, err
	}
	for _, u := range append(prompts, read...) {
		pcm := spoken(u.Wide)
		all = append(all, pcm[:min(len(pcm), 3*16000)])
	}
	return all, nil
}

// interrupted is a call from a web page whose caller interrupts the agent so often.
func (g *gateway) interrupted(b *testing.B, o sim.BrowserOptions, times int, said func(turn int) []int16) (sim.WebReport, error) {
	call, err := g.browser(b, o).Dial(b.Context())
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
		err = call.Say(said(turn)).Wait(b.Context())
	}
	call.Hangup()
	report, ended := call.Wait(context.Background())
	return report, errors.Join(err, ended)
}

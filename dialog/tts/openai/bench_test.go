package openai

import (
	"net/http/httptest"
	"testing"
	"time"

	"sidetone/internal/sim"
)

// BenchmarkSpeak prints what a sentence of 2.6 s costs of this machine, with an HTTP
// server in it that has the audio ready: the time to the first audio, and for all.
func BenchmarkSpeak(b *testing.B) {
	const words = "alpha bravo charlie delta echo foxtrot golf hotel india juliett"
	for name, rate := range map[string]int{"phone": 8000, "web": 16000} {
		b.Run(name, func(b *testing.B) {
			ready := sim.SayTones(24000, words)
			fake := &sim.SpeechAPI{Synthesiser: sim.Synthesiser{Key: "k", Latency: time.Nanosecond, Speed: 1_000_000, Say: func(string, int) []int16 { return ready }}}
			server := httptest.NewServer(fake)
			defer server.Close()
			v := New(Options{URL: server.URL + "/v1", Key: "k"})
			defer v.Close()
			var first, audio time.Duration
			b.ReportAllocs()
			for b.Loop() {
				began := time.Now()
				samples := 0
				for pcm, err := range v.Speak(b.Context(), words, rate) {
					if err != nil {
						b.Fatal(err)
					}
					if samples == 0 {
						first += time.Since(began)
					}
					samples += len(pcm)
				}
				audio += time.Duration(samples) * time.Second / time.Duration(rate)
			}
			b.ReportMetric(float64(first.Microseconds())/float64(b.N), "first-audio-us")
			b.ReportMetric(b.Elapsed().Seconds()/audio.Seconds(), "rtf")
		})
	}
}

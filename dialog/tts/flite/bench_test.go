package flite

import (
	"context"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"sidetone/internal/models/modelstest"
)

// BenchmarkSpeak prints, per voice, the time to the first audio of a reply, the
// real-time factor of the whole of it, and the memory of the process.
func BenchmarkSpeak(b *testing.B) {
	for _, name := range Voices() {
		b.Run(name, func(b *testing.B) {
			v := open(b, name)
			speak(b, v, line, 8000)
			var first, all, audio time.Duration
			for b.Loop() {
				begin := time.Now()
				samples := 0
				for chunk, err := range v.Speak(context.Background(), line, 8000) {
					if err != nil {
						b.Fatal(err)
					}
					if samples == 0 {
						first += time.Since(begin)
					}
					samples += len(chunk)
				}
				all += time.Since(begin)
				audio += time.Duration(samples) * time.Second / 8000
			}
			b.ReportMetric(float64(first.Milliseconds())/float64(b.N), "first-audio-ms")
			b.ReportMetric(all.Seconds()/audio.Seconds(), "rtf")
			b.ReportMetric(float64(resident(b))/(1<<20), "rss-MiB")
		})
	}
}

// BenchmarkNew prints the time to load the voice, first and from the cache.
func BenchmarkNew(b *testing.B) {
	for name, dir := range map[string]string{"compile": "", "cached": cache} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				v, err := New(context.Background(), Options{ModelsDir: modelstest.Dir(b), CacheDir: dir})
				if err != nil {
					b.Fatal(err)
				}
				if err := v.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// resident is the resident memory of this process, in bytes.
func resident(b *testing.B) int {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Fatal(err)
	}
	_, after, _ := strings.Cut(string(status), "VmRSS:")
	kib, err := strconv.Atoi(strings.Fields(after)[0])
	if err != nil {
		b.Fatal(err)
	}
	return kib << 10
}

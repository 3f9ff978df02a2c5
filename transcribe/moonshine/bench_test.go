package moonshine_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"sidetone/media"
	"sidetone/transcribe"
	"sidetone/transcribe/enginetest"
)

// BenchmarkDecode is the time from Finalize to the final of speech of which
// nothing was decoded ahead.
func BenchmarkDecode(b *testing.B) {
	var pcm []int16
	for _, clip := range enginetest.LibriVox(b) {
		pcm = append(pcm, clip.At(b, 8000).PCM...)
	}
	for _, seconds := range []int{1, 5, 10} {
		b.Run(fmt.Sprintf("%ds", seconds), func(b *testing.B) {
			c := call(b, 8000)
			for b.Loop() {
				c.Write(pcm[:4000])
				c.Session.Speech(c.At-media.TicksIn(500*time.Millisecond), true)
				c.Write(pcm[4000 : seconds*8000])
				c.Session.Finalize(c.At)
				c.Final()
				c.Session.Speech(c.At, false)
				c.Session.Finalize(c.At)
				c.Final()
			}
			b.ReportMetric(float64(seconds)/(b.Elapsed().Seconds()/float64(b.N)), "x-realtime")
		})
	}
}

// BenchmarkPacedCallers lets callers speak in real time, one sentence after the
// other, and ends each turn 400 ms after its speech. It reports the time from
// the end of speech and from Finalize to the final.
func BenchmarkPacedCallers(b *testing.B) {
	for _, callers := range []int{1, 4} {
		b.Run(fmt.Sprint(callers), func(b *testing.B) {
			for b.Loop() {
				var mu sync.Mutex
				var ended, took []time.Duration
				var all sync.WaitGroup
				for i := range callers {
					c := call(b, 8000)
					all.Go(func() {
						time.Sleep(time.Duration(i) * 217 * time.Millisecond)
						e, k := paced(c, enginetest.LibriVox(b))
						mu.Lock()
						defer mu.Unlock()
						ended, took = append(ended, e...), append(took, k...)
					})
				}
				all.Wait()
				report(b, ended, "end-of-speech-to-final")
				report(b, took, "finalize-to-final")
			}
		})
	}
}

// paced speaks clips at the speed of time.
func paced(c *caller, clips []enginetest.Clip) (ended, took []time.Duration) {
	clock := time.NewTicker(media.FrameDuration)
	defer clock.Stop()
	say := func(f media.Frame) {
		<-clock.C
		c.say(f.PCM)
	}
	for _, clip := range clips {
		for _, f := range enginetest.Frames(clip.At(c.t, c.rate).PCM, c.rate, c.At) {
			say(f)
		}
		var silent media.Tick // how long ago speech ended
		for silent < media.TicksIn(400*time.Millisecond) || c.speech {
			say(media.Frame{PCM: make([]int16, media.FrameSamples(c.rate))})
			silent = c.At - c.ended
		}
		waited := time.Now()
		c.Session.Finalize(c.At)
		e := final(c, say)
		ended = append(ended, silent.Duration()+time.Since(waited))
		took = append(took, e.Took)
	}
	return ended, took
}

// final goes on writing silence until the final is there.
func final(c *caller, say func(media.Frame)) transcribe.Event {
	for {
		select {
		case e := <-c.Session.Events():
			if e.Kind == transcribe.Final {
				return e
			}
		default:
			say(media.Frame{PCM: make([]int16, media.FrameSamples(c.rate))})
		}
	}
}

func report(b *testing.B, d []time.Duration, name string) {
	slices.Sort(d)
	at := func(q float64) float64 { return float64(d[int(q*float64(len(d)-1)+0.5)].Milliseconds()) }
	b.ReportMetric(at(0.5), name+"-p50-ms")
	b.ReportMetric(at(0.95), name+"-p95-ms")
	b.ReportMetric(0, "ns/op")
}

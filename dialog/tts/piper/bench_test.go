package piper

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sidetone/dialog"
	"sidetone/dialog/tts"
	"sidetone/dialog/tts/flite"
	"sidetone/internal/models/modelstest"
	"sidetone/media"
	"sidetone/transcribe/moonshine"
)

// sentences are what agents say, and what is hard to say.
var sentences = strings.Split(strings.TrimSpace(`
Hello, and thank you for calling. How can I help you today?
This call is recorded, and you are talking to a machine.
Could you tell me your full name, please?
Thank you, Anna. What is the number of your order?
I have found your order, and it was sent yesterday afternoon.
It should arrive on Thursday between nine and eleven in the morning.
Would you like me to send you a message when it is on its way?
I am sorry to hear that the package was damaged.
Please describe the damage in a few words.
I will pass this on to a colleague, who will call you back tomorrow.
What is the best time to reach you?
Your appointment is on November twenty-first at half past ten.
The total is one hundred and forty two dollars and fifty cents.
Please bring your passport and a proof of address.
The nearest office is on the corner of Main Street and Second Avenue.
We are open from Monday to Friday, and closed on public holidays.
If you would rather talk to a person, just say so.
Is there anything else that I can do for you?
Let me repeat what I have understood so far.
You would like to cancel the delivery and get your money back.
I can only do that if you have received an e-mail from us.
That is all I needed to know. Have a pleasant evening.
Goodbye, and thank you for your patience.
One moment, please, while I look that up in our system.
`), "\n")

// both are the two built-in voices.
func both(b *testing.B) map[string]dialog.Speaker {
	b.Helper()
	f, err := flite.New(b.Context(), flite.Options{ModelsDir: modelstest.Dir(b)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := f.Close(); err != nil {
			b.Error(err)
		}
	})
	return map[string]dialog.Speaker{"flite": f, "piper": open(b)}
}

// BenchmarkReplies has callers hear one sentence after the other, each begun when
// the last would have been played, as in real calls, and prints the time to the
// first audio, for how long the voice fell silent within a sentence, and the time
// that a second of audio took to make, with all waiting, and of the processors.
func BenchmarkReplies(b *testing.B) {
	for _, calls := range []int{1, 4} {
		for name, voice := range both(b) {
			b.Run(fmt.Sprintf("%s/%d", name, calls), func(b *testing.B) {
				for b.Loop() {
					var mu sync.Mutex
					var first, gaps []time.Duration
					var audio, took time.Duration
					var all sync.WaitGroup
					cpu := cpuTime(b)
					for i := range calls {
						all.Go(func() {
							<-time.After(time.Duration(i) * 317 * time.Millisecond)
							for n := range 12 {
								h := listen(b, voice, sentences[(5*i+n)%len(sentences)])
								mu.Lock()
								first, gaps = append(first, h.first), append(gaps, h.gap)
								audio, took = audio+h.audio, took+h.took
								mu.Unlock()
								<-time.After(h.audio - h.took + 700*time.Millisecond)
							}
						})
					}
					all.Wait()
					cpu = cpuTime(b) - cpu
					slices.Sort(first)
					slices.Sort(gaps)
					b.ReportMetric(ms(first[len(first)/2]), "first-p50-ms")
					b.ReportMetric(ms(first[len(first)*95/100]), "first-p95-ms")
					b.ReportMetric(ms(gaps[len(gaps)*95/100]), "gap-p95-ms")
					b.ReportMetric(cpu.Seconds()/audio.Seconds(), "cpu-s/s")
					b.ReportMetric(took.Seconds()/audio.Seconds(), "rtf")
				}
			})
		}
	}
}

// cpuTime is what this process has taken of the processors. espeak-ng, which takes
// a hundredth of it, counts when it has ended.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// heard is how a sentence came.
type heard struct{ first, audio, took, gap time.Duration }

// listen hears a sentence that is played as it comes.
func listen(b testing.TB, voice dialog.Speaker, text string) heard {
	var h heard
	begin := time.Now()
	for pcm, err := range voice.Speak(context.Background(), text, 8000) {
		if err != nil {
			b.Error(err)
			return h
		}
		h.took = time.Since(begin)
		if h.first == 0 {
			h.first = h.took
		}
		h.gap = max(h.gap, h.took-h.first-h.audio)
		h.audio += time.Duration(len(pcm)) * time.Second / 8000
	}
	return h
}

// BenchmarkIntelligible prints how many words of a hundred the built-in recogniser
// gets wrong of what each voice says, as it is and as a telephone carries it.
func BenchmarkIntelligible(b *testing.B) {
	engine := moonshine.New(moonshine.Options{Dir: modelstest.Dir(b)})
	b.Cleanup(func() {
		if err := engine.Close(); err != nil {
			b.Error(err)
		}
	})
	for name, voice := range both(b) {
		for _, rate := range []int{16000, 8000} {
			b.Run(fmt.Sprintf("%s/%d", name, rate), func(b *testing.B) {
				for b.Loop() {
					wrong, all := 0, 0
					for _, text := range sentences {
						var pcm []int16
						for chunk, err := range voice.Speak(b.Context(), text, rate) {
							if err != nil {
								b.Fatal(err)
							}
							pcm = append(pcm, chunk...)
						}
						if rate == 8000 {
							pcm = media.AppendPCM(nil, media.AppendULaw(nil, pcm))
						}
						said, _, err := engine.Recognise(b.Context(), pcm, rate)
						if err != nil {
							b.Fatal(err)
						}
						want, got := words(text), words(said)
						n := distance(want, got)
						if n > 0 {
							b.Logf("%d wrong: %s | %s", n, text, said)
						}
						wrong, all = wrong+n, all+len(want)
					}
					b.ReportMetric(100*float64(wrong)/float64(all), "%wrong")
				}
			})
		}
	}
}

// words are those of a text as a voice would say them.
func words(text string) []string {
	text = strings.NewReplacer("-", " ", "'", "").Replace(strings.ToLower(tts.Normalize(text)))
	return strings.FieldsFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })
}

// distance is the least number of words to be replaced, left out or put in.
func distance(a, b []string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		before := row[0]
		row[0] = i + 1
		for j, y := range b {
			cost := before
			if x != y {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}

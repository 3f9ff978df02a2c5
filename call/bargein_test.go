package call_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"sidetone/consent"
	"sidetone/internal/models/modelstest"
	"sidetone/internal/sim"
	"sidetone/media"
	"sidetone/transcribe"
)

// chirp is an agent whose voice rises steadily from chirpFrom, by chirpRise a second:
// at each moment one hears how far it has come.
type chirp struct{}

const (
	chirpFrom, chirpRise = 300.0, 30.0 // Hz
	chirpLength          = 100         // seconds
)

func (chirp) Name() string { return "chirp" }
func (chirp) Local() bool  { return true }

func (chirp) Speak(_ context.Context, _ string, rate int) iter.Seq2[[]int16, error] {
	return func(yield func([]int16, error) bool) {
		pcm, phase := make([]int16, chirpLength*rate), 0.0
		for i := range pcm {
			phase += 2 * math.Pi * (chirpFrom + chirpRise*float64(i)/float64(rate)) / float64(rate)
			pcm[i] = int16(6000 * math.Sin(phase))
		}
		for ; len(pcm) > 0; pcm = pcm[min(rate, len(pcm)):] {
			if !yield(pcm[:min(rate, len(pcm))], nil) {
				return
			}
		}
	}
}

// chirpAt is how far into its sentence the agent is in the middle of some audio.
func chirpAt(pcm []int16, rate int) time.Duration {
	crossings := 0
	for i := 1; i < len(pcm); i++ {
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			crossings++
		}
	}
	hz := float64(crossings) * float64(rate) / float64(len(pcm))
	return time.Duration((hz - chirpFrom) / chirpRise * float64(time.Second))
}

// slow is a recogniser whose words come as late as on the machine of the figures:
// in a bubble of virtual time its work takes none.
type slow struct{ transcribe.Engine }

func (s slow) Open(o transcribe.Options) (transcribe.Session, error) {
	session, err := s.Engine.Open(o)
	return &slowSession{Session: session, events: make(chan transcribe.Event, 64)}, err
}

type slowSession struct {
	transcribe.Session
	events chan transcribe.Event
}

func (s *slowSession) Events() <-chan transcribe.Event { return s.events }

func (s *slowSession) Run(ctx context.Context) error {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer close(s.events)
		for e := range s.Session.Events() {
			if e.Kind == transcribe.Partial {
				time.Sleep(decodeFirst + time.Duration((e.To-e.From).Seconds()*float64(decodeSecond)))
			}
			select {
			case s.events <- e:
			case <-ctx.Done():
			}
		}
	}()
	err := s.Session.Run(ctx)
	<-done
	return err
}

// intrusions are what a caller's line carries while the agent speaks, by class.
func intrusions(t *testing.T) map[string][][]int16 {
	t.Helper()
	all := map[string][][]int16{}
	random := rand.New(rand.NewPCG(6, 5))
	for i := range 20 {
		all["coughs"] = append(all["coughs"], cough(random))
		all["music"] = append(all["music"], music(random))
		all["hum"] = append(all["hum"], hum([]float64{50, 60}[i%2], -20-float64(i)/2))
		all["mhm"] = append(all["mhm"], hummed(random))
	}
	for _, voice := range []string{"rms", "slt", "awb", "kal"} {
		said, err := sim.SpeakAll(t.Context(), modelstest.Dir(t), voice, []string{"okay", "yeah", "I see", "right", "yes"})
		if err != nil {
			t.Fatal(err)
		}
		for _, pcm := range said {
			all["listening"] = append(all["listening"], trim8(pcm))
		}
	}
	clips, err := recordings()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{
		"lv0", "lv1", "lv2", "lv3", "lv4", "vm-nonumber", "hello", "agent-alreadyon", "cannot-complete-as-dialed", "demo-nogo", "invalid", "vm-nobox",
		"one-moment-please", "vm-passchanged", "tt-weasels", "queue-holdtime", "conf-getchannel", "please-try-again", "ss-noservice", "vm-mismatch",
	} {
		pcm, err := media.Resample(clips[name], 16000, 8000)
		if err != nil {
			t.Fatal(err)
		}
		all["speech"] = append(all["speech"], pcm)
	}
	return all
}

// trim8 is trim at 8 kHz.
func trim8(pcm []int16) []int16 {
	for len(pcm) > 160 && media.RMS(pcm[:160]) < studio {
		pcm = pcm[80:]
	}
	for len(pcm) > 160 && media.RMS(pcm[len(pcm)-160:]) < studio {
		pcm = pcm[:len(pcm)-80]
	}
	return pcm
}

// cough is one or two bursts of breath through a throat: noise with two
// resonances, that begins at once and fades.
func cough(random *rand.Rand) []int16 {
	var pcm []int16
	for range 1 + random.IntN(2) {
		n := 1200 + random.IntN(1600) // 150 to 350 ms
		low, high := resonance(500+200*random.Float64()), resonance(1400+500*random.Float64())
		for i := range n {
			x := random.NormFloat64() * math.Exp(-4*float64(i)/float64(n)) * math.Min(1, float64(i)/60)
			pcm = append(pcm, int16(max(-32000, min(32000, 2500*(low(x)+high(x))))))
		}
		pcm = append(pcm, make([]int16, 400+random.IntN(800))...)
	}
	return pcm
}

// resonance is a filter of two poles, 200 Hz wide.
func resonance(hz float64) func(float64) float64 {
	r := math.Exp(-math.Pi * 200 / 8000)
	a, b := 2*r*math.Cos(2*math.Pi*hz/8000), -r*r
	var y1, y2 float64
	return func(x float64) float64 {
		y := x + a*y1 + b*y2
		y1, y2 = y, y1
		return y
	}
}

// music is two seconds of a melody over chords, each note with overtones and a
// decay, as on hold.
func music(random *rand.Rand) []int16 {
	pcm := make([]float64, 16000)
	note := func(at, length int, hz, level float64) {
		for i := range length {
			if at+i >= len(pcm) {
				return
			}
			s := float64(i) / 8000
			fade := math.Exp(-2*s) * math.Min(1, float64(i)/80)
			pcm[at+i] += level * fade * (math.Sin(2*math.Pi*hz*s) + 0.4*math.Sin(4*math.Pi*hz*s) + 0.2*math.Sin(6*math.Pi*hz*s))
		}
	}
	root := 130 * math.Pow(2, float64(random.IntN(12))/12)
	scale := []float64{0, 2, 4, 5, 7, 9, 11, 12}
	for beat := range 4 {
		for _, step := range []float64{0, 4, 7} {
			note(beat*4000, 4000, root*math.Pow(2, (step+float64(random.IntN(2)*5))/12), 1500)
		}
		for half := range 2 {
			note(beat*4000+half*2000, 2000, 2*root*math.Pow(2, scale[random.IntN(len(scale))]/12), 2500)
		}
	}
	out := make([]int16, len(pcm))
	for i, x := range pcm {
		out[i] = int16(max(-32000, min(32000, x)))
	}
	return out
}

// hum is two seconds of the mains, with overtones.
func hum(hz, dBFS float64) []int16 {
	pcm := media.Tone(8000, hz, 2*time.Second, dBFS)
	for k := 2; k <= 6; k++ {
		for i, x := range media.Tone(8000, float64(k)*hz, 2*time.Second, dBFS-4*float64(k)) {
			pcm[i] += x
		}
	}
	return pcm
}

// hummed is a voice with its mouth shut: a pitch that falls and rises, through
// the resonances of a nose, in two parts or one.
func hummed(random *rand.Rand) []int16 {
	var pcm []int16
	pitch := 90 + 120*random.Float64()
	low, high := resonance(250), resonance(1100)
	phase := 0.0
	for part := range 1 + random.IntN(2) {
		n := 1400 + random.IntN(1400) // 175 to 350 ms
		for i := range n {
			s := float64(i) / float64(n)
			phase += pitch * (1 + 0.15*float64(part) + 0.1*s) / 8000
			pulse := 0.0
			if phase >= 1 {
				phase, pulse = phase-1, 1
			}
			x := pulse * math.Sin(math.Pi*s)
			pcm = append(pcm, int16(max(-32000, min(32000, 5000*low(x)+800*high(x)))))
		}
		pcm = append(pcm, make([]int16, 320)...)
	}
	return pcm
}

// interrupted is what a class of sounds has done to an agent that spoke.
type interrupted struct {
	sounds, holds, commits int
	stopped                sim.Distribution // from the first sound to the far end's silence
	held                   sim.Distribution // of those that were none
	repeated               sim.Distribution // what the agent said again after those
	heard                  []string
}

func (i *interrupted) String() string {
	return fmt.Sprintf("%2d sounds: %2d holds, %2d commits; silent after p50 %3d p95 %3d ms; held p50 %3d max %3d ms; said again max %3d ms",
		i.sounds, i.holds, i.commits, i.stopped.Quantile(0.5).Milliseconds(), i.stopped.Quantile(0.95).Milliseconds(),
		i.held.Quantile(0.5).Milliseconds(), i.held.Max().Milliseconds(), i.repeated.Max().Milliseconds())
}

// bargeIn plays sounds into an agent that speaks, one in so long.
func bargeIn(t *testing.T, e *hearers, some [][]int16, every time.Duration) *interrupted {
	result := &interrupted{sounds: len(some)}
	bubble(t, func(t *testing.T) {
		each := make([]string, 2*len(some)+2)
		for i := range each {
			each[i] = "on and on"
		}
		g := newGateway(t, options{mode: consent.NoticeMode, message: notice(), speaker: chirp{}, hears: slow{e.engine},
			replier: &replies{each: each}, voices: e.vad.NewDetector})
		call := g.dial()
		const first = 6 * time.Second
		for i, pcm := range some {
			// Off the frames' beat, and from one to the next.
			if err := call.WaitUntil(t.Context(), media.TicksIn(first+time.Duration(i)*(every+7*time.Millisecond))); err != nil {
				t.Fatal(err)
			}
			call.Say(pcm)
		}
		if err := call.WaitUntil(t.Context(), media.TicksIn(first+time.Duration(len(some))*(every+7*time.Millisecond))); err != nil {
			t.Fatal(err)
		}
		call.Hangup()
		report, _ := g.end(call)
		result.take(report, g.recording().turns)
	})
	return result
}

// take measures at the far end.
func (i *interrupted) take(report sim.Report, turns []transcribe.Turn) {
	for _, turn := range report.Turns {
		if turn.Clear >= 0 && turn.Clear < turn.To+media.TickRate {
			i.stopped.Add((turn.Clear - turn.From).Duration())
		}
	}
	for _, c := range report.Clears {
		i.holds++
		for _, s := range report.Agent {
			if s.From <= c.At || s.To-s.From < media.TickRate/4 {
				continue
			}
			at := func(from media.Tick) time.Duration {
				return chirpAt(report.Heard[from.Sample(8000):(from+media.TickRate/5).Sample(8000)], 8000)
			}
			before, after := at(c.At-media.TickRate*22/100)+120*time.Millisecond, at(s.From+media.TickRate/50)-120*time.Millisecond
			if after < time.Second/2 && before > time.Second {
				i.commits++ // another sentence, from its beginning
				break
			}
			i.held.Add((s.From - c.At).Duration())
			i.repeated.Add(max(0, before-after))
			break
		}
	}
	for _, t := range turns {
		if t.Speaker == transcribe.Caller {
			i.heard = append(i.heard, t.Text)
		}
	}
}

// TestBargeIn holds the promises of an interruption against a few sounds of each class.
func TestBargeIn(t *testing.T) { interruptions(t, 4) }

// BenchmarkBargeIn prints how soon the agent falls silent for a person, and what sounds
// do that are no interruption.
func BenchmarkBargeIn(b *testing.B) {
	for b.Loop() {
		// Virtual time is to be had in tests alone.
		all := testing.InternalTest{Name: "BargeIn", F: func(t *testing.T) { interruptions(t, 20) }}
		if !testing.RunTests(func(string, string) (bool, error) { return true, nil }, []testing.InternalTest{all}) {
			b.Fail()
		}
	}
}

// interruptions lets people interrupt an agent, and then sounds that are no
// interruption: in all, two in a hundred may be taken for one. Words that only show
// that somebody listens are counted apart, since a machine says them here, of which
// the recogniser understands some wrong. The agent's own echo is in
// TestOwnEchoDoesNotInterrupt, and never holds it.
func interruptions(t *testing.T, most int) {
	e := listening(t)
	all := intrusions(t)
	none, commits := 0, 0
	for _, class := range []string{"speech", "coughs", "music", "hum", "mhm", "listening"} {
		every := 4 * time.Second
		if class == "speech" {
			every = 13 * time.Second
		}
		i := bargeIn(t, e, all[class][:min(most, len(all[class]))], every)
		fmt.Printf("%-9s %v\n", class, i)
		if class == "speech" {
			if i.commits < i.sounds {
				t.Errorf("%s: %v: a person is not let speak: %q", class, i, i.heard)
			}
			if p95 := i.stopped.Quantile(0.95); p95 > 300*time.Millisecond {
				t.Errorf("%s: the agent falls silent after %v, want 300 ms", class, p95)
			}
			continue
		}
		if class != "listening" {
			none, commits = none+i.sounds, commits+i.commits
		} else if 20*i.commits > i.sounds {
			t.Errorf("%s: %v, want one in twenty: words were heard: %q", class, i, i.heard)
		}
		longest := 620 * time.Millisecond
		if class == "listening" {
			longest = 920 * time.Millisecond // the agent does not speak on while words are said that it does not know
		}
		if i.held.Max() > longest || i.repeated.Max() > 600*time.Millisecond {
			t.Errorf("%s: %v, want holds of %v, and no more than two words again", class, i, longest)
		}
	}
	fmt.Printf("%d of %d sounds that are no interruption were taken for one\n", commits, none)
	if commits*50 > none {
		t.Errorf("%d of %d, want at most 2 %%", commits, none)
	}
}
